//! Requests that a server passes on to the leader, and what is said when there is nothing to say.

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::types::{GroupId, Index, LogId};
use crate::wire::header::{self, Headed};
use crate::wire::{Address, DecodeError, Frame, NotApplied, Service, Unknown};

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
    /// A piece of a snapshot is wanted.
    SnapshotAsk(SnapshotAsk),
    /// Here it is.
    SnapshotPart(SnapshotPart),
    /// There is no such snapshot.
    SnapshotNone(LogId),
    /// Where the sender can be reached, said first on each of its links: a receiver whose log does
    /// not say so yet can answer only if it knows. A hint, which may be ignored.
    Reachable {
        /// As the sender is known to itself.
        address: Address,
    },
    /// How likely the sender is to lead, see [`Config::priority`](crate::Config::priority); said first
    /// on each of its links. A hint, which may be ignored.
    Priority(u8),
}

/// See [`PeerMessage::SnapshotAsk`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SnapshotAsk {
    /// The last entry that it covers.
    pub snapshot: LogId,
    /// From where on.
    pub offset: u64,
    /// How much, at most.
    pub bytes_max: u32,
}

/// See [`PeerMessage::SnapshotPart`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SnapshotPart {
    /// As asked.
    pub snapshot: LogId,
    /// As asked.
    pub offset: u64,
    /// How long the snapshot is.
    pub total_bytes: u64,
    /// Its bytes from `offset` on.
    #[serde(skip)]
    pub bytes: Bytes,
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
    const KINDS: u8 = 8;

    fn payload(&self) -> Option<&Bytes> {
        match self {
            Self::Forward(Forward { body: ForwardBody::Propose { command }, .. }) => Some(command),
            Self::Forwarded(Forwarded { outcome: ForwardOutcome::Done { answer, .. }, .. }) => {
                Some(answer)
            }
            Self::SnapshotPart(part) => Some(&part.bytes),
            Self::Forward(_)
            | Self::Forwarded(_)
            | Self::KeepAlive
            | Self::Reachable { .. }
            | Self::Priority(_)
            | Self::SnapshotAsk(_)
            | Self::SnapshotNone(_) => None,
        }
    }

    fn payload_mut(&mut self) -> Option<&mut Bytes> {
        match self {
            Self::Forward(Forward { body: ForwardBody::Propose { command }, .. }) => Some(command),
            Self::Forwarded(Forwarded { outcome: ForwardOutcome::Done { answer, .. }, .. }) => {
                Some(answer)
            }
            Self::SnapshotPart(part) => Some(&mut part.bytes),
            Self::Forward(_)
            | Self::Forwarded(_)
            | Self::KeepAlive
            | Self::Reachable { .. }
            | Self::Priority(_)
            | Self::SnapshotAsk(_)
            | Self::SnapshotNone(_) => None,
        }
    }

    fn is_ignorable(&self) -> bool {
        matches!(self, Self::KeepAlive | Self::Reachable { .. } | Self::Priority(_))
    }
}
