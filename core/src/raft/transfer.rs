//! Handing leadership over: thesis 3.10.

use alloc::boxed::Box;
use core::time::Duration;

use super::Raft;
use super::lease::LeaseLost;
use super::progress::Progress;
use super::role::{Leader, Role};
use crate::effect::{Cause, Effect, Effects, Refusal};
use crate::message::Rpc;
use crate::types::{Instant, NodeId, RequestId};

/// A transfer under way. It is part of the leader's role, so it ends with the leadership at the
/// latest, and a leader that is elected again accepts proposals.
#[derive(Clone, Debug)]
pub(super) struct Transfer {
    id: RequestId,
    to: NodeId,
    deadline: Instant,
    /// Was the successor ever told to stand?
    was_told: bool,
    /// Is it to be told once it has caught up? What tells it may be lost, so it is told again with
    /// each heartbeat.
    is_owed: bool,
}

impl Transfer {
    pub(super) fn to(&self) -> NodeId {
        self.to
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// A heartbeat is due, and with it another attempt.
    pub(super) fn try_again(&mut self) {
        self.is_owed = true;
    }

    /// What came of it, now that the leadership has ended for this reason.
    pub(super) fn end(self, cause: Cause) -> Effect {
        let id = self.id;
        if self.was_told && cause == Cause::NewerTerm {
            Effect::Transferred { id }
        } else {
            Effect::Refused { id, why: Refusal::LeadershipLost }
        }
    }
}

impl Raft {
    pub(super) fn handle_transfer(
        &mut self,
        id: RequestId,
        to: Option<NodeId>,
        within: Duration,
        effects: &mut Effects,
    ) {
        let Role::Leader(leader) = &self.role else {
            return self.refuse_as_not_leader(id, effects);
        };
        if leader.transfer.is_some() {
            effects.push(Effect::Refused { id, why: Refusal::Transferring });
            return;
        }
        let Some(to) = self.successor(leader, to) else {
            effects.push(Effect::Refused { id, why: Refusal::NoSuccessor });
            return;
        };
        let deadline = self.now.after(within);
        let Role::Leader(leader) = &mut self.role else { return };
        let transfer = Transfer { id, to, deadline, was_told: false, is_owed: true };
        leader.transfer = Some(Box::new(transfer));
    }

    /// The voter that was named, or the one with the longest log of those that are heard from; none
    /// that may have forgotten, and would not stand.
    pub(super) fn successor(&self, leader: &Leader, named: Option<NodeId>) -> Option<NodeId> {
        let voters = leader.peers.iter().filter(|peer| {
            self.log.membership().voters().contains(&peer.id) && peer.amnesia.is_none()
        });
        match named {
            Some(id) => voters.map(|peer| peer.id).find(|&voter| voter == id),
            None => {
                let heard = voters.filter(|peer| self.hears(peer));
                heard.max_by_key(|peer| (peer.match_index, peer.heard)).map(|peer| peer.id)
            }
        }
    }

    /// Tells the successor to stand once it has all of this log: it will win then.
    pub(super) fn hand_over(&mut self) {
        let last = self.log.last().index;
        let Role::Leader(leader) = &mut self.role else { return };
        let Leader { transfer: Some(transfer), peers, lease, .. } = &mut **leader else { return };
        let has_all = Progress::of(peers, transfer.to).is_some_and(|peer| peer.match_index == last);
        if transfer.is_owed && has_all {
            (transfer.is_owed, transfer.was_told) = (false, true);
            // Its votes are given without regard to this leader (thesis 6.4.1), and whenever it hears.
            lease.iter_mut().for_each(|lease| lease.end(LeaseLost::HandedOver));
            let to = transfer.to;
            self.send(to, Rpc::TimeoutNow);
        }
    }

    /// Was this peer, which has a say, heard from within an election timeout?
    pub(super) fn hears(&self, peer: &Progress) -> bool {
        peer.amnesia.is_none() && self.now < peer.heard.after(self.config.election_timeout)
    }

    /// thesis 3.10: a leader whose successor does not take over in time leads on.
    pub(super) fn end_late_transfer(&mut self, effects: &mut Effects) {
        let now = self.now;
        let Role::Leader(leader) = &mut self.role else { return };
        if let Some(late) = leader.transfer.take_if(|transfer| transfer.deadline <= now) {
            effects.push(Effect::Refused { id: late.id, why: Refusal::TransferTimedOut });
        }
    }

    /// thesis 3.10: the leader wants this server to take over, which it does at once, and without
    /// asking whether it would be elected: to be asked is the leader's own doing.
    pub(super) fn handle_timeout_now(&mut self, from: NodeId, effects: &mut Effects) {
        let is_follower = matches!(self.role, Role::Follower(_)) && self.leader() == Some(from);
        let can_stand = self.log.membership().is_voter(self.config.id) && self.has_vote();
        if is_follower && can_stand {
            self.become_candidate(Cause::LeaderAsked, effects);
        }
    }
}
