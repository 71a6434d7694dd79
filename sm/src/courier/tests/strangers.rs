//! What comes in that is not what was asked for.

use quorate_core::wire::{Handshake, MAGIC, Reject};

use super::world::{World, applied, command, millis, query, world};
use crate::courier::*;

#[test]
fn a_foreign_cluster_is_no_use() {
    let mut world = world(&["a:1", "a:2"]);
    world.call(1, command(), millis(9000));
    for _ in 0..2 {
        let id = world.dials.last().unwrap().0;
        world.input(Input::Opened(id));
        world.receive(id, |bytes| {
            bytes.extend_from_slice(&MAGIC);
            Handshake::Reject(Reject::WrongCluster).encode(bytes);
        });
    }
    let why = Reason::TurnedAway(Reject::WrongCluster);
    assert_eq!(world.only_answer(), Err(CallError::NotApplied(why)), "at once");
    assert!(world.now < Instant(0).after(millis(9000)));
}

#[test]
fn answers_of_a_lost_connection_and_of_others_find_nothing() {
    let (mut world, server, request) = World::with_command_sent(&["a:1"], millis(5000));
    world.lose(server);
    world.respond(server, request.id, applied());
    world.pass(millis(100));
    let again = world.welcome(1);
    world.respond(again, request.id.wrapping_add(1), applied());
    assert!(world.answers.is_empty());
    let request = world.leader_heard(again).remove(0);
    world.respond(again, request.id, applied());
    world.respond(again, request.id, applied());
    assert!(world.only_answer().is_ok());
}

#[test]
fn a_late_answer_is_not_taken_for_that_of_another_call() {
    let (mut world, server, late) = World::with_command_sent(&["a:1"], millis(100));
    world.pass(millis(100));
    assert!(world.only_answer().is_err());
    world.call(2, command(), millis(1000));
    let other = world.leader_heard(server).remove(0);
    #[expect(clippy::cast_possible_truncation, reason = "the place in the table")]
    let place = |id: u64| id as u32;
    assert_eq!(place(other.id), place(late.id), "it has the other's place");
    world.respond(server, late.id, applied());
    assert!(world.answers.is_empty());
    world.respond(server, other.id, applied());
    assert!(world.only_answer().is_ok());
}

#[test]
fn only_the_server_that_has_a_call_answers_it() {
    let mut world = world(&["a:1"]);
    world.call(1, query(), millis(5000));
    let follower = world.welcome(1);
    let asked = world.heard(follower, Some((2, "b:2"))).remove(0);
    world.call(2, query(), millis(5000));
    let leader = world.welcome(2);
    world.respond(leader, asked.id, applied());
    assert!(world.answers.is_empty());
    world.respond(follower, asked.id, applied());
    assert!(world.only_answer().is_ok());
}

#[test]
fn bytes_that_make_no_sense_end_the_connection() {
    for bad in [&b"HTTP/1.1 400 Bad Request\r\n"[..], &[0xFF; 64]] {
        let mut world = world(&["a:1"]);
        world.call(1, query(), millis(1000));
        let id = world.dials[0].0;
        world.input(Input::Opened(id));
        world.receive(id, |bytes| bytes.extend_from_slice(bad));
        assert_eq!(world.closed, [id]);
    }
}
