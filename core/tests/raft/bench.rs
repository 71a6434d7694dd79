//! One server on the bench: the test plays its peers, its disk and its clock.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use quorate_core::invariants::Watch;
use quorate_core::{
    AppendEntries, AppendEntriesReply, AppendOutcome, Cause, Config, Effect, Effects, Entries,
    Entry, Event, HardState, Heartbeat, Index, Instant, LogId, Membership, Message, NodeId,
    Payload, PreVoteReply, Raft, Recovered, Refusal, ReplicationId, RequestId, RequestVoteReply,
    RoleKind, Round, Rpc, SnapshotMeta, Term, Ticket, Write,
};

pub(crate) fn node(id: u64) -> NodeId {
    NodeId::new(id).expect("not zero")
}

pub(crate) fn id(term: u64, index: u64) -> LogId {
    LogId { term: Term(term), index: Index(index) }
}

pub(crate) fn entry(term: u64, index: u64) -> Entry {
    Entry { id: id(term, index), payload: Payload::Command(Bytes::from_static(b"x")) }
}

pub(crate) fn run(entries: &[(u64, u64)]) -> Entries {
    Entries::new(entries.iter().map(|&(term, index)| entry(term, index))).expect("a run")
}

/// Server 1 of three. Its disk does nothing until [`Bench::persist`].
pub(crate) struct Bench {
    pub(crate) raft: Raft,
    pub(crate) now: Instant,
    watch: Watch,
    newest: Ticket,
    /// The newest replication and round that each peer was told.
    told: BTreeMap<NodeId, (ReplicationId, Round)>,
}

impl Bench {
    pub(crate) fn follower(term: u64, log: &[(u64, u64)]) -> Self {
        Self::with(term, log, |_| {})
    }

    /// A follower of nobody, with a log and some tuning.
    pub(crate) fn with(term: u64, log: &[(u64, u64)], tune: impl FnOnce(&mut Config)) -> Self {
        Self::with_snapshot(LogId::ZERO, term, log, tune)
    }

    /// As [`Bench::with`], with a log that starts after a snapshot.
    pub(crate) fn with_snapshot(
        last_included: LogId,
        term: u64,
        log: &[(u64, u64)],
        tune: impl FnOnce(&mut Config),
    ) -> Self {
        let membership = Membership::of_voters([1, 2, 3].map(node)).expect("three voters");
        Self::start(
            SnapshotMeta { last_included, membership_at: LogId::ZERO, membership },
            term,
            log,
            tune,
        )
    }

    /// Server 1 in another membership.
    pub(crate) fn member(membership: Membership, term: u64, log: &[(u64, u64)]) -> Self {
        Self::start(SnapshotMeta::genesis(membership), term, log, |_| {})
    }

    /// Server 1 of three, which may have forgotten what it promised.
    pub(crate) fn forgetful(term: u64, log: &[(u64, u64)]) -> Self {
        Self::copy_put_back(term, None, log)
    }

    /// As [`Bench::forgetful`]: its disk has kept a vote.
    pub(crate) fn copy_put_back(term: u64, vote: Option<NodeId>, log: &[(u64, u64)]) -> Self {
        let membership = Membership::of_voters([1, 2, 3].map(node)).expect("three voters");
        let entries = log.iter().map(|&(term, index)| entry(term, index)).collect();
        let state = HardState { term: Term(term), vote, is_forgetful: true };
        Self::boot(SnapshotMeta::genesis(membership), state, entries, |_| {})
    }

    /// Server 1 of three, with these entries.
    pub(crate) fn of_entries(term: u64, log: Vec<Entry>) -> Self {
        let membership = Membership::of_voters([1, 2, 3].map(node)).expect("three voters");
        Self::boot(SnapshotMeta::genesis(membership), remembered(term), log, |_| {})
    }

    fn start(
        snapshot: SnapshotMeta,
        term: u64,
        log: &[(u64, u64)],
        tune: impl FnOnce(&mut Config),
    ) -> Self {
        let entries = log.iter().map(|&(term, index)| entry(term, index)).collect();
        Self::boot(snapshot, remembered(term), entries, tune)
    }

    fn boot(
        snapshot: SnapshotMeta,
        hard_state: HardState,
        entries: Vec<Entry>,
        tune: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = Config { election_jitter: Duration::ZERO, ..Config::new(node(1)) };
        tune(&mut config);
        let recovered = Recovered::from_entries(hard_state, snapshot, entries).expect("a log");
        let raft = Raft::new(config, recovered, Instant(0)).expect("a server");
        Self {
            watch: Watch::new(&raft),
            raft,
            now: Instant(0),
            newest: Ticket(0),
            told: BTreeMap::new(),
        }
    }

    /// A leader of term `term + 1` whose no-op is durable and acknowledged by nobody.
    pub(crate) fn leader(term: u64, log: &[(u64, u64)], tune: impl FnOnce(&mut Config)) -> Self {
        let mut bench = Self::with(term, log, tune);
        bench.become_leader();
        bench.persist();
        bench
    }

    /// Wins an election; returns what the new leader does first.
    pub(crate) fn become_leader(&mut self) -> Vec<Effect> {
        self.time_out();
        let next_term = Term(self.raft.status().hard_state.term.0 + 1);
        let granted = PreVoteReply { next_term, granted: true };
        self.hear(2, next_term.0 - 1, Rpc::PreVoteReply(granted));
        self.persist();
        self.hear(2, next_term.0, Rpc::RequestVoteReply(RequestVoteReply { granted: true }))
    }

    /// A leader whose no-op is committed, and that streams to both peers.
    pub(crate) fn settled_leader(tune: impl FnOnce(&mut Config)) -> Self {
        let mut bench = Self::leader(0, &[], tune);
        bench.acknowledge(2, 1);
        bench.acknowledge(3, 1);
        bench
    }

    pub(crate) fn step(&mut self, event: Event) -> Vec<Effect> {
        let mut effects = Effects::default();
        self.raft.step(self.now, event, &mut effects);
        self.done(effects)
    }

    pub(crate) fn step_batch(&mut self, mut events: Vec<Event>) -> Vec<Effect> {
        let mut effects = Effects::default();
        self.raft.step_batch(self.now, &mut events, &mut effects);
        assert!(events.is_empty());
        self.done(effects)
    }

    fn done(&mut self, mut effects: Effects) -> Vec<Effect> {
        self.watch.check(&self.raft).unwrap_or_else(|broken| panic!("{broken}"));
        let effects: Vec<_> = effects.drain().collect();
        for write in effects.iter().filter_map(write) {
            assert_eq!(write.ticket.0, self.newest.0 + 1, "tickets count up");
            self.newest = write.ticket;
        }
        for message in sent(&effects) {
            let told = match &message.rpc {
                Rpc::AppendEntries(request) => (request.replication, request.round),
                Rpc::Heartbeat(heartbeat) => (heartbeat.replication, heartbeat.round),
                Rpc::InstallSnapshot(install) => (install.replication, install.round),
                _ => continue,
            };
            self.told.insert(message.to, told);
        }
        effects
    }

    pub(crate) fn newest_ticket(&self) -> Ticket {
        self.newest
    }

    /// All writes so far become durable.
    pub(crate) fn persist(&mut self) -> Vec<Effect> {
        self.step(Event::Persisted(self.newest))
    }

    /// Time passes until the server wants to be called.
    pub(crate) fn time_out(&mut self) -> Vec<Effect> {
        self.now = self.raft.deadline().expect("a deadline");
        self.step(Event::Timeout)
    }

    pub(crate) fn hear(&mut self, from: u64, term: u64, rpc: Rpc) -> Vec<Effect> {
        let message = Message { from: node(from), to: node(1), term: Term(term), rpc };
        self.step(Event::Receive(message))
    }

    /// What a leader `from` of `term` might send.
    pub(crate) fn append(
        &mut self,
        (from, term): (u64, u64),
        prev: LogId,
        entries: &[(u64, u64)],
        commit: u64,
    ) -> Vec<Effect> {
        let request = AppendEntries {
            replication: ReplicationId(1),
            round: Round(1),
            prev,
            entries: run(entries),
            commit: Index(commit),
        };
        self.hear(from, term, Rpc::AppendEntries(request))
    }

    pub(crate) fn heartbeat(&mut self, (from, term): (u64, u64), round: u64) -> Vec<Effect> {
        let heartbeat = Heartbeat {
            replication: ReplicationId(1),
            round: Round(round),
            matched: LogId::ZERO,
            commit: Index(0),
        };
        self.hear(from, term, Rpc::Heartbeat(heartbeat))
    }

    /// What a peer of this leader might answer to the newest message.
    pub(crate) fn answer(&mut self, from: u64, outcome: AppendOutcome) -> Vec<Effect> {
        let (replication, round) = self.told[&node(from)];
        let term = self.raft.status().hard_state.term.0;
        let reply = AppendEntriesReply { replication, round, outcome };
        self.hear(from, term, Rpc::AppendEntriesReply(reply))
    }

    pub(crate) fn acknowledge(&mut self, from: u64, index: u64) -> Vec<Effect> {
        self.answer(from, AppendOutcome::Match(Index(index)))
    }

    pub(crate) fn told(&self, peer: u64) -> (ReplicationId, Round) {
        self.told[&node(peer)]
    }

    pub(crate) fn propose(&mut self, id: u64, bytes: usize) -> Vec<Effect> {
        self.step(propose(id, bytes))
    }

    pub(crate) fn read(&mut self, id: u64) -> Vec<Effect> {
        self.step(Event::Read { id: RequestId(id) })
    }
}

fn remembered(term: u64) -> HardState {
    HardState { term: Term(term), vote: None, is_forgetful: false }
}

pub(crate) fn propose(id: u64, bytes: usize) -> Event {
    Event::Propose { id: RequestId(id), command: vec![7; bytes].into() }
}

pub(crate) fn sent(effects: &[Effect]) -> Vec<&Message> {
    effects.iter().filter_map(message).collect()
}

fn message(effect: &Effect) -> Option<&Message> {
    match effect {
        Effect::Send(message) => Some(message),
        _ => None,
    }
}

/// What was sent to one peer.
pub(crate) fn sent_to(effects: &[Effect], peer: u64) -> Vec<&Rpc> {
    sent(effects).into_iter().filter(|message| message.to == node(peer)).map(|m| &m.rpc).collect()
}

/// The newest answer to an append, if there is one.
pub(crate) fn outcome(effects: &[Effect]) -> Option<AppendOutcome> {
    sent(effects).iter().rev().find_map(|message| match &message.rpc {
        Rpc::AppendEntriesReply(reply) => Some(reply.outcome),
        _ => None,
    })
}

/// How far this step let the state machine go.
pub(crate) fn handed_out(effects: &[Effect]) -> Option<Index> {
    effects.iter().find_map(|effect| match effect {
        Effect::Commit(index) => Some(*index),
        _ => None,
    })
}

fn write(effect: &Effect) -> Option<&Write> {
    match effect {
        Effect::Write(write) => Some(write),
        _ => None,
    }
}

pub(crate) fn entries_in(rpc: &Rpc) -> Option<usize> {
    match rpc {
        Rpc::AppendEntries(request) => Some(request.entries.len()),
        _ => None,
    }
}

pub(crate) fn refusals(effects: &[Effect]) -> Vec<(RequestId, Refusal)> {
    let refusal = |effect: &Effect| match effect {
        Effect::Refused { id, why } => Some((*id, *why)),
        _ => None,
    };
    effects.iter().filter_map(refusal).collect()
}

pub(crate) fn role_change(effects: &[Effect]) -> Option<(RoleKind, Cause)> {
    effects.iter().find_map(|effect| match effect {
        Effect::RoleChanged(change) => Some((change.role, change.cause)),
        _ => None,
    })
}

pub(crate) fn fetch(effects: &[Effect]) -> Option<u64> {
    effects.iter().find_map(|effect| match effect {
        Effect::Fetch { first, .. } => Some(first.0),
        _ => None,
    })
}
