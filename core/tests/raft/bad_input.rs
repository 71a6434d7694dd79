//! Messages, tickets and times that no server could have made.

use std::time::Duration;

use crate::bench::{Bench, id, node};
use quorate_core::{
    AppendOutcome, Entries, Event, HardState, Index, Instant, LogId, Membership, RecoverError,
    Recovered, RequestVote, RoleKind, Round, Rpc, SnapshotMeta, Term, Ticket,
};

/// All positions before, at and after index 5, all terms, and all places where the term rises.
fn every_append() -> impl Iterator<Item = (LogId, u64, u64)> {
    let prevs = (0..10).flat_map(|index| (0..4).map(move |term| id(term, index)));
    prevs.flat_map(|prev| (0..5).flat_map(move |len| (0..=len).map(move |at| (prev, at, len))))
}

/// FAULTS N10: all of the log's arithmetic, for all places where an append can lie.
#[test]
fn no_append_around_a_snapshot_makes_a_server_panic() {
    for log in [&[][..], &[(2, 6), (3, 7)]] {
        for (prev, changes_at, len) in every_append() {
            let entries: Vec<_> = (0..len)
                .map(|at| (prev.term.0 + u64::from(at >= changes_at), prev.index.0 + 1 + at))
                .collect();
            let mut bench = Bench::with_snapshot(id(2, 5), 4, log, |_| {});
            bench.append((2, 4), prev, &entries, 9);
            bench.persist();
        }
    }
}

fn snapshot_up_to(last_included: LogId) -> SnapshotMeta {
    let voters = Membership::of_voters([1, 2, 3].map(node)).expect("three voters");
    SnapshotMeta { last_included, ..SnapshotMeta::genesis(voters) }
}

/// Whoever leads a log that was taken over can always go on.
#[test]
fn a_log_beyond_the_last_index_is_refused() {
    let hard_state = HardState { term: Term(1), vote: None, is_forgetful: false };
    let recovered = |last: u64| {
        let entries = [last - 1, last].map(|index| crate::bench::entry(1, index)).to_vec();
        let snapshot = snapshot_up_to(id(1, last - 2));
        Recovered::from_entries(hard_state, snapshot, entries).expect("a run")
    };
    let last = Index::LAST.0;
    assert_eq!(recovered(last).check(), Ok(()));
    let beyond = Err(RecoverError::NotALog { at: Index(last + 1) });
    assert_eq!(recovered(last + 1).check(), beyond);

    let snapshot = |last| Recovered::from_entries(hard_state, snapshot_up_to(last), Vec::new());
    assert_eq!(snapshot(id(1, last)).expect("a run").check(), Ok(()));
    assert_eq!(snapshot(id(1, last + 1)).expect("a run").check(), beyond);
}

#[test]
fn entries_beyond_the_last_index_are_ignored() {
    let last = Index::LAST.0;
    let mut bench = Bench::with_snapshot(id(1, last - 1), 1, &[], |_| {});
    let (at, beyond) = ([(1, last)], [(1, last), (1, last + 1)]);
    assert_eq!(bench.append((2, 1), id(1, last - 1), &beyond, 0), []);
    assert_eq!(bench.raft.status().ignored_messages, 1);
    assert_ne!(bench.append((2, 1), id(1, last - 1), &at, 0), []);
    assert_eq!(bench.raft.status().last, id(1, last));
}

/// A driver that fetched what nobody offered.
#[test]
fn a_snapshot_that_nobody_could_have_taken_changes_nothing() {
    let mut bench = Bench::follower(2, &[(1, 1)]);
    let far = id(1, Index::LAST.0 + 1);
    let later = SnapshotMeta { membership_at: id(1, 10), ..snapshot_up_to(id(1, 9)) };
    for snapshot in [snapshot_up_to(far), snapshot_up_to(id(3, 9)), later] {
        bench.step(Event::SnapshotFetched(Box::new(snapshot)));
        assert_eq!(bench.raft.status().last, id(1, 1));
    }
    bench.step(Event::SnapshotFetched(Box::new(snapshot_up_to(id(2, 9)))));
    assert_eq!(bench.raft.status().last, id(2, 9));
}

/// Nothing follows the last number there is.
#[test]
fn a_log_behind_the_last_number_is_refused() {
    let snapshot = snapshot_up_to(id(1, u64::MAX));
    let hard_state = HardState { term: Term(1), vote: None, is_forgetful: false };
    let (term_starts, last) = (vec![id(1, 1)], id(1, 1));
    let (memberships, tail) = (Vec::new(), Entries::EMPTY);
    let recovered = Recovered {
        hard_state,
        snapshot,
        base: id(1, u64::MAX),
        term_starts,
        memberships,
        last,
        tail,
    };
    assert_eq!(recovered.check(), Err(RecoverError::NotALog { at: Index(1) }));
}

/// FAULTS N10
#[test]
fn messages_that_no_server_could_have_sent_are_ignored_and_counted() {
    let mut bench = Bench::settled_leader(|_| {});
    let far = 1 + (1 << 33);
    let vote = RequestVote { last: LogId::ZERO };
    assert_eq!(bench.hear(2, far, Rpc::RequestVote(vote)), [], "a term from nowhere");
    let vote = RequestVote { last: id(9, 1) };
    assert_eq!(bench.hear(2, 1, Rpc::RequestVote(vote)), [], "an entry of a term to come");
    assert_eq!(bench.append((2, 1), id(1, 3), &[(1, 5)], 0), [], "a gap");
    assert_eq!(bench.append((2, 1), id(1, 1), &[(2, 2)], 0), [], "an entry of a term to come");
    assert_eq!(bench.append((2, 2), id(2, 1), &[(1, 2)], 0), [], "terms that decrease");
    assert_eq!(bench.append((2, 1), id(1, 0), &[], 0), [], "a term before the log");
    assert_eq!(
        bench.hear(1, 1, Rpc::RequestVote(RequestVote { last: id(1, 1) })),
        [],
        "from itself"
    );
    assert_eq!(bench.acknowledge(2, 99), [], "more than there is");
    let (replication, round) = bench.told(2);
    let round = Round(round.0 + 1);
    let early = quorate_core::AppendEntriesReply {
        replication,
        round,
        outcome: AppendOutcome::Match(Index(1)),
    };
    assert_eq!(bench.hear(2, 1, Rpc::AppendEntriesReply(early)), [], "a round to come");
    let status = bench.raft.status();
    assert_eq!((status.ignored_messages, status.role), (9, RoleKind::Leader));
}

/// FAULTS N10
#[test]
fn what_no_peer_could_say_of_its_log_is_ignored_and_counted() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.propose(1, 1);
    let mismatch = |rejected, hint| AppendOutcome::Mismatch { rejected: Index(rejected), hint };
    let ignored = [
        AppendOutcome::Match(Index(3)),
        mismatch(0, LogId::ZERO),
        mismatch(3, id(1, 1)),
        mismatch(1, id(1, 2)),
    ];
    for (count, outcome) in (1..).zip(ignored) {
        bench.answer(2, outcome);
        assert_eq!(bench.raft.status().ignored_messages, count, "{outcome:?}");
    }
    for outcome in [AppendOutcome::Match(Index(2)), mismatch(2, id(0, 2)), mismatch(2, id(1, 1))] {
        bench.answer(2, outcome);
        assert_eq!(bench.raft.status().ignored_messages, 4, "{outcome:?}");
    }
}

#[test]
fn a_ticket_from_nowhere_and_a_timeout_too_early_do_nothing() {
    let mut bench = Bench::settled_leader(|_| {});
    assert_eq!(bench.step(Event::Persisted(Ticket(99))), []);
    assert_eq!(bench.step(Event::Timeout), []);
    assert_eq!(bench.step(Event::Unreachable(node(9))), []);
}

/// thesis 3.4: whoever is called too early goes on to wait.
#[test]
fn a_follower_that_is_called_too_early_does_not_stand() {
    let mut bench = Bench::follower(1, &[(1, 1)]);
    bench.heartbeat((2, 1), 1);
    bench.persist();
    let deadline = bench.raft.deadline().expect("it waits");
    bench.now = Instant(deadline.0 - 1);
    assert_eq!(bench.step(Event::Timeout), []);
    assert_eq!(bench.raft.status().role, RoleKind::Follower);
    bench.time_out();
    assert_eq!(bench.raft.status().role, RoleKind::PreCandidate);
}

#[test]
fn time_that_runs_backwards_stands_still() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.now = bench.now.after(Duration::from_millis(10));
    bench.propose(1, 1);
    let deadline = bench.raft.deadline();
    bench.now = quorate_core::Instant(0);
    bench.step(Event::Timeout);
    assert_eq!(bench.raft.deadline(), deadline);
}

/// A log after entry 3, of terms 1 and 3, up to entry 8, whose last two entries are in memory; a snapshot
/// up to entry 4, and a membership that entry 7 says.
fn recovered() -> Recovered {
    let voters = Membership::of_voters([1, 2, 3].map(node)).expect("three voters");
    let tail = [7, 8].map(|index| crate::bench::entry(3, index));
    Recovered {
        hard_state: HardState { term: Term(3), vote: None, is_forgetful: false },
        snapshot: snapshot_up_to(id(1, 4)),
        base: id(1, 3),
        term_starts: vec![id(1, 4), id(3, 6)],
        memberships: vec![(Index(7), voters)],
        last: id(3, 8),
        tail: Entries::new(tail).expect("a run"),
    }
}

#[test]
fn what_was_recovered_must_fit_together() {
    use RecoverError::{MembershipMisplaced, NotALog, SnapshotMisplaced, TailMisplaced};
    type Change = fn(&mut Recovered);
    let not_a_log = |index| NotALog { at: Index(index) };
    let no_snapshot = |index| SnapshotMisplaced { at: Index(index) };
    let no_membership = |index| MembershipMisplaced { at: Index(index) };
    let changes: [(Change, RecoverError); 21] = [
        (|it| it.term_starts[0].index = Index(5), not_a_log(5)),
        (|it| it.base = id(2, 3), not_a_log(4)),
        (|it| it.term_starts[1].term = Term(1), not_a_log(6)),
        (|it| it.term_starts[1].index = Index(4), not_a_log(4)),
        (|it| it.last = id(3, 5), not_a_log(5)),
        (|it| it.last = id(2, 8), not_a_log(8)),
        (|it| it.term_starts.clear(), not_a_log(8)),
        (|it| it.last = id(3, 9), TailMisplaced { last: Index(9) }),
        (|it| it.tail = tail_from(3), TailMisplaced { last: Index(8) }),
        (|it| it.snapshot.last_included = id(1, 2), no_snapshot(2)),
        (|it| it.snapshot.last_included = id(3, 9), no_snapshot(9)),
        (|it| it.snapshot.last_included = id(2, 4), no_snapshot(4)),
        (|it| it.snapshot.membership_at = id(1, 5), no_membership(5)),
        (|it| it.snapshot.membership_at = id(2, 3), no_membership(3)),
        (|it| it.memberships[0].0 = Index(4), no_membership(4)),
        (|it| it.memberships[0].0 = Index(9), no_membership(9)),
        (|it| it.memberships.push(it.memberships[0].clone()), no_membership(7)),
        (|it| it.memberships.insert(0, (Index(8), it.memberships[0].1.clone())), no_membership(7)),
        (|it| (it.base, it.snapshot) = (id(0, 0), snapshot_up_to(id(0, 0))), not_a_log(4)),
        (|it| it.hard_state.term = Term(2), RecoverError::TermBehindLog { last: id(3, 8) }),
        (|it| it.hard_state.term = Term(0), RecoverError::TermBehindLog { last: id(3, 8) }),
    ];
    for (at, (change, error)) in changes.into_iter().enumerate() {
        let mut broken = recovered();
        change(&mut broken);
        assert_eq!(broken.check(), Err(error), "change {at}");
    }
    let sound: [Change; 6] = [
        |_| {},
        |it| it.term_starts[1].index = Index(5),
        |it| it.tail = tail_from(4),
        |it| it.snapshot.last_included = id(1, 3),
        |it| it.snapshot.last_included = id(3, 6),
        |it| (it.memberships[0].0, it.hard_state.term) = (Index(8), Term(9)),
    ];
    for (at, change) in sound.into_iter().enumerate() {
        let mut recovered = recovered();
        change(&mut recovered);
        assert_eq!(recovered.check(), Ok(()), "change {at}");
    }
    let voters = Membership::of_voters([1, 2, 3].map(node)).expect("three voters");
    let mut founding = Recovered::genesis(voters);
    assert_eq!(founding.check(), Ok(()));
    founding.snapshot.membership_at = id(0, 1);
    assert_eq!(founding.check(), Err(no_membership(1)), "said by no entry");
}

/// The entries from here to entry 8.
fn tail_from(first: u64) -> Entries {
    let term = |index| if index < 6 { 1 } else { 3 };
    let entries = (first..=8).map(|index| crate::bench::entry(term(index), index));
    Entries::new(entries).expect("a run")
}
