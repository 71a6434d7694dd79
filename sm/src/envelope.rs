//! What a command's bytes are: an envelope that says whose it is, around a machine's own command.
//!
//! ```text
//! entry:  version (1 byte) | kind and header (postcard) | the machine's command, to the end
//! query:  version (1 byte) | machine (postcard)         | the machine's query, to the end
//! watch:  version (1 byte) | what is wanted (postcard)
//! ```
//! A later version may be proposed only once every replica understands it: a replica rejects what
//! it does not know, and all replicas must answer alike.

use alloc::vec::Vec;

use bytes::Bytes;
use quorate_core::Index;
use serde::{Deserialize, Serialize};

use crate::codec;
use crate::registry::Registration;
use crate::watches::Watch;

/// The version of envelopes and outcomes that this code speaks.
pub const VERSION: u8 = 1;

/// A client's session: the index of the entry that opened it, hence never used twice.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct SessionId(pub Index);

/// Numbers the commands of one session, from 0.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The number after this one; the last one, which no honest client reaches, stays.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// One of the state machines on a log.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct MachineId(pub u16);

impl MachineId {
    /// The one that a log with one machine has.
    pub const FIRST: Self = Self(0);
    /// The replica itself, which answers queries about its machines: see [`About`](crate::About).
    pub const REPLICA: Self = Self(u16::MAX);
}

/// What a session's command may overtake.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Order {
    /// Anything: it is applied where it stands in the log.
    #[default]
    Any,
    /// Nothing: it is turned away until every command with a lower number has its answer.
    InSequence,
}

/// What makes a command one of a session (thesis 6.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Stamp {
    /// Whose command it is.
    pub session: SessionId,
    /// Its number; a retry has the same.
    pub sequence: Sequence,
    /// The client has the answers to all numbers below this one and never asks for them again.
    pub acknowledged_below: Sequence,
    /// What it may overtake.
    pub order: Order,
}

/// A command of the log. See [`Outcome`](crate::Outcome) for what each is answered with.
///
/// ```
/// use quorate_sm::{Envelope, EnvelopeError, MachineId};
/// let envelope = Envelope::Sessionless { machine: MachineId::FIRST, command: b"move" };
/// let bytes = envelope.encode();
/// assert_eq!(Envelope::decode(&bytes), Ok(envelope));
/// assert_eq!(Envelope::decode(b"\x07move"), Err(EnvelopeError::UnknownVersion { version: 7 }));
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Envelope<'a> {
    /// A client wants a session.
    OpenSession {
        /// Drawn at random by the client. A retry has the same, and gets the same session while
        /// that lives.
        nonce: u128,
    },
    /// A client is idle and lives.
    KeepAlive {
        /// Its session.
        session: SessionId,
        /// As in [`Stamp`]: an idle client has its answers forgotten, too.
        acknowledged_below: Sequence,
    },
    /// A client is done.
    CloseSession {
        /// Its session.
        session: SessionId,
    },
    /// The leader has not heard of a client for too long. Void if the log has.
    ///
    /// A known limit: no server checks who proposes it. A node does not look into the commands that
    /// it takes in, so a client could send one. That gives it no power that
    /// [`CloseSession`](Self::CloseSession) does not, which ends any session too, and needs to know
    /// less. Sessions keep clients that retry from being applied twice; they do not protect clients
    /// from each other, so only those that are trusted may reach a server.
    ExpireSession {
        /// The silent one.
        session: SessionId,
        /// The last entry of the session that the leader knew.
        last_active: Index,
    },
    /// Apply exactly once.
    Apply {
        /// Whose command it is, and which.
        stamp: Stamp,
        /// Who is to apply it.
        machine: MachineId,
        /// In the machine's own encoding.
        #[serde(skip)]
        command: &'a [u8],
    },
    /// Apply as often as it stands in the log: a caller that retries may see it applied twice.
    Sessionless {
        /// Who is to apply it.
        machine: MachineId,
        /// In the machine's own encoding.
        #[serde(skip)]
        command: &'a [u8],
    },
    /// From here on these machines are on the log, or have more operations. A replica whose program lacks
    /// one of them stops before it.
    Register {
        /// Only if no machine was registered before: what a leader does with a new log.
        founds: bool,
        /// The machines.
        machines: Vec<Registration>,
    },
}

/// Why bytes are no envelope.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
pub enum EnvelopeError {
    /// No byte at all.
    #[error("an empty command")]
    Empty,
    /// Of a version that this code does not know.
    #[error("version {version} of the command envelope is unknown")]
    UnknownVersion {
        /// The one it claims.
        version: u8,
    },
    /// The header is cut short, or of an unknown kind.
    #[error("the header of the command does not decode")]
    Malformed,
    /// Bytes follow a header that takes no command.
    #[error("{bytes} bytes follow a header that takes no command")]
    Trailing {
        /// How many.
        bytes: u64,
    },
}

impl<'a> Envelope<'a> {
    /// The bytes of a log entry's command.
    pub fn encode(&self) -> Bytes {
        let mut bytes = self.encode_header();
        if let Self::Apply { command, .. } | Self::Sessionless { command, .. } = self {
            bytes.extend_from_slice(command);
        }
        bytes.into()
    }

    /// Version, kind and header; the machine's command is to follow.
    pub(crate) fn encode_header(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(32);
        bytes.push(VERSION);
        codec::encode(self, &mut bytes);
        bytes
    }

    /// Reads a log entry's command; the machine's command is a slice of it.
    ///
    /// # Errors
    /// See [`EnvelopeError`].
    pub fn decode(bytes: &'a [u8]) -> Result<Self, EnvelopeError> {
        let (mut envelope, rest) = decode_header::<Self>(bytes)?;
        match &mut envelope {
            Self::Apply { command, .. } | Self::Sessionless { command, .. } => *command = rest,
            _ if rest.is_empty() => {}
            _ => return Err(EnvelopeError::Trailing { bytes: rest.len() as u64 }),
        }
        Ok(envelope)
    }

    /// Does no honest client send this, but only a leader? A gateway that looks into what passes may
    /// refuse it; servers do not, see [`ExpireSession`](Self::ExpireSession).
    pub const fn is_from_leader(&self) -> bool {
        matches!(self, Self::ExpireSession { .. })
    }
}

/// The header of a query; the machine's query is to follow.
pub(crate) fn encode_query_header(machine: MachineId) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(32);
    bytes.push(VERSION);
    codec::encode(&machine, &mut bytes);
    bytes
}

/// Whom a query is for, and the machine's query.
pub(crate) fn decode_query(bytes: &[u8]) -> Result<(MachineId, &[u8]), EnvelopeError> {
    decode_header(bytes)
}

pub(crate) fn encode_watch(watch: &Watch) -> Bytes {
    let mut bytes = Vec::with_capacity(64);
    bytes.push(VERSION);
    codec::encode(watch, &mut bytes);
    bytes.into()
}

pub(crate) fn decode_watch(bytes: &[u8]) -> Result<Watch, EnvelopeError> {
    match decode_header(bytes)? {
        (watch, []) => Ok(watch),
        (_, rest) => Err(EnvelopeError::Trailing { bytes: rest.len() as u64 }),
    }
}

fn decode_header<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<(T, &'a [u8]), EnvelopeError> {
    match bytes {
        [] => Err(EnvelopeError::Empty),
        [VERSION, rest @ ..] => {
            postcard::take_from_bytes(rest).map_err(|_| EnvelopeError::Malformed)
        }
        [version, ..] => Err(EnvelopeError::UnknownVersion { version: *version }),
    }
}
