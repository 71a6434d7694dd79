//! Calls: what goes out, and how they end.

use std::vec;

use quorate_core::Index;
use quorate_core::wire::{NotApplied, Outcome, Unknown};

use super::world::{World, applied, command, millis, not_leader, query, stamp_of, world};
use crate::MachineId;
use crate::SessionId;
use crate::courier::*;

#[test]
fn nobody_is_dialed_before_there_is_a_call() {
    let mut world = world(&["a:1"]);
    world.pass(Duration::from_secs(60));
    assert!(world.dials.is_empty());
    assert_eq!(world.courier.deadline(), Instant(u64::MAX));
}

#[test]
fn a_command_goes_out_once_there_is_a_session_and_comes_back() {
    let (mut world, server, request) = World::with_command_sent(&["a:1"], millis(1000));
    assert_eq!(stamp_of(&request).session, SessionId(Index(100)));
    world.respond(server, request.id, applied());
    let answer = Bytes::from_static(b"well");
    assert_eq!(world.only_answer(), Ok(Answered { index: Index(9), answer, age: None }));

    world.call(2, command(), millis(1000));
    let next = world.leader_heard(server);
    assert_eq!(stamp_of(&next[0]).sequence.0, stamp_of(&request).sequence.0 + 1);
    assert_eq!(stamp_of(&next[0]).acknowledged_below.0, 1, "the first is done with");
}

#[test]
fn queries_need_no_session() {
    let mut world = world(&["a:1"]);
    world.call(1, query(), millis(1000));
    let server = world.welcome(1);
    let [request] = <[_; 1]>::try_from(world.leader_heard(server)).unwrap();
    assert!(matches!(request.body, RequestBody::Query { .. }));
}

/// What happens to a request at a server.
type Happening<'a> = &'a dyn Fn(&mut World, ConnectionId, u64);

#[test]
fn what_may_be_applied_is_unknown_when_its_time_is_up() {
    let unknown = |world: &mut World, server, id| {
        world.respond(server, id, Outcome::Unknown(Unknown::Timeout));
    };
    let lost = |world: &mut World, server, _| {
        world.lose(server);
        world.pass(millis(100));
        world.welcome(1);
    };
    let cases: [(Happening<'_>, Doubt); 2] =
        [(&unknown, Doubt::Server(Unknown::Timeout)), (&lost, Doubt::ConnectionLost)];
    for (happen, doubt) in cases {
        let (mut world, server, request) = World::with_command_sent(&["a:1"], millis(300));
        happen(&mut world, server, request.id);
        while world.answers.is_empty() {
            // Definite for these copies, but not for the first.
            let server = world.dials.last().unwrap().0;
            for request in world.leader_heard(server) {
                world.respond(server, request.id, not_leader());
            }
            world.pass(millis(1));
        }
        assert_eq!(world.only_answer(), Err(CallError::Unknown(doubt)));
    }
}

#[test]
fn what_is_unanswered_when_its_time_is_up_is_unknown() {
    let (mut world, ..) = World::with_command_sent(&["a:1"], millis(300));
    world.pass(millis(300));
    assert_eq!(world.only_answer(), Err(CallError::Unknown(Doubt::Timeout)));
}

#[test]
fn what_was_never_taken_is_not_applied_when_its_time_is_up() {
    let (mut world, server, request) = World::with_command_sent(&["a:1"], millis(300));
    world.respond(server, request.id, not_leader());
    world.pass(millis(299));
    for request in world.leader_heard(server) {
        world.respond(server, request.id, not_leader());
    }
    assert!(world.answers.is_empty());
    world.pass(millis(1));
    let Err(CallError::NotApplied(Reason::Refused(_))) = world.only_answer() else { panic!() };
}

#[test]
fn a_call_ends_in_time_when_nobody_is_there() {
    let mut world = world(&["a:1", "b:1"]);
    world.call(1, command(), millis(700));
    let mut refused = 0;
    while world.answers.is_empty() {
        while let Some((id, _)) = world.dials.pop() {
            world.lose(id);
            refused += 1;
        }
        world.pass(millis(1));
    }
    assert_eq!(world.now, Instant(0).after(millis(700)));
    assert!((6..60).contains(&refused), "dialed {refused} times");
    assert_eq!(world.only_answer(), Err(CallError::NotApplied(Reason::Unreachable)));
}

#[test]
fn a_query_is_never_in_doubt() {
    let mut world = world(&["a:1"]);
    world.call(1, query(), millis(1000));
    let server = world.welcome(1);
    assert_eq!(world.leader_heard(server).len(), 1);
    world.lose(server);
    world.pass(millis(1000));
    assert_eq!(world.only_answer(), Err(CallError::NotApplied(Reason::Unreachable)));
}

#[test]
fn what_does_not_fit_a_frame_is_refused_here() {
    let (mut world, ..) = World::with_command_sent(&["a:1"], millis(1000));
    world.call(2, Ask::Command(MachineId::FIRST, Bytes::from(vec![0; 9 << 20])), millis(1000));
    let Err(CallError::NotApplied(Reason::Refused(NotApplied::TooLarge { .. }))) =
        world.only_answer()
    else {
        panic!();
    };
}

#[test]
fn too_many_calls_are_refused_at_once() {
    let mut world = world(&["a:1"]);
    world.courier.config.calls_max = 2;
    for token in 0..3 {
        world.call(token, query(), millis(1000));
    }
    let why = Reason::TooManyCalls { calls_max: 2 };
    assert_eq!(world.only_answer(), Err(CallError::NotApplied(why)));
}
