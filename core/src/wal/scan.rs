//! Walking over the batches of one segment, and looking at what stands where none should.

use alloc::vec::Vec;

use super::batch::{BatchHeader, blank_sectors};
use super::disk::{Disk, DiskError};
use super::layout::{BATCH_BYTES_MAX, BATCH_HEADER_BYTES, SECTOR_BYTES, checksum_seed, is_blank};
use super::segment::SegmentHeader;
use crate::crc32c::crc32c_append;

/// A file, read through a buffer that slides over it.
pub(super) struct Window<'d, D: Disk> {
    disk: &'d D,
    file: &'d D::File,
    length: u64,
    start: u64,
    buffer: Vec<u8>,
}

const WINDOW_BYTES: u64 = 1 << 20;

impl<'d, D: Disk> Window<'d, D> {
    pub(super) fn over(disk: &'d D, file: &'d D::File, length: u64) -> Self {
        Self { disk, file, length, start: 0, buffer: Vec::new() }
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// The bytes at `offset`, as many as asked for or as the file has.
    pub(super) fn get(&mut self, offset: u64, bytes: u64) -> Result<&[u8], DiskError> {
        let bytes = bytes.min(self.length.saturating_sub(offset));
        let held = self.start..=self.start + self.buffer.len() as u64;
        if !(held.contains(&offset) && held.contains(&(offset + bytes))) {
            self.slide(offset, bytes)?;
        }
        let at = position(offset - self.start);
        Ok(&self.buffer[at..at + position(bytes)])
    }

    fn slide(&mut self, offset: u64, bytes: u64) -> Result<(), DiskError> {
        let bytes = bytes.max(WINDOW_BYTES).min(self.length - offset);
        self.buffer.resize(position(bytes), 0);
        let read = self.disk.read_at(self.file, offset, &mut self.buffer);
        if read.is_err() {
            self.buffer.clear();
        }
        self.start = offset;
        read
    }
}

fn position(bytes: u64) -> usize {
    usize::try_from(bytes).expect("within a buffer")
}

/// The next batch that is expected, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    pub(super) seed: u32,
    pub(super) align: u32,
    pub(super) offset: u64,
    pub(super) lsn: u64,
    /// The chain up to the batch before.
    pub(super) chain: u64,
}

/// What stands at the cursor.
pub(super) enum Found<'w> {
    /// The batch that belongs there; the cursor is now behind it.
    Batch { header: BatchHeader, offset: u64, records: &'w [u8] },
    /// There is no such batch.
    Not(Flaw),
}

/// Why there is no valid batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Flaw {
    /// The segment has no room for one more batch.
    Full,
    /// The sector of the header is all zero.
    Blank,
    /// The header is right, and at least one sector was never written.
    SectorsMissing(BatchHeader),
    /// The header is right, all sectors were written, and the records are not right.
    WrongRecords(BatchHeader),
    /// The sector of the header is neither blank nor right.
    Garbage,
    /// The header is right in itself, and has no business here.
    Misplaced(BatchHeader),
}

impl Cursor {
    pub(super) fn at_start(header: &SegmentHeader, offset: u64) -> Self {
        Self {
            seed: checksum_seed(header.salt),
            align: header.align,
            offset,
            lsn: header.first_lsn,
            chain: header.chain,
        }
    }

    /// Looks at the next batch; steps over it if it is good.
    pub(super) fn next<'w, D: Disk>(
        &mut self,
        window: &'w mut Window<'_, D>,
    ) -> Result<Found<'w>, DiskError> {
        let offset = self.offset;
        if offset + u64::from(self.align) > window.length() {
            return Ok(Found::Not(Flaw::Full));
        }
        let first = window.get(offset, SECTOR_BYTES as u64)?;
        let Some(header) = BatchHeader::decode(first, self.seed) else {
            let flaw = if is_blank(first) { Flaw::Blank } else { Flaw::Garbage };
            return Ok(Found::Not(flaw));
        };
        let bytes = header.file_bytes(self.align);
        let in_place = header.follows(self.lsn, self.chain)
            && header.synced_lsn < header.lsn
            && bytes <= BATCH_BYTES_MAX
            && bytes <= window.length() - offset;
        if !in_place {
            return Ok(Found::Not(Flaw::Misplaced(header)));
        }
        let batch = window.get(offset, bytes)?;
        let records = &batch[BATCH_HEADER_BYTES..position(header.used_bytes())];
        if crc32c_append(self.seed, records) != header.body_crc {
            let blank = blank_sectors(&batch[SECTOR_BYTES..], position(header.used_bytes()) - 1);
            let flaw = if blank > header.blank_sectors {
                Flaw::SectorsMissing(header)
            } else {
                Flaw::WrongRecords(header)
            };
            return Ok(Found::Not(flaw));
        }
        self.offset += bytes;
        self.lsn = header.lsn.saturating_add(1);
        self.chain = header.chain;
        Ok(Found::Batch { header, offset, records })
    }
}

/// What stands behind the place where the walk ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Beyond {
    /// The highest batch that a batch behind this place knew to be synced.
    pub(super) promise: u64,
    /// Batches, whole or not, that would have come later.
    pub(super) later: u64,
    /// The first of them, and where it stands.
    pub(super) next: Option<(u64, BatchHeader)>,
    /// The batch that should stand at this place stands there.
    pub(super) misplaced: bool,
    /// Bytes from the cursor to the last sector that is not blank.
    pub(super) debris_bytes: u64,
}

/// Reads from the cursor to `stop`.
pub(super) fn look_beyond<D: Disk>(
    cursor: &Cursor,
    window: &mut Window<'_, D>,
    stop: u64,
) -> Result<Beyond, DiskError> {
    let mut beyond = Beyond::default();
    let mut offset = cursor.offset;
    while offset < stop {
        let unit = window.get(offset, u64::from(cursor.align))?;
        if !is_blank(unit) {
            beyond.debris_bytes = offset + unit.len() as u64 - cursor.offset;
        }
        match BatchHeader::decode(unit, cursor.seed) {
            Some(header) if header.lsn > cursor.lsn => {
                beyond.promise = beyond.promise.max(header.synced_lsn);
                beyond.later += 1;
                beyond.next.get_or_insert((offset, header));
            }
            // Earlier ones are where they belong; this is a copy of one, in a command perhaps.
            Some(header) if header.lsn == cursor.lsn && offset > cursor.offset => {
                beyond.misplaced = true;
            }
            _ => {}
        }
        offset += u64::from(cursor.align);
    }
    Ok(beyond)
}
