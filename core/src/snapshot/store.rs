//! Snapshots in files.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use super::parser::{Parser, Piece, SnapshotError};
use crate::recovered::SnapshotMeta;
use crate::types::{ClusterId, Index, LogId, Term};
use crate::wal::{Disk, DiskError, DiskErrorKind};

/// The snapshots of one server, next to its log.
///
/// A snapshot is written piece by piece to a temporary file, each piece durable and checked before
/// the next is wanted, and gets its name when all of it is: there is never a name without a whole
/// snapshot (FAULTS S01, S02).
#[derive(Debug)]
pub struct SnapshotStore<F> {
    cluster: ClusterId,
    /// In order.
    whole: Vec<LogId>,
    growing: [Option<Growing<F>>; 2],
    /// The file that was read last, and its length.
    open: Option<(LogId, F, u64)>,
}

/// Where a snapshot comes from; one of each may be under way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Slot {
    /// From this server's state machine.
    Own,
    /// From another server.
    Fetched,
}

#[derive(Debug)]
struct Growing<F> {
    id: LogId,
    file: F,
    bytes: u64,
    parser: Parser,
}

/// What came of writing a piece: it is durable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stored {
    /// More is missing; there is so much.
    Part(u64),
    /// That was all of it, and it has its name.
    Whole(SnapshotMeta),
}

/// Why a piece was not stored, or a snapshot not loaded.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StoreError {
    /// What came is no snapshot, or another than was announced. Nothing of it is kept.
    #[error("snapshot up to {}: {why}", id.index.0)]
    Damaged {
        /// The snapshot.
        id: LogId,
        /// What is wrong.
        why: SnapshotError,
    },
    /// The log begins with a snapshot that is not there.
    #[error("snapshot up to {} is missing", id.index.0)]
    Missing {
        /// The snapshot.
        id: LogId,
    },
    /// The disk said no.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl<F> SnapshotStore<F> {
    /// What a directory holds. Removes what a crash has left half made, and whatever the log does not
    /// begin with: `newest` is what it says of snapshots.
    ///
    /// # Errors
    /// If the disk says no.
    pub fn open<D: Disk<File = F>>(
        disk: &D,
        cluster: ClusterId,
        newest: LogId,
    ) -> Result<Self, DiskError> {
        let mut whole = Vec::new();
        for name in disk.list()? {
            match parse_name(&name) {
                Some(id) if id == newest => whole.push(id),
                Some(_) => disk.remove(&name)?,
                None if TEMPORARIES.contains(&name.as_str()) => disk.remove(&name)?,
                None => {}
            }
        }
        Ok(Self { cluster, whole, growing: [None, None], open: None })
    }

    /// The snapshots that are there as a whole, in order.
    pub fn whole(&self) -> &[LogId] {
        &self.whole
    }

    /// Writes the next piece of a snapshot; the one at offset 0 begins it, and ends whatever had been
    /// begun in its place.
    ///
    /// # Errors
    /// See [`StoreError`]; what had been written of it is gone then, unless the disk failed.
    ///
    /// # Panics
    /// If the piece does not follow the one before.
    pub fn write<D: Disk<File = F>>(
        &mut self,
        disk: &D,
        slot: Slot,
        id: LogId,
        offset: u64,
        bytes: &[u8],
    ) -> Result<Stored, StoreError> {
        if offset == 0 {
            self.begin(disk, slot, id)?;
        }
        let growing = self.growing[slot as usize].as_mut();
        let growing = growing.filter(|it| it.id == id && it.bytes == offset);
        let growing = growing.expect("pieces follow one another");
        let pushed = growing.parser.push(bytes, |_| ());
        if let Err(why) = pushed.and_then(|()| check_head(&growing.parser, self.cluster, id)) {
            self.give_up(disk, slot)?;
            return Err(StoreError::Damaged { id, why });
        }
        let written = disk.write_at(&growing.file, offset, bytes);
        match written.and_then(|()| disk.sync(&growing.file)) {
            Ok(()) => {}
            Err(error) if error.kind == DiskErrorKind::Full => {
                self.give_up(disk, slot)?;
                return Err(error.into());
            }
            Err(error) => return Err(error.into()),
        }
        growing.bytes += bytes.len() as u64;
        match growing.parser.complete().cloned() {
            None => Ok(Stored::Part(growing.bytes)),
            Some(meta) => {
                self.growing[slot as usize] = None;
                disk.rename(temporary(slot), &name(id))?;
                disk.sync_dir()?;
                self.open = None;
                if let Err(at) = self.whole.binary_search(&id) {
                    self.whole.insert(at, id);
                }
                Ok(Stored::Whole(meta))
            }
        }
    }

    fn begin<D: Disk<File = F>>(
        &mut self,
        disk: &D,
        slot: Slot,
        id: LogId,
    ) -> Result<(), DiskError> {
        self.give_up(disk, slot)?;
        let file = disk.create(temporary(slot))?;
        self.growing[slot as usize] = Some(Growing { id, file, bytes: 0, parser: Parser::new() });
        Ok(())
    }

    /// Forgets what was begun, if anything was.
    ///
    /// # Errors
    /// If the disk says no.
    pub fn give_up<D: Disk<File = F>>(&mut self, disk: &D, slot: Slot) -> Result<(), DiskError> {
        match self.growing[slot as usize].take() {
            Some(_) => disk.remove(temporary(slot)),
            None => Ok(()),
        }
    }

    /// Bytes of a whole snapshot from `offset` on, and how many there are in all; `None` if it is not
    /// there, or ends before.
    ///
    /// # Errors
    /// If the disk says no.
    pub fn read<D: Disk<File = F>>(
        &mut self,
        disk: &D,
        id: LogId,
        offset: u64,
        bytes_max: u32,
    ) -> Result<Option<(Bytes, u64)>, DiskError> {
        if self.whole.binary_search(&id).is_err() {
            return Ok(None);
        }
        if self.open.as_ref().is_none_or(|open| open.0 != id) {
            let file = disk.open(&name(id))?;
            let bytes = disk.length(&file)?;
            self.open = Some((id, file, bytes));
        }
        let (_, file, total) = self.open.as_ref().expect("opened on the line before");
        let Some(left) = total.checked_sub(offset).filter(|&left| left > 0) else {
            return Ok(None);
        };
        let wanted = usize::try_from(left.min(u64::from(bytes_max))).expect("at most a u32");
        let mut bytes = vec![0; wanted];
        disk.read_at(file, offset, &mut bytes)?;
        Ok(Some((bytes.into(), *total)))
    }

    /// Removes the snapshots that end before `newest`, but for those in `kept`.
    ///
    /// # Errors
    /// If the disk says no.
    pub fn forget<D: Disk<File = F>>(
        &mut self,
        disk: &D,
        newest: Index,
        kept: &[LogId],
    ) -> Result<(), DiskError> {
        let is_old = |id: &LogId| id.index < newest && !kept.contains(id);
        let old: Vec<_> = self.whole.iter().copied().filter(is_old).collect();
        for id in &old {
            self.open = None;
            disk.remove(&name(*id))?;
        }
        self.whole.retain(|id| !old.contains(id));
        Ok(())
    }

    /// Gives the state in a snapshot to `take`, part by part: it is worth nothing before this has
    /// returned, since it is checked up to its end. The snapshot up to [`LogId::ZERO`] is nothing.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn load<D: Disk<File = F>>(
        &self,
        disk: &D,
        id: LogId,
        take: impl FnMut(&[u8]),
    ) -> Result<(), StoreError> {
        read_whole(disk, self.cluster, id, take)
    }
}

/// Reads a whole snapshot and checks all of it; the one up to [`LogId::ZERO`] is nothing.
pub(crate) fn read_whole<D: Disk>(
    disk: &D,
    cluster: ClusterId,
    id: LogId,
    mut take: impl FnMut(&[u8]),
) -> Result<(), StoreError> {
    const PIECE_BYTES: u64 = 1 << 20;
    if id == LogId::ZERO {
        return Ok(());
    }
    let file = match disk.open(&name(id)) {
        Err(error) if error.kind == DiskErrorKind::NotFound => {
            return Err(StoreError::Missing { id });
        }
        file => file?,
    };
    let damaged = |why| StoreError::Damaged { id, why };
    let (length, mut offset, mut parser) = (disk.length(&file)?, 0, Parser::new());
    while offset < length {
        let wanted = PIECE_BYTES.min(length - offset);
        let mut bytes = vec![0; usize::try_from(wanted).expect("at most a piece")];
        disk.read_at(&file, offset, &mut bytes)?;
        offset += wanted;
        let pushed = parser.push(&bytes, |piece| {
            if let Piece::State(part) = piece {
                take(part);
            }
        });
        pushed.map_err(damaged)?;
    }
    check_head(&parser, cluster, id).map_err(damaged)?;
    match parser.complete() {
        Some(_) => Ok(()),
        None => Err(damaged(SnapshotError::Malformed("it has no end"))),
    }
}

/// Is it the snapshot that it should be, as far as it came?
fn check_head(parser: &Parser, cluster: ClusterId, id: LogId) -> Result<(), SnapshotError> {
    match parser.head() {
        Some((of, meta)) if *of != cluster || meta.last_included != id => {
            Err(SnapshotError::Malformed("the head is another snapshot's"))
        }
        _ => Ok(()),
    }
}

const TEMPORARIES: [&str; 2] = ["snap-own.tmp", "snap-fetched.tmp"];

fn temporary(slot: Slot) -> &'static str {
    TEMPORARIES[slot as usize]
}

fn name(id: LogId) -> String {
    format!("snap-{:020}-{:016x}.qrs", id.index.0, id.term.0)
}

/// Is this the name of a snapshot's file?
pub(crate) fn is_snapshot_name(name: &str) -> bool {
    parse_name(name).is_some()
}

fn parse_name(text: &str) -> Option<LogId> {
    let (index, term) = text.strip_prefix("snap-")?.strip_suffix(".qrs")?.split_once('-')?;
    let term = Term(u64::from_str_radix(term, 16).ok()?);
    let id = LogId { index: Index(index.parse().ok()?), term };
    (name(id) == text).then_some(id)
}
