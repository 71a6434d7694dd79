//! What an object is, to the checker.

use std::hash::Hash;

/// A sequential object: what each operation does when nothing else is going on.
///
/// An operation carries the answer that came back, or the knowledge that none did, in which case
/// any answer fits.
///
/// ```
/// use quorate_io_sim::linearizability::{Budget, Model, Timed, Verdict, check_model};
///
/// /// A flag that goes up and never down.
/// struct Flag;
///
/// #[derive(PartialEq, Eq, Hash)]
/// enum Op {
///     Raise,
///     Look { up: bool },
/// }
///
/// impl Model for Flag {
///     type State = bool;
///     type Op = Op;
///     type Part = ();
///
///     fn part(&self, _: &Op) {}
///
///     fn init(&self) -> bool {
///         false
///     }
///
///     fn step(&self, state: &bool, op: &Op) -> Option<bool> {
///         match *op {
///             Op::Raise => Some(true),
///             Op::Look { up } => (up == *state).then_some(up),
///         }
///     }
/// }
///
/// // It is seen up, then down, while somebody raises it and never comes back.
/// let operations = [
///     Timed { op: Op::Raise, invoked: 1, returned: None },
///     Timed { op: Op::Look { up: true }, invoked: 2, returned: Some(3) },
///     Timed { op: Op::Look { up: false }, invoked: 4, returned: Some(5) },
/// ];
/// let verdict = check_model(&Flag, &operations[..2], Budget::new()).verdict;
/// assert!(matches!(verdict, Verdict::Linearizable(_)));
/// let verdict = check_model(&Flag, &operations, Budget::new()).verdict;
/// assert!(matches!(verdict, Verdict::Violation(violation) if violation.culprit == 2));
/// ```
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

    /// Is it known, to a model that has seen all operations, that `op` in this state makes some
    /// other answer impossible? What is treated alike otherwise must be treated alike here.
    fn spoils(&self, state: &Self::State, op: &Self::Op) -> bool {
        let _ = (state, op);
        false
    }

    /// Bytes that `state` keeps on the heap, roughly.
    fn heap_bytes(&self, state: &Self::State) -> usize {
        let _ = state;
        0
    }

    /// Bytes that the model itself keeps for the states that it was in, roughly.
    fn shared_bytes(&self) -> usize {
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
///
/// It treats states *alike* when its answer fits all of them or none, and when it leaves them all as
/// they are, sets them all to the same one, or [grows](Effect::Grows) them all.
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

/// An operation in time, as told by a clock that never gives two events the same moment.
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
