//! A segment's file before it is one: zero-filled ahead of time, so that appending changes neither
//! its length nor where it lies on the disk, and cannot run out of space.

use alloc::string::String;
use alloc::vec;

use super::disk::{Disk, DiskError};
use super::layout::{SPARE_TMP, following, segment_name};
use super::segment::{self, SegmentHeader};

/// A file on its way to become a segment.
#[derive(Debug)]
pub(super) struct Spare<F> {
    file: F,
    bytes: u64,
    /// From the start, and durable.
    zeroed: u64,
}

const CHUNK_BYTES: u64 = 1 << 20;

impl<F> Spare<F> {
    pub(super) fn create<D: Disk<File = F>>(disk: &D, bytes: u64) -> Result<Self, DiskError> {
        Ok(Self { file: disk.create(SPARE_TMP)?, bytes, zeroed: 0 })
    }

    pub(super) fn is_ready(&self) -> bool {
        self.zeroed == self.bytes
    }

    /// Is less of it done than of the segment before it, twice over? Then it will be late.
    pub(super) fn is_due(&self, used_bytes: u64) -> bool {
        self.zeroed < self.bytes.min(used_bytes.saturating_mul(2))
    }

    /// Writes up to `budget_bytes` of zeros and syncs them: one sync for all of them at the end
    /// would make the writes of that moment wait.
    pub(super) fn advance<D: Disk<File = F>>(
        &mut self,
        disk: &D,
        budget_bytes: u64,
    ) -> Result<(), DiskError> {
        let stop = self.bytes.min(self.zeroed.saturating_add(budget_bytes));
        if stop == self.zeroed {
            return Ok(());
        }
        let longest = CHUNK_BYTES.min(stop - self.zeroed);
        let zeros = vec![0; usize::try_from(longest).expect("at most a chunk")];
        let mut written = self.zeroed;
        while written < stop {
            let bytes = longest.min(stop - written);
            let chunk = usize::try_from(bytes).expect("at most a chunk");
            disk.write_at(&self.file, written, &zeros[..chunk])?;
            written += bytes;
        }
        disk.sync(&self.file)?;
        self.zeroed = written;
        Ok(())
    }

    /// Finishes the file and makes it the newest segment. It has its name only when its header is
    /// durable, and nothing is appended before its name is.
    pub(super) fn into_segment<D: Disk<File = F>>(
        mut self,
        disk: &D,
        header: &SegmentHeader,
    ) -> Result<(String, F), DiskError> {
        assert!(self.bytes == header.bytes, "a segment has the length that its header says");
        self.advance(disk, u64::MAX)?;
        segment::write(disk, &self.file, header)?;
        disk.sync(&self.file)?;
        let name = segment_name(header.seq, following(header.base.index));
        disk.rename(SPARE_TMP, &name)?;
        disk.sync_dir()?;
        Ok((name, self.file))
    }
}
