//! The end of the newest segment: where batches go.

use super::batch::{BatchBuffer, BatchHeader, Stamp};
use super::disk::{Disk, DiskError};
use super::layout::BATCHES_OFFSET;
use super::segment::SegmentHeader;
use crate::types::{Index, LogId};

/// The newest segment, and what was promised about it.
#[derive(Debug)]
pub(super) struct Appender<F> {
    file: F,
    header: SegmentHeader,
    /// Where the next batch goes.
    offset: u64,
    /// The next batch.
    lsn: u64,
    chain: u64,
    /// The last batch that is durable.
    synced_lsn: u64,
    /// The last batch that was not only written for its promise.
    data_lsn: u64,
    /// What the last batch says: all batches up to here, and this generation, were durable.
    said: Promise,
    /// What a durable batch, or the header, says.
    promised: Promise,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Promise {
    lsn: u64,
    generation: u64,
}

impl<F> Appender<F> {
    /// Behind the header of a new segment.
    pub(super) fn new(file: F, header: SegmentHeader) -> Self {
        let before = header.first_lsn - 1;
        let promised = Promise { lsn: before, generation: header.generation };
        Self {
            file,
            header,
            offset: BATCHES_OFFSET,
            lsn: header.first_lsn,
            chain: header.chain,
            synced_lsn: before,
            data_lsn: before,
            said: promised,
            promised,
        }
    }

    pub(super) fn header(&self) -> &SegmentHeader {
        &self.header
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn lsn(&self) -> u64 {
        self.lsn
    }

    pub(super) fn chain(&self) -> u64 {
        self.chain
    }

    pub(super) fn synced_lsn(&self) -> u64 {
        self.synced_lsn
    }

    /// Is there a batch that nothing durable promises, or a generation?
    pub(super) fn owes_a_mark(&self, generation: u64) -> bool {
        self.promised.lsn < self.data_lsn || self.promised.generation < generation
    }

    /// Is there room for a batch that takes up so many bytes, and for the seal after it?
    pub(super) fn has_room(&self, file_bytes: u64) -> bool {
        self.offset + file_bytes + u64::from(self.header.align) <= self.header.bytes
    }

    /// Finishes the batch in the buffer and writes it; does not sync.
    pub(super) fn append<D: Disk<File = F>>(
        &mut self,
        disk: &D,
        buffer: &mut BatchBuffer,
        note: Note,
    ) -> Result<BatchHeader, DiskError> {
        let stamp = Stamp {
            lsn: self.lsn,
            synced_lsn: self.synced_lsn,
            chain: self.chain,
            commit: note.commit,
            last: note.last,
            generation: note.generation,
            flags: note.flags,
        };
        let batch = buffer.finish(stamp, self.header.align);
        let bytes = buffer.as_slice();
        assert!(self.offset + bytes.len() as u64 <= self.header.bytes, "batches stay in a segment");
        disk.write_at(&self.file, self.offset, bytes)?;
        self.offset += bytes.len() as u64;
        self.lsn += 1;
        self.chain = batch.chain;
        if batch.records > 0 {
            self.data_lsn = batch.lsn;
        }
        self.said = Promise { lsn: self.synced_lsn, generation: note.generation };
        Ok(batch)
    }

    /// Makes all batches durable; does nothing if they are.
    pub(super) fn sync<D: Disk<File = F>>(&mut self, disk: &D) -> Result<Synced, DiskError> {
        if self.synced_lsn + 1 == self.lsn {
            return Ok(Synced::Already);
        }
        disk.sync(&self.file)?;
        self.synced_lsn = self.lsn - 1;
        self.promised = self.said;
        Ok(Synced::Now)
    }
}

/// What the log knows and a batch carries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Note {
    pub(super) commit: Index,
    pub(super) last: LogId,
    pub(super) generation: u64,
    pub(super) flags: u16,
}

/// Did a sync have anything to do?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Synced {
    Now,
    Already,
}
