//! Windows, batches, and what is lost, late or repeated on the way.

use crate::bench::{Bench, entries_in, id, node, propose, refusals, run, sent, sent_to};
use std::collections::BTreeSet;

use quorate_core::{
    AppendEntries, AppendOutcome, Effect, Entry, Event, Index, LogId, PeerMode, Refusal,
    ReplicationId, RequestId, Round, Rpc,
};

/// A leader ignores answers in the name of a replication that is over.
#[test]
fn a_late_message_of_an_older_replication_does_not_bring_it_back() {
    let mut bench = Bench::follower(1, &[]);
    let append = |replication, round, prev, entries| {
        let (replication, round) = (ReplicationId(replication), Round(round));
        let (entries, commit) = (run(entries), Index(0));
        Rpc::AppendEntries(AppendEntries { replication, round, prev, entries, commit })
    };
    let answer = |effects: &[Effect]| {
        sent(effects).iter().find_map(|message| match &message.rpc {
            Rpc::AppendEntriesReply(reply) => Some((reply.replication, reply.outcome)),
            _ => None,
        })
    };
    bench.hear(2, 1, append(2, 5, LogId::ZERO, &[(1, 1), (1, 2)]));
    bench.hear(2, 1, append(1, 3, LogId::ZERO, &[(1, 1)]));
    let expected = Some((ReplicationId(2), AppendOutcome::Match(Index(2))));
    assert_eq!(answer(&bench.persist()), expected);
    let refused = bench.hear(2, 1, append(1, 4, id(1, 7), &[]));
    assert!(
        matches!(answer(&refused), Some((ReplicationId(1), AppendOutcome::Mismatch { .. }))),
        "what is refused is refused in its own name"
    );
    // The next one begins without any acknowledgement.
    let effects = bench.hear(2, 1, append(3, 6, id(1, 2), &[]));
    assert_eq!(answer(&effects), Some((ReplicationId(3), AppendOutcome::Match(Index(2)))));
}

#[test]
fn a_batch_is_one_write_and_one_message_to_each_peer() {
    let mut bench = Bench::settled_leader(|_| {});
    let effects = bench.step_batch((1..=64).map(|id| propose(id, 16)).collect());
    let writes = effects.iter().filter(|effect| matches!(effect, Effect::Write(_)));
    assert_eq!(writes.count(), 1);
    for peer in [2, 3] {
        let sent = sent_to(&effects, peer);
        assert_eq!(sent.iter().map(|rpc| entries_in(rpc)).collect::<Vec<_>>(), [Some(64)]);
    }
}

#[test]
fn messages_keep_to_their_limit_and_a_large_entry_goes_alone() {
    let mut bench = Bench::settled_leader(|config| config.message_bytes_max = 100);
    let sizes = [10, 10, 10, 500, 10];
    let batch = (1..).zip(sizes).map(|(id, bytes)| propose(id, bytes)).collect();
    let effects = bench.step_batch(batch);
    let counts: Vec<_> = sent_to(&effects, 2).into_iter().filter_map(entries_in).collect();
    assert_eq!(counts, [2, 1, 1, 1]);
}

#[test]
fn the_window_closes_and_opens_with_acknowledgements() {
    let mut bench = Bench::settled_leader(|config| config.inflight_messages_max = 2);
    let counts =
        |effects: &[Effect]| sent_to(effects, 2).into_iter().filter_map(entries_in).count();
    assert_eq!(counts(&bench.propose(1, 1)), 1);
    assert_eq!(counts(&bench.propose(2, 1)), 1);
    assert_eq!(counts(&bench.propose(3, 1)), 0);
    assert_eq!(bench.raft.status().peers[0].inflight_messages(), 2);
    assert_eq!(counts(&bench.acknowledge(2, 2)), 1);
}

#[test]
fn commands_beyond_the_quota_are_refused_until_some_are_committed() {
    let mut bench = Bench::settled_leader(|config| config.uncommitted_bytes_max = 300);
    let batch = (1..=4).map(|id| propose(id, 100)).collect();
    let effects = bench.step_batch(batch);
    assert_eq!(refusals(&effects), [(RequestId(3), Refusal::Busy), (RequestId(4), Refusal::Busy)]);
    assert_eq!(refusals(&bench.propose(5, 100)), [(RequestId(5), Refusal::Busy)]);
    bench.persist();
    bench.acknowledge(2, 3);
    assert_eq!(refusals(&bench.propose(6, 100)), []);
}

#[test]
fn the_quota_can_be_filled_to_its_last_byte() {
    let cost = 100 + Entry::OVERHEAD_BYTES;
    let mut bench = Bench::settled_leader(|config| config.uncommitted_bytes_max = 2 * cost);
    let batch = (1..=3).map(|id| propose(id, 100)).collect();
    assert_eq!(refusals(&bench.step_batch(batch)), [(RequestId(3), Refusal::Busy)]);
}

#[test]
fn one_command_beyond_the_quota_passes_alone() {
    let mut bench = Bench::settled_leader(|config| config.uncommitted_bytes_max = 50);
    assert_eq!(refusals(&bench.propose(1, 100)), []);
    assert_eq!(refusals(&bench.propose(2, 0)), [(RequestId(2), Refusal::Busy)]);
}

#[test]
fn what_is_done_makes_room_for_as_much_and_no_more() {
    let mut bench = Bench::settled_leader(|config| config.uncommitted_bytes_max = 300);
    bench.propose(1, 100);
    bench.propose(2, 100);
    bench.persist();
    bench.acknowledge(2, 2);
    assert_eq!(refusals(&bench.propose(3, 100)), []);
    assert_eq!(refusals(&bench.propose(4, 100)), [(RequestId(4), Refusal::Busy)]);
}

#[test]
fn the_window_is_full_at_its_last_byte() {
    let cost = 100 + Entry::OVERHEAD_BYTES;
    let mut bench = Bench::settled_leader(|config| config.inflight_bytes_max = cost);
    let counts =
        |effects: &[Effect]| sent_to(effects, 2).into_iter().filter_map(entries_in).count();
    assert_eq!(counts(&bench.propose(1, 100)), 1);
    assert_eq!(counts(&bench.propose(2, 100)), 0);
    assert_eq!(counts(&bench.acknowledge(2, 2)), 1);
}

#[test]
fn the_status_says_when_a_peer_was_heard_and_that_it_remembers() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.time_out();
    bench.acknowledge(2, 1);
    let now = bench.now;
    let status = bench.raft.status();
    let peers: Vec<_> = status.peers.iter().map(|it| (it.heard(), it.is_forgetful())).collect();
    assert_eq!(peers[0], (now, false));
    assert!(peers[1].0 < now, "{peers:?}");
}

/// Answers in the name of one replication must mean nothing to any other.
#[test]
fn every_replication_has_a_name_of_its_own() {
    let mut bench = Bench::leader(0, &[], |_| {});
    let first = [2, 3].map(|peer| bench.told(peer).0);
    bench.append((3, 5), id(0, 0), &[(5, 1)], 0);
    bench.persist();
    bench.become_leader();
    let second = [2, 3].map(|peer| bench.told(peer).0);
    let all: BTreeSet<_> = first.into_iter().chain(second).collect();
    assert_eq!(all.len(), 4, "{first:?}, {second:?}");
}

/// FAULTS W25
#[test]
fn a_command_at_the_limit_passes_and_one_beyond_it_is_too_large() {
    let mut bench = Bench::settled_leader(|config| config.command_bytes_max = 10);
    assert_eq!(refusals(&bench.propose(1, 10)), []);
    let why = Refusal::TooLarge { bytes: 11, bytes_max: 10 };
    assert_eq!(refusals(&bench.propose(2, 11)), [(RequestId(2), why)]);
}

#[test]
fn a_message_that_was_lost_is_sent_again() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.propose(1, 1);
    bench.propose(2, 1);
    bench.time_out();
    let effects = bench.acknowledge(2, 1);
    assert_eq!(sent_to(&effects, 2).into_iter().filter_map(entries_in).collect::<Vec<_>>(), [0]);
    let hint = id(1, 1);
    let effects = bench.answer(2, AppendOutcome::Mismatch { rejected: Index(3), hint });
    assert_eq!(sent_to(&effects, 2).into_iter().filter_map(entries_in).collect::<Vec<_>>(), [2]);
}

/// thesis 3.5 and 10.2.1: a peer with a slow disk answers heartbeats, and the probe much later; it
/// needs its entries once.
#[test]
fn a_probe_that_is_repeated_carries_no_entries() {
    let mut bench = Bench::with(1, &[(1, 1)], |_| {});
    let effects = bench.become_leader();
    let probes = |effects: &[Effect]| {
        sent_to(effects, 2).into_iter().filter_map(entries_in).collect::<Vec<_>>()
    };
    assert_eq!(probes(&effects), [1], "the no-op, in case that the logs match");
    bench.persist();
    assert_eq!(probes(&bench.acknowledge(2, 0)), [0; 0], "the answer may still come");
    for _ in 0..3 {
        bench.time_out();
        let effects = bench.acknowledge(2, 0);
        assert_eq!(probes(&effects), [0], "where do the logs part?");
    }
    let hint = id(1, 0);
    let effects = bench.answer(2, AppendOutcome::Mismatch { rejected: Index(1), hint });
    assert_eq!(probes(&effects), [2], "an answer: from elsewhere");
    bench.time_out();
    assert_eq!(probes(&bench.acknowledge(2, 0)), [2], "the logs match, and entries stream");
}

#[test]
fn a_peer_that_lost_what_it_acknowledged_is_replicated_anew() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.propose(1, 1);
    bench.persist();
    bench.acknowledge(2, 2);
    let before = bench.told(2).0;
    bench.step(Event::Unreachable(node(2)));
    let lost = AppendOutcome::Mismatch { rejected: Index(2), hint: LogId::ZERO };
    let effects = bench.answer(2, lost);
    assert_eq!(bench.raft.status().peers[0].match_index(), Index(0));
    assert_ne!(bench.told(2).0, before, "what it says of its earlier log is void");
    assert_eq!(sent_to(&effects, 2).into_iter().filter_map(entries_in).collect::<Vec<_>>(), [2]);
    assert_eq!(bench.raft.status().commit, Index(2), "what is committed stays so");
}

#[test]
fn a_refusal_that_was_overtaken_changes_nothing() {
    let mut bench = Bench::settled_leader(|_| {});
    let (replication, round) = bench.told(2);
    bench.propose(1, 1);
    bench.acknowledge(2, 2);
    let overtaken = quorate_core::AppendEntriesReply {
        replication,
        round,
        outcome: AppendOutcome::Mismatch { rejected: Index(1), hint: LogId::ZERO },
    };
    bench.hear(2, 1, Rpc::AppendEntriesReply(overtaken));
    let peer = &bench.raft.status().peers[0];
    assert_eq!((peer.match_index(), peer.mode()), (Index(2), PeerMode::Replicate));
}

#[test]
fn an_answer_of_another_replication_is_void() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.propose(1, 1);
    let (replication, round) = bench.told(2);
    let foreign = quorate_core::AppendEntriesReply {
        replication: ReplicationId(replication.0 + 9),
        round,
        outcome: AppendOutcome::Match(Index(2)),
    };
    bench.hear(2, 1, Rpc::AppendEntriesReply(foreign));
    assert_eq!(bench.raft.status().peers[0].match_index(), Index(1));
}
