//! What the wire allocates, counted: this binary's allocator counts per thread.

mod wire_support;

use allocation_counter::{AllocationInfo, measure};
use bytes::{BufMut, Bytes, BytesMut};
use proptest::prelude::{any, proptest};
use proptest::sample::Index as At;
use quorate_core::wire::Service;
use quorate_core::{
    AppendEntries, Entries, Entry, Index, Message, Payload, ReplicationId, Round, Rpc, Term,
};
use wire_support::samples::{GROUP, Sample, all};
use wire_support::{Any, DECODER, forged, id, membership, message, node, random, repair};

/// FAULTS N03: what a frame of this length may make us hold at any one time.
fn budget_bytes(frame_bytes: usize) -> u64 {
    4 * frame_bytes as u64 + (64 << 10)
}

/// What it costs to decode this, beside the buffer that it arrived in.
fn decoding(bytes: &[u8]) -> AllocationInfo {
    let mut input = BytesMut::from(bytes);
    measure(|| {
        if let Ok(Some(frame)) = DECODER.decode(&mut input) {
            drop(Any::decode(&frame));
        }
    })
}

fn assert_within_budget(bytes: &[u8]) {
    let (counted, budget) = (decoding(bytes), budget_bytes(bytes.len()));
    assert!(counted.bytes_max <= budget, "{counted:?} for {} bytes", bytes.len());
}

/// The smallest entries weigh most against their frame: FAULTS N03.
#[test]
fn the_smallest_entries_stay_within_the_budget() {
    let empty = || Payload::Command(Bytes::new());
    for count in [1, 64, 100_000] {
        let payloads = [empty(), Payload::NOOP, membership(1, 1).payload];
        for (payload, terms) in payloads.into_iter().flat_map(|it| [(it.clone(), 0), (it, 1)]) {
            let message = append(count, terms, &payload);
            let bytes = message.encoded(GROUP);
            let mut input = bytes.clone();
            assert_within_budget(&bytes);
            let frame = DECODER.decode(&mut input).expect("a frame").expect("a whole one");
            assert_eq!(Any::decode(&frame), Ok(message));
        }
    }
}

/// FAULTS N01, N03: counts and lengths of 4 billion, and nothing behind them.
#[test]
fn a_claim_costs_nothing() {
    let sound = append(64, 0, &Payload::Command(Bytes::from_static(b"0123456789abcdef")));
    let sound = sound.encoded(GROUP);
    let header_bytes = usize::from(u16::from_le_bytes([sound[20], sound[21]]));
    for at in (22 + header_bytes..22 + header_bytes + 40).chain([0]) {
        let mut lying = sound.clone();
        lying[at..at + 4].fill(0xFF);
        if at > 0 {
            repair(&mut lying);
        }
        let counted = decoding(&lying);
        // A term may be as large as that; anything else is refused before the entries are made.
        let term = (8..20).contains(&at.wrapping_sub(22 + header_bytes));
        assert!(term || counted.bytes_total < 200, "{counted:?} at {at}");
    }
    // An address of 2^63 bytes.
    let mut header = vec![1, 42, 1, 0, 0, 1];
    header.extend_from_slice(&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]);
    let lying = forged(Service::Client, &header, b"");
    assert!(message(&lying).is_err());
    let counted = decoding(&lying);
    assert!(counted.bytes_total < 200, "{counted:?}");
}

proptest! {
    /// FAULTS N03.
    #[test]
    fn nothing_exceeds_the_budget(
        message in random::messages(),
        changes in proptest::collection::vec((any::<At>(), any::<u8>()), 0..4),
        more: Vec<u8>,
    ) {
        let mut bytes = message.encoded(GROUP);
        bytes.put_slice(&more);
        for (at, byte) in changes {
            let at = 12 + at.index(bytes.len() - 12);
            bytes[at] = byte;
        }
        repair(&mut bytes);
        assert_within_budget(&bytes);
    }
}

#[test]
fn encoding_allocates_nothing_once_the_buffer_has_grown() {
    let mut out = BytesMut::new();
    let entries = [
        append(64, 0, &Payload::Command(Bytes::from_static(b"0123456789abcdef"))),
        append(1000, 1, &Payload::NOOP),
    ];
    // Nobody changes the membership so often that it would matter.
    let says_one = ["client_reconfigure", "raft_install_snapshot"];
    let is_frequent = |sample: &Sample| !says_one.iter().any(|it| sample.name.starts_with(it));
    let samples = all().into_iter().filter(is_frequent).map(|sample| sample.message);
    for message in samples.chain(entries) {
        out.clear();
        message.encode(GROUP, &mut out);
        out.clear();
        let counted = measure(|| message.encode(GROUP, &mut out));
        assert_eq!(counted.count_total, 0, "{message:?}");
    }
}

#[test]
fn decoding_a_run_allocates_the_run_and_no_more() {
    let entry_bytes = size_of::<Entry>() as u64;
    for count in [1, 64, 10_000] {
        let message = append(count, 0, &Payload::Command(Bytes::from_static(b"0123456789abcdef")));
        let mut input = message.encoded(GROUP);
        let frame = DECODER.decode(&mut input).expect("a frame").expect("a whole one");
        let counted = measure(|| drop(Any::decode(&frame)));
        assert_eq!(counted.count_total, 1, "{counted:?}");
        assert_eq!(counted.bytes_total, entry_bytes * count + 16, "{counted:?}");
    }
}

/// A message with this many entries, each in a term so much newer than the one before.
fn append(count: u64, terms: u64, payload: &Payload) -> Any {
    let entries =
        (1..=count).map(|at| Entry { id: id(3 + at * terms, 9 + at), payload: payload.clone() });
    let rpc = Rpc::AppendEntries(AppendEntries {
        replication: ReplicationId(1),
        round: Round(1),
        prev: id(3, 9),
        entries: Entries::new(entries).expect("a run"),
        commit: Index(9),
    });
    Any::Raft(Message { from: node(1), to: node(2), term: Term(u64::MAX), rpc })
}
