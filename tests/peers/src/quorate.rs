//! The subject: the core of this project, in the driver that also counts its allocations.

use bytes::{Bytes, BytesMut};
use quorate_core::wire::Decoder;
use quorate_core::{Entry, GroupId, Message};

use crate::lockstep::{Lockstep, Post};
use crate::{Cluster, KEPT, Shape};

/// A cluster that keeps as much as the others do.
pub fn start<P: Post<Message>>(shape: Shape) -> Lockstep<P> {
    let entry_bytes = shape.command_bytes as u64 + Entry::OVERHEAD_BYTES;
    Lockstep::new(shape.servers, KEPT as u64 * entry_bytes)
}

impl<P: Post<Message>> Cluster for Lockstep<P> {
    fn commit(&mut self, command: &[u8], count: usize) {
        Self::commit(self, (0..count).map(|_| Bytes::copy_from_slice(command)));
    }

    fn applied_bytes(&self) -> Vec<u64> {
        Self::applied_bytes(self)
    }
}

/// Messages are written as frames, copied as by a socket, and read back, with all checksums.
#[derive(Default)]
pub struct Framed {
    output: BytesMut,
    input: BytesMut,
}

impl Framed {
    const DECODER: Decoder = Decoder::new(64 << 20);
    /// How much room there is to read into, as in the driver.
    const INPUT_BYTES: usize = 64 << 10;
}

impl Post<Message> for Framed {
    fn carry(&mut self, message: Message) -> Message {
        self.output.clear();
        message.encode(GroupId(1), &mut self.output);
        if self.input.capacity() < self.output.len() {
            self.input.reserve(self.output.len().max(Self::INPUT_BYTES));
        }
        self.input.extend_from_slice(&self.output);
        let frame = Self::DECODER.decode(&mut self.input).expect("a frame").expect("a whole one");
        Message::decode(&frame).expect("a message")
    }
}
