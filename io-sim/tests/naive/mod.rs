//! A checker too simple to be wrong, and histories small enough for it.

use proptest::prelude::*;
use quorate_io_sim::history::{Call, History, ModelName, Operation, Outcome, Recorder};
use serde_json::{Value, json};

/// Tries every order of every choice of operations.
pub fn is_linearizable(history: &History) -> bool {
    let operations: Vec<_> = history
        .operations
        .iter()
        .filter(|operation| !matches!(operation.outcome, Outcome::Failed { .. }))
        .collect();
    let mut keys: Vec<_> = operations.iter().map(|operation| &operation.call.key).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter().all(|key| {
        let left = operations.iter().copied().filter(|operation| operation.call.key == *key);
        continues(history.model, &left.collect::<Vec<_>>(), &history.init)
    })
}

/// Is `order`, a permutation of some of the operations, one that explains the history?
pub fn explains(history: &History, order: &[usize]) -> bool {
    let operations = &history.operations;
    let Some(init) = order.iter().try_fold(history.init.clone(), |state, &index| {
        let Operation { call, outcome, .. } = &operations[index];
        step(history.model, &state, call, outcome)
    }) else {
        return false;
    };
    drop(init);
    order.iter().enumerate().all(|(at, &later)| {
        order[..at].iter().all(|&earlier| {
            earlier != later && returned(&operations[later]) > operations[earlier].invoked
        })
    })
}

/// When it answered; the end of time, if never.
pub fn returned(operation: &Operation) -> u64 {
    match operation.outcome {
        Outcome::Ok { at, .. } => at,
        _ => u64::MAX,
    }
}

fn continues(model: ModelName, left: &[&Operation], state: &Value) -> bool {
    let first_return = left.iter().map(|operation| returned(operation)).min().unwrap_or(u64::MAX);
    first_return == u64::MAX
        || left.iter().enumerate().any(|(at, next)| {
            let Some(after) = step(model, state, &next.call, &next.outcome) else { return false };
            let rest = [&left[..at], &left[at + 1..]].concat();
            next.invoked < first_return && continues(model, &rest, &after)
        })
}

/// The state after a call, if the outcome fits.
fn step(model: ModelName, state: &Value, call: &Call, outcome: &Outcome) -> Option<Value> {
    let (after, answer) = apply(model, state, call);
    match outcome {
        Outcome::Ok { answer: given, .. } => {
            let fits = match (model, given, answer?) {
                (ModelName::MultiRegister, Some(given), Some(answer)) => fits_txn(given, &answer),
                (ModelName::Set, Some(given), Some(answer)) => sorted(given) == sorted(&answer),
                (_, given, answer) => *given == answer,
            };
            fits.then_some(after)
        }
        Outcome::Unknown { .. } => {
            // A lock that is not free is waited for.
            answer.map(|_| after)
        }
        Outcome::Failed { .. } => None,
    }
}

fn fits_txn(given: &Value, answer: &Value) -> bool {
    let (given, answer) = (given.as_array().unwrap(), answer.as_array().unwrap());
    given.iter().zip(answer).all(|(given, answer)| given == answer || given[2].is_null())
}

fn sorted(list: &Value) -> Vec<i64> {
    let mut list: Vec<_> = list.as_array().unwrap().iter().map(|v| v.as_i64().unwrap()).collect();
    list.sort_unstable();
    list
}

/// The state after a call and its answer; no answer if it cannot be done.
#[allow(clippy::type_complexity)]
fn apply(model: ModelName, state: &Value, call: &Call) -> (Value, Option<Option<Value>>) {
    let same = || state.clone();
    let argument = || call.argument.clone().unwrap();
    match (call.function.as_str(), model) {
        ("read" | "get", _) => (same(), Some(Some(same()))),
        ("write" | "put", _) => (argument(), Some(None)),
        ("delete", _) => (Value::Null, Some(None)),
        ("cas", _) if argument()[0] == *state => (argument()[1].clone(), Some(Some(json!(true)))),
        ("cas", _) => (same(), Some(Some(json!(false)))),
        ("incr", _) | ("add", ModelName::Counter) => {
            let sum = json!(state.as_i64().unwrap_or(0) + argument().as_i64().unwrap());
            (sum.clone(), Some(Some(sum)))
        }
        ("append", ModelName::KvAppend) => {
            let text = format!("{}{}", state.as_str().unwrap(), argument().as_str().unwrap());
            (json!(text), Some(None))
        }
        ("append", _) => {
            let list = extended(state, argument());
            let position = json!(list.as_array().unwrap().len());
            (list, Some(Some(position)))
        }
        ("add", _) if state.as_array().unwrap().contains(&argument()) => (same(), Some(None)),
        ("add" | "enqueue", _) => (extended(state, argument()), Some(None)),
        ("dequeue", _) => {
            let mut list = state.as_array().unwrap().clone();
            let first = if list.is_empty() { Value::Null } else { list.remove(0) };
            (json!(list), Some(Some(first)))
        }
        ("acquire", _) => (json!(true), (*state == json!(false)).then_some(None)),
        ("release", _) => (json!(false), (*state == json!(true)).then_some(None)),
        ("txn", _) => {
            let (mut state, mut answer) = (state.clone(), argument());
            for access in answer.as_array_mut().unwrap() {
                let name = access[1].as_str().unwrap().to_owned();
                match access[0].as_str() {
                    Some("r") => access[2] = state[name].clone(),
                    _ => state[name] = access[2].clone(),
                }
            }
            (state, Some(Some(answer)))
        }
        (other, _) => panic!("{model} has no {other}"),
    }
}

fn extended(list: &Value, item: Value) -> Value {
    let mut list = list.as_array().unwrap().clone();
    list.push(item);
    json!(list)
}

/// Histories of `model`, some linearizable, some not, with many operations that never answered.
pub fn histories(model: ModelName) -> impl Strategy<Value = History> {
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
        let (after, answer) = apply(model, state, &call);
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
        "append" | "put" if model == ModelName::KvAppend => call.argument(["a", "b", "ab"][usize::from(first)]),
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
    if luck % 6 != 0 {
        return answer;
    }
    match answer {
        Value::Bool(yes) => json!(!yes),
        Value::Null | Value::Number(_) => json!(by % 3),
        Value::String(text) => json!(format!("{text}a")),
        Value::Array(mut list) => {
            match list.last_mut() {
                Some(Value::Array(access)) if access[0] == "r" => access[2] = json!(by % 3),
                Some(Value::Array(_)) | None => {}
                Some(_) if by % 2 == 0 => list.reverse(),
                Some(_) => drop(list.pop()),
            }
            json!(list)
        }
        other => other,
    }
}
