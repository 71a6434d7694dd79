//! The objects that histories are about, one a file.

mod counter;
mod kv;
mod kv_append;
mod log;
mod multi_register;
mod mutex;
mod queue;
mod register;
mod set;

use serde_json::Value as Json;

pub(super) use counter::Counter;
pub(super) use kv::Kv;
pub(super) use kv_append::KvAppend;
pub(super) use log::Log;
pub(super) use multi_register::MultiRegister;
pub(super) use mutex::Mutex;
pub(super) use queue::Queue;
pub(super) use register::Register;
pub(super) use set::Set;

use super::model::{Model, Timed};
use crate::history::{Operation, Outcome};

/// A model that reads its operations from histories.
pub(super) trait Vocabulary: Model + Sized {
    /// The object that holds `init` at first; nothing if it cannot.
    fn from_init(init: &Json) -> Option<Self>;

    /// What `asked` means to this model; nothing if there is nothing to check.
    ///
    /// # Errors
    /// What is wrong with it, if it means nothing.
    fn read(&mut self, asked: &Asked<'_>) -> Result<Option<Self::Op>, &'static str>;

    /// All that it read, before the first [`step`](Model::step).
    fn settle(&mut self, operations: &[Timed<Self::Op>]) {
        let _ = operations;
    }
}

/// An operation of a history that did not fail.
pub(super) struct Asked<'a> {
    pub(super) function: &'a str,
    key: Option<&'a str>,
    argument: Option<&'a Json>,
    /// Nothing if it never answered, else its answer if there is one.
    answered: Option<Option<&'a Json>>,
}

impl<'a> Asked<'a> {
    /// Nothing if it failed.
    pub(super) fn new(operation: &'a Operation) -> Option<Self> {
        let answered = match &operation.outcome {
            Outcome::Ok { answer, .. } => Some(answer.as_ref()),
            Outcome::Failed { .. } => return None,
            Outcome::Unknown { .. } => None,
        };
        let call = &operation.call;
        Some(Self {
            function: &call.function,
            key: call.key.as_deref(),
            argument: call.argument.as_ref(),
            answered,
        })
    }

    fn key(&self) -> Result<&'a str, &'static str> {
        self.key.ok_or("missing key of an operation")
    }

    fn argument(&self) -> Result<&'a Json, &'static str> {
        self.argument.ok_or("missing argument of an operation")
    }

    fn pair(&self) -> Result<[&'a Json; 2], &'static str> {
        match self.argument()?.as_array().map(Vec::as_slice) {
            Some([from, to]) => Ok([from, to]),
            _ => Err("argument that is not a pair of an operation"),
        }
    }

    /// The answer as `read` takes it; nothing if the operation never answered.
    fn answer<T>(
        &self,
        read: impl FnOnce(&'a Json) -> Option<T>,
    ) -> Result<Option<T>, &'static str> {
        match self.answered {
            None => Ok(None),
            Some(None) => Err("missing answer to an operation"),
            Some(Some(answer)) => match read(answer) {
                Some(answer) => Ok(Some(answer)),
                None => Err("impossible answer to an operation"),
            },
        }
    }
}

/// No such operation.
const UNKNOWN: &str = "unknown operation";
/// An argument of another type.
const WRONG_ARGUMENT: &str = "impossible argument of an operation";
