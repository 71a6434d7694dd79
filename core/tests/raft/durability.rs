//! What is said rests on what is durable.

use crate::bench::{Bench, handed_out, id, node, outcome, propose, run};
use quorate_core::{AppendOutcome, Event, Index, LogId, ReplicationId, RoleKind, Round, Rpc, Term};

/// In one batch a leader takes a proposal and is deposed by a leader whose entries follow it.
#[test]
fn entries_may_follow_a_proposal_of_the_same_batch() {
    let mut bench = Bench::settled_leader(|_| {});
    let request = quorate_core::AppendEntries {
        replication: ReplicationId(1),
        round: Round(1),
        prev: id(1, 2),
        entries: run(&[(2, 3)]),
        commit: Index(0),
    };
    let message = quorate_core::Message {
        from: node(2),
        to: node(1),
        term: Term(2),
        rpc: Rpc::AppendEntries(request),
    };
    bench.step_batch(vec![propose(1, 1), Event::Receive(message)]);
    assert_eq!(bench.raft.status().last, id(2, 3));
}

#[test]
fn an_acknowledgement_leaves_once_the_entries_are_durable() {
    let mut bench = Bench::follower(1, &[]);
    bench.append((2, 1), LogId::ZERO, &[(1, 1), (1, 2)], 0);
    let first = bench.newest_ticket();
    let effects = bench.append((2, 1), id(1, 2), &[(1, 3)], 0);
    assert_eq!(outcome(&effects), None);
    assert_eq!(outcome(&bench.step(Event::Persisted(first))), Some(AppendOutcome::Match(Index(2))));
    assert_eq!(outcome(&bench.persist()), Some(AppendOutcome::Match(Index(3))));
}

/// The same index is written twice; the first ticket says nothing of the second entry.
#[test]
fn an_acknowledgement_never_speaks_of_an_entry_that_was_replaced() {
    let mut bench = Bench::follower(1, &[(1, 1)]);
    bench.append((2, 1), id(1, 1), &[(1, 2), (1, 3)], 0);
    let first = bench.newest_ticket();
    bench.append((3, 2), id(1, 1), &[(2, 2)], 0);
    let effects = bench.step(Event::Persisted(first));
    assert_eq!(outcome(&effects), None, "neither the term nor the entry is durable");
    assert_eq!(outcome(&bench.persist()), Some(AppendOutcome::Match(Index(2))));
}

#[test]
fn a_heartbeat_is_answered_at_once_with_what_is_durable() {
    let mut bench = Bench::follower(1, &[]);
    bench.append((2, 1), LogId::ZERO, &[(1, 1)], 0);
    let effects = bench.heartbeat((2, 1), 2);
    assert_eq!(outcome(&effects), Some(AppendOutcome::Match(Index(0))));
    assert_eq!(outcome(&bench.heartbeat((2, 1), 2)), None, "the round has its answer");
}

/// thesis 10.2.1: the leader's own disk is one of the majority, or not.
#[test]
fn a_leader_counts_itself_once_its_entry_is_durable() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.propose(1, 1);
    bench.acknowledge(2, 2);
    assert_eq!(bench.raft.status().commit, Index(1), "one durable copy of three");
    bench.persist();
    assert_eq!(bench.raft.status().commit, Index(2));
}

#[test]
fn what_is_committed_is_handed_out_once_it_is_durable_here() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.propose(1, 1);
    bench.acknowledge(2, 2);
    let effects = bench.acknowledge(3, 2);
    assert_eq!(bench.raft.status().commit, Index(2), "two other copies are a majority");
    assert_eq!(handed_out(&effects), None);
    assert_eq!(handed_out(&bench.persist()), Some(Index(2)));
}

/// thesis 3.6.2, Figure 3.7.
#[test]
fn entries_of_older_terms_are_not_committed_by_counting() {
    let mut bench = Bench::leader(2, &[(1, 1), (2, 2)], |_| {});
    bench.acknowledge(2, 2);
    bench.acknowledge(3, 2);
    assert_eq!(bench.raft.status().commit, Index(0));
    bench.acknowledge(2, 3);
    assert_eq!(bench.raft.status().commit, Index(3), "the no-op commits all before it");
}

#[test]
fn one_peer_is_a_majority_with_the_leader() {
    let mut bench = Bench::settled_leader(|_| {});
    for _ in 0..20 {
        bench.time_out();
        bench.acknowledge(2, 1);
    }
    assert_eq!(bench.raft.status().role, RoleKind::Leader);
}
