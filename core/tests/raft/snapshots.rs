//! Snapshots (thesis 5): what is forgotten, who is offered one, and what it takes the place of.

use std::time::Duration;

use crate::bench::{Bench, handed_out, id, node, outcome, run, sent_to};
use quorate_core::{
    AppendOutcome, Effect, Event, Index, InstallSnapshot, LogId, Membership, PeerMode,
    ReplicationId, Round, Rpc, SnapshotChange, SnapshotMeta, Violation, Write,
};

fn members(ids: &[u64]) -> Membership {
    Membership::of_voters(ids.iter().copied().map(node)).expect("voters")
}

fn snapshot(last_included: LogId) -> SnapshotMeta {
    SnapshotMeta { last_included, ..SnapshotMeta::genesis(members(&[1, 2, 3])) }
}

fn offer(snapshot: SnapshotMeta) -> Rpc {
    let (replication, round) = (ReplicationId(1), Round(1));
    Rpc::InstallSnapshot(Box::new(InstallSnapshot { replication, round, snapshot }))
}

fn fetched(snapshot: &SnapshotMeta) -> Event {
    Event::SnapshotFetched(Box::new(snapshot.clone()))
}

fn fetches(effects: &[Effect]) -> Vec<LogId> {
    let fetch = |effect: &Effect| match effect {
        Effect::FetchSnapshot { snapshot, .. } => Some(snapshot.last_included),
        _ => None,
    };
    effects.iter().filter_map(fetch).collect()
}

fn change(effects: &[Effect]) -> Option<SnapshotChange> {
    effects.iter().find_map(|effect| match effect {
        Effect::Write(Write { snapshot: Some(change), .. }) => Some((**change).clone()),
        _ => None,
    })
}

fn offered(effects: &[Effect], peer: u64) -> Vec<LogId> {
    let of = |rpc: &Rpc| match rpc {
        Rpc::InstallSnapshot(install) => Some(install.snapshot.last_included),
        _ => None,
    };
    let mut all: Vec<_> = sent_to(effects, peer).into_iter().filter_map(of).collect();
    all.dedup();
    all
}

fn compacted(effects: &[Effect]) -> Option<Index> {
    effects.iter().find_map(|effect| match effect {
        Effect::Compact(index) => Some(*index),
        _ => None,
    })
}

/// A leader of term 2 with five entries that are committed: server 3 has them, server 2 has `has`.
fn leader(retained: u64, has: u64) -> Bench {
    let log = [(1, 1), (1, 2), (1, 3), (1, 4)];
    let mut bench = Bench::leader(1, &log, |config| config.retained_entries_max = retained);
    bench.acknowledge(3, 5);
    bench.answer(2, AppendOutcome::Mismatch { rejected: Index(4), hint: id(1, has) });
    bench.acknowledge(2, has);
    if has < 5 {
        // What was under way to it is lost.
        bench.step(Event::Unreachable(node(2)));
    }
    assert_eq!(bench.raft.status().commit, Index(5));
    bench
}

/// Takes a snapshot, and lets a heartbeat be due.
fn take(bench: &mut Bench, index: u64) -> Vec<Effect> {
    let effects = bench.step(Event::SnapshotTaken(Index(index)));
    assert_eq!(compacted(&effects), None, "the log on disk knows of no snapshot yet");
    let mut effects = bench.persist();
    effects.extend(bench.time_out());
    effects
}

#[test]
fn a_snapshot_is_on_record_before_the_log_forgets_anything() {
    let mut bench = leader(0, 5);
    let effects = bench.step(Event::SnapshotTaken(Index(4)));
    assert_eq!(change(&effects), Some(SnapshotChange::Covers(snapshot(id(1, 4)))));
    assert_eq!(compacted(&effects), None);
    assert_eq!(compacted(&bench.time_out()), None, "not durable");
    assert_eq!(compacted(&bench.persist()), Some(Index(4)));
    let status = bench.raft.status();
    assert_eq!((status.base, status.snapshot), (id(1, 4), id(1, 4)));
    assert_eq!(bench.raft.cached(Index(4), 1000), None);
}

#[test]
fn what_is_not_applied_goes_into_no_snapshot() {
    let mut bench = leader(0, 5);
    bench.propose(1, 10);
    for index in [6, 7, 0] {
        assert_eq!(bench.step(Event::SnapshotTaken(Index(index))), [], "{index}");
    }
    bench.step(Event::SnapshotTaken(Index(4)));
    for older in [3, 4] {
        assert_eq!(bench.step(Event::SnapshotTaken(Index(older))), [], "an older one");
    }
}

#[test]
fn a_slow_peer_is_kept_what_it_needs_within_the_budget() {
    let mut roomy = leader(100, 2);
    assert_eq!(compacted(&take(&mut roomy, 5)), Some(Index(2)));
    assert_eq!(roomy.raft.status().peers[0].offered(), None);
    // A little later it has all, and nobody needs the rest.
    roomy.acknowledge(2, 5);
    assert_eq!(compacted(&roomy.time_out()), Some(Index(5)));

    let mut tight = leader(2, 1);
    let effects = take(&mut tight, 5);
    assert_eq!(compacted(&effects), Some(Index(3)));
    assert_eq!(offered(&effects, 2), [id(2, 5)]);
    assert_eq!(offered(&effects, 3), [], "it has all");
}

/// Who leads next may need it for others.
#[test]
fn a_follower_keeps_the_budget() {
    let log = [(1, 1), (1, 2), (1, 3), (1, 4)];
    let mut bench = Bench::with(1, &log, |config| config.retained_entries_max = 3);
    bench.append((2, 1), id(1, 4), &[], 4);
    bench.step(Event::SnapshotTaken(Index(4)));
    assert_eq!(compacted(&bench.persist()), Some(Index(1)));
    assert_eq!(bench.raft.status().base, id(1, 1));
}

/// BUGS R13, R27: an offer is small, and is repeated until the peer has what it covers.
#[test]
fn an_offer_is_repeated_until_it_is_answered() {
    let mut bench = leader(0, 1);
    let effects = take(&mut bench, 5);
    assert_eq!(offered(&effects, 2), [id(2, 5)]);
    for _ in 0..3 {
        let effects = bench.time_out();
        assert_eq!(offered(&effects, 2), [id(2, 5)]);
        // It hears the leader, and has not got on.
        bench.acknowledge(2, 1);
        assert_eq!(bench.raft.status().peers[0].mode(), PeerMode::Snapshot);
    }
    bench.propose(1, 10);
    let effects = bench.acknowledge(2, 5);
    assert_eq!(bench.raft.status().peers[0].mode(), PeerMode::Replicate);
    let entries: Vec<_> =
        sent_to(&effects, 2).into_iter().filter_map(crate::bench::entries_in).collect();
    assert_eq!(entries, [1], "what follows the snapshot streams");
}

/// BUGS R21: what counts is what the peer says to have, not what it was sent.
#[test]
fn an_offer_is_no_acknowledgement() {
    let mut bench = leader(0, 1);
    take(&mut bench, 5);
    bench.propose(1, 10);
    bench.persist();
    assert_eq!(bench.raft.status().peers[0].match_index(), Index(1));
    assert_eq!(bench.raft.status().commit, Index(5), "server 3 has not got the sixth");
}

/// A newer snapshot does not take away what a peer may be about to finish, as long as the log goes on
/// from there.
#[test]
fn an_offer_outlives_newer_snapshots() {
    for (retained, still) in [(2, id(1, 4)), (1, id(2, 6))] {
        let mut bench = leader(retained, 1);
        take(&mut bench, 4);
        assert_eq!(bench.raft.status().peers[0].offered(), Some(id(1, 4)));
        bench.propose(1, 10);
        bench.persist();
        bench.acknowledge(3, 6);
        assert_eq!(offered(&take(&mut bench, 6), 2), [still], "{retained}");
        let effects = bench.step(Event::SnapshotMissing { to: node(2) });
        assert_eq!(offered(&effects, 2), [id(2, 6)], "what is gone is not offered");
    }
}

#[test]
fn a_follower_fetches_what_it_lacks_once() {
    let mut bench = Bench::follower(2, &[(1, 1)]);
    let nine = snapshot(id(2, 9));
    let effects = bench.hear(2, 2, offer(nine.clone()));
    assert_eq!(fetches(&effects), [id(2, 9)]);
    assert_eq!(fetches(&bench.hear(2, 2, offer(nine.clone()))), [], "it is under way");
    let newer = snapshot(id(2, 12));
    assert_eq!(fetches(&bench.hear(2, 2, offer(newer))), [id(2, 12)], "more is better");
    assert_eq!(fetches(&bench.hear(2, 2, offer(nine))), [], "less is not");
    bench.step(Event::SnapshotUnavailable(id(2, 12)));
    let effects = bench.hear(2, 2, offer(snapshot(id(2, 12))));
    assert_eq!(fetches(&effects), [id(2, 12)], "it is tried again");
}

/// BUGS R3: a snapshot takes the place of a log that conflicts with it, its last entry included.
#[test]
fn a_snapshot_takes_the_place_of_a_log_that_conflicts() {
    let mut bench = Bench::follower(2, &[(1, 1), (1, 2), (1, 3), (1, 4)]);
    let three = snapshot(id(2, 3));
    bench.hear(2, 2, offer(three.clone()));
    let effects = bench.step(fetched(&three));
    assert_eq!(change(&effects), Some(SnapshotChange::Replaces(three)));
    assert_eq!(outcome(&effects), None, "nothing is acknowledged before it is durable");
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Restore(_))));
    let effects = bench.persist();
    assert_eq!(outcome(&effects), Some(AppendOutcome::Match(Index(3))));
    assert!(effects.contains(&Effect::Restore(id(2, 3))));
    assert_eq!(handed_out(&effects), None, "its entries are not to be had");
    let status = bench.raft.status();
    assert_eq!((status.base, status.last, status.commit), (id(2, 3), id(2, 3), Index(3)));
}

#[test]
fn what_follows_a_snapshot_is_handed_out_after_it() {
    let mut bench = Bench::follower(2, &[(1, 1)]);
    let three = snapshot(id(2, 3));
    bench.hear(2, 2, offer(three.clone()));
    bench.step(fetched(&three));
    bench.append((2, 2), id(2, 3), &[(2, 4)], 4);
    let effects = bench.persist();
    let order = effects.iter().filter_map(|effect| match effect {
        Effect::Restore(snapshot) => Some(("restore", snapshot.index)),
        Effect::Commit(index) => Some(("commit", *index)),
        _ => None,
    });
    let order: Vec<_> = order.collect();
    assert_eq!(order, [("restore", Index(3)), ("commit", Index(4))]);
}

/// thesis Figure 5.3, step 6.
#[test]
fn a_snapshot_of_what_the_log_holds_only_commits_it() {
    let mut bench = Bench::follower(2, &[(1, 1), (2, 2), (2, 3)]);
    let effects = bench.hear(2, 2, offer(snapshot(id(2, 2))));
    assert_eq!(fetches(&effects), []);
    assert_eq!(outcome(&effects), Some(AppendOutcome::Match(Index(2))));
    assert_eq!(handed_out(&effects), Some(Index(2)));
    assert_eq!(bench.raft.status().last, id(2, 3), "what follows stays");
    let effects = bench.hear(2, 2, offer(snapshot(id(1, 1))));
    assert_eq!((fetches(&effects).len(), change(&effects)), (0, None), "an older one");
}

/// BUGS R14: it comes when the log has got there by itself, when this server leads, or when another
/// leads.
#[test]
fn a_snapshot_that_comes_late_changes_nothing() {
    let three = snapshot(id(2, 3));
    let mut bench = Bench::follower(2, &[(1, 1)]);
    bench.hear(2, 2, offer(three.clone()));
    bench.append((2, 2), id(1, 1), &[(2, 2), (2, 3)], 3);
    bench.persist();
    assert_eq!(bench.step(fetched(&three)), []);

    let mut bench = Bench::leader(2, &[(1, 1), (2, 2), (2, 3), (2, 4)], |_| {});
    assert_eq!(bench.step(fetched(&three)), []);

    let mut bench = Bench::follower(2, &[(1, 1)]);
    bench.hear(2, 2, offer(three.clone()));
    bench.heartbeat((3, 3), 1);
    let effects = bench.step(fetched(&three));
    assert_eq!(change(&effects), Some(SnapshotChange::Replaces(three)), "still it is committed");
    let effects = bench.persist();
    assert_eq!(outcome(&effects), Some(AppendOutcome::Match(Index(3))));
}

#[test]
fn the_membership_of_a_snapshot_rules() {
    let mut bench = Bench::follower(2, &[(1, 1)]);
    let meta = SnapshotMeta {
        last_included: id(2, 9),
        membership_at: id(1, 4),
        membership: members(&[1, 2, 3, 4, 5]),
    };
    bench.hear(2, 2, offer(meta.clone()));
    let effects = bench.step(fetched(&meta));
    assert!(effects.contains(&Effect::MembershipChanged(Index(4))));
    let status = bench.raft.status();
    assert_eq!((status.membership, status.membership_index), (&meta.membership, Index(4)));
}

/// What a change expects does not change with what a log has forgotten.
#[test]
fn a_compaction_leaves_the_name_of_the_membership_as_it_is() {
    let mut bench = leader(0, 5);
    let before = bench.raft.status().membership_index;
    let effects = take(&mut bench, 5);
    assert_eq!(bench.raft.status().membership_index, before);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::MembershipChanged(_))));
}

#[test]
fn a_snapshot_that_contradicts_what_is_committed_halts() {
    let mut bench = Bench::follower(2, &[(1, 1), (1, 2)]);
    bench.append((2, 2), id(1, 2), &[], 2);
    let effects = bench.hear(2, 2, offer(snapshot(id(2, 2))));
    let violation = Violation::CommittedConflict { index: Index(2) };
    assert!(effects.contains(&Effect::Halt(violation)));
}

/// A read for a peer that comes back when the log has forgotten what was asked for.
#[test]
fn a_read_that_a_compaction_overtook_ends_in_an_offer() {
    let log = [(1, 1), (1, 2), (1, 3), (1, 4)];
    let mut bench = Bench::leader(1, &log, |config| {
        (config.retained_entries_max, config.cached_bytes_max) = (0, 0);
    });
    bench.acknowledge(3, 5);
    bench.time_out();
    bench.answer(2, AppendOutcome::Mismatch { rejected: Index(4), hint: id(1, 1) });
    let effects = bench.acknowledge(2, 1);
    assert_eq!(crate::bench::fetch(&effects), Some(2));
    take(&mut bench, 4);
    let effects = bench.step(Event::Fetched { to: node(2), entries: run(&[(1, 2), (1, 3)]) });
    assert_eq!(sent_to(&effects, 2).len(), 0);
    assert_eq!(offered(&bench.time_out(), 2), [id(1, 4)]);
}

#[test]
fn offers_that_no_leader_could_make_are_ignored_and_counted() {
    let bad = [
        snapshot(id(0, 0)),
        snapshot(id(3, 9)),
        snapshot(id(2, Index::LAST.0 + 1)),
        SnapshotMeta { membership_at: id(2, 10), ..snapshot(id(2, 9)) },
    ];
    for snapshot in bad {
        let mut bench = Bench::follower(2, &[(1, 1)]);
        assert_eq!(bench.hear(2, 2, offer(snapshot.clone())), [], "{snapshot:?}");
        assert_eq!(bench.raft.status().ignored_messages, 1);
    }
}

/// It hears its leader by offers, too.
#[test]
fn an_offer_is_a_sign_of_life() {
    let mut bench = Bench::follower(2, &[(1, 1)]);
    bench.hear(2, 2, offer(snapshot(id(2, 9))));
    let before = bench.raft.deadline().expect("a deadline");
    bench.now = bench.now.after(Duration::from_millis(100));
    bench.hear(2, 2, offer(snapshot(id(2, 9))));
    assert!(bench.raft.deadline().expect("a deadline") > before);
    let effects = bench.hear(3, 1, offer(snapshot(id(1, 9))));
    assert_eq!(outcome(&effects), Some(AppendOutcome::StaleTerm), "one of an earlier term is not");
}

#[test]
fn a_snapshot_is_of_what_was_handed_out_and_newer_than_the_one_before() {
    let log = [(1, 3), (1, 4), (1, 5)];
    let mut bench = Bench::with_snapshot(id(1, 2), 1, &log, |_| {});
    bench.append((2, 1), id(1, 5), &[(1, 6)], 4);
    bench.persist();
    let can_be = [1, 2, 3, 4, 5, 6].map(|index| bench.raft.snapshot_as_of(Index(index)).is_some());
    assert_eq!(can_be, [false, false, true, true, false, false]);
    let cached = [2, 3, 6, 7].map(|index| bench.raft.cached(Index(index), 1 << 20).is_some());
    assert_eq!(cached, [false, true, true, false]);
}
