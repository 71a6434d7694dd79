//! Cuts the last record of a log in half, as a power loss in the middle of a write does.

use std::path::Path;

use quorate_core::wal::{self, Disk, DiskError, Finding, Worth};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::directory;

/// Disks write sectors whole: a record is cut between two of them.
const SECTOR_BYTES: u64 = 512;

/// What was done to a log.
pub(super) struct Torn {
    /// How many bytes of the last batch are gone.
    pub(super) bytes: u64,
    /// The last entry before it.
    pub(super) kept: u64,
    /// The last entry in it.
    pub(super) lost: u64,
}

/// Where the last batch lies.
#[derive(Clone)]
struct Last {
    file: String,
    offset: u64,
    used_bytes: u64,
    last: u64,
    before: u64,
}

/// Cuts the last batch of the log in a directory that no server uses. `None`, with nothing
/// changed, if it fits a sector, or if the log says that it was durable: then a cut would not be a
/// write that was interrupted, but damage, and the server would rightly refuse to start.
pub(super) fn tear(path: &Path) -> Result<Option<Torn>, Box<Diagnostic>> {
    let disk = directory::lock(path)?;
    cut(&disk).map_err(|error| {
        Diagnostic::new(codes::NO_LOCAL_GROUP, "the log cannot be cut").because(&error)
    })
}

fn cut(disk: &impl Disk) -> Result<Option<Torn>, DiskError> {
    let Some(last) = find(disk)? else { return Ok(None) };
    let half = (last.used_bytes / 2).next_multiple_of(SECTOR_BYTES);
    if half >= last.used_bytes {
        return Ok(None);
    }
    let file = disk.open(&last.file)?;
    let bytes = last.used_bytes.next_multiple_of(SECTOR_BYTES) - half;
    let mut before = vec![0; usize::try_from(bytes).expect("a batch fits memory")];
    disk.read_at(&file, last.offset + half, &mut before)?;
    disk.write_at(&file, last.offset + half, &vec![0; before.len()])?;
    if wal::verify(disk).is_err() {
        disk.write_at(&file, last.offset + half, &before)?;
        disk.sync(&file)?;
        return Ok(None);
    }
    disk.sync(&file)?;
    Ok(Some(Torn { bytes, kept: last.before, lost: last.last }))
}

fn find(disk: &impl Disk) -> Result<Option<Last>, DiskError> {
    let mut file = String::new();
    let mut last: Option<Last> = None;
    wal::inspect(disk, |finding| match finding {
        Finding::Segment { file: name, .. } => name.clone_into(&mut file),
        Finding::Batch(batch) if batch.worth == Worth::Good => {
            let before = last.as_ref().map_or(0, |last| last.last);
            last = Some(Last {
                file: file.clone(),
                offset: batch.offset,
                used_bytes: batch.used_bytes,
                last: batch.last.index.0,
                before,
            });
        }
        _ => {}
    })?;
    Ok(last)
}
