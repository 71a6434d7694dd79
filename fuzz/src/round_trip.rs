//! Messages to bytes and back.
//!
//! 1. A message that is encoded decodes, and is the same.
//! 2. Bytes that decode are the only ones that do so to that message (`core/src/wire/FORMAT.md`).
//! 3. A frame is no longer than its message's entries cost, or its membership, and 256 bytes; and no
//!    shorter than a quarter of what they take up in memory, so that decoding allocates no more than it
//!    may.

use bytes::BytesMut;
use quorate_core::wire::{
    ClientMessage, DecodeError, Decoder, Frame, Handshake, PeerMessage, Service,
};
use quorate_core::{GroupId, Membership, Message, Rpc};

use crate::decode::{budget, repaired};
use crate::input::Input;
use crate::messages::{self, Near};
use crate::within;

/// How many messages went each way.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct RoundTrips {
    /// Messages that were made, encoded and decoded.
    pub from_messages: u32,
    /// Messages that were decoded and encoded.
    pub from_bytes: u32,
}

/// Takes the bytes for choices of what messages hold, and for frames.
pub fn run(input: &[u8]) -> RoundTrips {
    let mut choices = Input::new(input);
    let mut trips = RoundTrips::default();
    while !choices.is_empty() {
        from_message(&Any::choose(&mut choices), GroupId(u32::from(choices.byte())));
        trips.from_messages += 1;
    }
    let mut stream = BytesMut::from(&repaired(input)[..]);
    while let Ok(Some(frame)) = DECODER.decode(&mut stream) {
        trips.from_bytes += u32::from(from_frame(&frame));
    }
    trips
}

const DECODER: Decoder = Decoder::new(1 << 20);

fn from_message(message: &Any, group: GroupId) {
    let mut bytes = BytesMut::new();
    message.encode(group, &mut bytes);
    let decoder = if matches!(message, Any::Handshake(_)) { Decoder::HANDSHAKE } else { DECODER };
    if let Any::Raft(Message { rpc, .. }) = message {
        let cost = match rpc {
            Rpc::AppendEntries(request) => request.entries.cost_bytes(),
            Rpc::InstallSnapshot(offer) => membership_bytes(&offer.snapshot.membership),
            _ => 0,
        };
        assert!(bytes.len() as u64 <= cost + 256, "{} bytes for {message:?}", bytes.len());
    }
    let frame_bytes = bytes.len();
    let frame = decoder.decode(&mut bytes).expect("what we encode").expect("a whole frame");
    assert!(bytes.is_empty(), "a message is one frame");
    let again = within(budget(frame_bytes), || Any::decode(&frame));
    assert_eq!(again.as_ref(), Ok(message));
    from_frame(&frame);
}

/// What a membership takes, at most: a number for each place that somebody has, and the addresses.
fn membership_bytes(membership: &Membership) -> u64 {
    let lists = [membership.voters(), membership.outgoing(), membership.learners()];
    let places: usize = lists.iter().map(|list| list.len()).sum();
    let addresses = membership.addresses().iter().map(|(_, it)| it.as_str().len() + 10);
    (10 * places + addresses.sum::<usize>()) as u64
}

/// Is there a message in it? Then it makes this frame again.
fn from_frame(frame: &Frame) -> bool {
    let Ok(message) = Any::decode(frame) else { return false };
    let mut bytes = BytesMut::new();
    message.encode(frame.group, &mut bytes);
    // Whether a frame may be ignored is no part of its message.
    let again = Frame { ignorable: frame.ignorable, ..decoded(&mut bytes) };
    assert_eq!(again, *frame, "{message:?}");
    frame.encode(&mut bytes);
    assert_eq!(decoded(&mut bytes), *frame);
    true
}

fn decoded(bytes: &mut BytesMut) -> Frame {
    DECODER.decode(bytes).expect("what we encode").expect("a whole frame")
}

/// A message of any service.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Any {
    Handshake(Handshake),
    Raft(Message),
    Peer(PeerMessage),
    Client(ClientMessage),
}

impl Any {
    fn choose(input: &mut Input<'_>) -> Self {
        match input.below(5) {
            4 => Self::Raft(messages::offer(input)),
            0 => Self::Handshake(messages::handshake(input)),
            1 => Self::Raft(messages::raft(input, &Near::default())),
            2 => Self::Peer(messages::peer(input)),
            _ => Self::Client(messages::client(input)),
        }
    }

    fn encode(&self, group: GroupId, out: &mut BytesMut) {
        match self {
            Self::Handshake(message) => message.encode(out),
            Self::Raft(message) => message.encode(group, out),
            Self::Peer(message) => message.encode(group, out),
            Self::Client(message) => message.encode(group, out),
        }
    }

    fn decode(frame: &Frame) -> Result<Self, DecodeError> {
        match frame.service {
            Service::Handshake => Handshake::decode(frame).map(Self::Handshake),
            Service::Raft => Message::decode(frame).map(Self::Raft),
            Service::Peer => PeerMessage::decode(frame).map(Self::Peer),
            Service::Client => ClientMessage::decode(frame).map(Self::Client),
        }
    }
}
