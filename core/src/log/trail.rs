//! The term of every entry of the log, without the entries.

use alloc::vec::Vec;

use crate::entry::Entries;
use crate::types::{Index, LogId, Term};

/// The whole log as the places where its term changes: a few words, however long the log.
///
/// Invariants:
/// 1. the first start, if any, directly follows `base`, and its term is not below `base`'s;
/// 2. starts rise in index and in term;
/// 3. `last` is at or behind the last start and has its term; it is `base` if there is no start.
#[derive(Clone, Debug)]
pub(crate) struct Trail {
    base: LogId,
    starts: Vec<LogId>,
    last: LogId,
}

impl Trail {
    /// A trail whose parts were checked by [`Recovered::check`](crate::Recovered::check).
    pub(crate) fn new(base: LogId, starts: Vec<LogId>, last: LogId) -> Self {
        Self { base, starts, last }
    }

    /// What the log starts after.
    pub(crate) fn base(&self) -> LogId {
        self.base
    }

    /// The end of the log.
    pub(crate) fn last(&self) -> LogId {
        self.last
    }

    /// The term at `index`; `None` before the base and beyond the end.
    pub(crate) fn term(&self, index: Index) -> Option<Term> {
        if index > self.last.index || index < self.base.index {
            return None;
        }
        match self.starts.last() {
            Some(start) if start.index <= index => Some(start.term),
            _ => {
                let after = self.starts.partition_point(|start| start.index <= index);
                Some(after.checked_sub(1).map_or(self.base.term, |at| self.starts[at].term))
            }
        }
    }

    /// The name of the entry at `index`; `None` before the base and beyond the end.
    pub(crate) fn id(&self, index: Index) -> Option<LogId> {
        self.term(index).map(|term| LogId { term, index })
    }

    /// The newest entry that is neither behind `limit.index` nor of a term above `limit.term`;
    /// the base if there is none.
    pub(crate) fn newest_within(&self, limit: LogId) -> LogId {
        let mut at = self.starts.partition_point(|start| start.index <= limit.index);
        let mut index = limit.index.min(self.last.index);
        while let Some(start) = at.checked_sub(1).map(|before| self.starts[before]) {
            if start.term <= limit.term {
                return LogId { term: start.term, index };
            }
            index = start.index.prev();
            at -= 1;
        }
        self.base
    }

    /// Adds one entry at the end.
    pub(crate) fn push(&mut self, id: LogId) {
        assert!(id.index == self.last.index.next(), "entries are consecutive");
        assert!(id.term >= self.last.term, "terms never decrease");
        if self.starts.last().is_none_or(|start| start.term < id.term) {
            self.starts.push(id);
        }
        self.last = id;
    }

    /// Adds a run at the end.
    pub(crate) fn extend(&mut self, run: &Entries) {
        let (Some(first), Some(last)) = (run.first(), run.last_id()) else { return };
        self.push(first.id);
        if last.term == first.id.term {
            self.last = last;
        } else {
            run[1..].iter().for_each(|entry| self.push(entry.id));
        }
    }

    /// Forgets all entries up to `index`: the log starts after it.
    pub(crate) fn compact(&mut self, index: Index) {
        let base = self.id(index).expect("the log is compacted within itself");
        let next = self.id(index.next());
        self.starts.drain(..self.starts.partition_point(|start| start.index <= index.next()));
        // The log may start in the middle of a term.
        if let Some(next) = next {
            self.starts.insert(0, next);
        }
        self.base = base;
    }

    /// Forgets all entries after `index`.
    pub(crate) fn truncate(&mut self, index: Index) {
        let last = self.id(index).expect("the log is cut within itself");
        self.starts.truncate(self.starts.partition_point(|start| start.index <= index));
        self.last = last;
    }
}
