//! What a search knows of the operations of one part before it begins.

use std::collections::BTreeSet;
use std::ops::Range;

use super::model::{Model, Timed};
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
    /// A kind is a run of equal operations in `pending`. In the order of their first invocations.
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

impl<'a, Op> Plan<'a, Op> {
    /// Sorts `operations`, each with its index.
    pub(super) fn new<M: Model<Op = Op>>(
        model: &M,
        operations: impl Iterator<Item = (usize, &'a Timed<Op>)>,
    ) -> Self
    where
        Op: Eq + std::hash::Hash,
    {
        let mut completed = Vec::new();
        let mut never = Vec::new();
        for (index, &Timed { ref op, invoked, returned }) in operations {
            let only_observes = model.only_observes(op);
            match returned {
                Some(returned) => {
                    assert!(returned > invoked, "an operation returns after its invocation");
                    let slot = 0;
                    completed.push(Completed { op, index, invoked, returned, only_observes, slot });
                }
                // Whatever it observed, nobody was told.
                None if only_observes => {}
                None => never.push(Pending { op, index, invoked }),
            }
        }
        completed.sort_by_key(|op| op.invoked);
        never.sort_by_key(|op| op.invoked);
        let mut returns: Vec<_> = (0..completed.len()).collect();
        returns.sort_by_key(|&place| completed[place].returned);
        let slots = assign_slots(&mut completed, &returns);
        let (pending, kinds) = sort_into_kinds(never);
        Self { completed, returns, pending, kinds, slots }
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

fn sort_into_kinds<Op: Eq + std::hash::Hash>(
    never: Vec<Pending<'_, Op>>,
) -> (Vec<Pending<'_, Op>>, Vec<Range<usize>>) {
    let mut interner = Interner::new();
    let mut members: Vec<Vec<_>> = Vec::new();
    for op in never {
        let (kind, new) = interner.number(op.op);
        if new {
            members.push(Vec::new());
        }
        members[kind].push(op);
    }
    let mut pending = Vec::new();
    let mut kinds = Vec::new();
    for mut kind in members {
        kinds.push(pending.len()..pending.len() + kind.len());
        pending.append(&mut kind);
    }
    (pending, kinds)
}
