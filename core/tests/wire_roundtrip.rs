//! What is written can be read, however it arrives.

mod wire_support;

use bytes::BytesMut;
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};
use proptest::sample::Index as At;
use quorate_core::wire::Frame;
use quorate_core::{GroupId, Payload, Rpc};
use wire_support::samples::{GROUP, all};
use wire_support::{Any, DECODER, random};

proptest! {
    #[test]
    fn every_message_comes_back(message in random::messages(), group: u32) {
        let group = GroupId(group);
        let mut encoded = message.encoded(group);
        let frame = DECODER.decode(&mut encoded).unwrap().unwrap();
        prop_assert!(encoded.is_empty());
        prop_assert_eq!(frame.group, message.group(group));
        prop_assert_eq!(Any::decode(&frame), Ok(message));
    }

    /// FAULTS P10.
    #[test]
    fn a_stream_cut_anywhere_gives_the_same_messages(
        messages in proptest::collection::vec(random::messages(), 1..5),
        pieces in proptest::collection::vec(1..100_usize, 1..50),
    ) {
        let mut stream = BytesMut::new();
        messages.iter().for_each(|message| message.encode(GROUP, &mut stream));
        let (mut input, mut decoded) = (BytesMut::new(), Vec::new());
        for piece in pieces.into_iter().cycle() {
            if stream.is_empty() {
                break;
            }
            input.extend_from_slice(&stream.split_to(piece.min(stream.len())));
            while let Some(frame) = DECODER.decode(&mut input).unwrap() {
                decoded.push(Any::decode(&frame).unwrap());
            }
        }
        prop_assert!(input.is_empty());
        prop_assert_eq!(decoded, messages);
    }

    /// The driver may size its limits by the core's: a message never outgrows what its entries
    /// cost by more than this.
    #[test]
    fn a_message_is_at_most_256_bytes_longer_than_its_entries_cost(message in random::raft()) {
        let Rpc::AppendEntries(append) = &message.rpc else { return Ok(()) };
        let cost = append.entries.cost_bytes();
        let bytes = Any::Raft(message.clone()).encoded(GROUP).len() as u64;
        prop_assert!(bytes <= cost + 256, "{bytes} bytes for a cost of {cost}");
    }

    #[test]
    fn a_frame_comes_back(frame in frames()) {
        let mut encoded = BytesMut::new();
        frame.encode(&mut encoded);
        prop_assert_eq!(DECODER.decode(&mut encoded), Ok(Some(frame)));
    }

    #[test]
    fn what_is_appended_leaves_what_was_there(message in random::messages(), before: Vec<u8>) {
        let mut out = BytesMut::from(&before[..]);
        message.encode(GROUP, &mut out);
        prop_assert_eq!(&out.split_to(before.len())[..], &before[..]);
        prop_assert_eq!(out, message.encoded(GROUP));
    }

    #[test]
    fn a_part_of_a_frame_is_awaited(message in random::messages(), cut: At) {
        let mut encoded = message.encoded(GROUP);
        encoded.truncate(cut.index(encoded.len()));
        let before = encoded.clone();
        prop_assert_eq!(DECODER.decode(&mut encoded), Ok(None));
        prop_assert_eq!(encoded, before, "nothing is taken off");
    }
}

#[test]
fn every_prefix_of_every_message_is_awaited() {
    for sample in all() {
        let encoded = sample.message.encoded(GROUP);
        for cut in 0..encoded.len() {
            let mut input = BytesMut::from(&encoded[..cut]);
            assert_eq!(DECODER.decode(&mut input), Ok(None), "{} cut at {cut}", sample.name);
        }
    }
}

#[test]
fn commands_are_slices_of_the_frame() {
    for sample in all() {
        let mut encoded = sample.message.encoded(GROUP);
        let frame = DECODER.decode(&mut encoded).unwrap().unwrap();
        let Any::Raft(message) = Any::decode(&frame).unwrap() else { continue };
        let Rpc::AppendEntries(append) = message.rpc else { continue };
        let within = frame.payload.as_ptr_range();
        for entry in append.entries.iter() {
            match &entry.payload {
                Payload::Command(command) if !command.is_empty() => {
                    assert!(within.contains(&command.as_ptr()), "{}", sample.name);
                }
                _ => {}
            }
        }
    }
}

fn frames() -> impl Strategy<Value = Frame> {
    use quorate_core::wire::Service;
    let services = proptest::sample::select(vec![
        Service::Handshake,
        Service::Raft,
        Service::Peer,
        Service::Client,
    ]);
    let bytes = || proptest::collection::vec(any::<u8>(), 0..100);
    (services, any::<u32>(), any::<bool>(), bytes(), bytes()).prop_map(
        |(service, group, ignorable, header, payload)| Frame {
            service,
            group: GroupId(group),
            ignorable,
            header: header.into(),
            payload: payload.into(),
        },
    )
}
