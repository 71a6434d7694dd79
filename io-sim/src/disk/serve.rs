//! What a process asks of the disk.

use std::sync::Arc;

use quorate_core::wal::DiskErrorKind;

use super::bytes::Bytes;
use super::change::{Stamp, Sync};
use super::fault::Fault;
use super::file::{Course, File, SECTOR};
use super::media::{Death, DeathMode, Media};
use super::names::NameChange;
use super::options::Tearing;
use super::sim_disk::SimFile;
use super::struck::Class;
use super::timing::Cost;

type Done<T> = Result<T, DiskErrorKind>;

/// No file can be longer.
const FILE_BYTES_MAX: u64 = 1 << 32;
/// Where writes go that lose their way.
const BLOCK: usize = 4096;

/// The moment in which an operation is carried out.
#[derive(Clone, Copy)]
pub(super) struct Turn {
    stamp: Stamp,
    /// The process dies in the middle of it.
    is_last: bool,
}

impl Media {
    /// One operation of a process: only if it is alive, and perhaps its last.
    pub(super) fn turn<T>(
        &mut self,
        life: u64,
        cost: Cost,
        step: impl FnOnce(&mut Self, Turn) -> Done<T>,
    ) -> Done<T> {
        if life != self.life || !self.is_alive {
            // A process that died in the middle of a piece of work does not know it yet.
            if life != self.life || self.death.is_none() {
                self.late_calls += 1;
            }
            return Err(DiskErrorKind::Io);
        }
        self.operations += 1;
        let asked_at = self.timing.spend(cost, &self.options, &mut self.struck);
        let is_last = self.countdown.is_some_and(|(left, _)| left <= 1);
        let turn = Turn { stamp: Stamp { order: self.operations, asked_at }, is_last };
        let done = step(self, turn);
        match &mut self.countdown {
            Some((_, mode)) if is_last => {
                let mode = *mode;
                self.die(mode);
                Err(DiskErrorKind::Io)
            }
            Some((left, _)) => {
                *left -= 1;
                done
            }
            None => done,
        }
    }

    fn die(&mut self, mode: DeathMode) {
        let at = self.timing.cursor;
        match mode {
            DeathMode::Kill => self.kill(at),
            DeathMode::PowerLoss => self.lose_power(at),
        }
        self.death = Some(Death { mode, at });
    }

    pub(super) fn create(&mut self, turn: Turn, name: &str) -> Done<SimFile> {
        if self.names.seen.contains_key(name) {
            return Err(DiskErrorKind::AlreadyExists);
        }
        self.check_names(name)?;
        let file = self.next_file;
        self.next_file += 1;
        self.files.insert(file, File::new(Bytes::default()));
        self.names.change(turn.stamp, NameChange::Create { name: name.to_owned(), file });
        self.open(name)
    }

    pub(super) fn open(&self, name: &str) -> Done<SimFile> {
        let &id = self.names.seen.get(name).ok_or(DiskErrorKind::NotFound)?;
        let file = self.files.get(&id).expect("a name leads to a file");
        Ok(SimFile { id, _open: Arc::clone(&file.open) })
    }

    pub(super) fn rename(&mut self, turn: Turn, from: &str, to: &str) -> Done<()> {
        let &file = self.names.seen.get(from).ok_or(DiskErrorKind::NotFound)?;
        self.check_names(from)?;
        self.names.change(turn.stamp, NameChange::Rename { to: to.to_owned(), file });
        Ok(())
    }

    pub(super) fn remove(&mut self, turn: Turn, name: &str) -> Done<()> {
        let &file = self.names.seen.get(name).ok_or(DiskErrorKind::NotFound)?;
        self.check_names(name)?;
        self.names.change(turn.stamp, NameChange::Remove { name: name.to_owned(), file });
        Ok(())
    }

    pub(super) fn sync_dir(&mut self, turn: Turn) -> Done<()> {
        self.check_names("")?;
        self.names.pending.cover(self.sync_of(turn));
        self.settle();
        Ok(())
    }

    pub(super) fn length(&self, file: &SimFile) -> Done<u64> {
        self.files.get(&file.id).map(|file| file.seen.len() as u64).ok_or(DiskErrorKind::Io)
    }

    pub(super) fn set_length(&mut self, turn: Turn, file: &SimFile, bytes: u64) -> Done<()> {
        let length = place(bytes, 0)?;
        if self.strikes(Fault::WriteError, file.id) {
            self.struck.note(Class::WriteError);
            return Err(DiskErrorKind::Io);
        }
        if self.room(file.id, 0, length) < length {
            self.struck.note(Class::Full);
            return Err(DiskErrorKind::Full);
        }
        self.file(file)?.set_length(turn.stamp, length);
        Ok(())
    }

    pub(super) fn read(&mut self, file: &SimFile, offset: u64, into: &mut [u8]) -> Done<()> {
        let offset = place(offset, into.len())?;
        if self.strikes(Fault::ReadError, file.id) {
            self.struck.note(Class::ReadError);
            return Err(DiskErrorKind::Io);
        }
        if self.file(file)?.read(offset, into) { Ok(()) } else { Err(DiskErrorKind::Io) }
    }

    pub(super) fn write(
        &mut self,
        turn: Turn,
        file: &SimFile,
        offset: u64,
        bytes: &[u8],
    ) -> Done<()> {
        let offset = place(offset, bytes.len())?;
        let room = self.room(file.id, offset, bytes.len());
        let fails = self.strikes(Fault::WriteError, file.id);
        let (count, done) = if fails {
            self.struck.note(Class::WriteError);
            (self.part(offset, bytes.len()).min(room), Err(DiskErrorKind::Io))
        } else if room < bytes.len() {
            self.struck.note(Class::Full);
            (room, Err(DiskErrorKind::Full))
        } else if turn.is_last {
            (self.part(offset, bytes.len()), Ok(()))
        } else {
            (bytes.len(), Ok(()))
        };
        if count > 0 {
            let course = self.course(file.id, offset);
            self.file(file)?.write(turn.stamp, offset, &bytes[..count], course);
        }
        done
    }

    pub(super) fn sync(&mut self, turn: Turn, file: &SimFile) -> Done<()> {
        let sync = self.sync_of(turn);
        if self.strikes(Fault::SyncError, file.id) {
            self.struck.note(Class::SyncError);
            let (keeps, wear) = (self.options.failed_sync_keeps_permille, &mut self.wear);
            let held = self.files.get_mut(&file.id).ok_or(DiskErrorKind::Io)?;
            let dropped = held.drop_dirty(turn.stamp, sync, || wear.chance(keeps));
            (0..dropped).for_each(|_| self.struck.note(Class::DroppedChange));
            return Err(DiskErrorKind::Io);
        }
        self.file(file)?.pending.cover(sync);
        self.settle();
        Ok(())
    }

    fn sync_of(&self, turn: Turn) -> Sync {
        Sync { asked_at: turn.stamp.asked_at, ends_at: self.timing.cursor }
    }

    /// On a disk that takes no time, what is synced is durable now.
    fn settle(&mut self) {
        if self.timing.cursor <= self.timing.now {
            self.fold(self.timing.now);
        }
    }

    fn file(&mut self, file: &SimFile) -> Done<&mut File> {
        self.files.get_mut(&file.id).ok_or(DiskErrorKind::Io)
    }

    fn check_names(&mut self, name: &str) -> Done<()> {
        if self.mischief.strikes(Fault::NameError, &self.options.rates, name) {
            self.struck.note(Class::NameError);
            return Err(DiskErrorKind::Io);
        }
        Ok(())
    }

    fn strikes(&mut self, fault: Fault, file: u64) -> bool {
        let name = if self.mischief.is_armed() { self.names.name_of(file) } else { "" };
        self.mischief.strikes(fault, &self.options.rates, name)
    }

    /// How many of so many bytes at `offset` there is space for.
    fn room(&self, id: u64, offset: usize, bytes: usize) -> usize {
        let (Some(capacity), Some(file)) = (self.options.capacity_bytes, self.files.get(&id))
        else {
            return bytes;
        };
        let (length, stop) = (file.seen.len(), offset + bytes);
        if stop <= length {
            return bytes;
        }
        let in_use = |&(&id, file): &(&u64, &File)| {
            Arc::strong_count(&file.open) > 1 || self.names.is_seen(id)
        };
        let used: usize = self.files.iter().filter(in_use).map(|(_, file)| file.seen.len()).sum();
        let free = usize::try_from(capacity).unwrap_or(usize::MAX).saturating_sub(used);
        length.saturating_add(free).clamp(offset, stop) - offset
    }

    /// Some of so many bytes at `offset`, up to a boundary.
    fn part(&mut self, offset: usize, bytes: usize) -> usize {
        let unit = if self.options.tearing == Tearing::Bytes { 1 } else { SECTOR };
        let stop = offset + self.wear.index(bytes + 1);
        (stop / unit * unit).saturating_sub(offset)
    }

    fn course(&mut self, file: u64, offset: usize) -> Course {
        if self.strikes(Fault::LostWrite, file) {
            return Course::Sunk;
        }
        if self.strikes(Fault::MisdirectedWrite, file) {
            return self.astray(file, offset);
        }
        Course::Straight
    }

    /// Another block of this file, or some block of another.
    fn astray(&mut self, from: u64, offset: usize) -> Course {
        let others: Vec<u64> = self.files.keys().copied().filter(|&id| id != from).collect();
        let elsewhere = !others.is_empty() && self.wear.chance(300);
        let file = if elsewhere { self.wear.pick(&others) } else { from };
        let blocks = self.files.get(&file).map_or(0, |file| file.seen.len().div_ceil(BLOCK));
        if blocks < 2 {
            return Course::Straight;
        }
        let mut block = self.wear.index(blocks);
        if file == from && block == offset / BLOCK {
            block = (block + 1) % blocks;
        }
        Course::Astray { file, offset: block * BLOCK }
    }
}

/// A place in a file, for so many bytes.
fn place(offset: u64, bytes: usize) -> Done<usize> {
    let stop = offset.checked_add(bytes as u64).ok_or(DiskErrorKind::Full)?;
    if stop > FILE_BYTES_MAX {
        return Err(DiskErrorKind::Full);
    }
    usize::try_from(offset).map_err(|_| DiskErrorKind::Full)
}
