//! First in, first out.

use std::collections::VecDeque;

use serde_json::Value as Json;

use super::super::model::{Effect, Model};
use super::super::value::{Value, Values};
use super::{Asked, UNKNOWN, Vocabulary, WRONG_ARGUMENT};

/// The model `queue`. It never holds null: that is the answer of the empty one.
pub(crate) struct Queue {
    init: VecDeque<Value>,
    values: Values,
}

/// What is done to the queue.
#[derive(PartialEq, Eq, Hash)]
pub(crate) enum QueueOp {
    Enqueue(Value),
    /// With the answer: null from an empty queue.
    Dequeue(Option<Value>),
}

impl Model for Queue {
    type State = VecDeque<Value>;
    type Op = QueueOp;
    type Part = ();

    fn part(&self, _: &QueueOp) {}

    fn init(&self) -> VecDeque<Value> {
        self.init.clone()
    }

    fn step(&self, state: &VecDeque<Value>, op: &QueueOp) -> Option<VecDeque<Value>> {
        match *op {
            QueueOp::Enqueue(value) => {
                let mut after = VecDeque::with_capacity(state.len() + 1);
                after.extend(state);
                after.push_back(value);
                Some(after)
            }
            QueueOp::Dequeue(answer) => {
                let first = state.front().copied().unwrap_or(Value::Null);
                let fits = answer.is_none_or(|answer| answer == first);
                fits.then(|| state.iter().skip(1).copied().collect())
            }
        }
    }

    fn effect(&self, op: &QueueOp) -> Effect<VecDeque<Value>> {
        match op {
            QueueOp::Dequeue(Some(Value::Null)) => Effect::Observes,
            QueueOp::Dequeue(_) | QueueOp::Enqueue(_) => Effect::Any,
        }
    }

    fn heap_bytes(&self, state: &VecDeque<Value>) -> usize {
        state.capacity() * size_of::<Value>()
    }
}

impl Vocabulary for Queue {
    fn from_init(init: &Json) -> Option<Self> {
        let mut values = Values::default();
        let init = values.list(init.as_array()?);
        (!init.contains(&Value::Null)).then(|| Self { init: init.into(), values })
    }

    fn read(&mut self, asked: &Asked<'_>) -> Result<Option<QueueOp>, &'static str> {
        let values = &mut self.values;
        Ok(Some(match asked.function {
            "enqueue" => match values.value(asked.argument()?) {
                Value::Null => return Err(WRONG_ARGUMENT),
                value => QueueOp::Enqueue(value),
            },
            "dequeue" => QueueOp::Dequeue(asked.answer(|answer| Some(values.value(answer)))?),
            _ => return Err(UNKNOWN),
        }))
    }
}
