//! Settling: looks at the state that the handlers left and gives the orders. The only place where
//! order matters, and the only one that writes, commits, and sends entries.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem::take;

use super::Raft;
use super::progress::{PeerMode, Progress};
use super::role::{Leader, Role};
use crate::config::Config;
use crate::effect::{Effect, Effects, Write};
use crate::entry::Entries;
use crate::log::Log;
use crate::message::{AppendEntries, Heartbeat, InstallSnapshot, Message, Rpc};
use crate::quorum;
use crate::types::{Index, LogId, NodeId, Round, Term};

/// Messages that wait for the hard state; older ones are dropped, as a network may.
const WITHHELD_MAX: usize = 128;

impl Raft {
    pub(super) fn settle(&mut self, effects: &mut Effects) {
        if matches!(self.role, Role::Halted(_)) {
            return;
        }
        self.log.evict(self.handed_out, self.config.cached_bytes_max);
        self.count_own_vote(effects);
        self.advance_commit();
        self.compact(effects);
        // Whoever wanted the leader removed is told that it is, before it goes.
        self.drive_change(effects);
        self.leave_if_removed(effects);
        self.announce_membership(effects);
        self.write(effects);
        match self.role {
            Role::Leader(_) => {
                self.confirm_reads(effects);
                self.replicate(effects);
                self.hand_over();
                self.part_with_peers();
            }
            Role::Follower(_) => self.acknowledge(),
            _ => {}
        }
        self.hand_out(effects);
        self.send_all(effects);
        self.assert_order();
    }

    /// What must hold after every step, in release builds too; [`crate::invariants`] checks more.
    fn assert_order(&self) {
        let last = self.log.last();
        let is_handed_out = self.log.snapshot().index <= self.handed_out;
        assert!(is_handed_out || self.is_restore_owed, "what a snapshot covers is handed out");
        assert!(self.log.base().index <= self.log.snapshot().index, "the log follows its snapshot");
        assert!(self.handed_out <= self.commit, "only what is committed is handed out");
        assert!(self.handed_out <= self.log.durable(), "only what is durable is handed out");
        assert!(self.commit <= last.index, "only what is in the log is committed");
        assert!(self.log.durable() <= last.index, "only what is in the log is durable");
        assert!(last.term <= self.hard_state.term, "no entry is of a term to come");
    }

    fn announce_membership(&mut self, effects: &mut Effects) {
        let entry = self.log.membership_at();
        if self.membership_told != entry {
            self.membership_told = entry;
            effects.push(Effect::MembershipChanged(entry.index));
        }
    }

    /// One write for all that changed: term, vote, a cut and entries become durable together.
    fn write(&mut self, effects: &mut Effects) {
        let snapshot = self.log.freeze_snapshot();
        let append = self.log.freeze();
        let hard_state = self.is_hard_state_new.then_some(self.hard_state);
        if append.is_none() && hard_state.is_none() && snapshot.is_none() {
            return;
        }
        let ticket = self.log.start_write(self.now);
        if snapshot.is_some() {
            self.log.await_snapshot(ticket);
        }
        if hard_state.is_some() {
            self.is_hard_state_new = false;
            self.hard_ticket = ticket;
            // They speak of a term that is over.
            self.withheld.clear();
        }
        effects.push(Effect::Write(Write { ticket, hard_state, snapshot, append }));
    }

    /// thesis 3.6.2 and 10.2.1: an entry is committed once a majority has it on disk; the leader
    /// counts itself like any other.
    pub(super) fn advance_commit(&mut self) {
        let Role::Leader(leader) = &self.role else { return };
        let durable = self.log.durable();
        let committed = quorum::committed(self.log.membership(), |id| match leader.peer(id) {
            Some(peer) => Index(peer.counted(peer.match_index.0)),
            None => Index(self.own_value(id, durable.0)),
        });
        // Only entries of the leader's own term are committed by counting; those before them
        // follow (thesis 3.6.2, Figure 3.7).
        if committed > self.commit && self.log.term(committed) == Some(self.hard_state.term) {
            self.commit = committed;
        }
        let (last, commit) = (self.log.last().index, self.commit);
        let Role::Leader(leader) = &mut self.role else { return };
        leader.account(last, commit.min(durable));
    }

    /// thesis 6.4: reads are served from the commit index of the moment when they came in, once a
    /// majority confirmed afterwards that this server still led.
    fn confirm_reads(&mut self, effects: &mut Effects) {
        let (commit, id) = (self.commit, self.config.id);
        let Role::Leader(leader) = &mut self.role else { return };
        if leader.reads.is_empty() {
            return;
        }
        if leader.reads.is_round_owed() && commit >= leader.noop {
            leader.is_round_owed = true;
            leader.reads.start_round(leader.round.next(), commit);
        }
        let own = if leader.is_round_owed { leader.round.next() } else { leader.round };
        let confirmed =
            quorum::reached(self.log.membership(), |member| match leader.peer(member) {
                Some(peer) => peer.counted(peer.round.0),
                None => {
                    assert!(member == id, "every other member is a peer");
                    own.0
                }
            });
        while let Some((id, index)) = leader.reads.pop_confirmed(Round(confirmed)) {
            effects.push(Effect::ReadReady { id, index });
        }
    }

    fn replicate(&mut self, effects: &mut Effects) {
        self.time_round();
        let (leader, mut post) = self.post_office();
        if leader.is_round_owed {
            leader.is_round_owed = false;
            leader.round = leader.round.next();
            for peer in &mut leader.peers {
                post.heartbeat(peer, leader.round);
                post.help_to_remember(peer);
            }
        }
        for at in 0..leader.peers.len() {
            let round = &mut leader.round;
            let peer = &mut leader.peers[at];
            match peer.mode {
                PeerMode::Probe => post.probe(peer, round),
                PeerMode::Replicate => post.stream(peer, round, effects),
                PeerMode::Fetching => {}
                PeerMode::Snapshot => post.offer(peer, *round),
            }
        }
    }

    fn post_office(&mut self) -> (&mut Leader, PostOffice<'_>) {
        let Role::Leader(leader) = &mut self.role else {
            unreachable!("only a leader replicates");
        };
        let post = PostOffice {
            from: self.config.id,
            term: self.hard_state.term,
            commit: self.commit,
            config: &self.config,
            log: &self.log,
            fetches: &mut self.fetches,
            outbox: &mut self.outbox,
        };
        (leader, post)
    }

    /// Commits go out once they are durable here too: a state machine never gets ahead of its log.
    fn hand_out(&mut self, effects: &mut Effects) {
        if self.is_restore_owed {
            let snapshot = self.log.snapshot();
            // Its entries are not to be had any more, only the state that they make.
            if snapshot.index > self.log.durable() {
                return;
            }
            (self.is_restore_owed, self.handed_out) = (false, snapshot.index);
            effects.push(Effect::Restore(snapshot));
        }
        let upto = self.commit.min(self.log.durable());
        if upto > self.handed_out {
            self.handed_out = upto;
            effects.push(Effect::Commit(upto));
        }
    }

    /// thesis 3.8: term and vote are durable before anybody hears of them.
    fn send_all(&mut self, effects: &mut Effects) {
        if self.is_hard_state_durable() {
            if !self.withheld.is_empty() {
                // Rare, and idle groups are many: gives its memory back.
                effects.append(&mut take(&mut self.withheld));
            }
            effects.append(&mut self.outbox);
            return;
        }
        self.withheld.append(&mut self.outbox);
        let surplus = self.withheld.len().saturating_sub(WITHHELD_MAX);
        self.withheld.drain(..surplus);
    }
}

impl Leader {
    /// Keeps the sum of what was accepted and is not done with: `done` is committed, and durable
    /// here. The peers could commit on without this server's disk, and what waits for that would
    /// grow for as long as they are faster.
    fn account(&mut self, last: Index, done: Index) {
        let accepted = take(&mut self.unsettled_bytes);
        if accepted > 0 {
            self.uncommitted.push_back((last, accepted));
            self.uncommitted_bytes += accepted;
        }
        while let Some((_, cost)) = self.uncommitted.pop_front_if(|batch| batch.0 <= done) {
            self.uncommitted_bytes -= cost;
        }
    }
}

/// Writes a leader's messages to its peers.
struct PostOffice<'a> {
    from: NodeId,
    term: Term,
    commit: Index,
    config: &'a Config,
    log: &'a Log,
    fetches: &'a mut Vec<(NodeId, Index)>,
    outbox: &'a mut Vec<Effect>,
}

impl PostOffice<'_> {
    /// Confirms leadership and tells the commit index. It refers to the entry up to which the logs
    /// are known to match, so that it passes whatever else is under way.
    fn heartbeat(&mut self, peer: &mut Progress, round: Round) {
        let matched = self.log.id(peer.match_index).unwrap_or(LogId::ZERO);
        let (replication, commit) = (peer.replication, self.commit);
        self.send(peer, Rpc::Heartbeat(Heartbeat { replication, round, matched, commit }));
    }

    /// See [`super::forgetful`].
    fn help_to_remember(&mut self, peer: &mut Progress) {
        let amnesia = peer.amnesia.as_deref();
        if let Some(remedy) = amnesia.and_then(|&amnesia| Raft::remedy(amnesia, self.commit)) {
            self.send(peer, remedy);
        }
    }

    /// One message that finds out whether the logs match before `next_index`. The first one carries
    /// entries if there are any, in case that they do; to ask again takes none (thesis 10.2.1). Its
    /// round is its own, so that it is answered in any case.
    fn probe(&mut self, peer: &mut Progress, round: &mut Round) {
        if peer.probed_in.is_some() {
            return;
        }
        let Some(prev) = self.log.id(peer.next_index.prev()) else {
            return self.start_offer(peer, *round);
        };
        let bytes_max = self.config.message_bytes_max;
        let is_first = !core::mem::replace(&mut peer.has_tried, true);
        let entries = is_first.then(|| self.log.window(peer.next_index, bytes_max)).flatten();
        let entries = entries.unwrap_or_default();
        // What went with an earlier one is lost, or the answer would be here.
        peer.inflight.clear();
        if let Some(last) = entries.last_id() {
            peer.inflight.start(last.index, entries.cost_bytes());
        }
        *round = round.next();
        peer.probed_in = Some(*round);
        self.append(peer, *round, prev, entries);
    }

    /// Entries, as many as the window has room for, or what else the peer should know.
    fn stream(&mut self, peer: &mut Progress, round: &mut Round, effects: &mut Effects) {
        let last = self.log.last().index;
        // The peer may have acknowledged some of it since it was read.
        let fetched = peer.fetched.take();
        let fetched = fetched.map_or(Entries::EMPTY, |it| it.from(peer.next_index));
        if fetched.first_index() == Some(peer.next_index) {
            self.ship(peer, *round, fetched);
        }
        while peer.next_index <= last
            && peer
                .inflight
                .has_room(self.config.inflight_messages_max, self.config.inflight_bytes_max)
        {
            match self.log.window(peer.next_index, self.config.message_bytes_max) {
                Some(entries) => self.ship(peer, *round, entries),
                None => return self.fetch(peer, *round, effects),
            }
        }
        if take(&mut peer.suspects_loss) {
            // Follows what is under way: refused if and only if some of it did not arrive.
            *round = round.next();
            let prev = self.log.id(peer.next_index.prev()).expect("what was sent is in the log");
            self.append(peer, *round, prev, Entries::EMPTY);
        }
        if self.news_for(peer) > peer.commit_told {
            // In the round of an earlier message: wants no answer.
            self.heartbeat(peer, *round);
        }
    }

    fn fetch(&mut self, peer: &mut Progress, round: Round, effects: &mut Effects) {
        if peer.next_index <= self.log.base().index {
            return self.start_offer(peer, round);
        }
        peer.mode = PeerMode::Fetching;
        // The answer to an earlier question is still to come; then the right one is asked.
        if self.fetches.iter().any(|fetch| fetch.0 == peer.id) {
            return;
        }
        self.fetches.push((peer.id, peer.next_index));
        effects.push(Effect::Fetch {
            to: peer.id,
            first: peer.next_index,
            bytes_max: self.config.message_bytes_max,
        });
    }

    /// thesis 5.3: before the start of the log there is nothing to compare with, or to be sent.
    fn start_offer(&mut self, peer: &mut Progress, round: Round) {
        peer.become_snapshot(self.log.snapshot_meta());
        self.offer(peer, round);
    }

    fn offer(&mut self, peer: &mut Progress, round: Round) {
        if !core::mem::take(&mut peer.is_offer_owed) {
            return;
        }
        let snapshot = *peer.offer.clone().expect("a snapshot that is offered");
        let install = InstallSnapshot { replication: peer.replication, round, snapshot };
        self.send(peer, Rpc::InstallSnapshot(Box::new(install)));
    }

    fn ship(&mut self, peer: &mut Progress, round: Round, entries: Entries) {
        let prev = self.log.id(peer.next_index.prev()).expect("the entry before a window");
        let last = entries.last_id().expect("a window has an entry").index;
        peer.inflight.start(last, entries.cost_bytes());
        peer.next_index = last.next();
        self.append(peer, round, prev, entries);
    }

    /// The newest commit index that means something to the peer.
    fn news_for(&self, peer: &Progress) -> Index {
        self.commit.min(peer.next_index.prev())
    }

    fn append(&mut self, peer: &mut Progress, round: Round, prev: LogId, entries: Entries) {
        let (replication, commit) = (peer.replication, self.commit);
        let request = AppendEntries { replication, round, prev, entries, commit };
        self.send(peer, Rpc::AppendEntries(request));
    }

    fn send(&mut self, peer: &mut Progress, rpc: Rpc) {
        peer.commit_told = peer.commit_told.max(self.news_for(peer));
        let (from, to, term) = (self.from, peer.id, self.term);
        self.outbox.push(Effect::Send(Message { from, to, term, rpc }));
    }
}
