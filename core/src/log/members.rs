//! Who belonged to the cluster, from which entry on.

use alloc::vec::Vec;

use crate::entry::Entry;
use crate::membership::Membership;
use crate::types::{Index, NodeId};

/// The memberships of the log. The newest rules as soon as it is in the log, committed or not, and
/// an older one rules again when it is cut off (thesis 4.1).
///
/// Invariant: never empty, and indexes rise. The first is that of the base.
#[derive(Clone, Debug)]
pub(crate) struct Members {
    all: Vec<(Index, Membership)>,
}

impl Members {
    /// The membership as of the base, and those of later entries, in order.
    pub(crate) fn new(base: Index, first: Membership, later: Vec<(Index, Membership)>) -> Self {
        let mut all = Vec::with_capacity(1 + later.len());
        all.push((base, first));
        all.extend(later);
        Self { all }
    }

    /// The one that rules.
    pub(crate) fn newest(&self) -> &Membership {
        &self.all.last().expect("never empty").1
    }

    /// The entry since which it rules.
    pub(crate) fn since(&self) -> Index {
        self.all.last().expect("never empty").0
    }

    /// Is this server a voter of the newest membership that is committed up to `commit`, or of one
    /// after it?
    pub(crate) fn may_stand(&self, id: NodeId, commit: Index) -> bool {
        let committed = self.all.partition_point(|one| one.0 <= commit);
        self.all[committed.saturating_sub(1)..]
            .iter()
            .any(|(_, membership)| membership.is_voter(id))
    }

    /// An entry is appended.
    pub(crate) fn push(&mut self, entry: &Entry) {
        let membership = entry.payload.membership();
        self.all.extend(membership.map(|membership| (entry.id.index, membership)));
    }

    /// All entries after `index` are forgotten.
    pub(crate) fn truncate(&mut self, index: Index) {
        let kept = self.all.partition_point(|one| one.0 <= index);
        self.all.truncate(kept.max(1));
    }
}
