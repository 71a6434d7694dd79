//! Who belonged to the cluster, from which entry on.

use alloc::vec::Vec;

use crate::entry::Entry;
use crate::membership::Membership;
use crate::recovered::SnapshotMeta;
use crate::types::{Index, LogId, NodeId};

/// The memberships of the log. The newest rules as soon as it is in the log, committed or not, and
/// an older one rules again when it is cut off (thesis 4.1).
///
/// Invariant: never empty, and indexes rise. The first is that of the snapshot.
#[derive(Clone, Debug)]
pub(crate) struct Members {
    all: Vec<(LogId, Membership)>,
}

impl Members {
    /// The membership as of a snapshot.
    pub(crate) fn of(snapshot: SnapshotMeta) -> Self {
        Self { all: alloc::vec![(snapshot.membership_at, snapshot.membership)] }
    }

    /// The one that rules.
    pub(crate) fn newest(&self) -> &Membership {
        &self.all.last().expect("never empty").1
    }

    /// All of them, oldest first, and since which entry each.
    pub(crate) fn all(&self) -> &[(LogId, Membership)] {
        &self.all
    }

    /// The entry since which it rules.
    pub(crate) fn since(&self) -> LogId {
        self.all.last().expect("never empty").0
    }

    /// What a snapshot up to `last_included` has to say, which is committed.
    pub(crate) fn as_of(&self, last_included: LogId) -> SnapshotMeta {
        let (membership_at, membership) = self.all[self.before(last_included.index)].clone();
        SnapshotMeta { last_included, membership_at, membership }
    }

    /// A snapshot covers everything up to `index`: what ruled before its membership is forgotten.
    pub(crate) fn compact(&mut self, index: Index) {
        self.all.drain(..self.before(index));
    }

    /// Which one ruled as of `index`.
    fn before(&self, index: Index) -> usize {
        self.all.partition_point(|one| one.0.index <= index).saturating_sub(1)
    }

    /// Is this server a voter of the newest membership that is committed up to `commit`, or of one
    /// after it?
    pub(crate) fn may_stand(&self, id: NodeId, commit: Index) -> bool {
        self.all[self.before(commit)..].iter().any(|(_, membership)| membership.is_voter(id))
    }

    /// An entry is appended.
    pub(crate) fn push(&mut self, entry: &Entry) {
        let membership = entry.payload.membership();
        self.all.extend(membership.map(|membership| (entry.id, membership)));
    }

    /// An entry that is not at hand says this.
    pub(crate) fn add(&mut self, at: LogId, membership: Membership) {
        self.all.push((at, membership));
    }

    /// All entries after `index` are forgotten.
    pub(crate) fn truncate(&mut self, index: Index) {
        self.all.truncate(self.before(index) + 1);
    }
}
