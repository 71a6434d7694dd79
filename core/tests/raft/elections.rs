//! Who is voted for, and who steps down.

use std::time::Duration;

use crate::bench::{Bench, id, node, outcome, role_change, sent, sent_to};
use quorate_core::{
    AppendOutcome, Cause, Config, ConfigError, Event, LogId, Membership, PreVoteReply, RequestVote,
    RequestVoteReply, RoleKind, Rpc, Term,
};

fn is_vote_request(rpc: &Rpc) -> bool {
    matches!(rpc, Rpc::RequestVote(_))
}

/// thesis 3.8: vote and term are on disk before anybody hears of them.
#[test]
fn a_vote_leaves_once_it_is_durable() {
    let mut bench = Bench::follower(1, &[]);
    let request = RequestVote { last: id(1, 1) };
    let effects = bench.hear(2, 2, Rpc::RequestVote(request));
    assert_eq!(sent(&effects).len(), 0);
    let effects = bench.persist();
    let granted = Rpc::RequestVoteReply(RequestVoteReply { granted: true });
    assert_eq!(sent_to(&effects, 2), [&granted]);
}

/// A candidate that crashes before its vote for itself is durable may vote for another.
#[test]
fn a_candidate_asks_for_votes_and_counts_its_own_once_that_is_durable() {
    let mut bench = Bench::with(1, &[], |config| config.pre_vote = false);
    let effects = bench.time_out();
    assert!(!sent(&effects).iter().any(|message| is_vote_request(&message.rpc)));
    let granted = Rpc::RequestVoteReply(RequestVoteReply { granted: true });
    bench.hear(2, 2, granted.clone());
    bench.hear(3, 2, granted.clone());
    assert_eq!(bench.raft.status().role, RoleKind::Candidate, "nobody was asked yet");
    let effects = bench.persist();
    assert!(sent(&effects).iter().any(|message| is_vote_request(&message.rpc)));
    assert_eq!(bench.raft.status().role, RoleKind::Candidate, "one durable vote of three");
    bench.hear(2, 2, granted);
    assert_eq!(bench.raft.status().role, RoleKind::Leader);
}

/// thesis 4.2.1: those that learn have no vote.
#[test]
fn a_candidate_asks_all_other_voters_and_nobody_else() {
    let members = Membership::new([1, 2, 3].map(node), [], [4].map(node)).expect("members");
    let mut bench = Bench::member(members, 1, &[]);
    let asked = sent(&bench.time_out()).iter().map(|message| message.to).collect::<Vec<_>>();
    assert_eq!(asked, [2, 3].map(node));
}

#[test]
fn the_vote_of_an_older_term_is_not_sent_in_a_newer_one() {
    let mut bench = Bench::follower(1, &[]);
    bench.hear(2, 2, Rpc::RequestVote(RequestVote { last: id(1, 1) }));
    let first = bench.newest_ticket();
    bench.hear(3, 3, Rpc::RequestVote(RequestVote { last: id(1, 1) }));
    assert_eq!(
        sent(&bench.step(Event::Persisted(first))).len(),
        0,
        "the vote of term 3 is not durable"
    );
    assert_eq!(sent(&bench.persist()).iter().map(|m| m.to).collect::<Vec<_>>(), [node(3)]);
}

/// thesis 6.2
#[test]
fn a_leader_that_no_majority_answers_steps_down() {
    let mut bench = Bench::settled_leader(|_| {});
    let mut last = Vec::new();
    for _ in 0..20 {
        if bench.raft.status().role != RoleKind::Leader {
            break;
        }
        last = bench.time_out();
    }
    assert_eq!(role_change(&last), Some((RoleKind::Follower, Cause::QuorumLost)));
    assert_eq!(bench.raft.status().hard_state.term, Term(1), "without a new term");
}

/// thesis 3.4, 9.6: whoever votes for another gives it the time to win.
#[test]
fn a_pre_candidate_that_votes_for_another_stands_no_more() {
    let mut bench = Bench::follower(1, &[]);
    bench.time_out();
    assert_eq!(bench.raft.status().role, RoleKind::PreCandidate);
    let effects = bench.hear(3, 1, Rpc::RequestVote(RequestVote { last: id(1, 1) }));
    assert_eq!(role_change(&effects), Some((RoleKind::Follower, Cause::VoteGranted)));
    let granted = PreVoteReply { next_term: Term(2), granted: true };
    bench.hear(2, 1, Rpc::PreVoteReply(granted));
    let status = bench.raft.status();
    assert_eq!((status.role, status.hard_state.term), (RoleKind::Follower, Term(1)));
    assert_eq!(status.hard_state.vote, Some(node(3)));
}

/// thesis 4.2.3
#[test]
fn a_follower_that_hears_its_leader_helps_nobody_to_unseat_it() {
    let mut bench = Bench::follower(1, &[]);
    bench.heartbeat((2, 1), 1);
    let effects = bench.hear(3, 7, Rpc::RequestVote(RequestVote { last: id(1, 9) }));
    assert_eq!(effects, []);
    assert_eq!(bench.raft.status().hard_state.term, Term(1));
    bench.now = bench.now.after(Duration::from_millis(300));
    bench.hear(3, 7, Rpc::RequestVote(RequestVote { last: id(1, 9) }));
    assert_eq!(bench.raft.status().hard_state.vote, Some(node(3)), "once it hears nothing more");
}

/// thesis 3.4: a server with a fast clock and an old log would otherwise keep the others from ever
/// standing for election. Found by the lab (seed 300174).
#[test]
fn a_newer_term_does_not_restart_the_wait() {
    let mut bench = Bench::follower(1, &[(1, 1)]);
    let deadline = bench.raft.deadline();
    bench.now = bench.now.after(Duration::from_millis(200));
    bench.hear(2, 2, Rpc::RequestVote(RequestVote { last: LogId::ZERO }));
    assert_eq!(bench.raft.status().hard_state.term, Term(2));
    assert_eq!(bench.raft.deadline(), deadline, "no vote was granted");
    bench.hear(3, 3, Rpc::RequestVote(RequestVote { last: id(1, 1) }));
    assert!(bench.raft.deadline() > deadline, "a vote was granted");
}

/// The leader of an earlier term would otherwise never learn that its time is over.
#[test]
fn a_leader_of_an_earlier_term_is_told() {
    let mut bench = Bench::follower(5, &[]);
    assert_eq!(outcome(&bench.heartbeat((2, 3), 1)), Some(AppendOutcome::StaleTerm));
}

/// Those that others shall come before wait an election timeout longer for each step.
#[test]
fn who_has_a_lower_priority_waits_longer() {
    let shortest = |priority| {
        let waits = (0..50).map(|seed| {
            let bench = Bench::with(1, &[], |config| {
                (config.priority, config.seed) = (priority, seed);
            });
            bench.raft.deadline().expect("it will stand").0 - bench.now.0
        });
        Duration::from_nanos(waits.min().expect("fifty"))
    };
    let timeout = Config::new(node(1)).election_timeout;
    for (priority, timeouts) in [(10, 1), (9, 2), (0, 11)] {
        let wait = shortest(priority);
        assert!((timeout * timeouts..timeout * (timeouts + 1)).contains(&wait), "{wait:?}");
    }
    let mut bench = Bench::with(1, &[], |config| config.priority = 9);
    bench.time_out();
    bench.now = bench.now.after(timeout * 2 - Duration::from_nanos(1));
    assert!(bench.raft.deadline() > Some(bench.now), "and as long before it tries again");
    let too_high = Config { priority: 11, ..Config::new(node(1)) };
    assert_eq!(too_high.check(), Err(ConfigError::PriorityTooHigh { priority: 11 }));
}
