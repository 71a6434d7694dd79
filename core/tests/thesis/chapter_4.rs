//! Chapter 4, cluster membership changes.

use quorate_core::{
    Cause, Effect, Entry, Event, Index, LogId, Membership, MembershipRecord, Payload, RequestId,
    RequestVote, RequestVoteReply, RoleKind, Rpc, Stopped, System, Term,
};

use crate::bench::{Bench, entry, id, node, role_change, sent_to};

fn of(voters: &[u64], outgoing: &[u64], learners: &[u64]) -> Membership {
    let ids = |ids: &[u64]| ids.iter().map(|&id| node(id)).collect::<Vec<_>>();
    Membership::new(ids(voters), ids(outgoing), ids(learners)).expect("a membership")
}

fn change(bench: &mut Bench, target: Membership) -> Vec<Effect> {
    bench.step(Event::Reconfigure { id: RequestId(1), target, expected: None, force: false })
}

/// All that the leader has is durable, and acknowledged by these.
fn all_have_all(bench: &mut Bench, peers: &[u64]) -> Vec<Effect> {
    let mut effects = bench.persist();
    let last = bench.raft.status().last.index.0;
    peers.iter().for_each(|&peer| effects.extend(bench.acknowledge(peer, last)));
    effects
}

fn says(membership: &Membership, term: u64, index: u64) -> Entry {
    let record = System::Membership(MembershipRecord::of(membership));
    Entry { id: id(term, index), payload: Payload::System(record) }
}

fn rules(bench: &Bench) -> Membership {
    bench.raft.status().membership.clone()
}

const YES: Rpc = Rpc::RequestVoteReply(RequestVoteReply { granted: true });

// 4.1: safety

#[test]
fn s4_1_the_newest_membership_in_the_log_rules_committed_or_not() {
    let bench = Bench::of_entries(1, vec![entry(1, 1), says(&of(&[1, 2], &[], &[]), 1, 2)]);
    assert_eq!((rules(&bench), bench.raft.status().commit), (of(&[1, 2], &[], &[]), Index(0)));
}

#[test]
fn s4_1_a_membership_that_is_cut_off_gives_way_to_the_one_before() {
    let mut bench = Bench::of_entries(1, vec![entry(1, 1), says(&of(&[1, 2], &[], &[]), 1, 2)]);
    bench.append((2, 2), id(1, 1), &[(2, 2)], 0);
    assert_eq!(rules(&bench), of(&[1, 2, 3], &[], &[]));
}

#[test]
fn s4_1_one_voter_changes_by_a_single_entry() {
    let mut bench = Bench::settled_leader(|_| {});
    change(&mut bench, of(&[1, 2], &[], &[]));
    assert_eq!(rules(&bench), of(&[1, 2], &[], &[]));
    assert_eq!(bench.raft.status().last, id(1, 2));
}

#[test]
fn s4_1_the_next_change_waits_until_the_one_before_is_committed() {
    let mut bench = Bench::settled_leader(|_| {});
    change(&mut bench, of(&[1, 2], &[], &[]));
    change(&mut bench, of(&[1, 3], &[], &[]));
    assert_eq!(rules(&bench), of(&[1, 2], &[], &[]));
    all_have_all(&mut bench, &[2]);
    assert_ne!(rules(&bench), of(&[1, 2], &[], &[]));
}

/// The amendment of 2015 to the single-server changes.
#[test]
fn s4_1_a_leader_changes_nothing_before_it_has_committed_in_its_term() {
    let mut bench = Bench::leader(1, &[(1, 1)], |_| {});
    change(&mut bench, of(&[1, 2], &[], &[]));
    assert_eq!(rules(&bench), of(&[1, 2, 3], &[], &[]));
    bench.acknowledge(2, 2);
    assert_eq!(rules(&bench), of(&[1, 2], &[], &[]));
}

#[test]
fn s4_1_messages_of_servers_outside_of_the_membership_are_handled() {
    let mut bench = Bench::follower(1, &[]);
    bench.append((9, 2), LogId::ZERO, &[(2, 1)], 0);
    assert_eq!(bench.raft.status().leader, Some(node(9)), "its leader may know better");
    let mut bench = Bench::follower(1, &[]);
    bench.hear(9, 2, Rpc::RequestVote(RequestVote { last: LogId::ZERO }));
    assert_eq!(sent_to(&bench.persist(), 9), [&YES]);
}

// 4.2.1: catching up new servers

#[test]
fn s4_2_1_a_newcomer_gets_the_log_before_it_gets_a_vote() {
    let mut bench = Bench::settled_leader(|_| {});
    change(&mut bench, of(&[1, 2, 3, 4], &[], &[]));
    assert_eq!(rules(&bench), of(&[1, 2, 3], &[], &[4]));
    all_have_all(&mut bench, &[2]);
    assert_eq!(rules(&bench), of(&[1, 2, 3], &[], &[4]), "the log is committed without it");
    bench.acknowledge(4, 2);
    assert_eq!(rules(&bench), of(&[1, 2, 3, 4], &[], &[]));
}

#[test]
fn s4_2_1_a_round_that_takes_longer_than_an_election_timeout_is_followed_by_another() {
    let mut bench = Bench::settled_leader(|_| {});
    change(&mut bench, of(&[1, 2, 3, 4], &[], &[]));
    all_have_all(&mut bench, &[2]);
    for _ in 0..8 {
        bench.time_out();
        bench.acknowledge(2, 2);
    }
    bench.propose(5, 1);
    bench.acknowledge(4, 2);
    assert_eq!(rules(&bench), of(&[1, 2, 3], &[], &[4]), "slow: another round");
    bench.acknowledge(4, 3);
    assert_eq!(rules(&bench), of(&[1, 2, 3, 4], &[], &[]), "quick enough");
}

#[test]
fn s4_2_1_a_newcomer_that_cannot_be_reached_is_given_up() {
    let mut bench = Bench::settled_leader(|_| {});
    change(&mut bench, of(&[1, 2, 3, 4], &[], &[]));
    all_have_all(&mut bench, &[2]);
    let stopped =
        Effect::ReconfigurationStopped { id: RequestId(1), why: Stopped::CannotCatchUp(node(4)) };
    let gives_up = (0..1000).any(|_| {
        let effects = bench.time_out();
        bench.acknowledge(2, 2);
        effects.contains(&stopped)
    });
    assert!(gives_up);
}

// 4.2.2: removing the current leader

#[test]
fn s4_2_2_a_leader_that_leaves_leads_until_that_is_committed_and_does_not_count() {
    let mut bench = Bench::settled_leader(|_| {});
    change(&mut bench, of(&[2, 3], &[], &[]));
    all_have_all(&mut bench, &[2]);
    assert_eq!((bench.raft.status().role, bench.raft.status().commit.0), (RoleKind::Leader, 1));
    let effects = bench.acknowledge(3, 2);
    assert_eq!(role_change(&effects), Some((RoleKind::Follower, Cause::Removed)));
}

/// The change is done when its leader steps down over it, and nobody is told otherwise.
#[test]
fn s4_2_2_a_leader_that_leaves_says_that_the_change_is_done() {
    let mut bench = Bench::settled_leader(|_| {});
    change(&mut bench, of(&[2, 3], &[], &[]));
    all_have_all(&mut bench, &[2]);
    let effects = bench.acknowledge(3, 2);
    let (id, at) = (RequestId(1), Index(2));
    assert!(effects.contains(&Effect::Reconfigured { id, at }), "{effects:?}");
    let is_stopped = |effect: &Effect| matches!(effect, Effect::ReconfigurationStopped { .. });
    assert!(!effects.iter().any(is_stopped), "{effects:?}");
}

#[test]
fn s4_2_2_a_server_that_left_stands_while_that_is_not_committed() {
    let mut bench = Bench::of_entries(1, vec![entry(1, 1), says(&of(&[2, 3], &[], &[]), 1, 2)]);
    assert_eq!(
        role_change(&bench.time_out()),
        Some((RoleKind::PreCandidate, Cause::ElectionTimeout))
    );
    bench.append((2, 2), id(1, 2), &[], 2);
    bench.time_out();
    assert_eq!(bench.raft.status().role, RoleKind::Follower, "it knows that it left");
}

// 4.2.3: disruptive servers

#[test]
fn s4_2_3_who_hears_a_leader_neither_votes_nor_adopts_a_newer_term() {
    let mut bench = Bench::follower(1, &[]);
    bench.heartbeat((2, 1), 1);
    let ask = Rpc::RequestVote(RequestVote { last: id(9, 9) });
    assert_eq!(bench.hear(3, 7, ask), []);
    assert_eq!(bench.raft.status().hard_state.term, Term(1));
}

#[test]
fn s4_2_3_a_candidate_whom_its_leader_asked_is_answered_all_the_same() {
    let mut bench = Bench::follower(1, &[]);
    bench.heartbeat((2, 1), 1);
    let ask = Rpc::RequestVoteInTransfer(RequestVote { last: LogId::ZERO });
    bench.hear(3, 2, ask);
    assert_eq!(sent_to(&bench.persist(), 3), [&YES]);
}

// 4.3: arbitrary changes by joint consensus

#[test]
fn s4_3_several_voters_change_while_both_majorities_rule() {
    let mut bench = Bench::settled_leader(|_| {});
    change(&mut bench, of(&[1], &[], &[]));
    assert_eq!(rules(&bench), of(&[1], &[1, 2, 3], &[]));
    bench.persist();
    assert_eq!(bench.raft.status().commit, Index(1), "one of one, and one of three");
    all_have_all(&mut bench, &[2]);
    assert_eq!(rules(&bench), of(&[1], &[], &[]));
}

#[test]
fn s4_3_a_candidate_needs_both_majorities() {
    let joint = of(&[1, 4, 5], &[1, 2, 3], &[]);
    let mut bench = Bench::of_entries(1, vec![says(&joint, 1, 1)]);
    bench.time_out();
    for voter in [4, 5] {
        let granted = quorate_core::PreVoteReply { next_term: Term(2), granted: true };
        bench.hear(voter, 1, Rpc::PreVoteReply(granted));
    }
    assert_eq!(bench.raft.status().role, RoleKind::PreCandidate, "all of the new half");
    let granted = quorate_core::PreVoteReply { next_term: Term(2), granted: true };
    bench.hear(2, 1, Rpc::PreVoteReply(granted));
    bench.persist();
    bench.hear(2, 2, YES);
    assert_eq!(bench.raft.status().role, RoleKind::Candidate, "two of the old half");
    bench.hear(4, 2, YES);
    assert_eq!(bench.raft.status().role, RoleKind::Leader);
}

#[test]
fn s4_3_any_leader_ends_what_another_began() {
    let joint = of(&[1, 2], &[1, 2, 3], &[]);
    let mut bench = Bench::of_entries(1, vec![says(&joint, 1, 1)]);
    bench.become_leader();
    all_have_all(&mut bench, &[2]);
    assert_eq!(rules(&bench), of(&[1, 2], &[], &[]));
}
