//! A hole in the log is filled with what other servers have in its place.
//!
//! Two logs that have an entry in common are the same up to there (thesis 3.5, the Log Matching
//! Property). Of a hole it is known what came right behind it, or what its last entry was: so whoever
//! has that has just what was lost, committed or not. The log is what it was afterwards, and its server
//! keeps its say: nothing of what it promised was forgotten.

use alloc::string::String;
use alloc::vec::Vec;

use super::batch::{BatchBuffer, BatchHeader, MENDED, Stamp};
use super::disk::{Disk, DiskError};
use super::layout::{BATCH_BYTES_MAX, BATCH_HEADER_BYTES, RECORD_HEADER_BYTES, following};
use super::record::{RecordKind, Salvage};
use super::replay::{Replay, kind_of};
use super::scan::{Cursor, Window};
use super::segment::SegmentHeader;
use crate::entry::{Entries, Entry, EntryRange};
use crate::membership::Membership;
use crate::types::{Index, LogId};

/// A damaged place in the log whose ends are known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hole {
    range: EntryRange,
    members: Membership,
    file: String,
    /// Where it begins and where it ends.
    place: (u64, u64),
    align: u32,
    salt: u64,
    stamp: Stamp,
}

/// What is intact behind a hole.
#[derive(Clone, Copy, Debug)]
pub(super) enum Edge<'h> {
    /// The next batch of the segment, and where it stands.
    Batch(u64, BatchHeader),
    /// The header of the next segment.
    Segment(&'h SegmentHeader),
    /// The header of the only batch that is damaged, the last one of the log.
    Header(BatchHeader),
}

/// What an edge says about the hole before it.
struct Ends {
    /// Where it ends.
    stop: u64,
    /// The number of its last batch, and the chain up to there.
    lsn: u64,
    chain: u64,
    last: Index,
    anchor: LogId,
}

impl Hole {
    /// The hole at `cursor`, up to which the log was replayed. None if it cannot be told what was in it,
    /// or if the log was cut back in it.
    pub(super) fn find<D: Disk>(
        (file, salt): (&str, u64),
        log: &Replay,
        cursor: &Cursor,
        window: &mut Window<'_, D>,
        edge: Edge<'_>,
    ) -> Option<Self> {
        let ends = edge.ends(cursor, window)?;
        let after = log.map.last();
        let bytes = ends.stop.checked_sub(cursor.offset)?;
        let is_sound = (u64::from(cursor.align)..=BATCH_BYTES_MAX).contains(&bytes)
            && bytes.is_multiple_of(cursor.align.into())
            && ends.stop <= window.length()
            && ends.lsn >= cursor.lsn
            && ends.last >= after.index;
        if !is_sound {
            return None;
        }
        let members = log.memberships.last().map_or(&log.snapshot.membership, |(_, last)| last);
        Some(Self {
            range: EntryRange { after, last: ends.last, anchor: ends.anchor },
            members: members.clone(),
            file: file.into(),
            place: (cursor.offset, ends.stop),
            align: cursor.align,
            salt,
            stamp: Stamp {
                lsn: ends.lsn,
                synced_lsn: cursor.lsn.saturating_sub(1),
                chain: ends.chain,
                // It says nothing but its entries.
                commit: Index(0),
                last: after,
                generation: 0,
                flags: MENDED,
            },
        })
    }

    /// Who may have what is missing, as far as the log is known.
    pub fn members(&self) -> &Membership {
        &self.members
    }
}

impl Edge<'_> {
    fn ends<D: Disk>(self, cursor: &Cursor, window: &mut Window<'_, D>) -> Option<Ends> {
        Some(match self {
            Self::Header(header) => Ends {
                stop: cursor.offset + header.file_bytes(cursor.align),
                lsn: header.lsn,
                chain: header.chain,
                last: header.last.index,
                anchor: header.last,
            },
            Self::Segment(next) => Ends {
                stop: next.prev_end,
                lsn: next.first_lsn.checked_sub(1)?,
                chain: next.chain,
                last: next.base.index,
                anchor: next.base,
            },
            Self::Batch(offset, header) => {
                let bytes = header.file_bytes(cursor.align);
                let is_there = bytes <= BATCH_BYTES_MAX && bytes <= window.length() - offset;
                let batch = is_there.then(|| window.get(offset, bytes).ok()).flatten()?;
                let stop = usize::try_from(header.used_bytes()).ok()?;
                let records = Salvage::of(&batch[BATCH_HEADER_BYTES..stop], cursor.seed);
                let (last, anchor) = log_end_before(records, &header)?;
                let (lsn, chain) = (header.lsn.checked_sub(1)?, header.chain_before());
                Ends { stop: offset, lsn, chain, last, anchor }
            }
        })
    }
}

/// Where the log ended before these records, and an entry that it had there or next. `None` if they
/// cannot be read that far: their bodies need not be intact.
fn log_end_before(records: Salvage<'_>, header: &BatchHeader) -> Option<(Index, LogId)> {
    let mut count = 0;
    for (record, _) in records {
        let id = record.header.id;
        match kind_of(&record).ok()? {
            RecordKind::Command | RecordKind::Noop | RecordKind::Membership | RecordKind::Time => {
                return Some((Index(id.index.0.checked_sub(1)?), id));
            }
            RecordKind::Truncate
            | RecordKind::Snapshot
            | RecordKind::Reset
            | RecordKind::Filling => count += 1,
        }
    }
    (count == header.records).then_some((header.last.index, header.last))
}

/// A hole as it fills up.
#[derive(Clone, Debug)]
pub struct Mending {
    hole: Hole,
    entries: Vec<Entry>,
}

/// What a server gave is not what is missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("these are not the entries that are missing")]
pub struct NotMissing;

/// Why a hole was not filled.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MendError {
    /// What belongs into the hole is longer than it: it was none.
    #[error("what is missing does not fit into the place that is damaged")]
    TooLong,
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl Mending {
    /// Nothing is there yet.
    pub fn of(hole: Hole) -> Self {
        Self { hole, entries: Vec::new() }
    }

    /// The hole.
    pub fn hole(&self) -> &Hole {
        &self.hole
    }

    /// What to ask for next, of any server. To be asked once at least, even if no entry is missing: whoever
    /// answers confirms that the log went on from there.
    pub fn wanted(&self) -> EntryRange {
        EntryRange { after: self.after(), ..self.hole.range }
    }

    /// What a server answered, which has the anchor. Is all there now?
    ///
    /// # Errors
    /// If that was not asked for; nothing is changed then.
    pub fn take(&mut self, answer: &Entries) -> Result<bool, NotMissing> {
        let EntryRange { last, anchor, .. } = self.hole.range;
        let mut after = self.after();
        let taken = answer.iter().take_while(|entry| entry.id.index <= last);
        let count = taken.clone().count();
        for entry in taken.clone() {
            let follows = entry.id.index == following(after.index) && entry.id.term >= after.term;
            if !follows || entry.id.term > anchor.term {
                return Err(NotMissing);
            }
            after = entry.id;
        }
        let is_whole = after.index == last;
        let is_another = anchor.index == last && is_whole && after != anchor;
        if is_another || (count == 0 && !is_whole) {
            return Err(NotMissing);
        }
        self.entries.extend(taken.cloned());
        Ok(is_whole)
    }

    fn after(&self) -> LogId {
        self.entries.last().map_or(self.hole.range.after, |entry| entry.id)
    }

    /// Fills the hole, durably. A crash on the way leaves it as it was, or a little smaller.
    ///
    /// # Errors
    /// See [`MendError`].
    ///
    /// # Panics
    /// If not all is there.
    pub fn write<D: Disk>(&self, disk: &D) -> Result<(), MendError> {
        let Hole { place: (start, stop), align, salt, .. } = self.hole;
        let last = self.after();
        assert!(last.index == self.hole.range.last, "all of it is there");
        let mut buffer = BatchBuffer::new();
        buffer.start(salt, 0);
        for Entry { id, payload } in &self.entries {
            buffer.push(RecordKind::of_entry(payload), *id, payload.as_bytes());
        }
        let used = buffer.as_slice().len() as u64;
        let rest = (stop - start).checked_sub(used).ok_or(MendError::TooLong)?;
        // What is less than a unit is padding anyway, and has no need of a record.
        if rest >= u64::from(align) {
            let filling = usize::try_from(rest).expect("a batch") - RECORD_HEADER_BYTES;
            let filling = alloc::vec![0; filling & !7];
            buffer.push(RecordKind::Filling, last, &filling);
        }
        buffer.finish(Stamp { last, ..self.hole.stamp }, align);
        let batch = buffer.as_slice();
        assert!(batch.len() as u64 == stop - start, "it takes the place of what was there");
        let file = disk.open(&self.hole.file)?;
        disk.write_at(&file, start, batch)?;
        Ok(disk.sync(&file)?)
    }
}
