//! Disks that fail or hang, and logs that cannot be read.

use std::time::Duration;

use crate::world::{World, config, done, node_id};
use quorate_core::node::{Input, LogReader, NodeConfig, Note};
use quorate_core::wal::WalError;
use quorate_core::wire::{Consistency, NotApplied, Outcome, Reject, RequestBody};
use quorate_core::{Incarnation, Index, RoleKind};

fn poisoned() -> WalError {
    WalError::Poisoned { why: "a sync failed".into() }
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
    assert!(matches!(world.hosts[1].disowned, Some((_, Reject::StaleIncarnation))), "it ends");
    assert_eq!(world.hosts[1].node.deadline(), None);
}

#[test]
fn a_peer_whose_new_disk_began_without_a_say_comes_back_and_the_old_disk_does_not() {
    let mut world = World::new(3);
    let leader = world.elect();
    let lost = (leader + 1) % 3;
    let id = lost as u64 + 1;
    let joined = |at| NodeConfig {
        incarnation: Incarnation(99 + u128::from(at)),
        joined: Some(at),
        ..config(id, 3)
    };
    world.wipe(lost, joined(1));
    assert!(world.hosts[lost].node.status().is_forgetful);
    world.pass(Duration::from_secs(3));
    let status = world.hosts[lost].node.status();
    assert!(!status.is_forgetful && status.peers.iter().all(|peer| peer.is_linked));
    let leader = world.leader().expect("a leader");
    assert_eq!(world.hosts[leader].node.status().forgetful, []);
    for disk in [config(id, 3), joined(0)] {
        world.wipe(lost, disk);
        world.pass(Duration::from_secs(3));
        let disowned = world.hosts[lost].disowned;
        assert!(matches!(disowned, Some((_, Reject::StaleIncarnation))), "{disowned:?}");
    }
    world.wipe(lost, joined(2));
    world.pass(Duration::from_secs(3));
    assert!(!world.hosts[lost].node.status().is_forgetful, "another replacement");
}

#[test]
fn an_old_copy_of_a_disk_is_known_by_its_count_of_starts() {
    let mut world = World::new(3);
    let leader = world.elect();
    let copied = (leader + 1) % 3;
    let start = |boot| NodeConfig { boot, ..config(copied as u64 + 1, 3) };
    world.restart(copied, start(5));
    world.pass(Duration::from_secs(3));
    world.restart(copied, start(6));
    world.pass(Duration::from_secs(3));
    assert!(world.hosts[copied].node.status().peers.iter().all(|peer| peer.is_linked));
    world.restart(copied, start(5));
    world.pass(Duration::from_secs(3));
    let disowned = world.hosts[copied].disowned;
    assert!(matches!(disowned, Some((_, Reject::StaleBoot))), "{disowned:?}");
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

#[test]
fn a_state_machine_that_cannot_go_on_ends_its_server() {
    let mut world = World::new(3);
    let leader = world.elect();
    world.hosts[leader].inputs.push(Input::Unfit("it lacks a lamp".to_owned()));
    world.settle();
    assert_eq!(world.hosts[leader].unfit.as_deref(), Some("it lacks a lamp"));
    assert_eq!((&world.hosts[leader].failure, world.hosts[leader].node.deadline()), (&None, None));
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

/// It could answer only once its disk does; the leader answers now.
#[test]
fn a_follower_whose_disk_hangs_sends_readers_to_the_leader() {
    let mut world = World::new(3);
    let leader = world.elect();
    let follower = (leader + 1) % 3;
    world.hosts[follower].is_disk_stalled = true;
    world.propose(leader, 1, "a");
    world.pass(Duration::from_millis(1900));
    let read = |consistency| RequestBody::Query { consistency, query: "x".into() };
    world.request(follower, 2, read(Consistency::Linearizable));
    assert!(!world.hosts[follower].responses.contains_key(&2), "the disk may only be slow");
    world.pass(Duration::from_millis(500));
    world.request(follower, 3, read(Consistency::Linearizable));
    let leads = world.hosts[leader].node.raft().status().id;
    for asked in [2, 3] {
        let outcome = world.hosts[follower].outcome(asked);
        let Outcome::NotApplied(NotApplied::NotLeader { leader: Some(hint), address: Some(_) }) =
            outcome
        else {
            panic!("{outcome:?}");
        };
        assert_eq!(*hint, leads);
    }
    world.request(follower, 4, read(Consistency::Stale));
    assert!(is_done(world.hosts[follower].outcome(4)), "a stale read waits for nothing");
    world.propose(follower, 5, "b");
    assert!(is_done(world.hosts[follower].outcome(5)), "the leader carries it out and says so");

    world.hosts[follower].is_disk_stalled = false;
    world.settle();
    world.request(follower, 6, read(Consistency::Linearizable));
    assert!(is_done(world.hosts[follower].outcome(6)));
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

fn is_done(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Done { .. })
}

/// It would try, fail and note it for ever, and the peer would never catch up.
#[test]
fn a_server_that_cannot_read_its_log_for_a_peer_says_so_once_and_gives_way_to_another() {
    let mut world = World::new(3);
    let old = world.elect();
    let peer = node_id(if old == 0 { 2 } else { 1 });
    let read = Input::LogRead(LogReader::Peer(peer), Err(poisoned()));
    world.hosts[old].inputs.extend([read.clone(), read]);
    world.settle();
    assert_eq!(world.hosts[old].failure, Some(poisoned()));
    assert_eq!(world.hosts[old].node.deadline(), None);
    let note = Note::LogUnreadable(peer, poisoned());
    assert_eq!(world.hosts[old].notes.iter().filter(|&said| *said == note).count(), 1);
    // Its process has ended, and its connections with it.
    (0..3).filter(|&other| other != old).for_each(|other| world.cut(old, other));
    world.pass(Duration::from_secs(3));
    let leads = |at: &usize| world.hosts[*at].node.raft().status().role == RoleKind::Leader;
    let new = (0..3).filter(|&at| at != old).find(leads).expect("a leader");
    world.propose(new, 1, "a");
    assert!(is_done(world.hosts[new].outcome(1)));
}

#[test]
fn a_log_that_no_longer_holds_what_a_peer_was_to_get_is_not_damaged() {
    let mut world = World::new(3);
    let leader = world.elect();
    let peer = node_id(if leader == 0 { 2 } else { 1 });
    let gone = WalError::NotInLog { index: Index(1), first: Index(2), last: Index(2) };
    world.hosts[leader].inputs.push(Input::LogRead(LogReader::Peer(peer), Err(gone)));
    world.settle();
    world.propose(leader, 1, "a");
    assert!(is_done(world.hosts[leader].outcome(1)));
}

#[test]
fn a_server_alone_waits_for_its_disk_and_carries_on_with_it() {
    let mut world = World::new(1);
    world.elect();
    let term = world.hosts[0].node.status().term;
    world.hosts[0].notes.clear();
    world.hosts[0].is_disk_stalled = true;
    world.propose(0, 1, "a");
    world.pass(Duration::from_secs(4));
    assert!(!world.hosts[0].responses.contains_key(&1), "it is not durable");
    world.hosts[0].is_disk_stalled = false;
    world.settle();
    assert!(is_done(world.hosts[0].outcome(1)), "at once");
    assert_eq!(world.hosts[0].node.status().term, term);
    let changes = world.hosts[0].notes.iter();
    assert!(!changes.clone().any(|note| matches!(note, Note::RoleChanged(_))));
}
