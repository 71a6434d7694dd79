//! Changes of the membership: who links to whom, who is believed, how they end.

use std::time::Duration;

use crate::world::{World, config, done, hello, node_id};
use quorate_core::node::{NodeConfig, NodeStartError, Note};
use quorate_core::wire::{
    Address, Handshake, Hello, NotApplied, Outcome, Reject, RequestBody, Unknown,
};
use quorate_core::{Incarnation, Index, Instant, Membership, NodeId, Recovered, RoleKind, Stopped};

fn ids(ids: &[u64]) -> Vec<NodeId> {
    ids.iter().map(|&id| node_id(id)).collect()
}

fn address(id: NodeId) -> Address {
    Address::new(format!("host:{id}")).expect("an address")
}

/// Voters, and where all of them are.
fn voters(voters: &[u64]) -> Membership {
    let of_voters = Membership::of_voters(ids(voters)).expect("voters");
    of_voters.with_addresses(ids(voters).into_iter().map(|id| (id, address(id)))).expect("members")
}

fn to(target: Membership) -> RequestBody {
    RequestBody::Reconfigure { target, expected: None, force: false }
}

/// Who leads, whoever follows.
pub(crate) fn leader(world: &World) -> usize {
    let term = |at: usize| world.hosts[at].node.raft().status().hard_state.term;
    let leads = |at: &usize| world.hosts[*at].node.raft().status().role == RoleKind::Leader;
    (0..world.hosts.len()).filter(leads).max_by_key(|&at| term(at)).expect("a leader")
}

/// A server without any address in its configuration, which is to join those who founded the group.
fn newcomer(world: &mut World, id: u64) -> usize {
    let lonely = NodeConfig { addresses: Vec::new(), ..config(id, id) };
    world.add(lonely, Membership::of_voters(ids(&[1, 2, 3])).expect("voters"))
}

fn linked(world: &World, at: usize) -> Vec<u64> {
    let peers = world.hosts[at].node.status().peers;
    peers.iter().filter(|peer| peer.is_linked).map(|peer| peer.id.get()).collect()
}

/// Three who have elected one of them, and two that may join, all of it at rest.
fn three_and_two() -> (World, usize) {
    let mut world = World::new(3);
    let leader = world.elect();
    newcomer(&mut world, 4);
    newcomer(&mut world, 5);
    (world, leader)
}

fn change(world: &mut World, id: u64, target: Membership) -> Index {
    let at = leader(world);
    world.request(at, id, to(target));
    world.pass(Duration::from_secs(5));
    match world.hosts[at].outcome(id) {
        Outcome::Done { index, .. } => *index,
        other => panic!("request {id}: {other:?}"),
    }
}

#[test]
fn a_group_grows_and_shrinks_again_and_its_leader_leaves() {
    let (mut world, first) = three_and_two();
    world.propose(first, 1, "a");
    let index = change(&mut world, 2, voters(&[1, 2, 3, 4, 5]));
    for at in 0..5 {
        let status = world.hosts[at].node.status();
        assert_eq!((status.voters.len(), status.membership_index), (5, index));
        assert_eq!((status.addresses.len(), status.is_changing), (5, false));
        assert_eq!(linked(&world, at).len(), 4, "server {}", at + 1);
        assert_eq!(world.hosts[at].commands(), ["a"]);
    }
    world.propose(4, 3, "b");
    assert_eq!(done(world.hosts[4].outcome(3)), b"did b");
    let stay: Vec<u64> = (1..=5).filter(|&id| id != first as u64 + 1).take(3).collect();
    change(&mut world, 4, voters(&stay));
    let second = leader(&world);
    assert!(stay.contains(&(second as u64 + 1)));
    world.propose(second, 5, "c");
    assert_eq!(done(world.hosts[second].outcome(5)), b"did c");
    for at in 0..5 {
        let (status, is_in) = (world.hosts[at].node.status(), stay.contains(&(at as u64 + 1)));
        assert_eq!(status.is_removed, !is_in, "server {}", at + 1);
        assert_eq!(linked(&world, at).len(), if is_in { 2 } else { 0 });
        // One that left with its leader knows so by what it is told only, and may call that one.
        assert!(if is_in { status.connections == 8 } else { status.connections <= 2 });
    }
}

#[test]
fn a_newcomer_waits_to_be_called() {
    let mut world = World::new(3);
    world.elect();
    // It knows where they are.
    world.add(config(4, 4), Membership::of_voters(ids(&[1, 2, 3])).expect("voters"));
    world.pass(Duration::from_secs(60));
    let status = world.hosts[3].node.status();
    assert_eq!((world.hosts[3].dials, status.term.0, status.role), (0, 0, RoleKind::Follower));
    assert_eq!((status.is_removed, status.leader), (false, None));
    // Nobody has heard of it, and so nobody lets it in.
    let stranger = world.connect(0);
    world.send_handshake(&stranger, &Handshake::Hello(Hello { from: node_id(4), ..hello() }));
    assert_eq!(world.next_handshake(&stranger), Some(Handshake::Reject(Reject::UnknownNode)));
}

/// It is away from now on, and another server leads.
fn lose_touch_with_the_third(world: &mut World) {
    while leader(world) == 2 {
        world.request(2, 90, RequestBody::TransferLeadership { to: None });
        world.pass(Duration::from_secs(1));
    }
    world.cut(2, 0);
    world.cut(2, 1);
    world.cuts.extend([(2, 3), (3, 2), (2, 4), (4, 2)]);
}

/// Its log knows none of those who rule now, and it has to answer them.
#[test]
fn a_server_that_was_away_is_found_by_those_who_took_over() {
    let (mut world, _) = three_and_two();
    lose_touch_with_the_third(&mut world);
    change(&mut world, 1, voters(&[1, 2, 3, 4, 5]));
    change(&mut world, 2, voters(&[3, 4, 5]));
    world.cuts = vec![(2, 0), (0, 2), (2, 1), (1, 2)];
    world.pass(Duration::from_secs(5));
    assert_eq!(world.hosts[2].node.status().voters, ids(&[3, 4, 5]));
    assert_eq!(linked(&world, 2), [4, 5]);
}

#[test]
fn a_server_that_missed_its_removal_is_told_and_does_not_rave() {
    let (mut world, first) = three_and_two();
    let away = (first + 1) % 3;
    (0..3).filter(|&at| at != away).for_each(|at| world.cut(away, at));
    let stay: Vec<u64> = (1..=3).filter(|&id| id != away as u64 + 1).collect();
    change(&mut world, 1, voters(&stay));
    world.pass(Duration::from_secs(10));
    assert!(!world.hosts[away].node.status().is_removed);
    world.cuts.clear();
    let before = world.hosts[away].dials;
    world.pass(Duration::from_secs(10));
    assert!(world.hosts[away].node.status().is_removed);
    let told = |note: &Note| matches!(note, Note::RefusedBy(_, Reject::Removed));
    assert!(world.hosts[away].notes.iter().any(told));
    let attempts = world.hosts[away].dials - before;
    assert!((20..90).contains(&attempts), "four links, a second apart at most: {attempts}");
    assert_eq!(leader(&world), first, "nobody was disturbed");
}

/// thesis 4.1: whoever left may come back; a disk that was wiped in between is no lie then.
#[test]
fn a_removed_server_may_come_back_with_another_disk() {
    let (mut world, first) = three_and_two();
    let gone = (first + 1) % 3;
    let (id, stay): (_, Vec<u64>) =
        (gone as u64 + 1, (1..=3).filter(|&id| id != gone as u64 + 1).collect());
    let other_disk = NodeConfig { incarnation: Incarnation(99), ..config(id, 3) };
    world.wipe(gone, other_disk.clone());
    world.pass(Duration::from_secs(2));
    let refused = |note: &Note| matches!(note, Note::Refused(_, Reject::StaleIncarnation));
    assert!(world.hosts[first].notes.iter().any(refused), "it would forget its votes");
    assert!(world.hosts[gone].disowned.is_some());
    change(&mut world, 1, voters(&stay));
    world.wipe(gone, other_disk);
    change(&mut world, 2, voters(&[1, 2, 3]));
    assert_eq!(linked(&world, gone).len(), 2);
    assert!(!world.hosts[gone].node.status().is_removed);
}

#[test]
fn a_member_that_moved_is_dialed_where_it_is() {
    let (mut world, first) = three_and_two();
    let moved = (first + 1) % 3;
    let id = node_id(moved as u64 + 1);
    let before = world.hosts[first].dials;
    let there = Address::new(format!("host:{id}/there")).expect("an address");
    let target = voters(&[1, 2, 3]);
    let addresses = target.addresses().iter().cloned();
    let addresses = addresses.map(|one| if one.0 == id { (id, there.clone()) } else { one });
    let target = target.clone().with_addresses(addresses).expect("of members");
    change(&mut world, 1, target);
    assert_eq!(world.hosts[first].dials - before, 2);
    assert_eq!(linked(&world, first).len(), 2);
    let status = world.hosts[first].node.status();
    assert!(status.addresses.contains(&(id, there)));
}

/// All that the configuration says is who they are.
#[test]
fn after_a_change_the_log_knows_where_everybody_is() {
    let (mut world, first) = three_and_two();
    world.propose(first, 1, "a");
    change(&mut world, 2, voters(&[2, 3, 4, 5]));
    for at in 0..5 {
        let id = at as u64 + 1;
        world.restart(at, NodeConfig { addresses: Vec::new(), boot: 1, ..config(id, 5) });
    }
    world.pass(Duration::from_secs(5));
    let second = leader(&world);
    assert_eq!(linked(&world, second).len(), 3);
    world.propose(second, 3, "b");
    assert_eq!(done(world.hosts[second].outcome(3)), b"did b");
    assert!(world.hosts[0].node.status().is_removed, "it knows what is committed again");
}

#[test]
fn a_member_that_nobody_knows_where_is_found_once_it_calls() {
    let (mut world, first) = three_and_two();
    let silent = Membership::of_voters(ids(&[1, 2, 3, 4])).expect("voters");
    world.request(first, 1, to(silent));
    world.pass(Duration::from_secs(1));
    let noted = |note: &Note| *note == Note::NoAddress(node_id(4));
    assert_eq!(world.hosts[first].notes.iter().filter(|note| noted(note)).count(), 1);
    assert!(world.hosts[first].node.status().addresses.iter().all(|one| one.0 != node_id(4)));
    world.pass(Duration::from_secs(10));
    let stopped = Outcome::Stopped(Stopped::CannotCatchUp(node_id(4)));
    assert_eq!(world.hosts[first].outcome(1), &stopped);
    assert_eq!(world.hosts[first].node.status().learners, ids(&[4]), "half-way");
}

#[test]
fn what_a_change_comes_to_is_said() {
    let (mut world, first) = three_and_two();
    let follower = (first + 1) % 3;
    world.request(follower, 1, to(voters(&[1, 2])));
    let address = Some(address(node_id(first as u64 + 1)));
    let leader = Some(node_id(first as u64 + 1));
    assert_eq!(
        world.hosts[follower].outcome(1),
        &Outcome::NotApplied(NotApplied::NotLeader { leader, address })
    );
    let expected = Some(Index(77));
    let target = voters(&[1, 2, 3]);
    let elsewhere = RequestBody::Reconfigure { target: target.clone(), expected, force: false };
    world.request(first, 2, elsewhere);
    let at = Index(0);
    assert_eq!(
        world.hosts[first].outcome(2),
        &Outcome::NotApplied(NotApplied::MembershipIs { at })
    );
    let joint = Membership::new(ids(&[1, 2]), ids(&[3]), []).expect("joint");
    world.request(first, 3, to(joint));
    assert_eq!(world.hosts[first].outcome(3), &Outcome::NotApplied(NotApplied::JointTarget));
    // Nobody commits the next membership, so that the one after it has to wait.
    (0..3).filter(|&at| at != first).for_each(|at| world.cut(first, at));
    world.request(first, 4, to(voters(&[1, 2, 3, 4])));
    world.request(first, 5, to(target));
    assert_eq!(world.hosts[first].outcome(4), &Outcome::Stopped(Stopped::Superseded));
    world.pass(Duration::from_secs(5));
    assert_eq!(world.hosts[first].outcome(5), &Outcome::Unknown(Unknown::LeadershipLost));
}

#[test]
fn a_change_has_a_time_limit_of_its_own() {
    let short = |id| {
        let mut config = config(id, 3);
        config.reconfigure_timeout = Duration::from_millis(900);
        config.request_timeout = Duration::from_millis(100);
        config
    };
    let mut world = World::of((1..=3).map(short).collect());
    let first = world.elect();
    newcomer(&mut world, 4);
    world.cuts = (0..3).flat_map(|at| [(at, 3), (3, at)]).collect();
    world.request(first, 1, to(voters(&[1, 2, 3, 4])));
    world.pass(Duration::from_millis(800));
    assert!(!world.hosts[first].responses.contains_key(&1));
    world.pass(Duration::from_millis(300));
    assert_eq!(world.hosts[first].outcome(1), &Outcome::Unknown(Unknown::Timeout));
}

#[test]
fn founders_must_know_where_the_others_are_and_newcomers_need_not() {
    let start = |id, founders: &[u64]| {
        let lonely = NodeConfig { addresses: Vec::new(), ..config(id, 3) };
        let founders = Membership::of_voters(ids(founders)).expect("voters");
        let node = quorate_core::node::Node::new(lonely, Recovered::genesis(founders), Instant(0));
        node.map(|_| ())
    };
    assert_eq!(start(1, &[1, 2, 3]), Err(NodeStartError::NoAddress(node_id(2))));
    assert_eq!(start(4, &[1, 2, 3]), Ok(()));
    assert_eq!(start(1, &[1]), Ok(()));
}

/// By its log the other one has left; in truth it is back, and leads.
#[test]
fn a_server_that_was_away_listens_to_whoever_came_back() {
    let (mut world, _) = three_and_two();
    change(&mut world, 1, voters(&[1, 2, 3, 4]));
    change(&mut world, 2, voters(&[1, 2, 3]));
    lose_touch_with_the_third(&mut world);
    change(&mut world, 3, voters(&[1, 2, 3, 4, 5]));
    change(&mut world, 4, voters(&[3, 4, 5]));
    if leader(&world) == 4 {
        world.request(4, 91, RequestBody::TransferLeadership { to: Some(node_id(4)) });
        world.pass(Duration::from_secs(1));
    }
    world.cuts = [0, 1, 4].into_iter().flat_map(|at| [(2, at), (at, 2)]).collect();
    world.pass(Duration::from_secs(5));
    assert_eq!(world.hosts[2].node.status().voters, ids(&[3, 4, 5]));
    assert_eq!(linked(&world, 2), [4]);
}

/// Whoever knows no leader may have missed much; but it does not listen to just anybody.
#[test]
fn a_server_without_a_leader_listens_to_a_few_strangers() {
    let mut world = World::new(3);
    world.cuts = (0..3).flat_map(|at| (0..3).map(move |other| (at, other))).collect();
    let strangers: Vec<_> = (10..30)
        .map(|id| {
            let stranger = world.connect(0);
            world.send_handshake(
                &stranger,
                &Handshake::Hello(Hello { from: node_id(id), ..hello() }),
            );
            stranger
        })
        .collect();
    let is_open: Vec<_> = strangers.iter().map(|stranger| world.is_open(stranger)).collect();
    assert!(is_open[..12].iter().all(|open| !open) && is_open[12..].iter().all(|open| *open));
}
