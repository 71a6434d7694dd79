//! Keys with values, each on its own.

use serde_json::Value as Json;

use super::super::model::{Asks, Effect, Model};
use super::super::value::{Value, Values};
use super::register::Action;
use super::{Asked, UNKNOWN, Vocabulary, WRONG_ARGUMENT};

/// The model `kv`; an absent key holds null.
pub(crate) struct Kv {
    init: Value,
    values: Values,
}

/// What is done to one key.
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct KeyOp {
    key: usize,
    action: KeyAction,
}

#[derive(PartialEq, Eq, Hash)]
enum KeyAction {
    Plain(Action),
    /// Adds to a number; null counts as 0. On anything else, or beyond 64 bits, it does nothing.
    Incr {
        delta: i64,
        sum: Option<i64>,
    },
}

impl Model for Kv {
    type State = Value;
    type Op = KeyOp;
    type Part = usize;

    fn part(&self, op: &KeyOp) -> usize {
        op.key
    }

    fn init(&self) -> Value {
        self.init
    }

    fn step(&self, state: &Value, op: &KeyOp) -> Option<Value> {
        match op.action {
            KeyAction::Plain(ref action) => action.step(*state),
            KeyAction::Incr { delta, sum: answer } => {
                let sum = match *state {
                    Value::Null => Some(delta),
                    Value::Int(int) => int.checked_add(delta),
                    Value::Named(_) => None,
                };
                let fits = answer.is_none() || answer == sum;
                fits.then_some(sum.map_or(*state, Value::Int))
            }
        }
    }

    fn effect(&self, op: &KeyOp) -> Effect<Value> {
        match op.action {
            KeyAction::Plain(ref action) => action.effect(),
            KeyAction::Incr { sum: Some(sum), .. } => Effect::Sets(Value::Int(sum)),
            KeyAction::Incr { sum: None, .. } => Effect::Any,
        }
    }

    fn asks(&self, op: &KeyOp) -> Asks<Value> {
        match op.action {
            KeyAction::Plain(ref action) => action.asks(),
            KeyAction::Incr { delta, sum: Some(sum) } => match sum.checked_sub(delta) {
                // It may have been null.
                None | Some(0) => Asks::Anything,
                Some(before) => Asks::For(Value::Int(before)),
            },
            KeyAction::Incr { sum: None, .. } => Asks::Anything,
        }
    }
}

impl Vocabulary for Kv {
    fn from_init(init: &Json) -> Option<Self> {
        let mut values = Values::default();
        Some(Self { init: values.value(init), values })
    }

    fn read(&mut self, asked: &Asked<'_>) -> Result<Option<KeyOp>, &'static str> {
        let values = &mut self.values;
        let action = match asked.function {
            "get" => {
                KeyAction::Plain(Action::Read(asked.answer(|answer| Some(values.value(answer)))?))
            }
            "put" => KeyAction::Plain(Action::Write(values.value(asked.argument()?))),
            "delete" => KeyAction::Plain(Action::Write(Value::Null)),
            "cas" => KeyAction::Plain(Action::read_cas(values, asked)?),
            "incr" => KeyAction::Incr {
                delta: asked.argument()?.as_i64().ok_or(WRONG_ARGUMENT)?,
                sum: asked.answer(Json::as_i64)?,
            },
            // It speaks of many keys at once, and promises less than this checker asks for.
            "list" => return Ok(None),
            _ => return Err(UNKNOWN),
        };
        Ok(Some(KeyOp { key: values.number(asked.key()?.to_owned()), action }))
    }
}
