//! Whom a call is for: the leader, who has to be found, or one server by its address.

use std::borrow::ToOwned;
use std::vec;

use quorate_core::NodeId;
use quorate_core::wire::{NotApplied, Outcome};

use super::world::{World, applied, courier_as_given, millis, not_leader, query, world};
use crate::courier::*;

#[test]
fn the_leader_is_found_by_looking() {
    let mut world = world(&["a:1"]);
    world.call(1, query(), millis(5000));
    let follower = world.welcome(1);
    let asked = world.heard(follower, Some((2, "b:2")));
    assert_eq!(asked.len(), 1, "a follower passes on what it is asked");
    world.call(2, query(), millis(5000));
    assert_eq!(world.dials.last().unwrap().1, "b:2");

    let leader = world.welcome(2);
    world.call(3, query(), millis(5000));
    assert_eq!(world.heard(leader, Some((2, "b:2"))).len(), 1);
    world.respond(follower, asked[0].id, applied());
    assert!(world.only_answer().is_ok(), "what was under way is not forgotten");
}

#[test]
fn a_refusal_that_names_the_leader_leads_there() {
    let (mut world, server, request) = World::with_command_sent(&["a:1"], millis(1000));
    let (leader, address) = (NodeId::new(3), "c:3".to_owned().try_into().ok());
    let why = NotApplied::NotLeader { leader, address };
    world.respond(server, request.id, Outcome::NotApplied(why));
    world.pass(millis(20));
    assert_eq!(world.dials.last().unwrap().1, "c:3");
}

/// A client that was told of one server only, which leads, and is gone some day.
#[test]
fn whoever_knows_one_server_learns_of_the_others() {
    let mut world = world(&["a:1"]);
    world.members = vec![
        (NodeId::new(1).unwrap(), "a:1".to_owned().try_into().unwrap()),
        (NodeId::new(2).unwrap(), "b:2".to_owned().try_into().unwrap()),
    ];
    world.call(1, query(), millis(5000));
    let leader = world.welcome(1);
    for request in world.leader_heard(leader) {
        world.respond(leader, request.id, applied());
    }
    assert_eq!(world.dials.len(), 1, "nobody else is needed");
    world.lose(leader);
    world.call(2, query(), millis(5000));
    world.pass(millis(50));
    let dialed: Vec<_> = world.dials[1..].iter().map(|dial| &dial.1[..]).collect();
    assert!(dialed.contains(&"b:2"), "{dialed:?}");
}

#[test]
fn hints_are_not_followed_where_only_given_addresses_work() {
    let mut world = World { courier: courier_as_given("a:1"), ..world(&[]) };
    world.call(1, query(), millis(1000));
    let server = world.welcome(1);
    world.heard(server, Some((2, "b:2")));
    world.call(2, query(), millis(1000));
    world.pass(millis(500));
    assert_eq!(world.dials.len(), 1);
}

/// An address that was given to another server, or a detour on the way: the connection that was made
/// then leads to somebody who sends us to where we seem to be.
#[test]
fn a_connection_that_leads_to_another_than_its_address_says_is_made_anew() {
    let mut world = world(&["a:1", "b:1"]);
    world.call(1, query(), millis(5000));
    let wrong = world.welcome(4);
    let asked = world.dials.last().unwrap().1.clone();
    for request in world.heard(wrong, Some((1, &asked))) {
        world.respond(wrong, request.id, not_leader());
    }
    assert_eq!(world.closed, [wrong]);
    world.pass(millis(50));
    let other = world.welcome(2);
    assert_ne!(world.dials.last().unwrap().1, asked, "it has its time to come to itself");
    for request in world.heard(other, Some((1, &asked))) {
        world.respond(other, request.id, not_leader());
    }
    world.pass(millis(50));
    assert_eq!(world.dials.last().unwrap().1, asked);
    let right = world.welcome(1);
    world.call(2, query(), millis(1000));
    assert!(!world.heard(right, Some((1, &asked))).is_empty(), "calls go there");
    assert_eq!(world.closed, [wrong]);
}

#[test]
fn a_server_that_knows_no_leader_is_left_for_another() {
    let mut world = world(&["a:1", "a:2"]);
    world.call(1, query(), millis(9000));
    let server = world.welcome(1);
    for _ in 0..20 {
        for request in world.heard(server, None) {
            world.respond(server, request.id, not_leader());
        }
        world.pass(millis(50));
    }
    assert!(world.dials.len() > 1);
    assert_ne!(world.dials[0].1, world.dials[1].1);
}

/// Detours that are over by now have led every connection to one server, which has lost its peers: to
/// go from one of these connections to the next finds nobody else, ever.
#[test]
fn connections_that_never_find_a_leader_are_made_anew() {
    let mut world = world(&["a:1", "a:2"]);
    world.call(1, query(), millis(9000));
    let first = world.welcome(3);
    let mut links = vec![first];
    while world.closed.is_empty() {
        if world.dials.len() > links.len() {
            links.push(world.welcome(3));
        }
        for &link in &links {
            for request in world.heard(link, None) {
                world.respond(link, request.id, not_leader());
            }
        }
        world.pass(millis(50));
        assert!(world.now < Instant(0).after(millis(5000)), "nobody is asked but the same");
    }
    assert!(world.now > Instant(0).after(millis(1000)), "an election is no reason");
    while world.dials.len() == links.len() {
        for &link in &links {
            world.heard(link, None);
        }
        world.pass(millis(50));
    }
    assert!(world.dials[..2].contains(&(world.closed[0], world.dials[2].1.clone())));
}

#[test]
fn a_server_that_is_asked_for_itself_is_not_replaced() {
    let mut world = world(&["a:1"]);
    let to = Some("x:9".to_owned());
    let call = NewCall { ask: Ask::Status, to, timeout: millis(1000), token: 1 };
    world.input(Input::Call(call));
    assert_eq!(world.dials.len(), 1);
    assert_eq!(world.dials[0].1, "x:9");
    let id = world.dials[0].0;
    world.lose(id);
    assert_eq!(world.only_answer(), Err(CallError::NotApplied(Reason::Unreachable)));
}

#[test]
fn a_server_that_was_asked_for_itself_gets_no_other_calls() {
    let mut world = World { courier: courier_as_given("a:1"), ..world(&[]) };
    let to = Some("x:9".to_owned());
    let call = NewCall { ask: Ask::Status, to, timeout: millis(1000), token: 1 };
    world.input(Input::Call(call));
    let other = world.welcome(9);
    world.call(2, query(), millis(1000));
    assert!(world.leader_heard(other).is_empty());
    assert_eq!(world.dials.last().unwrap().1, "a:1");
}
