//! Files of the system as the disk of a log.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use quorate_core::wal::{Disk, DiskError, DiskErrorKind};
use rustix::fs::OFlags;

/// A directory of a file system, locked against other processes for as long as this value lives.
#[derive(Debug)]
pub struct FileDisk {
    directory: PathBuf,
    _lock: File,
    /// Where whole blocks are gathered for the device; kept for its allocation.
    blocks: Mutex<Vec<u8>>,
}

/// An open file of a [`FileDisk`].
#[derive(Debug)]
pub struct DiskFile {
    file: File,
    /// Past the page cache, where the file system allows it: what is synced as soon as it is written
    /// would only be copied there, and looked for again by the sync.
    direct: Option<File>,
    path: PathBuf,
}

/// What goes past the page cache is a multiple of this, in the file and in memory.
const BLOCK_BYTES: usize = 4096;

/// How much memory is kept for the next write; a rare long one gives back what it took.
const KEPT_BYTES: usize = 2 << 20;

impl DiskFile {
    fn new(file: File, path: PathBuf) -> Self {
        let flags = i32::try_from(OFlags::DIRECT.bits()).unwrap_or(0);
        let direct = OpenOptions::new().write(true).custom_flags(flags).open(&path).ok();
        Self { file, direct, path }
    }
}

/// Why a directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Another process uses it.
    #[error("another process uses the directory {}{}", directory.display(), holder(.by))]
    InUse {
        /// The directory.
        directory: PathBuf,
        /// What that process wrote into the lock file.
        by: String,
    },
    /// The system said no.
    #[error("the directory {} cannot be used: {source}", directory.display())]
    System {
        /// The directory.
        directory: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn holder(by: &str) -> String {
    if by.is_empty() { String::new() } else { format!(" (process {by})") }
}

impl FileDisk {
    /// The file that is locked while a process uses the directory.
    pub const LOCK: &'static str = "LOCK";

    /// Takes a directory that exists.
    ///
    /// # Errors
    /// If another process has it, or the system says no.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, DirectoryError> {
        let directory = directory.into();
        match Self::lock(&directory) {
            Ok(Ok(lock)) => Ok(Self { directory, _lock: lock, blocks: Mutex::default() }),
            Ok(Err(by)) => Err(DirectoryError::InUse { directory, by }),
            Err(source) => Err(DirectoryError::System { directory, source }),
        }
    }

    fn lock(directory: &Path) -> io::Result<Result<File, String>> {
        let path = directory.join(Self::LOCK);
        let mut lock =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut by = String::new();
                lock.take(32).read_to_string(&mut by)?;
                return Ok(Err(by.trim().to_owned()));
            }
            Err(TryLockError::Error(why)) => return Err(why),
        }
        lock.set_len(0)?;
        lock.rewind()?;
        writeln!(lock, "{}", std::process::id())?;
        Ok(Ok(lock))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn write_blocks(&self, direct: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.clear();
        blocks.reserve(bytes.len() + BLOCK_BYTES);
        let padding = blocks.as_ptr().align_offset(BLOCK_BYTES);
        blocks.resize(padding, 0);
        blocks.extend_from_slice(bytes);
        let written = direct.write_all_at(&blocks[padding..], offset);
        blocks.clear();
        blocks.shrink_to(KEPT_BYTES);
        written
    }
}

impl Disk for FileDisk {
    type File = DiskFile;

    fn list(&self) -> Result<Vec<String>, DiskError> {
        let names = || -> io::Result<Vec<String>> {
            let mut names = Vec::new();
            for entry in std::fs::read_dir(&self.directory)? {
                let entry = entry?;
                if entry.file_type()?.is_file()
                    && let Ok(name) = entry.file_name().into_string()
                    && name != Self::LOCK
                {
                    names.push(name);
                }
            }
            Ok(names)
        };
        names().map_err(|why| refused("list", &self.directory, &why))
    }

    fn create(&self, name: &str) -> Result<Self::File, DiskError> {
        let path = self.path(name);
        let made = OpenOptions::new().create_new(true).read(true).write(true).open(&path);
        made.map(|file| DiskFile::new(file, path.clone()))
            .map_err(|why| refused("create", &path, &why))
    }

    fn open(&self, name: &str) -> Result<Self::File, DiskError> {
        let path = self.path(name);
        let opened = OpenOptions::new().read(true).write(true).open(&path);
        opened
            .map(|file| DiskFile::new(file, path.clone()))
            .map_err(|why| refused("open", &path, &why))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        let path = self.path(from);
        std::fs::rename(&path, self.path(to)).map_err(|why| refused("rename", &path, &why))
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        let path = self.path(name);
        std::fs::remove_file(&path).map_err(|why| refused("remove", &path, &why))
    }

    fn sync_dir(&self) -> Result<(), DiskError> {
        let synced = File::open(&self.directory).and_then(|directory| directory.sync_all());
        synced.map_err(|why| refused("sync", &self.directory, &why))
    }

    fn length(&self, DiskFile { file, path, .. }: &DiskFile) -> Result<u64, DiskError> {
        let length = file.metadata().map(|metadata| metadata.len());
        length.map_err(|why| refused("measure", path, &why))
    }

    fn set_length(
        &self,
        DiskFile { file, path, .. }: &DiskFile,
        bytes: u64,
    ) -> Result<(), DiskError> {
        file.set_len(bytes).map_err(|why| refused("resize", path, &why))
    }

    fn read_at(
        &self,
        DiskFile { file, path, .. }: &DiskFile,
        offset: u64,
        into: &mut [u8],
    ) -> Result<(), DiskError> {
        file.read_exact_at(into, offset).map_err(|why| refused("read", path, &why))
    }

    fn write_at(
        &self,
        DiskFile { file, direct, path }: &DiskFile,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), DiskError> {
        let is_whole = !bytes.is_empty()
            && offset.is_multiple_of(BLOCK_BYTES as u64)
            && bytes.len().is_multiple_of(BLOCK_BYTES);
        let written = match direct {
            Some(direct) if is_whole => match self.write_blocks(direct, offset, bytes) {
                // The device wants larger blocks; to write them again does no harm.
                Err(why) if why.kind() == io::ErrorKind::InvalidInput => {
                    file.write_all_at(bytes, offset)
                }
                written => written,
            },
            _ => file.write_all_at(bytes, offset),
        };
        written.map_err(|why| refused("write", path, &why))
    }

    fn sync(&self, DiskFile { file, path, .. }: &DiskFile) -> Result<(), DiskError> {
        file.sync_data().map_err(|why| refused("sync", path, &why))
    }
}

fn refused(what: &str, path: &Path, why: &io::Error) -> DiskError {
    let kind = match why.kind() {
        io::ErrorKind::NotFound => DiskErrorKind::NotFound,
        io::ErrorKind::AlreadyExists => DiskErrorKind::AlreadyExists,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => DiskErrorKind::Full,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            DiskErrorKind::Denied
        }
        _ => DiskErrorKind::Io,
    };
    DiskError { kind, context: format!("cannot {what} {}: {why}", path.display()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both ways into a file see one another's bytes, whatever order they come in.
    #[test]
    fn whole_blocks_and_odd_bytes_meet_in_one_file() {
        let directory = std::env::temp_dir().join(format!("quorate-disk-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a temporary directory");
        let disk = FileDisk::open(&directory).expect("nobody else uses it");
        let file = disk.create("log").expect("a new file");
        let mut expected = vec![0; 8 * BLOCK_BYTES];
        disk.set_length(&file, expected.len() as u64).expect("space");
        let writes = [
            (0, BLOCK_BYTES * 4),
            (100, 5000),
            (BLOCK_BYTES, BLOCK_BYTES * 2),
            (BLOCK_BYTES * 2 - 1, 3),
            (BLOCK_BYTES * 7, BLOCK_BYTES),
            (BLOCK_BYTES * 8 - 1, 1),
        ];
        for (mark, (offset, length)) in (1..).zip(writes) {
            disk.write_at(&file, offset as u64, &vec![mark; length]).expect("space");
            expected[offset..offset + length].fill(mark);
            let mut found = vec![0; expected.len()];
            disk.read_at(&file, 0, &mut found).expect("all of it");
            assert!(found == expected, "after write {mark}");
        }
        disk.sync(&file).expect("a sync");
        disk.rename("log", "renamed").expect("a name");
        disk.write_at(&file, 0, &vec![9; BLOCK_BYTES]).expect("the file stays open");
        expected[..BLOCK_BYTES].fill(9);
        assert!(std::fs::read(directory.join("renamed")).expect("readable") == expected);
        std::fs::remove_dir_all(&directory).expect("it was ours");
    }
}
