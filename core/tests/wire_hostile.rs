//! Nothing that arrives can do more than be refused.

mod wire_support;

use bytes::{BufMut, Bytes, BytesMut};
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};
use proptest::sample::Index as At;
use quorate_core::wire::{
    ClientMessage, DecodeError, Decoder, Frame, Handshake, PeerMessage, Service,
};
use quorate_core::{GroupId, Message};
use wire_support::samples::{GROUP, all};
use wire_support::{Any, DECODER, forged, frame, message, random, repair};

/// FAULTS N01: lengths of nothing, of almost nothing, above the limit, and "negative" ones.
#[test]
fn a_length_that_cannot_be_is_refused_by_its_four_bytes() {
    let decode =
        |length: u32| Decoder::new(1000).decode(&mut BytesMut::from(&length.to_le_bytes()[..]));
    let too_long = |bytes| Err(DecodeError::TooLong { bytes, bytes_max: 1000 });
    assert_eq!(decode(0), Err(DecodeError::TooShort { bytes: 12 }));
    assert_eq!(decode(9), Err(DecodeError::TooShort { bytes: 21 }));
    assert_eq!(decode(10), Ok(None), "an empty frame");
    assert_eq!(decode(988), Ok(None), "the limit");
    assert_eq!(decode(989), too_long(1001));
    assert_eq!(decode(1 << 31), too_long((1 << 31) + 12));
    assert_eq!(decode(u32::MAX), too_long((1 << 32) + 11));
}

/// FAULTS N02.
#[test]
fn any_flipped_bit_is_noticed() {
    for sample in all() {
        let encoded = sample.message.encoded(GROUP);
        for bit in 0..encoded.len() * 8 {
            let mut flipped = encoded.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let refused = frame(&flipped);
            assert!(refused.is_err(), "{}, bit {bit}: {refused:?}", sample.name);
        }
    }
}

/// A length that is believed makes its receiver wait, for as long as anything else comes in.
#[test]
fn a_flipped_bit_in_the_first_twelve_bytes_is_noticed_by_them_alone() {
    for sample in all() {
        let encoded = sample.message.encoded(GROUP);
        for bit in 0..12 * 8 {
            let mut flipped = encoded[..12].to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let refused = match frame(&flipped) {
                Err(DecodeError::Prelude { .. }) => true,
                Err(DecodeError::TooLong { .. } | DecodeError::TooShort { .. }) => bit < 32,
                _ => false,
            };
            assert!(refused, "{}, bit {bit}: {:?}", sample.name, frame(&flipped));
        }
    }
}

/// FAULTS N12: what is new is named, and the sender says whether it matters.
#[test]
fn what_is_unknown_is_named_and_ignorable_only_if_the_sender_says_so() {
    let sound = all().remove(0).message.encoded(GROUP);
    let tampered = |at: usize, byte: u8| {
        let mut bytes = sound.clone();
        bytes[at] = byte;
        repair(&mut bytes);
        message(&bytes)
    };
    assert_eq!(tampered(12, 2), Err(DecodeError::UnknownVersion { version: 2 }));
    let unknown = DecodeError::UnknownService { service: 4, ignorable: false };
    assert_eq!(tampered(13, 4), Err(unknown));
    assert!(!unknown.is_ignorable());
    assert_eq!(tampered(14, 2), Err(DecodeError::Malformed("flags")));
    assert_eq!(tampered(15, 1), Err(DecodeError::Malformed("flags")));
    assert!(matches!(tampered(14, 1), Ok(Some(_))), "ignorable and known");

    for (service, kind) in
        [(Service::Handshake, 7), (Service::Raft, 13), (Service::Peer, 8), (Service::Client, 2)]
    {
        let frame = |ignorable| Frame {
            service,
            group: GroupId(0),
            ignorable,
            header: Bytes::copy_from_slice(&[kind, 0, 0]),
            payload: Bytes::new(),
        };
        let ignorable = false;
        let unknown = DecodeError::UnknownMessage { service, kind, ignorable };
        assert_eq!(Any::decode(&frame(false)), Err(unknown));
        assert!(!unknown.is_ignorable());
        assert!(Any::decode(&frame(true)).is_err_and(|error| error.is_ignorable()));
    }
}

/// FAULTS N12: the bytes of the one are the sign of life, whether they are understood or not, and the
/// others are hints.
#[test]
fn only_a_sign_of_life_and_hints_may_be_ignored() {
    for sample in all() {
        let frame = frame(&sample.message.encoded(GROUP)).expect("a frame").expect("a whole one");
        let may_be = matches!(
            sample.message,
            Any::Peer(
                PeerMessage::KeepAlive | PeerMessage::Reachable { .. } | PeerMessage::Priority(_)
            )
        );
        assert_eq!(frame.ignorable, may_be, "{}", sample.name);
    }
}

/// FAULTS N12.
#[test]
fn the_connection_goes_on_after_an_ignorable_frame() {
    let news = all().remove(0).message.encoded(GROUP);
    let mut stream = news.clone();
    (stream[13], stream[14]) = (200, 1);
    repair(&mut stream);
    stream.extend_from_slice(&news);
    assert!(DECODER.decode(&mut stream).is_err_and(|error| error.is_ignorable()));
    assert!(matches!(DECODER.decode(&mut stream), Ok(Some(_))));
}

#[test]
fn a_frame_of_another_service_is_no_message() {
    let [handshake, client] = [Service::Handshake, Service::Client]
        .map(|service| frame(&forged(service, &[0], &[])).expect("a frame").expect("a whole one"));
    let refused = DecodeError::Malformed("service");
    assert_eq!(Message::decode(&client), Err(refused));
    assert_eq!(ClientMessage::decode(&handshake), Err(refused));
    assert_eq!(Handshake::decode(&client), Err(refused));
}

/// FAULTS N05.
#[test]
fn what_follows_a_complete_message_is_refused() {
    for sample in all() {
        let sound = frame(&sample.message.encoded(GROUP)).expect("a frame").expect("a whole one");
        let longer = |bytes: &Bytes| Bytes::from([bytes, &[0][..]].concat());
        let header = Frame { header: longer(&sound.header), ..sound.clone() };
        let trailing = Err(DecodeError::Trailing { bytes: 1 });
        assert_eq!(Any::decode(&header), trailing, "{}", sample.name);
        let payload = Frame { payload: longer(&sound.payload), ..sound.clone() };
        let has_bytes = |message: &Any| format!("{message:?}").contains("b\"");
        match Any::decode(&payload) {
            Ok(message) => assert!(has_bytes(&message) && message != sample.message),
            // The payload of a heartbeat is all or nothing.
            Err(DecodeError::Truncated) => assert!(sound.payload.is_empty()),
            refused => assert_eq!(refused, trailing, "{}", sample.name),
        }
    }
}

/// FAULTS N05: postcard reads them.
#[test]
fn over_long_varints_are_refused() {
    let status = |header: &[u8]| message(&forged(Service::Client, header, &[]));
    assert!(status(&[0, 41, 2]).is_ok());
    assert_eq!(
        status(&[0, 0x80 | 41, 0, 2]),
        Err(DecodeError::Malformed("encoding of the header"))
    );
    assert_eq!(status(&[0, 41, 0x82, 0]), Err(DecodeError::Malformed("encoding of the header")));
    assert!(status(&[0x80, 0, 41, 2]).is_err());
}

/// FAULTS N10: a header can only hold what a core can be given.
#[test]
fn impossible_values_are_malformed() {
    let refused = |service, header: &[u8]| message(&forged(service, header, &[]));
    let malformed = Err(DecodeError::Malformed("header"));
    // A vote request: kind, last (term, index), from, to, term.
    assert!(refused(Service::Raft, &[2, 1, 1, 1, 2, 3]).is_ok());
    assert_eq!(refused(Service::Raft, &[2, 1, 1, 0, 2, 3]), malformed, "server 0");
    assert_eq!(refused(Service::Raft, &[3, 2, 1, 2, 3]), malformed, "a bool of 2");
    assert_eq!(refused(Service::Raft, &[2, 1, 1, 1, 2]), Err(DecodeError::Truncated));
    assert_eq!(refused(Service::Client, &[0, 41, 9]), malformed, "a body of a later day");
    let reconfigure = |record: &[u8]| {
        let len = u8::try_from(record.len()).expect("short");
        let header = [&[0, 41, 4, len], record, &[0, 0]].concat();
        refused(Service::Client, &header)
    };
    let one = [1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0];
    assert!(reconfigure(&one).is_ok());
    assert_eq!(reconfigure(&[&one[..], &[0]].concat()), malformed, "more than a membership");
    assert_eq!(reconfigure(&[0; 8]), malformed, "no voters");
    assert_eq!(refused(Service::Client, &[]), Err(DecodeError::Truncated));
    let not_leader = |address: &[u8]| {
        let len = u8::try_from(address.len()).expect("short");
        refused(Service::Client, &[&[1, 42, 1, 0, 0, 1, len], address].concat())
    };
    assert!(not_leader(b"db-2:7000").is_ok());
    assert_eq!(not_leader(b"db-2:7000\n"), malformed, "an address that breaks a log");
    assert_eq!(not_leader(b""), malformed);
    assert_eq!(not_leader(b"\xFF"), malformed);
    let mut elsewhere = all().remove(0).message.encoded(GROUP);
    elsewhere[16] = 1;
    repair(&mut elsewhere);
    assert_eq!(message(&elsewhere), Err(DecodeError::Malformed("group of a handshake")));
}

/// FAULTS N03, N10.
#[test]
fn tables_of_entries_that_lie_are_refused() {
    const NOOP: u32 = 1 << 28;
    let max = u32::MAX;
    let wrong_count = Err(DecodeError::Malformed("count of entries"));
    let wrong_run = Err(DecodeError::Malformed("run of a term"));
    let wrong_kind = Err(DecodeError::Malformed("kind of an entry"));
    let wrong_fill = Err(DecodeError::Malformed("fill after the entries"));
    let truncated = Err(DecodeError::Truncated);

    let decode = |prev, counts, runs: &[_], words: &[_], rest: &[u8]| {
        entries_message(prev, counts, runs, words, rest).map(|_| ())
    };
    assert_eq!(decode(9, (1, 1), &[(4, 1)], &[NOOP], &[0; 8]), Ok(()));
    // Counts beyond the bytes that are there.
    assert_eq!(decode(9, (max, 1), &[(4, max)], &[NOOP], &[0; 8]), truncated);
    assert_eq!(decode(9, (1, max), &[(4, 1)], &[NOOP], &[0; 8]), truncated);
    assert_eq!(decode(9, (max, max), &[], &[], &[]), truncated);
    // Counts that disagree.
    assert_eq!(decode(9, (0, 0), &[], &[], &[]), wrong_count);
    assert_eq!(decode(9, (1, 1), &[(4, 2)], &[NOOP], &[0; 8]), wrong_count);
    assert_eq!(decode(9, (2, 1), &[(4, 1)], &[NOOP; 2], &[0; 16]), wrong_count);
    assert_eq!(decode(9, (1, 0), &[], &[NOOP], &[0; 8]), wrong_count);
    let wrapping = [(4, max), (5, 2)];
    assert_eq!(decode(9, (1, 2), &wrapping, &[NOOP], &[0; 8]), wrong_count);
    // Terms that do not grow from run to run, runs of nothing.
    assert_eq!(decode(9, (2, 2), &[(4, 1), (3, 1)], &[NOOP; 2], &[0; 16]), wrong_run);
    assert_eq!(decode(9, (2, 2), &[(4, 1), (4, 1)], &[NOOP; 2], &[0; 16]), wrong_run);
    assert_eq!(decode(9, (1, 2), &[(4, 1), (5, 0)], &[NOOP], &[0; 8]), wrong_run);
    // Kinds of a later day, a no-op with a payload.
    assert_eq!(decode(9, (1, 1), &[(4, 1)], &[2 << 28], &[0; 8]), wrong_kind);
    assert_eq!(decode(9, (1, 1), &[(4, 1)], &[NOOP | 1], &[0; 8]), wrong_kind);
    // Commands that reach beyond the end or fall short of it.
    assert_eq!(decode(9, (1, 1), &[(4, 1)], &[9], &[0; 8]), truncated);
    assert_eq!(decode(9, (1, 1), &[(4, 1)], &[NOOP - 1], &[0; 8]), truncated);
    assert_eq!(decode(9, (1, 1), &[(4, 1)], &[NOOP], &[0; 7]), truncated);
    let trailing = Err(DecodeError::Trailing { bytes: 1 });
    assert_eq!(decode(9, (1, 1), &[(4, 1)], &[9], &[0; 10]), trailing);
    assert_eq!(decode(9, (1, 1), &[(4, 1)], &[NOOP], &[0; 9]), trailing);
    assert_eq!(decode(9, (1, 1), &[(4, 1)], &[7], &[1; 8]), wrong_fill);
    // Entries beyond the last index there is.
    let last = Err(DecodeError::Malformed("index of the last entry"));
    assert_eq!(decode(u64::MAX - 1, (1, 1), &[(4, 1)], &[NOOP], &[0; 8]), Ok(()));
    assert_eq!(decode(u64::MAX, (1, 1), &[(4, 1)], &[NOOP], &[0; 8]), last);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Garbage under a true checksum: refused, or the one encoding of what it decodes to.
    #[test]
    fn whatever_is_accepted_is_written_the_same_again(
        message in random::messages(),
        changes in proptest::collection::vec((any::<At>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<At>()),
        more in proptest::collection::vec(any::<u8>(), 0..3),
    ) {
        let mut bytes = message.encoded(GROUP);
        if let Some(cut) = cut {
            bytes.truncate(22 + cut.index(bytes.len() - 21));
        }
        bytes.extend_from_slice(&more);
        for (at, byte) in changes {
            let at = 12 + at.index(bytes.len() - 12);
            bytes[at] = if byte < 128 { byte } else { bytes[at] ^ (1 << (byte % 8)) };
        }
        repair(&mut bytes);
        accepted_is_canonical(&bytes);
    }

    #[test]
    fn garbage_never_panics(bytes: Vec<u8>, service in 0..5_u8, header: u8) {
        drop(message(&bytes));
        let mut framed = BytesMut::from(&[0; 12][..]);
        framed.put_slice(&[1, service, 0, 0, 0, 0, 0, 0, header, 0]);
        framed.put_slice(&bytes);
        repair(&mut framed);
        accepted_is_canonical(&framed);
    }

    /// FAULTS N01: the limit holds for any length, whatever follows.
    #[test]
    fn no_frame_beyond_the_limit_is_waited_for(mut bytes: Vec<u8>, limit in 0..1000_u32) {
        if let Ok(None) = Decoder::new(limit).decode(&mut BytesMut::from(&bytes[..])) {
            bytes.resize(limit.max(4) as usize, 0);
            let decoded = Decoder::new(limit).decode(&mut BytesMut::from(&bytes[..]));
            prop_assert_eq!(decoded.is_ok_and(|frame| frame.is_none()), false);
        }
    }
}

/// Decodes; what is accepted must encode to the bytes it came from.
fn accepted_is_canonical(bytes: &[u8]) {
    let Ok(Some(frame)) = frame(bytes) else { return };
    let mut again = BytesMut::new();
    frame.encode(&mut again);
    assert_eq!(again, bytes);
    if let Ok(message) = Any::decode(&frame) {
        again.clear();
        message.encode(frame.group, &mut again);
        again[14] = u8::from(frame.ignorable);
        repair(&mut again);
        assert_eq!(again, bytes, "{message:?}");
    }
}

/// A message with entries, its tables made by hand: counts of entries and runs, runs, words, and
/// what follows them.
fn entries_message(
    prev: u64,
    counts: (u32, u32),
    runs: &[(u64, u32)],
    words: &[u32],
    rest: &[u8],
) -> Result<Option<Any>, DecodeError> {
    let mut payload = BytesMut::new();
    payload.put_u32_le(counts.0);
    payload.put_u32_le(counts.1);
    for &(term, count) in runs {
        payload.put_u64_le(term);
        payload.put_u32_le(count);
    }
    words.iter().for_each(|&word| payload.put_u32_le(word));
    payload.put_slice(rest);
    // Kind, replication, round, prev (term, index), commit, from, to, term.
    let (mut header, mut index) = (vec![4, 1, 1, 3], prev);
    while index >= 0x80 {
        header.push(u8::try_from(index & 0x7F).expect("seven bits") | 0x80);
        index >>= 7;
    }
    header.push(u8::try_from(index).expect("seven bits"));
    header.extend_from_slice(&[0, 1, 2, 6]);
    message(&forged(Service::Raft, &header, &payload))
}
