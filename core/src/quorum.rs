//! The arithmetic of majorities, also of two majorities that rule together (thesis 4.3).

use crate::membership::Membership;
use crate::types::{Index, NodeId};

/// The state of an election.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VoteResult {
    /// A majority of each half granted.
    Won,
    /// A majority of each half can no longer be reached.
    Lost,
    /// Votes are missing.
    Pending,
}

/// The largest value that a majority of `voters` has reached; `None` for nobody.
///
/// ```
/// use quorate_core::{NodeId, quorum::majority_value};
/// let voters = [1, 2, 3, 4].map(|id| NodeId::new(id).unwrap());
/// assert_eq!(majority_value(&voters, |id| id.get() * 10), Some(20), "three of four have 20");
/// ```
///
/// # Panics
/// If there are more voters than [`Membership::VOTERS_MAX`].
pub fn majority_value(voters: &[NodeId], value: impl Fn(NodeId) -> u64) -> Option<u64> {
    assert!(voters.len() <= Membership::VOTERS_MAX, "a membership bounds its voters");
    // A leader asks with each step, and seldom about more than a few.
    match voters.len() {
        0..=7 => middle_value::<7>(voters, value),
        _ => middle_value::<{ Membership::VOTERS_MAX }>(voters, value),
    }
}

fn middle_value<const MAX: usize>(voters: &[NodeId], value: impl Fn(NodeId) -> u64) -> Option<u64> {
    let mut values = [0; MAX];
    let values = &mut values[..voters.len()];
    for (slot, &id) in values.iter_mut().zip(voters) {
        *slot = value(id);
    }
    values.sort_unstable();
    // Of n sorted values, those from position (n - 1) / 2 on are n / 2 + 1: a majority.
    values.get(voters.len().checked_sub(1)? / 2).copied()
}

/// The largest value that a majority of each half has reached.
pub(crate) fn reached(membership: &Membership, value: impl Fn(NodeId) -> u64) -> u64 {
    // Nobody in the outgoing half means that it does not rule.
    let outgoing = majority_value(membership.outgoing(), &value).unwrap_or(u64::MAX);
    let incoming = majority_value(membership.voters(), &value);
    incoming.expect("a membership has a voter").min(outgoing)
}

/// The largest index that is replicated on a majority of each half.
pub fn committed(membership: &Membership, matched: impl Fn(NodeId) -> Index) -> Index {
    Index(reached(membership, |id| matched(id).0))
}

/// What the votes given so far amount to.
pub fn vote_result(membership: &Membership, vote: impl Fn(NodeId) -> Option<bool>) -> VoteResult {
    let halves =
        [membership.voters(), membership.outgoing()].map(|half| majority_vote(half, &vote));
    match halves {
        [VoteResult::Lost, _] | [_, VoteResult::Lost] => VoteResult::Lost,
        [VoteResult::Won, VoteResult::Won] => VoteResult::Won,
        _ => VoteResult::Pending,
    }
}

/// What the votes given so far amount to in one half; a half of nobody agrees.
pub fn majority_vote(voters: &[NodeId], vote: impl Fn(NodeId) -> Option<bool>) -> VoteResult {
    let majority = voters.len() / 2 + 1;
    let count = |wanted| voters.iter().filter(|&&id| vote(id) == wanted).count();
    let granted = count(Some(true));
    if voters.is_empty() || granted >= majority {
        VoteResult::Won
    } else if granted + count(None) < majority {
        VoteResult::Lost
    } else {
        VoteResult::Pending
    }
}
