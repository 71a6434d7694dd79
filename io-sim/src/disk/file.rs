//! One file: what processes see, what is on the medium, and what is in between.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use super::bytes::Bytes;
use super::change::{Pending, Stamp, Sync};
use super::struck::{Class, Struck};

pub(super) const SECTOR: usize = 512;

/// Old versions of sectors that a file remembers.
const OLD_MAX: usize = 16;

/// Invariant: `seen` is `durable` with all of `pending` carried out, except for bytes that a failed
/// sync, a lost or a misdirected write made differ, and only until they are read anew.
#[derive(Debug)]
pub(super) struct File {
    /// The page cache.
    pub(super) seen: Bytes,
    /// The medium.
    pub(super) durable: Bytes,
    pub(super) pending: Pending<Change>,
    /// Versions of sectors before they were overwritten, oldest first.
    pub(super) old: VecDeque<(usize, [u8; SECTOR])>,
    /// Sectors that cannot be read.
    pub(super) unreadable: BTreeSet<usize>,
    /// Shared with all handles, so that a file without a name stays while somebody has it open.
    pub(super) open: Arc<()>,
}

#[derive(Debug)]
pub(super) enum Change {
    Write(Write),
    Length(usize),
}

#[derive(Debug)]
pub(super) struct Write {
    /// At a sector.
    pub(super) start: usize,
    /// Whole sectors as the page cache had them, with zeros behind the end of the file.
    pub(super) sectors: Bytes,
    /// The length of the file afterwards.
    pub(super) length: usize,
    /// Did this make it longer?
    pub(super) extends: bool,
    pub(super) course: Course,
}

/// Where the bytes of a write go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Course {
    /// Where they belong.
    Straight,
    /// Nowhere.
    Sunk,
    /// To this place.
    Astray { file: u64, offset: usize },
}

/// Bytes that land in a place where nobody expects them.
#[derive(Debug)]
pub(super) struct Stray {
    pub(super) file: u64,
    pub(super) offset: usize,
    pub(super) bytes: Bytes,
}

impl File {
    pub(super) fn new(bytes: Bytes) -> Self {
        Self {
            seen: bytes.clone(),
            durable: bytes,
            pending: Pending::new(),
            old: VecDeque::new(),
            unreadable: BTreeSet::new(),
            open: Arc::new(()),
        }
    }

    pub(super) fn write(&mut self, stamp: Stamp, offset: usize, bytes: &[u8], course: Course) {
        let stop = offset + bytes.len();
        let extends = stop > self.seen.len();
        if extends {
            self.seen.resize(stop);
        }
        let length = self.seen.len();
        self.seen.write(offset, bytes);
        if !self.unreadable.is_empty() {
            let whole = offset.div_ceil(SECTOR)..stop / SECTOR;
            self.unreadable.retain(|sector| !whole.contains(sector));
        }
        let start = offset / SECTOR * SECTOR;
        let sectors = self.seen.cut(start..stop.next_multiple_of(SECTOR));
        self.pending.push(stamp, Change::Write(Write { start, sectors, length, extends, course }));
    }

    pub(super) fn set_length(&mut self, stamp: Stamp, length: usize) {
        self.seen.resize(length);
        self.pending.push(stamp, Change::Length(length));
    }

    /// Fills `into`, if there are that many bytes and the medium can read them.
    #[must_use]
    pub(super) fn read(&self, offset: usize, into: &mut [u8]) -> bool {
        self.is_readable(offset, into.len()) && self.seen.read(offset, into)
    }

    /// The same, of the medium alone.
    #[must_use]
    pub(super) fn read_durable(&self, offset: usize, into: &mut [u8]) -> bool {
        self.is_readable(offset, into.len()) && self.durable.read(offset, into)
    }

    fn is_readable(&self, start: usize, bytes: usize) -> bool {
        let stop = start.saturating_add(bytes);
        let mut bad = self.unreadable.range(start / SECTOR..stop.div_ceil(SECTOR));
        bytes == 0 || bad.next().is_none()
    }

    /// A sync failed: the changes that it should have made durable never will be, unless `keeps`
    /// says so. Only the length is still dirty. Says how many are dropped.
    pub(super) fn drop_dirty(
        &mut self,
        stamp: Stamp,
        sync: Sync,
        keeps: impl FnMut() -> bool,
    ) -> usize {
        let dropped = self.pending.drop_dirty(sync, keeps);
        if dropped > 0 {
            self.pending.push(stamp, Change::Length(self.seen.len()));
        }
        dropped
    }

    /// Carries out what is durable by `now`.
    pub(super) fn fold(&mut self, now: u64, struck: &mut Struck, strays: &mut Vec<Stray>) {
        while let Some((stamp, change)) = self.pending.pop_durable(now) {
            match change {
                Change::Length(length) => self.durable.resize(length),
                Change::Write(write) => self.land(stamp, write, struck, strays),
            }
        }
    }

    fn land(&mut self, stamp: Stamp, write: Write, struck: &mut Struck, strays: &mut Vec<Stray>) {
        self.grow(&write);
        match write.course {
            Course::Straight => {
                self.remember(stamp.order, &write);
                write.put(0..write.sectors.len(), &mut self.durable);
            }
            Course::Sunk => struck.note(Class::LostWrite),
            Course::Astray { file, offset } => {
                strays.push(Stray { file, offset, bytes: write.sectors });
            }
        }
    }

    /// The medium learns that the write made the file longer.
    pub(super) fn grow(&mut self, write: &Write) {
        if write.extends && write.length > self.durable.len() {
            self.durable.resize(write.length);
        }
    }

    /// Keeps one of the sectors that are about to be overwritten.
    pub(super) fn remember(&mut self, order: u64, write: &Write) {
        let sectors = write.sectors.len() / SECTOR;
        if sectors == 0 {
            return;
        }
        let chosen = usize::try_from(order % sectors as u64).expect("below a usize");
        let at = write.start + chosen * SECTOR;
        let (mut old, mut new) = ([0; SECTOR], [0; SECTOR]);
        let are_whole =
            self.durable.read(at, &mut old) && write.sectors.read(chosen * SECTOR, &mut new);
        if are_whole && old != new {
            if self.old.len() == OLD_MAX {
                self.old.pop_front();
            }
            self.old.push_back((at / SECTOR, old));
        }
    }

    /// Overwrites the medium behind everybody's back; what processes see stays as it is.
    pub(super) fn smash(&mut self, offset: usize, bytes: &Bytes) {
        let room = self.durable.len().saturating_sub(offset);
        self.durable.copy(bytes, 0, offset, bytes.len().min(room));
    }

    /// The page cache forgets some clean bytes.
    pub(super) fn reread(&mut self, range: Range<usize>) {
        let stop = range.end.min(self.durable.len()).min(self.seen.len());
        if range.start < stop {
            self.seen.copy(&self.durable, range.start, range.start, stop - range.start);
        }
        self.redo();
    }

    /// The page cache forgets everything but what is dirty.
    pub(super) fn reread_all(&mut self) {
        self.seen.clone_from(&self.durable);
        self.redo();
    }

    fn redo(&mut self) {
        for (_, change) in self.pending.iter() {
            match change {
                Change::Length(length) => self.seen.resize(*length),
                Change::Write(write) => {
                    if write.extends && write.length > self.seen.len() {
                        self.seen.resize(write.length);
                    }
                    write.put(0..write.sectors.len(), &mut self.seen);
                }
            }
        }
    }

    /// Bytes that wait to become durable.
    pub(super) fn pending_bytes(&self) -> usize {
        let bytes = |change: &Change| match change {
            Change::Length(_) => 0,
            Change::Write(write) => write.sectors.len(),
        };
        self.pending.iter().map(|(_, change)| bytes(change)).sum()
    }
}

impl Write {
    /// Puts a part of it in its place, as far as `bytes` reaches.
    pub(super) fn put(&self, part: Range<usize>, bytes: &mut Bytes) {
        let start = (self.start + part.start).min(bytes.len());
        let stop = (self.start + part.end).min(bytes.len());
        bytes.copy(&self.sectors, part.start, start, stop - start);
    }
}
