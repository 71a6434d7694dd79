//! What a search knows of the operations of one part before it begins.

use std::collections::BTreeSet;
use std::hash::Hash;
use std::ops::Range;

use super::model::{Asks, Effect, Model, Timed};
use super::states::States;
use super::table::Interner;

/// The operations of one part, sorted for the search, which names them by their place in
/// [`completed`](Self::completed) or [`pending`](Self::pending).
pub(super) struct Plan<'a, Op> {
    /// Those that answered, in the order of their invocations.
    pub(super) completed: Vec<Completed<'a, Op>>,
    /// Places in `completed`, in the order of the answers.
    pub(super) returns: Vec<usize>,
    /// Those that never answered and could change something: kind after kind, and the members of a
    /// kind in the order of their invocations.
    pub(super) pending: Vec<Pending<'a, Op>>,
    /// A kind is a run of operations in `pending` that do the same. In the order of their first
    /// invocations.
    pub(super) kinds: Vec<Range<usize>>,
    /// How many operations that answered were open at once, at most.
    pub(super) slots: usize,
}

/// An operation that answered.
pub(super) struct Completed<'a, Op> {
    pub(super) op: &'a Op,
    /// Its place among the operations that the caller gave.
    pub(super) index: usize,
    pub(super) invoked: u64,
    pub(super) returned: u64,
    pub(super) only_observes: bool,
    /// Its place among the answers.
    pub(super) rank: usize,
    /// Not that of any other operation that answered and was open at the same time.
    pub(super) slot: usize,
}

/// An operation that never answered.
pub(super) struct Pending<'a, Op> {
    pub(super) op: &'a Op,
    /// Its place among the operations that the caller gave.
    pub(super) index: usize,
    pub(super) invoked: u64,
}

impl<'a, Op: Eq + Hash> Plan<'a, Op> {
    /// Sorts `operations`, each with its index.
    pub(super) fn new<M: Model<Op = Op>>(
        model: &M,
        states: &mut States<'_, M>,
        operations: impl Iterator<Item = (usize, &'a Timed<Op>)>,
    ) -> Self {
        let mut completed = Vec::new();
        let mut never = Vec::new();
        for (index, &Timed { ref op, invoked, returned }) in operations {
            let only_observes = matches!(model.effect(op), Effect::Observes);
            match returned {
                Some(returned) => {
                    assert!(returned > invoked, "an operation returns after its invocation");
                    let (rank, slot) = (0, 0);
                    let operation =
                        Completed { op, index, invoked, returned, only_observes, rank, slot };
                    completed.push(operation);
                }
                // Whatever it observed, nobody was told.
                None if only_observes => {}
                None => never.push(Pending { op, index, invoked }),
            }
        }
        completed.sort_by_key(|operation| operation.invoked);
        never.sort_by_key(|operation| operation.invoked);
        let mut returns: Vec<_> = (0..completed.len()).collect();
        returns.sort_by_key(|&place| completed[place].returned);
        for (rank, &place) in returns.iter().enumerate() {
            completed[place].rank = rank;
        }
        let slots = assign_slots(&mut completed, &returns);
        let (pending, kinds) = sort_into_kinds(model, states, never);
        Self { completed, returns, pending, kinds, slots }
    }

    /// All of them.
    pub(super) fn ops(&self) -> impl Iterator<Item = &'a Op> {
        let completed = self.completed.iter().map(|operation| operation.op);
        completed.chain(self.pending.iter().map(|operation| operation.op))
    }
}

/// Gives each operation the lowest slot that is free when it is invoked; returns their number.
fn assign_slots<Op>(completed: &mut [Completed<'_, Op>], returns: &[usize]) -> usize {
    let mut slots = 0;
    let mut free = BTreeSet::new();
    let mut returns = returns.iter().peekable();
    for place in 0..completed.len() {
        let invoked = completed[place].invoked;
        while let Some(&returned) = returns.next_if(|&&place| completed[place].returned < invoked) {
            free.insert(completed[returned].slot);
        }
        completed[place].slot = free.pop_first().unwrap_or_else(|| {
            slots += 1;
            slots - 1
        });
    }
    slots
}

/// What operations of a kind have in common.
#[derive(PartialEq, Eq, Hash)]
enum Kind<'a, Op> {
    /// They set this state, whatever it was before.
    Sets(usize),
    /// They are equal.
    Equal(&'a Op),
}

fn sort_into_kinds<'a, M: Model>(
    model: &M,
    states: &mut States<'_, M>,
    never: Vec<Pending<'a, M::Op>>,
) -> (Vec<Pending<'a, M::Op>>, Vec<Range<usize>>) {
    let mut interner = Interner::new();
    let mut members: Vec<Vec<_>> = Vec::new();
    for operation in never {
        let kind = match (model.asks(operation.op), model.effect(operation.op)) {
            (Asks::Nothing, Effect::Sets(state)) => Kind::Sets(states.number(state)),
            _ => Kind::Equal(operation.op),
        };
        let (kind, new) = interner.number(kind);
        if new {
            members.push(Vec::new());
        }
        members[kind].push(operation);
    }
    let mut pending = Vec::new();
    let mut kinds = Vec::new();
    for mut kind in members {
        kinds.push(pending.len()..pending.len() + kind.len());
        pending.append(&mut kind);
    }
    (pending, kinds)
}
