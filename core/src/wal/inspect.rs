//! A look at every byte of a log, sound or not: for `quorate wal dump`, and for people with a
//! damaged disk. Nothing is changed, and nothing is refused.

use alloc::vec::Vec;

use super::batch::{BatchHeader, MARK, SEAL, blank_sectors};
use super::block::{BlockError, Unsupported};
use super::disk::{Disk, DiskError, DiskErrorKind};
use super::ident::{Ident, IdentError, read_ident};
use super::identity::Identity;
use super::layout::{
    BATCH_BYTES_MAX, BATCH_HEADER_BYTES, BATCHES_OFFSET, SECTOR_BYTES, checksum_seed, is_blank,
    parse_segment_name,
};
use super::record::{Record, RecordKind, Records, Salvage};
use super::scan::Window;
use super::segment::{self, SegmentHeader};
use super::state;
use crate::crc32c::{crc32c, crc32c_append};
use crate::effect::HardState;
use crate::types::{Index, LogId};

/// Something that lies on the disk, in order of place.
#[derive(Clone, PartialEq, Debug)]
pub enum Finding<'a> {
    /// Whose directory it is, or why nobody knows.
    Ident(Result<Ident, IdentError>),
    /// A slot of the state file, by its place from 0.
    Slot {
        /// Which of the four.
        place: usize,
        /// What it holds.
        slot: Block<SlotInfo>,
    },
    /// A segment; what follows, up to the next one, lies in it.
    Segment {
        /// The file.
        file: &'a str,
        /// Its header.
        header: Block<SegmentInfo>,
        /// Copies of the header that are bad, although one is good.
        bad_copies: u32,
        /// Length of the file.
        bytes: u64,
    },
    /// A batch, sound or not; its records follow.
    Batch(BatchInfo),
    /// A record of the batch before.
    Record(RecordInfo<'a>),
    /// Bytes that are no batch.
    Region {
        /// The first byte.
        offset: u64,
        /// How many there are.
        bytes: u64,
        /// What they look like.
        look: Look,
    },
}

/// A part of a file that is intact as a whole, or is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Block<T> {
    /// In order.
    Good(T),
    /// Never written.
    Blank,
    /// The checksum is wrong.
    Damaged,
    /// Intact, and of a version that this one does not know.
    Unsupported(Unsupported),
}

/// One copy of the hard state, and what is kept with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlotInfo {
    /// Whose it is.
    pub owner: Identity,
    /// Counts the writes of the hard state.
    pub generation: u64,
    /// Counts the starts.
    pub boot_epoch: u64,
    /// Term and vote.
    pub hard_state: HardState,
    /// All batches up to here were durable.
    pub durable_lsn: u64,
    /// The newest segment in use.
    pub segment_seq: u64,
    /// The log was closed in good order.
    pub closed: bool,
}

/// The header of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SegmentInfo {
    /// Whose it is.
    pub owner: Identity,
    /// Its number.
    pub seq: u64,
    /// Part of every checksum in it.
    pub salt: u64,
    /// Batches start at multiples of it.
    pub align_bytes: u32,
    /// Its first batch.
    pub first_lsn: u64,
    /// The last entry before its first batch.
    pub base: LogId,
    /// Which start made it.
    pub boot_epoch: u64,
    /// Where the segment before it ends; 0 if there was none.
    pub prev_end: u64,
}

/// The header of a batch, and what its bytes are worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchInfo {
    /// Where it stands.
    pub offset: u64,
    /// The length of header and records; padding follows.
    pub used_bytes: u64,
    /// Its number.
    pub lsn: u64,
    /// All batches up to here were durable when it was written.
    pub synced_lsn: u64,
    /// The commit index that was known.
    pub commit: Index,
    /// The last entry of the log after it.
    pub last: LogId,
    /// The generation of the hard state that was durable.
    pub generation: u64,
    /// How many records it should hold.
    pub records: u32,
    /// It ends its segment.
    pub seals: bool,
    /// It was written for what its header promises.
    pub marks: bool,
    /// What it is worth.
    pub worth: Worth,
}

/// What a batch with an intact header is worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Worth {
    /// Sound, and it follows the batch before it.
    Good,
    /// Sound, and it does not follow the batch before it.
    Detached,
    /// Sound, but behind the place where the next segment says that this one ends.
    Void,
    /// Some of its sectors were never written.
    SectorsMissing,
    /// All of it was written, and the records are wrong.
    WrongRecords,
}

/// A record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordInfo<'a> {
    /// Where its header stands.
    pub offset: u64,
    /// What it says; `None` if this version does not know its number.
    pub kind: Option<RecordKind>,
    /// The entry that it is, or is about.
    pub id: LogId,
    /// Its body: the command of an entry.
    pub body: &'a [u8],
    /// Its own checksum is right.
    pub intact: bool,
}

/// What bytes that are no batch look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// Nothing but zeros.
    Blank,
    /// Something else.
    Garbage,
    /// The disk does not give them back.
    Unreadable,
}

/// Shows everything that lies on a disk to `visit`, oldest first.
///
/// # Errors
/// If the directory or a file in it cannot be opened. What cannot be *read* is described.
pub fn inspect<D: Disk>(disk: &D, mut visit: impl FnMut(Finding<'_>)) -> Result<(), DiskError> {
    visit(Finding::Ident(read_ident(disk)));
    inspect_state(disk, &mut visit)?;
    let mut names: Vec<_> = disk.list()?;
    names.retain(|name| parse_segment_name(name).is_some());
    names.sort_unstable();
    let ends: Vec<Option<u64>> = names
        .iter()
        .map(|name| Ok(read_header(disk, name)?.ok().map(|(header, _)| header.prev_end)))
        .collect::<Result<_, DiskError>>()?;
    for (at, name) in names.iter().enumerate() {
        let stop = ends.get(at + 1).copied().flatten();
        inspect_segment(disk, name, stop.unwrap_or(u64::MAX), &mut visit)?;
    }
    Ok(())
}

fn inspect_state<D: Disk>(disk: &D, visit: &mut impl FnMut(Finding<'_>)) -> Result<(), DiskError> {
    let slots = match state::read_slots(disk) {
        Err(error) if error.kind == DiskErrorKind::NotFound => return Ok(()),
        slots => slots?,
    };
    for (place, slot) in slots.into_iter().enumerate() {
        let slot = describe(slot.map(|(owner, state)| SlotInfo {
            owner,
            generation: state.generation,
            boot_epoch: state.boot_epoch,
            hard_state: state.hard_state,
            durable_lsn: state.durable_lsn,
            segment_seq: state.segment_seq,
            closed: state.closed,
        }));
        visit(Finding::Slot { place, slot });
    }
    Ok(())
}

fn describe<T>(block: Result<T, BlockError>) -> Block<T> {
    match block {
        Ok(good) => Block::Good(good),
        Err(BlockError::Blank) => Block::Blank,
        Err(BlockError::Damaged) => Block::Damaged,
        Err(BlockError::Unsupported(what)) => Block::Unsupported(what),
    }
}

/// A header that cannot be read is as good as damaged.
fn read_header<D: Disk>(
    disk: &D,
    name: &str,
) -> Result<Result<(SegmentHeader, u32), BlockError>, DiskError> {
    let file = disk.open(name)?;
    let length = disk.length(&file)?;
    Ok(segment::read(disk, &file, length).unwrap_or(Err(BlockError::Damaged)))
}

fn inspect_segment<D: Disk>(
    disk: &D,
    name: &str,
    stop: u64,
    visit: &mut impl FnMut(Finding<'_>),
) -> Result<(), DiskError> {
    let file = disk.open(name)?;
    let bytes = disk.length(&file)?;
    let found = read_header(disk, name)?;
    let bad_copies = found.as_ref().map_or(0, |(_, bad)| *bad);
    let header = describe(found.map(|(header, _)| SegmentInfo {
        owner: header.identity,
        seq: header.seq,
        salt: header.salt,
        align_bytes: header.align,
        first_lsn: header.first_lsn,
        base: header.base,
        boot_epoch: header.boot_epoch,
        prev_end: header.prev_end,
    }));
    visit(Finding::Segment { file: name, header, bad_copies, bytes });
    if let Ok((header, _)) = found {
        let mut tour = Tour {
            window: Window::over(disk, &file, bytes),
            seed: checksum_seed(header.salt),
            align: header.align,
            stop,
            next_lsn: header.first_lsn,
            chain: header.chain,
            region: None,
        };
        tour.run(visit);
    }
    Ok(())
}

/// From one end of a segment to the other.
struct Tour<'d, D: Disk> {
    window: Window<'d, D>,
    seed: u32,
    align: u32,
    /// Where the next segment says that this one ends.
    stop: u64,
    next_lsn: u64,
    chain: u64,
    /// Bytes that are no batch: where they start, and their look.
    region: Option<(u64, Look)>,
}

impl<D: Disk> Tour<'_, D> {
    fn run(&mut self, visit: &mut impl FnMut(Finding<'_>)) {
        let mut offset = BATCHES_OFFSET;
        while offset < self.window.length() {
            let (header, look) = match self.window.get(offset, u64::from(self.align)) {
                Err(_) => (None, Look::Unreadable),
                Ok(unit) if is_blank(unit) => (None, Look::Blank),
                Ok(unit) => (BatchHeader::decode(unit, self.seed), Look::Garbage),
            };
            let bytes = header.and_then(|header| self.batch(offset, header, visit));
            if bytes.is_none() && self.region.is_none_or(|(_, before)| before != look) {
                self.end_region(offset, visit);
                self.region = Some((offset, look));
            }
            offset += bytes.unwrap_or(u64::from(self.align));
        }
        self.end_region(self.window.length(), visit);
    }

    fn end_region(&mut self, offset: u64, visit: &mut impl FnMut(Finding<'_>)) {
        if let Some((start, look)) = self.region.take() {
            visit(Finding::Region { offset: start, bytes: offset - start, look });
        }
    }

    /// Shows a batch with an intact header; the bytes that it takes up, if they are there.
    fn batch(
        &mut self,
        offset: u64,
        header: BatchHeader,
        visit: &mut impl FnMut(Finding<'_>),
    ) -> Option<u64> {
        let bytes = header.file_bytes(self.align);
        let used = usize::try_from(header.used_bytes()).ok()?;
        if bytes > BATCH_BYTES_MAX.min(self.window.length() - offset) {
            return None;
        }
        self.end_region(offset, visit);
        let batch = self.window.get(offset, bytes).ok()?;
        let records = &batch[BATCH_HEADER_BYTES..used];
        let right = crc32c_append(self.seed, records) == header.body_crc;
        let follows = header.follows(self.next_lsn, self.chain);
        let missing = blank_sectors(&batch[SECTOR_BYTES..], used - 1) > header.blank_sectors;
        let worth = match (right, follows) {
            (true, _) if offset >= self.stop => Worth::Void,
            (true, true) => Worth::Good,
            (true, false) => Worth::Detached,
            (false, _) if missing => Worth::SectorsMissing,
            (false, _) => Worth::WrongRecords,
        };
        visit(Finding::Batch(info(offset, &header, worth)));
        let records_at = offset + BATCH_HEADER_BYTES as u64;
        if right {
            for record in Records::of(records).flatten() {
                let intact = crc32c(record.body) == record.header.body_crc;
                visit(Finding::Record(record_info(records_at, &record, intact)));
            }
        } else {
            for (record, intact) in Salvage::of(records, self.seed) {
                visit(Finding::Record(record_info(records_at, &record, intact)));
            }
        }
        (self.next_lsn, self.chain) = (header.lsn.saturating_add(1), header.chain);
        Some(bytes)
    }
}

fn info(offset: u64, header: &BatchHeader, worth: Worth) -> BatchInfo {
    BatchInfo {
        offset,
        used_bytes: header.used_bytes(),
        lsn: header.lsn,
        synced_lsn: header.synced_lsn,
        commit: header.commit,
        last: header.last,
        generation: header.generation,
        records: header.records,
        seals: header.flags & SEAL != 0,
        marks: header.flags & MARK != 0,
        worth,
    }
}

fn record_info<'a>(records_at: u64, record: &Record<'a>, intact: bool) -> RecordInfo<'a> {
    RecordInfo {
        offset: records_at + (record.body_at - super::layout::RECORD_HEADER_BYTES) as u64,
        kind: RecordKind::of(record.header.kind),
        id: record.header.id,
        body: record.body,
        intact,
    }
}
