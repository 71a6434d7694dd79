//! Who owns a file.

use crate::types::{ClusterId, Incarnation, NodeId};

/// Whose data a directory holds. Stands in every file, so that a file of another node is noticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The cluster.
    pub cluster: ClusterId,
    /// The server.
    pub node: NodeId,
    /// This life of the server's disk.
    pub incarnation: Incarnation,
}
