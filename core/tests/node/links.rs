//! Links: when they are made again, and what goes over them.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use quorate_core::GroupId;
use quorate_core::node::{NodeConfig, Note};
use quorate_core::wire::{Handshake, NotApplied, Outcome, PeerMessage, Reject, RequestBody};

use crate::world::{Host, World, config, hello, node_id};

/// Is the link of the first host to the second up, on both lanes?
fn is_linked(world: &World) -> bool {
    world.hosts[0].node.status().peers[0].is_linked
}

/// Ends all connections between the first two hosts, which may connect again at once.
fn end_links(world: &mut World) {
    world.cut(0, 1);
    world.cuts.clear();
}

#[test]
fn a_link_that_ends_as_soon_as_it_is_up_is_dialed_again_ever_more_slowly() {
    let mut world = World::new(3);
    world.pass(Duration::from_secs(2));
    let before = world.hosts[0].dials;
    for _ in 0..1000 {
        world.pass(Duration::from_millis(10));
        if is_linked(&world) {
            end_links(&mut world);
        }
    }
    let attempts = world.hosts[0].dials - before;
    assert!((20..60).contains(&attempts), "two links, a second apart at most: {attempts}");
}

#[test]
fn a_link_that_was_up_for_long_is_dialed_again_soon() {
    let mut world = World::new(3);
    world.pass(Duration::from_secs(2));
    for _ in 0..10 {
        end_links(&mut world);
        world.pass(Duration::from_millis(1));
        while !is_linked(&world) {
            world.pass(Duration::from_millis(10));
        }
    }
    end_links(&mut world);
    world.pass(Duration::from_millis(400));
    assert!(!is_linked(&world), "it has failed again and again");
    world.pass(Duration::from_secs(3));
    assert!(is_linked(&world));
    end_links(&mut world);
    world.pass(Duration::from_millis(50));
    assert!(is_linked(&world), "it was up for seconds");
}

/// With limits of messages and commands that fit frames of this length.
fn with_frames(id: u64, frame_bytes_max: u32) -> NodeConfig {
    let mut config = config(id, 3);
    config.frame_bytes_max = frame_bytes_max;
    let needed = u64::from(frame_bytes_max) - (128 << 10);
    config.raft.command_bytes_max = config.raft.command_bytes_max.min(needed);
    config.raft.message_bytes_max = config.raft.message_bytes_max.min(needed);
    config
}

fn propose_bytes(world: &mut World, at: usize, id: u64, bytes: usize) {
    world.request(at, id, RequestBody::Propose { command: Bytes::from(vec![7; bytes]) });
}

fn is_bad_bytes(host: &Host) -> bool {
    host.notes.iter().any(|note| matches!(note, Note::BadBytes(_)))
}

/// Both sides name the limits that do not go together.
#[test]
fn a_peer_whose_frames_are_too_small_is_not_linked_to() {
    let mut world = World::of(vec![config(1, 3), with_frames(2, 600_000), config(3, 3)]);
    world.pass(Duration::from_secs(2));
    assert!(!is_linked(&world));
    let why = Reject::FrameTooSmall { bytes_max: 600_000, needed: (1 << 20) + (128 << 10) };
    let is_refusal = |note: &Note| matches!(note, Note::Refused(_, this) if *this == why);
    assert!(world.hosts[0].notes.iter().any(is_refusal));
    assert!(world.hosts[1].notes.contains(&Note::RefusedBy(node_id(1), why)));
    let to_the_larger = world.hosts[1].node.status().peers[0].is_linked;
    assert!(to_the_larger, "what it has to say fits");
    world.elect();
    assert!(!world.hosts.iter().any(is_bad_bytes));
}

/// Clients may send whatever fits the frames of the server that they ask.
#[test]
fn a_command_that_does_not_fit_the_leaders_frames_costs_no_link() {
    let mut world = World::of((1..=3).map(|id| with_frames(id, 1_200_000)).collect());
    let leader = world.elect();
    world.pass(Duration::from_secs(1));
    let follower = (leader + 1) % 3;
    let dials = world.hosts[follower].dials;
    propose_bytes(&mut world, follower, 1, 2 << 20);
    world.pass(Duration::from_secs(1));
    let outcome = world.hosts[follower].outcome(1);
    assert!(matches!(outcome, Outcome::NotApplied(NotApplied::NotLeader { .. })), "{outcome:?}");
    assert_eq!(world.hosts[follower].dials, dials);
    assert!(!is_bad_bytes(&world.hosts[leader]));
    world.propose(follower, 2, "a");
    assert!(matches!(world.hosts[follower].outcome(2), Outcome::Done { .. }));
}

/// An entry from days of larger limits: the peer cannot have it, and people are told why.
#[test]
fn an_entry_that_does_not_fit_a_peers_frames_is_not_sent_but_named() {
    let large = |id| {
        let mut config = config(id, 3);
        config.raft.command_bytes_max = 4 << 20;
        config
    };
    let mut world = World::of((1..=3).map(large).collect());
    world.cuts = vec![(0, 1), (1, 0), (1, 2), (2, 1)];
    let leader = world.elect();
    propose_bytes(&mut world, leader, 1, 3 << 20);
    assert!(matches!(world.hosts[leader].outcome(1), Outcome::Done { .. }));
    let next_life = |config| NodeConfig { boot: 1, ..config };
    for (at, config) in
        [config(1, 3), with_frames(2, 1_200_000), config(3, 3)].into_iter().enumerate()
    {
        world.restart(at, next_life(config));
    }
    world.cuts.clear();
    let leader = world.elect();
    world.pass(Duration::from_secs(10));
    assert!(!world.hosts.iter().any(is_bad_bytes));
    let is_name = |why: &Reject| matches!(why, Reject::FrameTooSmall { bytes_max: 1_200_000, needed } if *needed > 3 << 20);
    let refused = |note: &&Note| matches!(note, Note::Refused(_, why) if is_name(why));
    let times = world.hosts[leader].notes.iter().filter(refused).count();
    assert!((5..30).contains(&times), "ever more slowly: {times}");
    let is_told = |note: &Note| matches!(note, Note::RefusedBy(_, why) if is_name(why));
    assert!(world.hosts[1].notes.iter().any(is_told));
    world.propose(leader, 2, "a");
    assert!(matches!(world.hosts[leader].outcome(2), Outcome::Done { .. }), "the others go on");
}

/// Signs of life would else fill up the frame that it promises, and keep the link from ending.
#[test]
fn a_damaged_length_ends_the_link_at_once() {
    let mut world = World::new(3);
    let peer = world.connect(0);
    world.send_handshake(&peer, &Handshake::Hello(hello()));
    let mut sign = BytesMut::new();
    PeerMessage::KeepAlive.encode(GroupId(0), &mut sign);
    world.send(&peer, &sign);
    assert!(world.is_open(&peer));
    sign[2] ^= 1 << 6;
    world.send(&peer, &sign);
    assert!(!world.is_open(&peer), "it promises 4 MiB");
    assert!(is_bad_bytes(&world.hosts[0]));
}
