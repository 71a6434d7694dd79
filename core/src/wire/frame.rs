//! Frames: what a stream of bytes is cut into.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::crc32c;
use crate::types::GroupId;
use crate::wire::DecodeError;

/// How many bytes a frame begins with that are no part of its length: the length itself, the
/// checksum of what follows the prelude, and the checksum of these two. A damaged length would else
/// be believed until as much had come in, which may take as long as the connection lives.
pub const PRELUDE_BYTES: usize = 12;
/// What of the prelude its own checksum covers.
const ANNOUNCED_BYTES: usize = 8;
/// Everything before the header.
const ENVELOPE_BYTES: usize = 22;
/// The layout that this file writes and reads.
const VERSION: u8 = 1;
/// The only flag there is: whoever does not know the message may go on without it.
const IGNORABLE: u8 = 1;

/// One unit of a connection, its checksum verified, its contents not yet looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Whose message it is.
    pub service: Service,
    /// Which group it concerns; 0 in handshakes.
    pub group: GroupId,
    /// May a receiver that does not know the message drop it and go on?
    pub ignorable: bool,
    /// The message, without its bulk; at most 65 535 bytes.
    pub header: Bytes,
    /// The bulk of the message: commands, queries, answers.
    pub payload: Bytes,
}

/// Who speaks in a frame. Append only: the numbers are for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Service {
    /// [`Handshake`](crate::wire::Handshake): the first frame of either side.
    Handshake = 0,
    /// [`Message`](crate::Message): consensus between the servers of a group.
    Raft = 1,
    /// [`PeerMessage`](crate::wire::PeerMessage): requests that one server passes on to another.
    Peer = 2,
    /// [`ClientMessage`](crate::wire::ClientMessage): requests and their outcomes.
    Client = 3,
}

impl Service {
    const ALL: [Self; 4] = [Self::Handshake, Self::Raft, Self::Peer, Self::Client];
}

impl Frame {
    /// Appends the frame to `out`.
    ///
    /// # Panics
    /// If the header is longer than 65 535 bytes, or the frame than 4 GiB.
    pub fn encode(&self, out: &mut BytesMut) {
        let header = |out: &mut BytesMut| out.extend_from_slice(&self.header);
        let payload = |out: &mut BytesMut| out.extend_from_slice(&self.payload);
        write(out, self.service, self.group, flags(self.ignorable), header, payload);
    }

    fn parse(whole: Bytes) -> Result<Self, DecodeError> {
        let Some((&envelope, body)) = whole.split_first_chunk::<ENVELOPE_BYTES>() else {
            return Err(DecodeError::Truncated);
        };
        let [_, _, _, _, c0, c1, c2, c3, _, _, _, _, rest @ ..] = envelope;
        let [version, service, flags, reserved, g0, g1, g2, g3, h0, h1] = rest;
        let (announced, computed) =
            (u32::from_le_bytes([c0, c1, c2, c3]), crc32c(&whole[PRELUDE_BYTES..]));
        if announced != computed {
            return Err(DecodeError::Checksum { announced, computed });
        }
        if version != VERSION {
            return Err(DecodeError::UnknownVersion { version });
        }
        if flags & !IGNORABLE != 0 || reserved != 0 {
            return Err(DecodeError::Malformed("flags"));
        }
        let ignorable = flags & IGNORABLE != 0;
        let Some(&service) = Service::ALL.get(usize::from(service)) else {
            return Err(DecodeError::UnknownService { service, ignorable });
        };
        let header_bytes = usize::from(u16::from_le_bytes([h0, h1]));
        if header_bytes > body.len() {
            return Err(DecodeError::Truncated);
        }
        let group = GroupId(u32::from_le_bytes([g0, g1, g2, g3]));
        let mut payload = whole;
        payload.advance(ENVELOPE_BYTES);
        let header = payload.split_to(header_bytes);
        Ok(Self { service, group, ignorable, header, payload })
    }
}

/// Cuts a stream into frames. Knows the longest frame that it may accept and nothing else, so that
/// a handshake can be read with a small limit and what follows it with a larger one.
///
/// ```
/// use bytes::BytesMut;
/// use quorate_core::wire::{DecodeError, Decoder};
/// let mut input = BytesMut::from(&[0xFF, 0xFF, 0xFF][..]);
/// assert_eq!(Decoder::HANDSHAKE.decode(&mut input), Ok(None), "not even a length yet");
/// input.extend_from_slice(&[0x00]);
/// let refused = DecodeError::TooLong { bytes: 0xFF_FFFF + 12, bytes_max: 512 };
/// assert_eq!(Decoder::HANDSHAKE.decode(&mut input), Err(refused));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decoder {
    frame_bytes_max: u32,
}

impl Decoder {
    /// For connections that have not shaken hands: frames of at most 512 bytes.
    pub const HANDSHAKE: Self = Self::new(512);

    /// Accepts frames of at most this length, all included.
    #[must_use]
    pub const fn new(frame_bytes_max: u32) -> Self {
        Self { frame_bytes_max }
    }

    /// Takes one frame off the front of `input`; `None` if it has not arrived in full. Copies
    /// nothing: the frame's header and payload share the buffer of `input`.
    ///
    /// # Errors
    /// See [`DecodeError`]; a length beyond the limit is refused as soon as its four bytes are
    /// there, and one that was damaged on its way as soon as the next eight are. After an ignorable
    /// error the refused frame is off the input and the next one may be asked for.
    pub fn decode(&self, input: &mut BytesMut) -> Result<Option<Frame>, DecodeError> {
        let Some(&length) = input.first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_le_bytes(length);
        let bytes = u64::from(length) + PRELUDE_BYTES as u64;
        if bytes > u64::from(self.frame_bytes_max) {
            return Err(DecodeError::TooLong { bytes, bytes_max: self.frame_bytes_max });
        }
        if bytes < ENVELOPE_BYTES as u64 {
            return Err(DecodeError::TooShort { bytes });
        }
        let Some(prelude) = input.first_chunk() else { return Ok(None) };
        check_prelude(prelude)?;
        let bytes = length as usize + PRELUDE_BYTES;
        if input.len() < bytes {
            return Ok(None);
        }
        Frame::parse(input.split_to(bytes).freeze()).map(Some)
    }
}

fn check_prelude(prelude: &[u8; PRELUDE_BYTES]) -> Result<(), DecodeError> {
    let [.., p0, p1, p2, p3] = *prelude;
    let (announced, computed) =
        (u32::from_le_bytes([p0, p1, p2, p3]), crc32c(&prelude[..ANNOUNCED_BYTES]));
    if announced == computed { Ok(()) } else { Err(DecodeError::Prelude { announced, computed }) }
}

/// The flags of a frame.
pub(super) const fn flags(is_ignorable: bool) -> u8 {
    if is_ignorable { IGNORABLE } else { 0 }
}

/// Appends a frame whose parts write themselves.
pub(super) fn write(
    out: &mut BytesMut,
    service: Service,
    group: GroupId,
    flags: u8,
    header: impl FnOnce(&mut BytesMut),
    payload: impl FnOnce(&mut BytesMut),
) {
    let start = out.len();
    out.put_slice(&[0; ENVELOPE_BYTES]);
    header(out);
    let header_bytes = u16::try_from(out.len() - start - ENVELOPE_BYTES);
    let header_bytes = header_bytes.expect("a header is at most 65535 bytes");
    payload(out);

    let frame = &mut out[start..];
    let length = u32::try_from(frame.len() - PRELUDE_BYTES).expect("a frame is below 4 GiB");
    frame[0..4].copy_from_slice(&length.to_le_bytes());
    frame[12..16].copy_from_slice(&[VERSION, service as u8, flags, 0]);
    frame[16..20].copy_from_slice(&group.0.to_le_bytes());
    frame[20..22].copy_from_slice(&header_bytes.to_le_bytes());
    let checksum = crc32c(&frame[PRELUDE_BYTES..]);
    frame[4..8].copy_from_slice(&checksum.to_le_bytes());
    let prelude_checksum = crc32c(&frame[..ANNOUNCED_BYTES]);
    frame[8..12].copy_from_slice(&prelude_checksum.to_le_bytes());
}
