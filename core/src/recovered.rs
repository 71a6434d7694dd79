//! What a driver loads from its disk before the first step.

use alloc::vec::Vec;

use crate::effect::HardState;
use crate::entry::{Entries, Entry, NotARun};
use crate::membership::Membership;
use crate::types::{Index, LogId};

/// The state machine's past that is no longer in the log, and who belongs to the cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SnapshotMeta {
    /// The last entry that the snapshot covers; [`LogId::ZERO`] for a cluster that is just born.
    pub last_included: LogId,
    /// The membership as of that entry.
    pub membership: Membership,
}

/// A server's durable state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recovered {
    /// Term and vote.
    pub hard_state: HardState,
    /// What the log starts after.
    pub snapshot: SnapshotMeta,
    /// The name of the first entry of each term in the log, in order.
    pub term_starts: Vec<LogId>,
    /// The memberships that entries of the log say, and at which index, in order.
    pub memberships: Vec<(Index, Membership)>,
    /// The last entry of the log; the snapshot's if the log is empty.
    pub last: LogId,
    /// The newest entries of the log, as many as shall be in memory; may be empty.
    pub tail: Entries,
}

impl Recovered {
    /// A server of a cluster that is just born: every founding member starts from the same.
    pub fn genesis(membership: Membership) -> Self {
        let snapshot = SnapshotMeta { last_included: LogId::ZERO, membership };
        Self {
            hard_state: HardState::default(),
            snapshot,
            term_starts: Vec::new(),
            memberships: Vec::new(),
            last: LogId::ZERO,
            tail: Entries::EMPTY,
        }
    }

    /// A server whose whole log is at hand.
    ///
    /// # Errors
    /// If `entries` are not consecutive or their terms decrease.
    pub fn from_entries(
        hard_state: HardState,
        snapshot: SnapshotMeta,
        entries: Vec<Entry>,
    ) -> Result<Self, NotARun> {
        let tail = Entries::new(entries)?;
        let mut term_starts: Vec<LogId> = Vec::new();
        for entry in tail.iter() {
            if term_starts.last().is_none_or(|start| start.term < entry.id.term) {
                term_starts.push(entry.id);
            }
        }
        let said = |entry: &Entry| Some((entry.id.index, entry.payload.membership()?));
        let memberships = tail.iter().filter_map(said).collect();
        let last = tail.last_id().unwrap_or(snapshot.last_included);
        Ok(Self { hard_state, snapshot, term_starts, memberships, last, tail })
    }

    /// Do the parts fit together?
    ///
    /// # Errors
    /// See [`RecoverError`].
    pub fn check(&self) -> Result<(), RecoverError> {
        let base = self.snapshot.last_included;
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
        if !ends_well {
            return Err(RecoverError::NotALog { at: self.last.index });
        }
        if self.tail.last_id().is_some_and(|last| last != self.last)
            || self.tail.first_index().is_some_and(|first| first <= base.index)
        {
            return Err(RecoverError::TailMisplaced { last: self.last.index });
        }
        let mut before = base.index;
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
