//! Requests that a server passes on to the leader, and what is said when there is nothing to say.

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::types::{GroupId, Index};
use crate::wire::header::{self, Headed};
use crate::wire::{DecodeError, Frame, NotApplied, Service, Unknown};

/// What servers say to each other beside consensus. Append only: the numbers of the variants are
/// for ever.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum PeerMessage {
    /// A request for the leader.
    Forward(Forward),
    /// Its outcome.
    Forwarded(Forwarded),
    /// Nothing but a sign of life; either side of a link gives it again and again. The bytes
    /// themselves are the sign, so it may be ignored by whoever does not know the message.
    KeepAlive,
}

/// See [`PeerMessage::Forward`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Forward {
    /// The sender's name for the request, unique among those it waits for on this connection.
    pub id: u64,
    /// How often the request was passed on before; there is an end to it.
    pub hops: u8,
    /// What is asked.
    pub body: ForwardBody,
}

/// See [`Forward::body`]. Append only: the numbers of the variants are for ever.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ForwardBody {
    /// Append a command.
    Propose {
        /// For the state machine.
        #[serde(skip)]
        command: Bytes,
    },
    /// Name an index from which the sender may serve a linearizable query (thesis 6.4).
    ReadIndex,
}

/// See [`PeerMessage::Forwarded`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Forwarded {
    /// The request's.
    pub id: u64,
    /// How it ended.
    pub outcome: ForwardOutcome,
}

/// How a request that was passed on ended. Append only: the numbers of the variants are for ever.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ForwardOutcome {
    /// The command was carried out, once.
    Done {
        /// Its entry.
        index: Index,
        /// What the state machine says.
        #[serde(skip)]
        answer: Bytes,
    },
    /// A query may be served once this index is applied.
    ReadIndex {
        /// The leader's commit index when it was asked, or a later one.
        index: Index,
    },
    /// The request was not carried out and never will be.
    NotApplied(NotApplied),
    /// The request may have been carried out, or may yet be.
    Unknown(Unknown),
}

impl PeerMessage {
    /// Appends the frame of this message to `out`.
    pub fn encode(&self, group: GroupId, out: &mut BytesMut) {
        header::encode(self, group, out);
    }

    /// The message in a frame of [`Service::Peer`]; command and answer are slices of the frame.
    ///
    /// # Errors
    /// See [`DecodeError`].
    pub fn decode(frame: &Frame) -> Result<Self, DecodeError> {
        header::decode(frame)
    }
}

impl Headed for PeerMessage {
    const SERVICE: Service = Service::Peer;
    const KINDS: u8 = 3;

    fn payload(&self) -> Option<&Bytes> {
        match self {
            Self::Forward(Forward { body: ForwardBody::Propose { command }, .. }) => Some(command),
            Self::Forwarded(Forwarded { outcome: ForwardOutcome::Done { answer, .. }, .. }) => {
                Some(answer)
            }
            Self::Forward(_) | Self::Forwarded(_) | Self::KeepAlive => None,
        }
    }

    fn payload_mut(&mut self) -> Option<&mut Bytes> {
        match self {
            Self::Forward(Forward { body: ForwardBody::Propose { command }, .. }) => Some(command),
            Self::Forwarded(Forwarded { outcome: ForwardOutcome::Done { answer, .. }, .. }) => {
                Some(answer)
            }
            Self::Forward(_) | Self::Forwarded(_) | Self::KeepAlive => None,
        }
    }

    fn is_ignorable(&self) -> bool {
        matches!(self, Self::KeepAlive)
    }
}
