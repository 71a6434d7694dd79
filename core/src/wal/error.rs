//! Why a call of an open log fails.

use alloc::boxed::Box;
use alloc::string::String;

use super::disk::DiskError;
use super::refusal::Damage;
use crate::types::{Index, LogId};

/// Why a call of a [`Wal`](super::Wal) failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WalError {
    /// A command does not fit into a batch. Nothing was written, and the log goes on.
    #[error("command of {bytes} bytes at index {} exceeds the limit of {bytes_max}", id.index.0)]
    TooLarge {
        /// The entry.
        id: LogId,
        /// The length of its command.
        bytes: u64,
        /// See [`WalOptions::entry_bytes_max`](super::WalOptions::entry_bytes_max).
        bytes_max: u64,
    },
    /// There is no such entry. The log goes on.
    #[error("index {} is not in the log of {} to {}", index.0, first.0, last.0)]
    NotInLog {
        /// What was asked for.
        index: Index,
        /// The first entry that there is.
        first: Index,
        /// The last one.
        last: Index,
    },
    /// An entry was read and is damaged. The log goes on: the entry can be had from another member.
    #[error(transparent)]
    Damaged(Box<Damage>),
    /// The disk failed. The log is poisoned, unless it was a read, or a spare that found no space.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// An earlier call failed.
    #[error("the log is poisoned: {why}")]
    Poisoned {
        /// What the earlier call said.
        why: String,
    },
}
