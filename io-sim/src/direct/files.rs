//! R2: what a server's files may take, for what was written to them.

use core::ops::AddAssign;

use quorate_core::Write;
use quorate_core::wal::Disk as _;

use super::options::Options;
use super::world::World;
use crate::judge::{Checked, fits_on_disk};

/// What was written to a log, all in all. Nothing is ever given back: there are no snapshots yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct DiskUse {
    writes: u64,
    bytes: u64,
}

impl DiskUse {
    pub(crate) fn of(write: &Write) -> Self {
        let bytes = write.append.as_ref().map_or(0, |append| append.entries.cost_bytes());
        Self { writes: 1, bytes }
    }

    /// What the files may take at most after so many starts.
    ///
    /// A write ends with at most one block that is not full. A batch takes at most so many entries,
    /// and has a head and an end, for which another block is counted. Each start begins a segment;
    /// its spare comes on top, and so do two files of one segment's size at the most.
    fn limit(self, starts: u64, options: &Options) -> u64 {
        let wal = options.wal;
        let batches = self.writes + self.bytes / wal.batch_bytes_max + 1;
        let blocks = 2 * u64::from(wal.align_bytes) * batches;
        self.bytes * 2 + blocks + starts * (64 << 10) + 4 * wal.segment_bytes
    }
}

impl AddAssign for DiskUse {
    fn add_assign(&mut self, other: Self) {
        self.writes += other.writes;
        self.bytes += other.bytes;
    }
}

impl World<'_> {
    /// The files of a server are in proportion to what was written.
    pub(crate) fn judge_files(&self, at: usize) -> Checked {
        let server = &self.servers[at];
        let view = server.drive.durable_view(self.now);
        let names = view.list().expect("a look does not fail");
        let bytes = names.iter().map(|name| {
            let file = view.open(name).expect("it is listed");
            view.length(&file).expect("a look does not fail")
        });
        let bytes = bytes.sum();
        let limit = server.written_bytes.limit(server.lives.into(), &self.options);
        fits_on_disk(bytes, limit, || {
            let (lives, written) = (server.lives, server.written_bytes);
            format!("{:?} after {lives} starts and {written:?}: {names:?}", server.id)
        })
    }
}
