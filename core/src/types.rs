//! The words that everything else is made of: names, positions and instants, each its own type.

use core::fmt;
use core::num::NonZeroU64;
use core::time::Duration;

use serde::{Deserialize, Serialize};

/// A server of a cluster. Not to be given to another machine, unless the server was removed before.
///
/// ```
/// use quorate_core::NodeId;
/// assert!(NodeId::new(0).is_none());
/// assert_eq!(NodeId::new(7).map(NodeId::get), Some(7));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(NonZeroU64);

impl NodeId {
    /// A node's name; zero names nobody.
    pub const fn new(id: u64) -> Option<Self> {
        match NonZeroU64::new(id) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }

    /// The number behind the name, never zero.
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A cluster: drawn at random when it is created, so that strangers are recognised.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClusterId(pub u128);

impl ClusterId {
    /// The cluster of this name: the same number for the same name, for ever (FNV-1a of 128 bits).
    ///
    /// ```
    /// use quorate_core::ClusterId;
    /// assert_eq!(ClusterId::named("shop"), ClusterId::named("shop"));
    /// assert_ne!(ClusterId::named("shop"), ClusterId::named("shops"));
    /// ```
    pub const fn named(name: &str) -> Self {
        let (bytes, mut hash, mut at) =
            (name.as_bytes(), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, 0);
        while at < bytes.len() {
            hash =
                (hash ^ bytes[at] as u128).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
            at += 1;
        }
        Self(hash)
    }
}

/// One life of one disk: drawn at random when a data directory is created. A node that lost its
/// disk comes back with another incarnation under its old [`NodeId`], and is recognised by that.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incarnation(pub u128);

/// One consensus group of the many that may share a node, its connections and its log.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct GroupId(pub u32);

macro_rules! hex_128 {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }
    )*};
}
hex_128!(ClusterId, Incarnation);

/// A period with at most one leader (thesis 3.3).
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct Term(pub u64);

/// A position in the log; the first entry has index 1, and 0 is the position before it.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct Index(pub u64);

impl Index {
    /// The last position that a log of another server, or of a disk, is believed to have. As many
    /// again are beyond it, so whoever leads such a log has an index for whatever comes.
    pub const LAST: Self = Self(u64::MAX / 2);

    /// The position after this one.
    ///
    /// # Panics
    /// At `u64::MAX`, which no log reaches: positions are handed out one by one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.checked_add(1).expect("a log ends before u64::MAX"))
    }

    /// The position before this one; 0 stays 0.
    #[must_use]
    pub const fn prev(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

/// Names one entry. The derived order, term before index, *is* "at least as up-to-date" (thesis 3.6.1).
///
/// ```
/// use quorate_core::{Index, LogId, Term};
/// let short_but_new = LogId { term: Term(2), index: Index(1) };
/// let long_but_old = LogId { term: Term(1), index: Index(9) };
/// assert!(short_but_new > long_but_old);
/// ```
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct LogId {
    /// The term of the leader that created the entry.
    pub term: Term,
    /// Its position.
    pub index: Index,
}

impl LogId {
    /// The position before the first entry.
    pub const ZERO: Self = Self { term: Term(0), index: Index(0) };

    /// Can a log have this? Terms and indexes of entries count from 1 (thesis figure 3.1).
    pub(crate) const fn is_possible(self) -> bool {
        (self.term.0 == 0) == (self.index.0 == 0)
    }
}

/// Nanoseconds since an epoch of the driver's choice. Monotonic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Instant(pub u64);

impl Instant {
    /// Saturating: the end of time is a fine deadline.
    #[must_use]
    pub const fn after(self, span: Duration) -> Self {
        let nanos = span.as_nanos();
        #[expect(clippy::cast_possible_truncation, reason = "compared on the line before")]
        let nanos = if nanos > u64::MAX as u128 { u64::MAX } else { nanos as u64 };
        Self(self.0.saturating_add(nanos))
    }

    /// Time since `earlier`; zero if that lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Numbers the writes of one run of one node, from 1; an answer to a ticket covers all before it.
///
/// A ticket and not a log index names durability, because an index can be written twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Ticket(pub u64);

/// The caller's name for a request; comes back in the answer. The core never looks into it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId(pub u64);

/// One replication of a log from one leader to one peer. A leader draws a fresh one whenever it
/// forgets what it knew of the peer, so that an acknowledgement of an earlier life is void. They
/// rise within a term.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct ReplicationId(pub u64);

/// One life of a server that may have forgotten what it promised: drawn at random at each start, so
/// that what is said to an earlier life of it is not taken for something said to this one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct LifeId(pub u64);

/// Counts the rounds of heartbeats of one leader; never reused within its term, so that a late
/// answer can never confirm a later question (thesis 6.4).
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct Round(pub u64);

impl Round {
    /// The round after this one.
    ///
    /// # Panics
    /// At `u64::MAX`, which no leader reaches: rounds are counted one by one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.checked_add(1).expect("a term ends before round u64::MAX"))
    }
}
