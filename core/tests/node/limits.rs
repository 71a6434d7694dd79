//! Limits: of clients, requests and memory.

use std::time::Duration;

use crate::world::{World, config, done, hello, node_id};
use bytes::{Bytes, BytesMut};
use quorate_core::node::Note;
use quorate_core::wire::{ClientHello, Handshake, NotApplied, Outcome, Reject, RequestBody};
use quorate_core::{
    AppendEntries, Entries, Entry, GroupId, Index, LogId, Message, Payload, ReplicationId, Round,
    Rpc, Term,
};

#[test]
fn too_many_clients_are_turned_away_and_peers_are_not() {
    let mut only_two = config(1, 3);
    only_two.connections_max = 2;
    let mut world = World::of(vec![only_two, config(2, 3), config(3, 3)]);
    let _first = world.connect_as_client(0);
    let _second = world.connect_as_client(0);
    let third = world.connect(0);
    let client_hello = ClientHello { wire_min: 1, wire_max: 1, cluster: None };
    world.send_handshake(&third, &Handshake::ClientHello(client_hello));
    assert_eq!(world.next_handshake(&third), Some(Handshake::Reject(Reject::Busy)));
    assert!(!world.is_open(&third));
    world.cut(0, 1);
    world.cuts.clear();
    world.pass(Duration::from_secs(1));
    assert!(world.hosts[1].node.status().peers[0].is_linked, "peers get in");
}

#[test]
fn a_state_machine_that_falls_behind_makes_the_server_refuse_commands() {
    // FAULTS O03
    let mut config = config(1, 1);
    config.unapplied_entries_max = 3;
    let mut world = World::of(vec![config]);
    world.elect();
    world.hosts[0].is_machine_stalled = true;
    (1..=6).for_each(|id| world.propose(0, id, "a"));
    assert_eq!(world.hosts[0].outcome(6), &Outcome::NotApplied(NotApplied::Busy));
    world.hosts[0].is_machine_stalled = false;
    world.settle();
    assert_eq!(done(world.hosts[0].outcome(1)), b"did a");
}

#[test]
fn more_requests_than_the_limit_are_refused() {
    let mut config = config(1, 1);
    config.requests_max = 2;
    let mut world = World::of(vec![config]);
    world.elect();
    world.hosts[0].is_disk_stalled = true;
    (1..=3).for_each(|id| world.propose(0, id, "a"));
    assert_eq!(world.hosts[0].outcome(3), &Outcome::NotApplied(NotApplied::Busy));
}

#[test]
fn a_client_that_does_not_read_is_let_go() {
    let mut config = config(1, 1);
    config.unsent_bytes_max = 1000;
    let mut world = World::of(vec![config]);
    world.elect();
    let client = world.connect_as_client(0);
    world.hosts[0].is_network_stalled = true;
    (0..100).for_each(|id| world.send_request(&client, id, RequestBody::Status));
    assert!(!world.is_open(&client));
    assert!(world.hosts[0].notes.iter().any(|note| matches!(note, Note::Stuck(_))));
}

/// What is kept of a small message must not keep alive the buffer that it came in.
#[test]
fn the_memory_of_small_commands_is_near_what_limits_count() {
    const COMMANDS: u64 = 1000;
    let mut world = World::new(1);
    world.elect();
    let client = world.connect_as_client(0);
    let held = allocation_counter::measure(|| {
        for id in 0..COMMANDS {
            let command = Bytes::from_static(&[7; 16]);
            world.send_request(&client, id, RequestBody::Propose { command });
        }
    });
    let counted = COMMANDS * (16 + Entry::OVERHEAD_BYTES);
    // The world's own copies of log and answers included.
    assert!(held.bytes_current < 10 * counted as i64, "{} bytes held", held.bytes_current);
    assert_eq!(world.hosts[0].commands().len() as u64, COMMANDS);
}

#[test]
fn the_memory_of_small_entries_is_near_what_limits_count() {
    const ENTRIES: u64 = 1000;
    let mut world = World::new(3);
    let peer = world.connect(0);
    world.send_handshake(&peer, &Handshake::Hello(hello()));
    let held = allocation_counter::measure(|| {
        for index in 1..=ENTRIES {
            let id = LogId { term: Term(1), index: Index(index) };
            let prev =
                if index == 1 { LogId::ZERO } else { LogId { index: id.index.prev(), ..id } };
            let payload = Payload::Command(Bytes::from_static(&[7; 16]));
            let entries = Entries::new([Entry { id, payload }]).expect("an entry");
            let (replication, round) = (ReplicationId(1), Round(1));
            let append = AppendEntries { replication, round, prev, entries, commit: prev.index };
            let (from, to, rpc) = (node_id(2), node_id(1), Rpc::AppendEntries(append));
            let message = Message { from, to, term: Term(1), rpc };
            let mut bytes = BytesMut::new();
            message.encode(GroupId(0), &mut bytes);
            world.send(&peer, &bytes);
        }
    });
    let counted = ENTRIES * (16 + Entry::OVERHEAD_BYTES);
    assert!(held.bytes_current < 10 * counted as i64, "{} bytes held", held.bytes_current);
    assert_eq!(world.hosts[0].commands().len() as u64, ENTRIES);
}

#[test]
fn a_client_with_nothing_to_say_holds_no_buffers() {
    const CLIENTS: u64 = 100;
    let mut world = World::new(1);
    world.elect();
    let command = Bytes::from(vec![7; 4000]);
    let held = allocation_counter::measure(|| {
        for _ in 0..CLIENTS {
            let client = world.connect_as_client(0);
            let command = command.clone();
            world.send_request(&client, 1, RequestBody::Propose { command });
        }
    });
    // Each command is in the log, and in its answer, which the world keeps.
    assert!(held.bytes_current < 16_000 * CLIENTS as i64, "{} bytes held", held.bytes_current);
}
