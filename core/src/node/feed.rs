//! Feeds committed entries to the state machine, in order, no faster than it can take them.

use alloc::collections::VecDeque;

use crate::entry::Entries;
use crate::types::Index;

/// How far the state machine has got.
///
/// Invariant: `applied <= fed <= committed`.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    /// What the core has handed out.
    committed: Index,
    /// What the state machine was given.
    fed: Index,
    /// What the state machine has applied.
    applied: Index,
    /// What it was given and has not applied: last index and cost of each portion, and the sum.
    under_way: VecDeque<(Index, u64)>,
    cost_bytes: u64,
    /// Are entries being read from the log?
    is_reading: bool,
    /// The log is replaced by a snapshot, or the state machine begins anew from it: it is given no
    /// entries.
    is_suspended: bool,
}

impl Feed {
    /// The state machine has everything up to `applied`.
    pub(super) fn new(applied: Index) -> Self {
        Self {
            committed: applied,
            fed: applied,
            applied,
            under_way: VecDeque::new(),
            cost_bytes: 0,
            is_reading: false,
            is_suspended: false,
        }
    }

    pub(super) fn applied(&self) -> Index {
        self.applied
    }

    /// Entries that are committed and not applied.
    pub(super) fn behind(&self) -> u64 {
        self.committed.0 - self.applied.0
    }

    pub(super) fn commit(&mut self, index: Index) {
        assert!(index >= self.committed, "the core's commits only rise");
        self.committed = index;
    }

    /// The first entry that the state machine could take now.
    pub(super) fn wants(&self, cost_bytes_max: u64) -> Option<Index> {
        let is_free = self.cost_bytes < cost_bytes_max && !self.is_reading && !self.is_suspended;
        (self.fed < self.committed && is_free).then(|| self.fed.next())
    }

    /// The next entries for the state machine, cut to what is committed.
    ///
    /// None of them goes beyond a multiple of `stride`, if there is one, so that all servers can take
    /// their snapshots there.
    pub(super) fn feed(&mut self, entries: &Entries, stride: u64) -> Option<Entries> {
        if self.is_suspended {
            return None;
        }
        let boundary =
            self.fed.0.checked_div(stride).map_or(u64::MAX, |times| (times + 1) * stride);
        let entries = entries.up_to(self.committed.min(Index(boundary)));
        if entries.first_index() != Some(self.fed.next()) {
            return None;
        }
        let (last, cost) = (entries.last_id()?.index, entries.cost_bytes());
        self.fed = last;
        self.under_way.push_back((last, cost));
        self.cost_bytes += cost;
        Some(entries)
    }

    pub(super) fn start_reading(&mut self) {
        self.is_reading = true;
    }

    pub(super) fn finish_reading(&mut self) {
        self.is_reading = false;
    }

    /// The log is about to be replaced.
    pub(super) fn suspend(&mut self) {
        self.is_suspended = true;
    }

    /// The state machine begins anew from a snapshot up to `index`.
    pub(super) fn restore(&mut self, index: Index) {
        assert!(index > self.fed, "a snapshot restores what was not given");
        (self.committed, self.fed) = (index, index);
    }

    /// Does the state machine still need this entry?
    pub(super) fn lacks(&self, index: Index) -> bool {
        index > self.fed
    }

    pub(super) fn is_suspended(&self) -> bool {
        self.is_suspended
    }

    /// It has done so.
    pub(super) fn resume(&mut self) {
        self.is_suspended = false;
    }

    /// The state machine has applied everything up to `index`.
    pub(super) fn apply(&mut self, index: Index) {
        assert!(index <= self.fed, "a state machine applies what it was given");
        self.applied = self.applied.max(index);
        while let Some((_, cost)) = self.under_way.pop_front_if(|portion| portion.0 <= index) {
            self.cost_bytes -= cost;
        }
    }
}
