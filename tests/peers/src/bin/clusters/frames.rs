//! Frames on a stream: a length, and as many bytes.

use std::io::{self, Read};

use bytes::{Buf, Bytes, BytesMut};

const LENGTH_BYTES: usize = 4;

/// Nothing that is sent here comes near it.
const FRAME_BYTES_MAX: usize = 1 << 28;

/// Appends a frame that consists of `parts`.
///
/// # Panics
/// If it is longer than any frame may be.
pub(crate) fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    assert!(length <= FRAME_BYTES_MAX);
    let length = u32::try_from(length).expect("it was just compared");
    out.extend(length.to_le_bytes());
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

/// The frames that arrive on a stream.
pub(crate) struct Frames<R> {
    stream: R,
    chunk: Vec<u8>,
    /// What was read, and not handed out.
    rest: BytesMut,
}

impl<R: Read> Frames<R> {
    pub(crate) fn new(stream: R) -> Self {
        Self { stream, chunk: vec![0; 1 << 18], rest: BytesMut::new() }
    }

    /// Waits for at least one, and returns all that are there; none at the end of the stream.
    pub(crate) fn next(&mut self) -> io::Result<Vec<Bytes>> {
        let mut frames = Vec::new();
        while frames.is_empty() {
            let count = self.stream.read(&mut self.chunk)?;
            if count == 0 {
                break;
            }
            self.rest.extend_from_slice(&self.chunk[..count]);
            while let Some(frame) = self.take()? {
                frames.push(frame);
            }
        }
        Ok(frames)
    }

    fn take(&mut self) -> io::Result<Option<Bytes>> {
        let Some((length, _)) = self.rest.split_first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*length) as usize;
        if length > FRAME_BYTES_MAX {
            return Err(io::Error::other(format!("a frame of {length} bytes")));
        }
        if self.rest.len() < LENGTH_BYTES + length {
            return Ok(None);
        }
        self.rest.advance(LENGTH_BYTES);
        Ok(Some(self.rest.split_to(length).freeze()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out a few bytes at a time.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(into.len());
            self.0.read(&mut into[..count])
        }
    }

    #[test]
    fn frames_arrive_whole_however_they_are_cut() {
        let mut sent = Vec::new();
        put(&mut sent, &[b"one"]);
        put(&mut sent, &[]);
        put(&mut sent, &[b"th", b"ree"]);
        for at_a_time in 1..=sent.len() {
            let mut frames = Frames::new(Trickle(&sent, at_a_time));
            let mut arrived = Vec::new();
            loop {
                match frames.next().unwrap() {
                    some if some.is_empty() => break,
                    some => arrived.extend(some),
                }
            }
            assert_eq!(arrived, ["one", "", "three"], "{at_a_time} bytes at a time");
        }
    }

    #[test]
    fn a_length_that_nobody_sends_is_refused() {
        assert!(Frames::new(&[255_u8; 8][..]).next().is_err());
    }
}
