//! What a log has given out, in short: a file that has another past does not go with it.

use quorate_sm::{Context, Digest, Index};
use serde::{Deserialize, Serialize};

use crate::rows::RowError;

/// A call of a machine: the entry, and how many calls in it came before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) index: u64,
    pub(crate) nth: u64,
}

impl Call {
    fn next(self, index: Index) -> Self {
        let nth = if self.index == index.0 { self.nth + 1 } else { 0 };
        Self { index: index.0, nth }
    }
}

/// What a call is about.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) enum Occasion<'a> {
    Command(&'a [u8]),
    Timer(&'a [u8]),
    SessionEnded,
}

/// All calls of a log, up to one. Zeros before the first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct History {
    /// The last of them.
    pub(crate) last: Call,
    /// The digest of the first: another log has another one.
    pub(crate) origin: u64,
    /// The digest of all.
    pub(crate) digest: u64,
}

impl History {
    /// And one more, in this entry.
    pub(crate) fn then(self, cx: &Context, occasion: Occasion<'_>) -> Self {
        let last = self.last.next(cx.index());
        let mut digest = Digest::default();
        digest.put(&(self.digest, last, cx.term(), cx.now(), cx.session(), occasion));
        let digest = digest.value();
        let origin = if self == Self::default() { digest } else { self.origin };
        Self { last, origin, digest }
    }

    /// May both be of one log, as far as their beginnings tell?
    pub(crate) fn begins_as(self, other: Self) -> bool {
        self == Self::default() || other == Self::default() || self.origin == other.origin
    }
}

/// Why nothing more can be done with a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Rows(#[from] RowError),
    #[error(
        "the file is of another log than this server's, as of entry {}: if the log is the right one, move \
         the file away, and the state is made anew from the log", .0.last.index
    )]
    OtherLog(History),
}
