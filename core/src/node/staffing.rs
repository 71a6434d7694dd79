//! Which servers vote, learn and stand by: a policy that replaces whoever has failed.
//!
//! A group can have more servers than vote: *learners*, which have the log, and *reserves*, which have
//! nothing and wait (the active, passive and reserve members of Copycat). When a voter has not been
//! heard from for long, the leader gives its vote to a learner that has caught up, and then makes a
//! reserve the learner that is missing. Whoever has failed stands by, and is taken again when it is
//! needed and its turn comes.
//!
//! ```text
//!             fails                        fails
//!   voter ─────────────► reserve ◄───────────────── learner
//!     ▲                     │ a learner is missing      ▲ │
//!     │                     └───────────────────────────┘ │
//!     └───────────────────────────────────────────────────┘
//!                        a voter has failed
//! ```
//! The policy only looks and asks: each of its steps is a change of the membership like one that an
//! operator asks for, with all that protects those. It takes one step at a time, and the same
//! situation always leads to the same step.

use alloc::vec::Vec;
use core::time::Duration;

use super::io::{Note, Output, Outputs};
use super::requests::{Kind, Origin};
use super::{Node, Phase};
use crate::effect::RoleKind;
use crate::event::Event;
use crate::membership::Membership;
use crate::raft::Progress;
use crate::types::{Index, Instant, NodeId};

/// How far a learner may be behind what is committed to get a vote, in entries.
const BEHIND_MAX: u64 = 1_000;

/// How many servers shall vote and learn, and when one has failed.
///
/// ```
/// use core::time::Duration;
/// use quorate_core::node::Staffing;
/// let staffing = Staffing { voters: 3, learners: 1, patience: Duration::from_secs(30) };
/// assert!(staffing.patience > Duration::from_secs(1));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Staffing {
    /// As many voters there shall be; more are left as they are.
    pub voters: usize,
    /// As many learners there shall be; more are left as they are. While a voter is missing or has
    /// failed, one at least.
    pub learners: usize,
    /// A server that a leader has not heard from for so long has failed.
    pub patience: Duration,
}

/// What a leader knows of a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Health {
    has_failed: bool,
    has_caught_up: bool,
}

impl Staffing {
    /// The next step, if there is one: what the membership shall be. Of several servers that would
    /// do, the first by id is taken, and of those in reserve, the next in turn: one that stands by
    /// because it has failed does not come back at once.
    fn next(&self, now: &Membership, health: impl Fn(NodeId) -> Health) -> Option<Membership> {
        let (voters, learners) = (now.voters(), now.learners());
        let has_failed = |id: &NodeId| health(*id).has_failed;
        let is_ready = |id: &NodeId| !has_failed(id) && health(*id).has_caught_up;
        let failed = voters.iter().copied().find(has_failed);
        let is_vacant = voters.len() < self.voters;
        let is_short = failed.is_some() || is_vacant;
        if let Some(ready) = learners.iter().copied().find(is_ready).filter(|_| is_short) {
            let is_missed = learners.len() <= self.learners;
            let next = next_in_turn(now.reserves(), ready).filter(|_| is_missed);
            return moved(now, (&[ready], failed.as_slice()), (next.as_slice(), &[ready]));
        }
        if learners.len() < self.learners.max(usize::from(is_short)) {
            let first = now.reserves().first()?;
            return moved(now, (&[], &[]), (&[*first], &[]));
        }
        let failed = learners.iter().copied().find(has_failed)?;
        let next = next_in_turn(now.reserves(), failed)?;
        moved(now, (&[], &[]), (&[next], &[failed]))
    }
}

/// The first after `id`; the first of all if there is none.
fn next_in_turn(reserves: &[NodeId], id: NodeId) -> Option<NodeId> {
    let turn = reserves.partition_point(|&reserve| reserve < id);
    reserves.get(turn).or(reserves.first()).copied()
}

/// Servers that become one of a list, and such that are so no longer.
type Move<'a> = (&'a [NodeId], &'a [NodeId]);

/// The membership after these moves of voters and learners. Whoever then is neither stands by. `None`
/// if that is no membership.
fn moved(now: &Membership, voters: Move<'_>, learners: Move<'_>) -> Option<Membership> {
    let after = |ids: &[NodeId], (with, without): Move<'_>| -> Vec<NodeId> {
        let ids = ids.iter().chain(with).copied();
        ids.filter(|id| !without.contains(id)).collect()
    };
    let voters = after(now.voters(), voters);
    let learners = after(now.learners(), learners);
    let known = [now.voters(), now.learners(), now.reserves()].concat();
    let stand_by = known.into_iter().filter(|id| !voters.contains(id) && !learners.contains(id));
    let reserves: Vec<_> = stand_by.collect();
    let target = Membership::new(voters, [], learners).ok()?.with_reserves(reserves).ok()?;
    target.with_addresses(now.addresses().iter().cloned()).ok()
}

impl Node {
    /// Does this server lead, and neither stop nor change the membership? Then it may ask something of
    /// itself.
    pub(super) fn leads_unchanged(&self) -> bool {
        let status = self.raft.status();
        let leads = status.role == RoleKind::Leader && self.phase == Phase::Serving;
        leads && !status.is_reconfiguring
    }

    /// Takes the next step, if this server leads and nothing else is under way. Whatever comes of it,
    /// the membership says next time. A leader looks with each heartbeat at the latest.
    pub(super) fn tend_staff(&mut self, out: &mut Outputs) {
        let Some(policy) = self.config.staffing else { return };
        let status = self.raft.status();
        let is_asked =
            || self.events.iter().any(|event| matches!(event, Event::Reconfigure { .. }));
        if !self.leads_unchanged() || status.membership.is_joint() || is_asked() {
            return;
        }
        let health = |id| health(status.peers, id, (self.now, status.commit), policy.patience);
        let Some(target) = policy.next(status.membership, health) else { return };
        let expected = Some(status.membership_index);
        out.push(Output::Note(Note::Staffing(target.clone())));
        let id = self.begin_for(Origin::Node, Kind::Reconfigure, self.config.reconfigure_timeout);
        self.events.push(Event::Reconfigure { id, target, expected, force: false });
    }
}

/// How a leader finds a server; itself it finds in good order.
fn health(
    peers: &[Progress],
    id: NodeId,
    (now, commit): (Instant, Index),
    patience: Duration,
) -> Health {
    let Some(peer) = peers.iter().find(|peer| peer.id() == id) else {
        return Health { has_failed: false, has_caught_up: true };
    };
    Health {
        has_failed: now >= peer.heard().after(patience),
        has_caught_up: !peer.is_forgetful()
            && peer.match_index().0.saturating_add(BEHIND_MAX) >= commit.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[u64]) -> Vec<NodeId> {
        ids.iter().filter_map(|&id| NodeId::new(id)).collect()
    }

    fn of(voters: &[u64], learners: &[u64], reserves: &[u64]) -> Membership {
        let members = Membership::new(ids(voters), [], ids(learners)).expect("members");
        members.with_reserves(ids(reserves)).expect("others")
    }

    const THREE_AND_ONE: Staffing =
        Staffing { voters: 3, learners: 1, patience: Duration::from_secs(30) };

    /// The step of a leader that has not heard from some, while some lag behind.
    fn next(now: &Membership, failed: &[u64], behind: &[u64]) -> Option<Membership> {
        THREE_AND_ONE.next(now, |id| Health {
            has_failed: failed.contains(&id.get()),
            has_caught_up: !behind.contains(&id.get()),
        })
    }

    #[test]
    fn a_failed_voter_and_a_learner_change_places() {
        let now = of(&[1, 2, 3], &[4, 5], &[6]);
        assert_eq!(next(&now, &[], &[]), None, "all is well");
        let one = of(&[1, 2, 3], &[4], &[]);
        assert_eq!(next(&one, &[2], &[]), Some(of(&[1, 3, 4], &[], &[2])));
        assert_eq!(next(&now, &[2], &[]), Some(of(&[1, 3, 4], &[5], &[2, 6])));
        assert_eq!(next(&now, &[2], &[4]), Some(of(&[1, 3, 5], &[4], &[2, 6])), "who is ready");
        assert_eq!(next(&now, &[2, 4], &[]), Some(of(&[1, 3, 5], &[4], &[2, 6])), "who is there");
        assert_eq!(next(&now, &[2, 3], &[]), Some(of(&[1, 3, 4], &[5], &[2, 6])), "one at a time");
    }

    /// By one that stands by for another reason than that it has failed.
    #[test]
    fn a_learner_that_gets_a_vote_is_replaced_in_the_same_step() {
        let now = of(&[1, 2, 3], &[4], &[5, 6]);
        assert_eq!(next(&now, &[2], &[]), Some(of(&[1, 3, 4], &[5], &[2, 6])));
        let now = of(&[1, 3, 4], &[5], &[2, 6]);
        assert_eq!(next(&now, &[3], &[]), Some(of(&[1, 4, 5], &[6], &[2, 3])));
    }

    #[test]
    fn a_missing_learner_is_taken_from_the_reserve() {
        assert_eq!(next(&of(&[1, 2, 3], &[], &[6, 7]), &[], &[]), Some(of(&[1, 2, 3], &[6], &[7])));
        assert_eq!(next(&of(&[1, 2, 3], &[], &[]), &[], &[]), None, "there is nobody");
        let alone = Staffing { learners: 0, ..THREE_AND_ONE };
        let fine = |_| Health { has_failed: false, has_caught_up: true };
        assert_eq!(alone.next(&of(&[1, 2, 3], &[], &[6]), fine), None, "none is wanted");
        let two = of(&[1, 2], &[], &[6]);
        assert_eq!(alone.next(&two, fine), Some(of(&[1, 2], &[6], &[])), "on its way to a vote");
    }

    #[test]
    fn a_vacancy_goes_to_a_learner() {
        assert_eq!(next(&of(&[1, 2], &[4], &[]), &[], &[]), Some(of(&[1, 2, 4], &[], &[])));
        assert_eq!(next(&of(&[1, 2], &[4], &[6]), &[], &[4]), None, "it has to catch up first");
        assert_eq!(next(&of(&[1, 2, 3, 4], &[5], &[]), &[], &[]), None, "more are left alone");
    }

    /// Those in reserve are unknown: they may have failed too.
    #[test]
    fn failed_learners_are_replaced_by_all_in_turn() {
        let mut now = of(&[1, 2, 3], &[5], &[4, 6, 7]);
        let mut learners = Vec::new();
        for _ in 0..5 {
            let failed: Vec<_> = now.learners().iter().map(|id| id.get()).collect();
            now = next(&now, &failed, &[]).expect("another one");
            learners.push(now.learners()[0].get());
        }
        assert_eq!(learners, [6, 7, 4, 5, 6]);
        assert_eq!(next(&of(&[1, 2, 3], &[5], &[]), &[5], &[]), None, "there is no other");
    }
}
