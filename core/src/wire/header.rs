//! Headers: postcard, made strict.

use bytes::{BufMut, Bytes, BytesMut};
use postcard::ser_flavors::Flavor;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::types::GroupId;
use crate::wire::frame;
use crate::wire::{DecodeError, Frame, Service};

/// A message that is its own header, but for at most one run of bytes: the frame's payload.
pub(super) trait Headed: Serialize + DeserializeOwned {
    /// Whose message it is.
    const SERVICE: Service;
    /// How many kinds there are: the first byte of a header, the variant's number, is below it.
    const KINDS: u8;

    /// The run of bytes, if this kind of message has one.
    fn payload(&self) -> Option<&Bytes>;

    /// Where the run of bytes belongs, if this kind of message has one.
    fn payload_mut(&mut self) -> Option<&mut Bytes>;

    /// May a receiver that does not know this kind of message drop it and go on?
    fn is_ignorable(&self) -> bool {
        false
    }
}

/// Appends the frame of a message.
pub(super) fn encode<M: Headed>(message: &M, group: GroupId, out: &mut BytesMut) {
    let header = |out: &mut BytesMut| write(message, out);
    let payload = |out: &mut BytesMut| out.put_slice(message.payload().map_or(&[], |all| all));
    frame::write(out, M::SERVICE, group, frame::flags(message.is_ignorable()), header, payload);
}

/// The message in a frame.
pub(super) fn decode<M: Headed>(frame: &Frame) -> Result<M, DecodeError> {
    let mut message: M = read(frame, M::SERVICE, M::KINDS)?;
    match message.payload_mut() {
        Some(payload) => *payload = frame.payload.clone(),
        None => nothing_follows(&frame.payload)?,
    }
    Ok(message)
}

/// Appends a header.
pub(super) fn write<T: Serialize>(header: &T, out: &mut BytesMut) {
    let scratch = Scratch { bytes: [0; SCRATCH_BYTES], len: 0, out };
    postcard::serialize_with_flavor(header, scratch).expect("memory refuses no header");
}

/// The header of a frame, which must be of this service and have one of this many kinds.
pub(super) fn read<T: Serialize + DeserializeOwned>(
    frame: &Frame,
    service: Service,
    kinds: u8,
) -> Result<T, DecodeError> {
    if frame.service != service {
        return Err(DecodeError::Malformed("service"));
    }
    match frame.header.first() {
        None => return Err(DecodeError::Truncated),
        Some(&kind) if kind >= kinds => {
            let ignorable = frame.ignorable;
            return Err(DecodeError::UnknownMessage { service, kind, ignorable });
        }
        Some(_) => {}
    }
    let (header, rest) = postcard::take_from_bytes(&frame.header).map_err(|error| match error {
        postcard::Error::DeserializeUnexpectedEnd => DecodeError::Truncated,
        _ => DecodeError::Malformed("header"),
    })?;
    nothing_follows(rest)?;
    // postcard reads over-long varints; nobody writes them, and two encodings of one message would
    // be two messages to whoever compares or hashes bytes.
    postcard::serialize_with_flavor(&header, Compare { expected: &frame.header })
        .map_err(|_| DecodeError::Malformed("encoding of the header"))?;
    Ok(header)
}

/// Errors unless `rest` is empty.
pub(super) fn nothing_follows(rest: &[u8]) -> Result<(), DecodeError> {
    match rest.len() {
        0 => Ok(()),
        bytes => Err(DecodeError::Trailing { bytes }),
    }
}

/// Longer than nearly all headers.
const SCRATCH_BYTES: usize = 64;

/// Gathers the few bytes of each field, so that the output grows once and not with each of them.
struct Scratch<'a> {
    bytes: [u8; SCRATCH_BYTES],
    len: usize,
    out: &'a mut BytesMut,
}

impl Scratch<'_> {
    fn flush(&mut self) {
        self.out.put_slice(&self.bytes[..self.len]);
        self.len = 0;
    }
}

impl Flavor for Scratch<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        if self.len == SCRATCH_BYTES {
            self.flush();
        }
        self.bytes[self.len] = byte;
        self.len += 1;
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        if bytes.len() > SCRATCH_BYTES {
            self.flush();
            self.out.put_slice(bytes);
            return Ok(());
        }
        bytes.iter().try_for_each(|&byte| self.try_push(byte))
    }

    fn finalize(mut self) -> postcard::Result<()> {
        self.flush();
        Ok(())
    }
}

/// Writes nothing: fails at the first byte that is not the expected one.
struct Compare<'a> {
    expected: &'a [u8],
}

impl Flavor for Compare<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        match self.expected.split_first() {
            Some((&expected, rest)) if expected == byte => {
                self.expected = rest;
                Ok(())
            }
            _ => Err(postcard::Error::DeserializeBadEncoding),
        }
    }

    // Byte by byte: fields are short, and were written byte by byte just now.
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        bytes.iter().try_for_each(|&byte| self.try_push(byte))
    }

    fn finalize(self) -> postcard::Result<()> {
        if self.expected.is_empty() { Ok(()) } else { Err(postcard::Error::DeserializeBadEncoding) }
    }
}
