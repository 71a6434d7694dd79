//! A node at a glance, for people and for metrics.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::effect::RoleKind;
use crate::raft::LeaseLost;
use crate::types::{ClusterId, Index, NodeId, Term};
use crate::wire::Address;

/// How a node sees itself and its group. Goes over the wire: append only.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NodeStatus {
    /// The cluster.
    pub cluster: ClusterId,
    /// The node.
    pub id: NodeId,
    /// Its role.
    pub role: RoleKind,
    /// Its term.
    pub term: Term,
    /// The leader it knows.
    pub leader: Option<NodeId>,
    /// Where clients reach that leader.
    pub leader_address: Option<Address>,
    /// The end of its log.
    pub last: Index,
    /// Its log is durable up to here.
    pub durable: Index,
    /// Its log is committed up to here, as far as it knows.
    pub commit: Index,
    /// Its state machine has applied everything up to here.
    pub applied: Index,
    /// The voters of the group, itself included.
    pub voters: Vec<NodeId>,
    /// The other members, by id.
    pub peers: Vec<PeerStatus>,
    /// Requests under way, but for `watches` and `calls`.
    pub requests: u64,
    /// Connections, its own links included.
    pub connections: u64,
    /// Messages that made no sense, since the start.
    pub ignored_messages: u64,
    /// Group commits of the log since the start: each is one sync, however many writes share it.
    pub syncs: u64,
    /// The last entry of the newest snapshot; 0 if there is none.
    pub snapshot: Index,
    /// The log starts after this entry: what it holds up to the snapshot, it keeps for slow peers.
    pub log_start: Index,
    /// The snapshot that is got from the leader, by its last entry, and how many bytes of it are here.
    pub fetching: Option<(Index, u64)>,
    /// Members without a vote.
    pub learners: Vec<NodeId>,
    /// The voters of the majority that is being left; empty unless two rule.
    pub outgoing: Vec<NodeId>,
    /// The entry that says who the members are.
    pub membership_index: Index,
    /// Where members and reserves can be reached, itself included, as far as it knows.
    pub addresses: Vec<(NodeId, Address)>,
    /// A leader knows whether the membership is about to change; others, whether two majorities
    /// rule.
    pub is_changing: bool,
    /// To whom a leader is handing over.
    pub transferring_to: Option<NodeId>,
    /// It belongs to the group no more, as far as it knows or was told.
    pub is_removed: bool,
    /// Servers that stand by.
    pub reserves: Vec<NodeId>,
    /// It may have forgotten what it promised, because its disk is another than it was, and has no
    /// say until a leader knows that it can do no harm.
    pub is_forgetful: bool,
    /// The peers of which a leader knows this.
    pub forgetful: Vec<NodeId>,
    /// It leads, and answers reads by its lease now (thesis 6.4.1).
    pub has_lease: bool,
    /// Why it has no lease for the rest of its term, if it leads and may trust clocks.
    pub lease_lost: Option<LeaseLost>,
    /// Clients that wait for something to happen.
    pub watches: u64,
    /// Functions that are being carried out.
    pub calls: u64,
}

/// How a node sees a peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PeerStatus {
    /// The peer.
    pub id: NodeId,
    /// Are both links to it up?
    pub is_linked: bool,
    /// A leader knows how far the peer's log matches its own.
    pub matched: Option<Index>,
}
