//! First in, first out.

use std::collections::VecDeque;

use serde_json::Value as Json;

use super::super::model::{Asks, Effect, Model, Timed};
use super::super::value::Values;
use super::{Asked, UNKNOWN, Vocabulary, WRONG_ARGUMENT};

/// The model `queue`, of numbered values. It never holds null: that is the answer of the empty one.
pub(crate) struct Queue {
    init: VecDeque<usize>,
    values: Values,
    /// For each value, what is known of its way out.
    exits: Vec<Exit>,
}

/// When a value leaves the queue. Without this look ahead, a wrong order of two values would be
/// noticed only when they come to the front.
#[derive(Clone, Copy)]
struct Exit {
    /// When the first operation that may take it was invoked; never, if none may.
    earliest: u64,
    /// When the last operation that takes it answered; never, if it may stay.
    latest: u64,
    /// Whether any operation answered it.
    wanted: bool,
    /// Whether it may be more often in the queue than it was answered.
    spare: bool,
}

const NEVER: u64 = u64::MAX;

/// What is done to the queue.
#[derive(PartialEq, Eq, Hash)]
pub(crate) enum QueueOp {
    Enqueue(usize),
    /// Without answer.
    EnqueueUnknown(usize),
    /// With the answer; nothing from an empty queue.
    Dequeue(Option<usize>),
    /// Without answer.
    DequeueUnknown,
}

impl Model for Queue {
    type State = VecDeque<usize>;
    type Op = QueueOp;
    type Part = ();

    fn part(&self, _: &QueueOp) {}

    fn init(&self) -> VecDeque<usize> {
        self.init.clone()
    }

    fn step(&self, state: &VecDeque<usize>, op: &QueueOp) -> Option<VecDeque<usize>> {
        match *op {
            QueueOp::Enqueue(value) => Some(state.iter().copied().chain([value]).collect()),
            // An order that puts it, and perhaps takes it, is as good without both.
            QueueOp::EnqueueUnknown(value) if !self.exits[value].wanted => None,
            QueueOp::EnqueueUnknown(value) => self.step(state, &QueueOp::Enqueue(value)),
            QueueOp::Dequeue(answer) => {
                let fits = answer == state.front().copied();
                fits.then(|| state.iter().skip(1).copied().collect())
            }
            QueueOp::DequeueUnknown => Some(state.iter().skip(1).copied().collect()),
        }
    }

    fn effect(&self, op: &QueueOp) -> Effect<VecDeque<usize>> {
        match op {
            QueueOp::Dequeue(None) => Effect::Observes,
            _ => Effect::Any,
        }
    }

    fn asks(&self, op: &QueueOp) -> Asks<VecDeque<usize>> {
        match op {
            QueueOp::Dequeue(None) => Asks::For(VecDeque::new()),
            _ => Asks::Anything,
        }
    }

    fn spoils(&self, state: &VecDeque<usize>, op: &QueueOp) -> bool {
        match *op {
            // What stands in front must be gone when this one has to leave.
            QueueOp::Enqueue(value) | QueueOp::EnqueueUnknown(value) => {
                let latest = self.exits[value].latest;
                latest != NEVER && state.iter().any(|&ahead| self.exits[ahead].earliest > latest)
            }
            // Others need it.
            QueueOp::DequeueUnknown => state.front().is_some_and(|&front| !self.exits[front].spare),
            QueueOp::Dequeue(_) => false,
        }
    }

    fn heap_bytes(&self, state: &VecDeque<usize>) -> usize {
        state.capacity() * size_of::<usize>()
    }
}

impl Vocabulary for Queue {
    fn from_init(init: &Json) -> Option<Self> {
        let mut values = Values::default();
        let init = init.as_array()?.iter();
        let init = init.map(|json| (!json.is_null()).then(|| values.number(json.to_string())));
        Some(Self { init: init.collect::<Option<_>>()?, values, exits: Vec::new() })
    }

    fn read(&mut self, asked: &Asked<'_>) -> Result<Option<QueueOp>, &'static str> {
        let mut number =
            |json: &Json| (!json.is_null()).then(|| self.values.number(json.to_string()));
        Ok(Some(match asked.function {
            "enqueue" => {
                let value = number(asked.argument()?).ok_or(WRONG_ARGUMENT)?;
                match asked.answered {
                    Some(_) => QueueOp::Enqueue(value),
                    None => QueueOp::EnqueueUnknown(value),
                }
            }
            "dequeue" => match asked.answer(|answer| Some(number(answer)))? {
                Some(answer) => QueueOp::Dequeue(answer),
                None => QueueOp::DequeueUnknown,
            },
            _ => return Err(UNKNOWN),
        }))
    }

    fn settle(&mut self, operations: &[Timed<QueueOp>]) {
        let exit = Exit { earliest: NEVER, latest: 0, wanted: false, spare: false };
        let mut exits = vec![exit; self.values.len()];
        // How much more often a value may be put than it was answered.
        let mut spare = vec![0; self.values.len()];
        let mut unknown = NEVER;
        self.init.iter().for_each(|&value| spare[value] += 1);
        for Timed { op, invoked, returned } in operations {
            match *op {
                QueueOp::Enqueue(value) | QueueOp::EnqueueUnknown(value) => spare[value] += 1,
                QueueOp::Dequeue(None) => {}
                QueueOp::Dequeue(Some(value)) => {
                    spare[value] -= 1;
                    let exit = &mut exits[value];
                    exit.wanted = true;
                    exit.earliest = exit.earliest.min(*invoked);
                    exit.latest = exit.latest.max(returned.unwrap_or(NEVER));
                }
                QueueOp::DequeueUnknown => unknown = unknown.min(*invoked),
            }
        }
        for (exit, spare) in exits.iter_mut().zip(spare) {
            if spare > 0 {
                exit.spare = true;
                exit.earliest = exit.earliest.min(unknown);
                exit.latest = NEVER;
            }
        }
        self.exits = exits;
    }
}
