//! How requests end.

use std::time::Duration;

use crate::world::{World, config, done};
use bytes::Bytes;
use quorate_core::node::NodeConfig;
use quorate_core::wire::{Consistency, NotApplied, Outcome, RequestBody, Unknown};
use quorate_core::{Index, Lease, RoleKind};

fn query(consistency: Consistency) -> RequestBody {
    RequestBody::Query { consistency, query: Bytes::from_static(b"x") }
}

fn other_than(host: usize) -> usize {
    (host + 1) % 3
}

#[test]
fn a_command_is_answered_once_every_server_can_have_it() {
    let mut world = World::new(3);
    let leader = world.elect();
    world.propose(leader, 1, "a");
    assert_eq!(done(world.hosts[leader].outcome(1)), b"did a");
    for host in &world.hosts {
        assert_eq!(host.commands(), ["a"]);
    }
}

#[test]
fn a_follower_passes_commands_on_and_serves_queries_itself() {
    let mut world = World::new(3);
    let follower = other_than(world.elect());
    world.propose(follower, 1, "a");
    assert_eq!(done(world.hosts[follower].outcome(1)), b"did a");
    world.request(follower, 2, query(Consistency::Linearizable));
    assert_eq!(done(world.hosts[follower].outcome(2)), b"saw x");
}

#[test]
fn a_linearizable_query_waits_for_the_state_machine_and_a_stale_one_does_not() {
    let mut world = World::new(3);
    let follower = other_than(world.elect());
    world.hosts[follower].is_machine_stalled = true;
    world.propose(follower, 1, "a");
    world.request(follower, 2, query(Consistency::Linearizable));
    assert!(!world.hosts[follower].responses.contains_key(&2), "entry 2 is not applied here");
    world.hosts[follower].is_machine_stalled = false;
    world.request(follower, 3, query(Consistency::Stale));
    assert_eq!(done(world.hosts[follower].outcome(2)), b"saw x");
    assert_eq!(done(world.hosts[follower].outcome(3)), b"saw x");
}

#[test]
fn a_query_of_at_least_an_entry_waits_for_it_at_any_server_but_not_for_long() {
    let mut world = World::new(3);
    let follower = other_than(world.elect());
    world.propose(follower, 1, "a");
    world.hosts[follower].is_machine_stalled = true;
    world.propose(follower, 2, "b");
    world.request(follower, 3, query(Consistency::AtLeast(Index(2))));
    world.request(follower, 4, query(Consistency::AtLeast(Index(3))));
    assert!(!world.hosts[follower].responses.contains_key(&3));
    world.hosts[follower].is_machine_stalled = false;
    world.settle();
    assert_eq!(done(world.hosts[follower].outcome(3)), b"saw x");
    assert_eq!(done(world.hosts[follower].outcome(4)), b"saw x");

    // Without a leader, too; and what it will not see for a while, it does not wait for.
    (0..3).filter(|&other| other != follower).for_each(|other| world.cut(follower, other));
    world.pass(Duration::from_secs(5));
    world.request(follower, 5, query(Consistency::AtLeast(Index(3))));
    assert_eq!(done(world.hosts[follower].outcome(5)), b"saw x");
    world.request(follower, 6, query(Consistency::AtLeast(Index(99))));
    assert!(!world.hosts[follower].responses.contains_key(&6));
    world.pass(Duration::from_secs(1));
    let outcome = world.hosts[follower].outcome(6);
    assert!(matches!(outcome, Outcome::NotApplied(NotApplied::NotLeader { .. })), "{outcome:?}");
    assert!(world.hosts[follower].forgotten > 0, "the state machine need not wait either");
}

#[test]
fn a_query_of_a_bounded_age_asks_nobody_if_somebody_was_asked_not_long_ago() {
    let bounded = |age_max_ms| query(Consistency::Bounded { age_max_ms });
    let aged = |world: &World, host: usize, id| match world.hosts[host].responses.get(&id) {
        Some(Outcome::Aged { index, age_us, answer }) => {
            assert_eq!(answer, "saw x");
            Some((index.0, *age_us))
        }
        other => {
            assert!(!matches!(other, Some(Outcome::Done { .. })), "{other:?}");
            None
        }
    };
    let mut world = World::new(3);
    let leader = world.elect();
    for host in [other_than(leader), leader] {
        world.propose(leader, 10 * host as u64 + 1, "a");
        world.request(host, 900, bounded(0));
        let (index, age) = aged(&world, host, 900).expect("the leader was asked");
        assert_eq!(age, 0);
        assert!(index >= 2);
    }
    (0..3).filter(|&other| other != leader).for_each(|other| world.cut(leader, other));
    let follower = other_than(leader);
    world.pass(Duration::from_millis(40));
    for host in [follower, leader] {
        world.request(host, 901, bounded(100));
        let (_, age) = aged(&world, host, 901).expect("nobody has to be asked");
        assert!((40_000..=100_000).contains(&age), "{age}");
        world.request(host, 902, bounded(10));
        assert_eq!(aged(&world, host, 902), None, "older than it may be, and nobody answers");
    }
    // What was asked long ago is learned too late to make anything younger.
    world.pass(Duration::from_millis(60));
    world.request(follower, 903, bounded(50));
    assert_eq!(aged(&world, follower, 903), None);
}

/// thesis 6.4.1.
#[test]
fn a_leader_that_trusts_clocks_asks_nobody_while_its_lease_holds() {
    let trusting = (1..=3).map(|id| {
        let mut config = config(id, 3);
        config.raft.lease = Some(Lease { drift_ppm: 1000 });
        config
    });
    let mut world = World::of(trusting.collect());
    let leader = world.elect();
    world.propose(leader, 1, "a");
    world.pass(Duration::from_millis(100));
    assert!(world.hosts[leader].node.status().has_lease);
    world.cut(leader, (leader + 1) % 3);
    world.cut(leader, (leader + 2) % 3);
    world.request(leader, 2, query(Consistency::Linearizable));
    world.request(leader, 3, query(Consistency::Lease));
    assert!(!world.hosts[leader].responses.contains_key(&2), "nobody answers a round");
    assert_eq!(done(world.hosts[leader].outcome(3)), b"saw x");

    world.pass(config(1, 3).raft.election_timeout);
    assert!(!world.hosts[leader].node.status().has_lease);
    world.request(leader, 4, query(Consistency::Lease));
    world.settle();
    let done = |id| matches!(world.hosts[leader].responses.get(&id), Some(Outcome::Done { .. }));
    assert!(done(3) && !done(4));
}

#[test]
fn a_client_is_answered_over_its_connection() {
    let mut world = World::new(3);
    let leader = world.elect();
    let client = world.connect_as_client(leader);
    world.send_request(&client, 9, RequestBody::Propose { command: Bytes::from_static(b"a") });
    let response = world.next_response(&client).expect("a response");
    assert_eq!((response.id, done(&response.outcome)), (9, &b"did a"[..]));
    world.send_request(&client, 10, RequestBody::Status);
    let response = world.next_response(&client).expect("a response");
    let status: quorate_core::node::NodeStatus =
        postcard::from_bytes(done(&response.outcome)).expect("a status");
    assert_eq!((status.role, status.applied), (RoleKind::Leader, Index(2)));
    assert!(status.peers.iter().all(|peer| peer.is_linked));
}

#[test]
fn without_a_leader_nothing_is_applied() {
    let mut world = World::new(3);
    world.propose(0, 1, "a");
    let none = NotApplied::NotLeader { leader: None, address: None };
    assert_eq!(world.hosts[0].outcome(1), &Outcome::NotApplied(none.clone()));
    world.request(0, 2, query(Consistency::Linearizable));
    assert_eq!(world.hosts[0].outcome(2), &Outcome::NotApplied(none));
}

#[test]
fn a_command_that_no_majority_takes_ends_as_unknown_and_a_query_as_not_applied() {
    let mut world = World::new(3);
    let leader = world.elect();
    (0..3).filter(|&other| other != leader).for_each(|other| world.cut(leader, other));
    world.propose(leader, 1, "a");
    world.request(leader, 2, query(Consistency::Linearizable));
    world.pass(Duration::from_secs(6));
    assert_eq!(world.hosts[leader].outcome(1), &Outcome::Unknown(Unknown::Timeout));
    assert!(matches!(world.hosts[leader].outcome(2), Outcome::NotApplied(_)));
}

#[test]
fn a_command_whose_place_another_leader_gave_away_was_not_applied() {
    let mut world = World::new(3);
    let old = world.elect();
    (0..3).filter(|&other| other != old).for_each(|other| world.cut(old, other));
    world.propose(old, 1, "lost");
    world.pass(Duration::from_secs(3));
    let new = (0..3).find(|&host| {
        host != old && world.hosts[host].node.raft().status().role == RoleKind::Leader
    });
    let new = new.expect("the others elect one of them");
    world.propose(new, 2, "kept");
    world.cuts.clear();
    world.pass(Duration::from_secs(1));
    assert_eq!(
        world.hosts[old].outcome(1),
        &Outcome::NotApplied(NotApplied::LeadershipLost),
        "definite, since another entry is committed in its place"
    );
    assert_eq!(world.hosts[old].commands(), ["kept"]);
}

/// What is cut from a leader's log may live on in another, and be committed by a later leader: only
/// what is committed in its place makes "not applied" definite.
#[test]
fn a_command_whose_place_this_log_gave_away_is_unknown() {
    let patient = |id| {
        let mut config = config(id, 3);
        config.raft.election_timeout = Duration::from_millis(600);
        config.raft.election_jitter = Duration::from_millis(600);
        config
    };
    let mut hasty = config(1, 3);
    hasty.raft.election_timeout = Duration::from_millis(150);
    hasty.raft.election_jitter = Duration::ZERO;
    hasty.request_timeout = Duration::from_secs(60);
    let mut world = World::of(vec![hasty, patient(2), patient(3)]);
    assert_eq!(world.elect(), 0);
    // Three commands that nobody else gets.
    world.cut(0, 1);
    world.cut(0, 2);
    (1..=3).for_each(|id| world.propose(0, id, "lost"));
    world.pass(Duration::from_secs(3));
    let other = (1..3).find(|&at| world.hosts[at].node.raft().status().role == RoleKind::Leader);
    let other = other.expect("the others elect one of them");
    // Its log is cut back to the other leader's first entry, and then it leads again.
    world.cuts.clear();
    world.pass(Duration::from_millis(1500));
    assert_eq!(
        world.hosts[0].outcome(1),
        &Outcome::NotApplied(NotApplied::LeadershipLost),
        "another entry is committed in its place"
    );
    world.cut(other, 0);
    world.cut(other, 3 - other);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.hosts[0].node.raft().status().role, RoleKind::Leader);
    world.hosts[3 - other].is_disk_stalled = true;
    world.propose(0, 4, "new");
    assert_eq!(world.hosts[0].outcome(3), &Outcome::Unknown(Unknown::LeadershipLost));
}

#[test]
fn a_command_that_was_passed_on_is_unknown_once_the_link_breaks() {
    let mut world = World::new(3);
    let leader = world.elect();
    let follower = other_than(leader);
    world.hosts[leader].is_disk_stalled = true;
    (0..3).filter(|&host| host != leader).for_each(|at| world.hosts[at].is_disk_stalled = true);
    world.propose(follower, 1, "a");
    world.request(follower, 2, query(Consistency::Linearizable));
    world.cut(follower, leader);
    assert_eq!(world.hosts[follower].outcome(1), &Outcome::Unknown(Unknown::ConnectionLost));
}

/// Answers come over the leader's own links, and are not said twice.
#[test]
fn a_command_that_was_passed_on_is_unknown_once_its_answer_may_be_lost() {
    let mut world = World::new(3);
    let leader = world.elect();
    let follower = other_than(leader);
    (0..3).for_each(|at| world.hosts[at].is_disk_stalled = true);
    world.propose(follower, 1, "a");
    world.break_links(leader, follower);
    assert_eq!(world.hosts[follower].outcome(1), &Outcome::Unknown(Unknown::ConnectionLost));
}

/// The leader still works on what was asked before, under a name that the earlier life gave it.
#[test]
fn an_answer_to_an_earlier_life_answers_no_request_of_this_one() {
    let mut world = World::new(3);
    let leader = world.elect();
    let follower = other_than(leader);
    let other = 3 - leader - follower;
    world.hosts[leader].is_disk_stalled = true;
    world.hosts[other].is_disk_stalled = true;
    world.propose(follower, 1, "a");
    let id = follower as u64 + 1;
    world.restart(follower, NodeConfig { boot: 1, ..config(id, 3) });
    world.pass(Duration::from_millis(500));
    assert_eq!(world.leader(), Some(leader));
    world.propose(follower, 2, "b");
    assert!(!world.hosts[follower].responses.contains_key(&2), "both wait for a majority");
    world.hosts[leader].is_disk_stalled = false;
    world.settle();
    assert_eq!(done(world.hosts[follower].outcome(2)), b"did b");
    assert_eq!(world.hosts[leader].commands(), ["a", "b"]);
}
