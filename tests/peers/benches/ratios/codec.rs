//! What the wire costs.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use quorate_core::wire::Decoder;
use quorate_core::{
    AppendEntries, Entries, Entry, GroupId, Index, LogId, Message, NodeId, Payload, ReplicationId,
    Round, Rpc, Term,
};
use quorate_peers::contest::{Work, nanos_each, repeated};
use quorate_peers::lockstep::Moved;
use quorate_peers::records::{Append, OwnAppend};
use quorate_peers::table::{Row, Unit};
use quorate_peers::{Cluster, RaftRs, Shape, quorate, raft_rs};

use crate::Report;

const TURNS: usize = 200;
const REPEATS: usize = 64;

pub(crate) fn measure(report: &mut Report) {
    let message = message();
    encode(report, &message);
    decode(report, &message);
    for (command_bytes, batch) in [(16, 1), (16, 64), (16, 1024), (256, 64), (4096, 64)] {
        in_the_path(report, Shape { servers: 3, command_bytes, batch });
    }
}

fn message() -> Message {
    let prev = LogId { term: Term(7), index: Index(1_000_000) };
    let entry = |offset| Entry {
        id: LogId { term: Term(7), index: Index(prev.index.0 + offset) },
        payload: Payload::Command(Bytes::from(vec![0xA5; 16])),
    };
    let node = |id| NodeId::new(id).expect("not zero");
    let entries = Entries::new((1..=64).map(entry)).expect("a run");
    let (replication, round, commit) = (ReplicationId(12), Round(345_678), prev.index);
    let rpc = Rpc::AppendEntries(AppendEntries { replication, round, prev, entries, commit });
    Message { from: node(1), to: node(2), term: Term(7), rpc }
}

fn encode(report: &mut Report, message: &Message) {
    let mut out = BytesMut::with_capacity(1 << 12);
    let ours = move || {
        out.clear();
        black_box(message).encode(GroupId(1), &mut out);
        black_box(&out);
    };
    let (append, mut buffer) = (Append::of(message), [0; 1 << 12]);
    let theirs = move || {
        let written = postcard::to_slice(black_box(&append), &mut buffer).expect("room");
        black_box(written);
    };
    let [ours, theirs] = nanos_each(TURNS, [repeated(REPEATS, ours), repeated(REPEATS, theirs)]);
    let row = Row::new("encode, with the checksum", Unit::Nanoseconds, ours);
    report.add(&row.against("postcard, without", theirs, 1.65 / 0.58));
}

/// Ours with and without what comes before, the copy and the checksum of the frame. Ours can be kept
/// as it is; dropping what was decoded is part of all figures.
fn decode(report: &mut Report, message: &Message) {
    let mut frame_bytes = BytesMut::new();
    message.encode(GroupId(1), &mut frame_bytes);
    let decoder = Decoder::new(1 << 20);
    let whole = frame_bytes.clone().freeze();
    let mut input = BytesMut::with_capacity(whole.len());
    let checked = move || {
        input.extend_from_slice(black_box(&whole));
        let frame = decoder.decode(&mut input).expect("a frame").expect("a whole one");
        black_box(Message::decode(&frame).expect("a message"));
    };
    let frame = decoder.decode(&mut frame_bytes).expect("a frame").expect("a whole one");
    let unchecked = move || {
        black_box(Message::decode(black_box(&frame)).expect("a message"));
    };
    let written = postcard::to_allocvec(&Append::of(message)).expect("memory");
    let borrowed = || {
        let read: Append<'_> = postcard::from_bytes(black_box(&written)).expect("an append");
        black_box(read);
    };
    let owned = || {
        let read: OwnAppend = postcard::from_bytes(black_box(&written)).expect("an append");
        black_box(read);
    };
    let contestants: [Work<'_>; 4] = [
        repeated(REPEATS, checked),
        repeated(REPEATS, unchecked),
        repeated(REPEATS, owned),
        repeated(REPEATS, borrowed),
    ];
    let [checked, unchecked, owned, borrowed] = nanos_each(TURNS, contestants);
    let row = Row::new("decode, with copy and checksum", Unit::Nanoseconds, checked);
    report.add(&row.beside("postcard, owned", owned).beside("borrowed", borrowed));
    let row = Row::new("decode, shared", Unit::Nanoseconds, unchecked);
    report.add(&row.against("postcard, owned", owned, 1.24 / 0.22).beside("borrowed", borrowed));
}

fn in_the_path(report: &mut Report, shape: Shape) {
    let command = vec![7; shape.command_bytes];
    let clusters: [Box<dyn Cluster>; 4] = [
        Box::new(quorate::start::<quorate::Framed>(shape)),
        Box::new(quorate::start::<Moved>(shape)),
        Box::new(RaftRs::<raft_rs::Framed>::new(3)),
        Box::new(RaftRs::<Moved>::new(3)),
    ];
    let contestants = clusters.map(|mut cluster| {
        let command = &command;
        repeated(1 + 256 / shape.batch, move || cluster.commit(command, shape.batch))
    });
    let rates = nanos_each(TURNS, contestants).map(|nanos| shape.batch as f64 * 1e9 / nanos);
    let [ours, ours_moved, theirs, theirs_moved] = rates;
    let what = format!("framed, {:>4} B, batch {:>4}", shape.command_bytes, shape.batch);
    let row = Row::new(what, Unit::PerSecond, ours).against("ours, moved", ours_moved, 0.8);
    report.add(&row.beside("raft-rs", theirs).beside("raft-rs, moved", theirs_moved));
}
