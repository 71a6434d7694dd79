//! Peers that lack what is not in memory any more.

use std::time::Duration;

use crate::bench::{Bench, entries_in, fetch, id, node, run, sent, sent_to};
use quorate_core::{AppendOutcome, Effect, Event, Index, PeerMode, Rpc, Term};

/// A leader of term 3 whose log is not in memory, and a peer that has its first entry only.
fn cold_leader() -> (Bench, Vec<Effect>) {
    let log = [(1, 1), (1, 2), (2, 3), (2, 4)];
    let mut bench = Bench::leader(2, &log, |config| config.cached_bytes_max = 0);
    bench.acknowledge(3, 5);
    // Everything is durable and committed: one more step lets memory go.
    bench.time_out();
    let hint = id(1, 1);
    let effects = bench.answer(2, AppendOutcome::Mismatch { rejected: Index(4), hint });
    assert_eq!(fetch(&effects), None, "where the logs part is found out without the disk");
    let effects = bench.acknowledge(2, 1);
    (bench, effects)
}

#[test]
fn a_cold_peer_is_served_from_the_log() {
    let (mut bench, effects) = cold_leader();
    assert_eq!(fetch(&effects), Some(2));
    let entries = run(&[(1, 2), (2, 3)]);
    let effects = bench.step(Event::Fetched { to: node(2), entries });
    assert_eq!(sent_to(&effects, 2).into_iter().filter_map(entries_in).collect::<Vec<_>>(), [2]);
    assert_eq!(fetch(&effects), Some(4), "and what follows");
}

#[test]
fn one_fetch_for_a_peer_is_under_way_at_a_time() {
    let (mut bench, _) = cold_leader();
    bench.step(Event::Unreachable(node(2)));
    let effects = bench.acknowledge(2, 2);
    assert_eq!(fetch(&effects), None, "the first one is not answered");
    assert_eq!(bench.raft.status().peers[0].mode(), PeerMode::Fetching);
    let effects = bench.step(Event::Fetched { to: node(2), entries: run(&[(1, 2), (2, 3)]) });
    assert_eq!(sent_to(&effects, 2).into_iter().filter_map(entries_in).count(), 0);
    assert_eq!(fetch(&effects), Some(3), "now what is missing is asked for");
}

/// An acknowledgement that was late arrives together with the entries that it makes superfluous.
#[test]
fn what_was_fetched_is_cut_to_what_is_still_missing() {
    let (mut bench, _) = cold_leader();
    let (replication, round) = bench.told(2);
    let late = quorate_core::AppendEntriesReply {
        replication,
        round,
        outcome: AppendOutcome::Match(Index(2)),
    };
    let message = quorate_core::Message {
        from: node(2),
        to: node(1),
        term: Term(3),
        rpc: Rpc::AppendEntriesReply(late),
    };
    let entries = run(&[(1, 2), (2, 3)]);
    let effects =
        bench.step_batch(vec![Event::Fetched { to: node(2), entries }, Event::Receive(message)]);
    let sent = sent_to(&effects, 2);
    let appends: Vec<_> = sent
        .iter()
        .filter_map(|rpc| match rpc {
            Rpc::AppendEntries(request) => Some((request.prev, request.entries.len())),
            _ => None,
        })
        .collect();
    assert_eq!(appends, [(id(1, 2), 1)]);
}

#[test]
fn what_is_not_in_the_log_is_not_sent() {
    for wrong in [&[(1, 3), (2, 4)][..], &[(2, 2)], &[]] {
        let (mut bench, _) = cold_leader();
        let effects = bench.step(Event::Fetched { to: node(2), entries: run(wrong) });
        assert_eq!(sent(&effects).len(), 0, "{wrong:?}");
        assert_eq!(bench.raft.status().peers[0].mode(), PeerMode::Probe);
    }
}

/// A leader that was deposed and elected again waits for what it asked for in its earlier term.
#[test]
fn a_leader_that_is_elected_again_asks_once_its_earlier_question_is_answered() {
    let (mut bench, _) = cold_leader();
    bench.heartbeat((2, 4), 1);
    bench.now = bench.now.after(Duration::from_secs(1));
    bench.become_leader();
    let hint = id(1, 2);
    let effects = bench.answer(2, AppendOutcome::Mismatch { rejected: Index(5), hint });
    assert_eq!(fetch(&effects), None);
    let effects = bench.acknowledge(2, 2);
    assert_eq!(fetch(&effects), None, "one read is under way");
    let effects = bench.step(Event::Fetched { to: node(2), entries: run(&[(1, 2)]) });
    assert_eq!(fetch(&effects), Some(3));
}

#[test]
fn a_deposed_leader_forgets_its_fetches() {
    let (mut bench, _) = cold_leader();
    bench.heartbeat((2, 9), 1);
    let effects = bench.step(Event::Fetched { to: node(2), entries: run(&[(1, 2)]) });
    assert_eq!(effects, []);
}
