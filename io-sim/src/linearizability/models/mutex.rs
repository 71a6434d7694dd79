//! Held or free.

use serde_json::Value as Json;

use super::super::model::Model;
use super::{Asked, UNKNOWN, Vocabulary};

/// The model `mutex`. It has no owner: anybody may release it.
pub(crate) struct Mutex {
    held: bool,
}

/// What is done to it.
#[derive(PartialEq, Eq, Hash)]
pub(crate) enum MutexOp {
    Acquire,
    Release,
}

impl Model for Mutex {
    type State = bool;
    type Op = MutexOp;
    type Part = ();

    fn part(&self, _: &MutexOp) {}

    fn init(&self) -> bool {
        self.held
    }

    fn step(&self, &held: &bool, op: &MutexOp) -> Option<bool> {
        match op {
            MutexOp::Acquire => (!held).then_some(true),
            MutexOp::Release => held.then_some(false),
        }
    }
}

impl Vocabulary for Mutex {
    fn from_init(init: &Json) -> Option<Self> {
        Some(Self { held: init.as_bool()? })
    }

    fn read(&mut self, asked: &Asked<'_>) -> Result<Option<MutexOp>, &'static str> {
        match asked.function {
            "acquire" => Ok(Some(MutexOp::Acquire)),
            "release" => Ok(Some(MutexOp::Release)),
            _ => Err(UNKNOWN),
        }
    }
}
