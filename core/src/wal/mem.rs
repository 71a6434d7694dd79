//! A disk in memory that forgets like a real one: for tests, of embedders too.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::RefCell;

use super::chain::Salts;
use super::disk::{Disk, DiskError, DiskErrorKind};
use super::layout::SECTOR_BYTES;

/// A disk in memory, with what a crash does to it.
///
/// What was not synced is kept apart from what was: bytes in sectors of 512, lengths, and names.
/// [`crash`](MemDisk::crash) decides the fate of each. A clone is a copy of the disk, so that one
/// history can crash in many ways.
///
/// ```
/// use quorate_core::wal::{Disk, Fate, MemDisk};
/// let disk = MemDisk::new();
/// let file = disk.create("a")?;
/// disk.write_at(&file, 0, b"kept")?;
/// disk.sync(&file)?;
/// disk.sync_dir()?;
/// disk.write_at(&file, 0, b"lost")?;
/// disk.crash(|_| Fate::Lost);
/// let mut bytes = [0; 4];
/// disk.read_at(&disk.open("a")?, 0, &mut bytes)?;
/// assert_eq!(&bytes, b"kept");
/// # Ok::<(), quorate_core::wal::DiskError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemDisk {
    inner: RefCell<Inner>,
}

/// A handle to a file of a [`MemDisk`]. A crash makes it useless.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemFile {
    id: u64,
    boot: u64,
}

/// Something that was not synced when the disk crashed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsynced<'a> {
    /// Bytes `512 * sector..512 * (sector + 1)` of a file.
    Sector {
        /// The file, by its newest name.
        name: &'a str,
        /// Which sector of it.
        sector: u64,
    },
    /// The length of a file.
    Length {
        /// The file, by its newest name.
        name: &'a str,
    },
    /// A name that was given, taken away, or given to another file.
    Name(&'a str),
}

/// What becomes of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It is as it was when it was synced last.
    Lost,
    /// It reached the disk in time.
    Kept,
    /// A sector was being written: its bytes are noise. Lengths and names are never garbled.
    Garbled,
}

#[derive(Clone, Debug, Default)]
struct Inner {
    files: BTreeMap<u64, File>,
    names: BTreeMap<String, u64>,
    synced_names: BTreeMap<String, u64>,
    next_file: u64,
    boot: u64,
    operations: u64,
    failures: BTreeMap<u64, DiskErrorKind>,
    /// Every operation from this one on fails.
    stop: Option<u64>,
    unreadable: BTreeSet<(u64, u64)>,
}

#[derive(Clone, Debug, Default)]
struct File {
    bytes: Vec<u8>,
    synced: Vec<u8>,
    /// Sectors that may differ.
    dirty: BTreeSet<u64>,
}

impl MemDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// The machine goes down and comes up again: `fate` decides, for each thing that was not
    /// synced, what is left of it.
    pub fn crash(&self, mut fate: impl FnMut(Unsynced<'_>) -> Fate) {
        let inner = &mut *self.inner.borrow_mut();
        let mut known: BTreeMap<u64, &str> = BTreeMap::new();
        for (name, &id) in inner.synced_names.iter().chain(&inner.names) {
            known.insert(id, name);
        }
        for (id, file) in &mut inner.files {
            file.crash(known.get(id).copied().unwrap_or("unnamed"), &mut fate);
        }
        inner.crash_names(&mut fate);
        inner.boot += 1;
        inner.failures.clear();
        inner.stop = None;
    }

    /// A crash in which chance decides: every sector, length and name survives or not.
    pub fn lose_power(&self, seed: u64) {
        let mut chance = Salts::new(seed);
        self.crash(|_| if chance.draw().is_multiple_of(2) { Fate::Kept } else { Fate::Lost });
    }

    /// How many operations were asked for so far.
    pub fn operations(&self) -> u64 {
        self.inner.borrow().operations
    }

    /// Makes the operation fail that comes after so many others from now on. A sync that fails
    /// forgets, like some real ones, that there was anything to sync.
    pub fn fail_after(&self, operations: u64, kind: DiskErrorKind) {
        let inner = &mut *self.inner.borrow_mut();
        inner.failures.insert(inner.operations + operations, kind);
    }

    /// Lets so many operations happen and no more, as if the process were killed there; until the
    /// next [`crash`](MemDisk::crash) or [`revive`](MemDisk::revive).
    pub fn stop_after(&self, operations: u64) {
        let inner = &mut *self.inner.borrow_mut();
        inner.stop = Some(inner.operations + operations);
    }

    /// Ends what [`stop_after`](MemDisk::stop_after) began, without a crash: a process that was
    /// killed loses nothing.
    pub fn revive(&self) {
        self.inner.borrow_mut().stop = None;
    }

    /// Makes a sector of a file unreadable for good.
    ///
    /// # Panics
    /// If there is no such file.
    pub fn make_unreadable(&self, name: &str, sector: u64) {
        let inner = &mut *self.inner.borrow_mut();
        let id = inner.names[name];
        inner.unreadable.insert((id, sector));
    }

    /// Changes the synced bytes of a file behind everybody's back.
    ///
    /// # Panics
    /// If there is no such file.
    pub fn corrupt(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let inner = &mut *self.inner.borrow_mut();
        let id = inner.names[name];
        let file = inner.files.get_mut(&id).expect("a name has a file");
        change(&mut file.bytes);
        file.synced.clone_from(&file.bytes);
        file.dirty.clear();
    }

    /// The bytes of a file as a reader sees them now; `None` if there is no such file.
    pub fn contents(&self, name: &str) -> Option<Vec<u8>> {
        let inner = self.inner.borrow();
        inner.names.get(name).map(|id| inner.files[id].bytes.clone())
    }

    /// Puts a file there, durably, and replaces what had that name.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        let inner = &mut *self.inner.borrow_mut();
        let id = inner.next_file;
        inner.next_file += 1;
        let (bytes, synced) = (bytes.to_vec(), bytes.to_vec());
        inner.files.insert(id, File { bytes, synced, dirty: BTreeSet::new() });
        inner.names.insert(name.to_string(), id);
        inner.synced_names.insert(name.to_string(), id);
    }

    /// Removes a file, durably, if it is there.
    pub fn lose(&self, name: &str) {
        let inner = &mut *self.inner.borrow_mut();
        inner.names.remove(name);
        inner.synced_names.remove(name);
    }

    fn operate<T>(
        &self,
        what: &str,
        name: &str,
        step: impl FnOnce(&mut Inner) -> Result<T, DiskErrorKind>,
    ) -> Result<T, DiskError> {
        let inner = &mut *self.inner.borrow_mut();
        let now = inner.operations;
        inner.operations += 1;
        let fails = match inner.failures.remove(&now) {
            None if inner.stop.is_some_and(|stop| stop <= now) => Some(DiskErrorKind::Io),
            failure => failure,
        };
        let done = fails.map_or_else(|| step(inner), Err);
        done.map_err(|kind| DiskError { kind, context: format!("{what} {name}") })
    }

    fn on_file<T>(
        &self,
        what: &str,
        file: &MemFile,
        step: impl FnOnce(&mut File) -> Result<T, DiskErrorKind>,
    ) -> Result<T, DiskError> {
        self.operate(what, "file", |inner| {
            assert!(file.boot == inner.boot, "a handle from before the crash");
            step(inner.files.get_mut(&file.id).expect("files stay as long as the disk"))
        })
    }
}

impl Inner {
    fn crash_names(&mut self, fate: &mut impl FnMut(Unsynced<'_>) -> Fate) {
        let all: BTreeSet<String> =
            self.names.keys().chain(self.synced_names.keys()).cloned().collect();
        for name in all {
            let (new, old) = (self.names.get(&name), self.synced_names.get(&name));
            if new == old {
                continue;
            }
            match (fate(Unsynced::Name(&name)), new.copied()) {
                (Fate::Lost, _) => {}
                (_, Some(id)) => {
                    self.synced_names.insert(name, id);
                }
                (_, None) => {
                    self.synced_names.remove(&name);
                }
            }
        }
        self.names = self.synced_names.clone();
        let named: BTreeSet<u64> = self.names.values().copied().collect();
        self.files.retain(|id, _| named.contains(id));
    }
}

impl File {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let stop = offset + bytes.len();
        if stop > self.bytes.len() {
            self.bytes.resize(stop, 0);
        }
        self.bytes[offset..stop].copy_from_slice(bytes);
        self.dirty.extend((offset / SECTOR_BYTES..stop.div_ceil(SECTOR_BYTES)).map(|at| at as u64));
    }

    fn sync(&mut self) {
        self.synced.resize(self.bytes.len(), 0);
        for sector in core::mem::take(&mut self.dirty) {
            let at = range(sector, self.bytes.len());
            self.synced[at.clone()].copy_from_slice(&self.bytes[at]);
        }
    }

    fn crash(&mut self, name: &str, fate: &mut impl FnMut(Unsynced<'_>) -> Fate) {
        if self.bytes.len() != self.synced.len() {
            let length = match fate(Unsynced::Length { name }) {
                Fate::Lost => self.synced.len(),
                Fate::Kept | Fate::Garbled => self.bytes.len(),
            };
            self.synced.resize(length, 0);
        }
        let length = self.synced.len();
        self.bytes.resize(length, 0);
        for sector in core::mem::take(&mut self.dirty) {
            let at = range(sector, length);
            if at.is_empty() || self.synced[at.clone()] == self.bytes[at.clone()] {
                continue;
            }
            match fate(Unsynced::Sector { name, sector }) {
                Fate::Lost => {}
                Fate::Kept => self.synced[at.clone()].copy_from_slice(&self.bytes[at]),
                Fate::Garbled => {
                    let mut noise = Salts::new(sector ^ length as u64);
                    self.synced[at].fill_with(|| noise.draw().to_le_bytes()[0]);
                }
            }
        }
        self.bytes.clone_from(&self.synced);
    }
}

/// The bytes of a sector, as far as the file has them.
fn range(sector: u64, length: usize) -> core::ops::Range<usize> {
    let start = usize::try_from(sector).map_or(length, |sector| sector * SECTOR_BYTES).min(length);
    start..(start + SECTOR_BYTES).min(length)
}

fn place(offset: u64) -> Result<usize, DiskErrorKind> {
    usize::try_from(offset).map_err(|_| DiskErrorKind::Io)
}

impl Disk for MemDisk {
    type File = MemFile;

    fn list(&self) -> Result<Vec<String>, DiskError> {
        self.operate("list", "", |inner| Ok(inner.names.keys().cloned().collect()))
    }

    fn create(&self, name: &str) -> Result<MemFile, DiskError> {
        self.operate("create", name, |inner| {
            if inner.names.contains_key(name) {
                return Err(DiskErrorKind::AlreadyExists);
            }
            let id = inner.next_file;
            inner.next_file += 1;
            inner.files.insert(id, File::default());
            inner.names.insert(name.to_string(), id);
            Ok(MemFile { id, boot: inner.boot })
        })
    }

    fn open(&self, name: &str) -> Result<MemFile, DiskError> {
        self.operate("open", name, |inner| {
            let id = *inner.names.get(name).ok_or(DiskErrorKind::NotFound)?;
            Ok(MemFile { id, boot: inner.boot })
        })
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.operate("rename", from, |inner| {
            let id = inner.names.remove(from).ok_or(DiskErrorKind::NotFound)?;
            inner.names.insert(to.to_string(), id);
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.operate("remove", name, |inner| {
            inner.names.remove(name).map(|_| ()).ok_or(DiskErrorKind::NotFound)
        })
    }

    fn sync_dir(&self) -> Result<(), DiskError> {
        self.operate("sync_dir", "", |inner| {
            inner.synced_names = inner.names.clone();
            Ok(())
        })
    }

    fn length(&self, file: &MemFile) -> Result<u64, DiskError> {
        self.on_file("length", file, |file| Ok(file.bytes.len() as u64))
    }

    fn set_length(&self, file: &MemFile, bytes: u64) -> Result<(), DiskError> {
        self.on_file("set_length", file, |file| {
            let (old, new) = (file.bytes.len(), place(bytes)?);
            file.bytes.resize(new, 0);
            let changed = old.min(new) / SECTOR_BYTES..old.max(new).div_ceil(SECTOR_BYTES);
            file.dirty.extend(changed.map(|sector| sector as u64));
            Ok(())
        })
    }

    fn read_at(&self, file: &MemFile, offset: u64, into: &mut [u8]) -> Result<(), DiskError> {
        let id = file.id;
        let sectors = offset / SECTOR_BYTES as u64
            ..(offset + into.len() as u64).div_ceil(SECTOR_BYTES as u64);
        let bad = |inner: &Inner| sectors.clone().any(|at| inner.unreadable.contains(&(id, at)));
        if bad(&self.inner.borrow()) {
            return self.operate("read", "file", |_| Err(DiskErrorKind::Io));
        }
        self.on_file("read", file, |file| {
            let at = place(offset)?;
            let found = file.bytes.get(at..at + into.len()).ok_or(DiskErrorKind::Io)?;
            into.copy_from_slice(found);
            Ok(())
        })
    }

    fn write_at(&self, file: &MemFile, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.on_file("write", file, |file| {
            file.write(place(offset)?, bytes);
            Ok(())
        })
    }

    fn sync(&self, file: &MemFile) -> Result<(), DiskError> {
        let now = self.operations();
        let fails = self.inner.borrow().failures.contains_key(&now);
        let synced = self.on_file("sync", file, |file| {
            file.sync();
            Ok(())
        });
        if fails && let Some(file) = self.inner.borrow_mut().files.get_mut(&file.id) {
            file.dirty.clear();
        }
        synced
    }
}
