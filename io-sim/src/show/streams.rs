//! From the bytes of connections to messages: which was sent, and which of them arrived.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use quorate_core::wire::{Decoder, Frame, MAGIC, PRELUDE_BYTES};

use super::chronicle::{Arrival, Kind};
use super::words;
use crate::digest::Digest;
use crate::net::{ConnId, End, Side};

/// All connections of a run.
///
/// A frame that arrives is the first of those with the same bytes that were sent on the same
/// connection and have not arrived. If there is none, a fault of the network brings back an old
/// one: the last with the same bytes between the same hosts.
#[derive(Default)]
pub(super) struct Streams {
    /// By the end that speaks.
    directions: BTreeMap<End, Direction>,
    /// The last frame of these bytes, by sender and receiver.
    known: BTreeMap<(u16, u16, u64), u64>,
    /// Has it arrived? By number.
    arrived: Vec<bool>,
}

/// What came of bytes.
pub(super) enum Turn {
    Sent { id: u64, from: u16, to: u16, kind: Kind, text: String },
    Arrived { id: u64, how: Arrival },
    Garbled { from: u16, to: u16 },
}

/// One direction of a connection.
struct Direction {
    from: u16,
    to: u16,
    spoken: Cutter,
    heard: Cutter,
    /// Frames that have not arrived, by digest and number.
    outstanding: BTreeMap<(u64, u64), Bytes>,
}

/// Cuts a stream into frames, whatever is in them.
#[derive(Default)]
struct Cutter {
    bytes: BytesMut,
    has_opened: bool,
    /// What comes is no stream of frames any more.
    is_over: bool,
}

impl Streams {
    pub(super) fn connect(&mut self, connection: ConnId, from: u16, to: u16) {
        for (side, from, to) in [(Side::Dialer, from, to), (Side::Acceptor, to, from)] {
            let (spoken, heard) = (Cutter::default(), Cutter::default());
            let outstanding = BTreeMap::new();
            let direction = Direction { from, to, spoken, heard, outstanding };
            self.directions.insert(End { connection, side }, direction);
        }
    }

    /// The end says something.
    pub(super) fn send(&mut self, speaker: End, bytes: &[u8]) -> Vec<Turn> {
        let Some(direction) = self.directions.get_mut(&speaker) else { return Vec::new() };
        let Direction { from, to, spoken, outstanding, .. } = direction;
        let (from, to) = (*from, *to);
        let mut turns = Vec::new();
        spoken.take(bytes);
        while let Some(raw) = spoken.next() {
            let id = self.arrived.len() as u64;
            self.arrived.push(false);
            let digest = digest(&raw);
            self.known.insert((from, to, digest), id);
            let (kind, text) = words::of(&decode(&raw).expect("a host speaks in frames"));
            turns.push(Turn::Sent { id, from, to, kind, text });
            outstanding.insert((digest, id), raw);
        }
        turns
    }

    /// What the end said arrives at the other.
    pub(super) fn arrive(&mut self, speaker: End, bytes: &[u8]) -> Vec<Turn> {
        let Some(direction) = self.directions.get_mut(&speaker) else { return Vec::new() };
        let Direction { from, to, heard, outstanding, .. } = direction;
        let (from, to) = (*from, *to);
        let mut turns = Vec::new();
        heard.take(bytes);
        while let Some(raw) = heard.next() {
            let digest = digest(&raw);
            let same = outstanding.range((digest, 0)..=(digest, u64::MAX)).next();
            let same = same.map(|(name, _)| *name);
            let known = self.known.get(&(from, to, digest)).copied();
            if let Some(id) = same.map(|(_, id)| id).or(known) {
                outstanding.remove(&(digest, id));
                let is_first = !std::mem::replace(&mut self.arrived[index(id)], true);
                let how = if is_first { Arrival::First } else { Arrival::Again };
                turns.push(Turn::Arrived { id, how });
            } else {
                heard.bytes = raw.into();
                heard.is_over = true;
            }
        }
        if heard.is_over && !heard.bytes.is_empty() {
            let rest = std::mem::take(&mut heard.bytes);
            let damaged = outstanding.iter().filter(|(_, sent)| is_damaged(sent, &rest));
            turns.push(match damaged.map(|((_, id), _)| *id).min() {
                Some(id) => Turn::Arrived { id, how: Arrival::Corrupt },
                None => Turn::Garbled { from, to },
            });
        }
        turns
    }
}

impl Cutter {
    fn take(&mut self, bytes: &[u8]) {
        if !self.is_over {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// The next frame, whole.
    fn next(&mut self) -> Option<Bytes> {
        if !self.has_opened {
            let opening = self.bytes.first_chunk::<{ MAGIC.len() }>()?;
            self.is_over = *opening != MAGIC;
            self.has_opened = true;
            if !self.is_over {
                self.bytes = self.bytes.split_off(MAGIC.len());
            }
        }
        let length = u32::from_le_bytes(*self.bytes.first_chunk::<4>()?) as usize;
        let whole = length.saturating_add(PRELUDE_BYTES);
        if self.is_over || self.bytes.len() < whole {
            return None;
        }
        Some(self.bytes.split_to(whole).freeze())
    }
}

fn decode(raw: &Bytes) -> Option<Frame> {
    Decoder::new(u32::MAX).decode(&mut BytesMut::from(&raw[..])).ok().flatten()
}

/// Could this be the frame, or its beginning, with a bit that was flipped on its way? Its checksum
/// is at the beginning, so that it is no other's.
fn is_damaged(sent: &[u8], heard: &[u8]) -> bool {
    let differing = sent.iter().zip(heard).map(|(one, other)| (one ^ other).count_ones());
    heard.len() >= PRELUDE_BYTES && differing.sum::<u32>() <= 1
}

fn digest(raw: &[u8]) -> u64 {
    let mut digest = Digest::EMPTY;
    digest.bytes(raw);
    digest.value()
}

fn index(id: u64) -> usize {
    usize::try_from(id).expect("messages fit into memory")
}

#[cfg(test)]
mod tests {
    use quorate_core::GroupId;
    use quorate_core::wire::{Forward, ForwardBody, PeerMessage};

    use super::*;
    use crate::net::{HostId, Net, NetOptions};

    fn frame(id: u64) -> Vec<u8> {
        let mut bytes = BytesMut::new();
        PeerMessage::Forward(Forward { id, hops: 0, body: ForwardBody::ReadIndex })
            .encode(GroupId(1), &mut bytes);
        bytes.to_vec()
    }

    /// A connection on which the frames 0, 1, … were sent after the opening.
    fn stream(frames: u64) -> (Streams, End) {
        let mut net = Net::new(1, 2, 0, NetOptions::default());
        let end = net.connect(0, HostId(1), HostId(2));
        let mut streams = Streams::default();
        streams.connect(end.connection, 1, 2);
        let mut bytes = MAGIC.to_vec();
        (0..frames).for_each(|id| bytes.extend(frame(id)));
        let mut sent = Vec::new();
        // In pieces, as a process may send.
        for piece in bytes.chunks(7) {
            sent.extend(streams.send(end, piece));
        }
        let ids = sent.iter().map(|turn| matches!(turn, Turn::Sent { from: 1, to: 2, .. }));
        assert_eq!(ids.filter(|is| *is).count() as u64, frames);
        (streams, end)
    }

    fn arrive(streams: &mut Streams, end: End, bytes: &[u8]) -> Vec<String> {
        let mut turns = Vec::new();
        for piece in bytes.chunks(5) {
            turns.extend(streams.arrive(end, piece));
        }
        let words = turns.into_iter().map(|turn| match turn {
            Turn::Arrived { id, how } => format!("{id} {how:?}"),
            Turn::Garbled { from, to } => format!("garbled {from} {to}"),
            Turn::Sent { .. } => "sent".to_owned(),
        });
        words.collect()
    }

    #[test]
    fn what_is_lost_repeated_or_overtaken_is_told_apart() {
        let (mut streams, end) = stream(4);
        let bytes = [&MAGIC[..], &frame(2), &frame(0), &frame(0), &frame(3)].concat();
        let heard = arrive(&mut streams, end, &bytes);
        assert_eq!(heard, ["2 First", "0 First", "0 Again", "3 First"], "1 is lost");
    }

    #[test]
    fn equal_frames_arrive_in_their_order() {
        let (mut streams, end) = stream(1);
        streams.send(end, &frame(0));
        let bytes = [&MAGIC[..], &frame(0), &frame(0), &frame(0)].concat();
        assert_eq!(arrive(&mut streams, end, &bytes), ["0 First", "1 First", "1 Again"]);
    }

    #[test]
    fn a_damaged_frame_is_recognised_and_the_last_of_its_stream() {
        for bit in 0..frame(1).len() * 8 {
            let (mut streams, end) = stream(3);
            let mut damaged = frame(1);
            damaged[bit / 8] ^= 1 << (bit % 8);
            let rest = [frame(2), vec![0; 1 << 10]].concat();
            let bytes = [&MAGIC[..], &frame(0), &damaged, &rest].concat();
            let heard = arrive(&mut streams, end, &bytes);
            assert_eq!(heard[0], "0 First");
            // A length that has grown by much waits for what never comes.
            let waits = heard.len() == 1 && (8..32).contains(&bit);
            assert!(waits || heard[1..] == ["1 Corrupt"], "bit {bit}: {heard:?}");
        }
        let (mut streams, end) = stream(1);
        let heard = arrive(&mut streams, end, &[&[0; 8][..], &frame(0)].concat());
        assert_eq!(heard, ["garbled 1 2"]);
    }
}
