//! One server of the world: a bare core, its disk and its clock.

use std::collections::BTreeSet;

use quorate_core::invariants::Watch;
use quorate_core::{Event, HardState, Index, LogId, NodeId, Raft, RoleKind, Status, Term};

use super::disk::Disk;
use crate::clock::Clock;

pub(crate) struct Server {
    pub(crate) id: NodeId,
    /// `None` while it is down.
    pub(crate) life: Option<Life>,
    pub(crate) disk: Disk,
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

/// What a check needs to know of a server before and after a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Glance {
    pub(crate) role: RoleKind,
    pub(crate) hard_state: HardState,
    pub(crate) last: LogId,
    pub(crate) durable: Index,
    pub(crate) commit: Index,
}

impl Glance {
    pub(crate) fn of(status: Status<'_>) -> Self {
        Self {
            role: status.role,
            hard_state: status.hard_state,
            last: status.last,
            durable: status.durable,
            commit: status.commit,
        }
    }

    pub(crate) const fn term(self) -> Term {
        self.hard_state.term
    }

    pub(crate) fn leads(self) -> bool {
        self.role == RoleKind::Leader
    }
}

impl Life {
    pub(crate) fn new(raft: Raft) -> Self {
        Self {
            watch: Watch::new(&raft),
            inbox: Vec::new(),
            recovered: raft.status().last.index,
            applied: Index(0),
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
        Self { id, life: None, disk: Disk::default(), clock, lives: 0, paused_until: 0 }
    }

    pub(crate) fn glance(&self) -> Option<Glance> {
        self.life.as_ref().map(Life::glance)
    }

    pub(crate) fn leads(&self) -> bool {
        self.glance().is_some_and(Glance::leads)
    }

    /// When its timer fires, in the world's time.
    pub(crate) fn timer(&self) -> Option<u64> {
        let deadline = self.life.as_ref()?.raft.deadline()?;
        Some(self.clock.when(deadline).max(self.paused_until))
    }
}
