//! One value, with compare-and-swap.

use serde_json::Value as Json;

use super::super::model::{Asks, Effect, Model};
use super::super::value::{Value, Values};
use super::{Asked, UNKNOWN, Vocabulary};

/// The model `cas-register`.
pub(crate) struct Register {
    init: Value,
    values: Values,
}

/// What is done to one value.
#[derive(PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// With the answer.
    Read(Option<Value>),
    Write(Value),
    Cas {
        from: Value,
        to: Value,
        wrote: Option<bool>,
    },
}

impl Action {
    pub(super) fn step(&self, state: Value) -> Option<Value> {
        match *self {
            Self::Read(answer) => answer.is_none_or(|answer| answer == state).then_some(state),
            Self::Write(value) => Some(value),
            Self::Cas { from, to, wrote } => {
                let writes = from == state;
                let fits = wrote.is_none_or(|wrote| wrote == writes);
                fits.then_some(if writes { to } else { state })
            }
        }
    }

    pub(super) const fn effect(&self) -> Effect<Value> {
        match *self {
            Self::Read(_) | Self::Cas { wrote: Some(false), .. } => Effect::Observes,
            Self::Write(to) | Self::Cas { to, .. } => Effect::Sets(to),
        }
    }

    pub(super) const fn asks(&self) -> Asks<Value> {
        match *self {
            Self::Read(None) | Self::Write(_) => Asks::Nothing,
            Self::Read(Some(value)) | Self::Cas { from: value, wrote: Some(true), .. } => {
                Asks::For(value)
            }
            Self::Cas { from, .. } => Asks::Whether(from),
        }
    }

    pub(super) fn read_cas(values: &mut Values, asked: &Asked<'_>) -> Result<Self, &'static str> {
        let [from, to] = asked.pair()?.map(|json| values.value(json));
        Ok(Self::Cas { from, to, wrote: asked.answer(Json::as_bool)? })
    }
}

impl Model for Register {
    type State = Value;
    type Op = Action;
    type Part = ();

    fn part(&self, _: &Action) {}

    fn init(&self) -> Value {
        self.init
    }

    fn step(&self, state: &Value, op: &Action) -> Option<Value> {
        op.step(*state)
    }

    fn effect(&self, op: &Action) -> Effect<Value> {
        op.effect()
    }

    fn asks(&self, op: &Action) -> Asks<Value> {
        op.asks()
    }
}

impl Vocabulary for Register {
    fn from_init(init: &Json) -> Option<Self> {
        let mut values = Values::default();
        Some(Self { init: values.value(init), values })
    }

    fn read(&mut self, asked: &Asked<'_>) -> Result<Option<Action>, &'static str> {
        let values = &mut self.values;
        Ok(Some(match asked.function {
            "read" => Action::Read(asked.answer(|answer| Some(values.value(answer)))?),
            "write" => Action::Write(values.value(asked.argument()?)),
            "cas" => Action::read_cas(values, asked)?,
            _ => return Err(UNKNOWN),
        }))
    }
}
