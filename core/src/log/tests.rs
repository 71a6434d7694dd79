//! The log against a naive one: a vector of entries, and a disk that is a list of such vectors.

use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::Log;
use crate::effect::HardState;
use crate::entry::{Entries, Entry, Payload};
use crate::membership::Membership;
use crate::recovered::{Recovered, SnapshotMeta};
use crate::types::{Index, Instant, LogId, NodeId, Term, Ticket};

/// What a log before it was started holds, and the term that nothing in it exceeds.
const BASE: LogId = LogId { term: Term(2), index: Index(5) };

#[derive(Clone, Debug)]
enum Step {
    /// Append so many entries of this many terms later.
    Append(u64, usize),
    /// Propose one entry.
    Propose,
    /// Forget so many of the last entries.
    Truncate(usize),
    /// Freeze, and start a write if there is something to write.
    Freeze,
    /// So many of the writes under way are done.
    Persist(usize),
    /// Forget what is committed (a share of what is durable) beyond this cost.
    Evict(usize, u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..3_u64, 1..4_usize).prop_map(|(terms, count)| Step::Append(terms, count)),
        3 => Just(Step::Propose),
        2 => (1..6_usize).prop_map(Step::Truncate),
        5 => Just(Step::Freeze),
        3 => (1..3_usize).prop_map(Step::Persist),
        1 => (0..8_usize, 0..200_u64).prop_map(|(share, cost)| Step::Evict(share, cost)),
    ];
    prop::collection::vec(step, 1..60)
}

/// The log as one would write it down.
#[derive(Clone, Debug, Default)]
struct Naive {
    entries: Vec<Entry>,
    /// The newest log that the disk was given, and its writes under way.
    given: Vec<Entry>,
    under_way: Vec<(Ticket, Vec<Entry>)>,
    on_disk: Vec<Entry>,
    evicted: usize,
    term: u64,
}

impl Naive {
    fn last(&self) -> LogId {
        self.entries.last().map_or(BASE, |entry| entry.id)
    }

    fn push(&mut self) -> Entry {
        let index = self.last().index.next();
        let payload = Payload::Command(index.0.to_le_bytes().to_vec().into());
        let entry = Entry { id: LogId { term: Term(self.term), index }, payload };
        self.entries.push(entry.clone());
        entry
    }

    fn durable_entries(&self) -> usize {
        self.entries.iter().zip(&self.on_disk).take_while(|pair| pair.0 == pair.1).count()
    }

    fn durable(&self) -> Index {
        Index(BASE.index.0 + self.durable_entries() as u64)
    }
}

fn new_log() -> Log {
    let voter = NodeId::new(1).expect("not zero");
    let membership = Membership::of_voters([voter]).expect("a voter");
    let snapshot = SnapshotMeta { last_included: BASE, membership_at: LogId::ZERO, membership };
    let recovered = Recovered::from_entries(HardState::default(), snapshot, vec![]);
    Log::new(recovered.expect("an empty log"))
}

fn apply(log: &mut Log, naive: &mut Naive, step: &Step) {
    match *step {
        Step::Append(terms, count) => {
            naive.term += terms;
            let run: Vec<_> = (0..count).map(|_| naive.push()).collect();
            log.append(Entries::new(run).expect("a run"));
        }
        Step::Propose => {
            let entry = naive.push();
            assert_eq!(log.propose(entry.id.term, entry.payload), entry.id);
        }
        Step::Truncate(count) => {
            // What is evicted is committed, and never cut.
            let kept = naive.entries.len().saturating_sub(count).max(naive.evicted);
            naive.entries.truncate(kept);
            naive.term += 1;
            log.truncate(Index(BASE.index.0 + kept as u64));
        }
        Step::Freeze => freeze(log, naive),
        Step::Persist(count) => {
            let mut done = naive.under_way.drain(..count.min(naive.under_way.len()));
            if let Some((ticket, entries)) = done.next_back() {
                naive.on_disk = entries;
                log.persist(ticket, Instant(0));
                assert_eq!(log.persisted(), ticket);
            }
        }
        Step::Evict(share, cost) => {
            let commit = naive.durable_entries() * share / 8;
            naive.evicted = naive.evicted.max(commit);
            log.evict(Index(BASE.index.0 + commit as u64), cost);
        }
    }
}

fn freeze(log: &mut Log, naive: &mut Naive) {
    let Some(append) = log.freeze() else {
        assert_eq!(naive.given, naive.entries, "nothing to write means that all was written");
        return;
    };
    let kept = naive.given.iter().take_while(|entry| entry.id.index <= append.prev.index).count();
    assert_eq!(
        naive.given.get(..kept).and_then(|kept| kept.last()).map_or(BASE, |e| e.id),
        append.prev
    );
    naive.given.truncate(kept);
    naive.given.extend_from_slice(&append.entries);
    assert_eq!(naive.given, naive.entries, "the disk is given the whole log");
    naive.under_way.push((log.start_write(Instant(0)), naive.given.clone()));
}

fn compare(log: &Log, naive: &Naive) {
    assert_eq!(log.last(), naive.last());
    assert!(log.durable() <= naive.durable(), "never more than what is on disk");
    assert_eq!(log.term(BASE.index.prev()), None);
    assert_eq!(log.term(BASE.index), Some(BASE.term));
    assert_eq!(log.term(naive.last().index.next()), None);
    for entry in &naive.entries {
        assert_eq!(log.id(entry.id.index), Some(entry.id));
    }
}

fn compare_windows(log: &Log, naive: &Naive) {
    for (at, entry) in naive.entries.iter().enumerate() {
        for bytes_max in [0, 40, 100, 1000] {
            let Some(window) = log.window(entry.id.index, bytes_max) else {
                assert!(at < naive.evicted, "only what was evicted is gone");
                continue;
            };
            assert_eq!(window[..], naive.entries[at..at + window.len()]);
            assert!(window.len() == 1 || window.cost_bytes() <= bytes_max, "within its limit");
        }
    }
    assert_eq!(log.window(naive.last().index.next(), 1000), None);
}

proptest! {
    #[test]
    fn the_log_is_what_a_naive_log_is(steps in steps()) {
        let (mut log, mut naive) = (new_log(), Naive { term: BASE.term.0, ..Naive::default() });
        for step in &steps {
            apply(&mut log, &mut naive, step);
            compare(&log, &naive);
        }
        freeze(&mut log, &mut naive);
        compare_windows(&log, &naive);
        apply(&mut log, &mut naive, &Step::Persist(usize::MAX));
        prop_assert_eq!(log.durable(), naive.last().index, "all is durable once all is written");
        prop_assert!(log.is_settled());
    }

    #[test]
    fn the_newest_entry_within_a_limit_is_found(
        terms in prop::collection::vec(0..3_u64, 0..30),
        term in 0..20_u64,
        index in 0..40_u64,
    ) {
        let (mut log, mut naive) = (new_log(), Naive { term: BASE.term.0, ..Naive::default() });
        for step in terms.iter().map(|&terms| Step::Append(terms, 1)) {
            apply(&mut log, &mut naive, &step);
        }
        let fits = |id: &LogId| id.index.0 <= index && id.term.0 <= term;
        let newest = naive.entries.iter().map(|entry| entry.id).rfind(fits).unwrap_or(BASE);
        prop_assert_eq!(log.newest_within(LogId { term: Term(term), index: Index(index) }), newest);
    }
}

/// An entry is cut while its write is under way, and another is written at its index: the first
/// ticket must not vouch for the second entry.
#[test]
fn a_ticket_does_not_vouch_for_what_was_written_after_it_at_the_same_index() {
    let (mut log, mut naive) = (new_log(), Naive { term: 3, ..Naive::default() });
    apply(&mut log, &mut naive, &Step::Append(0, 3));
    apply(&mut log, &mut naive, &Step::Freeze);
    apply(&mut log, &mut naive, &Step::Truncate(2));
    apply(&mut log, &mut naive, &Step::Append(1, 2));
    apply(&mut log, &mut naive, &Step::Freeze);
    apply(&mut log, &mut naive, &Step::Persist(1));
    assert_eq!(log.durable(), BASE.index.next(), "only the entry that was not cut");
    apply(&mut log, &mut naive, &Step::Persist(1));
    assert_eq!(log.durable(), naive.last().index);
}

#[test]
fn a_ticket_that_was_never_issued_means_nothing() {
    let mut log = new_log();
    log.propose(Term(3), Payload::NOOP);
    assert!(log.freeze().is_some());
    let ticket = log.start_write(Instant(0));
    log.persist(Ticket(ticket.0 + 1), Instant(0));
    assert_eq!((log.persisted(), log.durable()), (Ticket(0), BASE.index));
    log.persist(ticket, Instant(0));
    assert_eq!((log.persisted(), log.durable()), (ticket, BASE.index.next()));
}
