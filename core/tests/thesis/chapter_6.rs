//! Chapter 6, client interaction: what of it is the core's. Sessions (6.3) are those of the state
//! machines.

use quorate_core::{
    AppendEntriesReply, AppendOutcome, Cause, Effect, Refusal, RequestId, RoleKind, Rpc,
};

use crate::bench::{Bench, id, node, refusals, role_change, sent};

fn served(effects: &[Effect]) -> Vec<(u64, u64)> {
    let ready = |effect: &Effect| match effect {
        Effect::ReadReady { id, index } => Some((id.0, index.0)),
        _ => None,
    };
    effects.iter().filter_map(ready).collect()
}

// 6.2: routing requests to the leader

#[test]
fn s6_2_whoever_does_not_lead_refuses_and_says_who_does() {
    let mut bench = Bench::follower(1, &[]);
    let nobody = Refusal::NotLeader { leader: None };
    assert_eq!(refusals(&bench.propose(1, 1)), [(RequestId(1), nobody)]);
    bench.heartbeat((2, 1), 1);
    let second = Refusal::NotLeader { leader: Some(node(2)) };
    assert_eq!(refusals(&bench.propose(2, 1)), [(RequestId(2), second)]);
    assert_eq!(refusals(&bench.read(3)), [(RequestId(3), second)]);
}

#[test]
fn s6_2_a_leader_that_hears_no_majority_for_an_election_timeout_steps_down() {
    let mut bench = Bench::settled_leader(|_| {});
    let began = bench.now;
    let mut last = None;
    while bench.raft.status().role == RoleKind::Leader {
        last = role_change(&bench.time_out());
    }
    assert_eq!(last, Some((RoleKind::Follower, Cause::QuorumLost)));
    assert_eq!(bench.now.since(began).as_millis(), 300);
}

#[test]
fn s6_2_a_leader_that_hears_a_majority_leads_on() {
    let mut bench = Bench::settled_leader(|_| {});
    for _ in 0..50 {
        bench.time_out();
        bench.acknowledge(3, 1);
    }
    assert_eq!(bench.raft.status().role, RoleKind::Leader);
}

// 6.4: processing read-only queries

#[test]
fn s6_4_step_1_a_read_waits_for_a_commit_of_the_leaders_term() {
    let mut bench = Bench::leader(1, &[(1, 1)], |_| {});
    bench.read(1);
    for _ in 0..3 {
        bench.time_out();
        assert_eq!(served(&bench.acknowledge(2, 1)), []);
    }
    bench.acknowledge(2, 2);
    assert_eq!(served(&bench.acknowledge(2, 2)), [(1, 2)]);
}

#[test]
fn s6_4_step_2_a_read_sees_what_was_committed_when_it_came() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.propose(1, 1);
    bench.persist();
    bench.acknowledge(2, 2);
    bench.read(1);
    assert_eq!(served(&bench.acknowledge(2, 2)), [(1, 2)]);
}

#[test]
fn s6_4_step_3_a_majority_answers_a_heartbeat_that_was_sent_after_the_read_came() {
    let mut bench = Bench::settled_leader(|_| {});
    let (replication, round) = bench.told(2);
    let effects = bench.read(1);
    assert_eq!(sent(&effects).len(), 2, "a heartbeat to each");
    assert_eq!(served(&effects), []);
    let outcome = AppendOutcome::Match(id(1, 1).index);
    let late = AppendEntriesReply { replication, round, outcome };
    assert_eq!(served(&bench.hear(2, 1, Rpc::AppendEntriesReply(late))), []);
    assert_eq!(served(&bench.acknowledge(3, 1)), [(1, 1)]);
}

/// Step 4 is the state machine's: see `a_read_waits_for_its_index_and_no_longer` in `sm`.
#[test]
fn s6_4_step_4_a_read_is_told_from_which_index_on_it_may_be_served() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.read(1);
    bench.propose(2, 1);
    bench.persist();
    assert_eq!(served(&bench.acknowledge(2, 2)), [(1, 1)], "what came after it is not needed");
}

#[test]
fn s6_4_one_round_confirms_all_reads_that_came_before_it() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.read(1);
    bench.read(2);
    assert_eq!(served(&bench.acknowledge(2, 1)), [(1, 1), (2, 1)]);
}

#[test]
fn s6_4_a_leader_that_was_deposed_serves_no_read() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.read(1);
    let effects = bench.heartbeat((2, 2), 1);
    assert_eq!(refusals(&effects), [(RequestId(1), Refusal::LeadershipLost)]);
}

#[test]
fn s6_4_a_read_writes_nothing() {
    let mut bench = Bench::settled_leader(|_| {});
    let mut effects = bench.read(1);
    effects.extend(bench.acknowledge(2, 1));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Write(_))));
}
