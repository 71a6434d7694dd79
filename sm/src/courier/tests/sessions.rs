//! Sessions: numbers, windows, and what becomes of commands when a session ends.

use std::vec::Vec;

use quorate_core::wire::{Decoder, Outcome, Unknown};

use super::world::{WINDOW, World, applied, command, millis, not_leader, rejected, stamp_of};
use crate::courier::*;
use crate::{Envelope, Rejection};

#[test]
fn a_command_in_doubt_goes_out_again_under_its_number() {
    let (mut world, server, request) = World::with_command_sent(&["a:1"], millis(5000));
    world.respond(server, request.id, Outcome::Unknown(Unknown::LeadershipLost));
    assert!(world.leader_heard(server).is_empty(), "not at once");
    world.pass(millis(20));
    let again = world.leader_heard(server);
    assert_eq!(again[0].body, request.body);

    world.lose(server);
    world.pass(millis(200));
    let server = world.welcome(1);
    let again = world.leader_heard(server);
    assert_eq!(again[0].body, request.body);
    world.respond(server, again[0].id, applied());
    assert!(world.only_answer().is_ok());
}

#[test]
fn an_expired_session_is_opened_anew_for_a_command_that_had_no_effect() {
    let (mut world, server, request) = World::with_command_sent(&["a:1"], millis(1000));
    world.respond(server, request.id, rejected(Rejection::SessionExpired));
    let session = world.open_session(server);
    let again = world.leader_heard(server);
    assert_eq!(stamp_of(&again[0]).session, session);
    assert_ne!(stamp_of(&request).session, session);
}

/// Connected, suspended, connected; and expired, until the next command has another.
#[test]
fn the_client_knows_how_its_session_stands() {
    let (mut world, server, request) = World::with_command_sent(&["a:1"], millis(5000));
    let session = stamp_of(&request).session;
    assert_eq!(world.courier.standing(), Standing::Connected(session));
    world.respond(server, request.id, applied());
    world.lose(server);
    assert_eq!(world.courier.standing(), Standing::Suspended(session));

    world.call(2, command(), millis(5000));
    world.pass(millis(200));
    let server = world.welcome(1);
    assert_eq!(world.courier.standing(), Standing::Connected(session), "as far as is known");
    let request = world.leader_heard(server).remove(0);
    world.respond(server, request.id, rejected(Rejection::SessionExpired));
    assert_eq!(world.courier.standing(), Standing::Expired(session), "there is no other yet");
    let next = world.open_session(server);
    assert_eq!(world.courier.standing(), Standing::Connected(next));
}

#[test]
fn an_expired_session_leaves_a_command_in_doubt_unknown() {
    let (mut world, server, request) = World::with_command_sent(&["a:1"], millis(1000));
    world.respond(server, request.id, Outcome::Unknown(Unknown::ConnectionLost));
    world.pass(millis(20));
    let again = world.leader_heard(server);
    world.respond(server, again[0].id, rejected(Rejection::SessionExpired));
    assert_eq!(world.only_answer(), Err(CallError::Unknown(Doubt::SessionExpired)));

    world.call(2, command(), millis(1000));
    world.open_session(server);
}

#[test]
fn what_is_in_doubt_keeps_its_number_when_the_session_is_replaced() {
    let (mut world, server, doubtful) = World::with_command_sent(&["a:1"], millis(5000));
    world.call(2, command(), millis(5000));
    world.call(3, command(), millis(5000));
    let [refused, expired] = <[_; 2]>::try_from(world.leader_heard(server)).unwrap();
    world.respond(server, doubtful.id, Outcome::Unknown(Unknown::LeadershipLost));
    world.respond(server, refused.id, not_leader());
    world.respond(server, expired.id, rejected(Rejection::SessionExpired));
    let session = world.open_session(server);
    assert_eq!(stamp_of(&world.leader_heard(server)[0]).session, session);
    world.pass(millis(20));
    let again = world.leader_heard(server);
    let find = |id| again.iter().find(|request| request.id == id).unwrap();
    assert_eq!(find(doubtful.id).body, doubtful.body);
    assert_eq!(stamp_of(find(refused.id)).session, session, "it had no effect");
}

#[test]
fn commands_beyond_the_window_wait_for_answers() {
    let (mut world, server, first) = World::with_command_sent(&["a:1"], millis(1000));
    for token in 2..8 {
        world.call(token, command(), millis(1000));
    }
    assert_eq!(world.leader_heard(server).len(), 3);
    world.respond(server, first.id, applied());
    let freed = world.leader_heard(server);
    assert_eq!(freed.len(), 1);
    assert_eq!(stamp_of(&freed[0]).sequence.0, u64::from(WINDOW));
}

#[test]
fn a_call_that_is_given_up_makes_room_in_the_window() {
    let (mut world, server, _) = World::with_command_sent(&["a:1"], millis(100));
    for token in 2..6 {
        world.call(token, command(), millis(1000));
    }
    assert_eq!(world.leader_heard(server).len(), 3);
    world.pass(millis(100));
    assert_eq!(world.leader_heard(server).len(), 1);
}

#[test]
fn an_idle_session_is_kept_alive() {
    let (mut world, server, request) = World::with_command_sent(&["a:1"], millis(1000));
    world.respond(server, request.id, applied());
    world.pass(Duration::from_secs(7));
    assert!(world.leader_heard(server).is_empty());
    world.pass(Duration::from_secs(2));
    let alive = world.leader_heard(server);
    let RequestBody::Propose { command: sign } = &alive[0].body else { panic!("{alive:?}") };
    assert!(matches!(Envelope::decode(sign), Ok(Envelope::KeepAlive { .. })));

    world.respond(server, alive[0].id, rejected(Rejection::SessionExpired));
    world.call(2, command(), millis(1000));
    world.open_session(server);
}

#[test]
fn the_end_of_an_old_session_is_not_the_end_of_a_new_one() {
    let (mut world, server, request) = World::with_command_sent(&["a:1"], millis(20_000));
    for _ in 0..32 {
        world.pass(millis(250));
        if let [alive] = &world.leader_heard(server)[..] {
            world.respond(server, request.id, rejected(Rejection::SessionExpired));
            world.open_session(server);
            assert_eq!(world.leader_heard(server).len(), 1);
            world.respond(server, alive.id, rejected(Rejection::SessionExpired));
            world.call(2, command(), millis(1000));
            stamp_of(&world.leader_heard(server)[0]);
            return;
        }
    }
    panic!("no sign of life");
}

#[test]
fn a_client_that_ends_gives_its_session_up() {
    let (mut world, server, request) = World::with_command_sent(&["a:1"], millis(1000));
    world.respond(server, request.id, applied());
    let mut orders = Vec::new();
    world.courier.close(&mut orders);
    let [Order::Send(_, bytes), Order::Close(id)] = &orders[..] else { panic!("{orders:?}") };
    assert_eq!(*id, server);
    let mut bytes = BytesMut::from(&bytes[..]);
    let frame = Decoder::new(1 << 20).decode(&mut bytes).unwrap().unwrap();
    let Ok(ClientMessage::Request(goodbye)) = ClientMessage::decode(&frame) else { panic!() };
    let RequestBody::Propose { command } = goodbye.body else { panic!() };
    assert!(matches!(Envelope::decode(&command), Ok(Envelope::CloseSession { .. })));
}
