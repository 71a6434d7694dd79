//! The log as it should be.

use quorate_core::wal::Opened;
use quorate_core::{Append, Entries, Entry, EntryRange, HardState, Index, LogId, Term, Write};

/// The log and the hard state as some write left them.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Image {
    pub(super) hard_state: HardState,
    pub(super) entries: Vec<Entry>,
}

/// What may be on the disk.
pub(super) struct Model {
    /// After each write, from the first one on.
    images: Vec<Image>,
    /// Those before this one are of the past: the one here is acknowledged.
    acked: usize,
    pub(super) committed: Index,
    /// Every snapshot that was recorded, or was to be.
    pub(super) snapshots: Vec<LogId>,
}

impl Image {
    pub(super) fn last(&self) -> LogId {
        self.entries.last().map_or(LogId::ZERO, |entry| entry.id)
    }

    /// The name of the entry at this index.
    pub(super) fn id(&self, index: Index) -> LogId {
        let place = usize::try_from(index.0).expect("logs are short");
        place.checked_sub(1).map_or(LogId::ZERO, |place| self.entries[place].id)
    }
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            images: vec![Image::default()],
            acked: 0,
            committed: Index(0),
            snapshots: vec![LogId::ZERO],
        }
    }

    /// The log after all writes.
    pub(super) fn newest(&self) -> &Image {
        self.images.last().expect("there is always one")
    }

    /// The log after all writes that were acknowledged.
    pub(super) fn acked(&self) -> &Image {
        &self.images[self.acked]
    }

    pub(super) fn write(&mut self, write: &Write) {
        let mut image = self.newest().clone();
        image.hard_state = write.hard_state.unwrap_or(image.hard_state);
        if let Some(Append { prev, entries }) = &write.append {
            image.entries.retain(|entry| entry.id.index <= prev.index);
            image.entries.extend_from_slice(entries);
        }
        self.images.push(image);
    }

    /// All writes so far are acknowledged.
    pub(super) fn acknowledge(&mut self) {
        self.acked = self.images.len() - 1;
    }

    /// Nothing that was acknowledged is lost, and nothing is there that was not written. `found`
    /// are the entries of the log.
    pub(super) fn check(&mut self, opened: &Opened, found: &[Entry]) {
        let recovered = &opened.recovered;
        let fits = |image: &&Image| ends_with(image, recovered.last, found);
        let image = self.images[self.acked..].iter().find(fits).cloned();
        let image = image.unwrap_or_else(|| {
            let (last, acked) = (recovered.last, self.acked().last());
            panic!("the log ends at {last:?}, and up to {acked:?} it was acknowledged")
        });
        let hard_state = recovered.hard_state;
        let mut possible = self.images[self.acked..].iter().map(|image| image.hard_state);
        assert!(possible.any(|one| one == hard_state), "{hard_state:?} was never written");
        let base = recovered.snapshot.last_included;
        assert!(self.snapshots.contains(&base), "there was no snapshot up to {base:?}");
        assert!(opened.commit <= self.committed, "{:?} was not committed", opened.commit);
        assert!(found.ends_with(&recovered.tail), "what is in memory is the end of the log");
        self.images.push(Image { hard_state, ..image });
        self.acknowledge();
    }

    /// Nothing is there that was not written.
    pub(super) fn check_past(&self, opened: &Opened, found: &[Entry]) {
        let last = opened.recovered.last;
        let starts = |image: &Image| {
            let front = image.entries.partition_point(|entry| entry.id.index <= last.index);
            let image = Image { entries: image.entries[..front].to_vec(), ..*image };
            ends_with(&image, last, found)
        };
        assert!(self.images.iter().any(starts), "there never was a log that ends at {last:?}");
    }

    /// What a server gives whose log was once like this one's.
    pub(super) fn entries(&self, wanted: EntryRange) -> Option<Entries> {
        let EntryRange { after, last, anchor } = wanted;
        let has = |image: &Image, id: LogId| {
            id == LogId::ZERO || image.entries.iter().any(|it| it.id == id)
        };
        let image = self.images.iter().find(|image| has(image, after) && has(image, anchor))?;
        let is_wanted = |it: &&Entry| it.id.index > after.index && it.id.index <= last;
        Some(Entries::new(image.entries.iter().filter(is_wanted).cloned()).expect("a run"))
    }

    /// A term for the next write.
    pub(super) fn term(&self) -> Term {
        self.newest().hard_state.term
    }
}

/// Is this the log, as far back as it was not purged?
fn ends_with(image: &Image, last: LogId, found: &[Entry]) -> bool {
    image.last() == last && image.entries.ends_with(found)
}
