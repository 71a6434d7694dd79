//! The log once more, by a replica that starts anew: it makes the same state, whatever snapshots it goes
//! through (V3), and what clients were answered is what it says as of that entry.

use std::collections::BTreeMap;

use bytes::Bytes;
use quorate_core::{Entries, Index, LogId};
use quorate_sm::{Applied, Applier, Outcome};

use super::{Checked, Ledger, Property, hold};

/// What clients were answered, by the entry that it reflects.
#[derive(Clone, Debug, Default)]
pub struct Told(BTreeMap<Index, AsOf>);

/// All that was answered as of one entry.
#[derive(Clone, Debug, Default)]
struct AsOf {
    /// To its command.
    command: Option<Bytes>,
    /// To queries, as they were sent.
    queries: Vec<(Bytes, Bytes)>,
}

impl Told {
    /// A client got the answer to its command.
    pub fn command(&mut self, index: Index, answer: Bytes) {
        self.0.entry(index).or_default().command = Some(answer);
    }

    /// A client got the answer to a query.
    pub fn query(&mut self, index: Index, query: Bytes, answer: Bytes) {
        self.0.entry(index).or_default().queries.push((query, answer));
    }
}

/// So many entries are applied between two snapshots.
const STRIDE: u64 = 211;

/// A digest of the state that the log makes up to here, applied from its first entry on by a new
/// replica, which a snapshot takes the place of now and then.
///
/// # Errors
/// If a client was answered otherwise, or a snapshot is not as good as the state.
///
/// # Panics
/// Never: a ledger is checked when it is written.
pub(crate) fn again(
    replica: &dyn Fn() -> Applier,
    told: &Told,
    ledger: &Ledger,
    committed: Index,
) -> Checked<u64> {
    let log = Entries::new(ledger.durable().entries()).expect("a log").up_to(committed);
    let mut fresh = replica();
    check_queries(&fresh, told)?;
    for entry in log.iter() {
        let mut applied = Applied::default();
        let index = entry.id.index;
        let goes_on = fresh.apply(&log.from(index).up_to(index), &mut applied);
        hold(goes_on.is_ok(), Property::StatesAgree, || {
            format!("{} cannot be applied again: {goes_on:?}", index.0)
        })?;
        if let Some(AsOf { command: Some(answer), .. }) = told.0.get(&index) {
            let outcome = &applied.answers[0].outcome;
            is_it(outcome, answer, || format!("the command at {}", index.0))?;
        }
        check_queries(&fresh, told)?;
        if index.0.is_multiple_of(STRIDE) {
            fresh = through_a_snapshot(&fresh, replica, entry.id)?;
        }
    }
    Ok(fresh.digest())
}

fn check_queries(fresh: &Applier, told: &Told) -> Checked {
    let index = fresh.last_applied().index;
    let Some(AsOf { queries, .. }) = told.0.get(&index) else { return Ok(()) };
    queries.iter().try_for_each(|(query, answer)| {
        is_it(&fresh.query(query), answer, || format!("a query as of {}", index.0))
    })
}

fn is_it(outcome: &Bytes, answer: &Bytes, what: impl Fn() -> String) -> Checked {
    let outcome = Outcome::decode(outcome);
    let is_same = matches!(&outcome, Ok(Outcome::Applied(again)) if again == answer);
    hold(is_same, Property::StatesAgree, || {
        format!("{} was answered by {answer:?}; done again, it is {outcome:?}", what())
    })
}

fn through_a_snapshot(old: &Applier, replica: &dyn Fn() -> Applier, at: LogId) -> Checked<Applier> {
    let (mut capture, mut new) = (old.capture(), replica());
    let mut is_last = false;
    while !is_last {
        let mut part = Vec::new();
        is_last = capture.write(&mut part, 1000);
        new.load(&part);
    }
    let restored = new.restore_loaded(at, &mut Applied::default());
    hold(restored.is_ok() && new.digest() == old.digest(), Property::StatesAgree, || {
        format!("a snapshot as of {at:?} makes another state: {restored:?}")
    })?;
    Ok(new)
}
