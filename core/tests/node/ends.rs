//! How a server stops and starts again.

use std::time::Duration;

use crate::world::{World, config, done};
use quorate_core::node::Input;
use quorate_core::wire::{NotApplied, Outcome, RequestBody};
use quorate_core::{Index, NodeId};

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

/// FAULTS O07: nobody waits for an election timeout when a leader stops.
#[test]
fn a_leader_that_stops_hands_over_first() {
    let mut world = World::new(3);
    let leader = world.elect();
    world.hosts[leader].is_disk_stalled = true;
    world.propose(leader, 1, "a");
    let began = world.now;
    world.hosts[leader].inputs.push(Input::Stop);
    world.settle();
    let next = world.leader().filter(|&next| next != leader);
    let next = next.expect("another leads, and no time has passed");
    assert_eq!(world.now, began);
    world.propose(next, 2, "b");
    assert_eq!(done(world.hosts[next].outcome(2)), b"did b");
    // What was under way there is carried on by the next leader.
    world.hosts[leader].is_disk_stalled = false;
    world.pass(Duration::from_millis(100));
    assert_eq!(done(world.hosts[leader].outcome(1)), b"did a");
    assert!(world.hosts[leader].is_stopped);
}

#[test]
fn a_leader_that_stops_alone_does_not_wait_for_a_successor() {
    let mut world = World::new(3);
    let leader = world.elect();
    for other in (0..3).filter(|&other| other != leader) {
        world.cut(leader, other);
    }
    let began = world.now;
    world.hosts[leader].inputs.push(Input::Stop);
    world.settle();
    world.pass(Duration::from_millis(300));
    assert!(world.hosts[leader].is_stopped, "after {:?}", world.now.since(began));
}

#[test]
fn leadership_is_handed_over_to_whom_a_client_names() {
    let mut world = World::new(3);
    let leader = world.elect();
    let next = (leader + 1) % 3;
    let to = Some(world.hosts[next].node.raft().status().id);
    world.request(next, 1, RequestBody::TransferLeadership { to });
    let elsewhere = world.hosts[next].outcome(1);
    assert!(
        matches!(elsewhere, Outcome::NotApplied(NotApplied::NotLeader { .. })),
        "{elsewhere:?}"
    );
    world.request(leader, 2, RequestBody::TransferLeadership { to });
    assert!(matches!(world.hosts[leader].outcome(2), Outcome::Done { .. }));
    assert_eq!(world.leader(), Some(next));
    let to = NodeId::new(77);
    world.request(next, 3, RequestBody::TransferLeadership { to });
    assert_eq!(world.hosts[next].outcome(3), &Outcome::NotApplied(NotApplied::NoSuccessor));
}

#[test]
fn a_leader_whose_successor_is_gone_leads_on() {
    let mut world = World::new(3);
    let leader = world.elect();
    let gone = (leader + 1) % 3;
    world.cut(leader, gone);
    world.propose(leader, 1, "a");
    let to = Some(world.hosts[gone].node.raft().status().id);
    world.request(leader, 2, RequestBody::TransferLeadership { to });
    world.propose(leader, 3, "b");
    assert_eq!(world.hosts[leader].outcome(3), &Outcome::NotApplied(NotApplied::Busy));
    world.pass(Duration::from_millis(300));
    assert_eq!(world.hosts[leader].outcome(2), &Outcome::NotApplied(NotApplied::TransferTimedOut));
    world.propose(leader, 4, "c");
    assert_eq!(done(world.hosts[leader].outcome(4)), b"did c");
}
