//! A list that only grows.

use std::cell::RefCell;

use serde_json::Value as Json;

use super::super::model::{Asks, Effect, Model};
use super::super::tree::Tree;
use super::super::value::{Value, Values};
use super::{Asked, UNKNOWN, Vocabulary};

/// The model `log`. A list is a node of a tree of values.
pub(crate) struct Log {
    init: usize,
    lists: RefCell<Tree<Value>>,
    values: Values,
}

/// What is done to the list.
#[derive(PartialEq, Eq, Hash)]
pub(crate) enum LogOp {
    /// With the answer.
    Read(Option<usize>),
    /// With the position that it answered, from 1.
    Append(Value, Option<u64>),
}

impl Log {
    fn list(&mut self, json: &Json) -> Option<usize> {
        let list = self.values.list(json.as_array()?);
        Some(self.lists.get_mut().extend(Tree::<Value>::ROOT, list))
    }
}

impl Model for Log {
    type State = usize;
    type Op = LogOp;
    type Part = ();

    fn part(&self, _: &LogOp) {}

    fn init(&self) -> usize {
        self.init
    }

    fn step(&self, &state: &usize, op: &LogOp) -> Option<usize> {
        match *op {
            LogOp::Read(answer) => answer.is_none_or(|list| list == state).then_some(state),
            LogOp::Append(value, position) => {
                let mut lists = self.lists.borrow_mut();
                let fits = position.is_none_or(|position| position == lists.len(state) as u64 + 1);
                fits.then(|| lists.extend(state, [value]))
            }
        }
    }

    fn effect(&self, op: &LogOp) -> Effect<usize> {
        match op {
            LogOp::Read(_) => Effect::Observes,
            LogOp::Append(..) => Effect::Grows,
        }
    }

    fn asks(&self, op: &LogOp) -> Asks<usize> {
        match *op {
            LogOp::Read(Some(list)) => Asks::For(list),
            LogOp::Read(None) | LogOp::Append(_, None) => Asks::Nothing,
            LogOp::Append(_, Some(_)) => Asks::Anything,
        }
    }

    fn leads(&self, &from: &usize, &to: &usize) -> bool {
        self.lists.borrow().is_prefix(from, to)
    }

    fn shared_bytes(&self) -> usize {
        self.lists.borrow().bytes()
    }
}

impl Vocabulary for Log {
    fn from_init(init: &Json) -> Option<Self> {
        let lists = RefCell::new(Tree::new());
        let mut model = Self { init: Tree::<Value>::ROOT, lists, values: Values::default() };
        model.init = model.list(init)?;
        Some(model)
    }

    fn read(&mut self, asked: &Asked<'_>) -> Result<Option<LogOp>, &'static str> {
        Ok(Some(match asked.function {
            "read" => LogOp::Read(asked.answer(|answer| self.list(answer))?),
            "append" => {
                let value = self.values.value(asked.argument()?);
                LogOp::Append(value, asked.answer(Json::as_u64)?)
            }
            _ => return Err(UNKNOWN),
        }))
    }
}
