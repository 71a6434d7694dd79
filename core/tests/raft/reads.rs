//! Reads, and the rounds that confirm them.

use crate::bench::{Bench, fetch, id, node, outcome, refusals, run, sent};
use quorate_core::{AppendOutcome, Effect, Event, Index, LogId, Refusal, RequestId, Rpc};

fn reads(effects: &[Effect]) -> Vec<(u64, u64)> {
    let ready = |effect: &Effect| match effect {
        Effect::ReadReady { id, index } => Some((id.0, index.0)),
        _ => None,
    };
    effects.iter().filter_map(ready).collect()
}

/// thesis 6.4, step 1.
#[test]
fn a_read_waits_for_the_first_commit_of_the_term() {
    let mut bench = Bench::leader(1, &[(1, 1)], |_| {});
    bench.read(1);
    bench.time_out();
    let effects = bench.acknowledge(2, 1);
    assert_eq!(reads(&effects), [], "entry 1 may or may not be the newest commit");
    let effects = bench.acknowledge(2, 2);
    assert_eq!(reads(&effects), [], "asked for from here on");
    assert_eq!(reads(&bench.acknowledge(2, 2)), [(1, 2)]);
}

/// An answer that was under way when the read came in proves nothing about the time after.
#[test]
fn an_answer_to_an_earlier_round_confirms_no_later_read() {
    let mut bench = Bench::settled_leader(|_| {});
    let (replication, round) = bench.told(2);
    bench.read(1);
    assert!(bench.told(2).1 > round, "a round of its own");
    let late = quorate_core::AppendEntriesReply {
        replication,
        round,
        outcome: AppendOutcome::Match(Index(1)),
    };
    assert_eq!(reads(&bench.hear(2, 1, Rpc::AppendEntriesReply(late))), []);
    assert_eq!(reads(&bench.acknowledge(3, 1)), [(1, 1)]);
}

#[test]
fn reads_of_one_batch_share_a_round() {
    let mut bench = Bench::settled_leader(|_| {});
    let batch = (1..=3).map(|id| Event::Read { id: RequestId(id) }).collect();
    let effects = bench.step_batch(batch);
    assert_eq!(sent(&effects).len(), 2, "one heartbeat to each peer");
    assert_eq!(reads(&bench.acknowledge(2, 1)), [(1, 1), (2, 1), (3, 1)]);
}

#[test]
fn a_deposed_leader_refuses_its_reads() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.read(1);
    let effects = bench.heartbeat((2, 5), 1);
    assert_eq!(refusals(&effects), [(RequestId(1), Refusal::LeadershipLost)]);
}

/// What a snapshot covers is committed, and hence the same everywhere (thesis 5.1, 3.5).
#[test]
fn entries_that_a_snapshot_covers_are_there_already() {
    let log = [(2, 6), (3, 7)];
    let mut bench = Bench::with_snapshot(id(2, 5), 3, &log, |_| {});
    let below = bench.append((2, 3), id(1, 1), &[(1, 2), (1, 3)], 0);
    assert_eq!(outcome(&below), Some(AppendOutcome::Match(Index(5))));
    let across = [(1, 4), (2, 5), (2, 6), (3, 7), (3, 8)];
    bench.append((2, 3), id(1, 3), &across, 8);
    assert_eq!(outcome(&bench.persist()), Some(AppendOutcome::Match(Index(8))));
    assert_eq!(bench.raft.status().commit, Index(8));
    let before_the_log = bench.append((2, 3), LogId::ZERO, &[], 0);
    assert_eq!(outcome(&before_the_log), None, "nothing new");
}

/// The entries that the peer lacks are in the snapshot, and even if the disk still has some of them,
/// what comes before them is not known any more.
#[test]
fn what_a_snapshot_covers_is_not_read_for_a_peer() {
    for matched in 0..5 {
        let mut bench = Bench::with_snapshot(id(2, 5), 3, &[(2, 6), (3, 7)], |config| {
            config.cached_bytes_max = 0;
        });
        bench.become_leader();
        bench.persist();
        let hint = id(1, matched);
        for rejected in [Index(7), Index(5)] {
            bench.answer(2, AppendOutcome::Mismatch { rejected, hint });
        }
        let effects = bench.acknowledge(2, matched);
        assert_eq!(fetch(&effects), None);
        bench.step(Event::Fetched { to: node(2), entries: run(&[(2, 5), (2, 6)]) });
        bench.time_out();
        bench.acknowledge(2, matched);
    }
}

#[test]
fn as_many_reads_wait_as_there_is_room_for() {
    let mut bench = Bench::settled_leader(|config| config.reads_pending_max = 2);
    for id in 1..=2 {
        assert_eq!(refusals(&bench.read(id)), []);
    }
    assert_eq!(refusals(&bench.read(3)), [(RequestId(3), Refusal::Busy)]);
    assert_eq!(reads(&bench.acknowledge(2, 1)).len(), 2);
    assert_eq!(refusals(&bench.read(4)), []);
}
