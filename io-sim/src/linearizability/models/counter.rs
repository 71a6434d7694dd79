//! A sum.

use serde_json::Value as Json;

use super::super::model::{Asks, Effect, Model};
use super::{Asked, UNKNOWN, Vocabulary, WRONG_ARGUMENT};

/// The model `counter`.
pub(crate) struct Counter {
    init: i64,
}

/// What is done to the sum.
#[derive(PartialEq, Eq, Hash)]
pub(crate) enum CounterOp {
    /// With the answer.
    Read(Option<i64>),
    /// With the sum that it answered. Beyond 64 bits it does nothing, and answers nothing.
    Add(i64, Option<i64>),
}

impl Model for Counter {
    type State = i64;
    type Op = CounterOp;
    type Part = ();

    fn part(&self, _: &CounterOp) {}

    fn init(&self) -> i64 {
        self.init
    }

    fn step(&self, &state: &i64, op: &CounterOp) -> Option<i64> {
        match *op {
            CounterOp::Read(answer) => answer.is_none_or(|sum| sum == state).then_some(state),
            CounterOp::Add(delta, None) => Some(state.checked_add(delta).unwrap_or(state)),
            CounterOp::Add(delta, answer) => answer.filter(|_| state.checked_add(delta) == answer),
        }
    }

    fn effect(&self, op: &CounterOp) -> Effect<i64> {
        match *op {
            CounterOp::Read(_) => Effect::Observes,
            CounterOp::Add(_, Some(sum)) => Effect::Sets(sum),
            CounterOp::Add(_, None) => Effect::Any,
        }
    }

    fn asks(&self, op: &CounterOp) -> Asks<i64> {
        let before = match *op {
            CounterOp::Read(answer) => answer,
            CounterOp::Add(delta, answer) => answer.and_then(|sum| sum.checked_sub(delta)),
        };
        before.map_or(Asks::Anything, Asks::For)
    }
}

impl Vocabulary for Counter {
    fn from_init(init: &Json) -> Option<Self> {
        Some(Self { init: init.as_i64()? })
    }

    fn read(&mut self, asked: &Asked<'_>) -> Result<Option<CounterOp>, &'static str> {
        Ok(Some(match asked.function {
            "read" => CounterOp::Read(asked.answer(Json::as_i64)?),
            "add" => {
                let delta = asked.argument()?.as_i64().ok_or(WRONG_ARGUMENT)?;
                CounterOp::Add(delta, asked.answer(Json::as_i64)?)
            }
            _ => return Err(UNKNOWN),
        }))
    }
}
