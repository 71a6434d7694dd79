//! What a restart found on the disk, held against what was written: everything that was
//! acknowledged, nothing that was never written, and a prefix of the rest.

use quorate_core::wal::{Disk, Wal};
use quorate_core::{Index, Recovered};

use crate::judge::{Checked, Image, Ledger, Property, Violation, hold};

/// Takes note of what the disk kept.
///
/// # Errors
/// If no crash may leave that.
pub fn reconcile(ledger: &mut Ledger, found: Image) -> Checked {
    explains(ledger, &found)?;
    ledger.restore(found);
    Ok(())
}

/// Is this what a crash may leave?
///
/// Durable writes are all there. Of those that were not, the entries of the first few are, the last
/// of them perhaps in part, since a long write is several batches. The hard state has a file of its
/// own, written before the entries, and may be ahead of them.
///
/// # Errors
/// If it is not.
pub(crate) fn explains(ledger: &Ledger, found: &Image) -> Checked {
    let futures = ledger.futures()?;
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
    })
}

/// How often a read may fail.
const READS_MAX: usize = 20;

/// Everything that was recovered.
///
/// # Errors
/// If it cannot be read, or makes no log.
pub(crate) fn read_all<D: Disk>(recovered: &Recovered, wal: &mut Wal<D>) -> Checked<Image> {
    let mut image = Image::default();
    image.hard_state = recovered.hard_state;
    let last = recovered.last.index;
    while image.last().index < last {
        let first = image.last().index.next();
        // A read that failed is asked again: nobody but a judge reads all.
        let read = (0..READS_MAX).find_map(|_| wal.read(first, 1 << 20).ok());
        let entries =
            read.map_or_else(|| wal.read(first, 1 << 20), Ok).map_err(|why| Violation {
                property: Property::ServersStart,
                evidence: format!("{first:?} of {last:?} cannot be read: {why}"),
            })?;
        image.append(&entries)?;
    }
    Ok(image)
}
