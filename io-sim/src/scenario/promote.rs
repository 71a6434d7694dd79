//! Scenarios that are kept for ever.

use std::io;
use std::path::{Path, PathBuf};

use super::text::{Scenario, ScenarioError};

/// Why a scenario was not kept.
#[derive(Debug, thiserror::Error)]
pub enum PromoteError {
    /// It makes no sense.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// Names are small letters, digits and hyphens, up to 60.
    #[error("{0:?} is no name for a file: small letters, digits and hyphens")]
    Name(String),
    /// The folder cannot be read, or the file not written.
    #[error("{path}: {why}", path = path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: io::Error,
    },
}

/// Writes a scenario to `folder` as `NNNN-name.scn`, behind the last one that is there, with a header
/// that says what it shows and why it is kept; the tests run all that are there, and each must pass.
///
/// # Errors
/// See [`PromoteError`].
pub fn promote(
    scenario: &Scenario,
    folder: &Path,
    name: &str,
    what: &str,
    why: &str,
) -> Result<PathBuf, PromoteError> {
    scenario.check()?;
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || name.len() > 60 || !name.bytes().all(is_plain) {
        return Err(PromoteError::Name(name.to_owned()));
    }
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |why| PromoteError::Io { path, why }
    };
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    let mut last = 0;
    for entry in std::fs::read_dir(folder).map_err(failed(folder))? {
        let file = entry.map_err(failed(folder))?.file_name();
        let number = file.to_str().and_then(|file| file.split('-').next()?.parse::<u32>().ok());
        last = last.max(number.unwrap_or(0));
    }
    let path = folder.join(format!("{:04}-{name}.scn", last + 1));
    let mut text = String::new();
    for line in what.lines().chain([""]).chain(why.lines()) {
        text.push_str(format!("# {line}").trim_end());
        text.push('\n');
    }
    text.push_str(&scenario.to_text());
    std::fs::write(&path, text).map_err(failed(&path))?;
    Ok(path)
}
