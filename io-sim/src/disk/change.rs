//! Changes that were asked for and are not yet part of the medium.

use std::collections::VecDeque;

/// Which operation it is, and when it was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    /// Counts the operations of the disk.
    pub(super) order: u64,
    /// The world's time.
    pub(super) asked_at: u64,
}

/// Changes in the order in which they were asked for.
///
/// Invariant: those that a sync covers come before the others, and in the order of the times from
/// which on they are durable.
#[derive(Debug)]
pub(super) struct Pending<C> {
    queue: VecDeque<Entry<C>>,
}

#[derive(Debug)]
struct Entry<C> {
    stamp: Stamp,
    /// From when on it is durable; `None` if no sync covers it.
    durable_from: Option<u64>,
    change: C,
}

impl<C> Pending<C> {
    pub(super) const fn new() -> Self {
        Self { queue: VecDeque::new() }
    }

    pub(super) fn push(&mut self, stamp: Stamp, change: C) {
        self.queue.push_back(Entry { stamp, durable_from: None, change });
    }

    /// A sync ends at `from`: everything so far is durable then.
    pub(super) fn cover(&mut self, from: u64) {
        for entry in self.queue.iter_mut().rev() {
            if entry.durable_from.is_some() {
                break;
            }
            entry.durable_from = Some(from);
        }
    }

    /// A sync failed: forgets what it should have covered, unless `keeps` says that it got through
    /// by `from`. Says how many are forgotten.
    pub(super) fn drop_dirty(&mut self, from: u64, mut keeps: impl FnMut() -> bool) -> usize {
        let before = self.queue.len();
        self.queue.retain_mut(|entry| {
            let is_kept = entry.durable_from.is_some() || keeps();
            entry.durable_from = entry.durable_from.or(Some(from));
            is_kept
        });
        before - self.queue.len()
    }

    /// The next change that is durable by `now`.
    pub(super) fn pop_durable(&mut self, now: u64) -> Option<(Stamp, C)> {
        let from = self.queue.front()?.durable_from?;
        if from > now {
            return None;
        }
        self.queue.pop_front().map(|entry| (entry.stamp, entry.change))
    }

    /// Forgets what was asked for after `now`. Says how many that were.
    pub(super) fn undo_after(&mut self, now: u64) -> usize {
        let kept = self.queue.partition_point(|entry| entry.stamp.asked_at <= now);
        let undone = self.queue.len() - kept;
        self.queue.truncate(kept);
        undone
    }

    /// When the last sync ends.
    pub(super) fn last_sync(&self) -> Option<u64> {
        self.queue.iter().rev().find_map(|entry| entry.durable_from)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Stamp, &C)> {
        self.queue.iter().map(|entry| (entry.stamp, &entry.change))
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = (Stamp, C)> {
        self.queue.drain(..).map(|entry| (entry.stamp, entry.change))
    }
}
