//! Files, with errors that name them.

use std::fmt;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::CampaignError;

/// Does this name stdout, and no file?
pub(crate) fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

pub(crate) fn write(path: &Path, text: &str) -> Result<(), CampaignError> {
    std::fs::write(path, text).map_err(|error| unwritten(path, error))
}

pub(crate) fn read(path: &Path) -> Result<String, CampaignError> {
    std::fs::read_to_string(path).map_err(|error| unread(path, &error))
}

pub(crate) fn make(folder: &Path) -> Result<(), CampaignError> {
    std::fs::create_dir_all(folder).map_err(|error| unwritten(folder, error))
}

pub(crate) fn unread(path: &Path, why: &dyn fmt::Display) -> CampaignError {
    CampaignError::Unread { path: path.to_owned(), why: why.to_string() }
}

pub(crate) fn unwritten(path: &Path, error: io::Error) -> CampaignError {
    CampaignError::Unwritten { path: path.to_owned(), error }
}

/// The workspace around the current folder: where `folder` is.
pub(crate) fn workspace(folder: &str) -> Result<PathBuf, CampaignError> {
    let here = std::env::current_dir().map_err(|error| unread(Path::new("."), &error))?;
    let root = here.ancestors().find(|root| root.join(folder).is_dir());
    let why = format!("neither it nor a folder around it has {folder}: go to the sources first");
    root.map(Path::to_owned).ok_or_else(|| unread(&here, &why))
}
