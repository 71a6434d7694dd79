//! Faults of whole frames between servers, and who falls for them.

use bytes::{Bytes, BytesMut};
use quorate_core::wire::{
    Decoder, Forward, ForwardBody, Handshake, MAGIC, PeerMessage, Reject, Service,
};
use quorate_core::{
    AppendEntries, AppendEntriesReply, AppendOutcome, Entries, Entry, GroupId, Heartbeat, Index,
    LogId, Message, NodeId, Payload, PreVote, PreVoteReply, ReplicationId, RequestVote,
    RequestVoteReply, Round, Rpc, Term,
};
use quorate_io_sim::net::{
    End, FrameKind, FrameKinds, FrameOptions, HostId, LinkOptions, Overtaking, Rule,
};

use crate::driver::{A, B, Driver, MS, SECOND};

const ALWAYS: u32 = 1_000_000;

fn message(rpc: Rpc, term: u64) -> Bytes {
    let node = |id| NodeId::new(id).expect("not zero");
    let mut bytes = BytesMut::new();
    Message { from: node(1), to: node(2), term: Term(term), rpc }.encode(GroupId(1), &mut bytes);
    bytes.freeze()
}

fn heartbeat(term: u64) -> Bytes {
    let rpc = Heartbeat {
        replication: ReplicationId(1),
        round: Round(1),
        matched: LogId::ZERO,
        commit: Index(0),
    };
    message(Rpc::Heartbeat(rpc), term)
}

fn append(term: u64, entries: Entries) -> Bytes {
    let rpc = AppendEntries {
        replication: ReplicationId(1),
        round: Round(1),
        prev: LogId::ZERO,
        entries,
        commit: Index(0),
    };
    message(Rpc::AppendEntries(rpc), term)
}

fn look(term: u64) -> Bytes {
    append(term, Entries::default())
}

fn peer(message: &PeerMessage) -> Bytes {
    let mut bytes = BytesMut::new();
    message.encode(GroupId(1), &mut bytes);
    bytes.freeze()
}

fn forward(id: u64) -> Bytes {
    peer(&PeerMessage::Forward(Forward { id, hops: 0, body: ForwardBody::ReadIndex }))
}

fn with(seed: u64, frames: FrameOptions) -> Driver {
    Driver::with(seed, |link| link.frames = frames)
}

fn always(kinds: FrameKinds) -> Rule {
    Rule { ppm: ALWAYS, kinds }
}

/// A connection past its magic.
fn link(driver: &mut Driver) -> (End, End) {
    let (a, b) = driver.connected(A, B);
    driver.send(a, &MAGIC);
    driver.send(b, &MAGIC);
    (a, b)
}

/// The frames that arrived, whatever they came in.
fn frames(driver: &mut Driver, end: End) -> Vec<quorate_core::wire::Frame> {
    let bytes = driver.bytes(end);
    let mut input = BytesMut::from(bytes.strip_prefix(&MAGIC[..]).expect("the magic comes first"));
    std::iter::from_fn(|| Decoder::new(1 << 20).decode(&mut input).expect("frames")).collect()
}

fn terms(driver: &mut Driver, end: End) -> Vec<u64> {
    let frames = frames(driver, end);
    let raft = frames.iter().filter(|frame| frame.service == Service::Raft);
    raft.map(|frame| Message::decode(frame).expect("a message").term.0).collect()
}

#[test]
fn kinds_are_told_apart_as_the_codec_writes_them() {
    let entry = Entry {
        id: LogId { term: Term(1), index: Index(1) },
        payload: Payload::Command(Bytes::from_static(b"x")),
    };
    let reply = AppendEntriesReply {
        replication: ReplicationId(1),
        round: Round(1),
        outcome: AppendOutcome::StaleTerm,
    };
    let last = LogId::ZERO;
    let mut handshake = BytesMut::new();
    Handshake::Reject(Reject::Busy).encode(&mut handshake);
    let vote = |rpc| message(rpc, 1);
    let examples = [
        (handshake.freeze(), FrameKind::Handshake, FrameKinds::HANDSHAKES),
        (
            vote(Rpc::PreVote(PreVote { next_term: Term(2), last })),
            FrameKind::PreVote,
            FrameKinds::VOTES,
        ),
        (
            vote(Rpc::PreVoteReply(PreVoteReply { next_term: Term(2), granted: true })),
            FrameKind::PreVoteReply,
            FrameKinds::VOTES,
        ),
        (vote(Rpc::RequestVote(RequestVote { last })), FrameKind::RequestVote, FrameKinds::VOTES),
        (
            vote(Rpc::RequestVoteReply(RequestVoteReply { granted: true })),
            FrameKind::RequestVoteReply,
            FrameKinds::VOTES,
        ),
        (
            append(1, Entries::new([entry]).expect("a run")),
            FrameKind::AppendEntries,
            FrameKinds::ENTRIES,
        ),
        (look(1), FrameKind::Look, FrameKinds::ENTRIES),
        (
            vote(Rpc::AppendEntriesReply(reply)),
            FrameKind::AppendEntriesReply,
            FrameKinds::ACKNOWLEDGEMENTS,
        ),
        (heartbeat(1), FrameKind::Heartbeat, FrameKinds::HEARTBEATS),
        (forward(1), FrameKind::Forward, FrameKinds::FORWARDS),
        (peer(&PeerMessage::KeepAlive), FrameKind::KeepAlive, FrameKinds::KEEP_ALIVES),
    ];
    let sets = [
        FrameKinds::HANDSHAKES,
        FrameKinds::VOTES,
        FrameKinds::ENTRIES,
        FrameKinds::ACKNOWLEDGEMENTS,
        FrameKinds::HEARTBEATS,
        FrameKinds::FORWARDS,
        FrameKinds::KEEP_ALIVES,
    ];
    for (frame, kind, set) in examples {
        assert_eq!(FrameKind::of(&frame), kind);
        let of: Vec<_> = sets.into_iter().filter(|set| set.contains(kind)).collect();
        assert_eq!(of, [set]);
        let is_raft = frame[13] == Service::Raft as u8;
        assert_eq!(FrameKinds::CONSENSUS.contains(kind), is_raft);
        assert!(FrameKinds::ALL.contains(kind) && !FrameKinds::NONE.contains(kind));
        assert_eq!(FrameKinds::from(kind) | FrameKinds::NONE, FrameKinds::from(kind));
    }
    assert_eq!(FrameKind::of(b"short"), FrameKind::Other);
}

#[test]
fn lost_frames_are_missed_by_whoever_counts_on_all_of_them() {
    let lose = always(FrameKinds::HEARTBEATS);
    let mut driver = with(1, FrameOptions { lose, ..Default::default() });
    let (a, b) = link(&mut driver);
    let batch = [heartbeat(1), look(2), heartbeat(3), forward(4), look(5), heartbeat(6)].concat();
    driver.send(a, &batch);
    driver.run_for(SECOND);
    assert_eq!(terms(&mut driver, b), [2, 5]);
    assert_eq!(driver.net.struck().frames_lost, 3);
    assert_eq!(driver.heard(a).room, 8 + batch.len() as u64, "the sender cannot tell");
    assert_eq!(driver.net.unsent(a), 0);
}

/// Counts every frame; a duplicate is one too many.
#[test]
fn a_counter_that_does_not_know_duplicates_counts_twice() {
    let duplicate = always(FrameKinds::CONSENSUS);
    let mut driver = with(1, FrameOptions { duplicate, ..Default::default() });
    let (a, b) = link(&mut driver);
    driver.send(a, &[forward(1), look(2), forward(3)].concat());
    driver.run_for(SECOND);
    assert_eq!(frames(&mut driver, b).len(), 4);
    assert_eq!(terms(&mut driver, b), [2, 2]);
    assert_eq!(driver.net.struck().frames_duplicated, 1);
    let sent = MAGIC.len() + 2 * forward(1).len() + look(2).len();
    assert_eq!(driver.heard(a).room, sent as u64, "the sender knows of one");
}

fn reordering(overtaking: Overtaking) -> FrameOptions {
    FrameOptions {
        reorder: Rule { ppm: 400_000, kinds: FrameKinds::CONSENSUS },
        overtaking,
        reorder_window: 4,
        reorder_wait_max_ns: 50 * MS,
        ..Default::default()
    }
}

/// Sends heartbeats of odd terms and looks of even ones; what arrives, and how often one was put
/// aside.
fn mixed(overtaking: Overtaking, seed: u64) -> (Vec<u64>, u64) {
    let mut driver = with(seed, reordering(overtaking));
    let (a, b) = link(&mut driver);
    for term in 0..100 {
        driver.send(a, &[look(2 * term), heartbeat(2 * term + 1)].concat());
        driver.run_for(MS);
    }
    driver.run_for(SECOND);
    (terms(&mut driver, b), driver.net.struck().frames_reordered)
}

#[test]
fn whoever_expects_frames_in_order_is_wrong_and_none_is_missing() {
    for overtaking in [Overtaking::Tame, Overtaking::Wild] {
        let (terms, reordered) = mixed(overtaking, 1);
        assert!(!terms.is_sorted() && reordered > 10);
        let mut sorted = terms;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..200).collect::<Vec<_>>());
    }
}

#[test]
fn looks_and_entries_keep_their_order_unless_it_is_to_be_wild() {
    let looks = |overtaking, seed| -> Vec<u64> {
        mixed(overtaking, seed).0.into_iter().filter(|term| term % 2 == 0).collect()
    };
    for seed in 0..20 {
        assert!(looks(Overtaking::Tame, seed).is_sorted());
    }
    assert!(!looks(Overtaking::Wild, 1).is_sorted());
}

#[test]
fn a_frame_that_nothing_overtakes_is_not_put_aside_for_ever() {
    let frames =
        FrameOptions { reorder: always(FrameKinds::CONSENSUS), ..reordering(Overtaking::Tame) };
    let mut driver = with(1, frames);
    let (a, b) = link(&mut driver);
    driver.send(a, &[heartbeat(1), heartbeat(2)].concat());
    driver.run_for(60 * MS);
    assert_eq!(terms(&mut driver, b).len(), 2);

    driver.send(a, &heartbeat(3));
    driver.net.close(driver.now, a);
    driver.run_for(60 * MS);
    assert_eq!(terms(&mut driver, b).len(), 3, "nor lost by a close");
}

/// A frame of minutes ago, of a process that has restarted since, on a connection that is new.
#[test]
fn old_frames_outlive_connections_and_processes() {
    let frames = FrameOptions {
        replay: Rule { ppm: 200_000, kinds: FrameKinds::HEARTBEATS },
        replay_age_min_ns: 100 * SECOND,
        ..Default::default()
    };
    let mut driver = with(1, frames);
    let (a, b) = link(&mut driver);
    for term in 1..=20 {
        driver.send(a, &heartbeat(term));
    }
    driver.run_for(90 * SECOND);
    assert_eq!(terms(&mut driver, b), (1..=20).collect::<Vec<_>>(), "none is old enough");
    driver.net.host_down(driver.now, A, quorate_io_sim::net::Down::Kill);
    driver.net.listen(A, true);
    driver.run_for(30 * SECOND);

    let (a, b) = link(&mut driver);
    for _ in 0..100 {
        driver.send(a, &[heartbeat(50), look(50)].concat());
    }
    driver.run_for(SECOND);
    let old: Vec<_> = terms(&mut driver, b).into_iter().filter(|&term| term < 50).collect();
    assert!(!old.is_empty());
    assert_eq!(driver.net.struck().frames_replayed, old.len() as u64);
    let naive_highest_term = terms(&mut driver, b).pop();
    assert!(naive_highest_term == Some(50) || old.contains(&naive_highest_term.expect("some")));
}

#[test]
fn handshakes_and_requests_are_left_alone_unless_asked_for() {
    let rule = Rule { ppm: ALWAYS, ..Rule::default() };
    let wild = FrameOptions {
        lose: rule,
        duplicate: rule,
        reorder: rule,
        replay: rule,
        ..Default::default()
    };
    let mut driver = with(1, wild);
    let (a, b) = link(&mut driver);
    let mut hello = BytesMut::new();
    Handshake::Reject(Reject::Busy).encode(&mut hello);
    let sent = [&hello[..], &forward(1), &peer(&PeerMessage::KeepAlive)].concat();
    driver.send(a, &sent);
    driver.run_for(SECOND);
    assert_eq!(driver.bytes(b)[8..], sent);
}

#[test]
fn clients_and_foreign_streams_are_not_looked_into() {
    let wild = FrameOptions { lose: always(FrameKinds::ALL), ..Default::default() };
    let mut driver = with(1, wild);
    let (client, server) = driver.connected(HostId(4), A);
    let sent = [&MAGIC[..], &heartbeat(1)].concat();
    driver.send(client, &sent);
    let (a, b) = driver.connected(A, B);
    driver.send(a, b"GET / HTTP/1.1\r\n\r\n");
    let (c, d) = driver.connected(A, B);
    driver.send(c, &[&MAGIC[..], &[0xFF; 30]].concat());
    driver.run_for(SECOND);
    assert_eq!(driver.bytes(server), sent);
    assert_eq!(driver.bytes(b), b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(driver.bytes(d)[8..], [0xFF; 30]);
}

#[test]
fn frames_are_found_however_they_are_sent() {
    let lose = always(FrameKinds::HEARTBEATS);
    for size in [1, 3, 7, 20, 45, 1000] {
        let mut driver = with(1, FrameOptions { lose, ..Default::default() });
        let (a, b) = driver.connected(A, B);
        let all =
            [&MAGIC[..], &look(1), &heartbeat(2), &look(3), &heartbeat(4), &forward(5)].concat();
        for piece in all.chunks(size) {
            driver.send(a, piece);
            assert!(driver.net.unsent(a) == 0);
        }
        driver.run_for(SECOND);
        assert_eq!(terms(&mut driver, b), [1, 3], "in pieces of {size}");
        assert_eq!(driver.heard(a).room, all.len() as u64);
    }
}

#[test]
fn half_a_frame_leaves_with_a_close() {
    let mut driver = Driver::with(1, |_| {});
    let (a, b) = link(&mut driver);
    let half = look(1).slice(..15);
    driver.send(a, &half);
    driver.run_for(SECOND);
    assert_eq!(driver.bytes(b).len(), 8);
    driver.net.close(driver.now, a);
    driver.run_for(SECOND);
    assert_eq!(driver.bytes(b)[8..], half);
}

#[test]
fn faults_of_frames_come_and_go_while_a_connection_lives() {
    let mut driver = Driver::with(1, |_| {});
    let (a, b) = link(&mut driver);
    driver.send(a, &[heartbeat(1), heartbeat(2).slice(..20)].concat());
    let lose = always(FrameKinds::HEARTBEATS);
    let lossy = FrameOptions { lose, ..Default::default() };
    driver.net.set_link(A, B, LinkOptions { frames: lossy, ..LinkOptions::default() });
    driver.send(a, &[&heartbeat(2)[20..], &heartbeat(3)].concat());
    driver.net.set_links(LinkOptions::default());
    driver.send(a, &heartbeat(4));
    driver.run_for(SECOND);
    assert_eq!(terms(&mut driver, b), [1, 4]);
}
