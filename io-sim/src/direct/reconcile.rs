//! What a restart found on the disk, held against what was written: everything that was
//! acknowledged, nothing that was never written, and a prefix of the rest.

use quorate_core::wal::{Disk, Wal};
use quorate_core::{Entry, HardState, Index, LogId, Recovered, SnapshotMeta};

use crate::judge::{Checked, Image, Ledger, Property, Violation, hold};

/// What a server finds on its disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Term and vote.
    pub hard_state: HardState,
    /// What the log starts after.
    pub base: LogId,
    /// The newest snapshot.
    pub snapshot: SnapshotMeta,
    /// All that is in the log.
    pub entries: Vec<Entry>,
}

impl Found {
    /// The end of the log.
    pub fn last(&self) -> LogId {
        self.entries.last().map_or(self.base, |entry| entry.id)
    }
}

/// Takes note of what the disk kept.
///
/// # Errors
/// If no crash may leave that.
pub fn reconcile(ledger: &mut Ledger, found: &Found) -> Checked {
    let image = explains(ledger, found)?;
    ledger.restore(image);
    Ok(())
}

/// Is this what a crash may leave?
///
/// Durable writes are all there. Of those that were not, the entries of the first few are, the last
/// of them perhaps in part, since a long write is several batches. The hard state has a file of its
/// own, written before the entries, and may be ahead of them.
///
/// A log may have forgotten what it was told to forget, and so much only.
///
/// # Errors
/// If it is not.
pub(crate) fn explains(ledger: &Ledger, found: &Found) -> Checked<Image> {
    let futures = ledger.futures()?;
    let covered = found.snapshot.last_included;
    let knows = |image: &Image| {
        ledger.may_name(image, covered)
            && image.term(found.base.index) == Some(found.base.term)
            && found.base.index <= image.base()
    };
    let beginning = futures.iter().map(|future| &future.1).find(|image| knows(image));
    hold(beginning.is_some(), Property::ServersStart, || {
        let known: Vec<_> =
            futures.iter().map(|(_, image)| (image.snapshot(), image.base())).collect();
        format!("found a log after {:?} and {:?}; known {known:?}", found.base, found.snapshot)
    })?;
    let found = &beginning.expect("held").with_log(found)?;
    let last = found.last().index;
    let is_it = |(prev, image): &(Index, Image)| {
        last >= *prev && last <= image.last().index && image.digest(last) == found.digest(last)
    };
    hold(futures.iter().any(is_it), Property::ServersStart, || {
        let known: Vec<_> =
            futures.iter().map(|(prev, image)| (prev, image.last(), image.digest(last))).collect();
        format!("found {:?} {:?}; known {known:?}", found.last(), found.digest(last))
    })?;
    let states: Vec<_> = futures.iter().map(|future| future.1.hard_state).collect();
    hold(states.contains(&found.hard_state), Property::ServersStart, || {
        format!("found {:?}, written were {states:?}", found.hard_state)
    })?;
    Ok(found.clone())
}

/// How often a read may fail.
const READS_MAX: usize = 20;

/// Everything that was recovered.
///
/// # Errors
/// If it cannot be read, or makes no log.
pub(crate) fn read_all<D: Disk>(recovered: &Recovered, wal: &mut Wal<D>) -> Checked<Found> {
    let Recovered { hard_state, base, snapshot, .. } = recovered.clone();
    let mut found = Found { hard_state, base, snapshot, entries: Vec::new() };
    let last = recovered.last.index;
    while found.last().index < last {
        let first = found.last().index.next();
        // A read that failed is asked again: nobody but a judge reads all.
        let read = (0..READS_MAX).find_map(|_| wal.read(first, 1 << 20).ok());
        let entries =
            read.map_or_else(|| wal.read(first, 1 << 20), Ok).map_err(|why| Violation {
                property: Property::ServersStart,
                evidence: format!("{first:?} of {last:?} cannot be read: {why}"),
            })?;
        hold(entries.first_index() == Some(first), Property::ServersStart, || {
            format!("{entries:?} were read from {first:?} on")
        })?;
        found.entries.extend(entries.iter().cloned());
    }
    Ok(found)
}
