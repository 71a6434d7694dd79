//! Reads that a leader answers by itself: thesis 6.4.1.

use std::time::Duration;

use crate::bench::{Bench, id, node, outcome, sent};
use quorate_core::{
    AppendOutcome, Config, ConfigError, Effect, Event, Index, Instant, Lease, LeaseLost,
    Membership, PreVote, RequestId, RequestVote, RequestVoteReply, RoleKind, Rpc, Term,
};

/// Of an election timeout of 300 ms.
const LEASE: Lease = Lease { drift_ppm: 200_000 };
const LENGTH: Duration = Duration::from_millis(200);
const TIMEOUT: Duration = Duration::from_millis(300);
const NANO: Duration = Duration::from_nanos(1);

fn leased(config: &mut Config) {
    config.lease = Some(LEASE);
}

/// A leader that has just sent a round, which server 2 has answered.
fn holder() -> Bench {
    let mut bench = Bench::settled_leader(leased);
    bench.time_out();
    bench.acknowledge(2, 1);
    bench
}

fn lease(bench: &Bench) -> (Option<Instant>, Option<LeaseLost>) {
    let status = bench.raft.status();
    (status.lease_until, status.lease_lost)
}

fn ask(bench: &mut Bench, id: u64) -> Vec<Effect> {
    bench.step(Event::LeaseRead { id: RequestId(id) })
}

fn answered(id: u64, index: u64) -> Vec<Effect> {
    vec![Effect::ReadReady { id: RequestId(id), index: Index(index) }]
}

fn votes(effects: &[Effect]) -> Vec<bool> {
    let vote = |rpc: &Rpc| match rpc {
        Rpc::RequestVoteReply(RequestVoteReply { granted }) => Some(*granted),
        Rpc::PreVoteReply(reply) => Some(reply.granted),
        _ => None,
    };
    sent(effects).into_iter().filter_map(|message| vote(&message.rpc)).collect()
}

fn request_vote(term: u64) -> Rpc {
    Rpc::RequestVote(RequestVote { last: id(term - 1, 9) })
}

fn pre_vote(next_term: u64) -> Rpc {
    Rpc::PreVote(PreVote { next_term: Term(next_term), last: id(next_term - 1, 9) })
}

#[test]
fn a_lease_lasts_from_when_the_round_was_sent_less_the_drift() {
    let mut bench = Bench::settled_leader(leased);
    bench.time_out();
    let sent_at = bench.now;
    bench.now = sent_at.after(Duration::from_millis(30));
    assert_ne!(ask(&mut bench, 1), answered(1, 1), "nobody has answered a round yet");
    bench.acknowledge(3, 1);
    assert_eq!(ask(&mut bench, 2), answered(2, 1), "at once, and nothing is sent");
    assert_eq!(lease(&bench), (Some(sent_at.after(LENGTH)), None));
    bench.now = sent_at.after(LENGTH - NANO);
    assert_eq!(ask(&mut bench, 3), answered(3, 1));
    bench.now = sent_at.after(LENGTH);
    let effects = ask(&mut bench, 4);
    assert_eq!(sent(&effects).len(), 2, "a round, as for any other read: {effects:?}");
    assert!(bench.acknowledge(3, 1).contains(&answered(4, 1)[0]));
}

#[test]
fn a_leader_without_a_lease_asks_its_peers() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.time_out();
    bench.acknowledge(2, 1);
    assert_eq!(sent(&ask(&mut bench, 1)).len(), 2);
    assert_eq!(lease(&bench), (None, None));
}

/// The time of an earlier round is kept until a majority has answered it: later ones change nothing.
#[test]
fn a_lease_is_renewed_with_each_round_that_a_majority_answers() {
    let mut bench = holder();
    let first = bench.now;
    bench.time_out();
    bench.acknowledge(2, 1);
    let second = bench.now;
    bench.time_out();
    bench.time_out();
    ask(&mut bench, 1);
    assert_eq!(bench.raft.status().lease_until, Some(second.after(LENGTH)));
    assert!(second > first);
}

/// thesis 6.4, step 1.
#[test]
fn no_lease_serves_before_the_first_commit_of_the_term() {
    let mut bench = Bench::leader(1, &[(1, 1)], leased);
    bench.time_out();
    bench.answer(2, AppendOutcome::Match(Index(1)));
    bench.time_out();
    bench.answer(2, AppendOutcome::Match(Index(1)));
    let effects = ask(&mut bench, 1);
    assert!(bench.raft.status().lease_until.is_some_and(|until| bench.now < until));
    let is_answer = |effect: &Effect| matches!(effect, Effect::ReadReady { .. });
    assert!(!effects.iter().any(is_answer), "entry 1 may or may not be the newest commit");
    bench.acknowledge(2, 2);
    assert_eq!(ask(&mut bench, 2), answered(2, 2));
}

#[test]
fn answers_of_learners_make_no_lease() {
    let mut bench = Bench::settled_leader(leased);
    let ids = [1, 2, 3].map(node);
    let target = Membership::new(ids, [], [node(4)]).expect("members");
    bench.step(Event::Reconfigure { id: RequestId(9), target, expected: None, force: true });
    bench.persist();
    bench.acknowledge(2, 2);
    bench.time_out();
    bench.acknowledge(4, 2);
    assert_ne!(ask(&mut bench, 1), answered(1, 2));
    bench.acknowledge(3, 2);
    assert_eq!(ask(&mut bench, 2), answered(2, 2));
}

/// Two majorities rule, and both must have promised (thesis 4.3).
#[test]
fn a_lease_rests_on_both_majorities() {
    let mut bench = holder();
    let target = Membership::of_voters([1, 4, 5].map(node)).expect("voters");
    bench.step(Event::Reconfigure { id: RequestId(9), target, expected: None, force: true });
    for peer in [2, 3, 4, 5] {
        bench.persist();
        bench.acknowledge(peer, 2);
    }
    assert!(bench.raft.status().membership.is_joint());
    bench.time_out();
    bench.acknowledge(2, 3);
    bench.acknowledge(3, 3);
    bench.now = bench.now.after(LENGTH - Duration::from_millis(40));
    let effects = ask(&mut bench, 1);
    assert!(!matches!(effects.first(), Some(Effect::ReadReady { .. })), "{effects:?}");
}

/// What tells the successor to stand may be late by any time.
#[test]
fn a_leader_that_told_another_to_stand_has_no_lease_for_the_rest_of_its_term() {
    let mut bench = holder();
    let (to, within) = (Some(node(2)), Duration::from_millis(100));
    bench.step(Event::TransferLeadership { id: RequestId(9), to, within });
    assert_eq!(lease(&bench), (None, Some(LeaseLost::HandedOver)));
    for _ in 0..4 {
        bench.time_out();
        bench.acknowledge(2, 1);
        bench.acknowledge(3, 1);
    }
    assert_eq!(
        (bench.raft.status().role, bench.raft.status().transferring_to),
        (RoleKind::Leader, None)
    );
    assert_eq!(sent(&ask(&mut bench, 1)).len(), 2, "it asks");
}

/// A transfer that has not come so far takes nothing back.
#[test]
fn a_leader_that_waits_for_its_successor_keeps_its_lease() {
    let mut bench = holder();
    bench.propose(5, 8);
    let (to, within) = (Some(node(2)), Duration::from_millis(100));
    bench.step(Event::TransferLeadership { id: RequestId(9), to, within });
    assert_eq!(ask(&mut bench, 1), answered(1, 1));
}

#[test]
fn a_voter_that_loses_patience_too_early_ends_the_lease() {
    for early in [pre_vote(2), request_vote(2)] {
        let mut bench = holder();
        bench.hear(3, 1, early.clone());
        assert_eq!(ask(&mut bench, 1), answered(1, 1), "3 has not answered that round");
        let term = if matches!(early, Rpc::PreVote(_)) { 1 } else { 2 };
        assert_eq!(bench.hear(2, term, early), []);
        assert_eq!(lease(&bench), (None, Some(LeaseLost::ClockSkew)));
        assert_eq!(sent(&ask(&mut bench, 2)).len(), 2, "it asks");
    }
    let mut bench = holder();
    bench.now = bench.now.after(LENGTH);
    bench.hear(2, 1, pre_vote(2));
    assert_eq!(bench.raft.status().lease_lost, None, "by then it may");
}

/// thesis 4.2.3 lets a server forget its leader with a newer term; a lease does not.
#[test]
fn whoever_heard_a_leader_keeps_its_promise_in_later_terms_too() {
    for (lease, granted) in [(Some(LEASE), vec![]), (None, vec![true])] {
        let mut bench = Bench::with(1, &[(1, 1)], |config| config.lease = lease);
        bench.now = bench.now.after(TIMEOUT);
        bench.heartbeat((2, 1), 1);
        let heard = bench.now;
        // It learns of term 5, by whatever.
        bench.hear(3, 5, Rpc::RequestVoteReply(RequestVoteReply { granted: false }));
        bench.now = heard.after(TIMEOUT - NANO);
        let mut effects = bench.hear(3, 5, request_vote(5));
        effects.extend(bench.persist());
        assert_eq!(votes(&effects), granted);
        assert_eq!(votes(&bench.hear(3, 5, pre_vote(6))), granted);
        bench.now = heard.after(TIMEOUT);
        let mut effects = bench.hear(3, 5, request_vote(5));
        effects.extend(bench.persist());
        assert_eq!(votes(&effects), [true]);
    }
}

/// It may have heard a leader just before.
#[test]
fn whoever_has_just_started_votes_for_nobody() {
    for (lease, granted) in [(Some(LEASE), vec![]), (None, vec![true])] {
        let mut bench = Bench::with(1, &[(1, 1)], |config| config.lease = lease);
        bench.now = bench.now.after(TIMEOUT - NANO);
        assert_eq!(votes(&bench.hear(3, 1, pre_vote(2))), granted);
        let mut effects = bench.hear(3, 2, request_vote(2));
        effects.extend(bench.persist());
        assert_eq!(votes(&effects), granted);
    }
}

/// To be asked is the leader's own doing (thesis 3.10).
#[test]
fn a_vote_in_a_transfer_is_given_at_once() {
    let mut bench = Bench::with(1, &[(1, 1)], leased);
    bench.heartbeat((2, 1), 1);
    let asked = Rpc::RequestVoteInTransfer(RequestVote { last: id(1, 1) });
    let mut effects = bench.hear(3, 2, asked);
    effects.extend(bench.persist());
    assert_eq!(votes(&effects), [true]);
    assert_eq!(outcome(&effects), None);
}

#[test]
fn a_lease_that_could_not_hold_is_refused() {
    let config = Config { lease: Some(LEASE), ..Config::new(node(1)) };
    assert_eq!(config.check(), Ok(()));
    let disloyal = Config { check_quorum: false, ..config.clone() };
    assert_eq!(disloyal.check(), Err(ConfigError::LeaseWithoutCheckQuorum));
    let drift_ppm = 1_000_000;
    let wild = Config { lease: Some(Lease { drift_ppm }), ..config };
    assert_eq!(wild.check(), Err(ConfigError::LeaseWithoutLength { drift_ppm }));
}
