//! What goes over a connection: frames, and in them the messages of four services. `FORMAT.md`
//! beside this file has every byte.
//!
//! ```text
//! frame = length | crc32c | crc32c of these two | version, service, flags, group | header (postcard) | payload
//! ```
//!
//! A connection opens with the eight bytes of [`MAGIC`] from either side, then both shake hands
//! ([`Handshake`]); from then on a link between two servers carries [`Message`](crate::Message)s
//! and [`PeerMessage`]s, and one of a client [`ClientMessage`]s.
//!
//! Everything that decodes here holds against any bytes whatever:
//! 1. nothing panics, nothing recurses, and there are no maps and no elements without size;
//! 2. a frame is refused for its length before anything is allocated for it, and decoding it
//!    allocates at most four times its length and 64 KiB;
//! 3. what is accepted has one encoding only: the one that encoding it again gives.
//!
//! Commands, queries and answers are slices of the buffer that the frame came in: they are not
//! copied, and keep that buffer alive for as long as they live.
//!
//! ```
//! use bytes::{Bytes, BytesMut};
//! use quorate_core::GroupId;
//! use quorate_core::wire::{ClientMessage, Decoder, Request, RequestBody};
//!
//! let command = Bytes::from_static(b"set x 1");
//! let request = ClientMessage::Request(Request { id: 7, body: RequestBody::Propose { command } });
//! let mut connection = BytesMut::new();
//! request.encode(GroupId(3), &mut connection);
//!
//! let frame = Decoder::new(1 << 20).decode(&mut connection)?.expect("a whole frame has arrived");
//! assert_eq!(frame.group, GroupId(3));
//! assert_eq!(ClientMessage::decode(&frame)?, request);
//! # Ok::<(), quorate_core::wire::DecodeError>(())
//! ```

mod address;
mod client;
mod entries;
mod error;
mod forward;
mod frame;
mod function;
mod handshake;
mod header;
mod opening;
mod outcome;
mod raft;

pub use address::{Address, AddressError};
pub use client::{ClientMessage, Consistency, Request, RequestBody, Response};
pub use entries::{decode_entries, encode_entries};
pub use error::DecodeError;
pub use forward::{
    Forward, ForwardBody, ForwardOutcome, Forwarded, PeerMessage, SnapshotAsk, SnapshotPart,
};
pub use frame::{Decoder, Frame, PRELUDE_BYTES, Service};
pub use function::{FunctionId, ServiceId};
pub use handshake::{
    ClientHello, ClientWelcome, Handshake, Hello, JoinedHello, JoinedWelcome, Reject, Welcome,
};
pub use opening::{MAGIC, Opening};
pub use outcome::{NotApplied, Outcome, Unknown};
