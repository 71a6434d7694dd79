//! Entries, and shared runs of them that are contiguous by construction.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Deref;
use core::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::membership::{Membership, MembershipRecord};
use crate::types::{Index, LogId};

/// One entry of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its name.
    pub id: LogId,
    /// What it carries.
    pub payload: Payload,
}

impl Entry {
    /// What an entry costs beside its payload, in every limit that counts bytes.
    pub const OVERHEAD_BYTES: u64 = 32;

    /// What the entry counts for in limits: its payload and [`Entry::OVERHEAD_BYTES`].
    pub fn cost_bytes(&self) -> u64 {
        self.payload.len_bytes() + Self::OVERHEAD_BYTES
    }
}

/// What an entry carries. The core never looks into a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Payload {
    /// For the state machine.
    Command(Bytes),
    /// For the servers themselves.
    System(System),
}

/// What an entry carries for the servers themselves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum System {
    /// Nothing: appended by a new leader so that it can commit the entries before it (thesis 3.6.2,
    /// 6.4).
    Noop,
    /// Who belongs to the cluster from this entry on (thesis 4.1).
    Membership(MembershipRecord),
    /// What time it is (thesis 6.3).
    Time(LeaderTime),
}

/// For how long the leader of the entry's term had led when it appended the entry, by its own clock:
/// what state machines can agree on instead of a clock of their own.
///
/// ```
/// use core::time::Duration;
/// use quorate_core::LeaderTime;
/// assert_eq!(LeaderTime::new(Duration::from_secs(5)).led(), Duration::from_secs(5));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeaderTime([u8; Self::BYTES]);

impl LeaderTime {
    const BYTES: usize = 8;

    /// A leader has led for so long; all beyond 584 years is one.
    pub fn new(led: Duration) -> Self {
        Self(u64::try_from(led.as_nanos()).unwrap_or(u64::MAX).to_le_bytes())
    }

    /// For how long.
    pub const fn led(self) -> Duration {
        Duration::from_nanos(u64::from_le_bytes(self.0))
    }

    /// The time that these bytes say, if they are one.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl Payload {
    /// See [`System::Noop`].
    pub const NOOP: Self = Self::System(System::Noop);

    /// Its length on a wire or a disk; 0 for a no-op.
    pub fn len_bytes(&self) -> u64 {
        self.as_bytes().len() as u64
    }

    /// The membership that it says, if it is one.
    pub fn membership(&self) -> Option<Membership> {
        match self {
            Self::System(System::Membership(record)) => Some(record.membership()),
            _ => None,
        }
    }

    /// What stands on a wire or a disk beside its kind.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Command(bytes) => bytes,
            Self::System(System::Noop) => &[],
            Self::System(System::Membership(record)) => record.as_bytes(),
            Self::System(System::Time(time)) => &time.0,
        }
    }
}

/// Names entries of every log that has the `anchor`, which is the last of them or stands behind them: by
/// the Log Matching Property (thesis 3.5) they are the same in all of these.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EntryRange {
    /// The entry before the first one.
    pub after: LogId,
    /// Up to here.
    pub last: Index,
    /// See above.
    pub anchor: LogId,
}

/// A shared, immutable run of entries: a view, so that a leader's log, its write and its messages
/// to every peer are one allocation.
///
/// Invariants, established by [`Entries::new`] and kept by every view:
/// 1. indexes are consecutive and start at 1 or later;
/// 2. terms never decrease.
///
/// ```
/// use quorate_core::{Entries, Entry, Index, LogId, Payload, Term};
/// let entry = |term, index| Entry { id: LogId { term: Term(term), index: Index(index) }, payload: Payload::NOOP };
/// let run = Entries::new([entry(1, 4), entry(2, 5)])?;
/// assert_eq!(run.from(Index(5)).len(), 1);
/// assert!(Entries::new([entry(1, 4), entry(1, 6)]).is_err(), "a gap");
/// assert!(Entries::new([entry(2, 4), entry(1, 5)]).is_err(), "an older term after a newer one");
/// # Ok::<(), quorate_core::NotARun>(())
/// ```
#[derive(Clone, Default)]
pub struct Entries {
    run: Option<Arc<[Entry]>>,
    lo: u32,
    hi: u32,
}

/// The entries were not consecutive, or their terms decreased, or there were 2^32 of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("entry {position} of the run does not follow the one before it")]
pub struct NotARun {
    /// The offending position within the run, from 0.
    pub position: usize,
}

impl Entries {
    /// No entries; allocates nothing.
    pub const EMPTY: Self = Self { run: None, lo: 0, hi: 0 };

    /// Takes ownership of a run.
    ///
    /// # Errors
    /// If the entries break one of the type's invariants.
    pub fn new(entries: impl IntoIterator<Item = Entry>) -> Result<Self, NotARun> {
        let run: Arc<[Entry]> = entries.into_iter().collect();
        let Some(first) = run.first() else { return Ok(Self::EMPTY) };
        if first.id.index == Index(0) {
            return Err(NotARun { position: 0 });
        }
        let follows = |pair: &[Entry]| {
            pair[0].id.index.0.checked_add(1) == Some(pair[1].id.index.0)
                && pair[0].id.term <= pair[1].id.term
        };
        if let Some(at) = run.windows(2).position(|pair| !follows(pair)) {
            return Err(NotARun { position: at + 1 });
        }
        let hi = u32::try_from(run.len()).map_err(|_| NotARun { position: u32::MAX as usize })?;
        Ok(Self { run: Some(run), lo: 0, hi })
    }

    /// The index of the first entry, if there is one.
    pub fn first_index(&self) -> Option<Index> {
        self.first().map(|entry| entry.id.index)
    }

    /// The name of the last entry, if there is one.
    pub fn last_id(&self) -> Option<LogId> {
        self.last().map(|entry| entry.id)
    }

    /// Sum of [`Entry::cost_bytes`].
    pub fn cost_bytes(&self) -> u64 {
        self.iter().map(Entry::cost_bytes).sum()
    }

    /// The entries at `index` and after it.
    #[must_use]
    pub fn from(&self, index: Index) -> Self {
        let skipped = self.first_index().map_or(0, |first| index.0.saturating_sub(first.0));
        self.view(usize::try_from(skipped).unwrap_or(usize::MAX), self.len())
    }

    /// The entries up to and including `index`.
    #[must_use]
    pub fn up_to(&self, index: Index) -> Self {
        let kept = self.first_index().map_or(0, |first| (index.0 + 1).saturating_sub(first.0));
        self.view(0, usize::try_from(kept).unwrap_or(usize::MAX))
    }

    /// The first `count` entries, or all.
    #[must_use]
    pub fn take(&self, count: usize) -> Self {
        self.view(0, count)
    }

    /// One run of the entries of several that follow one another; shares the only one, else copies
    /// the entries (their payloads stay shared).
    ///
    /// # Panics
    /// If the runs do not follow one another.
    #[must_use]
    pub fn concat(runs: &[Self]) -> Self {
        match runs {
            [] => Self::EMPTY,
            [only] => only.clone(),
            _ => {
                let mut all = Vec::with_capacity(runs.iter().map(|run| run.len()).sum());
                runs.iter().for_each(|run| all.extend_from_slice(run));
                Self::new(all).expect("runs that follow one another")
            }
        }
    }

    fn view(&self, lo: usize, hi: usize) -> Self {
        let hi = hi.min(self.len());
        if lo >= hi {
            return Self::EMPTY;
        }
        #[expect(clippy::cast_possible_truncation, reason = "both are at most len, a u32")]
        let (lo, hi) = (lo as u32, hi as u32);
        Self { run: self.run.clone(), lo: self.lo + lo, hi: self.lo + hi }
    }
}

impl Deref for Entries {
    type Target = [Entry];

    fn deref(&self) -> &[Entry] {
        match &self.run {
            Some(run) => &run[self.lo as usize..self.hi as usize],
            None => &[],
        }
    }
}

impl PartialEq for Entries {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Entries {}

impl core::fmt::Debug for Entries {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
