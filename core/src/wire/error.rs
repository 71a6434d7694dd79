//! Why bytes are no frame, or a frame no message.

use crate::wire::Service;

/// Why bytes were refused. The sender is broken, foreign, hostile, or newer than we are: unless
/// [`DecodeError::is_ignorable`], the connection is of no further use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    /// The frame says that it is longer than a frame may be here.
    #[error("frame of {bytes} bytes exceeds the limit of {bytes_max}")]
    TooLong {
        /// The length that it claims.
        bytes: u64,
        /// The limit.
        bytes_max: u32,
    },
    /// The frame says that it is shorter than any frame is.
    #[error("frame of {bytes} bytes is shorter than an empty one")]
    TooShort {
        /// The length that it claims.
        bytes: u64,
    },
    /// The first bytes of the frame, its length among them, are not those that were sent.
    #[error("length of a frame has the checksum {computed:08x} and says {announced:08x}")]
    Prelude {
        /// What the frame says.
        announced: u32,
        /// What its length and the checksum of what follows give.
        computed: u32,
    },
    /// The bytes are not those that were sent.
    #[error("frame has the checksum {computed:08x} and says {announced:08x}")]
    Checksum {
        /// What the frame says.
        announced: u32,
        /// What its bytes give.
        computed: u32,
    },
    /// The frame is laid out in a way that this build does not know.
    #[error("unknown envelope version {version}")]
    UnknownVersion {
        /// As received.
        version: u8,
    },
    /// The frame belongs to a service that this build does not know.
    #[error("unknown service {service}")]
    UnknownService {
        /// As received.
        service: u8,
        /// Did the sender say that whoever does not know it may go on?
        ignorable: bool,
    },
    /// The service is known, the kind of message is not.
    #[error("unknown message {kind} of service {service:?}")]
    UnknownMessage {
        /// The service.
        service: Service,
        /// As received.
        kind: u8,
        /// Did the sender say that whoever does not know it may go on?
        ignorable: bool,
    },
    /// A part reaches beyond the end of what holds it.
    #[error("message is cut short")]
    Truncated,
    /// Something follows where the message is complete.
    #[error("{bytes} bytes follow the message")]
    Trailing {
        /// How much.
        bytes: usize,
    },
    /// A part has a value that it cannot have, or not the one encoding that the value has.
    #[error("malformed {0}")]
    Malformed(&'static str),
}

impl DecodeError {
    /// May the frame be dropped and the connection go on? So a newer sender marks what an older
    /// receiver need not understand.
    #[must_use]
    pub const fn is_ignorable(&self) -> bool {
        matches!(
            self,
            Self::UnknownService { ignorable: true, .. }
                | Self::UnknownMessage { ignorable: true, .. }
        )
    }
}
