//! Every message there is, for the tests of the wire: by name, and at random.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of this")]

pub mod random;
pub mod samples;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use quorate_core::wire::{
    Address, ClientMessage, DecodeError, Decoder, Frame, Handshake, PeerMessage, Service,
};
use quorate_core::{
    Entry, GroupId, Index, LeaderTime, LogId, Membership, MembershipRecord, Message, NodeId,
    Payload, System, Term, crc32c,
};

/// A message of any service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Any {
    Handshake(Handshake),
    Raft(Message),
    Peer(PeerMessage),
    Client(ClientMessage),
}

impl Any {
    pub fn encode(&self, group: GroupId, out: &mut BytesMut) {
        match self {
            Self::Handshake(message) => message.encode(out),
            Self::Raft(message) => message.encode(group, out),
            Self::Peer(message) => message.encode(group, out),
            Self::Client(message) => message.encode(group, out),
        }
    }

    pub fn encoded(&self, group: GroupId) -> BytesMut {
        let mut out = BytesMut::new();
        self.encode(group, &mut out);
        out
    }

    pub fn decode(frame: &Frame) -> Result<Self, DecodeError> {
        match frame.service {
            Service::Handshake => Handshake::decode(frame).map(Self::Handshake),
            Service::Raft => Message::decode(frame).map(Self::Raft),
            Service::Peer => PeerMessage::decode(frame).map(Self::Peer),
            Service::Client => ClientMessage::decode(frame).map(Self::Client),
        }
    }

    /// The group that the frame of this message names, if `group` is asked for.
    pub fn group(&self, group: GroupId) -> GroupId {
        if matches!(self, Self::Handshake(_)) { GroupId(0) } else { group }
    }
}

pub const DECODER: Decoder = Decoder::new(64 << 20);

/// The frame at the front of `bytes`, if it is whole and sound.
pub fn frame(bytes: &[u8]) -> Result<Option<Frame>, DecodeError> {
    DECODER.decode(&mut BytesMut::from(bytes))
}

/// The message at the front of `bytes`.
pub fn message(bytes: &[u8]) -> Result<Option<Any>, DecodeError> {
    frame(bytes)?.map(|frame| Any::decode(&frame)).transpose()
}

/// Makes length and checksums of a tampered frame true again.
pub fn repair(frame: &mut [u8]) {
    let length = u32::try_from(frame.len() - 12).expect("a small frame");
    frame[..4].copy_from_slice(&length.to_le_bytes());
    let checksum = crc32c(&frame[12..]);
    frame[4..8].copy_from_slice(&checksum.to_le_bytes());
    let prelude_checksum = crc32c(&frame[..8]);
    frame[8..12].copy_from_slice(&prelude_checksum.to_le_bytes());
}

/// A frame of hand-made parts, its length and checksum true.
pub fn forged(service: Service, header: &[u8], payload: &[u8]) -> BytesMut {
    let mut out = BytesMut::new();
    let frame = Frame {
        service,
        group: GroupId(0),
        ignorable: false,
        header: Bytes::copy_from_slice(header),
        payload: Bytes::copy_from_slice(payload),
    };
    frame.encode(&mut out);
    out
}

pub fn node(id: u64) -> NodeId {
    NodeId::new(id).expect("not zero")
}

pub fn id(term: u64, index: u64) -> LogId {
    LogId { term: Term(term), index: Index(index) }
}

pub fn membership(term: u64, index: u64) -> Entry {
    let membership = Membership::new([node(1), node(3)], [node(1), node(2)], [node(300)]);
    let record = MembershipRecord::of(&membership.expect("a membership"));
    Entry { id: id(term, index), payload: Payload::System(System::Membership(record)) }
}

/// The same, and where one of them can be reached.
pub fn membership_at(term: u64, index: u64, address: Address) -> Entry {
    let same = membership(term, index).payload.membership().expect("a membership");
    let record =
        MembershipRecord::of(&same.with_addresses([(node(300), address)]).expect("a member"));
    Entry { id: id(term, index), payload: Payload::System(System::Membership(record)) }
}

pub fn noop(term: u64, index: u64) -> Entry {
    Entry { id: id(term, index), payload: Payload::NOOP }
}

pub fn time(term: u64, index: u64, led: Duration) -> Entry {
    Entry { id: id(term, index), payload: Payload::System(System::Time(LeaderTime::new(led))) }
}

pub fn command(term: u64, index: u64, command: &'static [u8]) -> Entry {
    Entry { id: id(term, index), payload: Payload::Command(Bytes::from_static(command)) }
}
