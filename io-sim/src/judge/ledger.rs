//! What one server wrote: writes become durable in order, some time after they were given.

use std::collections::VecDeque;

use quorate_core::{Index, LogId, Ticket, Write};

use super::image::Image;
use super::violation::{Checked, Property, hold};
use crate::digest::Digest;

/// Invariant: `written` is `durable` with all of `pending` carried out.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// What a crash leaves.
    durable: Image,
    /// What the server believes to have written.
    written: Image,
    /// Given and not yet durable.
    pending: VecDeque<Write>,
    newest: Ticket,
    /// What was durable before the disk was lost, or an old copy put back; until the server has a
    /// say again.
    lost: Option<Box<Image>>,
    /// The log was mended: it has all entries, and may name an older snapshot.
    is_mended: bool,
}

impl Ledger {
    /// Of a server that joins: it begins without a say.
    #[must_use]
    pub fn of_newcomer() -> Self {
        let mut newcomer = Self::default();
        newcomer.durable.hard_state.is_forgetful = true;
        newcomer.written.hard_state.is_forgetful = true;
        newcomer
    }

    /// What a crash leaves, at least.
    pub fn durable(&self) -> &Image {
        &self.durable
    }

    /// What the server believes to have written.
    pub fn written(&self) -> &Image {
        &self.written
    }

    /// Is all up to here durable, as it was written?
    pub(crate) fn is_durable(&self, index: Index) -> bool {
        let durable = self.durable.digest(index);
        durable.is_some() && durable == self.written.digest(index)
    }

    /// How many writes are not durable.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The writes that are not durable, oldest first.
    pub(crate) fn under_way(&self) -> impl Iterator<Item = &Write> {
        self.pending.iter()
    }

    /// Takes a write. Says whether it discards entries.
    ///
    /// # Errors
    /// If it does not follow those before.
    pub fn write(&mut self, write: Write) -> Checked<bool> {
        hold(write.ticket > self.newest, Property::EffectsAreWellFormed, || {
            format!("{:?} after {:?}", write.ticket, self.newest)
        })?;
        self.newest = write.ticket;
        let truncates = self.written.apply(&write)?;
        self.pending.push_back(write);
        Ok(truncates)
    }

    /// The first `count` writes reach the medium. Says which was the last, and whether entries
    /// were discarded, or those that were lost are to be there again.
    ///
    /// # Panics
    /// Never: writes are checked when they are taken.
    pub fn sync(&mut self, count: usize) -> (Option<Ticket>, bool) {
        let mut truncated = false;
        let mut last = None;
        for write in self.pending.drain(..count.min(self.pending.len())) {
            let applied = self.durable.apply(&write).expect("checked when it was written");
            truncated |= applied;
            if !self.durable.hard_state.is_forgetful {
                truncated |= self.lost.take().is_some();
            }
            last = Some(write.ticket);
        }
        (last, truncated)
    }

    /// What a crash may leave: the log after so many of the writes that are pending, and the entry
    /// up to which it is certainly there if the last of them was carried out in part.
    ///
    /// # Errors
    /// Never: writes are checked when they are taken.
    pub fn futures(&self) -> Checked<Vec<(Index, Image)>> {
        let mut image = self.durable.clone();
        let mut futures = vec![(image.last().index, image.clone())];
        for write in &self.pending {
            image.apply(write)?;
            let prev = write.append.as_ref().map_or(image.last(), |append| append.prev);
            futures.push((prev.index, image.clone()));
        }
        Ok(futures)
    }

    /// All writes up to this ticket reach the medium. Says whether entries were discarded.
    pub fn sync_until(&mut self, ticket: Ticket) -> bool {
        let count = self.pending.partition_point(|write| write.ticket <= ticket);
        self.sync(count).1
    }

    /// Power is lost: `kept` more writes had reached the medium, unnoticed; the others are gone.
    pub fn crash(&mut self, kept: usize) {
        self.sync(kept);
        self.restore(self.durable.clone());
    }

    /// This is all that is left, and the server starts as one that may have forgotten what it
    /// promised. Whoever counted on it goes on to do so: a server without a say unsays nothing.
    pub fn lose(&mut self, mut left: Image) {
        left.hard_state.is_forgetful = true;
        let had = core::mem::take(&mut self.durable);
        self.lost.get_or_insert_with(|| Box::new(had));
        self.restore(left);
    }

    /// Entries that were missing in the middle of the log are there again. That a snapshot was taken among
    /// them is forgotten.
    pub(crate) fn mend(&mut self) {
        self.is_mended = true;
    }

    /// Is this the snapshot that a log of this image may name?
    pub(crate) fn may_name(&self, image: &Image, snapshot: LogId) -> bool {
        let is_older = || snapshot.index < image.snapshot().index;
        snapshot == image.snapshot()
            || (self.is_mended && is_older() && image.term(snapshot.index) == Some(snapshot.term))
    }

    /// The log of this digest is durable here, or was before the disk was lost.
    pub(crate) fn vouches_for(&self, index: Index, digest: Digest) -> bool {
        self.images().any(|image| image.digest(index) == Some(digest))
    }

    /// What is durable, and what was before the disk was lost.
    pub(crate) fn images(&self) -> impl Iterator<Item = &Image> {
        core::iter::once(&self.durable).chain(self.lost.as_deref())
    }

    /// The log forgets the entries up to `index`.
    pub fn compact(&mut self, index: Index) {
        self.durable.compact(index);
        self.written.compact(index);
    }

    /// This is what the disk holds, whatever was believed of it.
    pub fn restore(&mut self, durable: Image) {
        self.pending.clear();
        self.written = durable.clone();
        self.durable = durable;
        self.newest = Ticket(0);
        self.is_mended = false;
    }
}

#[cfg(test)]
mod tests {
    use quorate_core::{Append, Entries, Entry, Index, LogId, Payload, Term, Ticket, Write};

    use super::Ledger;

    fn write(ticket: u64, prev: u64, entries: core::ops::RangeInclusive<u64>) -> Write {
        let id = |index: u64| LogId { term: Term(index.min(1)), index: Index(index) };
        let entries = entries.map(|index| Entry { id: id(index), payload: Payload::NOOP });
        let entries = Entries::new(entries).expect("a run");
        let append = Some(Append { prev: id(prev), entries });
        Write { ticket: Ticket(ticket), snapshot: None, hard_state: None, append }
    }

    #[test]
    fn a_crash_keeps_what_was_durable_and_the_first_of_the_rest() {
        let mut ledger = Ledger::default();
        for write in [write(1, 0, 1..=2), write(2, 2, 3..=3), write(3, 3, 4..=4)] {
            assert_eq!(ledger.write(write), Ok(false));
        }
        assert_eq!(ledger.sync(1), (Some(Ticket(1)), false));
        let last =
            |ledger: &Ledger| (ledger.durable().last().index.0, ledger.written().last().index.0);
        assert_eq!(last(&ledger), (2, 4));
        ledger.crash(1);
        assert_eq!((last(&ledger), ledger.pending()), ((3, 3), 0));
        assert_eq!(
            ledger.write(write(1, 1, 2..=2)),
            Ok(true),
            "tickets begin anew, an entry is cut"
        );
    }

    #[test]
    fn writes_that_do_not_follow_are_refused() {
        let mut ledger = Ledger::default();
        assert!(ledger.write(write(1, 1, 2..=2)).is_err(), "a gap");
        assert!(ledger.write(write(2, 0, 1..=1)).is_ok());
        assert!(ledger.write(write(2, 1, 2..=2)).is_err(), "the same ticket");
    }
}
