//! Chapter 3, basic Raft: what Figure 3.1 does not say, or says in passing.

use std::time::Duration;

use quorate_core::{
    AppendOutcome, Cause, Config, ConfigError, Effect, Event, HardState, Index, Instant, LogId,
    Membership, Raft, Recovered, Refusal, RequestId, RequestVote, RequestVoteReply, RoleKind, Rpc,
    SnapshotMeta, Term,
};

use crate::bench::{
    Bench, entry, handed_out, id, node, outcome, refusals, role_change, sent, sent_to,
};

const ASKS: fn(LogId) -> Rpc = |last| Rpc::RequestVote(RequestVote { last });
const YES: Rpc = Rpc::RequestVoteReply(RequestVoteReply { granted: true });
const NO: Rpc = Rpc::RequestVoteReply(RequestVoteReply { granted: false });

fn plain(term: u64, log: &[(u64, u64)]) -> Bench {
    Bench::with(term, log, |config| config.pre_vote = false)
}

// 3.3: terms

#[test]
fn s3_3_a_server_begins_as_a_follower() {
    let bench = Bench::follower(7, &[(5, 1)]);
    let status = bench.raft.status();
    assert_eq!((status.role, status.leader), (RoleKind::Follower, None));
}

#[test]
fn s3_3_a_candidate_that_sees_a_newer_term_follows() {
    let mut bench = plain(0, &[]);
    bench.time_out();
    let effects = bench.hear(2, 9, NO);
    assert_eq!(role_change(&effects), Some((RoleKind::Follower, Cause::NewerTerm)));
}

#[test]
fn s3_3_an_answer_to_an_earlier_term_is_void() {
    let mut bench = plain(3, &[]);
    bench.time_out();
    bench.persist();
    bench.hear(2, 3, YES);
    assert_eq!(bench.raft.status().role, RoleKind::Candidate);
}

// 3.4: leader election

#[test]
fn s3_4_timeouts_are_drawn_at_random_anew_for_each_election() {
    let mut bench = Bench::with(0, &[], |config| {
        config.pre_vote = false;
        config.election_jitter = Duration::from_millis(300);
    });
    let waits: Vec<_> = (0..20)
        .map(|_| {
            let began = bench.now;
            bench.time_out();
            bench.now.since(began)
        })
        .collect();
    assert!(waits.iter().all(|wait| (300..=600).contains(&wait.as_millis())), "{waits:?}");
    assert!(waits.windows(2).all(|pair| pair[0] != pair[1]), "{waits:?}");
}

#[test]
fn s3_4_servers_of_one_seed_wait_for_different_times() {
    let deadline = |id: u64| {
        let membership = Membership::of_voters([1, 2, 3].map(node)).expect("three voters");
        let config = Config { seed: 42, ..Config::new(node(id)) };
        let raft = Raft::new(config, Recovered::genesis(membership), Instant(0));
        raft.expect("a server").deadline()
    };
    assert!(deadline(1) != deadline(2) && deadline(2) != deadline(3));
}

#[test]
fn s3_4_a_vote_for_another_restarts_the_wait_and_a_refusal_does_not() {
    let mut bench = plain(1, &[(1, 1)]);
    let first = bench.raft.deadline();
    bench.now = Instant(200_000_000);
    bench.hear(2, 2, ASKS(LogId::ZERO));
    assert_eq!(bench.raft.deadline(), first, "its log is behind: no vote");
    bench.hear(3, 2, ASKS(id(1, 1)));
    assert!(bench.raft.deadline() > first);
}

#[test]
fn s3_4_a_leader_votes_for_nobody_in_its_term() {
    let mut bench = Bench::settled_leader(|_| {});
    assert_eq!(sent_to(&bench.hear(3, 1, ASKS(id(1, 9))), 3), [&NO]);
}

#[test]
fn s3_4_a_candidate_of_a_term_that_has_a_leader_gets_no_vote() {
    let mut bench = Bench::follower(0, &[]);
    bench.heartbeat((2, 1), 1);
    bench.persist();
    assert_eq!(sent_to(&bench.hear(3, 1, ASKS(id(1, 9))), 3), [&NO]);
}

#[test]
fn s3_4_refusals_of_a_majority_end_a_campaign_and_not_the_term() {
    let mut bench = plain(0, &[]);
    bench.time_out();
    bench.persist();
    bench.hear(2, 1, NO);
    let effects = bench.hear(3, 1, NO);
    assert_eq!(role_change(&effects), Some((RoleKind::Follower, Cause::ElectionLost)));
    let state = HardState { term: Term(1), vote: Some(node(1)), is_forgetful: false };
    assert_eq!(bench.raft.status().hard_state, state);
}

// 3.5: log replication

#[test]
fn s3_5_a_leader_creates_one_entry_for_an_index() {
    let mut bench = Bench::settled_leader(|_| {});
    let positions = (2..=5).map(|index| bench.propose(index, 1)).map(|effects| match effects[0] {
        Effect::Accepted { at, .. } => at,
        ref other => panic!("{other:?}"),
    });
    assert_eq!(positions.collect::<Vec<_>>(), [id(1, 2), id(1, 3), id(1, 4), id(1, 5)]);
}

#[test]
fn s3_5_the_commit_index_goes_out_with_every_message_of_a_leader() {
    let mut bench = Bench::settled_leader(|_| {});
    let effects = bench.time_out();
    let told = sent(&effects).into_iter().map(|message| match &message.rpc {
        Rpc::Heartbeat(heartbeat) => heartbeat.commit,
        other => panic!("{other:?}"),
    });
    assert_eq!(told.collect::<Vec<_>>(), [Index(1), Index(1)]);
    let effects = bench.propose(1, 1);
    let Rpc::AppendEntries(append) = sent_to(&effects, 2)[0] else { panic!("{effects:?}") };
    assert_eq!(append.commit, Index(1));
}

#[test]
fn s3_5_a_refusal_names_the_newest_entry_that_could_be_shared() {
    let mut bench = Bench::follower(5, &[(1, 1), (1, 2), (4, 3), (4, 4)]);
    bench.heartbeat((2, 5), 1);
    let effects = bench.append((2, 5), id(3, 4), &[], 0);
    let mismatch = AppendOutcome::Mismatch { rejected: Index(4), hint: id(1, 2) };
    assert_eq!(outcome(&effects), Some(mismatch), "no entry of term 4 is before one of term 3");
}

#[test]
fn s3_5_a_leader_that_is_elected_keeps_all_entries_it_has() {
    let mut bench = Bench::follower(3, &[(1, 1), (2, 2), (3, 3)]);
    bench.become_leader();
    let terms: Vec<_> = (1..=4).map(|index| bench.raft.term(Index(index))).collect();
    assert_eq!(terms, [1, 2, 3, 4].map(|term| Some(Term(term))));
}

#[test]
fn s3_5_a_slow_follower_does_not_keep_the_others_from_committing() {
    let mut bench = Bench::settled_leader(|_| {});
    for index in 2..=9 {
        bench.propose(index, 1);
        bench.persist();
        assert_eq!(handed_out(&bench.acknowledge(2, index)), Some(Index(index)));
    }
    assert_eq!(bench.raft.status().peers[1].match_index(), Index(1), "server 3 is silent");
}

// 3.6: safety

#[test]
fn s3_6_1_logs_are_compared_by_their_last_term_and_then_by_length() {
    for (last, granted) in
        [(id(2, 3), true), (id(3, 1), true), (id(2, 4), true), (id(2, 2), false), (id(1, 9), false)]
    {
        let mut bench = Bench::follower(3, &[(1, 1), (2, 2), (2, 3)]);
        bench.hear(2, 4, ASKS(last));
        let answer = if granted { YES } else { NO };
        assert_eq!(sent_to(&bench.persist(), 2), [&answer], "{last:?}");
    }
}

#[test]
fn s3_6_2_an_entry_of_an_earlier_term_commits_with_one_of_the_leaders_own() {
    let mut bench = Bench::leader(2, &[(1, 1), (2, 2)], |_| {});
    bench.acknowledge(2, 2);
    bench.acknowledge(3, 2);
    assert_eq!(bench.raft.status().commit, Index(0), "three copies of three");
    bench.acknowledge(2, 3);
    assert_eq!(bench.raft.status().commit, Index(3));
}

#[test]
fn s3_6_2_a_new_leader_appends_a_no_op() {
    let mut bench = Bench::follower(1, &[(1, 1)]);
    bench.become_leader();
    assert_eq!(bench.raft.status().last, id(2, 2));
}

// 3.7: follower and candidate crashes

#[test]
fn s3_7_requests_may_come_twice() {
    let mut bench = Bench::follower(0, &[]);
    bench.append((2, 1), LogId::ZERO, &[(1, 1)], 0);
    bench.persist();
    let again = bench.append((2, 1), LogId::ZERO, &[(1, 1)], 0);
    assert_eq!(outcome(&again), Some(AppendOutcome::Match(Index(1))), "acknowledged again");
    assert!(!again.iter().any(|effect| matches!(effect, Effect::Write(_))), "not written again");
}

#[test]
fn s3_7_who_does_not_answer_is_asked_for_ever() {
    let mut bench = Bench::settled_leader(|_| {});
    for _ in 0..100 {
        let effects = bench.time_out();
        assert!(!sent_to(&effects, 3).is_empty());
        bench.acknowledge(2, 1);
    }
}

// 3.8: persisted state and server restarts

#[test]
fn s3_8_a_server_that_restarts_has_its_term_its_vote_and_its_log() {
    let membership = Membership::of_voters([1, 2, 3].map(node)).expect("three voters");
    let snapshot = SnapshotMeta::genesis(membership);
    let hard_state = HardState { term: Term(4), vote: Some(node(2)), is_forgetful: false };
    let log = vec![entry(1, 1), entry(3, 2)];
    let recovered = Recovered::from_entries(hard_state, snapshot, log).expect("a log");
    let raft = Raft::new(Config::new(node(1)), recovered, Instant(0)).expect("a server");
    let status = raft.status();
    assert_eq!((status.hard_state, status.last), (hard_state, id(3, 2)));
    assert_eq!((status.commit, status.role), (Index(0), RoleKind::Follower), "relearned");
}

#[test]
fn s3_8_a_hard_state_that_is_older_than_the_log_is_refused() {
    let membership = Membership::of_voters([node(1)]).expect("a voter");
    let snapshot = SnapshotMeta::genesis(membership);
    let hard_state = HardState { term: Term(2), vote: None, is_forgetful: false };
    let recovered = Recovered::from_entries(hard_state, snapshot, vec![entry(3, 1)]);
    assert!(recovered.expect("a log").check().is_err(), "a vote may be forgotten with it");
}

#[test]
fn s3_8_a_new_term_is_on_disk_before_anybody_hears_of_it() {
    let mut bench = Bench::follower(1, &[]);
    let effects = bench.heartbeat((2, 5), 1);
    assert_eq!(sent(&effects).len(), 0);
    assert_eq!(sent_to(&bench.persist(), 2).len(), 1);
}

#[test]
fn s3_8_entries_are_on_disk_before_they_are_acknowledged() {
    let mut bench = Bench::follower(1, &[]);
    bench.heartbeat((2, 1), 1);
    let effects = bench.append((2, 1), LogId::ZERO, &[(1, 1)], 0);
    assert_eq!(outcome(&effects), None);
    assert_eq!(outcome(&bench.persist()), Some(AppendOutcome::Match(Index(1))));
}

// 3.9: timing and availability

#[test]
fn s3_9_heartbeats_are_more_frequent_than_elections() {
    let config = Config { heartbeat_interval: Duration::from_millis(300), ..Config::new(node(1)) };
    assert!(matches!(config.check(), Err(ConfigError::HeartbeatNotBelowElectionTimeout { .. })));
}

// 3.10: leadership transfer

fn transfer(bench: &mut Bench, to: u64) -> Vec<Effect> {
    let within = Duration::from_millis(300);
    bench.step(Event::TransferLeadership { id: RequestId(9), to: Some(node(to)), within })
}

#[test]
fn s3_10_1_a_leader_that_hands_over_accepts_no_commands() {
    let mut bench = Bench::settled_leader(|_| {});
    transfer(&mut bench, 2);
    assert_eq!(refusals(&bench.propose(1, 1)), [(RequestId(1), Refusal::Transferring)]);
}

#[test]
fn s3_10_2_the_successor_gets_the_whole_log_first() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.propose(1, 1);
    assert_eq!(sent_to(&transfer(&mut bench, 2), 2), Vec::<&Rpc>::new());
    assert!(sent_to(&bench.acknowledge(2, 2), 2).contains(&&Rpc::TimeoutNow));
}

#[test]
fn s3_10_3_the_successor_stands_at_once() {
    let mut bench = Bench::follower(1, &[(1, 1)]);
    bench.heartbeat((2, 1), 1);
    let effects = bench.hear(2, 1, Rpc::TimeoutNow);
    assert_eq!(role_change(&effects), Some((RoleKind::Candidate, Cause::LeaderAsked)));
    assert_eq!(bench.raft.status().hard_state.term, Term(2));
}

#[test]
fn s3_10_a_transfer_that_takes_longer_than_an_election_timeout_is_given_up() {
    let mut bench = Bench::settled_leader(|_| {});
    transfer(&mut bench, 2);
    let mut told = Vec::new();
    while told.is_empty() {
        told = refusals(&bench.time_out());
        bench.acknowledge(3, 1);
    }
    assert_eq!(told, [(RequestId(9), Refusal::TransferTimedOut)]);
    assert_eq!(refusals(&bench.propose(1, 1)), [], "clients are served again");
}
