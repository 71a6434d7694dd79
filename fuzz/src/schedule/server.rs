//! One server: a core, its disk and its clock.

use std::collections::VecDeque;

use quorate_core::invariants::Watch;
use quorate_core::{
    Config, Entry, HardState, Index, Instant, LogId, Membership, NodeId, Raft, Recovered,
    SnapshotChange, SnapshotMeta, Ticket, Write,
};

pub(super) struct Server {
    pub(super) config: Config,
    pub(super) now: Instant,
    pub(super) disk: Disk,
    /// `None` while it is down.
    pub(super) life: Option<Life>,
}

/// From a start to a crash.
pub(super) struct Life {
    pub(super) raft: Raft,
    pub(super) watch: Watch,
    /// What it waits to have read from its log: for whom, and from where on.
    pub(super) fetches: VecDeque<(NodeId, Index)>,
    /// The snapshot that it waits for, and who has it.
    pub(super) wanted: Option<(NodeId, Box<SnapshotMeta>)>,
    /// What its state machine was given, up to there.
    pub(super) applied: Index,
}

/// What is on the medium, what is on its way there, and the sum of both.
#[derive(Default)]
pub(super) struct Disk {
    pub(super) durable: Image,
    pending: VecDeque<Write>,
    pub(super) written: Image,
}

/// Hard state, snapshot and log.
#[derive(Clone, Default, Debug)]
pub(super) struct Image {
    pub(super) hard_state: HardState,
    /// The newest one.
    pub(super) snapshot: Option<Box<SnapshotMeta>>,
    /// The log itself starts after this; what is before is there for the laws only.
    pub(super) base: Index,
    log: Vec<Entry>,
}

impl Server {
    pub(super) fn new(config: Config) -> Self {
        Self { config, now: Instant(0), disk: Disk::default(), life: None }
    }

    /// Starts from what is durable, with this many entries in memory.
    pub(super) fn start(&mut self, membership: &Membership, in_memory: usize) {
        let image = self.disk.durable.clone();
        let genesis = || SnapshotMeta::genesis(membership.clone());
        let snapshot = image.snapshot.as_deref().cloned().unwrap_or_else(genesis);
        let applied = snapshot.last_included.index;
        let base = image.id(image.base).unwrap_or(LogId::ZERO);
        let entries = image.after(base.index).to_vec();
        let on_disk = image.log.len().saturating_sub(in_memory) as u64;
        let recovered = Recovered::from_log(image.hard_state, snapshot, base, entries);
        let mut recovered = recovered.expect("a run");
        recovered.tail = recovered.tail.from(Index(on_disk + 1));
        let raft = Raft::new(self.config.clone(), recovered, self.now).expect("a server");
        let watch = Watch::new(&raft);
        let fetches = VecDeque::new();
        self.life = Some(Life { raft, watch, fetches, wanted: None, applied });
    }

    /// Keeps the oldest `kept` of the writes that are not durable; says how many are lost.
    pub(super) fn crash(&mut self, kept: usize) -> usize {
        self.life = None;
        self.disk.sync(kept);
        self.disk.written = self.disk.durable.clone();
        let lost = self.disk.pending.len();
        self.disk.pending.clear();
        lost
    }
}

impl Disk {
    /// Takes a write; says whether it cuts the log.
    pub(super) fn write(&mut self, write: Write) -> bool {
        let cuts = self.written.apply(&write);
        self.pending.push_back(write);
        cuts
    }

    /// Makes the oldest writes durable; the answer is the ticket of the last one.
    pub(super) fn sync(&mut self, count: usize) -> Option<Ticket> {
        let mut ticket = None;
        for write in self.pending.drain(..count.min(self.pending.len())) {
            self.durable.apply(&write);
            ticket = Some(write.ticket);
        }
        ticket
    }
}

impl Image {
    /// The name of the entry at this index.
    pub(super) fn id(&self, index: Index) -> Option<LogId> {
        let place = usize::try_from(index.0.checked_sub(1)?).ok()?;
        self.log.get(place).map(|entry| entry.id)
    }

    pub(super) fn last(&self) -> LogId {
        self.log.last().map_or(LogId::ZERO, |entry| entry.id)
    }

    /// The last entry that the newest snapshot covers.
    pub(super) fn covered(&self) -> LogId {
        self.snapshot.as_ref().map_or(LogId::ZERO, |snapshot| snapshot.last_included)
    }

    /// The entries behind this one.
    pub(super) fn after(&self, index: Index) -> &[Entry] {
        let place = usize::try_from(index.0).expect("logs are short");
        self.log.get(place..).unwrap_or_default()
    }

    /// The entries up to this one.
    pub(super) fn upto(&self, index: Index) -> &[Entry] {
        let place = usize::try_from(index.0).expect("logs are short");
        &self.log[..place.min(self.log.len())]
    }

    fn apply(&mut self, write: &Write) -> bool {
        self.hard_state = write.hard_state.unwrap_or(self.hard_state);
        match write.snapshot.as_deref() {
            None => {}
            Some(SnapshotChange::Covers(snapshot)) => {
                self.snapshot = Some(Box::new(snapshot.clone()));
            }
            Some(SnapshotChange::Replaces(snapshot)) => {
                self.base = snapshot.last_included.index;
                self.snapshot = Some(Box::new(snapshot.clone()));
            }
        }
        let Some(append) = &write.append else { return false };
        let kept = usize::try_from(append.prev.index.0).expect("logs are short");
        assert!(kept <= self.log.len(), "a write has no gap");
        let cuts = kept < self.log.len();
        self.log.truncate(kept);
        assert_eq!(self.last(), append.prev, "a write continues the log");
        self.log.extend_from_slice(&append.entries);
        cuts
    }
}
