//! Section 9.6, preventing disruptions when a server rejoins the cluster: the pre-vote.

use quorate_core::{Cause, Effect, HardState, LogId, PreVote, PreVoteReply, RoleKind, Rpc, Term};

use crate::bench::{Bench, id, role_change, sent_to};

fn asks(next_term: u64, last: LogId) -> Rpc {
    Rpc::PreVote(PreVote { next_term: Term(next_term), last })
}

fn answer(next_term: u64, granted: bool) -> Rpc {
    Rpc::PreVoteReply(PreVoteReply { next_term: Term(next_term), granted })
}

#[test]
fn s9_6_a_server_asks_before_it_begins_a_term() {
    let mut bench = Bench::follower(3, &[(2, 1)]);
    let effects = bench.time_out();
    assert_eq!(sent_to(&effects, 2), [&asks(4, id(2, 1))]);
    assert_eq!(bench.raft.status().hard_state.term, Term(3));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Write(_))));
}

#[test]
fn s9_6_with_the_promises_of_a_majority_it_stands() {
    let mut bench = Bench::follower(3, &[]);
    bench.time_out();
    let effects = bench.hear(3, 3, answer(4, true));
    assert_eq!(role_change(&effects), Some((RoleKind::Candidate, Cause::PreVoteWon)));
}

#[test]
fn s9_6_without_them_it_does_not_however_often_it_tries() {
    let mut bench = Bench::follower(3, &[]);
    for _ in 0..10 {
        bench.time_out();
        bench.hear(2, 3, answer(4, false));
        bench.hear(3, 3, answer(4, false));
    }
    assert_eq!(
        bench.raft.status().hard_state,
        HardState { term: Term(3), vote: None, is_forgetful: false }
    );
}

#[test]
fn s9_6_a_promise_is_given_as_a_vote_would_be() {
    for (next_term, last, granted) in
        [(4, id(2, 1), true), (4, id(2, 9), true), (4, id(1, 9), false), (3, id(2, 1), false)]
    {
        let mut bench = Bench::follower(3, &[(2, 1)]);
        let effects = bench.hear(2, 3, asks(next_term, last));
        assert_eq!(sent_to(&effects, 2), [&answer(next_term, granted)], "{next_term} {last:?}");
    }
}

#[test]
fn s9_6_a_promise_changes_nothing() {
    let mut bench = Bench::follower(3, &[]);
    let deadline = bench.raft.deadline();
    bench.hear(2, 3, asks(4, LogId::ZERO));
    bench.hear(3, 3, asks(4, LogId::ZERO));
    let status = bench.raft.status();
    assert_eq!(status.hard_state, HardState { term: Term(3), vote: None, is_forgetful: false });
    assert_eq!(bench.raft.deadline(), deadline);
}

#[test]
fn s9_6_who_hears_a_leader_promises_nothing() {
    let mut bench = Bench::follower(3, &[]);
    bench.heartbeat((2, 3), 1);
    assert_eq!(bench.hear(3, 3, asks(4, id(3, 9))), []);
}
