//! The names of locks, queues and whatever else has one.

use serde::{Deserialize, Serialize};

/// The longest name, in bytes.
pub const NAME_BYTES_MAX: usize = 1024;

/// A name is longer than [`NAME_BYTES_MAX`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
#[error("a name of {bytes} bytes exceeds the limit of {}", NAME_BYTES_MAX)]
pub struct NameTooLong {
    /// Its length.
    pub bytes: u64,
}

pub(crate) fn check(name: &str) -> Result<(), NameTooLong> {
    if name.len() <= NAME_BYTES_MAX {
        Ok(())
    } else {
        Err(NameTooLong { bytes: name.len() as u64 })
    }
}
