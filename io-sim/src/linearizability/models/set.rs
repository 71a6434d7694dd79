//! Members, each once.

use serde_json::Value as Json;

use super::super::model::{Asks, Effect, Model};
use super::super::value::Values;
use super::{Asked, UNKNOWN, Vocabulary};

/// The model `set`. A set of members is a set of bits, without zero words at its end.
pub(crate) struct Set {
    init: Vec<u64>,
    values: Values,
}

/// What is done to the set.
#[derive(PartialEq, Eq, Hash)]
pub(crate) enum SetOp {
    /// The member's bit.
    Add(usize),
    /// With the answer; an answer that names a member twice fits no set.
    Read(Option<Answer>),
}

/// What a read answered.
#[derive(PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    Members(Vec<u64>),
    Twice,
}

impl Set {
    fn bit(&mut self, json: &Json) -> usize {
        self.values.number(json.to_string())
    }

    fn members(&mut self, json: &Json) -> Option<Answer> {
        let mut members = Vec::new();
        let mut twice = false;
        for member in json.as_array()? {
            let bit = self.bit(member);
            twice |= !insert(&mut members, bit);
        }
        Some(if twice { Answer::Twice } else { Answer::Members(members) })
    }
}

/// Says whether it was not there.
fn insert(members: &mut Vec<u64>, bit: usize) -> bool {
    if members.len() <= bit / 64 {
        members.resize(bit / 64 + 1, 0);
    }
    let word = &mut members[bit / 64];
    let mask = 1 << (bit % 64);
    let new = *word & mask == 0;
    *word |= mask;
    new
}

impl Model for Set {
    type State = Vec<u64>;
    type Op = SetOp;
    type Part = ();

    fn part(&self, _: &SetOp) {}

    fn init(&self) -> Vec<u64> {
        self.init.clone()
    }

    fn step(&self, state: &Vec<u64>, op: &SetOp) -> Option<Vec<u64>> {
        match op {
            SetOp::Add(bit) => {
                let mut after = state.clone();
                insert(&mut after, *bit);
                Some(after)
            }
            SetOp::Read(None) => Some(state.clone()),
            SetOp::Read(Some(Answer::Members(members))) => {
                (members == state).then(|| state.clone())
            }
            SetOp::Read(Some(Answer::Twice)) => None,
        }
    }

    fn effect(&self, op: &SetOp) -> Effect<Vec<u64>> {
        match op {
            SetOp::Read(_) => Effect::Observes,
            SetOp::Add(_) => Effect::Grows,
        }
    }

    fn asks(&self, op: &SetOp) -> Asks<Vec<u64>> {
        match op {
            SetOp::Read(Some(Answer::Members(members))) => Asks::For(members.clone()),
            SetOp::Read(None | Some(Answer::Twice)) | SetOp::Add(_) => Asks::Nothing,
        }
    }

    fn leads(&self, from: &Vec<u64>, to: &Vec<u64>) -> bool {
        from.len() <= to.len() && from.iter().zip(to).all(|(from, to)| from & !to == 0)
    }

    fn heap_bytes(&self, state: &Vec<u64>) -> usize {
        state.capacity() * 8
    }
}

impl Vocabulary for Set {
    fn from_init(init: &Json) -> Option<Self> {
        let mut set = Self { init: Vec::new(), values: Values::default() };
        match set.members(init)? {
            Answer::Members(members) => Some(Self { init: members, ..set }),
            Answer::Twice => None,
        }
    }

    fn read(&mut self, asked: &Asked<'_>) -> Result<Option<SetOp>, &'static str> {
        Ok(Some(match asked.function {
            "add" => SetOp::Add(self.bit(asked.argument()?)),
            "read" => SetOp::Read(asked.answer(|answer| self.members(answer))?),
            _ => return Err(UNKNOWN),
        }))
    }
}
