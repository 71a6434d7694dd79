//! What a node makes of a disk that cannot be read, or that hangs.

use std::time::Duration;

use quorate_core::node::{Input, LogReader, Note};
use quorate_core::wal::WalError;
use quorate_core::wire::Outcome;
use quorate_core::{Index, RoleKind};

use crate::world::{World, node_id};

fn unreadable() -> WalError {
    WalError::Poisoned { why: "a batch is damaged".into() }
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
    let read = Input::LogRead(LogReader::Peer(peer), Err(unreadable()));
    world.hosts[old].inputs.extend([read.clone(), read]);
    world.settle();
    assert_eq!(world.hosts[old].failure, Some(unreadable()));
    assert_eq!(world.hosts[old].node.deadline(), None);
    let note = Note::LogUnreadable(peer, unreadable());
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
