//! What a leader decides: proposals, reads, answers of its peers, and whether it still leads.

use super::Raft;
use super::forgetful::Amnesia;
use super::progress::{PeerMode, Progress};
use super::reads::Reads;
use super::role::{Leader, Role};
use super::time::TimeLed;
use crate::effect::{Cause, Effect, Effects, Refusal};
use crate::entry::{Entries, Entry, Payload};
use crate::message::{AppendEntriesReply, AppendOutcome};
use crate::quorum::{self, VoteResult, vote_result};
use crate::types::{Index, Instant, LifeId, LogId, NodeId, ReplicationId, RequestId, Round};

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;

impl Raft {
    /// thesis 3.4: a majority voted for this server.
    pub(super) fn become_leader(&mut self, effects: &mut Effects) {
        assert!(self.is_hard_state_durable(), "a leader's own vote is durable");
        self.has_led = true;
        let next = self.log.last().index.next();
        let peers = self.log.membership().members().into_iter().filter(|&id| id != self.config.id);
        let replications = &mut self.replications;
        let mut peers: Vec<_> = peers
            .map(|id| {
                *replications += 1;
                Progress::new(id, ReplicationId(*replications), next, self.now)
            })
            .collect();
        // There may be very many groups, and their peers are most of what they hold.
        peers.shrink_to_fit();
        // thesis 3.6.2 and 6.4: an entry of its own term lets the leader commit what is before it.
        let noop = self.log.propose(self.hard_state.term, Payload::NOOP).index;
        let leader = Leader {
            heartbeat_at: self.now.after(self.config.heartbeat_interval),
            noop,
            peers,
            round: Round(0),
            is_round_owed: false,
            reads: Reads::default(),
            lease: self.config.lease.map(|_| Box::default()),
            time: self.config.time_resolution_ms.map(|_| Box::new(TimeLed::since(self.now))),
            transfer: None,
            change: None,
            membership_since: self.now,
            uncommitted: VecDeque::new(),
            uncommitted_bytes: 0,
            unsettled_bytes: 0,
        };
        self.change_role(Role::Leader(Box::new(leader)), Cause::ElectionWon, effects);
    }

    pub(super) fn handle_propose(&mut self, id: RequestId, command: Bytes, effects: &mut Effects) {
        let Role::Leader(leader) = &mut self.role else {
            return self.refuse_as_not_leader(id, effects);
        };
        let (bytes, bytes_max) = (command.len() as u64, self.config.command_bytes_max);
        if bytes > bytes_max {
            effects.push(Effect::Refused { id, why: Refusal::TooLarge { bytes, bytes_max } });
            return;
        }
        if leader.transfer.is_some() {
            // thesis 3.10: what came in now, the successor would have to catch up with.
            effects.push(Effect::Refused { id, why: Refusal::Transferring });
            return;
        }
        let cost = bytes + Entry::OVERHEAD_BYTES;
        let sum = leader.uncommitted_bytes + leader.unsettled_bytes;
        if sum > 0 && sum + cost > self.config.uncommitted_bytes_max {
            effects.push(Effect::Refused { id, why: Refusal::Busy });
            return;
        }
        leader.unsettled_bytes += cost;
        self.write_time_if_due();
        let at = self.log.propose(self.hard_state.term, Payload::Command(command));
        effects.push(Effect::Accepted { id, at });
    }

    pub(super) fn handle_read(&mut self, id: RequestId, effects: &mut Effects) {
        let Role::Leader(leader) = &mut self.role else {
            return self.refuse_as_not_leader(id, effects);
        };
        if leader.reads.len() >= self.config.reads_pending_max as usize {
            effects.push(Effect::Refused { id, why: Refusal::Busy });
            return;
        }
        leader.reads.push(id);
    }

    /// A peer answers, in a life (`Some`) of one that may have forgotten what it promised or not.
    pub(super) fn handle_append_entries_reply(
        &mut self,
        from: NodeId,
        life: Option<LifeId>,
        reply: AppendEntriesReply,
    ) {
        let Role::Leader(leader) = &self.role else { return };
        let Some(peer) = leader.peer(from) else { return };
        let (base, last) = (self.log.base().index, self.log.last().index);
        if peer.replication != reply.replication {
            return;
        }
        if reply.round > leader.round || !reply.outcome.is_sane_up_to(last) {
            self.ignored_messages = self.ignored_messages.saturating_add(1);
            return;
        }
        if !self.recognise(from, life) {
            return;
        }
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(peer) = leader.peer_mut(from) else { return };
        peer.heard = self.now;
        peer.round = peer.round.max(reply.round);
        match reply.outcome {
            AppendOutcome::Match(index) => {
                let is_news = index > peer.match_index;
                peer.acknowledge(index, reply.round, base);
                if !is_news {
                    peer.suspect_loss();
                }
                // An answer to a later round: the probe, or the answer to it, is lost.
                if peer.probed_in.is_some_and(|round| round < reply.round) {
                    peer.probed_in = None;
                }
            }
            AppendOutcome::Mismatch { rejected, hint } => {
                // thesis 3.5: the logs part somewhere before. Whatever the peer has that is newer
                // than the hint, this log lacks.
                let next = self.log.newest_within(hint).index.next().min(rejected);
                if rejected <= peer.match_index {
                    // Either an answer that was overtaken, or the peer has lost what it had
                    // acknowledged. Its answers carry the newest round that it has seen, so one
                    // of a newer round than its acknowledgement was given after it.
                    if reply.round > peer.match_round {
                        self.replications += 1;
                        peer.start_over(ReplicationId(self.replications), next);
                        peer.amnesia.get_or_insert_with(|| Box::new(Amnesia::Found));
                    }
                } else if peer.mode.is_streaming() || rejected.next() == peer.next_index {
                    peer.become_probe(next);
                }
            }
            AppendOutcome::StaleTerm => {}
        }
    }

    /// The driver has read entries that were no longer in memory.
    pub(super) fn handle_fetched(&mut self, to: NodeId, entries: Entries) {
        let Some(at) = self.fetches.iter().position(|fetch| fetch.0 == to) else { return };
        let (_, asked) = self.fetches.swap_remove(at);
        let Role::Leader(leader) = &mut self.role else { return };
        let round = leader.round;
        // By now the peer may need something else, or nothing.
        let Some(peer) = leader.peer_mut(to).filter(|peer| peer.mode == PeerMode::Fetching) else {
            return;
        };
        let is_ours = |id: LogId| self.log.id(id.index) == Some(id);
        let ends = entries.first().map(|first| first.id).zip(entries.last_id());
        peer.mode = PeerMode::Replicate;
        if ends.is_some_and(|(first, last)| {
            first.index == peer.next_index && is_ours(first) && is_ours(last)
        }) {
            peer.fetched = Some(Box::new(entries));
        } else if asked == peer.next_index {
            // Nothing, or not from this log: starts over, with the next heartbeat.
            peer.become_probe(peer.next_index);
            peer.probed_in = Some(round);
        }
    }

    /// What was under way to the peer may be lost.
    pub(super) fn handle_unreachable(&mut self, peer: NodeId) {
        let Role::Leader(leader) = &mut self.role else { return };
        if let Some(peer) = leader.peer_mut(peer)
            && peer.mode.is_streaming()
        {
            peer.become_probe(peer.match_index.next());
        }
    }

    pub(super) fn handle_leader_timeout(&mut self, effects: &mut Effects) {
        let now = self.now;
        let Role::Leader(leader) = &self.role else { return };
        if now >= self.quorum_lost_at(leader) {
            return self.become_follower(Cause::QuorumLost, effects);
        }
        if now >= self.gives_way_at(leader) {
            return self.become_follower(Cause::DiskHung, effects);
        }
        self.end_late_transfer(effects);
        let Role::Leader(leader) = &mut self.role else { return };
        if now < leader.heartbeat_at {
            return;
        }
        leader.heartbeat_at = now.after(self.config.heartbeat_interval);
        leader.is_round_owed = true;
        leader.transfer.iter_mut().for_each(|transfer| transfer.try_again());
        for peer in &mut leader.peers {
            (peer.may_suspect_loss, peer.is_offer_owed) = (true, true);
        }
        self.is_compaction_due = true;
        self.keep_time();
        self.note_silent_newcomers();
    }

    /// thesis 6.2: a leader that no majority has answered for an election timeout steps down, so
    /// that its clients look elsewhere.
    pub(super) fn quorum_lost_at(&self, leader: &Leader) -> Instant {
        if !self.config.check_quorum {
            return Instant(u64::MAX);
        }
        let heard = quorum::reached(self.log.membership(), |id| match leader.peer(id) {
            Some(peer) => peer.counted(peer.heard.0),
            None => self.own_value(id, u64::MAX),
        });
        // A new membership's majority has its time from then on.
        Instant(heard).max(leader.membership_since).after(self.config.election_timeout)
    }

    /// When a leader gives way to one whose disk works, unless its own answers. It could go on to
    /// commit what its peers write, but not for long, and only for as long as all of them do.
    ///
    /// Never if the others cannot elect anybody without its vote, which would not reach its disk
    /// (thesis 3.8): a server alone, or one of two. To step down would help nobody then. It stays,
    /// acknowledges nothing that is not durable, and goes on with all of it when its disk does.
    ///
    /// A new membership that could do without it gives it as much time as a new leader has.
    pub(super) fn gives_way_at(&self, leader: &Leader) -> Instant {
        let never = Instant(u64::MAX);
        let hangs_at = self.disk_hangs_at();
        if hangs_at == never {
            return never;
        }
        let others = |id| Some(id != self.config.id && !self.is_forgetful_peer(id));
        match vote_result(self.log.membership(), others) {
            VoteResult::Won => {
                hangs_at.max(leader.membership_since.after(self.config.disk_timeout))
            }
            VoteResult::Lost | VoteResult::Pending => never,
        }
    }

    /// The value of a member that is no peer: this server's own.
    pub(super) fn own_value(&self, id: NodeId, value: u64) -> u64 {
        assert!(id == self.config.id, "every other member is a peer");
        value
    }
}

impl AppendOutcome {
    /// Could a peer of a leader whose log ends at `last` have said this?
    fn is_sane_up_to(&self, last: Index) -> bool {
        match *self {
            Self::Match(index) => index <= last,
            // Every log matches before its first entry, and a hint is not behind what it is for.
            Self::Mismatch { rejected, hint } => {
                rejected > Index(0) && rejected <= last && hint.index <= rejected
            }
            Self::StaleTerm => false,
        }
    }
}
