//! What became of a command or a query, as it goes back to the client.

use alloc::vec::Vec;

use bytes::Bytes;
use quorate_core::Index;
use serde::{Deserialize, Serialize};

use crate::codec;
use crate::envelope::{EnvelopeError, MachineId, Sequence, SessionId, VERSION};
use crate::machine::Undecodable;
use crate::watches::Watched;

/// What became of a command or a query: identical on every replica.
///
/// ```text
/// version (1 byte) | outcome (postcard) | the machine's answer, to the end
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Outcome {
    /// The machine's answer, in its own encoding.
    Applied(#[serde(skip)] Bytes),
    /// The session is open, now or since an earlier copy of the request.
    Opened {
        /// Its name.
        session: SessionId,
        /// How many commands it may have under way, see [`SessionLimits`](crate::SessionLimits).
        window: u32,
    },
    /// The session was kept alive, closed or expired, as asked.
    Done,
    /// The machine has not seen it.
    Rejected(Rejection),
    /// Events, as asked for.
    Watched(Watched),
}

/// Why the machine has not seen a command.
///
/// The entry that is answered with a rejection changed nothing in the machine. Each variant says what
/// that means for other copies of the same command.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
pub enum Rejection {
    /// The bytes are no envelope. All copies fare alike.
    #[error(transparent)]
    NoEnvelope(EnvelopeError),
    /// There is no such machine on this log. In a session, all copies fare alike.
    #[error("there is no machine {}", .machine.0)]
    NoSuchMachine {
        /// The one that was named.
        machine: MachineId,
    },
    /// The bytes are no command, or no query, of the machine. All copies fare alike.
    #[error("the machine does not know this command")]
    Undecodable,
    /// There is no such session, or no longer. No copy will be applied from here on; an earlier one may have been.
    #[error("the session has expired or was never opened")]
    SessionExpired,
    /// The client has said that it has this answer, or waits for it no longer. No copy will be
    /// applied from here on; an earlier one may have been.
    #[error("all answers below sequence {} are acknowledged", .below.0)]
    AlreadyAcknowledged {
        /// The lowest number that is not acknowledged.
        below: Sequence,
    },
    /// The number is too far above the lowest one that is not acknowledged. Another copy may be
    /// applied once earlier answers are acknowledged. Cannot happen to a client that stays within the window.
    #[error("sequence {} and above are out of the window", .limit.0)]
    OutOfWindow {
        /// The lowest number that is out of the window.
        limit: Sequence,
    },
    /// A command that may overtake nothing came too early. Send it again after the ones before it.
    #[error("sequence {} comes first", .next.0)]
    OutOfOrder {
        /// The lowest number that has no answer yet.
        next: Sequence,
    },
    /// The session's answers take too much memory. All copies fare alike: acknowledge, and ask
    /// anew under another number.
    #[error("{bytes} bytes of unacknowledged answers reach the limit of {bytes_max}")]
    TooManyAnswerBytes {
        /// What the session's answers take.
        bytes: u64,
        /// What they may take.
        bytes_max: u64,
    },
    /// The session that was to expire has been active meanwhile.
    #[error("the session was active at index {}", .last_active.0)]
    SessionActive {
        /// Its last entry.
        last_active: Index,
    },
    /// Too many readers wait for events here already. Another server may have room.
    #[error("too many readers wait for events")]
    TooManyWatches,
    /// The log was founded already, or is too long to be.
    #[error("the machines of this log are registered already")]
    AlreadyFounded,
    /// A machine was registered already, and so that this does not go with it: under another name, or with
    /// operations that are not there now. Or two machines are alike.
    #[error("machine {} is registered otherwise", .machine.0)]
    RegisteredOtherwise {
        /// The one that was named.
        machine: MachineId,
    },
}

impl From<EnvelopeError> for Rejection {
    fn from(error: EnvelopeError) -> Self {
        Self::NoEnvelope(error)
    }
}

impl From<Undecodable> for Rejection {
    fn from(_: Undecodable) -> Self {
        Self::Undecodable
    }
}

/// Why bytes are no outcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OutcomeError {
    /// No byte at all: the answer to a no-op, which nobody asked for.
    #[error("an empty outcome")]
    Empty,
    /// Of a version that this code does not know.
    #[error("version {version} of the outcome is unknown")]
    UnknownVersion {
        /// The one it claims.
        version: u8,
    },
    /// Cut short, too long, or of an unknown kind.
    #[error("the outcome does not decode")]
    Malformed,
}

impl Outcome {
    /// The bytes that go to the client.
    pub fn encode(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(16);
        self.encode_into(&mut bytes);
        bytes.into()
    }

    /// Appends the bytes that go to the client.
    pub(crate) fn encode_into(&self, bytes: &mut Vec<u8>) {
        bytes.push(VERSION);
        codec::encode(self, bytes);
        if let Self::Applied(answer) = self {
            bytes.extend_from_slice(answer);
        }
    }

    /// Reads what a server sent; the machine's answer is a slice of it.
    ///
    /// # Errors
    /// See [`OutcomeError`].
    pub fn decode(bytes: &Bytes) -> Result<Self, OutcomeError> {
        match bytes.first() {
            None => return Err(OutcomeError::Empty),
            Some(&VERSION) => {}
            Some(&version) => return Err(OutcomeError::UnknownVersion { version }),
        }
        let (mut outcome, rest) =
            postcard::take_from_bytes(&bytes[1..]).map_err(|_| OutcomeError::Malformed)?;
        match &mut outcome {
            Self::Applied(answer) => *answer = bytes.slice_ref(rest),
            _ if rest.is_empty() => {}
            _ => return Err(OutcomeError::Malformed),
        }
        Ok(outcome)
    }
}
