//! A checker too simple to be wrong: models on plain JSON, and a search without any cleverness.

use quorate_io_sim::history::{Call, History, ModelName, Operation, Outcome};
use serde_json::{Value, json};

/// Is there an order of some operations, with all that answered up to `at`, that explains them?
/// Tries every order of every choice.
pub(crate) fn gets_past(history: &History, at: u64) -> bool {
    let operations: Vec<_> = history
        .operations
        .iter()
        .filter(|operation| !matches!(operation.outcome, Outcome::Failed { .. }))
        .collect();
    let mut keys: Vec<_> = operations.iter().map(|operation| &operation.call.key).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter().all(|key| {
        let part = operations.iter().copied().filter(|operation| operation.call.key == *key);
        continues(history.model, &part.collect::<Vec<_>>(), &history.init, at)
    })
}

/// Is `order` one that explains its operations?
pub(crate) fn explains(history: &History, order: &[usize]) -> bool {
    let mut state = history.init.clone();
    let mut invoked_last = 0;
    let mut seen = vec![false; history.operations.len()];
    order.iter().all(|&index| {
        let operation = &history.operations[index];
        let again = std::mem::replace(&mut seen[index], true);
        invoked_last = invoked_last.max(operation.invoked);
        match step(history.model, &state, &operation.call, &operation.outcome) {
            Some(after) => state = after,
            None => return false,
        }
        !again && returned(operation) > invoked_last
    })
}

/// When it answered; the end of time, if never.
pub(crate) fn returned(operation: &Operation) -> u64 {
    match operation.outcome {
        Outcome::Ok { at, .. } => at,
        Outcome::Failed { .. } | Outcome::Unknown { .. } => u64::MAX,
    }
}

fn continues(model: ModelName, left: &[&Operation], state: &Value, at: u64) -> bool {
    let first_return = left.iter().map(|operation| returned(operation)).min().unwrap_or(u64::MAX);
    first_return > at
        || left.iter().enumerate().any(|(place, next)| {
            let Some(after) = step(model, state, &next.call, &next.outcome) else { return false };
            let rest = [&left[..place], &left[place + 1..]].concat();
            next.invoked < first_return && continues(model, &rest, &after, at)
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
        // A lock that is not free is waited for.
        Outcome::Unknown { .. } => answer.map(|_| after),
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
pub(crate) fn apply(
    model: ModelName,
    state: &Value,
    call: &Call,
) -> (Value, Option<Option<Value>>) {
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
