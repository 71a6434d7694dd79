//! Who is to lead leads, as soon as it can.

use std::time::Duration;

use crate::members::leader;
use crate::world::{World, config, done, hello, node_id};
use quorate_core::node::{NodeConfig, Note};
use quorate_core::wire::{Handshake, Hello, RequestBody};

/// The first server is to lead, then the second; the third only if it must.
fn world() -> World {
    World::of([of_priority(1, 10), of_priority(2, 9), of_priority(3, 5)].into())
}

fn of_priority(id: u64, priority: u8) -> NodeConfig {
    let mut config = config(id, 3);
    config.raft.priority = priority;
    config
}

fn isolate(world: &mut World, at: usize) {
    (0..3).filter(|&other| other != at).for_each(|other| world.cut(at, other));
}

/// To whom it has handed over, in order.
fn yielded_to(world: &World, at: usize) -> Vec<u64> {
    let to = |note: &Note| match note {
        Note::Yielding(to) => Some(to.get()),
        _ => None,
    };
    world.hosts[at].notes.iter().filter_map(to).collect()
}

#[test]
fn who_comes_first_is_elected_and_the_next_one_if_that_is_lost() {
    let mut world = world();
    assert_eq!(world.elect(), 0);
    isolate(&mut world, 0);
    world.pass(Duration::from_secs(3));
    assert_eq!(world.hosts[1].node.status().leader, Some(node_id(2)));
    world.propose(1, 1, "a");
    assert_eq!(done(world.hosts[1].outcome(1)), b"did a");
}

/// An operator lets the third lead. It leads for a while, and then gives leadership to the first of
/// those that have been there for as long; so does that one.
#[test]
fn leadership_goes_to_who_comes_first_of_those_that_are_there() {
    let mut world = world();
    let first = world.elect();
    let transfer = RequestBody::TransferLeadership { to: Some(node_id(3)) };
    world.request(first, 1, transfer);
    world.pass(Duration::from_millis(100));
    assert_eq!(leader(&world), 2);

    let timeout = config(1, 3).raft.election_timeout;
    world.pass(timeout * 8);
    world.cut(first, 2);
    world.cuts.clear();
    world.pass(timeout);
    assert_eq!((leader(&world), yielded_to(&world, 2)), (2, vec![]), "for a while");
    world.propose(2, 2, "a");
    world.pass(timeout * 2);
    assert_eq!((leader(&world), yielded_to(&world, 2)), (1, vec![2]), "the first was away");
    world.pass(timeout * 12);
    assert_eq!((leader(&world), yielded_to(&world, 1)), (0, vec![1]));
    assert_eq!(done(world.hosts[2].outcome(2)), b"did a");
    world.pass(timeout * 50);
    assert_eq!((leader(&world), yielded_to(&world, 0)), (0, vec![]), "it stays");
}

/// A connection that comes to nothing, as one whose welcome was late, says nothing of priorities: a leader does
/// not take its peer for the first for that.
#[test]
fn a_connection_that_is_not_used_gives_nobody_leadership() {
    let mut world = world();
    assert_eq!(world.elect(), 0);
    isolate(&mut world, 0);
    let timeout = config(1, 3).raft.election_timeout;
    world.pass(timeout * 30);
    assert_eq!(leader(&world), 1);
    let stray = world.connect(1);
    let NodeConfig { incarnation, boot, .. } = of_priority(3, 5);
    let hello = Hello { from: node_id(3), to: node_id(2), incarnation, boot, ..hello() };
    world.send_handshake(&stray, &Handshake::Hello(hello));
    assert!(matches!(world.next_handshake(&stray), Some(Handshake::Welcome(_))));
    world.pass(timeout * 30);
    assert_eq!((leader(&world), yielded_to(&world, 1)), (1, vec![]));

    // One that has started anew without a word of it has the highest.
    let again = NodeConfig { boot: boot + 1, ..of_priority(3, 10) };
    world.restart(2, again);
    world.pass(timeout * 30);
    assert_eq!((leader(&world), yielded_to(&world, 1)), (2, vec![3]));
}
