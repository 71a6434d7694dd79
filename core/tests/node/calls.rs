//! Calls of functions that a server offers beside the log.

use std::time::Duration;

use crate::world::{World, config, done};
use bytes::Bytes;
use quorate_core::RequestId;
use quorate_core::node::{Called, Input};
use quorate_core::wire::{FunctionId, NotApplied, Outcome, RequestBody, ServiceId, Unknown};

const SERVICE: ServiceId = ServiceId::named("echo");
const FUNCTION: FunctionId = FunctionId::declared("say(String) -> String");

fn call_within(within_ms: u32) -> RequestBody {
    let arguments = Bytes::from_static(b"hello");
    RequestBody::Call { service: SERVICE, function: FUNCTION, within_ms, arguments }
}

fn call() -> RequestBody {
    call_within(60_000)
}

/// The driver says what came of it.
fn end(world: &mut World, at: usize, id: RequestId, called: Called) {
    world.hosts[at].inputs.push(Input::Called { id, called });
    world.settle();
}

/// The only call that a server is carrying out.
fn only(world: &World, at: usize) -> RequestId {
    let [call] = &world.hosts[at].calls[..] else { panic!("{:?}", world.hosts[at].calls) };
    call.id
}

fn answered() -> Called {
    Called::Answered(Bytes::from_static(b"hello!"))
}

#[test]
fn a_call_is_carried_out_by_the_server_that_was_asked_without_any_leader() {
    let mut world = World::new(3);
    world.request(1, 7, call());
    let call = world.hosts[1].calls[0].clone();
    assert_eq!((call.service, call.function), (SERVICE, FUNCTION));
    assert_eq!(call.arguments, "hello");
    assert_eq!(world.hosts[1].node.status().calls, 1);
    assert_eq!(world.hosts[1].node.status().requests, 0);
    end(&mut world, 1, call.id, answered());
    assert_eq!(done(world.hosts[1].outcome(7)), b"hello!");
    assert_eq!(world.hosts[1].node.status().calls, 0);
    // Once.
    end(&mut world, 1, call.id, answered());
}

#[test]
fn each_end_of_a_call_says_whether_it_may_have_been_carried_out() {
    let too_long = Called::Answered(Bytes::from(vec![0; (8 << 20) - 255]));
    let ends = [
        (Called::NotOffered, Outcome::NotApplied(NotApplied::NotOffered)),
        (Called::Unreadable, Outcome::NotApplied(NotApplied::Invalid)),
        (Called::Failed, Outcome::Unknown(Unknown::NoAnswer)),
        (too_long, Outcome::Unknown(Unknown::NoAnswer)),
    ];
    let mut world = World::new(1);
    for (name, (called, outcome)) in (1..).zip(ends) {
        world.request(0, name, call());
        let id = only(&world, 0);
        end(&mut world, 0, id, called);
        assert_eq!(world.hosts[0].outcome(name), &outcome);
        world.hosts[0].calls.clear();
    }
}

#[test]
fn the_longest_answer_fits_into_a_frame() {
    let mut world = World::new(1);
    let client = world.connect_as_client(0);
    world.send_request(&client, 1, call());
    let id = only(&world, 0);
    let longest = (8 << 20) - 256;
    end(&mut world, 0, id, Called::Answered(Bytes::from(vec![0; longest])));
    let response = world.next_response(&client).expect("an answer");
    assert_eq!(done(&response.outcome).len(), longest);
}

#[test]
fn a_call_that_takes_too_long_is_dropped_and_in_doubt() {
    let mut world = World::new(3);
    world.elect();
    world.request(0, 1, call_within(2_000));
    world.pass(Duration::from_millis(1_900));
    assert_eq!(world.hosts[0].calls.len(), 1);
    assert!(!world.hosts[0].responses.contains_key(&1));
    world.pass(Duration::from_millis(600));
    assert!(world.hosts[0].calls.is_empty());
    assert_eq!(world.hosts[0].outcome(1), &Outcome::Unknown(Unknown::Timeout));
}

#[test]
fn calls_are_dropped_with_the_connection_that_they_came_by() {
    let mut world = World::new(3);
    world.elect();
    let (gone, stays) = (world.connect_as_client(0), world.connect_as_client(0));
    for id in [1, 2] {
        world.send_request(&gone, id, call());
    }
    world.send_request(&stays, 3, call());
    world.request(0, 4, call());
    let id = world.far_end(&gone);
    world.hosts[0].inputs.push(Input::Closed(id));
    world.settle();
    assert_eq!(world.hosts[0].calls.len(), 2);
    let id = world.hosts[0].calls[0].id;
    end(&mut world, 0, id, answered());
    assert_eq!(world.next_response(&stays).map(|response| response.id), Some(3));
    assert_eq!(world.hosts[0].node.status().calls, 1);
}

#[test]
fn so_many_and_so_much_is_carried_out_at_a_time_and_the_log_goes_on() {
    let configs = (1..=3).map(|id| {
        let mut config = config(id, 3);
        (config.calls_max, config.calls_bytes_max, config.requests_max) = (3, 10, 1);
        config
    });
    let mut world = World::of(configs.collect());
    let leader = world.elect();
    for name in 1..=3 {
        world.request(leader, name, call());
    }
    let busy = Outcome::NotApplied(NotApplied::Busy);
    assert_eq!(world.hosts[leader].outcome(3), &busy, "15 bytes are more than 10");
    for name in 4..=5 {
        let arguments = Bytes::new();
        let (service, function, within_ms) = (SERVICE, FUNCTION, 60_000);
        world.request(leader, name, RequestBody::Call { service, function, within_ms, arguments });
    }
    assert!(!world.hosts[leader].responses.contains_key(&4));
    assert_eq!(world.hosts[leader].outcome(5), &busy, "4 are more than 3");
    world.propose(leader, 6, "a");
    assert_eq!(done(world.hosts[leader].outcome(6)), b"did a");
    let first = world.hosts[leader].calls[0].id;
    end(&mut world, leader, first, answered());
    world.request(leader, 7, call());
    assert!(!world.hosts[leader].responses.contains_key(&7), "there is room again");
}

#[test]
fn a_server_that_stops_ends_what_is_under_way_and_takes_nothing_new() {
    let mut world = World::new(1);
    world.elect();
    world.request(0, 1, call());
    world.hosts[0].inputs.push(Input::Stop);
    world.settle();
    assert!(!world.hosts[0].is_stopped);
    world.request(0, 2, call());
    assert_eq!(world.hosts[0].outcome(2), &Outcome::NotApplied(NotApplied::ShuttingDown));
    let id = only(&world, 0);
    end(&mut world, 0, id, answered());
    assert_eq!(done(world.hosts[0].outcome(1)), b"hello!");
    assert!(world.hosts[0].is_stopped);
}

#[test]
fn a_server_that_has_to_stop_leaves_what_is_under_way_in_doubt() {
    let mut world = World::new(1);
    world.elect();
    world.request(0, 1, call());
    world.hosts[0].inputs.push(Input::Stop);
    world.pass(Duration::from_secs(6));
    assert!(world.hosts[0].is_stopped);
    assert_eq!(world.hosts[0].outcome(1), &Outcome::Unknown(Unknown::ShutDown));
}
