//! What a disk holds, or will hold once it has caught up.

use quorate_core::{
    Append, Entries, Entry, HardState, Index, LogId, Membership, Recovered, SnapshotChange,
    SnapshotMeta, Term, Ticket, Write,
};

use super::violation::{Checked, Property, hold};
use crate::digest::Digest;
use crate::direct::Found;

/// Hard state and log. Each entry carries the digest of the log up to it, so that two logs are
/// compared in one step.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// Term and vote.
    pub hard_state: HardState,
    log: Vec<(Entry, Digest)>,
    /// The memberships that entries say.
    memberships: Vec<(Index, Membership)>,
    /// The newest snapshot.
    snapshot: Option<Box<SnapshotMeta>>,
    /// Entries up to here are there for the judges only: the log itself has forgotten them.
    base: Index,
}

impl Image {
    /// Term and vote, and an empty log.
    pub fn bare(hard_state: HardState) -> Self {
        Self { hard_state, ..Self::default() }
    }

    /// What a server starts from that has so many entries in memory.
    ///
    /// # Panics
    /// Never: an image is checked when it is written.
    pub fn recovered(&self, founders: &Membership, in_memory: u64) -> Recovered {
        let genesis = || SnapshotMeta::genesis(founders.clone());
        let snapshot = self.snapshot.as_deref().cloned().unwrap_or_else(genesis);
        let term = self.term(self.base).expect("a log starts after one of its entries");
        let base = LogId { term, index: self.base };
        let entries = self.read(self.base.next(), u64::MAX);
        let recovered = Recovered::from_log(self.hard_state, snapshot, base, entries.to_vec());
        let mut recovered = recovered.expect("an image is checked when it is written");
        let first = recovered.last.index.0.saturating_sub(in_memory.min(recovered.last.index.0));
        recovered.tail = recovered.tail.from(Index(first + 1));
        recovered
    }

    /// What this becomes if the disk has kept another log, which starts after an entry of this one.
    ///
    /// # Errors
    /// If its entries do not follow.
    pub(crate) fn with_log(&self, found: &Found) -> Checked<Self> {
        let mut image = self.clone();
        image.cut(found.base.index);
        image.hard_state = found.hard_state;
        image.base = found.base.index;
        // A log that was mended may name an older one.
        let is_taken = found.snapshot.last_included != LogId::ZERO;
        image.snapshot = is_taken.then(|| Box::new(found.snapshot.clone()));
        image.append(
            &Entries::new(found.entries.iter().cloned()).expect("what was read is a run"),
        )?;
        Ok(image)
    }

    /// The log itself forgets the entries up to `index`.
    pub fn compact(&mut self, index: Index) {
        self.base = self.base.max(index);
    }

    /// What the log itself starts after.
    pub fn base(&self) -> Index {
        self.base
    }

    /// The last entry of the newest snapshot.
    pub fn snapshot(&self) -> LogId {
        self.snapshot.as_ref().map_or(LogId::ZERO, |snapshot| snapshot.last_included)
    }

    /// The entry that said which membership rules up to here; 0 if none did.
    pub fn membership_at(&self, upto: Index) -> Index {
        let mut newest_first = self.memberships.iter().rev();
        newest_first.find(|&&(at, _)| at <= upto).map_or(Index(0), |&(at, _)| at)
    }

    /// The last entry.
    pub fn last(&self) -> LogId {
        self.log.last().map_or(LogId::ZERO, |(entry, _)| entry.id)
    }

    /// The term of an entry, if it is there.
    pub fn term(&self, index: Index) -> Option<Term> {
        if index == Index(0) {
            return Some(Term(0));
        }
        self.slot(index).map(|(entry, _)| entry.id.term)
    }

    /// The digest of the log up to here.
    pub fn digest(&self, index: Index) -> Option<Digest> {
        if index == Index(0) {
            return Some(Digest::EMPTY);
        }
        self.slot(index).map(|&(_, digest)| digest)
    }

    /// Are these the entries after `prev`?
    pub(crate) fn holds(&self, prev: Index, entries: &[Entry]) -> bool {
        let before = self.digest(prev);
        let said = before.map(|log| entries.iter().fold(log, |log, entry| log.with_entry(entry)));
        let last = entries.last().map_or(prev, |last| last.id.index);
        said.is_some() && said == self.digest(last)
    }

    /// Are these the entries from `first` to `last`?
    pub(crate) fn is_run(&self, first: Index, last: Index, entries: &Entries) -> bool {
        let end = entries.last_id().map(|last| last.index);
        end == Some(last) && self.holds(first.prev(), entries)
    }

    /// The newest membership that an entry up to here says.
    pub fn membership(&self, upto: Index) -> Option<&Membership> {
        let mut newest_first = self.memberships.iter().rev();
        newest_first.find(|&&(at, _)| at <= upto).map(|(_, membership)| membership)
    }

    /// All memberships that entries say.
    pub fn memberships(&self) -> impl Iterator<Item = &Membership> {
        self.memberships.iter().map(|(_, membership)| membership)
    }

    /// An entry, if it is there.
    pub fn entry(&self, index: Index) -> Option<&Entry> {
        self.slot(index).map(|(entry, _)| entry)
    }

    /// All entries.
    pub fn entries(&self) -> Vec<Entry> {
        self.log.iter().map(|(entry, _)| entry.clone()).collect()
    }

    /// The entries from `first` on, up to a cost but at least one; none beyond the end.
    ///
    /// # Panics
    /// Never: an image is checked when it is written.
    pub fn read(&self, first: Index, bytes_max: u64) -> Entries {
        let mut cost = 0;
        let wanted = (first.0..=self.last().index.0).map_while(|index| {
            let entry = self.entry(Index(index))?;
            cost += entry.cost_bytes();
            (index == first.0 || cost <= bytes_max).then(|| entry.clone())
        });
        Entries::new(wanted).expect("an image is checked when it is written")
    }

    /// Carries out a write. Says whether entries were discarded.
    ///
    /// # Errors
    /// If it does not follow.
    pub fn apply(&mut self, write: &Write) -> Checked<bool> {
        let mut truncated = false;
        if let Some(append) = &write.append {
            hold(self.term(append.prev.index) == Some(append.prev.term), PROPERTY, || {
                format!("{:?} is not in the log, which ends at {:?}", append.prev, self.last())
            })?;
            truncated = append.prev.index < self.last().index;
            self.cut(append.prev.index);
            for entry in append.entries.iter() {
                let last = self.last();
                hold(
                    entry.id.index == last.index.next() && entry.id.term >= last.term,
                    PROPERTY,
                    || format!("{:?} does not follow {last:?}", entry.id),
                )?;
                let digest = self.digest(last.index).expect("the last entry is there");
                self.log.push((entry.clone(), digest.with_entry(entry)));
                let membership = entry.payload.membership();
                self.memberships.extend(membership.map(|it| (entry.id.index, it)));
            }
        }
        if let Some(hard_state) = write.hard_state {
            self.hard_state = hard_state;
        }
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
        Ok(truncated)
    }

    /// Adds entries that follow.
    ///
    /// # Errors
    /// If they do not.
    pub fn append(&mut self, entries: &Entries) -> Checked {
        let append = Append { prev: self.last(), entries: entries.clone() };
        let write =
            Write { ticket: Ticket(0), snapshot: None, hard_state: None, append: Some(append) };
        self.apply(&write).map(drop)
    }

    /// Discards what comes after `last`.
    pub fn cut(&mut self, last: Index) {
        self.log.truncate(usize::try_from(last.0).expect("a log fits in memory"));
        self.memberships.retain(|&(at, _)| at <= last);
    }

    fn slot(&self, index: Index) -> Option<&(Entry, Digest)> {
        self.log.get(usize::try_from(index.0.checked_sub(1)?).ok()?)
    }
}

const PROPERTY: Property = Property::EffectsAreWellFormed;
