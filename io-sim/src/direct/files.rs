//! R2: what a server's files may take, for what was written to them.

use core::ops::AddAssign;

use quorate_core::wal::Disk as _;
use quorate_core::{NodeId, Write};

use crate::disk::Drive;
use crate::judge::{Checked, fits_on_disk};
use crate::scenario::Options;

/// What was written to a log and its snapshots, all in all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DiskUse {
    writes: u64,
    bytes: u64,
}

impl DiskUse {
    /// What one write adds to it.
    pub fn of(write: &Write) -> Self {
        let bytes = write.append.as_ref().map_or(0, |append| append.entries.cost_bytes());
        Self { writes: 1, bytes }
    }

    /// What the files may take at most after so many starts.
    ///
    /// A batch is filled up to a block, and a write is one batch for each
    /// [`batch_bytes_max`](quorate_core::wal::WalOptions::batch_bytes_max) begun. A segment of the
    /// smallest size is for a quarter its head, and a batch that does not fit leaves as much as half
    /// of it blank: files take up to four times what is in them. Each start begins a segment, of
    /// which the head remains and what was written; there is a spare, and one that is being filled.
    fn limit(self, starts: u64, options: &Options) -> u64 {
        let wal = options.wal;
        let batches = self.writes + self.bytes / wal.batch_bytes_max + starts;
        let filled = 2 * self.bytes + u64::from(wal.align_bytes) * batches;
        4 * filled + starts * (16 << 10) + 3 * wal.segment_bytes
    }
}

impl DiskUse {
    /// What a piece of a snapshot adds to it.
    pub fn of_snapshot(bytes: usize) -> Self {
        Self { writes: 0, bytes: bytes as u64 }
    }
}

impl AddAssign for DiskUse {
    fn add_assign(&mut self, other: Self) {
        self.writes += other.writes;
        self.bytes += other.bytes;
    }
}

/// The files of a server that was started so often are in proportion to what was written.
///
/// # Errors
/// If they take more.
///
/// # Panics
/// Never: to look at files does not fail.
pub fn judge_files(
    (id, drive): (NodeId, &Drive),
    now: u64,
    (written, starts): (DiskUse, u64),
    options: &Options,
) -> Checked {
    let view = drive.durable_view(now);
    let names = view.list().expect("a look does not fail");
    let bytes = names.iter().map(|name| {
        let file = view.open(name).expect("it is listed");
        view.length(&file).expect("a look does not fail")
    });
    let bytes = bytes.sum();
    fits_on_disk(bytes, written.limit(starts, options), || {
        format!("{id:?} after {starts} starts and {written:?}: {names:?}")
    })
}
