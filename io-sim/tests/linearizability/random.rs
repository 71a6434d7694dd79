//! Small histories drawn at random, judged by trying everything.

use proptest::prelude::*;
use quorate_io_sim::history::{Call, History, ModelName, Outcome, Recorder};
use quorate_io_sim::linearizability::{Budget, Verdict, Word, check, check_file};
use serde_json::{Value, json};

use crate::naive;

macro_rules! agrees {
    ($($name:ident: $model:ident),* $(,)?) => {
        proptest! {
            #![proptest_config(cases(20_000))]
            $(#[test]
            fn $name(history in histories(ModelName::$model)) {
                agrees(&history)?;
            })*
        }
    };
}

agrees! {
    a_register_is_judged_as_by_trying_everything: CasRegister,
    a_kv_is_judged_as_by_trying_everything: Kv,
    a_kv_append_is_judged_as_by_trying_everything: KvAppend,
    a_multi_register_is_judged_as_by_trying_everything: MultiRegister,
    a_mutex_is_judged_as_by_trying_everything: Mutex,
    a_queue_is_judged_as_by_trying_everything: Queue,
    a_log_is_judged_as_by_trying_everything: Log,
    a_counter_is_judged_as_by_trying_everything: Counter,
    a_set_is_judged_as_by_trying_everything: Set,
}

proptest! {
    #![proptest_config(cases(2000))]
    #[test]
    fn a_mangled_history_is_judged_or_refused(
        model in prop::sample::select(MODELS.to_vec()),
        history in prop::sample::select(MODELS.to_vec()).prop_flat_map(histories),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut file = Vec::new();
        // What one model says, to another.
        History { model, ..history }.write_to(&mut file).unwrap();
        for (at, byte) in cuts {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if let Ok(report) = check_file(&file[..], Budget::new()) {
            prop_assert_ne!(report.verdict, Word::Undecided);
        }
    }
}

/// A failure prints the whole history: nothing needs to be kept in a file.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

const MODELS: [ModelName; 9] = [
    ModelName::CasRegister,
    ModelName::Kv,
    ModelName::KvAppend,
    ModelName::MultiRegister,
    ModelName::Mutex,
    ModelName::Queue,
    ModelName::Log,
    ModelName::Counter,
    ModelName::Set,
];

fn agrees(history: &History) -> Result<(), TestCaseError> {
    let outcome = check(history, Budget::new()).unwrap();
    prop_assert_eq!(&outcome, &check(history, Budget::new()).unwrap(), "not twice the same");
    let right = naive::gets_past(history, u64::MAX - 1);
    let operations = &history.operations;
    match outcome.verdict {
        Verdict::Linearizable(orders) => {
            prop_assert!(right, "there is no order");
            for order in &orders {
                prop_assert!(naive::explains(history, &order.operations), "not an order");
            }
            let placed: Vec<_> = orders.into_iter().flat_map(|order| order.operations).collect();
            let answered = |&at: &usize| matches!(operations[at].outcome, Outcome::Ok { .. });
            let mut answered = (0..operations.len()).filter(answered);
            prop_assert!(answered.all(|at| placed.contains(&at)), "not all placed");
        }
        Verdict::Violation(violation) => {
            prop_assert!(!right, "there is an order");
            let hasty = Budget { picture_steps_max: 0, ..Budget::new() };
            let Verdict::Violation(sketch) = check(history, hasty).unwrap().verdict else {
                return Err(TestCaseError::fail("the picture decides"));
            };
            let past = naive::returned(&operations[sketch.culprit]);
            prop_assert!(!naive::gets_past(history, past), "an order gets past the culprit");
            prop_assert!(naive::explains(history, &sketch.prefix), "not an order");
            let past = naive::returned(&operations[violation.culprit]);
            prop_assert!(!naive::gets_past(history, past), "an order gets past the culprit");
            prop_assert!(naive::explains(history, &violation.prefix), "not an order");
            prop_assert!(!violation.unplaced.is_empty());
        }
        Verdict::Undecided(why) => prop_assert!(false, "{}", why),
    }
    Ok(())
}

/// Histories of `model`, some linearizable, some not, with many operations that never answered.
fn histories(model: ModelName) -> impl Strategy<Value = History> {
    let event = (0..4_usize, any::<[u8; 4]>());
    prop::collection::vec(event, 2..16).prop_map(move |events| history(model, &events))
}

fn history(model: ModelName, events: &[(usize, [u8; 4])]) -> History {
    let init = match model {
        ModelName::CasRegister | ModelName::Kv => Value::Null,
        ModelName::KvAppend => json!(""),
        ModelName::MultiRegister => json!({"x": 0, "y": 0}),
        ModelName::Mutex => json!(false),
        ModelName::Counter => json!(0),
        ModelName::Queue | ModelName::Log | ModelName::Set => json!([]),
    };
    let mut recorder = Recorder::new(model, init.clone());
    // What the object would hold if each operation took effect as it ended.
    let mut states = [init.clone(), init];
    let mut processes = [0, 1, 2, 3];
    for &(client, [kind, first, second, luck]) in events {
        let process = processes[client];
        let Some(call) = recorder.waits_for(process).cloned() else {
            recorder.invoke(process, call(model, kind, first % 3, second % 3)).unwrap();
            continue;
        };
        let state = &mut states[usize::from(call.key.as_deref() == Some("b"))];
        let (after, answer) = naive::apply(model, state, &call);
        let effect = luck % 2 == 0;
        match (kind % 8, answer) {
            (0, _) => recorder.fail(process).unwrap(),
            (1..=3, answer) => {
                processes[client] += 4;
                recorder.info(process).unwrap();
                if effect && answer.is_some() {
                    *state = after;
                }
            }
            (_, None) if luck % 4 == 0 => recorder.ok(process, None).unwrap(),
            // The lock is not free: it goes on waiting.
            (_, None) => {}
            (_, Some(answer)) => {
                *state = after;
                recorder.ok(process, answer.map(|answer| bent(answer, first, luck))).unwrap();
            }
        }
    }
    recorder.finish()
}

fn call(model: ModelName, kind: u8, first: u8, second: u8) -> Call {
    let kind = usize::from(kind);
    let pick = |functions: &[&str]| Call::new(functions[kind % functions.len()]);
    let call = match model {
        ModelName::CasRegister => pick(&["read", "read", "write", "cas"]),
        ModelName::Kv => pick(&["get", "get", "put", "delete", "cas", "incr"]),
        ModelName::KvAppend => pick(&["get", "append", "append", "put"]),
        ModelName::MultiRegister => pick(&["txn"]),
        ModelName::Mutex => pick(&["acquire", "release"]),
        ModelName::Queue => pick(&["enqueue", "dequeue"]),
        ModelName::Log => pick(&["append", "append", "read"]),
        ModelName::Counter => pick(&["add", "add", "read"]),
        ModelName::Set => pick(&["add", "add", "read"]),
    };
    let call = match call.function.as_str() {
        "write" | "add" | "enqueue" | "incr" => call.argument(first),
        "append" | "put" if model == ModelName::KvAppend => {
            call.argument(["a", "b", "ab"][usize::from(first)])
        }
        "append" | "put" => call.argument(first),
        "cas" => call.argument(json!([first, second])),
        "txn" => {
            let access = |kind, name, value: u8| match kind {
                0 => json!(["r", name, null]),
                _ => json!(["w", name, value]),
            };
            let txn = [access(kind % 2, "x", first), access(kind / 2 % 2, "y", second)];
            call.argument(json!(txn[..1 + kind / 4 % 2]))
        }
        _ => call,
    };
    match model {
        ModelName::Kv | ModelName::KvAppend => call.key(["a", "b"][usize::from(second) % 2]),
        _ => call,
    }
}

/// An answer that is wrong now and then.
fn bent(answer: Value, by: u8, luck: u8) -> Value {
    if !luck.is_multiple_of(3) {
        return answer;
    }
    match answer {
        Value::Bool(yes) => json!(!yes),
        Value::Null | Value::Number(_) => json!(by % 3),
        Value::String(text) => json!(format!("{text}a")),
        Value::Array(mut list) => {
            match list.last_mut() {
                // What was read is not told.
                Some(Value::Array(access)) if access[0] == "r" && by < 60 => {
                    access[2] = json!(null)
                }
                Some(Value::Array(access)) if access[0] == "r" => access[2] = json!(by % 3),
                Some(Value::Array(_)) | None => {}
                Some(_) if by.is_multiple_of(2) => list.reverse(),
                Some(_) => drop(list.pop()),
            }
            json!(list)
        }
        other => other,
    }
}
