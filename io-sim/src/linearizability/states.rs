//! The states of one part as numbers, those that nobody can tell apart as the same one.

use super::model::{Asks, Effect, Model};
use super::table::Interner;

/// Numbers states.
///
/// A state is *bland* when it leads to none that any operation asks for. All operations treat all
/// bland states alike, and lead from them to bland states or to the same one: one stands for all.
pub(super) struct States<'m, M: Model> {
    model: &'m M,
    numbers: Interner<M::State>,
    /// For each number, that of the state that stands for it.
    stands: Vec<usize>,
    /// The states that operations ask for have the numbers below this one.
    asked: usize,
    /// Whether some operation grows states; else a state leads to itself only.
    grow: bool,
    /// Whether all operations say what they ask for; else no state is bland.
    frank: bool,
    bland: Option<usize>,
    heap_bytes: usize,
}

impl<'m, M: Model> States<'m, M> {
    /// For a part with these operations.
    pub(super) fn new<'o>(model: &'m M, ops: impl Iterator<Item = &'o M::Op>) -> Self
    where
        M::Op: 'o,
    {
        let mut states = Self {
            model,
            numbers: Interner::new(),
            stands: Vec::new(),
            asked: 0,
            grow: false,
            frank: true,
            bland: None,
            heap_bytes: 0,
        };
        for op in ops {
            states.grow |= matches!(model.effect(op), Effect::Grows);
            match model.asks(op) {
                Asks::Nothing => {}
                Asks::For(state) | Asks::Whether(state) => {
                    states.asked = usize::MAX;
                    states.number(state);
                }
                Asks::Anything => states.frank = false,
            }
        }
        states.asked = states.stands.len();
        states
    }

    /// The number of `state`.
    pub(super) fn number(&mut self, state: M::State) -> usize {
        let heap_bytes = self.model.heap_bytes(&state);
        let (number, new) = self.numbers.number(state);
        if new {
            self.heap_bytes += heap_bytes;
            let is_bland = self.is_bland(number);
            let stands = if is_bland { *self.bland.get_or_insert(number) } else { number };
            self.stands.push(stands);
        }
        self.stands[number]
    }

    /// The state after `op`, if it fits.
    pub(super) fn step(&mut self, state: usize, op: &M::Op) -> Option<usize> {
        let after = self.model.step(self.numbers.get(state), op)?;
        Some(self.number(after))
    }

    /// Does `op` give its answer in `state`?
    pub(super) fn fits(&self, state: usize, op: &M::Op) -> bool {
        self.model.step(self.numbers.get(state), op).is_some()
    }

    /// Does `op` in `state` make some other answer impossible?
    pub(super) fn spoils(&self, state: usize, op: &M::Op) -> bool {
        self.model.spoils(self.numbers.get(state), op)
    }

    /// May operations that grow states, or none at all, lead from one to the other?
    pub(super) fn leads(&self, from: usize, to: usize) -> bool {
        from == to || self.grow && self.model.leads(self.numbers.get(from), self.numbers.get(to))
    }

    /// Whether some operation grows states; else a state leads to itself only.
    pub(super) const fn grow(&self) -> bool {
        self.grow
    }

    /// What all this takes in memory.
    pub(super) fn bytes(&self) -> usize {
        let shared = self.model.shared_bytes();
        shared + self.heap_bytes + self.stands.len() * (size_of::<M::State>() + 26)
    }

    fn is_bland(&self, number: usize) -> bool {
        self.frank
            && number >= self.asked
            && !(self.grow && (0..self.asked).rev().any(|asked| self.leads(number, asked)))
    }
}
