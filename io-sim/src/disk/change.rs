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
/// Invariant: those that a sync covers come before the others, and in the order of their syncs.
#[derive(Debug)]
pub(super) struct Pending<C> {
    queue: VecDeque<Entry<C>>,
}

/// A sync that covers changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sync {
    /// When it was asked for.
    pub(super) asked_at: u64,
    /// When it ends.
    pub(super) ends_at: u64,
}

#[derive(Debug)]
struct Entry<C> {
    stamp: Stamp,
    /// What makes it durable, if anything does.
    sync: Option<Sync>,
    change: C,
}

impl<C> Pending<C> {
    pub(super) const fn new() -> Self {
        Self { queue: VecDeque::new() }
    }

    pub(super) fn push(&mut self, stamp: Stamp, change: C) {
        self.queue.push_back(Entry { stamp, sync: None, change });
    }

    /// Everything so far is durable when this sync ends.
    pub(super) fn cover(&mut self, sync: Sync) {
        for entry in self.queue.iter_mut().rev() {
            if entry.sync.is_some() {
                break;
            }
            entry.sync = Some(sync);
        }
    }

    /// This sync failed: forgets what it should have covered, unless `keeps` says that it got
    /// through. Says how many are forgotten.
    pub(super) fn drop_dirty(&mut self, sync: Sync, mut keeps: impl FnMut() -> bool) -> usize {
        let before = self.queue.len();
        self.queue.retain_mut(|entry| {
            let is_kept = entry.sync.is_some() || keeps();
            entry.sync = entry.sync.or(Some(sync));
            is_kept
        });
        before - self.queue.len()
    }

    /// The next change that is durable by `now`.
    pub(super) fn pop_durable(&mut self, now: u64) -> Option<(Stamp, C)> {
        if self.queue.front()?.sync?.ends_at > now {
            return None;
        }
        self.queue.pop_front().map(|entry| (entry.stamp, entry.change))
    }

    /// Forgets the changes and syncs that were asked for after `now`. Says how many changes.
    pub(super) fn undo_after(&mut self, now: u64) -> usize {
        let kept = self.queue.partition_point(|entry| entry.stamp.asked_at <= now);
        let undone = self.queue.len() - kept;
        self.queue.truncate(kept);
        for entry in &mut self.queue {
            entry.sync = entry.sync.filter(|sync| sync.asked_at <= now);
        }
        undone
    }

    /// When the last sync ends.
    pub(super) fn last_sync(&self) -> Option<u64> {
        self.queue.iter().rev().find_map(|entry| entry.sync.map(|sync| sync.ends_at))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Stamp, &C)> {
        self.queue.iter().map(|entry| (entry.stamp, &entry.change))
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = (Stamp, C)> {
        self.queue.drain(..).map(|entry| (entry.stamp, entry.change))
    }
}
