//! Servers that fall silent, and such that only seem to.

use super::world::{World, applied, impatient, millis, query};
use crate::courier::*;

#[test]
fn a_server_that_falls_silent_is_left_for_another() {
    let (mut world, server, request) = World::with_command_sent(&["a:1", "a:2"], millis(9000));
    world.pass(millis(1550));
    assert_eq!(world.closed, [server]);
    assert_eq!(world.dials.len(), 2);
    assert_ne!(world.dials[0].1, world.dials[1].1);
    let other = world.welcome(2);
    assert_eq!(world.leader_heard(other)[0].body, request.body);
}

#[test]
fn a_silent_server_is_left_by_callers_who_never_wait_long() {
    let mut world = impatient(&["a:1", "a:2"]);
    world.call(1, query(), millis(400));
    let silent = world.welcome(1);
    let began = world.now;
    for token in 2.. {
        world.pass(millis(400));
        if world.closed == [silent] {
            break;
        }
        world.call(token, query(), millis(400));
        assert!(world.now < began.after(millis(3000)), "nobody leaves it");
    }
    assert_ne!(world.dials[0].1, world.dials.last().unwrap().1);
}

#[test]
fn a_call_that_came_to_nothing_is_no_silence_if_looks_are_answered() {
    let mut world = impatient(&["a:1"]);
    world.call(1, query(), millis(400));
    let server = world.welcome(1);
    for _ in 0..28 {
        world.leader_heard(server);
        world.pass(millis(250));
    }
    assert!(world.closed.is_empty(), "it answers");
    assert_eq!(world.only_answer(), Err(CallError::NotApplied(Reason::Timeout)));
}

#[test]
fn a_slow_answer_is_no_silence() {
    let (mut world, server, request) = World::with_command_sent(&["a:1"], millis(20_000));
    for _ in 0..28 {
        world.pass(millis(250));
        assert!(world.leader_heard(server).is_empty());
    }
    world.respond(server, request.id, applied());
    assert!(world.only_answer().is_ok());
}
