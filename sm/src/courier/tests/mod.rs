//! What a courier promises.

mod world;

use crate::{Envelope, Rejection, SessionId};
use std::borrow::ToOwned;
use std::vec;
use std::vec::Vec;

use quorate_core::wire::{Decoder, Handshake, MAGIC, NotApplied, Outcome, Reject, Unknown};
use quorate_core::{Index, NodeId};

use super::*;
use world::{
    WINDOW, World, applied, command, config, courier_as_given, impatient, millis, not_leader,
    query, rejected, stamp_of, world,
};

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
    assert_eq!(world.only_answer(), Ok(Answered { index: Index(9), answer }));

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
fn a_server_that_does_not_answer_holds_a_call_up_for_its_head_start_only() {
    let mut world = world(&["a:1", "b:1", "c:1"]);
    let head_start = config().head_start;
    world.call(1, query(), millis(5000));
    assert_eq!(world.courier.deadline(), Instant(0).after(head_start));
    world.pass(head_start - millis(1));
    assert_eq!(world.dials.len(), 1);
    world.pass(millis(1));
    assert_eq!(world.dials.len(), 2);
    assert_ne!(world.dials[0].1, world.dials[1].1);

    let server = world.welcome(2);
    assert_eq!(world.heard(server, Some((2, "b:1"))).len(), 1, "whoever is first is used");
    world.pass(millis(900));
    assert_eq!((world.dials.len(), &world.closed[..]), (2, &[world.dials[0].0][..]));
}

#[test]
fn a_server_that_was_raced_and_stands_late_is_a_spare() {
    let mut world = world(&["a:1", "b:1"]);
    world.call(1, query(), millis(5000));
    world.pass(config().head_start);
    let server = world.welcome(2);
    let asked = world.heard(server, Some((2, "b:1")));
    world.respond(server, asked[0].id, applied());
    let late = world.dials[0].clone();
    world.dials.push(late.clone());
    world.welcome(1);
    world.call(2, query(), millis(1000));
    assert!(world.heard(late.0, None).is_empty());
    assert_eq!(world.heard(server, Some((2, "b:1"))).len(), 1);
}

#[test]
fn a_spare_that_is_up_is_used_before_anybody_is_dialed_or_waited_for() {
    let mut world = world(&["a:1", "b:1", "c:1"]);
    world.call(1, query(), millis(5000));
    world.pass(config().head_start);
    let server = world.welcome(2);
    let (spare, address) = (world.dials[0].clone(), world.dials[1].1.clone());
    let asked = world.heard(server, Some((2, &address)));
    world.respond(server, asked[0].id, applied());
    world.dials.push(spare.clone());
    world.welcome(1);
    let dialed = world.dials.len();
    world.lose(server);
    // The third would be the next in turn.
    world.call(2, query(), millis(1000));
    assert_eq!(world.heard(spare.0, None).len(), 1);
    assert_eq!(world.dials.len(), dialed);
}

#[test]
fn a_server_that_refuses_has_no_head_start() {
    let mut world = world(&["a:1", "b:1"]);
    world.call(1, query(), millis(5000));
    let refused = world.dials[0].0;
    world.lose(refused);
    assert_eq!(world.dials.len(), 2, "at once");
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
fn an_expired_session_is_opened_anew_for_a_command_that_had_no_effect() {
    let (mut world, server, request) = World::with_command_sent(&["a:1"], millis(1000));
    world.respond(server, request.id, rejected(Rejection::SessionExpired));
    let session = world.open_session(server);
    let again = world.leader_heard(server);
    assert_eq!(stamp_of(&again[0]).session, session);
    assert_ne!(stamp_of(&request).session, session);
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

#[test]
fn what_does_not_fit_a_frame_is_refused_here() {
    let (mut world, ..) = World::with_command_sent(&["a:1"], millis(1000));
    world.call(2, Ask::Command(Bytes::from(vec![0; 9 << 20])), millis(1000));
    let Err(CallError::NotApplied(Reason::Refused(NotApplied::TooLarge { .. }))) =
        world.only_answer()
    else {
        panic!();
    };
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
