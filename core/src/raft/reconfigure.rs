//! Changes of the membership: thesis 4.
//!
//! A change is a target. Each time the leader settles it compares the membership that rules with
//! the target, and appends the next membership on the way once the one before is committed:
//!
//! ```text
//!                 newcomers           have caught up, one voter more or less
//!   what rules ──────────────► as learners ─────────────────────────────────► the target
//!                                   │  more voters change             all of it │
//!                                   └──────────────────► two majorities ────────┘
//! ```
//! A leader that finds two majorities in its log, whoever began that, ends them in any case.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Raft;
use super::progress::Progress;
use super::role::{Leader, Role};
use crate::effect::{Cause, Effect, Effects, Refusal, Stopped};
use crate::entry::{Payload, System};
use crate::membership::{Membership, MembershipRecord};
use crate::message::Rpc;
use crate::quorum::{VoteResult, vote_result};
use crate::types::{Index, Instant, NodeId, ReplicationId, RequestId};

/// How many rounds a newcomer has to catch up (thesis 4.2.1).
const ROUNDS_MAX: u32 = 10;
/// For how many election timeouts a newcomer may be silent, and a server that is leaving may take to
/// hear that it has left.
const PATIENCE: u32 = 10;

/// A change under way. It ends with the leadership at the latest.
#[derive(Clone, Debug)]
pub(super) struct Reconfiguration {
    id: RequestId,
    target: Membership,
    force: bool,
    /// The newcomers' rounds.
    catch_ups: Vec<CatchUp>,
}

/// A newcomer's round: it gets what the log held when the round began (thesis 4.2.1).
#[derive(Clone, Copy, Debug)]
struct CatchUp {
    id: NodeId,
    goal: Index,
    began: Instant,
    rounds: u32,
    is_done: bool,
    /// Nothing was heard of it for too long.
    is_silent: bool,
}

/// What is to be done next about the membership.
enum Next {
    Nothing,
    Append(Membership),
    Done,
    Stop(Stopped),
}

impl Reconfiguration {
    /// The leadership has ended.
    pub(super) fn end(self) -> Effect {
        Effect::ReconfigurationStopped { id: self.id, why: Stopped::LeadershipLost }
    }
}

impl Raft {
    pub(super) fn handle_reconfigure(
        &mut self,
        id: RequestId,
        target: Membership,
        expected: Option<Index>,
        force: bool,
        effects: &mut Effects,
    ) {
        let at = self.log.membership_at().index;
        let is_joint = self.log.membership().is_joint();
        let Role::Leader(leader) = &mut self.role else {
            return self.refuse_as_not_leader(id, effects);
        };
        let refusal = if leader.transfer.is_some() {
            Some(Refusal::Transferring)
        } else if expected.is_some_and(|expected| expected != at) {
            Some(Refusal::MembershipIs { at })
        } else if is_joint {
            Some(Refusal::ChangeUnderWay)
        } else if target.is_joint() {
            Some(Refusal::JointTarget)
        } else {
            None
        };
        if let Some(why) = refusal {
            effects.push(Effect::Refused { id, why });
            return;
        }
        let change = Reconfiguration { id, target, force, catch_ups: Vec::new() };
        if let Some(earlier) = leader.change.replace(Box::new(change)) {
            let (id, why) = (earlier.id, Stopped::Superseded);
            effects.push(Effect::ReconfigurationStopped { id, why });
        }
    }

    /// Takes the next step on the way to the target.
    pub(super) fn drive_change(&mut self, effects: &mut Effects) {
        let Role::Leader(leader) = &self.role else { return };
        // thesis 4.1: one change at a time; and none before the leader has committed an entry of its
        // own term, or two leaders could commit changes that know nothing of each other.
        if self.log.membership_at().index.max(leader.noop) > self.commit {
            return;
        }
        self.log_rounds();
        match self.next_membership() {
            Next::Nothing => {}
            Next::Append(membership) => self.append_membership(&membership),
            Next::Done => {
                let at = self.log.membership_at().index;
                if let Some(done) = self.take_change() {
                    effects.push(Effect::Reconfigured { id: done.id, at });
                }
            }
            Next::Stop(why) => {
                if let Some(stopped) = self.take_change() {
                    effects.push(Effect::ReconfigurationStopped { id: stopped.id, why });
                }
            }
        }
    }

    fn take_change(&mut self) -> Option<Box<Reconfiguration>> {
        match &mut self.role {
            Role::Leader(leader) => leader.change.take(),
            _ => None,
        }
    }

    fn next_membership(&self) -> Next {
        let Role::Leader(leader) = &self.role else { return Next::Nothing };
        let now = self.log.membership();
        if now.is_joint() {
            // thesis 4.3: the old majority is needed no longer.
            return Next::Append(now.without_outgoing());
        }
        let Some(change) = &leader.change else { return Next::Nothing };
        let Reconfiguration { target, force, catch_ups, .. } = &**change;
        if now == target {
            return Next::Done;
        }
        let newcomers = || target.voters().iter().filter(|&&id| !now.is_voter(id)).copied();
        if newcomers().any(|id| !now.is_member(id)) {
            return Next::Append(now.with_learners(newcomers(), target));
        }
        let is_lost = |it: &&CatchUp| !it.is_done && (it.rounds >= ROUNDS_MAX || it.is_silent);
        if let Some(lost) = catch_ups.iter().find(is_lost) {
            return Next::Stop(Stopped::CannotCatchUp(lost.id));
        }
        let has_caught_up = |id| catch_ups.iter().any(|it| it.id == id && it.is_done);
        if !newcomers().all(has_caught_up) {
            return Next::Nothing;
        }
        if target.voters().iter().any(|&id| self.is_forgetful_peer(id)) {
            // Soon it has a say again; without it the target might never have a quorum.
            return Next::Nothing;
        }
        let is_heard =
            |id| id == self.config.id || leader.peer(id).is_some_and(|it| self.hears(it));
        if !force && vote_result(target, |id| Some(is_heard(id))) != VoteResult::Won {
            return Next::Stop(Stopped::QuorumAtRisk);
        }
        // thesis 4.1: majorities of two memberships that differ in one voter overlap.
        Next::Append(match now.voters_that_differ(target) {
            0 | 1 => target.clone(),
            _ => target.joint_with(now),
        })
    }

    /// Looks with each heartbeat which newcomers are heard from.
    pub(super) fn note_silent_newcomers(&mut self) {
        let (now, patience) = (self.now, self.config.election_timeout * PATIENCE);
        let Role::Leader(leader) = &mut self.role else { return };
        let Leader { change: Some(change), peers, .. } = &mut **leader else { return };
        for it in &mut change.catch_ups {
            let peer = Progress::of(peers, it.id);
            it.is_silent = peer.is_none_or(|peer| now >= peer.heard.after(patience));
        }
    }

    /// thesis 4.2.1: a newcomer gets a vote once it took less than an election timeout to get all
    /// that the log held at the beginning of a round.
    fn log_rounds(&mut self) {
        let (now, last, timeout) = (self.now, self.log.last().index, self.config.election_timeout);
        let membership = self.log.membership();
        let Role::Leader(leader) = &mut self.role else { return };
        let Leader { change: Some(change), peers, .. } = &mut **leader else { return };
        for &id in change.target.voters() {
            let is_newcomer = membership.learners().contains(&id);
            if is_newcomer && change.catch_ups.iter().all(|it| it.id != id) {
                let (rounds, is_done, is_silent) = (0, false, false);
                change.catch_ups.push(CatchUp {
                    id,
                    goal: last,
                    began: now,
                    rounds,
                    is_done,
                    is_silent,
                });
            }
        }
        for it in change.catch_ups.iter_mut().filter(|it| !it.is_done) {
            let matched = Progress::of(peers, it.id).map_or(Index(0), |peer| peer.match_index);
            if matched < it.goal {
                continue;
            }
            // Whoever has all that there is would be done with the next round at once.
            it.is_done = now < it.began.after(timeout) || matched == last;
            (it.goal, it.began, it.rounds) = (last, now, it.rounds + 1);
        }
    }

    /// The new membership rules from now on, committed or not (thesis 4.1).
    fn append_membership(&mut self, membership: &Membership) {
        let record = System::Membership(MembershipRecord::of(membership));
        let at = self.log.propose(self.hard_state.term, Payload::System(record)).index;
        let (now, next) = (self.now, at.next());
        let goodbye = now.after(self.config.election_timeout * PATIENCE);
        let Role::Leader(leader) = &mut self.role else { return };
        leader.membership_since = now;
        for peer in &mut leader.peers {
            if !membership.is_member(peer.id) {
                peer.leaving.get_or_insert_with(|| Box::new((at, goodbye)));
            }
        }
        for id in membership.members() {
            // Whoever left and is back begins anew: what it said before is void.
            let is_known = leader.peer(id).is_some_and(|peer| peer.leaving.is_none());
            if id == self.config.id || is_known {
                continue;
            }
            self.replications += 1;
            let peer = Progress::new(id, ReplicationId(self.replications), next, now);
            match leader.peers.binary_search_by_key(&id, |peer| peer.id) {
                Ok(at) => leader.peers[at] = peer,
                Err(at) => leader.peers.insert(at, peer),
            }
        }
        // What was there before may have all that it takes to be committed now.
        self.advance_commit();
    }

    /// Forgets peers that have left and were told so, or cannot be told.
    pub(super) fn part_with_peers(&mut self) {
        let now = self.now;
        let Role::Leader(leader) = &mut self.role else { return };
        leader.peers.retain(|peer| match peer.leaving.as_deref() {
            Some(&(at, goodbye)) => {
                now < goodbye && (peer.match_index < at || peer.commit_told < at)
            }
            None => true,
        });
    }

    /// thesis 4.2.2: a leader that has left leads until that is committed; then the one that is best
    /// prepared is told to take over.
    pub(super) fn leave_if_removed(&mut self, effects: &mut Effects) {
        let membership = self.log.membership();
        let Role::Leader(leader) = &self.role else { return };
        let is_committed = self.log.membership_at().index <= self.commit;
        if !is_committed || membership.is_joint() || membership.is_voter(self.config.id) {
            return;
        }
        let last = self.log.last().index;
        let has_all = |&id: &NodeId| leader.peer(id).is_some_and(|it| it.match_index == last);
        let heir = self.successor(leader, None).filter(has_all);
        let is_target = leader.change.as_ref().is_some_and(|change| change.target == *membership);
        let at = self.log.membership_at().index;
        // What it was to do is done: the leadership ends because of that, and not before.
        if let Some(done) = is_target.then(|| self.take_change()).flatten() {
            effects.push(Effect::Reconfigured { id: done.id, at });
        }
        if let Some(heir) = heir {
            self.send(heir, Rpc::TimeoutNow);
        }
        self.become_follower(Cause::Removed, effects);
    }
}
