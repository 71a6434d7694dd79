//! The node, without sockets: what it says, whom it believes, and how requests end.

mod disk;
mod world;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use quorate_core::node::{Input, LogReader, NodeConfig, NodeConfigError, Note};
use quorate_core::wal::WalError;
use quorate_core::wire::{
    ClientHello, Consistency, Frame, Handshake, Hello, NotApplied, Outcome, Reject, RequestBody,
    Service, Unknown,
};
use quorate_core::{
    AppendEntries, ClusterId, Entries, Entry, GroupId, Incarnation, Index, LogId, Message, Payload,
    ReplicationId, RoleKind, Round, Rpc, Term,
};
use world::{CLUSTER, World, config, node_id};

fn query(consistency: Consistency) -> RequestBody {
    RequestBody::Query { consistency, query: Bytes::from_static(b"x") }
}

fn poisoned() -> WalError {
    WalError::Poisoned { why: "a sync failed".into() }
}

fn done(outcome: &Outcome) -> &[u8] {
    match outcome {
        Outcome::Done { answer, .. } => answer,
        outcome => panic!("not done: {outcome:?}"),
    }
}

/// What server 2 says to server 1.
fn hello() -> Hello {
    Hello {
        wire_min: 1,
        wire_max: 1,
        cluster: CLUSTER,
        from: node_id(2),
        to: node_id(1),
        incarnation: Incarnation(2),
        boot: 0,
        frame_bytes_max: 1 << 20,
    }
}

fn other_than(host: usize) -> usize {
    (host + 1) % 3
}

#[test]
fn a_command_is_answered_once_every_server_can_have_it() {
    let mut world = World::new(3);
    let leader = world.elect();
    world.propose(leader, 1, "a");
    assert_eq!(done(world.hosts[leader].outcome(1)), b"did a");
    for host in &world.hosts {
        assert_eq!(host.commands(), ["a"]);
    }
}

#[test]
fn a_follower_passes_commands_on_and_serves_queries_itself() {
    let mut world = World::new(3);
    let follower = other_than(world.elect());
    world.propose(follower, 1, "a");
    assert_eq!(done(world.hosts[follower].outcome(1)), b"did a");
    world.request(follower, 2, query(Consistency::Linearizable));
    assert_eq!(done(world.hosts[follower].outcome(2)), b"saw x");
}

#[test]
fn a_linearizable_query_waits_for_the_state_machine_and_a_stale_one_does_not() {
    let mut world = World::new(3);
    let follower = other_than(world.elect());
    world.hosts[follower].is_machine_stalled = true;
    world.propose(follower, 1, "a");
    world.request(follower, 2, query(Consistency::Linearizable));
    assert!(!world.hosts[follower].responses.contains_key(&2), "entry 2 is not applied here");
    world.hosts[follower].is_machine_stalled = false;
    world.request(follower, 3, query(Consistency::Stale));
    assert_eq!(done(world.hosts[follower].outcome(2)), b"saw x");
    assert_eq!(done(world.hosts[follower].outcome(3)), b"saw x");
}

#[test]
fn a_client_is_answered_over_its_connection() {
    let mut world = World::new(3);
    let leader = world.elect();
    let client = world.connect_as_client(leader);
    world.send_request(&client, 9, RequestBody::Propose { command: Bytes::from_static(b"a") });
    let response = world.next_response(&client).expect("a response");
    assert_eq!((response.id, done(&response.outcome)), (9, &b"did a"[..]));
    world.send_request(&client, 10, RequestBody::Status);
    let response = world.next_response(&client).expect("a response");
    let status: quorate_core::node::NodeStatus =
        postcard::from_bytes(done(&response.outcome)).expect("a status");
    assert_eq!((status.role, status.applied), (RoleKind::Leader, Index(2)));
    assert!(status.peers.iter().all(|peer| peer.is_linked));
}

#[test]
fn without_a_leader_nothing_is_applied() {
    let mut world = World::new(3);
    world.propose(0, 1, "a");
    let none = NotApplied::NotLeader { leader: None, address: None };
    assert_eq!(world.hosts[0].outcome(1), &Outcome::NotApplied(none.clone()));
    world.request(0, 2, query(Consistency::Linearizable));
    assert_eq!(world.hosts[0].outcome(2), &Outcome::NotApplied(none));
}

#[test]
fn a_command_that_no_majority_takes_ends_as_unknown_and_a_query_as_not_applied() {
    let mut world = World::new(3);
    let leader = world.elect();
    (0..3).filter(|&other| other != leader).for_each(|other| world.cut(leader, other));
    world.propose(leader, 1, "a");
    world.request(leader, 2, query(Consistency::Linearizable));
    world.pass(Duration::from_secs(6));
    assert_eq!(world.hosts[leader].outcome(1), &Outcome::Unknown(Unknown::Timeout));
    assert!(matches!(world.hosts[leader].outcome(2), Outcome::NotApplied(_)));
}

#[test]
fn a_command_whose_place_another_leader_gave_away_was_not_applied() {
    let mut world = World::new(3);
    let old = world.elect();
    (0..3).filter(|&other| other != old).for_each(|other| world.cut(old, other));
    world.propose(old, 1, "lost");
    world.pass(Duration::from_secs(3));
    let new = (0..3).find(|&host| {
        host != old && world.hosts[host].node.raft().status().role == RoleKind::Leader
    });
    let new = new.expect("the others elect one of them");
    world.propose(new, 2, "kept");
    world.cuts.clear();
    world.pass(Duration::from_secs(1));
    assert_eq!(
        world.hosts[old].outcome(1),
        &Outcome::NotApplied(NotApplied::LeadershipLost),
        "definite, since another entry is committed in its place"
    );
    assert_eq!(world.hosts[old].commands(), ["kept"]);
}

/// What is cut from a leader's log may live on in another, and be committed by a later leader: only
/// what is committed in its place makes "not applied" definite.
#[test]
fn a_command_whose_place_this_log_gave_away_is_unknown() {
    let patient = |id| {
        let mut config = config(id, 3);
        config.raft.election_timeout = Duration::from_millis(600);
        config.raft.election_jitter = Duration::from_millis(600);
        config
    };
    let mut hasty = config(1, 3);
    hasty.raft.election_timeout = Duration::from_millis(150);
    hasty.raft.election_jitter = Duration::ZERO;
    hasty.request_timeout = Duration::from_secs(60);
    let mut world = World::of(vec![hasty, patient(2), patient(3)]);
    assert_eq!(world.elect(), 0);
    // Three commands that nobody else gets.
    world.cut(0, 1);
    world.cut(0, 2);
    (1..=3).for_each(|id| world.propose(0, id, "lost"));
    world.pass(Duration::from_secs(3));
    let other = (1..3).find(|&at| world.hosts[at].node.raft().status().role == RoleKind::Leader);
    let other = other.expect("the others elect one of them");
    // Its log is cut back to the other leader's first entry, and then it leads again.
    world.cuts.clear();
    world.pass(Duration::from_millis(1500));
    assert_eq!(
        world.hosts[0].outcome(1),
        &Outcome::NotApplied(NotApplied::LeadershipLost),
        "another entry is committed in its place"
    );
    world.cut(other, 0);
    world.cut(other, 3 - other);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.hosts[0].node.raft().status().role, RoleKind::Leader);
    world.hosts[3 - other].is_disk_stalled = true;
    world.propose(0, 4, "new");
    assert_eq!(world.hosts[0].outcome(3), &Outcome::Unknown(Unknown::LeadershipLost));
}

#[test]
fn a_command_that_was_passed_on_is_unknown_once_the_link_breaks() {
    let mut world = World::new(3);
    let leader = world.elect();
    let follower = other_than(leader);
    world.hosts[leader].is_disk_stalled = true;
    (0..3).filter(|&host| host != leader).for_each(|at| world.hosts[at].is_disk_stalled = true);
    world.propose(follower, 1, "a");
    world.request(follower, 2, query(Consistency::Linearizable));
    world.cut(follower, leader);
    assert_eq!(world.hosts[follower].outcome(1), &Outcome::Unknown(Unknown::ConnectionLost));
}

/// The leader still works on what was asked before, under a name that the earlier life gave it.
#[test]
fn an_answer_to_an_earlier_life_answers_no_request_of_this_one() {
    let mut world = World::new(3);
    let leader = world.elect();
    let follower = other_than(leader);
    let other = 3 - leader - follower;
    world.hosts[leader].is_disk_stalled = true;
    world.hosts[other].is_disk_stalled = true;
    world.propose(follower, 1, "a");
    let id = follower as u64 + 1;
    world.restart(follower, NodeConfig { boot: 1, ..config(id, 3) });
    world.pass(Duration::from_millis(500));
    assert_eq!(world.leader(), Some(leader));
    world.propose(follower, 2, "b");
    assert!(!world.hosts[follower].responses.contains_key(&2), "both wait for a majority");
    world.hosts[leader].is_disk_stalled = false;
    world.settle();
    assert_eq!(done(world.hosts[follower].outcome(2)), b"did b");
    assert_eq!(world.hosts[leader].commands(), ["a", "b"]);
}

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

/// It has forgotten its votes and what it acknowledged.
#[test]
fn a_peer_with_a_new_disk_under_its_old_name_is_refused() {
    let mut world = World::new(3);
    world.elect();
    let wiped = NodeConfig { incarnation: Incarnation(99), ..config(2, 3) };
    world.wipe(1, wiped);
    world.pass(Duration::from_secs(3));
    for at in [0, 2] {
        let status = world.hosts[at].node.status();
        assert!(status.peers.iter().any(|peer| peer.id == node_id(2) && !peer.is_linked));
        let is_refusal = |note: &Note| matches!(note, Note::Refused(_, Reject::StaleIncarnation));
        assert!(world.hosts[at].notes.iter().any(is_refusal));
    }
    assert!(world.hosts[1].node.status().peers.iter().all(|peer| !peer.is_linked));
    assert_eq!(world.hosts[1].node.raft().status().leader, None);
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

#[test]
fn a_disk_that_failed_silences_its_server() {
    // FAULTS D01
    let mut world = World::new(3);
    let leader = world.elect();
    world.hosts[leader].inputs.push(Input::DiskFailed(poisoned()));
    world.settle();
    assert_eq!(world.hosts[leader].failure, Some(poisoned()));
    assert_eq!(world.hosts[leader].node.deadline(), None);
    world.propose(leader, 1, "a");
    assert!(world.hosts[leader].responses.is_empty());
    world.pass(Duration::from_secs(3));
    let led = world.hosts.iter().filter(|host| host.node.raft().status().leader.is_some()).count();
    assert!(led >= 2, "the others go on");
}

/// FAULTS O05
#[test]
fn the_others_replace_a_leader_whose_disk_hangs() {
    let mut world = World::new(3);
    let old = world.elect();
    world.hosts[old].is_disk_stalled = true;
    world.propose(old, 1, "a");
    // Two seconds for the disk, and no more than two election timeouts, each at its longest.
    world.pass(Duration::from_millis(2000 + 2 * 600));
    let new = world.leader().expect("a leader");
    assert_ne!(new, old);
    world.propose(new, 2, "b");
    assert_eq!(done(world.hosts[new].outcome(2)), b"did b");
    world.hosts[old].is_disk_stalled = false;
    world.settle();
    assert_eq!(done(world.hosts[old].outcome(1)), b"did a", "the others had it");
}

#[test]
fn a_server_that_cannot_read_its_log_for_the_state_machine_ends() {
    let mut world = World::new(3);
    let leader = world.elect();
    let unreadable = Input::LogRead(LogReader::StateMachine, Err(poisoned()));
    world.hosts[leader].inputs.push(unreadable);
    world.settle();
    assert_eq!(world.hosts[leader].failure, Some(poisoned()));
    assert_eq!(world.hosts[leader].node.deadline(), None);
}

#[test]
fn a_server_that_stops_ends_what_is_under_way_first() {
    let mut world = World::new(1);
    world.elect();
    world.hosts[0].is_disk_stalled = true;
    world.propose(0, 1, "a");
    world.hosts[0].inputs.push(Input::Stop);
    world.settle();
    world.propose(0, 2, "b");
    assert_eq!(world.hosts[0].outcome(2), &Outcome::NotApplied(NotApplied::ShuttingDown));
    assert!(!world.hosts[0].is_stopped);
    world.hosts[0].is_disk_stalled = false;
    world.settle();
    assert_eq!(done(world.hosts[0].outcome(1)), b"did a");
    assert!(world.hosts[0].is_stopped);
    assert_eq!(world.hosts[0].node.deadline(), None);
}

#[test]
fn a_server_that_stops_does_not_wait_for_ever() {
    // FAULTS O07
    let mut world = World::new(1);
    world.elect();
    world.hosts[0].is_disk_stalled = true;
    world.propose(0, 1, "a");
    world.hosts[0].inputs.push(Input::Stop);
    world.pass(Duration::from_secs(6));
    assert!(world.hosts[0].is_stopped);
    assert!(matches!(world.hosts[0].outcome(1), Outcome::Unknown(_)));
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

#[test]
fn a_restarted_state_machine_is_fed_from_the_log() {
    // A server whose memory holds nothing of the old log has it read back, in portions.
    let mut config = config(1, 1);
    config.raft.cached_bytes_max = 0;
    let mut world = World::of(vec![config]);
    world.elect();
    world.hosts[0].is_machine_stalled = true;
    for id in 1..=20 {
        world.propose(0, id, "a");
    }
    world.hosts[0].is_machine_stalled = false;
    world.settle();
    assert!((1..=20).all(|id| done(world.hosts[0].outcome(id)) == b"did a"));
    assert_eq!(world.hosts[0].node.status().applied, Index(21));
}

#[test]
fn frames_that_cannot_hold_the_messages_are_a_mistake() {
    let mut small = config(1, 1);
    small.frame_bytes_max = 1 << 20;
    assert!(matches!(small.check(), Err(NodeConfigError::FrameTooSmall { .. })));
}
