//! A node at a glance, for people and for metrics.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::effect::RoleKind;
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
    /// Its peers, by id.
    pub peers: Vec<PeerStatus>,
    /// Requests under way.
    pub requests: u64,
    /// Connections, its own links included.
    pub connections: u64,
    /// Messages that made no sense, since the start.
    pub ignored_messages: u64,
    /// Group commits of the log since the start: each is one sync, however many writes share it.
    pub syncs: u64,
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
