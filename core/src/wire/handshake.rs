//! The first frame of either side: who are you, whom do you look for, what do you speak?

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::types::{ClusterId, GroupId, Incarnation, NodeId};
use crate::wire::header::{self, Headed};
use crate::wire::{DecodeError, Frame, Service};

/// The first frame of either side. Every one fits [`Decoder::HANDSHAKE`](crate::wire::Decoder).
///
/// Append only: the numbers of the variants are for ever.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Handshake {
    /// A server to another server.
    Hello(Hello),
    /// A client to a server.
    ClientHello(ClientHello),
    /// Answer to [`Handshake::Hello`]: go on.
    Welcome(Welcome),
    /// Answer to [`Handshake::ClientHello`]: go on.
    ClientWelcome(ClientWelcome),
    /// Answer to either: go away. The connection ends. A server that ends a link of its own says
    /// why with this, too, in answer to [`Handshake::Welcome`] or at any later time.
    Reject(Reject),
    /// As [`Handshake::Hello`], of a server whose disk began without a say.
    JoinedHello(JoinedHello),
    /// As [`Handshake::Welcome`], of a server whose disk began without a say.
    JoinedWelcome(JoinedWelcome),
}

/// See [`Handshake::JoinedHello`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct JoinedHello {
    /// What any server says.
    pub hello: Hello,
    /// When the disk began: a later one has taken the place of an earlier one.
    pub joined: u64,
}

/// See [`Handshake::JoinedWelcome`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct JoinedWelcome {
    /// What any server says.
    pub welcome: Welcome,
    /// As in [`JoinedHello`].
    pub joined: u64,
}

/// See [`Handshake::Hello`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Hello {
    /// The oldest wire version that the sender speaks.
    pub wire_min: u16,
    /// The newest wire version that the sender speaks.
    pub wire_max: u16,
    /// The sender's cluster.
    pub cluster: ClusterId,
    /// The sender.
    pub from: NodeId,
    /// Whom the sender believes to have reached.
    pub to: NodeId,
    /// The sender's disk.
    pub incarnation: Incarnation,
    /// How often the sender has started from that disk: a smaller one is an older life, or a disk
    /// that was put back.
    pub boot: u64,
    /// The longest frame that the sender accepts.
    pub frame_bytes_max: u32,
}

/// See [`Handshake::Welcome`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Welcome {
    /// The wire version that this connection speaks.
    pub wire: u16,
    /// The sender's cluster.
    pub cluster: ClusterId,
    /// The sender.
    pub from: NodeId,
    /// Whom it answers.
    pub to: NodeId,
    /// The sender's disk.
    pub incarnation: Incarnation,
    /// How often the sender has started from that disk.
    pub boot: u64,
    /// The longest frame that the sender accepts.
    pub frame_bytes_max: u32,
}

/// See [`Handshake::ClientHello`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ClientHello {
    /// The oldest wire version that the client speaks.
    pub wire_min: u16,
    /// The newest wire version that the client speaks.
    pub wire_max: u16,
    /// The cluster that the client looks for; `None` takes any.
    pub cluster: Option<ClusterId>,
}

/// See [`Handshake::ClientWelcome`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ClientWelcome {
    /// The wire version that this connection speaks.
    pub wire: u16,
    /// The server's cluster.
    pub cluster: ClusterId,
    /// The server.
    pub from: NodeId,
    /// The longest frame that the server accepts.
    pub frame_bytes_max: u32,
}

/// See [`Handshake::Reject`]. Append only: the numbers of the variants are for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
pub enum Reject {
    /// The servers belong to different clusters.
    #[error("another cluster")]
    WrongCluster,
    /// The sender looked for somebody else at this address.
    #[error("another server")]
    WrongNode,
    /// The sender belongs to no membership that this server knows, which follows a leader and so
    /// should know; it may do so later.
    #[error("not a member")]
    UnknownNode,
    /// There is no wire version that both speak.
    #[error("only wire versions {wire_min} to {wire_max} are spoken")]
    UnsupportedVersion {
        /// The oldest that this server speaks.
        wire_min: u16,
        /// The newest that this server speaks.
        wire_max: u16,
    },
    /// The sender's disk is not the one that its name is known by, since the receiver's process
    /// started.
    #[error("another disk is known under this name")]
    StaleIncarnation,
    /// A later life of the sender has been heard of.
    #[error("a later start of this server is known")]
    StaleBoot,
    /// The sender was removed from the cluster. It may be added again, also with an empty disk.
    #[error("removed from the cluster")]
    Removed,
    /// Too many connections; try again later.
    #[error("too many connections")]
    Busy,
    /// The sender must be able to send longer frames than the receiver accepts.
    #[error("frames of at most {bytes_max} bytes cannot hold messages that need {needed} bytes")]
    FrameTooSmall {
        /// The longest frame that the receiver accepts.
        bytes_max: u32,
        /// The longest frame that the sender may have to send.
        needed: u64,
    },
}

impl Handshake {
    /// The oldest wire version that this build speaks.
    pub const WIRE_MIN: u16 = 1;
    /// The newest wire version that this build speaks.
    pub const WIRE_MAX: u16 = 1;

    /// The newest wire version that this build shares with somebody who speaks `min..=max`.
    ///
    /// ```
    /// use quorate_core::wire::Handshake;
    /// assert_eq!(Handshake::agreed_wire(1, 9), Some(Handshake::WIRE_MAX));
    /// assert_eq!(Handshake::agreed_wire(Handshake::WIRE_MAX + 1, 9), None);
    /// ```
    #[must_use]
    pub fn agreed_wire(min: u16, max: u16) -> Option<u16> {
        let (oldest, newest) = (min.max(Self::WIRE_MIN), max.min(Self::WIRE_MAX));
        (oldest <= newest).then_some(newest)
    }

    /// Appends the frame of this message to `out`.
    pub fn encode(&self, out: &mut BytesMut) {
        header::encode(self, GroupId(0), out);
    }

    /// The message in a frame of [`Service::Handshake`].
    ///
    /// # Errors
    /// See [`DecodeError`].
    pub fn decode(frame: &Frame) -> Result<Self, DecodeError> {
        match frame.group {
            GroupId(0) => header::decode(frame),
            _ => Err(DecodeError::Malformed("group of a handshake")),
        }
    }
}

impl Headed for Handshake {
    const SERVICE: Service = Service::Handshake;
    const KINDS: u8 = 7;

    fn payload(&self) -> Option<&Bytes> {
        None
    }

    fn payload_mut(&mut self) -> Option<&mut Bytes> {
        None
    }
}
