//! What an object is, to the checker.

use std::hash::Hash;

/// A sequential object: what each operation does when nothing else is going on.
///
/// An operation carries the answer that came back, or the knowledge that none did, in which case
/// any answer fits.
pub trait Model {
    /// What the object holds.
    type State: Clone + Eq + Hash;
    /// What is done to it, with its answer. Equal operations are interchangeable.
    type Op: Eq + Hash;
    /// Operations of different parts never affect one another; `()` when all belong together.
    type Part: Ord;

    /// The part of the object that `op` is about.
    fn part(&self, op: &Self::Op) -> Self::Part;

    /// What a part holds before the first operation.
    fn init(&self) -> Self::State;

    /// What it holds after `op`, or nothing, if `op` cannot give its answer here. Always the same
    /// for the same arguments.
    fn step(&self, state: &Self::State, op: &Self::Op) -> Option<Self::State>;

    /// What `op`, with its answer, may do to a state. Whoever says too little gets wrong verdicts;
    /// whoever says too much only waits longer.
    fn effect(&self, op: &Self::Op) -> Effect<Self::State> {
        let _ = op;
        Effect::Any
    }

    /// How much of the state `op`, with its answer, depends on. The same holds for saying too
    /// little or too much.
    fn asks(&self, op: &Self::Op) -> Asks<Self::State> {
        let _ = op;
        Asks::Anything
    }

    /// May operations that [grow](Effect::Grows) the state, or none at all, lead from one to the
    /// other?
    fn leads(&self, from: &Self::State, to: &Self::State) -> bool {
        from == to
    }

    /// Bytes that `state` keeps on the heap, roughly.
    fn heap_bytes(&self, state: &Self::State) -> usize {
        let _ = state;
        0
    }
}

/// What an operation may do to a state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect<S> {
    /// It leaves every state as it is.
    Observes,
    /// It leads to a state that the one before [leads](Model::leads) to.
    Grows,
    /// It leads to this state, or leaves the state as it is.
    Sets(S),
    /// Anything.
    Any,
}

/// How much of the state an operation depends on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asks<S> {
    /// Nothing: it treats all states alike.
    Nothing,
    /// Its answer fits this state only.
    For(S),
    /// Whether it is this state: it treats all others alike.
    Whether(S),
    /// Anything.
    Anything,
}

/// An operation in time. Positions are of any clock that never gives two events the same one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Timed<Op> {
    /// What was done, with its answer.
    pub op: Op,
    /// When it was asked for.
    pub invoked: u64,
    /// When it answered; nothing if that never happened, so that it may take effect at any time
    /// after its invocation, or never.
    pub returned: Option<u64>,
}
