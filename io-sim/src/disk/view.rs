//! The medium alone: what a power loss would leave if all that is not durable were lost.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use quorate_core::wal::{Disk, DiskError, DiskErrorKind, MemDisk};

use super::bytes::Bytes;
use super::file::File;
use super::media::Media;

/// A look at the medium, without copying it and without leaving a trace: good for
/// [`verify`](quorate_core::wal::verify) and [`inspect`](quorate_core::wal::inspect). To be used at
/// once, since it shows the medium as it is and not as it was. All calls that would change something
/// are denied.
#[derive(Clone, Debug)]
pub struct DurableView {
    media: Arc<Mutex<Media>>,
}

/// An open file of a [`DurableView`].
#[derive(Clone, Copy, Debug)]
pub struct DurableFile {
    id: u64,
}

/// A copy of the medium. It shares with the disk what neither has changed since.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Image {
    pub(super) files: BTreeMap<String, Bytes>,
}

impl DurableView {
    pub(super) const fn new(media: Arc<Mutex<Media>>) -> Self {
        Self { media }
    }

    fn media(&self) -> MutexGuard<'_, Media> {
        self.media.lock().expect("no operation of a disk panics")
    }

    fn on_file<T>(
        &self,
        file: DurableFile,
        what: &str,
        look: impl FnOnce(&File) -> Option<T>,
    ) -> Result<T, DiskError> {
        let media = self.media();
        let found = media.files.get(&file.id).and_then(look);
        found.ok_or_else(|| DiskError {
            kind: DiskErrorKind::Io,
            context: format!("{what} {}", media.names.name_of(file.id)),
        })
    }
}

impl Image {
    pub(super) fn of(media: &Media) -> Self {
        let files = media.names.durable.iter().filter_map(|(name, id)| {
            let file = media.files.get(id)?;
            Some((name.clone(), file.durable.clone()))
        });
        Self { files: files.collect() }
    }

    /// The files, by name.
    pub fn files(&self) -> impl Iterator<Item = (&str, Vec<u8>)> {
        let all = |bytes: &Bytes| bytes.pieces().flatten().copied().collect();
        self.files.iter().map(move |(name, bytes)| (name.as_str(), all(bytes)))
    }

    /// A disk that has these files and no faults: for a whole recovery, which writes.
    pub fn to_disk(&self) -> MemDisk {
        let disk = MemDisk::new();
        self.files().for_each(|(name, bytes)| disk.put(name, &bytes));
        disk
    }
}

fn denied<T>(what: &str) -> Result<T, DiskError> {
    let context = format!("{what}: this is only a look");
    Err(DiskError { kind: DiskErrorKind::Denied, context })
}

impl Disk for DurableView {
    type File = DurableFile;

    fn list(&self) -> Result<Vec<String>, DiskError> {
        Ok(self.media().names.durable.keys().cloned().collect())
    }

    fn create(&self, _name: &str) -> Result<DurableFile, DiskError> {
        denied("create")
    }

    fn open(&self, name: &str) -> Result<DurableFile, DiskError> {
        let id = self.media().names.durable.get(name).copied();
        id.map(|id| DurableFile { id }).ok_or_else(|| DiskError {
            kind: DiskErrorKind::NotFound,
            context: format!("open {name}"),
        })
    }

    fn rename(&self, _from: &str, _to: &str) -> Result<(), DiskError> {
        denied("rename")
    }

    fn remove(&self, _name: &str) -> Result<(), DiskError> {
        denied("remove")
    }

    fn sync_dir(&self) -> Result<(), DiskError> {
        denied("sync names")
    }

    fn length(&self, file: &DurableFile) -> Result<u64, DiskError> {
        self.on_file(*file, "length of", |file| Some(file.durable.len() as u64))
    }

    fn set_length(&self, _file: &DurableFile, _bytes: u64) -> Result<(), DiskError> {
        denied("set length")
    }

    fn read_at(&self, file: &DurableFile, offset: u64, into: &mut [u8]) -> Result<(), DiskError> {
        self.on_file(*file, "read", |file| {
            let offset = usize::try_from(offset).ok()?;
            file.read_durable(offset, into).then_some(())
        })
    }

    fn write_at(&self, _file: &DurableFile, _at: u64, _bytes: &[u8]) -> Result<(), DiskError> {
        denied("write")
    }

    fn sync(&self, _file: &DurableFile) -> Result<(), DiskError> {
        denied("sync")
    }
}
