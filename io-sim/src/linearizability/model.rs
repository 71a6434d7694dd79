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

    /// Does `op`, with its answer, leave every state as it is? Whoever says so wrongly gets wrong
    /// verdicts; whoever says no where yes is true only waits longer.
    fn only_observes(&self, op: &Self::Op) -> bool {
        let _ = op;
        false
    }

    /// Bytes that `state` keeps on the heap, roughly.
    fn heap_bytes(&self, state: &Self::State) -> usize {
        let _ = state;
        0
    }
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
