//! What a driver loads from its disk before the first step.

use alloc::vec::Vec;

use crate::effect::HardState;
use crate::entry::{Entries, Entry, NotARun};
use crate::membership::Membership;
use crate::types::{Index, LogId, Term};

/// The state machine's past that is no longer in the log, and who belongs to the cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SnapshotMeta {
    /// The last entry that the snapshot covers; [`LogId::ZERO`] for a cluster that is just born.
    pub last_included: LogId,
    /// The entry that said who belongs to the cluster as of then; [`LogId::ZERO`] for the founding
    /// members.
    pub membership_at: LogId,
    /// What it said.
    pub membership: Membership,
}

impl SnapshotMeta {
    /// What the log of every founding member starts after.
    pub fn genesis(membership: Membership) -> Self {
        Self { last_included: LogId::ZERO, membership_at: LogId::ZERO, membership }
    }

    /// Does it take the place of at least one entry, and make sense?
    pub(crate) fn covers_something(&self) -> bool {
        let (membership_at, covered) = (self.membership_at, self.last_included);
        (Index(1)..=Index::LAST).contains(&covered.index)
            && membership_at.index <= covered.index
            && membership_at.term <= covered.term
    }
}

/// A server's durable state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recovered {
    /// Term and vote.
    pub hard_state: HardState,
    /// The newest snapshot: the state machine starts from it.
    pub snapshot: SnapshotMeta,
    /// What the log starts after: the snapshot's last entry, or one before it if the log still holds
    /// some of what the snapshot covers.
    pub base: LogId,
    /// The name of the first entry of each term in the log, in order.
    pub term_starts: Vec<LogId>,
    /// The memberships that entries after the snapshot say, and at which index, in order.
    pub memberships: Vec<(Index, Membership)>,
    /// The last entry of the log; the base if the log is empty.
    pub last: LogId,
    /// The newest entries of the log, as many as shall be in memory; may be empty.
    pub tail: Entries,
}

impl Recovered {
    /// A server of a cluster that is just born: every founding member starts from the same.
    pub fn genesis(membership: Membership) -> Self {
        Self {
            hard_state: HardState::default(),
            snapshot: SnapshotMeta::genesis(membership),
            base: LogId::ZERO,
            term_starts: Vec::new(),
            memberships: Vec::new(),
            last: LogId::ZERO,
            tail: Entries::EMPTY,
        }
    }

    /// A server whose whole log is at hand; it starts after the snapshot.
    ///
    /// # Errors
    /// If `entries` are not consecutive or their terms decrease.
    pub fn from_entries(
        hard_state: HardState,
        snapshot: SnapshotMeta,
        entries: Vec<Entry>,
    ) -> Result<Self, NotARun> {
        let base = snapshot.last_included;
        Self::from_log(hard_state, snapshot, base, entries)
    }

    /// A server whose whole log is at hand; it starts after `base`.
    ///
    /// # Errors
    /// If `entries` are not consecutive or their terms decrease.
    pub fn from_log(
        hard_state: HardState,
        snapshot: SnapshotMeta,
        base: LogId,
        entries: Vec<Entry>,
    ) -> Result<Self, NotARun> {
        let tail = Entries::new(entries)?;
        let mut term_starts: Vec<LogId> = Vec::new();
        for entry in tail.iter() {
            if term_starts.last().is_none_or(|start| start.term < entry.id.term) {
                term_starts.push(entry.id);
            }
        }
        let is_later = |entry: &&Entry| entry.id.index > snapshot.last_included.index;
        let said = |entry: &Entry| Some((entry.id.index, entry.payload.membership()?));
        let memberships = tail.iter().filter(is_later).filter_map(said).collect();
        let last = tail.last_id().unwrap_or(base);
        Ok(Self { hard_state, snapshot, base, term_starts, memberships, last, tail })
    }

    /// Do the parts fit together?
    ///
    /// # Errors
    /// See [`RecoverError`].
    pub fn check(&self) -> Result<(), RecoverError> {
        let base = self.base;
        let mut before = base;
        for (position, &start) in self.term_starts.iter().enumerate() {
            let follows = match position {
                0 => start.index.0.checked_sub(1) == Some(base.index.0) && start.term >= base.term,
                _ => start.index > before.index && start.term > before.term,
            };
            if !follows {
                return Err(RecoverError::NotALog { at: start.index });
            }
            before = start;
        }
        let ends_well = match self.term_starts.last() {
            None => self.last == base,
            Some(start) => self.last.index >= start.index && self.last.term == start.term,
        };
        if !ends_well || self.last.index > Index::LAST {
            return Err(RecoverError::NotALog { at: self.last.index });
        }
        if self.tail.last_id().is_some_and(|last| last != self.last)
            || self.tail.first_index().is_some_and(|first| first <= base.index)
        {
            return Err(RecoverError::TailMisplaced { last: self.last.index });
        }
        let covered = self.snapshot.last_included;
        let is_held = base.index <= covered.index && covered.index <= self.last.index;
        if !is_held || self.term(covered.index) != covered.term {
            return Err(RecoverError::SnapshotMisplaced { at: covered.index });
        }
        let is_founding = covered == LogId::ZERO && self.snapshot.membership_at == LogId::ZERO;
        if !is_founding && !self.snapshot.covers_something() {
            return Err(RecoverError::MembershipMisplaced {
                at: self.snapshot.membership_at.index,
            });
        }
        let mut before = covered.index;
        for &(at, _) in &self.memberships {
            if at <= before || at > self.last.index {
                return Err(RecoverError::MembershipMisplaced { at });
            }
            before = at;
        }
        if self.last.term > self.hard_state.term {
            return Err(RecoverError::TermBehindLog { last: self.last });
        }
        Ok(())
    }

    /// The term of an entry that the log holds, or starts after.
    fn term(&self, index: Index) -> Term {
        let before = self.term_starts.partition_point(|start| start.index <= index);
        before.checked_sub(1).map_or(self.base.term, |at| self.term_starts[at].term)
    }
}

/// Why durable state cannot be started from. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecoverError {
    /// The log does not follow the snapshot, or its terms decrease.
    #[error("the log is broken at index {}", at.0)]
    NotALog {
        /// Where.
        at: Index,
    },
    /// The entries in memory are not the newest of the log.
    #[error("the entries in memory do not end at index {}", last.0)]
    TailMisplaced {
        /// Where the log ends.
        last: Index,
    },
    /// The log neither holds the last entry of the snapshot nor starts after it.
    #[error("the log has no part in the snapshot up to index {}", at.0)]
    SnapshotMisplaced {
        /// Where the snapshot ends.
        at: Index,
    },
    /// A membership is said by no entry of the log, or they are not in order.
    #[error("no entry of the log says the membership of index {}", at.0)]
    MembershipMisplaced {
        /// Where it would be.
        at: Index,
    },
    /// The log holds an entry of a term that the hard state has not seen: an old hard state was
    /// put back, and with it a vote may be forgotten.
    #[error("the hard state is older than the log, which ends in term {}", last.term.0)]
    TermBehindLog {
        /// The end of the log.
        last: LogId,
    },
}
