//! The cost of the wire: messages to bytes and back, beside a plain copy and a checksum of the
//! same bytes.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use quorate_core::wire::Decoder;
use quorate_core::{
    AppendEntries, Entries, Entry, GroupId, Index, LogId, Message, NodeId, Payload, ReplicationId,
    Round, Rpc, Term, crc32c,
};

const GROUP: GroupId = GroupId(1);
const DECODER: Decoder = Decoder::new(1 << 20);

fn message(entries: u64, command_bytes: usize) -> Message {
    let prev = LogId { term: Term(7), index: Index(1_000_000) };
    let entries = (1..=entries).map(|at| Entry {
        id: LogId { term: Term(7), index: Index(prev.index.0 + at) },
        payload: Payload::Command(Bytes::from(vec![0xA5; command_bytes])),
    });
    Message {
        from: NodeId::new(1).expect("not zero"),
        to: NodeId::new(2).expect("not zero"),
        term: Term(7),
        rpc: Rpc::AppendEntries(AppendEntries {
            replication: ReplicationId(12),
            round: Round(345_678),
            prev,
            entries: Entries::new(entries).expect("a run"),
            commit: prev.index,
        }),
    }
}

fn encoded(message: &Message) -> Vec<u8> {
    let mut out = BytesMut::new();
    message.encode(GROUP, &mut out);
    out.to_vec()
}

fn wire(c: &mut Criterion) {
    for (name, entries, command_bytes) in [("64x16B", 64, 16), ("1x256B", 1, 256)] {
        let message = message(entries, command_bytes);
        let bytes = encoded(&message);
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Elements(entries));
        let mut out = BytesMut::with_capacity(bytes.len());

        group.bench_function("memcpy", |b| {
            b.iter(|| {
                out.clear();
                out.extend_from_slice(black_box(&bytes));
                black_box(&out);
            });
        });
        group.bench_function("crc32c", |b| b.iter(|| crc32c(black_box(&bytes))));
        group.bench_function("encode", |b| {
            b.iter(|| {
                out.clear();
                black_box(&message).encode(GROUP, &mut out);
                black_box(&out);
            });
        });
        // As a connection does it: into a buffer that is used again once nobody holds a part of it.
        // Dropping the message is part of both figures.
        group.bench_function("decode", |b| {
            let mut input = BytesMut::with_capacity(bytes.len());
            b.iter(|| {
                input.extend_from_slice(black_box(&bytes));
                let frame = DECODER.decode(&mut input).expect("a frame").expect("a whole one");
                Message::decode(&frame).expect("a message")
            });
        });
        group.bench_function("decode without crc32c", |b| {
            let mut input = BytesMut::from(&bytes[..]);
            let frame = DECODER.decode(&mut input).expect("a frame").expect("a whole one");
            b.iter(|| Message::decode(black_box(&frame)).expect("a message"));
        });
        group.finish();
    }
}

criterion_group!(benches, wire);
criterion_main!(benches);
