//! One connection: its two buffers and what it is for.

use bytes::BytesMut;

use super::io::ConnectionId;
use super::link::LinkId;
use crate::types::NodeId;
use crate::wire::Reject;

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) purpose: Purpose,
    /// What has come in and is not decoded.
    pub(super) input: BytesMut,
    /// Has the other side's magic been seen?
    pub(super) is_ours: bool,
    /// What goes out at the end of this step.
    pub(super) output: BytesMut,
    /// What was handed to the driver and has not left.
    pub(super) unsent_bytes: u64,
    /// Why it ends with this step, if it does.
    pub(super) refusal: Option<Reject>,
}

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// Somebody connected and has not said who it is.
    Stranger,
    /// A link of ours; it carries what we have to say.
    Link(LinkId),
    /// A peer's link; it carries what the peer has to say.
    Peer(NodeId),
    /// A client.
    Client,
}

impl Connection {
    pub(super) fn new(purpose: Purpose) -> Self {
        Self {
            purpose,
            input: BytesMut::new(),
            is_ours: false,
            output: BytesMut::new(),
            unsent_bytes: 0,
            refusal: None,
        }
    }

    pub(super) fn waiting_bytes(&self) -> u64 {
        self.unsent_bytes + self.output.len() as u64
    }
}

/// All connections, by name.
pub(super) type Connections = alloc::collections::BTreeMap<ConnectionId, Connection>;
