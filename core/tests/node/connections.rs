//! Links and strangers: whom a node believes, and when it lets go.

use std::time::Duration;

use crate::world::{World, config, hello, node_id};
use bytes::{Bytes, BytesMut};
use quorate_core::wire::{Frame, Handshake, Hello, Reject, Service};
use quorate_core::{ClusterId, GroupId, Incarnation};

#[test]
fn strangers_are_told_why_they_are_refused() {
    let mut world = World::new(3);
    world.elect();
    let hello = hello();
    let cases = [
        (Hello { cluster: ClusterId(1), ..hello }, Reject::WrongCluster),
        (Hello { to: node_id(3), ..hello }, Reject::WrongNode),
        (Hello { from: node_id(9), ..hello }, Reject::UnknownNode),
        (Hello { incarnation: Incarnation(99), ..hello }, Reject::StaleIncarnation),
        (
            Hello { wire_min: 7, wire_max: 8, ..hello },
            Reject::UnsupportedVersion { wire_min: 1, wire_max: 1 },
        ),
    ];
    for (hello, why) in cases {
        let stranger = world.connect(0);
        world.send_handshake(&stranger, &Handshake::Hello(hello));
        assert_eq!(world.next_handshake(&stranger), Some(Handshake::Reject(why)));
        assert!(!world.is_open(&stranger));
    }
    let peer = world.connect(0);
    world.send_handshake(&peer, &Handshake::Hello(hello));
    assert!(matches!(world.next_handshake(&peer), Some(Handshake::Welcome(_))));
}

/// Whoever is at a peer's address is the peer; whoever only says so is believed until then.
#[test]
fn a_stranger_that_claims_a_peers_name_locks_nobody_out() {
    let mut world = World::new(3);
    world.cuts = vec![(0, 1)];
    let false_hello = Handshake::Hello(Hello { incarnation: Incarnation(99), ..hello() });
    let stranger = world.connect(0);
    world.send_handshake(&stranger, &false_hello);
    assert!(matches!(world.next_handshake(&stranger), Some(Handshake::Welcome(_))));
    world.pass(Duration::from_millis(200));
    assert!(world.hosts[1].node.status().peers[0].is_linked, "the true one gets in, too");
    assert!(world.is_open(&stranger));
    world.cuts.clear();
    world.pass(Duration::from_millis(500));
    assert!(!world.is_open(&stranger), "before it could have been silent for too long");
    let again = world.connect(0);
    world.send_handshake(&again, &false_hello);
    assert_eq!(world.next_handshake(&again), Some(Handshake::Reject(Reject::StaleIncarnation)));
    assert!(world.hosts[0].node.status().peers[0].is_linked);
    assert!(world.hosts[1].node.status().peers[0].is_linked);
}

#[test]
fn bytes_that_make_no_sense_end_the_connection() {
    // FAULTS N01, N02, N12
    let mut world = World::new(1);
    world.elect();
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00",
        b"SSH-2.0-x",
        b"\xD1quorate\xFF\xFF\xFF\x7F",
    ] {
        let stranger = world.connect(0);
        world.send(&stranger, bytes);
        assert!(!world.is_open(&stranger), "{bytes:?}");
    }
    let client = world.connect_as_client(0);
    world.send(
        &client,
        &[
            0x20, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
            21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36,
        ],
    );
    assert!(!world.is_open(&client), "a wrong checksum");
}

/// FAULTS N12: how a newer build may say more than an older one knows.
#[test]
fn what_may_be_ignored_is_ignored() {
    let mut world = World::new(1);
    world.elect();
    let client = world.connect_as_client(0);
    for (ignorable, stays) in [(true, true), (false, false)] {
        let header = Bytes::from_static(&[99]);
        let (service, group, payload) = (Service::Client, GroupId(0), Bytes::new());
        let mut bytes = BytesMut::new();
        Frame { service, group, ignorable, header, payload }.encode(&mut bytes);
        world.send(&client, &bytes);
        assert_eq!(world.is_open(&client), stays);
    }
}

#[test]
fn a_peer_speaks_for_itself_only() {
    let mut world = World::new(3);
    world.elect();
    let peer = world.connect(0);
    world.send_handshake(&peer, &Handshake::Hello(hello()));
    assert!(world.is_open(&peer));
    let forged = quorate_core::Message {
        from: node_id(3),
        to: node_id(1),
        term: quorate_core::Term(1 << 20),
        rpc: quorate_core::Rpc::RequestVoteReply(quorate_core::RequestVoteReply { granted: true }),
    };
    let mut bytes = bytes::BytesMut::new();
    forged.encode(quorate_core::GroupId(0), &mut bytes);
    world.send(&peer, &bytes);
    assert!(!world.is_open(&peer));
    assert!(world.hosts[0].node.raft().status().hard_state.term < quorate_core::Term(1 << 20));
}

#[test]
fn whoever_says_nothing_is_let_go() {
    // FAULTS N06
    let mut world = World::new(1);
    world.elect();
    let silent = world.connect(0);
    world.pass(Duration::from_secs(2));
    assert!(world.is_open(&silent));
    world.pass(Duration::from_secs(2));
    assert!(!world.is_open(&silent));
}

/// FAULTS N06: those who say nothing make room for whoever does.
#[test]
fn a_crowd_of_strangers_keeps_no_peer_out() {
    let mut only_three = config(1, 3);
    only_three.strangers_max = 3;
    let mut world = World::of(vec![only_three, config(2, 3), config(3, 3)]);
    world.pass(Duration::from_secs(1));
    let before = world.hosts[0].node.status().connections;
    let crowd: Vec<_> = (0..20).map(|_| world.connect(0)).collect();
    assert_eq!(world.hosts[0].node.status().connections, before + 3);
    assert_eq!(world.next_handshake(&crowd[0]), Some(Handshake::Reject(Reject::Busy)));
    let is_open: Vec<_> = crowd.iter().map(|stranger| world.is_open(stranger)).collect();
    assert!(is_open[..17].iter().all(|open| !open) && is_open[17..].iter().all(|open| *open));
    let peer = world.connect(0);
    world.send_handshake(&peer, &Handshake::Hello(hello()));
    assert!(matches!(world.next_handshake(&peer), Some(Handshake::Welcome(_))));
}

#[test]
fn connections_that_a_peer_has_replaced_go_first() {
    let mut world = World::new(3);
    let links: Vec<_> = (0..6)
        .map(|_| {
            let link = world.connect(0);
            world.send_handshake(&link, &Handshake::Hello(hello()));
            link
        })
        .collect();
    let is_open: Vec<_> = links.iter().map(|link| world.is_open(link)).collect();
    assert_eq!(is_open, [false, false, true, true, true, true]);
}

#[test]
fn a_lost_link_is_dialed_again_ever_more_slowly() {
    let mut world = World::new(3);
    world.elect();
    world.cut(0, 1);
    let before = world.hosts[0].dials;
    world.pass(Duration::from_secs(10));
    let attempts = world.hosts[0].dials - before;
    assert!((20..60).contains(&attempts), "two links, a second apart at most: {attempts}");
    world.cuts.clear();
    world.pass(Duration::from_secs(2));
    assert!(world.hosts[0].node.status().peers.iter().all(|peer| peer.is_linked));
}

/// FAULTS P09: its host is gone, and no connection says so.
#[test]
fn a_peer_that_vanished_is_noticed_and_dialed_until_it_is_back() {
    let mut world = World::new(3);
    world.elect();
    let peer = |world: &World, at: usize| world.hosts[at].node.status().peers[0];
    let before = world.hosts[0].node.status().connections;
    world.gaps = vec![(0, 1), (1, 0)];
    world.pass(Duration::from_millis(700));
    assert!(peer(&world, 0).is_linked && peer(&world, 1).is_linked, "it may be busy");
    world.pass(Duration::from_millis(400));
    assert!(!peer(&world, 0).is_linked && !peer(&world, 1).is_linked);
    let half = before - 4;
    assert_eq!(world.hosts[0].node.status().connections, half, "the peer's own links are gone too");
    world.gaps.clear();
    // An attempt that got no answer is given up, and the next one starts a little later.
    world.pass(Duration::from_secs(5));
    assert!(peer(&world, 0).is_linked && peer(&world, 1).is_linked);
    assert_eq!(world.hosts[0].node.status().connections, before);
}

#[test]
fn links_that_have_nothing_to_carry_stay() {
    let mut world = World::new(3);
    world.pass(Duration::from_secs(1));
    let before: Vec<_> = world.hosts.iter().map(|host| host.dials).collect();
    world.pass(Duration::from_secs(60));
    assert_eq!(world.hosts.iter().map(|host| host.dials).collect::<Vec<_>>(), before);
}
