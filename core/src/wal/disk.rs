//! The seam between the log and a disk.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// One directory of one disk: everything that the log asks of the world.
///
/// The calls block; a thread of their own makes them. What an implementation owes:
/// 1. *Exclusiveness.* It holds an exclusive lock (a locked file `LOCK`, say) from before the first
///    call until it is dropped: two processes that write one log destroy it.
/// 2. *Whole transfers.* Short reads and writes, and interruptions of them, are its own affair. An
///    interrupted or failed sync is an error: it is never tried again.
/// 3. *Durability.* What [`sync`](Disk::sync) and [`sync_dir`](Disk::sync_dir) promise holds at
///    power loss. Nothing else is promised: before a sync, any subset of what was written may
///    survive, in units of 512 bytes, in any order.
///
/// Names are plain: no separators, ASCII, at most 64 bytes.
pub trait Disk {
    /// An open file.
    type File;

    /// The names of all files, in any order.
    ///
    /// # Errors
    /// If the disk cannot tell.
    fn list(&self) -> Result<Vec<String>, DiskError>;

    /// Makes an empty file that does not exist yet.
    ///
    /// # Errors
    /// [`AlreadyExists`](DiskErrorKind::AlreadyExists), or what the disk says.
    fn create(&self, name: &str) -> Result<Self::File, DiskError>;

    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// [`NotFound`](DiskErrorKind::NotFound), or what the disk says.
    fn open(&self, name: &str) -> Result<Self::File, DiskError>;

    /// Gives a file another name, atomically, and replaces what had that name.
    ///
    /// # Errors
    /// What the disk says.
    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError>;

    /// Removes a name.
    ///
    /// # Errors
    /// [`NotFound`](DiskErrorKind::NotFound), or what the disk says.
    fn remove(&self, name: &str) -> Result<(), DiskError>;

    /// Makes all names durable: every create, rename and remove before this call.
    ///
    /// # Errors
    /// What the disk says; the names are then unknown.
    fn sync_dir(&self) -> Result<(), DiskError>;

    /// The length of a file in bytes.
    ///
    /// # Errors
    /// If the disk cannot tell.
    fn length(&self, file: &Self::File) -> Result<u64, DiskError>;

    /// Cuts a file off, or extends it with zeros.
    ///
    /// # Errors
    /// What the disk says.
    fn set_length(&self, file: &Self::File, bytes: u64) -> Result<(), DiskError>;

    /// Fills `into` from `offset` on.
    ///
    /// # Errors
    /// What the disk says; [`Io`](DiskErrorKind::Io) if the file ends before.
    fn read_at(&self, file: &Self::File, offset: u64, into: &mut [u8]) -> Result<(), DiskError>;

    /// Writes all of `bytes` at `offset`; extends the file if need be.
    ///
    /// # Errors
    /// What the disk says; an unknown part of the bytes may then be written.
    fn write_at(&self, file: &Self::File, offset: u64, bytes: &[u8]) -> Result<(), DiskError>;

    /// Makes the bytes and the length of a file durable (`fdatasync`).
    ///
    /// # Errors
    /// What the disk says; what is durable is then unknown.
    fn sync(&self, file: &Self::File) -> Result<(), DiskError>;
}

/// The disk said no.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{context}: {kind}")]
pub struct DiskError {
    /// What a caller may branch on.
    pub kind: DiskErrorKind,
    /// For people: the operation, the file, and what the system said.
    pub context: String,
}

/// Why the disk said no.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DiskErrorKind {
    /// No file has that name.
    NotFound,
    /// A file has that name already.
    AlreadyExists,
    /// No space is left, or a quota is used up.
    Full,
    /// No permission, too many open files, or a disk that is read-only.
    Denied,
    /// Everything else; above all, failed reads, writes and syncs.
    Io,
}

impl fmt::Display for DiskErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "not found",
            Self::AlreadyExists => "already exists",
            Self::Full => "no space left",
            Self::Denied => "denied",
            Self::Io => "i/o error",
        })
    }
}

impl<D: Disk + ?Sized> Disk for &D {
    type File = D::File;

    fn list(&self) -> Result<Vec<String>, DiskError> {
        (**self).list()
    }
    fn create(&self, name: &str) -> Result<Self::File, DiskError> {
        (**self).create(name)
    }
    fn open(&self, name: &str) -> Result<Self::File, DiskError> {
        (**self).open(name)
    }
    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        (**self).rename(from, to)
    }
    fn remove(&self, name: &str) -> Result<(), DiskError> {
        (**self).remove(name)
    }
    fn sync_dir(&self) -> Result<(), DiskError> {
        (**self).sync_dir()
    }
    fn length(&self, file: &Self::File) -> Result<u64, DiskError> {
        (**self).length(file)
    }
    fn set_length(&self, file: &Self::File, bytes: u64) -> Result<(), DiskError> {
        (**self).set_length(file, bytes)
    }
    fn read_at(&self, file: &Self::File, offset: u64, into: &mut [u8]) -> Result<(), DiskError> {
        (**self).read_at(file, offset, into)
    }
    fn write_at(&self, file: &Self::File, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        (**self).write_at(file, offset, bytes)
    }
    fn sync(&self, file: &Self::File) -> Result<(), DiskError> {
        (**self).sync(file)
    }
}
