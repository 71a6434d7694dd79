//! One server of the world: a bare core, its disk and its clock.

use std::collections::BTreeSet;

use quorate_core::invariants::Watch;
use quorate_core::{Entries, Event, Index, NodeId, Raft};

use crate::clock::Clock;
use crate::judge::{Glance, Image, Ledger, Witness};

pub(crate) struct Server {
    pub(crate) id: NodeId,
    /// `None` while it is down.
    pub(crate) life: Option<Life>,
    pub(crate) disk: Ledger,
    /// An old copy of what was durable.
    pub(crate) copy: Option<Image>,
    /// Is an answer of the disk under way?
    pub(crate) is_disk_busy: bool,
    /// Nothing becomes durable until then.
    pub(crate) disk_hung_until: u64,
    pub(crate) clock: Clock,
    /// Counts its lives, so that what belongs to an earlier one is recognised.
    pub(crate) lives: u32,
    /// It stands still until then.
    pub(crate) paused_until: u64,
}

/// From a start to a crash.
pub(crate) struct Life {
    pub(crate) raft: Raft,
    pub(crate) watch: Watch,
    /// Events that will be handled together.
    pub(crate) inbox: Vec<Event>,
    /// Where the log that it was started from ended.
    pub(crate) recovered: Index,
    /// What it was last told to apply.
    pub(crate) applied: Index,
    /// The peers that it has entries read for.
    pub(crate) fetches: BTreeSet<NodeId>,
}

impl Life {
    pub(crate) fn new(raft: Raft) -> Self {
        Self {
            watch: Watch::new(&raft),
            inbox: Vec::new(),
            recovered: raft.status().last.index,
            applied: raft.status().snapshot.index,
            fetches: BTreeSet::new(),
            raft,
        }
    }

    pub(crate) fn glance(&self) -> Glance {
        Glance::of(self.raft.status())
    }
}

impl Server {
    pub(crate) fn new(id: NodeId, clock: Clock) -> Self {
        Self {
            id,
            life: None,
            disk: Ledger::default(),
            copy: None,
            is_disk_busy: false,
            disk_hung_until: 0,
            clock,
            lives: 0,
            paused_until: 0,
        }
    }

    pub(crate) fn leads(&self) -> bool {
        self.glance().is_some_and(Glance::leads)
    }

    /// May its disk have forgotten what it promised?
    pub(crate) fn is_forgetful(&self) -> bool {
        self.disk.durable().hard_state.is_forgetful
    }

    /// Entries from its log, if it still holds them.
    pub(crate) fn read(&self, first: Index, bytes_max: u64) -> Entries {
        let written = self.disk.written();
        match first > written.base() {
            true => written.read(first, bytes_max),
            false => Entries::EMPTY,
        }
    }

    /// When its timer fires, in the world's time.
    pub(crate) fn timer(&self) -> Option<u64> {
        let deadline = self.life.as_ref()?.raft.deadline()?;
        Some(self.clock.when(deadline).max(self.paused_until))
    }
}

impl Witness for Server {
    fn id(&self) -> NodeId {
        self.id
    }

    fn ledger(&self) -> &Ledger {
        &self.disk
    }

    fn glance(&self) -> Option<Glance> {
        self.life.as_ref().map(Life::glance)
    }
}
