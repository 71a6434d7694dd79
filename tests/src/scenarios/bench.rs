//! One server on the bench: a core, a disk that is as fast as one likes, and a clock of its own.

use std::collections::BTreeMap;

use quorate_core::{
    AppendEntries, AppendEntriesReply, AppendOutcome, Effect, Effects, Entry, Event, HardState,
    Heartbeat, Index, InstallSnapshot, Instant, LogId, Membership, Message, NodeId, PreVote,
    PreVoteReply, Raft, Recovered, Refusal, ReplicationId, RequestId, RequestVote,
    RequestVoteReply, RoleKind, Round, Rpc, SnapshotChange, SnapshotMeta, Term, Write,
};

use super::event::Happening;
use super::given::{TICK, Tuning};
use super::json::{Run, unfit, wrong};
use super::message::{Body, Letter};

/// A server and what it has said.
pub(crate) struct Bench {
    pub(crate) raft: Raft,
    tuning: Tuning,
    now: Instant,
    disk: Disk,
    /// Written and not yet durable; empty unless the disk is slow.
    pending: Vec<Write>,
    /// Does the disk wait for [`Bench::sync`]?
    pub(crate) is_disk_slow: bool,
    /// What was sent since this was emptied last.
    pub(crate) sent: Vec<Message>,
    /// Reads that were answered, in order.
    pub(crate) reads: Vec<(String, Index)>,
    /// Reads and proposals that were turned down, and whether another server was named.
    pub(crate) refused: Vec<(String, Refusal)>,
    /// The memberships that came to rule, in order.
    pub(crate) ruled: Vec<Membership>,
    /// What to call a request in an answer.
    asked: BTreeMap<RequestId, String>,
    /// What the server said last to each peer, for the answers.
    sessions: BTreeMap<NodeId, (ReplicationId, Round)>,
    /// Counts the rounds of what is put into leaders' mouths.
    round: Round,
}

/// What survives a restart.
#[derive(Clone)]
pub(crate) struct Disk {
    pub(crate) hard_state: HardState,
    pub(crate) snapshot: SnapshotMeta,
    pub(crate) log: Vec<Entry>,
}

impl Bench {
    pub(crate) fn start(id: NodeId, tuning: Tuning, disk: Disk) -> Run<Self> {
        let recovered =
            Recovered::from_entries(disk.hard_state, disk.snapshot.clone(), disk.log.clone());
        let recovered = recovered.or_else(|error| unfit("state", error.to_string()))?;
        // The world's clocks need not agree, and none begins at zero.
        let now = Instant(1_000_000_000);
        let raft = Raft::new(tuning.config(id), recovered, now)
            .or_else(|error| unfit("state", error.to_string()))?;
        Ok(Self {
            raft,
            tuning,
            now,
            disk,
            pending: Vec::new(),
            is_disk_slow: false,
            sent: Vec::new(),
            reads: Vec::new(),
            refused: Vec::new(),
            ruled: Vec::new(),
            asked: BTreeMap::new(),
            sessions: BTreeMap::new(),
            round: Round(1 << 20),
        })
    }

    /// The same server after a crash.
    pub(crate) fn restarted(self) -> Run<Self> {
        let id = self.id();
        Self::start(id, self.tuning, self.disk)
    }

    pub(crate) fn id(&self) -> NodeId {
        self.raft.status().id
    }

    pub(crate) fn role(&self) -> RoleKind {
        self.raft.status().role
    }

    pub(crate) fn term(&self) -> Term {
        self.raft.status().hard_state.term
    }

    pub(crate) fn disk(&self) -> &Disk {
        &self.disk
    }

    pub(crate) fn happen(&mut self, happening: &Happening) -> Run {
        match happening {
            Happening::Receive(letter) => self.receive(letter)?,
            Happening::Campaign => self.campaign(),
            Happening::Tick(count) => return (0..*count).try_for_each(|_| self.tick()),
            Happening::Beat => self.beat(),
            Happening::Propose(count) => (0..*count).for_each(|_| self.propose(0)),
            Happening::ProposeBytes(bytes) => self.propose(*bytes),
            Happening::Read(name) => {
                let id = self.ask(name.clone());
                // Where leaders have no leases, the two are the same.
                self.step(Event::LeaseRead { id });
            }
            Happening::Transfer(to) => {
                let (id, to) = (self.ask("transfer".to_owned()), Some(*to));
                let within = self.tuning.config(self.id()).election_timeout;
                self.step(Event::TransferLeadership { id, to, within });
            }
            Happening::Unreachable(peer) => self.step(Event::Unreachable(*peer)),
            Happening::Order(changes) => self.order(changes)?,
            Happening::TakeEffect(changes) => self.take_effect(changes)?,
            Happening::Compact(index) => self.step(Event::SnapshotTaken(*index)),
            Happening::Nothing => {}
        }
        Ok(())
    }

    /// The election timeout of this server fires, whatever the time is elsewhere.
    pub(crate) fn campaign(&mut self) {
        if self.role() != RoleKind::Leader {
            self.now = self.now.max(self.raft.deadline().unwrap_or(self.now));
            self.step(Event::Timeout);
        }
    }

    /// One tick passes; timers fire when they are due.
    fn tick(&mut self) -> Run {
        let until = self.now.after(TICK);
        for _ in 0..1000 {
            match self.raft.deadline() {
                Some(deadline) if deadline <= until => {
                    self.now = self.now.max(deadline);
                    self.step(Event::Timeout);
                }
                _ => {
                    self.now = until;
                    return Ok(());
                }
            }
        }
        wrong("its timers never come to rest")
    }

    /// The heartbeat timer fires; only a leader has one.
    pub(crate) fn beat(&mut self) {
        if self.role() == RoleKind::Leader {
            self.now = self.now.after(self.tuning.heartbeat());
        }
        self.step(Event::Timeout);
    }

    fn propose(&mut self, bytes: usize) {
        let id = self.ask("proposal".to_owned());
        self.step(Event::Propose { id, command: vec![0; bytes].into() });
    }

    pub(crate) fn ask(&mut self, name: String) -> RequestId {
        let id = RequestId(self.asked.len() as u64);
        self.asked.insert(id, name);
        id
    }

    /// A message of a row comes in.
    pub(crate) fn receive(&mut self, letter: &Letter) -> Run {
        let rpc = self.complete(letter);
        let Letter { from, term, .. } = *letter;
        // A pre-vote speaks of the term to come; its sender's own is the last that fits.
        let term = match &rpc {
            Rpc::PreVote(ask) => Term(ask.next_term.0.saturating_sub(1)).max(ask.last.term),
            Rpc::PreVoteReply(PreVoteReply { next_term, granted: true }) => {
                Term(next_term.0.saturating_sub(1))
            }
            _ => term,
        };
        self.deliver(Message { from, to: self.id(), term, rpc });
        Ok(())
    }

    /// A message of another server comes in.
    pub(crate) fn deliver(&mut self, message: Message) {
        self.step(Event::Receive(message));
    }

    /// Adds what the row leaves out: an answer names the question, a question is new.
    fn complete(&mut self, letter: &Letter) -> Rpc {
        let session = self.sessions.get(&letter.from).copied().unwrap_or_default();
        let reply = |outcome| {
            let (replication, round) = session;
            Rpc::AppendEntriesReply(AppendEntriesReply { replication, round, outcome })
        };
        match letter.body.clone() {
            Body::PreVote { last } => Rpc::PreVote(PreVote { next_term: letter.term, last }),
            Body::PreVoteReply { granted } => {
                let asked = Term(self.term().0 + 1);
                let next_term = if granted { letter.term } else { asked };
                Rpc::PreVoteReply(PreVoteReply { next_term, granted })
            }
            Body::Vote { last } => Rpc::RequestVote(RequestVote { last }),
            Body::TransferVote { last } => Rpc::RequestVoteInTransfer(RequestVote { last }),
            Body::TimeoutNow => Rpc::TimeoutNow,
            Body::VoteReply { granted } => Rpc::RequestVoteReply(RequestVoteReply { granted }),
            Body::Append { prev, entries, commit } => {
                let (replication, round) = self.next_round();
                Rpc::AppendEntries(AppendEntries { replication, round, prev, entries, commit })
            }
            Body::Heartbeat { commit } => {
                let (replication, round) = self.next_round();
                let matched = self.committed();
                Rpc::Heartbeat(Heartbeat { replication, round, matched, commit })
            }
            Body::Snapshot { last, membership } => {
                let (replication, round) = self.next_round();
                let membership_at = LogId::ZERO;
                let snapshot = SnapshotMeta { last_included: last, membership_at, membership };
                Rpc::InstallSnapshot(Box::new(InstallSnapshot { replication, round, snapshot }))
            }
            _ if letter.term > self.term() => reply(AppendOutcome::StaleTerm),
            Body::Match(index) => reply(AppendOutcome::Match(index)),
            Body::Mismatch { rejected, hint } => reply(AppendOutcome::Mismatch { rejected, hint }),
            Body::HeartbeatReply => {
                let peers = self.raft.status().peers;
                let peer = peers.iter().find(|peer| peer.id() == letter.from);
                reply(AppendOutcome::Match(peer.map_or(Index(0), |peer| peer.match_index())))
            }
        }
    }

    pub(crate) fn next_round(&mut self) -> (ReplicationId, Round) {
        self.round = self.round.next();
        (ReplicationId(1), self.round)
    }

    /// The newest entry that this server knows to be committed: every leader has it.
    fn committed(&self) -> LogId {
        let index = self.raft.status().commit;
        LogId { term: self.raft.term(index).unwrap_or_default(), index }
    }

    /// The first entry of the oldest write that is not durable.
    pub(crate) fn first_pending(&self) -> Option<Index> {
        let append = self.pending.iter().find_map(|write| write.append.as_ref());
        append.map(|append| append.prev.index.next())
    }

    pub(crate) fn step(&mut self, event: Event) {
        let mut effects = Effects::default();
        self.raft.step(self.now, event, &mut effects);
        for effect in effects.drain() {
            self.carry_out(effect);
        }
        if !self.is_disk_slow {
            self.sync();
        }
    }

    pub(crate) fn is_writing(&self) -> bool {
        !self.pending.is_empty()
    }

    /// All that was written becomes durable.
    pub(crate) fn sync(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        let Some(last) = pending.last().map(|write| write.ticket) else { return };
        for write in pending {
            self.disk.write(write);
        }
        self.step(Event::Persisted(last));
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Write(write) => self.pending.push(write),
            Effect::Send(message) => {
                match &message.rpc {
                    Rpc::AppendEntries(append) => {
                        self.remember(message.to, append.replication, append.round)
                    }
                    Rpc::Heartbeat(beat) => self.remember(message.to, beat.replication, beat.round),
                    Rpc::InstallSnapshot(install) => {
                        self.remember(message.to, install.replication, install.round)
                    }
                    _ => {}
                }
                self.sent.push(message);
            }
            Effect::ReadReady { id, index } => {
                let name = self.asked[&id].clone();
                self.reads.push((name, index));
            }
            Effect::Refused { id, why } => {
                let name = self.asked[&id].clone();
                self.refused.push((name, why));
            }
            Effect::MembershipChanged(_) => {
                self.ruled.push(self.raft.status().membership.clone());
            }
            // It is here at once.
            Effect::FetchSnapshot { snapshot, .. } => self.step(Event::SnapshotFetched(snapshot)),
            // Everything is in memory on the bench, and what is committed is of no interest.
            Effect::Fetch { .. }
            | Effect::Restore(_)
            | Effect::Compact(_)
            | Effect::Commit(_)
            | Effect::Accepted { .. }
            | Effect::Transferred { .. }
            | Effect::Reconfigured { .. }
            | Effect::ReconfigurationStopped { .. }
            | Effect::RoleChanged(_)
            | Effect::Halt(_) => {}
        }
    }

    fn remember(&mut self, peer: NodeId, replication: ReplicationId, round: Round) {
        let session = self.sessions.entry(peer).or_default();
        let newest = if session.0 == replication { session.1.max(round) } else { round };
        *session = (replication, newest);
    }
}

impl Disk {
    fn write(&mut self, write: Write) {
        match write.snapshot.map(|change| *change) {
            None => {}
            Some(SnapshotChange::Covers(snapshot)) => {
                self.log.retain(|entry| entry.id.index > snapshot.last_included.index);
                self.snapshot = snapshot;
            }
            Some(SnapshotChange::Replaces(snapshot)) => {
                self.log.clear();
                self.snapshot = snapshot;
            }
        }
        if let Some(append) = write.append {
            self.log.retain(|entry| entry.id.index <= append.prev.index);
            self.log.extend(append.entries.iter().cloned());
        }
        if let Some(hard_state) = write.hard_state {
            self.hard_state = hard_state;
        }
    }
}
