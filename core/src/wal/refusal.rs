//! Why a log is not opened: typed, with the place and the advice.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use super::block::Unsupported;
use super::disk::DiskError;
use super::ident::IdentError;
use super::identity::Identity;
use super::mend::Hole;
use super::options::OptionsError;
use super::verdict::Row;
use crate::snapshot::StoreError;
use crate::types::{Index, LogId};

/// Why a log was not opened. Nothing was changed, unless the disk itself failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OpenError {
    /// The options make no sense.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// There is no directory of a node here: it was never formatted, or not to the end.
    #[error("the directory is not formatted")]
    NotFormatted,
    /// There are data, but not what says whose they are.
    #[error("the identity is missing or damaged, although {file} exists")]
    IdentLost {
        /// What exists.
        file: String,
    },
    /// Written by a version that this one does not know.
    #[error("{file}: {what}")]
    Unsupported {
        /// The file.
        file: String,
        /// What is not known.
        what: Unsupported,
    },
    /// A file of another node, or of an earlier life of this one, lies here.
    #[error("{file} belongs to node {} (incarnation {}) of cluster {}", owner.node, owner.incarnation, owner.cluster)]
    Foreign {
        /// The file.
        file: String,
        /// Whose it is.
        owner: Identity,
    },
    /// No copy of the hard state is intact: a vote may be forgotten.
    #[error("no copy of the hard state is intact")]
    HardStateLost,
    /// The log has seen a newer hard state than there is: a vote may be forgotten.
    #[error("the hard state is of generation {found}, the log has seen generation {seen}")]
    HardStateOld {
        /// The newest generation in the state file.
        found: u64,
        /// The newest generation that the log names.
        seen: u64,
    },
    /// The log holds an entry of a term that the hard state has not seen.
    #[error("the hard state is older than the log, which ends in term {}", last.term.0)]
    TermBehindLog {
        /// The end of the log.
        last: LogId,
    },
    /// Something that somebody may have been told of is lost.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The log starts too late: entries between the snapshot and its start are gone.
    #[error("the log starts at index {}, the snapshot ends at {}", first.0, snapshot.index.0)]
    Gap {
        /// The end of the snapshot.
        snapshot: LogId,
        /// The first entry that there is.
        first: Index,
    },
    /// The snapshot that the log begins with is damaged, or missing.
    #[error(transparent)]
    Snapshot(StoreError),
    /// Entries, batches, segments, generations or starts are numbered beyond 2^63, as no log is that
    /// worked.
    #[error("the numbers of entries, batches, segments or generations are used up")]
    Exhausted,
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl OpenError {
    /// What a person can do about it, in one sentence.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Options(_) => "correct the options",
            Self::NotFormatted => "format the directory, as a new member",
            Self::Unsupported { .. } => {
                "start the version that wrote this directory, or a newer one"
            }
            Self::Foreign { .. } => "put back the file that belongs here; nothing was changed",
            Self::Exhausted => "rejoin as a new member with an empty directory",
            Self::Disk(_) => "look after the disk and start again; nothing is retried by itself",
            Self::IdentLost { .. }
            | Self::HardStateLost
            | Self::HardStateOld { .. }
            | Self::TermBehindLog { .. }
            | Self::Damaged(_)
            | Self::Snapshot(_)
            | Self::Gap { .. } => {
                "keep this directory aside and rejoin as a new member with an empty one; without \
                 another member that has the entries, restore a backup"
            }
        }
    }
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Disk(error) => Self::Disk(error),
            error => Self::Snapshot(error),
        }
    }
}

impl From<IdentError> for OpenError {
    fn from(error: IdentError) -> Self {
        let file = String::from(super::layout::IDENT);
        match error {
            IdentError::NotFormatted => Self::NotFormatted,
            IdentError::Damaged => Self::IdentLost { file },
            IdentError::Unsupported(what) => Self::Unsupported { file, what },
            IdentError::Disk(error) => Self::Disk(error),
        }
    }
}

/// A place where the log is damaged.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct Damage {
    /// The row of the decision table.
    pub row: Row,
    /// The segment's file; that of the missing one if a segment is missing.
    pub file: String,
    /// The first byte that is not what it should be.
    pub offset: u64,
    /// The batch that should stand there.
    pub lsn: u64,
    /// The last entry before the damage.
    pub after: LogId,
    /// The first position behind the damage that is known to have existed, if any is: entries
    /// behind `after`, at most up to here, are lost.
    pub up_to: Option<LogId>,
    /// Known well enough to be filled with what others have in its place.
    pub hole: Option<Box<Hole>>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, offset, lsn, after, up_to, .. } = self;
        let what = match self.row {
            Row::Promised => "a batch that was durable is damaged",
            Row::WrongRecords => "the last batch was written whole and is damaged",
            Row::WrongHeader => "the header of the last batch is damaged",
            Row::Misplaced => "a batch contradicts the log or stands in the wrong place",
            Row::Unreadable => "the disk cannot read a batch",
            Row::SegmentMissing => "a segment is missing",
            Row::End | Row::HeaderMissing | Row::SectorsMissing | Row::Sealed => {
                "the log ends too early"
            }
        };
        write!(
            f,
            "{what}: {file} at offset {offset}, batch {lsn}, entries after index {}",
            after.index.0
        )?;
        write!(f, " of term {}", after.term.0)?;
        match up_to {
            Some(id) => write!(f, " up to index {} of term {}", id.index.0, id.term.0),
            None => Ok(()),
        }
    }
}
