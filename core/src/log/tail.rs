//! The newest entries of the log, in memory.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::entry::{Entries, Entry};
use crate::types::Index;

/// The runs that were written, newest last, as they were written: a window of entries for a peer
/// is then mostly a shared view of one of them.
///
/// Invariants: runs are not empty and follow one another; `cost_bytes` is the sum over the runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tail {
    runs: VecDeque<Run>,
    cost_bytes: u64,
}

#[derive(Clone, Debug)]
struct Run {
    entries: Entries,
    first: Index,
    cost_bytes: u64,
}

impl Run {
    fn last(&self) -> Index {
        Index(self.first.0 + self.entries.len() as u64 - 1)
    }
}

impl Tail {
    /// Adds a run at the end.
    pub(crate) fn push(&mut self, entries: Entries) {
        let Some(first) = entries.first_index() else { return };
        assert!(self.last().is_none_or(|last| first == last.next()), "runs follow one another");
        let cost_bytes = entries.cost_bytes();
        self.cost_bytes += cost_bytes;
        self.runs.push_back(Run { entries, first, cost_bytes });
    }

    /// Forgets all entries after `index`.
    pub(crate) fn truncate(&mut self, index: Index) {
        while let Some(run) = self.runs.pop_back_if(|run| run.last() > index) {
            self.cost_bytes -= run.cost_bytes;
            if run.first <= index {
                self.push(run.entries.up_to(index));
            }
        }
    }

    /// Forgets the oldest runs, none with an entry after `index`, until at most `cost_bytes_max`
    /// remain.
    pub(crate) fn evict(&mut self, index: Index, cost_bytes_max: u64) {
        if self.cost_bytes <= cost_bytes_max {
            return;
        }
        while self.cost_bytes > cost_bytes_max {
            let Some(run) = self.runs.pop_front_if(|run| run.last() <= index) else { return };
            self.cost_bytes -= run.cost_bytes;
        }
        if cost_bytes_max == 0 && self.runs.is_empty() {
            // Whoever keeps nothing, as one of very many groups may, holds no memory either.
            self.runs = VecDeque::new();
        }
    }

    /// Forgets the runs with no entry after `index`.
    pub(crate) fn compact(&mut self, index: Index) {
        while let Some(run) = self.runs.pop_front_if(|run| run.last() <= index) {
            self.cost_bytes -= run.cost_bytes;
        }
    }

    /// The newest entry in memory.
    pub(crate) fn last(&self) -> Option<Index> {
        self.runs.back().map(Run::last)
    }

    /// Entries from `first` on, as many as cost at most `bytes_max`, at least one; `None` if
    /// `first` is not in memory.
    pub(crate) fn window(&self, first: Index, bytes_max: u64) -> Option<Entries> {
        let at = self.position(first)?;
        let run = &self.runs[at];
        let whole = run.first == first && run.cost_bytes <= bytes_max;
        let is_newest = at + 1 == self.runs.len();
        if whole && (is_newest || run.cost_bytes + self.runs[at + 1].cost_bytes > bytes_max) {
            return Some(run.entries.clone());
        }
        let mut left = bytes_max;
        let mut views = Vec::new();
        for run in self.runs.range(at..) {
            let rest = run.entries.from(first);
            let count = affordable(&rest, &mut left, views.is_empty());
            views.push(rest.take(count));
            if count < rest.len() {
                break;
            }
        }
        Some(Entries::concat(&views))
    }

    fn position(&self, index: Index) -> Option<usize> {
        let newest = self.runs.back().filter(|run| index <= run.last())?;
        if newest.first <= index {
            return Some(self.runs.len() - 1);
        }
        self.runs.partition_point(|run| run.first <= index).checked_sub(1)
    }
}

/// How many entries `left` pays for; the very first entry of a window is free.
fn affordable(entries: &[Entry], left: &mut u64, is_first: bool) -> usize {
    let mut count = 0;
    for entry in entries {
        let cost = entry.cost_bytes();
        if cost > *left && !(is_first && count == 0) {
            break;
        }
        *left = left.saturating_sub(cost);
        count += 1;
    }
    count
}
