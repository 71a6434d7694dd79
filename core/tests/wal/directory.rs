//! A directory of the system as a disk: shows that the seam fits, and measures on real files.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use quorate_core::wal::{Disk, DiskError, DiskErrorKind};

/// Holds a lock on the directory as long as it lives, and removes it at the end.
pub(crate) struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("quorate-wal-{name}-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).expect("a directory");
        let lock = File::create(path.join("LOCK")).expect("a file");
        lock.try_lock().expect("nobody else");
        Self { path, _lock: lock }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What cannot be removed stays in the build directory.
        let _: Result<(), Error> = std::fs::remove_dir_all(&self.path);
    }
}

fn context<T>(what: &str, name: &str, result: Result<T, Error>) -> Result<T, DiskError> {
    result.map_err(|error| DiskError {
        kind: match error.kind() {
            ErrorKind::NotFound => DiskErrorKind::NotFound,
            ErrorKind::AlreadyExists => DiskErrorKind::AlreadyExists,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => DiskErrorKind::Full,
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => DiskErrorKind::Denied,
            _ => DiskErrorKind::Io,
        },
        context: format!("{what} {name}: {error}"),
    })
}

impl Disk for Directory {
    type File = File;

    fn list(&self) -> Result<Vec<String>, DiskError> {
        let names = std::fs::read_dir(&self.path).and_then(|found| {
            found.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
        });
        context("list", "", names)
    }
    fn create(&self, name: &str) -> Result<File, DiskError> {
        let options = OpenOptions::new().read(true).write(true).create_new(true).clone();
        context("create", name, options.open(self.path.join(name)))
    }
    fn open(&self, name: &str) -> Result<File, DiskError> {
        let options = OpenOptions::new().read(true).write(true).clone();
        context("open", name, options.open(self.path.join(name)))
    }
    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        context("rename", from, std::fs::rename(self.path.join(from), self.path.join(to)))
    }
    fn remove(&self, name: &str) -> Result<(), DiskError> {
        context("remove", name, std::fs::remove_file(self.path.join(name)))
    }
    fn sync_dir(&self) -> Result<(), DiskError> {
        context(
            "sync",
            "directory",
            File::open(&self.path).and_then(|directory| directory.sync_all()),
        )
    }
    fn length(&self, file: &File) -> Result<u64, DiskError> {
        context("length", "", file.metadata().map(|data| data.len()))
    }
    fn set_length(&self, file: &File, bytes: u64) -> Result<(), DiskError> {
        context("cut", "", file.set_len(bytes))
    }
    fn read_at(&self, file: &File, offset: u64, into: &mut [u8]) -> Result<(), DiskError> {
        context("read", "", file.read_exact_at(into, offset))
    }
    fn write_at(&self, file: &File, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        context("write", "", file.write_all_at(bytes, offset))
    }
    fn sync(&self, file: &File) -> Result<(), DiskError> {
        context("sync", "", file.sync_data())
    }
}
