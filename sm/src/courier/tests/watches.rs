//! Questions that wait for something to happen, and what a client has seen.

use std::vec::Vec;

use quorate_core::Index;
use quorate_core::wire::{Consistency, NotApplied, Outcome, Request, RequestBody};

use super::world::{World, applied, command, done, millis, query, rejected, world};
use crate::courier::*;
use crate::{MachineId, Position, Rejection, Watched};

const SHORT: Duration = millis_of(300);

const fn millis_of(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn watch(name: u64) -> Ask {
    Ask::Watch { name, watch: Bytes::from_static(b"what happens") }
}

fn events() -> Bytes {
    let watched = Watched::Events { events: Vec::new(), next: Position(7) };
    crate::Outcome::Watched(watched).encode()
}

/// The one watch that a server has heard of.
fn watch_heard(world: &mut World, server: ConnectionId) -> Request {
    let [request] = <[_; 1]>::try_from(world.leader_heard(server)).expect("one request");
    assert!(matches!(request.body, RequestBody::Watch { .. }), "{request:?}");
    request
}

/// The server goes on to answer looks.
fn wait_for(world: &mut World, server: ConnectionId, span: Duration) {
    let until = world.now.after(span);
    while world.now < until {
        world.pass(millis(100));
        assert!(world.leader_heard(server).is_empty());
    }
}

#[test]
fn a_watch_has_all_the_time_in_the_world() {
    let mut world = world(&["a:1"]);
    world.call(1, watch(5), SHORT);
    let server = world.welcome(1);
    let request = watch_heard(&mut world, server);
    wait_for(&mut world, server, Duration::from_secs(3600));
    assert!(world.answers.is_empty() && world.closed.is_empty());
    world.respond(server, request.id, done(events()));
    assert_eq!(world.only_answer().map(|answered| answered.answer), Ok(events()));
}

#[test]
fn a_watch_goes_to_another_server_when_its_own_is_gone_or_sends_it_away() {
    let mut world = world(&["a:1", "b:1"]);
    world.call(1, watch(5), SHORT);
    let first = world.welcome(1);
    let request = watch_heard(&mut world, first);
    world.lose(first);
    world.pass(millis(100));
    let second = world.welcome(2);
    let again = watch_heard(&mut world, second);
    assert_eq!(again.body, request.body);

    let refusal = Outcome::NotApplied(NotApplied::ShuttingDown);
    world.respond(second, again.id, refusal);
    world.pass(millis(2000));
    let third = world.welcome(1);
    let again = watch_heard(&mut world, third);
    world.respond(third, again.id, rejected(Rejection::TooManyWatches));
    world.pass(millis(100));
    let again = watch_heard(&mut world, third);
    world.respond(third, again.id, done(events()));
    assert!(world.only_answer().is_ok());
}

/// A server without a leader may never hear of what happens elsewhere, and answers looks for ever.
#[test]
fn a_watch_moves_on_when_its_server_is_used_no_longer() {
    let mut world = world(&["a:1", "b:1"]);
    world.call(1, watch(5), SHORT);
    let first = world.welcome(1);
    let mut heard = world.heard(first, None);
    while world.dials.len() < 2 {
        world.pass(millis(100));
        heard.extend(world.heard(first, None));
        assert!(world.now < Instant(5_000_000_000), "it stays there");
    }
    let [request] = <[_; 1]>::try_from(heard).expect("one request");
    let second = world.welcome(2);
    let leads = Some((2, "b:1"));
    let [again] = <[_; 1]>::try_from(world.heard(second, leads)).expect("one request");
    assert_eq!(again.body, request.body);
    let heard = world.heard(first, None);
    let [Request { body: RequestBody::Forget { id }, .. }] = heard[..] else { panic!("{heard:?}") };
    assert_eq!(id, request.id);

    // What it says all the same, it says too late; and it owes nothing.
    world.respond(first, request.id, done(events()));
    assert!(world.answers.is_empty());
    for _ in 0..200 {
        world.pass(millis(100));
        assert!(world.heard(first, None).is_empty() && world.heard(second, leads).is_empty());
    }
    assert_eq!(world.closed, [first], "nobody needs it");
    world.respond(second, again.id, done(events()));
    assert!(world.only_answer().is_ok());
}

#[test]
fn a_watch_of_a_machine_that_is_not_there_ends() {
    let mut world = world(&["a:1"]);
    world.call(1, watch(5), SHORT);
    let server = world.welcome(1);
    let request = watch_heard(&mut world, server);
    let why = Rejection::NoSuchMachine { machine: MachineId(4) };
    world.respond(server, request.id, rejected(why));
    assert_eq!(world.only_answer(), Err(CallError::NotApplied(Reason::Rejected(why))));
}

#[test]
fn what_is_taken_back_is_forgotten_there_and_here() {
    let mut world = world(&["a:1"]);
    world.input(Input::Forget(5));
    world.call(1, watch(5), SHORT);
    world.input(Input::Forget(5));
    world.call(2, watch(6), SHORT);
    let server = world.welcome(1);
    let request = watch_heard(&mut world, server);
    world.input(Input::Forget(6));
    let heard = world.leader_heard(server);
    let [Request { body: RequestBody::Forget { id }, .. }] = heard[..] else { panic!("{heard:?}") };
    assert_eq!(id, request.id);
    world.respond(server, request.id, done(events()));
    world.input(Input::Forget(6));
    assert!(world.answers.is_empty(), "nobody waits for it");
    world.pass(Duration::from_secs(5));
    assert!(world.courier.deadline() > world.now.after(Duration::from_secs(1)), "nothing is owed");
}

#[test]
fn who_waits_takes_no_room_from_those_who_ask() {
    let config = ClientConfig { calls_max: 1, ..ClientConfig::default() };
    let mut courier = Courier::new(["a:1".into()].into(), config, 1, 42, Instant(0));
    let new = |ask, token| Input::Call(NewCall { ask, to: None, timeout: SHORT, token });
    let asks = [watch(1), watch(2), query(), query()];
    let mut inputs: Vec<_> =
        asks.into_iter().zip(0..).map(|(ask, token)| new(ask, token)).collect();
    let mut orders = Vec::new();
    courier.step(Instant(0), &mut inputs, &mut orders);
    let refused = orders.iter().filter_map(|order| match order {
        Order::Answer(token, Err(CallError::NotApplied(Reason::TooManyCalls { .. }))) => {
            Some(*token)
        }
        _ => None,
    });
    assert!(refused.eq([3]));
}

#[test]
fn a_sequential_query_wants_all_that_was_seen_before() {
    let sequential = || Ask::Sequential(Bytes::from_static(b"look"));
    let asked = |world: &mut World, server| {
        let [request] = <[_; 1]>::try_from(world.leader_heard(server)).expect("one request");
        let RequestBody::Query { consistency: Consistency::AtLeast(index), .. } = request.body
        else {
            panic!("{request:?}")
        };
        (request.id, index)
    };
    let mut world = world(&["a:1"]);
    world.call(1, sequential(), millis(1000));
    let server = world.welcome(1);
    let (id, index) = asked(&mut world, server);
    assert_eq!(index, Index(0), "nothing yet");
    world.respond(server, id, applied());

    world.call(2, watch(1), SHORT);
    let request = watch_heard(&mut world, server);
    let far = Outcome::Done { index: Index(99), answer: events() };
    world.respond(server, request.id, far);
    world.call(3, sequential(), millis(1000));
    let (id, index) = asked(&mut world, server);
    assert_eq!(index, Index(9), "what a watch is answered says nothing of the state");
    world.respond(server, id, applied());

    world.call(4, command(), millis(1000));
    world.open_session(server);
    let [request] = <[_; 1]>::try_from(world.leader_heard(server)).expect("one request");
    let answer = crate::Outcome::Applied(Bytes::new()).encode();
    world.respond(server, request.id, Outcome::Done { index: Index(50), answer });
    world.call(5, sequential(), millis(1000));
    assert_eq!(asked(&mut world, server).1, Index(50));
}
