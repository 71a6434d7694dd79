//! What the log holds and where: the names of its entries, by term, and the batch of each.

use alloc::vec::Vec;

use super::layout::following;
use crate::types::{Index, LogId};

/// Where a batch stands whose entries, from `first` on, are part of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BatchRef {
    pub(super) first: Index,
    pub(super) segment: u64,
    pub(super) offset: u32,
    pub(super) bytes: u32,
}

/// The log without its entries. The same steps build it when the log is written and when it is
/// read back.
///
/// Invariants:
/// 1. `starts` and `refs` are in order of index, all behind `base` and up to `last`;
/// 2. the entries of `refs[n]` that count are those before the first one of `refs[n + 1]`;
/// 3. what is behind the last ref belongs to the batch that is being built.
#[derive(Clone, Debug)]
pub(super) struct LogMap {
    /// The entry before the first one whose term is known.
    base: LogId,
    /// The first entry of each term behind the base.
    starts: Vec<LogId>,
    last: LogId,
    refs: Vec<BatchRef>,
    /// The first entry of the batch that is being built.
    open: Option<Index>,
}

/// A record contradicts the ones before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Contradiction;

impl LogMap {
    pub(super) fn after(base: LogId) -> Self {
        Self { base, starts: Vec::new(), last: base, refs: Vec::new(), open: None }
    }

    pub(super) fn base(&self) -> LogId {
        self.base
    }

    pub(super) fn last(&self) -> LogId {
        self.last
    }

    /// The first entry of each term.
    pub(super) fn starts(&self) -> &[LogId] {
        &self.starts
    }

    /// The first entry that some batch holds; the one after the last if none does.
    pub(super) fn first(&self) -> Index {
        let held = self.refs.first().map(|batch| batch.first).or(self.open);
        held.unwrap_or(following(self.last.index))
    }

    /// The entry at `index`, which the log holds or starts right after.
    pub(super) fn id(&self, index: Index) -> Option<LogId> {
        if index < self.base.index || index > self.last.index {
            return None;
        }
        let before = self.starts.partition_point(|start| start.index <= index);
        let term = before.checked_sub(1).map_or(self.base.term, |at| self.starts[at].term);
        Some(LogId { term, index })
    }

    /// Does the log hold this entry, or start right after it?
    pub(super) fn has(&self, id: LogId) -> bool {
        self.id(id.index) == Some(id)
    }

    /// One more entry.
    pub(super) fn push(&mut self, id: LogId) -> Result<(), Contradiction> {
        if self.last.index.0.checked_add(1) != Some(id.index.0) || id.term < self.last.term {
            return Err(Contradiction);
        }
        if id.term > self.last.term {
            self.starts.push(id);
        }
        self.open.get_or_insert(id.index);
        self.last = id;
        Ok(())
    }

    /// Nothing after `prev` counts any longer. A log whose beginning is gone may be cut off before
    /// what is left of it.
    pub(super) fn truncate(&mut self, prev: LogId) -> Result<(), Contradiction> {
        if prev.index < self.base.index {
            self.reset(prev);
            return Ok(());
        }
        if !self.has(prev) {
            return Err(Contradiction);
        }
        self.starts.truncate(self.starts.partition_point(|start| start.index <= prev.index));
        self.refs.truncate(self.refs.partition_point(|batch| batch.first <= prev.index));
        self.open = self.open.filter(|&first| first <= prev.index);
        self.last = prev;
        Ok(())
    }

    /// An empty log after `base`.
    pub(super) fn reset(&mut self, base: LogId) {
        *self = Self::after(base);
    }

    /// The batch that is being built stands here.
    pub(super) fn place(&mut self, segment: u64, offset: u32, bytes: u32) {
        if let Some(first) = self.open.take() {
            self.refs.push(BatchRef { first, segment, offset, bytes });
        }
    }

    /// The batches that hold the entries from `first` on, each with its last entry that counts.
    pub(super) fn batches_from(
        &self,
        first: Index,
    ) -> impl DoubleEndedIterator<Item = (BatchRef, Index)> + '_ {
        let from = self.refs.partition_point(|batch| batch.first <= first).saturating_sub(1);
        (from..self.refs.len()).map(|at| {
            let last = self.refs.get(at + 1).map_or(self.last.index, |next| next.first.prev());
            (self.refs[at], last)
        })
    }

    /// The segment of the oldest batch that holds an entry behind `index`.
    pub(super) fn oldest_segment_after(&self, index: Index) -> Option<u64> {
        let (batch, _) = self.batches_from(following(index)).find(|&(_, last)| last > index)?;
        Some(batch.segment)
    }

    /// The segments before `segment` are gone.
    pub(super) fn forget_before(&mut self, segment: u64) {
        self.refs.drain(..self.refs.partition_point(|batch| batch.segment < segment));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Term;

    fn id(term: u64, index: u64) -> LogId {
        LogId { term: Term(term), index: Index(index) }
    }

    fn filled() -> LogMap {
        let mut map = LogMap::after(LogId::ZERO);
        for (batch, ids) in [[id(1, 1), id(1, 2)], [id(1, 3), id(2, 4)], [id(2, 5), id(4, 6)]]
            .into_iter()
            .enumerate()
        {
            ids.into_iter().for_each(|id| map.push(id).expect("follows"));
            map.place(1, u32::try_from(batch).expect("small"), 10);
        }
        map
    }

    fn firsts(map: &LogMap, from: u64) -> Vec<(u64, u64)> {
        map.batches_from(Index(from)).map(|(batch, last)| (batch.first.0, last.0)).collect()
    }

    #[test]
    fn a_truncation_ends_the_batch_that_it_cuts() {
        let mut map = filled();
        assert_eq!(firsts(&map, 4), [(3, 4), (5, 6)]);
        map.truncate(id(1, 3)).expect("known");
        assert_eq!(map.starts(), [id(1, 1)]);
        map.push(id(5, 4)).expect("follows");
        map.place(2, 0, 10);
        assert_eq!(firsts(&map, 1), [(1, 2), (3, 3), (4, 4)]);
        assert_eq!(map.starts(), [id(1, 1), id(5, 4)]);
    }

    #[test]
    fn a_batch_that_overwrites_itself_keeps_its_own_first_entry() {
        let mut map = filled();
        map.push(id(4, 7)).expect("follows");
        map.truncate(id(2, 5)).expect("known");
        map.push(id(5, 6)).expect("follows");
        map.place(3, 0, 10);
        assert_eq!(firsts(&map, 5), [(5, 5), (6, 6)]);
    }

    #[test]
    fn what_contradicts_the_log_is_refused() {
        let mut map = filled();
        assert_eq!(map.push(id(4, 8)), Err(Contradiction), "a gap");
        assert_eq!(map.push(id(3, 7)), Err(Contradiction), "an older term");
        assert_eq!(map.truncate(id(2, 3)), Err(Contradiction), "another term");
        assert_eq!(map.truncate(id(4, 7)), Err(Contradiction), "behind the end");
    }

    #[test]
    fn a_purge_keeps_whatever_holds_a_later_entry() {
        let mut map = filled();
        map.push(id(4, 7)).expect("follows");
        map.place(2, 0, 10);
        assert_eq!(map.oldest_segment_after(Index(5)), Some(1));
        assert_eq!(map.oldest_segment_after(Index(6)), Some(2));
        assert_eq!(map.oldest_segment_after(Index(7)), None);
        map.forget_before(2);
        assert_eq!(map.first(), Index(7));
    }
}
