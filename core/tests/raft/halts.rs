//! A server that sees a property of Raft broken says nothing more.

use crate::bench::{Bench, id, node, refusals};
use quorate_core::{
    Effect, Event, Index, LogId, Refusal, RequestId, RoleKind, SnapshotMeta, Term, Violation,
};

/// thesis Figure 3.2, Election Safety.
#[test]
fn a_server_that_sees_two_leaders_in_a_term_halts() {
    let mut bench = Bench::follower(1, &[]);
    bench.heartbeat((2, 1), 1);
    let effects = bench.heartbeat((3, 1), 1);
    let (term, first, second) = (Term(1), node(2), node(3));
    let halt = Effect::Halt(Violation::TwoLeaders { term, first, second });
    assert!(effects.contains(&halt), "{effects:?}");
    assert_eq!(refusals(&bench.propose(1, 1)), [(RequestId(1), Refusal::Halted)]);
    assert_eq!(bench.heartbeat((2, 1), 2), [], "it says nothing more");
}

/// A leader that nobody answers resigns, and still knows whom this term elected.
fn resigned() -> Bench {
    let mut bench = Bench::settled_leader(|_| {});
    bench.time_out();
    while bench.raft.status().role == RoleKind::Leader {
        bench.time_out();
    }
    assert_eq!(bench.raft.status().hard_state.term, Term(1));
    bench
}

#[test]
fn a_leader_that_resigned_sees_another_leader_of_its_term_and_halts() {
    let (term, first, second) = (Term(1), node(1), node(3));
    let halt = Effect::Halt(Violation::TwoLeaders { term, first, second });
    assert!(resigned().heartbeat((3, 1), 1).contains(&halt));
    assert!(!resigned().heartbeat((3, 2), 1).contains(&halt), "one of the next term is welcome");
}

/// thesis Figure 3.2, Leader Completeness.
#[test]
fn a_leader_that_resigned_and_lacks_what_was_committed_before_halts() {
    let fetched = |last_included| {
        let mut bench = resigned();
        let membership = bench.raft.status().membership.clone();
        let snapshot = SnapshotMeta { last_included, ..SnapshotMeta::genesis(membership) };
        bench.step(Event::SnapshotFetched(Box::new(snapshot)))
    };
    let halt = Effect::Halt(Violation::CommittedConflict { index: Index(9) });
    assert!(fetched(id(1, 9)).contains(&halt));
    assert_eq!(fetched(id(1, 1)), [], "it has this one");
}

#[test]
fn a_server_whose_committed_entry_is_contradicted_halts() {
    let mut bench = Bench::follower(1, &[]);
    bench.append((2, 1), LogId::ZERO, &[(1, 1), (1, 2)], 2);
    bench.persist();
    let effects = bench.append((3, 2), id(1, 1), &[(2, 2)], 0);
    let halt = Effect::Halt(Violation::CommittedConflict { index: Index(2) });
    assert!(effects.contains(&halt), "{effects:?}");
}

/// What the leader has before the entries that it sends is its word, too.
#[test]
fn a_server_whose_last_committed_entry_is_contradicted_halts() {
    let mut bench = Bench::follower(1, &[]);
    bench.append((2, 1), LogId::ZERO, &[(1, 1), (1, 2)], 2);
    bench.persist();
    let effects = bench.append((3, 3), id(2, 2), &[(3, 3)], 0);
    let halt = Effect::Halt(Violation::CommittedConflict { index: Index(2) });
    assert!(effects.contains(&halt), "{effects:?}");
}

#[test]
fn a_server_whose_snapshot_is_contradicted_halts() {
    for log in [&[][..], &[(2, 6)]] {
        let mut bench = Bench::with_snapshot(id(2, 5), 3, log, |_| {});
        let effects = bench.append((2, 3), id(1, 3), &[(1, 4), (1, 5), (1, 6)], 0);
        let halt = Effect::Halt(Violation::CommittedConflict { index: Index(5) });
        assert!(effects.contains(&halt), "{effects:?}");
    }
}

/// thesis Figure 3.2, Leader Append-Only.
#[test]
fn a_server_whose_leader_replaces_its_own_entry_halts() {
    let mut bench = Bench::follower(2, &[]);
    bench.append((2, 2), LogId::ZERO, &[(1, 1), (1, 2)], 0);
    let effects = bench.append((2, 2), id(1, 1), &[(2, 2)], 0);
    let halt = Effect::Halt(Violation::LeaderRewrote { leader: node(2), index: Index(2) });
    assert!(effects.contains(&halt), "{effects:?}");
}
