//! Figure 3.1, the condensed summary: its rules in its order.

use quorate_core::{
    AppendEntriesReply, AppendOutcome, Cause, Effect, HardState, Index, LogId, PreVoteReply,
    ReplicationId, RequestVote, RequestVoteReply, RoleKind, Round, Rpc, Term, Write,
};

use crate::bench::{Bench, entries_in, handed_out, id, node, outcome, role_change, sent_to};

fn asks_for_a_vote(last: LogId) -> Rpc {
    Rpc::RequestVote(RequestVote { last })
}

fn vote(granted: bool) -> Rpc {
    Rpc::RequestVoteReply(RequestVoteReply { granted })
}

fn writes(effects: &[Effect]) -> Vec<&Write> {
    effects.iter().filter_map(write).collect()
}

fn write(effect: &Effect) -> Option<&Write> {
    match effect {
        Effect::Write(write) => Some(write),
        _ => None,
    }
}

fn log(bench: &Bench) -> Vec<LogId> {
    let last = bench.raft.status().last.index.0;
    let id = |index| Some(LogId { term: bench.raft.term(Index(index))?, index: Index(index) });
    (1..=last).filter_map(id).collect()
}

/// A server that does not ask before it stands.
fn plain(term: u64, log: &[(u64, u64)]) -> Bench {
    Bench::with(term, log, |config| config.pre_vote = false)
}

// State

#[test]
fn persistent_state_is_the_term_the_vote_and_the_log() {
    let mut bench = Bench::follower(1, &[]);
    let effects = bench.hear(2, 2, asks_for_a_vote(LogId::ZERO));
    let hard_state = Some(HardState { term: Term(2), vote: Some(node(2)), is_forgetful: false });
    assert_eq!(
        writes(&effects).iter().map(|write| write.hard_state).collect::<Vec<_>>(),
        [hard_state]
    );
    let effects = bench.append((2, 2), LogId::ZERO, &[(2, 1)], 0);
    let appends = writes(&effects).into_iter().filter_map(|write| write.append.as_ref());
    let last: Vec<_> = appends.map(|append| append.entries.last_id()).collect();
    assert_eq!(last, [Some(id(2, 1))]);
}

#[test]
fn the_commit_index_is_volatile_and_begins_at_zero() {
    let bench = Bench::follower(2, &[(1, 1), (2, 2)]);
    assert_eq!(bench.raft.status().commit, Index(0));
}

#[test]
fn a_new_leader_knows_nothing_of_its_peers_and_begins_behind_its_last_entry() {
    let mut bench = Bench::follower(2, &[(1, 1), (2, 2)]);
    bench.become_leader();
    for peer in bench.raft.status().peers {
        assert_eq!((peer.match_index(), peer.next_index()), (Index(0), Index(3)));
    }
}

// AppendEntries, receiver

#[test]
fn append_entries_1_an_older_term_is_refused() {
    let mut bench = Bench::follower(3, &[(1, 1)]);
    let effects = bench.append((2, 2), id(1, 1), &[(2, 2)], 0);
    assert_eq!(outcome(&effects), Some(AppendOutcome::StaleTerm));
    assert_eq!(log(&bench), [id(1, 1)]);
}

#[test]
fn append_entries_2_a_log_without_the_entry_before_is_refused() {
    for (prev, hint) in [(id(1, 3), id(1, 2)), (id(2, 2), id(1, 2))] {
        let mut bench = Bench::follower(2, &[(1, 1), (1, 2)]);
        bench.heartbeat((2, 2), 1);
        let effects = bench.append((2, 2), prev, &[(2, prev.index.0 + 1)], 0);
        let rejected = prev.index;
        assert_eq!(outcome(&effects), Some(AppendOutcome::Mismatch { rejected, hint }));
        assert_eq!(log(&bench), [id(1, 1), id(1, 2)]);
    }
}

#[test]
fn append_entries_3_a_conflicting_entry_goes_with_all_that_follow_it() {
    let mut bench = Bench::follower(2, &[(1, 1), (1, 2), (1, 3), (1, 4)]);
    let effects = bench.append((2, 2), id(1, 1), &[(2, 2)], 0);
    assert_eq!(log(&bench), [id(1, 1), id(2, 2)]);
    let append = writes(&effects)[0].append.as_ref().expect("the log changes");
    assert_eq!(append.prev, id(1, 1), "on disk too");
}

#[test]
fn append_entries_4_only_what_is_missing_is_appended() {
    let mut bench = Bench::follower(1, &[(1, 1), (1, 2)]);
    let effects = bench.append((2, 1), LogId::ZERO, &[(1, 1), (1, 2), (1, 3)], 0);
    let append = writes(&effects)[0].append.as_ref().expect("the log changes");
    assert_eq!((append.prev, append.entries.len()), (id(1, 2), 1));
    let effects = bench.append((2, 1), LogId::ZERO, &[(1, 1)], 0);
    assert_eq!(writes(&effects), Vec::<&Write>::new());
    assert_eq!(log(&bench).len(), 3, "an old message cuts nothing");
}

#[test]
fn append_entries_5_the_commit_index_is_the_leaders_up_to_the_last_new_entry() {
    for (leaders, own) in [(2, 2), (9, 3)] {
        let mut bench = Bench::follower(1, &[(1, 1), (1, 2), (1, 3), (1, 4), (1, 5)]);
        bench.append((2, 1), id(1, 1), &[(1, 2), (1, 3)], leaders);
        assert_eq!(bench.raft.status().commit, Index(own));
    }
}

// RequestVote, receiver

#[test]
fn request_vote_1_an_older_term_gets_no_vote() {
    let mut bench = Bench::follower(3, &[]);
    let effects = bench.hear(2, 2, asks_for_a_vote(LogId::ZERO));
    assert_eq!(sent_to(&effects, 2), [&vote(false)]);
}

#[test]
fn request_vote_2_one_candidate_gets_the_vote_however_often_it_asks() {
    let mut bench = Bench::follower(1, &[]);
    bench.hear(2, 2, asks_for_a_vote(LogId::ZERO));
    assert_eq!(sent_to(&bench.persist(), 2), [&vote(true)]);
    assert_eq!(sent_to(&bench.hear(3, 2, asks_for_a_vote(LogId::ZERO)), 3), [&vote(false)]);
    assert_eq!(sent_to(&bench.hear(2, 2, asks_for_a_vote(LogId::ZERO)), 2), [&vote(true)]);
}

#[test]
fn request_vote_2_a_candidate_whose_log_is_behind_gets_no_vote() {
    for last in [id(1, 9), id(2, 2)] {
        let mut bench = Bench::follower(2, &[(1, 1), (2, 2), (2, 3)]);
        bench.hear(2, 3, asks_for_a_vote(last));
        assert_eq!(sent_to(&bench.persist(), 2), [&vote(false)], "{last:?}");
    }
}

// All servers

#[test]
fn all_servers_1_what_is_committed_is_handed_to_the_state_machine() {
    let mut bench = Bench::follower(1, &[]);
    bench.append((2, 1), LogId::ZERO, &[(1, 1), (1, 2)], 2);
    assert_eq!(handed_out(&bench.persist()), Some(Index(2)));
}

#[test]
fn all_servers_2_whoever_sees_a_newer_term_follows_in_it() {
    let (replication, round) = (ReplicationId(1), Round(1));
    let reply = AppendEntriesReply { replication, round, outcome: AppendOutcome::StaleTerm };
    let requests_and_answers =
        [asks_for_a_vote(LogId::ZERO), vote(false), Rpc::AppendEntriesReply(reply)];
    for rpc in requests_and_answers {
        let mut bench = Bench::leader(0, &[], |config| config.check_quorum = false);
        bench.hear(3, 7, rpc);
        let status = bench.raft.status();
        assert_eq!((status.role, status.hard_state.term), (RoleKind::Follower, Term(7)));
    }
}

// Followers

#[test]
fn followers_1_answer_candidates_and_leaders() {
    let mut bench = Bench::follower(1, &[]);
    assert_eq!(sent_to(&bench.heartbeat((2, 1), 1), 2).len(), 1);
    let effects = bench.hear(3, 1, asks_for_a_vote(LogId::ZERO));
    assert_eq!(sent_to(&effects, 3), [&vote(false)], "it knows a leader of this term");
}

#[test]
fn followers_2_stand_when_they_hear_nobody() {
    let mut bench = plain(1, &[]);
    assert_eq!(role_change(&bench.time_out()), Some((RoleKind::Candidate, Cause::ElectionTimeout)));
}

#[test]
fn followers_2_do_not_stand_while_they_hear_a_leader() {
    let mut bench = plain(1, &[]);
    let first = bench.raft.deadline();
    bench.now = quorate_core::Instant(first.expect("a deadline").0 - 1);
    bench.heartbeat((2, 1), 1);
    assert!(bench.raft.deadline() > first, "the wait begins anew");
}

// Candidates

#[test]
fn candidates_1_begin_a_term_vote_for_themselves_and_ask_all() {
    let mut bench = plain(4, &[(3, 1)]);
    let effects = bench.time_out();
    let hard_state = Some(HardState { term: Term(5), vote: Some(node(1)), is_forgetful: false });
    assert_eq!(writes(&effects)[0].hard_state, hard_state);
    assert!(bench.raft.deadline() > Some(bench.now), "the timer is set anew");
    let effects = bench.persist();
    for peer in [2, 3] {
        assert_eq!(sent_to(&effects, peer), [&asks_for_a_vote(id(3, 1))]);
    }
}

#[test]
fn candidates_2_lead_with_the_votes_of_a_majority() {
    let mut bench = plain(0, &[]);
    bench.time_out();
    bench.persist();
    let effects = bench.hear(3, 1, vote(true));
    assert_eq!(role_change(&effects), Some((RoleKind::Leader, Cause::ElectionWon)));
}

#[test]
fn candidates_3_follow_a_leader_of_their_term() {
    let mut bench = plain(0, &[]);
    bench.time_out();
    bench.persist();
    let effects = bench.append((2, 1), LogId::ZERO, &[], 0);
    assert_eq!(role_change(&effects), Some((RoleKind::Follower, Cause::LeaderFound)));
}

#[test]
fn candidates_4_stand_again_when_nobody_wins() {
    let mut bench = plain(0, &[]);
    bench.time_out();
    bench.time_out();
    let status = bench.raft.status();
    assert_eq!((status.role, status.hard_state.term), (RoleKind::Candidate, Term(2)));
}

// Leaders

#[test]
fn leaders_1_make_themselves_known_at_once_and_again_and_again() {
    let mut bench = Bench::follower(0, &[]);
    let effects = bench.become_leader();
    assert!([2, 3].iter().all(|&peer| !sent_to(&effects, peer).is_empty()));
    for _ in 0..3 {
        let before = bench.now;
        let effects = bench.time_out();
        assert!([2, 3].iter().all(|&peer| !sent_to(&effects, peer).is_empty()));
        assert!(bench.now.since(before).as_millis() <= 50);
        bench.acknowledge(2, 0);
    }
}

#[test]
fn leaders_2_append_commands_and_hand_them_out_once_they_are_committed() {
    let mut bench = Bench::settled_leader(|_| {});
    let effects = bench.propose(7, 1);
    assert!(matches!(effects[0], Effect::Accepted { at, .. } if at == id(1, 2)), "{effects:?}");
    assert_eq!(handed_out(&bench.persist()), None);
    assert_eq!(handed_out(&bench.acknowledge(2, 2)), Some(Index(2)));
}

#[test]
fn leaders_3_send_what_a_follower_lacks() {
    let mut bench = Bench::settled_leader(|_| {});
    let effects = bench.propose(7, 1);
    assert_eq!(sent_to(&effects, 2).into_iter().filter_map(entries_in).collect::<Vec<_>>(), [1]);
    bench.acknowledge(2, 2);
    let peer = &bench.raft.status().peers[0];
    assert_eq!((peer.match_index(), peer.next_index()), (Index(2), Index(3)));
}

#[test]
fn leaders_3_go_back_when_a_follower_refuses_and_try_again() {
    let mut bench = Bench::leader(1, &[(1, 1), (1, 2), (1, 3)], |_| {});
    let refusal = AppendOutcome::Mismatch { rejected: Index(3), hint: id(1, 1) };
    let effects = bench.answer(2, refusal);
    assert_eq!(bench.raft.status().peers[0].next_index(), Index(2));
    assert_eq!(sent_to(&effects, 2).into_iter().filter_map(entries_in).collect::<Vec<_>>(), [3]);
}

#[test]
fn leaders_4_commit_what_a_majority_has_of_their_own_term() {
    let mut bench = Bench::leader(1, &[(1, 1), (1, 2)], |_| {});
    bench.acknowledge(2, 2);
    assert_eq!(bench.raft.status().commit, Index(0), "of an earlier term");
    bench.acknowledge(3, 3);
    assert_eq!(bench.raft.status().commit, Index(3), "its own, and with it what is before");
}

/// Not in the figure: a pre-vote is no vote, see chapter 9.
#[test]
fn a_promise_is_no_vote() {
    let mut bench = plain(0, &[]);
    bench.time_out();
    bench.persist();
    let next_term = Term(1);
    bench.hear(2, 0, Rpc::PreVoteReply(PreVoteReply { next_term, granted: true }));
    assert_eq!(bench.raft.status().role, RoleKind::Candidate);
}
