//! A data directory: the refusals to use one, in words.

use std::io;
use std::path::Path;

use quorate_core::wal::{DiskErrorKind, FormatError, OpenError};
use quorate_io_tokio::{DirectoryError, FileDisk};

use crate::codes::{self, Code};
use crate::diagnostic::Diagnostic;

/// Takes a data directory that exists, for this process alone. Makes no file in a directory that
/// holds nobody's data.
pub(crate) fn take(directory: &Path) -> Result<FileDisk, Box<Diagnostic>> {
    let shown = directory.display();
    let mut entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Diagnostic::new(codes::NO_DIRECTORY, format!("there is no {shown}"))
                .because(&error)
                .help("a new group? `quorate init` · a disk of its own? is it mounted?"));
        }
        Err(error) => return Err(refused_by_system(directory, &error)),
    };
    let has_data = entries.any(|entry| {
        entry.is_ok_and(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name == "IDENT" || name.ends_with(".qrw") || name.ends_with(".qrs")
        })
    });
    if !has_data {
        return Err(not_formatted(directory));
    }
    lock(directory)
}

/// Locks a directory for this process.
pub(crate) fn lock(directory: &Path) -> Result<FileDisk, Box<Diagnostic>> {
    FileDisk::open(directory).map_err(|error| match &error {
        DirectoryError::InUse { .. } => Diagnostic::new(codes::DIRECTORY_IN_USE, error.to_string())
            .help("stop that process first, or work on a copy of the directory"),
        DirectoryError::System { source, .. } => refused_by_system(directory, source),
    })
}

/// What the system said about a directory.
pub(crate) fn refused_by_system(directory: &Path, error: &io::Error) -> Box<Diagnostic> {
    let code = match error.kind() {
        io::ErrorKind::PermissionDenied => codes::DIRECTORY_DENIED,
        _ => codes::DIRECTORY_FAILED,
    };
    let what = format!("the directory {} cannot be used", directory.display());
    Diagnostic::new(code, what).because(error)
}

/// Why a log was not opened.
pub(crate) fn not_opened(directory: &Path, error: &OpenError) -> Box<Diagnostic> {
    let shown = directory.display();
    if matches!(error, OpenError::NotFormatted) {
        return not_formatted(directory);
    }
    Diagnostic::new(code_of(error), format!("the log in {shown} is not opened"))
        .because(error)
        .help(error.advice())
}

/// Why a directory was not made ready.
pub(crate) fn not_made(directory: &Path, error: &FormatError) -> Box<Diagnostic> {
    let code = match error {
        FormatError::AlreadyFormatted | FormatError::InUse { .. } => codes::NOT_EMPTY,
        FormatError::TooLong => codes::BAD_MEMBERS,
        FormatError::Disk(_) => codes::CANNOT_INIT,
    };
    Diagnostic::new(code, format!("{} cannot be made", directory.display())).because(error)
}

fn not_formatted(directory: &Path) -> Box<Diagnostic> {
    Diagnostic::new(codes::NOT_FORMATTED, format!("{} holds no data", directory.display()))
        .why("the directory has no identity: `quorate init` never made it, or not to the end")
        .help("a new group? `quorate init` · lost data? `quorate init --join`")
}

fn code_of(error: &OpenError) -> &'static Code {
    match error {
        OpenError::Options(_) => codes::BAD_SETTINGS,
        OpenError::NotFormatted => codes::NOT_FORMATTED,
        OpenError::Unsupported { .. } => codes::UNSUPPORTED,
        OpenError::Foreign { .. } => codes::FOREIGN,
        OpenError::Disk(disk) if disk.kind == DiskErrorKind::Denied => codes::DIRECTORY_DENIED,
        OpenError::Disk(_) => codes::DIRECTORY_FAILED,
        OpenError::IdentLost { .. }
        | OpenError::HardStateLost
        | OpenError::HardStateOld { .. }
        | OpenError::TermBehindLog { .. }
        | OpenError::Damaged(_)
        | OpenError::Gap { .. }
        | OpenError::Snapshot(_)
        | OpenError::Exhausted => codes::DAMAGED,
    }
}
