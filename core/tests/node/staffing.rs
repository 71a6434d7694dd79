//! Failed servers are replaced by those that learn, and those by such that stand by.

use std::time::Duration;

use crate::members::leader;
use crate::world::{World, config, done, node_id};
use quorate_core::node::{NodeConfig, NodeConfigError, NodeStatus, Note, Staffing};
use quorate_core::wire::{Address, Outcome, RequestBody};
use quorate_core::{Membership, NodeId, Stopped};

const PATIENCE: Duration = Duration::from_millis(10_020);

fn ids(ids: &[u64]) -> Vec<NodeId> {
    ids.iter().map(|&id| node_id(id)).collect()
}

fn of(voters: &[u64], learners: &[u64], reserves: &[u64]) -> Membership {
    let all = ids(&[voters, learners, reserves].concat());
    let address = |id| (id, Address::new(format!("host:{id}")).expect("an address"));
    let members = Membership::new(ids(voters), [], ids(learners)).expect("members");
    let with_reserves = members.with_reserves(ids(reserves)).expect("others");
    with_reserves.with_addresses(all.into_iter().map(address)).expect("theirs")
}

fn staffed(id: u64) -> NodeConfig {
    let staffing = Some(Staffing { voters: 3, learners: 1, patience: PATIENCE });
    NodeConfig { staffing, ..config(id, 3) }
}

/// Voters 1, 2 and 3, of which the first leads; learner 4; 5 and 6 stand by.
fn six() -> World {
    let mut world = World::of((1..=3).map(staffed).collect());
    let first = world.elect();
    for id in 4..=6 {
        let lonely = NodeConfig { addresses: Vec::new(), ..staffed(id) };
        world.add(lonely, Membership::of_voters(ids(&[1, 2, 3])).expect("voters"));
    }
    let (target, expected) = (of(&[1, 2, 3], &[4], &[5, 6]), None);
    world.request(first, 1, RequestBody::Reconfigure { target, expected, force: false });
    world.pass(Duration::from_secs(5));
    assert!(matches!(world.hosts[first].outcome(1), Outcome::Done { .. }));
    world
}

/// Cut off from everybody.
fn isolate(world: &mut World, at: usize) {
    (0..world.hosts.len()).filter(|&other| other != at).for_each(|other| world.cut(at, other));
}

/// What the leader says of voters, learners and reserves.
fn staff(world: &World) -> [Vec<u64>; 3] {
    staff_of(world, leader(world))
}

fn staff_of(world: &World, at: usize) -> [Vec<u64>; 3] {
    let NodeStatus { voters, learners, reserves, .. } = world.hosts[at].node.status();
    [voters, learners, reserves].map(|list| list.iter().map(|id| id.get()).collect())
}

/// One of the first three that does not lead.
fn follower(world: &World) -> usize {
    (0..3).find(|&at| at != leader(world)).expect("there are three")
}

#[test]
fn a_failed_voter_is_replaced_and_so_is_the_learner_that_takes_its_place() {
    let mut world = six();
    let failed = follower(&world);
    isolate(&mut world, failed);
    world.pass(PATIENCE - Duration::from_secs(1));
    assert_eq!(staff(&world), [vec![1, 2, 3], vec![4], vec![5, 6]], "it may only be slow");
    world.pass(PATIENCE * 3);
    let failed = failed as u64 + 1;
    let voters: Vec<u64> = (1..=4).filter(|&id| id != failed).collect();
    assert_eq!(staff(&world), [voters, vec![5], vec![failed, 6]]);
    let at = leader(&world);
    let noted = |note: &Note| matches!(note, Note::Staffing(target) if target.is_voter(node_id(4)));
    assert!(world.hosts[at].notes.iter().any(noted));
    world.propose(at, 2, "a");
    assert_eq!(done(world.hosts[at].outcome(2)), b"did a");
    world.pass(Duration::from_secs(1));
    assert_eq!(world.hosts[4].commands(), ["a"], "whoever learns has the log");
}

#[test]
fn whoever_comes_back_stands_by_until_it_is_needed() {
    let mut world = six();
    let failed = follower(&world);
    isolate(&mut world, failed);
    world.pass(PATIENCE * 3);
    world.cuts.clear();
    world.pass(Duration::from_secs(5));
    let status = world.hosts[failed].node.status();
    assert!(status.is_removed, "it is told");
    // The others that stand by are used up first: 6, and then it.
    for other in [4, 5] {
        isolate(&mut world, other);
        world.pass(PATIENCE * 3);
    }
    let failed_id = failed as u64 + 1;
    assert_eq!(staff(&world)[1], [failed_id]);
    world.pass(Duration::from_secs(5));
    let status = world.hosts[failed].node.status();
    assert_eq!((status.is_removed, status.learners), (false, vec![node_id(failed_id)]));
}

/// A leader that fails is replaced like any other voter, by the one that is elected.
#[test]
fn a_failed_leader_is_replaced_too() {
    let mut world = six();
    let failed = leader(&world);
    isolate(&mut world, failed);
    world.pass(PATIENCE * 3);
    let leads = |at: &usize| world.hosts[*at].node.status().voters.contains(&node_id(4));
    assert_eq!((0..6).filter(leads).count(), 4, "voters and the learner know");
    assert_eq!(staff_of(&world, (failed + 1) % 3)[1], [5]);
}

/// At the very moment when a server has failed.
#[test]
fn the_policy_steps_back_behind_what_an_operator_asks_for() {
    let mut world = six();
    let failed = follower(&world);
    isolate(&mut world, failed);
    world.pass(PATIENCE - Duration::from_secs(1));
    for id in 100..1200 {
        let (target, at) = (of(&[1, 2, 3], &[4], &[5, 6]), leader(&world));
        // The request is the first thing that happens at its time.
        world.now = world.now.after(Duration::from_millis(1));
        world.request(at, id, RequestBody::Reconfigure { target, expected: None, force: false });
        world.pass(Duration::ZERO);
        // It may not have ended yet, once the policy had its turn in between.
        let outcome = world.hosts[at].responses.get(&id);
        assert!(outcome.is_none_or(|it| matches!(it, Outcome::Done { .. })), "{outcome:?}");
    }
}

#[test]
fn the_policy_waits_for_what_an_operator_has_begun() {
    let mut world = six();
    let (failed, at) = (follower(&world), leader(&world));
    isolate(&mut world, failed);
    isolate(&mut world, 5);
    world.pass(PATIENCE - Duration::from_secs(1));
    let (target, expected) = (of(&[1, 2, 3, 6], &[4], &[5]), None);
    world.request(at, 100, RequestBody::Reconfigure { target, expected, force: false });
    world.pass(PATIENCE);
    let silent = Outcome::Stopped(Stopped::CannotCatchUp(node_id(6)));
    assert_eq!(*world.hosts[at].outcome(100), silent);
    assert!(staff(&world)[0].contains(&4), "then it is its turn");
}

/// Nothing is done without a majority, and nothing by a group that was told nothing.
#[test]
fn a_group_that_cannot_decide_or_was_not_told_to_changes_nothing() {
    let mut world = six();
    let leads = leader(&world);
    (0..3).filter(|&at| at != leads).for_each(|at| isolate(&mut world, at));
    world.pass(PATIENCE * 5);
    assert!((0..6).all(|at| staff_of(&world, at)[0] == [1, 2, 3]));

    let mut world = World::new(3);
    let leader = world.elect();
    isolate(&mut world, (leader + 1) % 3);
    world.pass(PATIENCE * 5);
    assert_eq!(staff(&world)[0], [1, 2, 3]);
}

#[test]
fn a_policy_that_makes_no_sense_is_refused() {
    let check = |staffing| {
        let staffing = Some(staffing);
        NodeConfig { staffing, ..config(1, 3) }.check()
    };
    let sane = Staffing { voters: 3, learners: 1, patience: PATIENCE };
    assert_eq!(check(sane), Ok(()));
    let patience = Duration::from_millis(500);
    let patience_min = Duration::from_millis(600);
    let impatient = Err(NodeConfigError::Impatient { patience, patience_min });
    assert_eq!(check(Staffing { patience, ..sane }), impatient);
    for (voters, learners) in [(0, 1), (32, 1), (3, 97)] {
        let error = Err(NodeConfigError::Staffing { voters, learners });
        assert_eq!(check(Staffing { voters, learners, ..sane }), error);
    }
}
