//! How a server stops and starts again.

use std::time::Duration;

use crate::world::{World, config, done};
use quorate_core::Index;
use quorate_core::node::Input;
use quorate_core::wire::{NotApplied, Outcome};

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
