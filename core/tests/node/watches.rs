//! Questions that wait for something to happen.

use std::time::Duration;

use crate::world::{World, config, done};
use bytes::Bytes;
use quorate_core::node::Input;
use quorate_core::wire::{NotApplied, Outcome, RequestBody};
use quorate_core::{Index, RequestId};

fn watch() -> RequestBody {
    RequestBody::Watch { watch: Bytes::from_static(b"changes of x") }
}

/// The state machine tells what has happened.
fn tell(world: &mut World, at: usize, id: RequestId) {
    let (index, answer) = (Index(1), Some(Bytes::from_static(b"changed")));
    world.hosts[at].inputs.push(Input::Answered { id, index, answer });
    world.settle();
}

#[test]
fn a_watch_is_answered_when_something_happens_however_late_and_once() {
    let mut world = World::new(3);
    let at = (world.elect() + 1) % 3;
    world.request(at, 1, watch());
    let [(id, asked)] = &world.hosts[at].watches[..] else { panic!("one watch") };
    assert_eq!(asked, "changes of x");
    let id = *id;
    assert_eq!(world.hosts[at].node.status().watches, 1);
    assert_eq!(world.hosts[at].node.status().requests, 0);

    world.pass(Duration::from_secs(60));
    assert!(!world.hosts[at].responses.contains_key(&1));
    tell(&mut world, at, id);
    assert_eq!(done(world.hosts[at].outcome(1)), b"changed");
    tell(&mut world, at, id);
    assert_eq!(world.hosts[at].node.status().watches, 0);
}

#[test]
fn without_a_leader_there_are_events_too() {
    let mut world = World::new(3);
    let leader = world.elect();
    world.cut(leader, (leader + 1) % 3);
    world.cut(leader, (leader + 2) % 3);
    world.pass(Duration::from_secs(5));
    world.request(leader, 1, watch());
    assert_eq!(world.hosts[leader].watches.len(), 1);
    assert!(!world.hosts[leader].responses.contains_key(&1));
}

#[test]
fn watches_end_with_their_connection() {
    let mut world = World::new(3);
    world.elect();
    let (gone, stays) = (world.connect_as_client(0), world.connect_as_client(0));
    for id in [1, 2] {
        world.send_request(&gone, id, watch());
    }
    world.send_request(&stays, 1, watch());
    assert_eq!(world.hosts[0].watches.len(), 3);
    let id = world.far_end(&gone);
    world.hosts[0].inputs.push(Input::Closed(id));
    world.settle();
    let [(left, _)] = world.hosts[0].watches[..] else { panic!("one stays") };
    tell(&mut world, 0, left);
    assert_eq!(world.next_response(&stays).map(|response| response.id), Some(1));
}

#[test]
fn a_client_takes_back_what_it_asked_and_nothing_else() {
    let mut world = World::new(3);
    world.elect();
    let (one, other) = (world.connect_as_client(0), world.connect_as_client(0));
    for client in [&one, &other] {
        world.send_request(client, 7, watch());
        world.send_request(client, 8, watch());
    }
    let kept: Vec<_> = [0, 2, 3].map(|at| world.hosts[0].watches[at].clone()).into();
    world.send_request(&one, 9, RequestBody::Forget { id: 8 });
    assert_eq!(world.hosts[0].watches, kept);
    let answer = world.next_response(&one).expect("an answer");
    assert_eq!(answer.id, 9);
    assert!(matches!(answer.outcome, Outcome::Done { .. }));
    world.send_request(&one, 10, RequestBody::Forget { id: 8 });
    assert_eq!(world.next_response(&one).map(|response| response.id), Some(10), "nothing to do");
    assert_eq!(world.hosts[0].watches, kept);
}

#[test]
fn whoever_asks_in_the_process_takes_back_its_own_only() {
    let mut world = World::new(3);
    world.elect();
    let client = world.connect_as_client(0);
    world.send_request(&client, 7, watch());
    for id in [7, 8] {
        world.request(0, id, watch());
    }
    let kept: Vec<_> = [0, 2].map(|at| world.hosts[0].watches[at].clone()).into();
    // Nor does a client take back what is not its own.
    world.send_request(&client, 10, RequestBody::Forget { id: 8 });
    world.request(0, 9, RequestBody::Forget { id: 7 });
    assert!(matches!(world.hosts[0].outcome(9), Outcome::Done { .. }));
    assert_eq!(world.hosts[0].watches, kept);
}

#[test]
fn so_many_may_wait_and_they_keep_no_request_out() {
    let configs = (1..=3).map(|id| {
        let mut config = config(id, 3);
        (config.watches_max, config.requests_max) = (2, 1);
        config
    });
    let mut world = World::of(configs.collect());
    let leader = world.elect();
    for id in 1..=3 {
        world.request(leader, id, watch());
    }
    assert!(!world.hosts[leader].responses.contains_key(&2));
    assert_eq!(world.hosts[leader].outcome(3), &Outcome::NotApplied(NotApplied::Busy));
    world.propose(leader, 4, "a");
    assert_eq!(done(world.hosts[leader].outcome(4)), b"did a");
}

#[test]
fn whoever_waits_at_a_server_that_stops_is_sent_away_at_once() {
    let mut world = World::new(3);
    let at = (world.elect() + 1) % 3;
    world.request(at, 1, watch());
    world.hosts[at].inputs.push(Input::Stop);
    world.settle();
    assert_eq!(world.hosts[at].outcome(1), &Outcome::NotApplied(NotApplied::ShuttingDown));
    assert!(world.hosts[at].watches.is_empty());
    assert!(world.hosts[at].is_stopped, "nothing else is under way");
}
