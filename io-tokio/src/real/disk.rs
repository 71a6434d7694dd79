//! Files of the system as the disk of a log.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use quorate_core::wal::{Disk, DiskError, DiskErrorKind};

/// A directory of a file system, locked against other processes for as long as this value lives.
#[derive(Debug)]
pub struct FileDisk {
    directory: PathBuf,
    _lock: File,
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
            Ok(Ok(lock)) => Ok(Self { directory, _lock: lock }),
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
}

impl Disk for FileDisk {
    type File = (File, PathBuf);

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
        made.map(|file| (file, path.clone())).map_err(|why| refused("create", &path, &why))
    }

    fn open(&self, name: &str) -> Result<Self::File, DiskError> {
        let path = self.path(name);
        let opened = OpenOptions::new().read(true).write(true).open(&path);
        opened.map(|file| (file, path.clone())).map_err(|why| refused("open", &path, &why))
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

    fn length(&self, (file, path): &Self::File) -> Result<u64, DiskError> {
        let length = file.metadata().map(|metadata| metadata.len());
        length.map_err(|why| refused("measure", path, &why))
    }

    fn set_length(&self, (file, path): &Self::File, bytes: u64) -> Result<(), DiskError> {
        file.set_len(bytes).map_err(|why| refused("resize", path, &why))
    }

    fn read_at(
        &self,
        (file, path): &Self::File,
        offset: u64,
        into: &mut [u8],
    ) -> Result<(), DiskError> {
        file.read_exact_at(into, offset).map_err(|why| refused("read", path, &why))
    }

    fn write_at(
        &self,
        (file, path): &Self::File,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), DiskError> {
        file.write_all_at(bytes, offset).map_err(|why| refused("write", path, &why))
    }

    fn sync(&self, (file, path): &Self::File) -> Result<(), DiskError> {
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
