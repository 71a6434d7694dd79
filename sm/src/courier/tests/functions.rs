//! Functions that servers offer beside the log.

use std::vec::Vec;

use quorate_core::wire::{
    Decoder, FunctionId, NotApplied, Outcome, Request, RequestBody, ServiceId, Unknown,
};

use super::world::{World, applied, done, millis, query, world};
use crate::courier::*;

const SERVICE: ServiceId = ServiceId::named("echo");
const FUNCTION: FunctionId = FunctionId::declared("say() -> ()");

fn function() -> Ask {
    let arguments = Bytes::from_static(b"words");
    Ask::Call { service: SERVICE, function: FUNCTION, arguments }
}

/// Calls a function of the server at an address.
fn call_at(world: &mut World, token: u32, address: &str, timeout: Duration) {
    let to = Some(address.into());
    world.input(Input::Call(NewCall { ask: function(), to, timeout, token }));
}

/// The one thing that a server was asked but who leads.
fn heard(world: &mut World, server: ConnectionId) -> Request {
    let [request] = <[_; 1]>::try_from(world.leader_heard(server)).expect("one request");
    request
}

fn refused(why: NotApplied) -> Result<Answered, CallError> {
    Err(CallError::NotApplied(why.into()))
}

#[test]
fn a_function_is_called_where_it_is_wanted_and_the_server_is_told_how_long_it_may_take() {
    let mut world = world(&["a:1"]);
    call_at(&mut world, 1, "b:1", millis(700));
    assert_eq!(world.dials.last().expect("a dial").1, "b:1");
    world.pass(millis(200));
    let server = world.welcome(2);
    let request = heard(&mut world, server);
    let arguments = Bytes::from_static(b"words");
    let (service, function, within_ms) = (SERVICE, FUNCTION, 500);
    assert_eq!(request.body, RequestBody::Call { service, function, within_ms, arguments });
    world.respond(server, request.id, done(Bytes::from_static(b"words!")));
    assert_eq!(world.only_answer().map(|it| it.answer), Ok(Bytes::from_static(b"words!")));
}

/// What a function tells is of no entry: whoever reads after it need not wait for one.
#[test]
fn an_answer_says_nothing_of_the_log() {
    let mut world = world(&["a:1"]);
    world.call(1, function(), millis(700));
    let server = world.welcome(1);
    let request = heard(&mut world, server);
    world.respond(server, request.id, done(Bytes::new()));
    assert!(world.only_answer().is_ok());
    assert_eq!(world.courier.seen, Index(0));
}

#[test]
fn whoever_says_no_says_why_and_nobody_else_is_asked() {
    let nos = [
        (Some("a:1"), NotApplied::NotOffered),
        (Some("a:1"), NotApplied::Invalid),
        (Some("a:1"), NotApplied::Busy),
        (None, NotApplied::NotOffered),
        (None, NotApplied::Invalid),
    ];
    for (to, why) in nos {
        let mut world = world(&["a:1", "b:1"]);
        let (to, timeout) = (to.map(Into::into), millis(700));
        world.input(Input::Call(NewCall { ask: function(), to, timeout, token: 1 }));
        let server = world.welcome(1);
        let request = heard(&mut world, server);
        world.respond(server, request.id, Outcome::NotApplied(why.clone()));
        assert_eq!(world.only_answer(), refused(why));
        assert_eq!(world.dials.len(), 1);
    }
}

#[test]
fn if_any_server_will_do_the_next_one_is_asked_only_when_nothing_was_done() {
    let mut world = world(&["a:1", "b:1"]);
    world.call(1, function(), millis(7000));
    let first = world.welcome(1);
    let request = heard(&mut world, first);
    world.respond(first, request.id, Outcome::NotApplied(NotApplied::ShuttingDown));
    while world.dials.last().expect("a dial").0 == first {
        world.pass(millis(1));
    }
    let second = world.welcome(2);
    assert_ne!(first, second);
    let request = heard(&mut world, second);
    world.respond(second, request.id, Outcome::Unknown(Unknown::NoAnswer));
    let doubt = Doubt::Server(Unknown::NoAnswer);
    assert_eq!(world.only_answer(), Err(CallError::Unknown(doubt)), "it is not called again");
}

#[test]
fn a_lost_connection_leaves_it_in_doubt() {
    for to in [None, Some("a:1")] {
        let mut world = world(&["a:1", "b:1"]);
        let to = to.map(Into::into);
        let timeout = millis(700);
        world.input(Input::Call(NewCall { ask: function(), to, timeout, token: 1 }));
        let server = world.welcome(1);
        heard(&mut world, server);
        world.lose(server);
        assert_eq!(world.only_answer(), Err(CallError::Unknown(Doubt::ConnectionLost)));
    }
}

#[test]
fn a_server_that_takes_its_time_gives_signs_of_life_and_one_that_gives_none_is_left() {
    for lives in [true, false] {
        let mut world = world(&["a:1", "b:1"]);
        // Somebody else is in use.
        world.call(9, query(), millis(20_000));
        let used = world.welcome(1);
        let others = world.leader_heard(used);
        assert_eq!(others.len(), 1);
        let spare = if world.dials[0].1 == "a:1" { "b:1" } else { "a:1" };
        call_at(&mut world, 1, spare, millis(20_000));
        let server = world.welcome(2);
        let request = heard(&mut world, server);
        let began = world.now;
        while world.now < began.after(millis(6000)) {
            world.leader_heard(used);
            if lives {
                assert!(world.heard(server, Some((1, "a:1"))).is_empty());
            }
            world.pass(millis(100));
        }
        match lives {
            true => {
                assert!(world.closed.is_empty() && world.answers.is_empty());
                world.respond(server, request.id, done(Bytes::new()));
                assert!(world.only_answer().is_ok());
            }
            false => {
                assert_eq!(world.closed, [server]);
                assert_eq!(world.only_answer(), Err(CallError::Unknown(Doubt::ConnectionLost)));
            }
        }
    }
}

/// A sign of life is asked for once in a silence, and not of whoever owes nothing.
#[test]
fn signs_of_life_are_asked_for_sparingly() {
    let mut world = world(&["a:1", "b:1"]);
    world.call(9, query(), millis(20_000));
    let used = world.welcome(1);
    let asked = world.leader_heard(used);
    let spare = if world.dials[0].1 == "a:1" { "b:1" } else { "a:1" };
    call_at(&mut world, 1, spare, millis(20_000));
    let server = world.welcome(2);
    let request = heard(&mut world, server);
    assert_eq!(asked.len(), 1);
    let mut probes = Vec::new();
    for _ in 0..20 {
        world.leader_heard(used);
        world.pass(millis(50));
        probes.push(world.sent.get(&server).map_or(0, |bytes| bytes.len()));
    }
    assert_eq!(probes[8], 0, "450 ms are no silence");
    let one = probes[19];
    assert!(one > 0 && probes[11..].iter().all(|&bytes| bytes == one), "{probes:?}");
    heard_nothing(&mut world, server);
    world.respond(server, request.id, done(Bytes::new()));
    for _ in 0..40 {
        world.leader_heard(used);
        world.pass(millis(50));
    }
    assert!(!world.sent.contains_key(&server), "it owes nothing");
}

#[test]
fn it_wakes_up_to_ask_for_signs_of_life() {
    let mut world = world(&["a:1"]);
    // The server that is used owes nothing, and is not looked at.
    world.call(9, query(), millis(20_000));
    let used = world.welcome(1);
    let request = heard(&mut world, used);
    world.respond(used, request.id, applied());
    world.pass(millis(100));
    world.leader_heard(used);
    call_at(&mut world, 1, "b:1", millis(20_000));
    let server = world.welcome(2);
    heard(&mut world, server);
    assert_eq!(world.courier.deadline(), world.now.after(millis(500)));
}

/// Looks are signs of life, too.
#[test]
fn the_server_that_is_used_is_looked_at_and_asked_for_nothing_more() {
    let mut world = world(&["a:1"]);
    world.call(1, function(), millis(20_000));
    let server = world.welcome(1);
    heard(&mut world, server);
    world.pass(millis(700));
    let mut bytes = world.sent.remove(&server).expect("a look");
    let look = Decoder::new(1 << 20).decode(&mut bytes).expect("a frame").expect("a whole one");
    let look = ClientMessage::decode(&look).expect("a request");
    assert!(matches!(look, ClientMessage::Request(Request { body: RequestBody::Status, .. })));
    assert!(bytes.is_empty());
}

fn heard_nothing(world: &mut World, server: ConnectionId) {
    assert!(world.leader_heard(server).is_empty());
}
