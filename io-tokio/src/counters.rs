//! What a server counts since its start, for operators.

use std::sync::atomic::{AtomicU64, Ordering};

use quorate_core::NodeId;
use quorate_core::node::Note;

/// Counts of what the node notes. Written by the pump, read by whoever scrapes.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    counts: [AtomicU64; Self::NAMES.len()],
    /// The number of the last leader; 0 before there is one.
    leader: AtomicU64,
}

#[derive(Clone, Copy)]
enum Count {
    LeaderChanged,
    RoleChanged,
    LinkLost,
    Refused,
    BadBytes,
    Stuck,
    DiskFull,
    LogUnreadable,
    SnapshotTaken,
    Restored,
    SnapshotDamaged,
}

impl Counters {
    /// Name and help of each, in the order of [`Count`].
    pub(crate) const NAMES: [(&'static str, &'static str); 11] = [
        ("leader_changes", "How often another server began to lead, as seen from here"),
        ("role_changes", "How often this server changed its role"),
        ("links_lost", "How often the link to a peer was lost"),
        ("connections_refused", "Connections whose other side was turned away"),
        ("connections_garbled", "Connections that sent what makes no sense"),
        ("connections_stuck", "Connections that were let go because they did not read or greet"),
        ("disk_full", "How often the log or a snapshot found no room to grow"),
        ("log_unreadable", "How often the log could not be read for a peer"),
        ("snapshots_taken", "Snapshots that this server took"),
        ("snapshots_restored", "How often the state was restored from a leader's snapshot"),
        ("snapshots_damaged", "Snapshots that were found damaged on their way here"),
    ];

    /// All of them now.
    pub(crate) fn values(&self) -> [u64; Self::NAMES.len()] {
        std::array::from_fn(|at| self.counts[at].load(Ordering::Relaxed))
    }

    pub(crate) fn note(&self, note: &Note) {
        match note {
            Note::RoleChanged(change) => {
                self.count(Count::RoleChanged);
                // A while without a leader changes nothing, unless another follows.
                let leader = change.leader.map_or(0, NodeId::get);
                if leader != 0 && self.leader.swap(leader, Ordering::Relaxed) != leader {
                    self.count(Count::LeaderChanged);
                }
            }
            Note::LinkDown(_) => self.count(Count::LinkLost),
            Note::Refused(..) => self.count(Count::Refused),
            Note::BadBytes(_) => self.count(Count::BadBytes),
            Note::Stuck(_) => self.count(Count::Stuck),
            Note::DiskFull(_) => self.count(Count::DiskFull),
            Note::LogUnreadable(..) => self.count(Count::LogUnreadable),
            Note::SnapshotTaken(_) => self.count(Count::SnapshotTaken),
            Note::Restored(_) => self.count(Count::Restored),
            Note::SnapshotDamaged(..) => self.count(Count::SnapshotDamaged),
            Note::LinkUp(_)
            | Note::SnapshotResumed(_)
            | Note::MembershipChanged { .. }
            | Note::NoAddress(_)
            | Note::Staffing(_)
            | Note::Yielding(_)
            | Note::RefusedBy(..)
            | Note::ProposalBegan(_)
            | Note::ProposalEnded(_) => {}
        }
    }

    fn count(&self, what: Count) {
        self.counts[what as usize].fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use quorate_core::node::ConnectionId;
    use quorate_core::{Cause, RoleChange, RoleKind, Term};

    use super::*;

    fn role_changed(leader: Option<u64>) -> Note {
        let (role, cause) = (RoleKind::Follower, Cause::LeaderFound);
        Note::RoleChanged(RoleChange {
            role,
            term: Term(1),
            leader: leader.and_then(NodeId::new),
            cause,
        })
    }

    #[test]
    fn a_leader_that_comes_back_is_no_other_leader() {
        let counters = Counters::default();
        for leader in [None, Some(1), None, Some(1), Some(2), None, Some(1)] {
            counters.note(&role_changed(leader));
        }
        assert_eq!(counters.values(), [3, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn each_note_is_counted_under_its_name() {
        let counters = Counters::default();
        let id = ConnectionId::accepted(1);
        counters.note(&Note::LinkDown(NodeId::new(2).expect("not zero")));
        counters.note(&Note::BadBytes(id));
        counters.note(&Note::BadBytes(id));
        counters.note(&Note::Stuck(id));
        assert_eq!(counters.values(), [0, 0, 1, 0, 2, 1, 0, 0, 0, 0, 0]);
        assert_eq!(Counters::NAMES[Count::Stuck as usize].0, "connections_stuck");
    }
}
