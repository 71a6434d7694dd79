//! The disk as a process knows it.

use std::sync::{Arc, Mutex, MutexGuard};

use quorate_core::wal::{Disk, DiskError, DiskErrorKind};

use super::media::Media;
use super::timing::Cost;

/// The disk of one process, from [`Drive::mount`](super::Drive::mount) on until the process ends.
///
/// From then on all its calls fail, change nothing, and are
/// [counted](super::Drive::late_calls): whoever makes them acts after its own death. Clones belong
/// to the same process.
#[derive(Clone, Debug)]
pub struct SimDisk {
    media: Arc<Mutex<Media>>,
    life: u64,
}

/// An open file of a [`SimDisk`]. The file stays while it is open, even without a name.
#[derive(Clone, Debug)]
pub struct SimFile {
    pub(super) id: u64,
    pub(super) _open: Arc<()>,
}

impl SimDisk {
    pub(super) const fn new(media: Arc<Mutex<Media>>, life: u64) -> Self {
        Self { media, life }
    }

    /// Which process it belongs to, counted from 1.
    pub const fn life(&self) -> u64 {
        self.life
    }

    fn media(&self) -> MutexGuard<'_, Media> {
        self.media.lock().expect("no operation of a disk panics")
    }

    fn on_name<T>(
        &self,
        what: &str,
        name: &str,
        step: impl FnOnce(&mut Media) -> Result<T, DiskErrorKind>,
    ) -> Result<T, DiskError> {
        step(&mut self.media()).map_err(|kind| error(kind, what, name))
    }

    fn on_file<T>(
        &self,
        what: &str,
        file: &SimFile,
        step: impl FnOnce(&mut Media) -> Result<T, DiskErrorKind>,
    ) -> Result<T, DiskError> {
        let mut media = self.media();
        step(&mut media).map_err(|kind| error(kind, what, media.names.name_of(file.id)))
    }
}

fn error(kind: DiskErrorKind, what: &str, name: &str) -> DiskError {
    DiskError { kind, context: format!("{what} {name}") }
}

impl Disk for SimDisk {
    type File = SimFile;

    fn list(&self) -> Result<Vec<String>, DiskError> {
        let list = |media: &mut Media| {
            media.turn(self.life, Cost::Read(0), |media, _| {
                Ok(media.names.seen.keys().cloned().collect())
            })
        };
        self.on_name("list", "all names", list)
    }

    fn create(&self, name: &str) -> Result<SimFile, DiskError> {
        self.on_name("create", name, |media| {
            media.turn(self.life, Cost::Write(0), |media, turn| media.create(turn, name))
        })
    }

    fn open(&self, name: &str) -> Result<SimFile, DiskError> {
        self.on_name("open", name, |media| {
            media.turn(self.life, Cost::Read(0), |media, _| media.open(name))
        })
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.on_name("rename", from, |media| {
            media.turn(self.life, Cost::Write(0), |media, turn| media.rename(turn, from, to))
        })
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.on_name("remove", name, |media| {
            media.turn(self.life, Cost::Write(0), |media, turn| media.remove(turn, name))
        })
    }

    fn sync_dir(&self) -> Result<(), DiskError> {
        self.on_name("sync", "all names", |media| {
            media.turn(self.life, Cost::Sync, |media, turn| media.sync_dir(turn))
        })
    }

    fn length(&self, file: &SimFile) -> Result<u64, DiskError> {
        self.on_file("length of", file, |media| {
            media.turn(self.life, Cost::Free, |media, _| media.length(file))
        })
    }

    fn set_length(&self, file: &SimFile, bytes: u64) -> Result<(), DiskError> {
        self.on_file("set length of", file, |media| {
            media.turn(self.life, Cost::Write(0), |media, turn| media.set_length(turn, file, bytes))
        })
    }

    fn read_at(&self, file: &SimFile, offset: u64, into: &mut [u8]) -> Result<(), DiskError> {
        self.on_file("read", file, |media| {
            let cost = Cost::Read(into.len());
            media.turn(self.life, cost, |media, _| media.read(file, offset, into))
        })
    }

    fn write_at(&self, file: &SimFile, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.on_file("write", file, |media| {
            let cost = Cost::Write(bytes.len());
            media.turn(self.life, cost, |media, turn| media.write(turn, file, offset, bytes))
        })
    }

    fn sync(&self, file: &SimFile) -> Result<(), DiskError> {
        self.on_file("sync", file, |media| {
            media.turn(self.life, Cost::Sync, |media, turn| media.sync(turn, file))
        })
    }
}
