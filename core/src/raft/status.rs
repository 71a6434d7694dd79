//! A server at a glance.

use super::Raft;
use super::lease::LeaseLost;
use super::progress::Progress;
use super::role::Role;
use crate::effect::{HardState, RoleKind, Violation};
use crate::membership::Membership;
use crate::types::{Index, Instant, LogId, NodeId};

/// A server at a glance. Borrowed, so that reading it costs nothing.
#[derive(Clone, Copy, Debug)]
pub struct Status<'a> {
    /// This server.
    pub id: NodeId,
    /// Its role.
    pub role: RoleKind,
    /// Term and vote, and whether it has a say at all.
    pub hard_state: HardState,
    /// The leader it knows.
    pub leader: Option<NodeId>,
    /// The last entry that the newest snapshot covers.
    pub snapshot: LogId,
    /// What the log starts after: what is between here and `snapshot` is kept for slow peers.
    pub base: LogId,
    /// The end of the log.
    pub last: LogId,
    /// The log is durable up to here.
    pub durable: Index,
    /// The disk has had something to write for [`Config::disk_timeout`](crate::Config::disk_timeout)
    /// without finishing any of it.
    pub disk_hangs: bool,
    /// The log is committed up to here, as far as this server knows.
    pub commit: Index,
    /// Who belongs to the cluster.
    pub membership: &'a Membership,
    /// The entry that says so; 0 for the founding members.
    pub membership_index: Index,
    /// A leader's view of its peers, by id; empty for others.
    pub peers: &'a [Progress],
    /// Until when a leader answers reads by itself (thesis 6.4.1).
    pub lease_until: Option<Instant>,
    /// Why a leader has no lease for the rest of its term.
    pub lease_lost: Option<LeaseLost>,
    /// To whom a leader is handing over.
    pub transferring_to: Option<NodeId>,
    /// Is a leader about to change the membership?
    pub is_reconfiguring: bool,
    /// Messages that made no sense, since the start.
    pub ignored_messages: u64,
    /// Why this server stopped for good, if it did.
    pub violation: Option<Violation>,
}

impl Raft {
    /// A view for metrics, tests and people.
    pub fn status(&self) -> Status<'_> {
        Status {
            id: self.config.id,
            role: self.role.kind(),
            hard_state: self.hard_state,
            leader: self.leader(),
            snapshot: self.log.snapshot(),
            base: self.log.base(),
            last: self.log.last(),
            durable: self.log.durable(),
            disk_hangs: self.is_disk_hanging(),
            commit: self.commit,
            membership: self.log.membership(),
            membership_index: self.log.membership_at().index,
            peers: match &self.role {
                Role::Leader(leader) => &leader.peers,
                _ => &[],
            },
            lease_until: self.lease_until(),
            lease_lost: match &self.role {
                Role::Leader(leader) => leader.lease.as_ref().and_then(|lease| lease.lost()),
                _ => None,
            },
            transferring_to: match &self.role {
                Role::Leader(leader) => leader.transfer.as_ref().map(|it| it.to()),
                _ => None,
            },
            is_reconfiguring: match &self.role {
                Role::Leader(leader) => leader.change.is_some(),
                _ => false,
            },
            ignored_messages: self.ignored_messages.into(),
            violation: match self.role {
                Role::Halted(violation) => Some(violation),
                _ => None,
            },
        }
    }

    pub(super) fn leader(&self) -> Option<NodeId> {
        match &self.role {
            Role::Follower(follower) => follower.following.map(|following| following.leader),
            Role::Leader(_) => Some(self.config.id),
            _ => None,
        }
    }
}
