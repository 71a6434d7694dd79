//! Bytes from the network: as they are, and under checksums that are made true.
//!
//! 1. Nothing panics, and every refusal can be told.
//! 2. No frame beyond the limit is taken, or waited for.
//! 3. Decoding allocates at most four times the length of the frame and 1 KiB; `core::wire` promises
//!    64 KiB.

use bytes::BytesMut;
use quorate_core::wire::{
    ClientMessage, DecodeError, Decoder, Frame, Handshake, Opening, PeerMessage,
};
use quorate_core::{Message, crc32c};

use crate::within;

/// The longest frame of a connection that has not shaken hands, and of one that has.
const HANDSHAKE_BYTES_MAX: u32 = 512;
const FRAME_BYTES_MAX: u32 = 64 << 10;
/// What checksums cover begins here.
const BODY_AT: usize = 12;
/// The shortest frame.
const FRAME_BYTES_MIN: usize = 22;

/// How many frames and messages there were.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Decoded {
    /// Frames with true checksums.
    pub frames: u32,
    /// Messages in them.
    pub messages: u32,
    /// Frames and messages that were refused.
    pub refused: u32,
}

/// Takes the bytes for a connection.
pub fn run(input: &[u8]) -> Decoded {
    let _: Option<Opening> = Opening::recognise(input);
    let mut decoded = Decoded::default();
    for stream in [input, &repaired(input)] {
        connection(stream, HANDSHAKE_BYTES_MAX, &mut decoded);
        connection(stream, FRAME_BYTES_MAX, &mut decoded);
    }
    decoded
}

/// The frames of a stream, each with a length that fits and with true checksums.
pub fn repaired(stream: &[u8]) -> Vec<u8> {
    let mut stream = stream.to_vec();
    let mut rest = &mut stream[..];
    while let Some(&length) = rest.first_chunk::<4>()
        && rest.len() >= FRAME_BYTES_MIN
    {
        let bytes = (u32::from_le_bytes(length) as usize).saturating_add(BODY_AT);
        let (frame, behind) = rest.split_at_mut(bytes.clamp(FRAME_BYTES_MIN, rest.len()));
        let length = u32::try_from(frame.len() - BODY_AT).expect("inputs are short");
        frame[..4].copy_from_slice(&length.to_le_bytes());
        let checksum = crc32c(&frame[BODY_AT..]);
        frame[4..8].copy_from_slice(&checksum.to_le_bytes());
        let prelude_checksum = crc32c(&frame[..8]);
        frame[8..BODY_AT].copy_from_slice(&prelude_checksum.to_le_bytes());
        rest = behind;
    }
    stream
}

fn connection(stream: &[u8], frame_bytes_max: u32, decoded: &mut Decoded) {
    let decoder = Decoder::new(frame_bytes_max);
    let mut stream = BytesMut::from(stream);
    loop {
        let before = stream.len();
        let frame = within(budget(before), || decoder.decode(&mut stream));
        match told(frame) {
            Ok(Some(frame)) => {
                decoded.frames += 1;
                let bytes = before - stream.len();
                assert!(bytes <= frame_bytes_max as usize, "a frame of {bytes} bytes");
                messages(&frame, bytes, decoded);
            }
            Ok(None) => {
                assert!(before < frame_bytes_max as usize, "{before} bytes are waited with");
                return;
            }
            Err(error) => {
                decoded.refused += 1;
                if !error.is_ignorable() {
                    return;
                }
                assert!(stream.len() < before, "an ignorable frame is off the input");
            }
        }
    }
}

/// Every decoder takes every frame.
fn messages(frame: &Frame, frame_bytes: usize, decoded: &mut Decoded) {
    let Frame { header, payload, .. } = frame;
    assert!(header.len() + payload.len() + FRAME_BYTES_MIN == frame_bytes, "a frame is its parts");
    message(frame, frame_bytes, Handshake::decode, decoded);
    message(frame, frame_bytes, Message::decode, decoded);
    message(frame, frame_bytes, PeerMessage::decode, decoded);
    message(frame, frame_bytes, ClientMessage::decode, decoded);
}

fn message<M>(
    frame: &Frame,
    frame_bytes: usize,
    decode: impl Fn(&Frame) -> Result<M, DecodeError>,
    decoded: &mut Decoded,
) {
    match told(within(budget(frame_bytes), || decode(frame))) {
        Ok(_) => decoded.messages += 1,
        Err(DecodeError::Malformed("service")) => {}
        Err(_) => decoded.refused += 1,
    }
}

/// What a frame of this length may make us hold at any one time. The 64 KiB that may come on top
/// would hide what is wrong with the short frames of a fuzzer, so they are held to one.
pub(crate) fn budget(frame_bytes: usize) -> u64 {
    4 * frame_bytes as u64 + (1 << 10)
}

/// An error has words.
fn told<T>(result: Result<T, DecodeError>) -> Result<T, DecodeError> {
    if let Err(error) = &result {
        assert!(!error.to_string().is_empty());
    }
    result
}
