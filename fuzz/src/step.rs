//! One core, and events that may be impossible: stale and foreign tickets, messages from nowhere,
//! terms and indexes of any size, entries that nobody asked for, clocks that jump.
//!
//! 1. Nothing panics, and after every step all of [`invariants`](quorate_core::invariants) holds.
//! 2. Orders are well-formed: tickets count up, writes continue the log, commits rise and are
//!    written, whoever is fetched for is not fetched for yet, every request is answered once, and
//!    what is sent can be put on the wire.
//! 3. Who has halted orders nothing any more, and a timer that was not set does nothing.
//! 4. What is held at any one time is bounded by what came in.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::BytesMut;
use quorate_core::invariants::Watch;
use quorate_core::{
    Append, AppendEntries, Config, Effect, Effects, Entries, Entry, Event, GroupId, HardState,
    Heartbeat, Index, Instant, Lease, LogId, Membership, Message, NodeId, Raft, Recovered,
    RequestId, RoleKind, Rpc, SnapshotChange, SnapshotMeta, Term, Ticket, Write,
};

use crate::input::Input;
use crate::messages::{self, Near, node};
use crate::within;

/// What the core went through.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Steps {
    /// How often it began to lead.
    pub led: u32,
    /// Writes that cut the log.
    pub cuts: u32,
    /// Commits.
    pub commits: u32,
    /// Reads that were confirmed.
    pub reads: u32,
    /// Entries that it wanted to have read back.
    pub fetches: u32,
    /// Snapshots that took the place of its log.
    pub restores: u32,
    /// How often its log forgot something.
    pub compactions: u32,
    /// Did it find that a property of Raft is broken?
    pub is_halted: bool,
}

/// Takes the bytes for a server, and for what happens to it.
pub fn run(input: &[u8]) -> Steps {
    // A byte is at most one event, one entry or one byte of a command.
    let bytes_max = (128 << 10) + 1024 * input.len() as u64;
    within(bytes_max, || {
        let input = &mut Input::new(input);
        let mut server = Server::choose(input);
        while !input.is_empty() {
            server.live(input);
        }
        server.steps
    })
}

const ME: u64 = 1;

struct Server {
    raft: Raft,
    watch: Watch,
    effects: Effects,
    now: Instant,
    /// The latest that it was told; it may run backwards after that.
    latest: Instant,
    members: u64,
    /// The log as it was ordered to be written.
    log: BTreeMap<Index, Entry>,
    newest: Ticket,
    committed: Index,
    /// The newest replication and round that anybody was told.
    told: [u64; 2],
    fetches: BTreeMap<NodeId, Index>,
    /// The snapshot that it wants.
    wanted: Option<Box<SnapshotMeta>>,
    /// Requests that wait for an answer, and how many there were.
    open: BTreeSet<RequestId>,
    requests: u64,
    steps: Steps,
}

impl Server {
    /// One of up to five, small enough for every limit to be met.
    fn choose(input: &mut Input<'_>) -> Self {
        let members = 1 + input.below(5) as u64;
        let membership = Membership::of_voters((1..=members).map(node)).expect("voters");
        // Far below the last index that a log may be recovered with.
        let snapshot = match (input.coin(), Index(input.number() / 4)) {
            (false, _) | (true, Index(0)) => LogId::ZERO,
            (true, index) => LogId { term: Term(1), index },
        };
        let entries = messages::entries(input, snapshot);
        let last = entries.last_id().unwrap_or(snapshot);
        let term = Term(last.term.0.saturating_add(input.number()));
        let hard_state =
            HardState { term, vote: NodeId::new(input.below(6) as u64), is_forgetful: false };
        let meta = SnapshotMeta { last_included: snapshot, ..SnapshotMeta::genesis(membership) };
        let mut recovered =
            Recovered::from_entries(hard_state, meta, entries.to_vec()).expect("a run");
        // The older part of the log is on disk only.
        let in_memory = last.index.0.saturating_sub(input.below(16) as u64);
        recovered.tail = recovered.tail.from(Index(in_memory.max(snapshot.index.0 + 1)));
        let (pre_vote, check_quorum) = (input.coin(), input.coin());
        let has_lease = check_quorum && members != 2;
        let config = Config {
            election_jitter: Duration::ZERO,
            pre_vote,
            check_quorum,
            lease: has_lease.then_some(Lease { drift_ppm: 1000 }),
            command_bytes_max: 32,
            message_bytes_max: 100,
            inflight_messages_max: 2,
            inflight_bytes_max: 300,
            uncommitted_bytes_max: 400,
            cached_bytes_max: [0, 100, 1 << 20][input.below(3)],
            reads_pending_max: 3,
            retained_entries_max: members % 3,
            ..Config::new(node(ME))
        };
        let raft = Raft::new(config, recovered, Instant(0)).expect("a log that makes sense");
        Self {
            watch: Watch::new(&raft),
            raft,
            effects: Effects::default(),
            now: Instant(0),
            latest: Instant(0),
            members,
            log: entries.iter().map(|entry| (entry.id.index, entry.clone())).collect(),
            newest: Ticket(0),
            committed: snapshot.index,
            told: [0; 2],
            fetches: BTreeMap::new(),
            wanted: None,
            open: BTreeSet::new(),
            requests: 0,
            steps: Steps::default(),
        }
    }

    /// Some events at once, mostly one.
    fn live(&mut self, input: &mut Input<'_>) {
        let count = if input.below(8) == 7 { input.below(8) } else { 1 };
        let mut events: Vec<_> = (0..count).map(|_| self.event(input)).collect();
        let was_halted = self.raft.status().role == RoleKind::Halted;
        self.latest = self.latest.max(self.now);
        let is_early = self.raft.deadline().is_some_and(|deadline| self.latest < deadline);
        let is_spurious = is_early && events == [Event::Timeout];
        match events.len() {
            1 => {
                let event = events.pop().expect("there is one");
                self.raft.step(self.now, event, &mut self.effects);
            }
            _ => self.raft.step_batch(self.now, &mut events, &mut self.effects),
        }
        self.watch.check(&self.raft).unwrap_or_else(|broken| panic!("{broken}"));
        let effects: Vec<_> = self.effects.drain().collect();
        assert!(!is_spurious || effects.is_empty(), "a timer that was not set: {effects:?}");
        for effect in effects {
            let is_refusal = matches!(effect, Effect::Refused { .. });
            assert!(!was_halted || is_refusal, "who has halted orders {effect:?}");
            self.obey(effect);
        }
        let status = self.raft.status();
        self.steps.is_halted = status.role == RoleKind::Halted;
        if !self.steps.is_halted {
            let last = self.log.last_key_value().map_or(status.base, |(_, entry)| entry.id);
            assert_eq!(status.last, last, "the log is what was written");
        }
    }

    fn event(&mut self, input: &mut Input<'_>) -> Event {
        match input.below(18) {
            0 | 1 => {
                let deadline = self.raft.deadline().unwrap_or(self.now);
                self.now = deadline;
                Event::Timeout
            }
            2 => {
                let anchors = [self.now.0, self.raft.deadline().unwrap_or(self.now).0];
                self.now = Instant(input.near(&anchors));
                Event::Timeout
            }
            3 => Event::Persisted(self.newest),
            4 => Event::Persisted(Ticket(input.near(&[self.newest.0]))),
            5 => Event::Propose { id: self.request(), command: vec![7; input.below(40)].into() },
            6 => match self.request() {
                id if id.0.is_multiple_of(2) => Event::LeaseRead { id },
                id => Event::Read { id },
            },
            7 => self.fetched(input),
            8 => Event::Unreachable(node(input.below(8) as u64)),
            11 => Event::WriteTime,
            12 => Event::TransferLeadership {
                id: self.request(),
                to: input.coin().then(|| node(input.below(8) as u64)),
                within: Duration::from_millis(input.number() % 1000),
            },
            13 => Event::Reconfigure {
                id: self.request(),
                target: messages::membership(input),
                expected: input.coin().then(|| self.raft.status().membership_index),
                force: input.coin(),
            },
            14 => Event::SnapshotTaken(Index(input.near(&[self.committed.0]))),
            15 => self.snapshot_fetched(input),
            16 => Event::SnapshotMissing { to: node(input.below(8) as u64) },
            _ => Event::Receive(self.message(input)),
        }
    }

    fn request(&mut self) -> RequestId {
        self.requests += 1;
        let id = RequestId(self.requests);
        self.open.insert(id);
        id
    }

    /// What was asked for, or anything else.
    fn fetched(&mut self, input: &mut Input<'_>) -> Event {
        let asked = self.fetches.pop_first();
        let (to, first) = asked.unwrap_or((node(input.below(8) as u64), Index(1)));
        let entries = if input.coin() {
            let run = self.log.range(first..).take(1 + input.below(4));
            Entries::new(run.map(|(_, entry)| entry.clone())).expect("a part of the log")
        } else {
            let last = self.raft.status().last;
            let index = Index(input.near(&[first.0, last.index.0]));
            messages::entries(input, LogId { index, ..last })
        };
        // Whatever the answer was, it answers all that was asked for this peer.
        self.fetches.remove(&to);
        Event::Fetched { to, entries }
    }

    /// What was asked for, or anything else.
    fn snapshot_fetched(&mut self, input: &mut Input<'_>) -> Event {
        let wanted = self.wanted.take();
        match wanted.filter(|_| input.below(8) != 7) {
            Some(snapshot) if input.below(8) == 7 => {
                Event::SnapshotUnavailable(snapshot.last_included)
            }
            Some(snapshot) => Event::SnapshotFetched(snapshot),
            None => {
                let status = self.raft.status();
                // It would be committed, so no later entry is of an earlier term.
                let (term, index) = (status.last.term, Index(input.near(&[status.last.index.0])));
                let last_included = LogId { term, index };
                let membership = status.membership.clone();
                let meta = SnapshotMeta { last_included, ..SnapshotMeta::genesis(membership) };
                Event::SnapshotFetched(Box::new(meta))
            }
        }
    }

    fn message(&self, input: &mut Input<'_>) -> Message {
        let status = self.raft.status();
        let terms = [status.hard_state.term, status.last.term].map(|term| term.0);
        let indexes = [status.last.index, status.commit, status.durable, status.snapshot.index];
        let near = Near {
            nodes: (1..=self.members).collect(),
            terms: terms.to_vec(),
            indexes: indexes.map(|index| index.0).to_vec(),
            counters: self.told.to_vec(),
        };
        let mut message = messages::raft(input, &near);
        if input.below(16) != 15 {
            message.to = node(ME);
        }
        match &mut message.rpc {
            // What the wire cannot carry, a caller can.
            Rpc::AppendEntries(append) if input.below(16) == 15 => {
                append.prev.index = Index(input.near(&near.indexes));
            }
            _ => {}
        }
        message
    }

    fn obey(&mut self, effect: Effect) {
        match effect {
            Effect::Write(write) => self.write(write),
            Effect::Send(message) => self.send(&message),
            Effect::Commit(index) => {
                assert!(index > self.committed, "{index:?} is committed again");
                let base = self.raft.status().base.index;
                let is_written = self.log.contains_key(&index) || index == base;
                assert!(is_written, "{index:?} is committed and not in the log");
                self.committed = index;
                self.steps.commits += 1;
            }
            Effect::Accepted { id, .. }
            | Effect::Refused { id, .. }
            | Effect::Transferred { id }
            | Effect::Reconfigured { id, .. }
            | Effect::ReconfigurationStopped { id, .. } => self.answered(id),
            Effect::MembershipChanged(at) => {
                assert_eq!(at, self.raft.status().membership_index, "the one that rules");
            }
            Effect::ReadReady { id, index } => {
                self.answered(id);
                assert!(index <= self.raft.status().commit, "a read of what is not committed");
                self.steps.reads += 1;
            }
            Effect::Fetch { to, first, .. } => {
                assert!(self.log.contains_key(&first), "{first:?} is fetched and not in the log");
                let earlier = self.fetches.insert(to, first);
                assert_eq!(earlier, None, "{to:?} is fetched for twice");
                self.steps.fetches += 1;
            }
            Effect::FetchSnapshot { snapshot, .. } => self.wanted = Some(snapshot),
            Effect::Restore(snapshot) => {
                assert!(snapshot.index > self.committed, "a state goes back");
                self.committed = snapshot.index;
                self.steps.restores += 1;
            }
            Effect::Compact(index) => {
                assert!(index <= self.committed, "what is not handed out is forgotten");
                self.log = self.log.split_off(&index.next());
                self.steps.compactions += 1;
            }
            Effect::RoleChanged(change) => {
                self.steps.led += u32::from(change.role == RoleKind::Leader);
            }
            Effect::Halt(_) => {}
        }
    }

    fn answered(&mut self, id: RequestId) {
        assert!(self.open.remove(&id), "{id:?} is answered again");
    }

    fn write(&mut self, Write { ticket, snapshot, append, .. }: Write) {
        assert_eq!(ticket.0, self.newest.0 + 1, "tickets count up");
        self.newest = ticket;
        match snapshot.as_deref() {
            None => {}
            Some(SnapshotChange::Covers(snapshot)) => {
                let covered = snapshot.last_included.index;
                assert!(covered <= self.committed, "what is not handed out is covered");
            }
            Some(SnapshotChange::Replaces(snapshot)) => {
                assert!(snapshot.last_included.index > self.committed, "a state goes back");
                self.log.clear();
            }
        }
        let Some(Append { prev, entries }) = append else { return };
        let base = self.raft.status().base;
        let kept = self.log.get(&prev.index).map_or(base, |entry| entry.id);
        assert_eq!(kept, prev, "a write continues the log");
        assert!(prev.index >= self.committed, "what is committed stays");
        let first = entries.first_index();
        assert!(first.is_none_or(|first| first == prev.index.next()), "a write has no gap");
        self.steps.cuts += u32::from(!self.log.split_off(&prev.index.next()).is_empty());
        self.log.extend(entries.iter().map(|entry| (entry.id.index, entry.clone())));
    }

    fn send(&mut self, message: &Message) {
        assert_eq!(message.from, node(ME), "{message:?}");
        assert_ne!(message.to, node(ME), "{message:?}");
        message.encode(GroupId(0), &mut BytesMut::new());
        self.told = match &message.rpc {
            Rpc::AppendEntries(AppendEntries { replication, round, .. })
            | Rpc::Heartbeat(Heartbeat { replication, round, .. }) => [replication.0, round.0],
            Rpc::InstallSnapshot(install) => [install.replication.0, install.round.0],
            _ => return,
        };
    }
}
