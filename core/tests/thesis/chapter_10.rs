//! Chapter 10, implementation and performance: section 10.2, performance considerations.

use quorate_core::{AppendOutcome, Effect, Event, Index, LogId, RoleKind};

use crate::bench::{Bench, entries_in, handed_out, id, outcome, propose, sent, sent_to};

fn writes(effects: &[Effect]) -> usize {
    effects.iter().filter(|effect| matches!(effect, Effect::Write(_))).count()
}

// 10.2.1: writing to the leader's disk in parallel

#[test]
fn s10_2_1_a_leader_sends_while_it_writes() {
    let mut bench = Bench::settled_leader(|_| {});
    let effects = bench.propose(1, 1);
    assert_eq!((writes(&effects), sent(&effects).len()), (1, 2), "one step, nothing durable yet");
}

#[test]
fn s10_2_1_a_leader_commits_what_a_majority_of_others_has_before_its_own_disk() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.propose(1, 1);
    bench.acknowledge(2, 2);
    assert_eq!(bench.raft.status().commit, Index(1), "its own copy does not count");
    bench.acknowledge(3, 2);
    assert_eq!(bench.raft.status().commit, Index(2));
}

/// Our own: a state machine that is ahead of its log could not be made again from it.
#[test]
fn s10_2_1_what_is_committed_is_applied_once_it_is_durable_here_too() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.propose(1, 1);
    bench.acknowledge(2, 2);
    assert_eq!(handed_out(&bench.acknowledge(3, 2)), None);
    assert_eq!(handed_out(&bench.persist()), Some(Index(2)));
}

#[test]
fn s10_2_1_a_follower_takes_more_entries_while_it_writes() {
    let mut bench = Bench::follower(1, &[]);
    bench.append((2, 1), LogId::ZERO, &[(1, 1)], 0);
    bench.append((2, 1), id(1, 1), &[(1, 2)], 0);
    assert_eq!(bench.raft.status().last, id(1, 2));
    assert_eq!(outcome(&bench.persist()), Some(AppendOutcome::Match(Index(2))), "one answer");
}

// 10.2.2: batching and pipelining

#[test]
fn s10_2_2_commands_that_come_together_are_one_write_and_one_message_to_each() {
    let mut bench = Bench::settled_leader(|_| {});
    let effects = bench.step_batch((1..=50).map(|id| propose(id, 1)).collect());
    assert_eq!((writes(&effects), sent(&effects).len()), (1, 2));
    assert_eq!(sent_to(&effects, 2).into_iter().filter_map(entries_in).collect::<Vec<_>>(), [50]);
}

#[test]
fn s10_2_2_acknowledgements_that_come_together_are_one_commit() {
    let mut bench = Bench::settled_leader(|_| {});
    for id in 1..=3 {
        bench.propose(id, 1);
    }
    let effects = bench.persist();
    assert_eq!(handed_out(&effects), None);
    let effects = bench.acknowledge(2, 4);
    assert_eq!(effects.iter().filter(|it| matches!(it, Effect::Commit(_))).count(), 1);
}

#[test]
fn s10_2_2_entries_go_out_before_those_before_them_are_acknowledged() {
    let mut bench = Bench::settled_leader(|_| {});
    for index in 2..=5 {
        let effects = bench.propose(index, 1);
        assert_eq!(entries_in(sent_to(&effects, 2)[0]), Some(1), "entry {index}");
    }
    assert_eq!(bench.raft.status().peers[0].next_index(), Index(6));
}

#[test]
fn s10_2_2_after_a_loss_the_leader_goes_back_to_where_the_logs_part() {
    let mut bench = Bench::settled_leader(|_| {});
    for id in 1..=3 {
        bench.propose(id, 1);
    }
    let refusal = AppendOutcome::Mismatch { rejected: Index(2), hint: id(1, 1) };
    let effects = bench.answer(2, refusal);
    assert_eq!(sent_to(&effects, 2).into_iter().filter_map(entries_in).collect::<Vec<_>>(), [3]);
}

#[test]
fn s10_2_2_what_is_under_way_is_bounded() {
    let mut bench = Bench::settled_leader(|config| config.inflight_messages_max = 2);
    for id in 1..=9 {
        bench.propose(id, 1);
    }
    assert_eq!(bench.raft.status().peers[0].inflight_messages(), 2);
    let effects = bench.acknowledge(2, 2);
    assert_eq!(sent_to(&effects, 2).into_iter().filter_map(entries_in).sum::<usize>(), 7);
}

#[test]
fn s10_2_2_a_disk_may_finish_many_writes_at_once() {
    let mut bench = Bench::settled_leader(|_| {});
    for id in 1..=3 {
        bench.propose(id, 1);
    }
    let newest = bench.newest_ticket();
    bench.step(Event::Persisted(newest));
    assert_eq!(bench.raft.status().durable, Index(4));
    assert_eq!(bench.raft.status().role, RoleKind::Leader);
}

/// Its answer comes at once, and long before the entries are on the peer's disk.
#[test]
fn s10_2_2_entries_that_went_with_a_probe_are_not_sent_again_when_it_is_answered() {
    let mut bench = Bench::with(1, &[(1, 1)], |_| {});
    let effects = bench.become_leader();
    assert_eq!(entries_in(sent_to(&effects, 2)[0]), Some(1), "a probe with the no-op");
    let effects = bench.acknowledge(2, 1);
    assert_eq!(sent_to(&effects, 2).into_iter().filter_map(entries_in).sum::<usize>(), 0);
    bench.persist();
    bench.acknowledge(2, 2);
    assert_eq!(bench.raft.status().commit, Index(2));
}
