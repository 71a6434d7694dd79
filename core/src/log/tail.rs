//! The newest entries of the log, in memory.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::entry::{Entries, Entry};
use crate::types::Index;

/// The runs that were written, newest last, as they were written: a window of entries for a peer
/// is then mostly a shared view of one of them.
///
/// Invariants: runs are not empty and follow one another; `cost_bytes` is the sum over the runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tail {
    runs: VecDeque<Run>,
    cost_bytes: u64,
}

#[derive(Clone, Debug)]
struct Run {
    entries: Entries,
    first: Index,
    cost_bytes: u64,
}

impl Run {
    fn last(&self) -> Index {
        Index(self.first.0 + self.entries.len() as u64 - 1)
    }
}

impl Tail {
    /// Adds a run at the end.
    pub(crate) fn push(&mut self, entries: Entries) {
        let Some(first) = entries.first_index() else { return };
        assert!(self.last().is_none_or(|last| first == last.next()), "runs follow one another");
        let cost_bytes = entries.cost_bytes();
        self.cost_bytes += cost_bytes;
        self.runs.push_back(Run { entries, first, cost_bytes });
    }

    /// Forgets all entries after `index`.
    pub(crate) fn truncate(&mut self, index: Index) {
        while let Some(run) = self.runs.pop_back_if(|run| run.last() > index) {
            self.cost_bytes -= run.cost_bytes;
            if run.first <= index {
                self.push(run.entries.up_to(index));
            }
        }
    }

    /// Forgets the oldest runs, none with an entry after `index`, until at most `cost_bytes_max`
    /// remain.
    pub(crate) fn evict(&mut self, index: Index, cost_bytes_max: u64) {
        if self.cost_bytes <= cost_bytes_max {
            return;
        }
        while self.cost_bytes > cost_bytes_max {
            let Some(run) = self.runs.pop_front_if(|run| run.last() <= index) else { return };
            self.cost_bytes -= run.cost_bytes;
        }
        if cost_bytes_max == 0 && self.runs.is_empty() {
            // Whoever keeps nothing, as one of very many groups may, holds no memory either.
            self.runs = VecDeque::new();
        }
    }

    /// Forgets the runs with no entry after `index`.
    pub(crate) fn compact(&mut self, index: Index) {
        while let Some(run) = self.runs.pop_front_if(|run| run.last() <= index) {
            self.cost_bytes -= run.cost_bytes;
        }
    }

    /// The newest entry in memory.
    pub(crate) fn last(&self) -> Option<Index> {
        self.runs.back().map(Run::last)
    }

    /// Entries from `first` on, as many as cost at most `bytes_max`, at least one; `None` if
    /// `first` is not in memory.
    pub(crate) fn window(&self, first: Index, bytes_max: u64) -> Option<Entries> {
        let at = self.position(first)?;
        let run = &self.runs[at];
        let whole = run.first == first && run.cost_bytes <= bytes_max;
        let is_newest = at + 1 == self.runs.len();
        if whole && (is_newest || run.cost_bytes + self.runs[at + 1].cost_bytes > bytes_max) {
            return Some(run.entries.clone());
        }
        let mut left = bytes_max;
        let mut views = Vec::new();
        for run in self.runs.range(at..) {
            let rest = run.entries.from(first);
            let count = affordable(&rest, &mut left, views.is_empty());
            views.push(rest.take(count));
            if count < rest.len() {
                break;
            }
        }
        Some(Entries::concat(&views))
    }

    fn position(&self, index: Index) -> Option<usize> {
        let newest = self.runs.back().filter(|run| index <= run.last())?;
        if newest.first <= index {
            return Some(self.runs.len() - 1);
        }
        self.runs.partition_point(|run| run.first <= index).checked_sub(1)
    }
}

/// How many entries `left` pays for; the very first entry of a window is free.
fn affordable(entries: &[Entry], left: &mut u64, is_first: bool) -> usize {
    let mut count = 0;
    for entry in entries {
        let cost = entry.cost_bytes();
        if cost > *left && !(is_first && count == 0) {
            break;
        }
        *left = left.saturating_sub(cost);
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::entry::Payload;
    use crate::types::{LogId, Term};

    #[derive(Clone, Debug)]
    enum Step {
        /// A run of commands of so many bytes.
        Push(Vec<usize>),
        /// Forget so many of the newest entries.
        Truncate(u64),
        /// Forget old runs, of so many entries at most, until so much is left.
        Evict(u64, u64),
        /// Forget runs of the oldest so many entries.
        Compact(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => prop::collection::vec(0..50_usize, 1..5).prop_map(Step::Push),
            1 => (0..6_u64).prop_map(Step::Truncate),
            1 => (0..20_u64, 0..300_u64).prop_map(|(count, left)| Step::Evict(count, left)),
            1 => (0..8_u64).prop_map(Step::Compact),
        ];
        prop::collection::vec(step, 0..20)
    }

    /// As runs, each a list of entries.
    #[derive(Default, Debug)]
    struct Naive {
        runs: Vec<Vec<Entry>>,
        last: u64,
    }

    impl Naive {
        fn cost_bytes(&self) -> u64 {
            self.runs.iter().flatten().map(Entry::cost_bytes).sum()
        }

        fn first(&self) -> u64 {
            self.runs.first().map_or(self.last + 1, |run| run[0].id.index.0)
        }

        /// Forgets the oldest runs that end up to `index`, as long as it is wanted.
        fn forget(&mut self, index: u64, wanted: impl Fn(&Self) -> bool) {
            let ends = |run: &Vec<Entry>| run[run.len() - 1].id.index.0;
            while wanted(self) && self.runs.first().is_some_and(|run| ends(run) <= index) {
                self.runs.remove(0);
            }
        }

        fn window(&self, first: u64, bytes_max: u64) -> Option<Vec<Entry>> {
            let mut sum = 0;
            let rest = self.runs.iter().flatten().filter(|entry| entry.id.index.0 >= first);
            let fits = |entry: &&Entry| {
                sum += entry.cost_bytes();
                entry.id.index.0 == first || sum <= bytes_max
            };
            (self.first() <= first && first <= self.last)
                .then(|| rest.take_while(fits).cloned().collect())
        }
    }

    fn carry_out(tail: &mut Tail, naive: &mut Naive, step: Step) {
        match step {
            Step::Push(sizes) => {
                let run: Vec<_> = (naive.last + 1..)
                    .zip(sizes)
                    .map(|(index, bytes)| Entry {
                        id: LogId { term: Term(1), index: Index(index) },
                        payload: Payload::Command(Bytes::from(alloc::vec![7; bytes])),
                    })
                    .collect();
                naive.last += run.len() as u64;
                tail.push(Entries::new(run.clone()).expect("a run"));
                naive.runs.push(run);
            }
            Step::Truncate(count) => {
                naive.last = naive.last.saturating_sub(count).max(naive.first() - 1);
                tail.truncate(Index(naive.last));
                let last = naive.last;
                naive.runs.iter_mut().for_each(|run| run.retain(|it| it.id.index.0 <= last));
                naive.runs.retain(|run| !run.is_empty());
            }
            Step::Evict(count, left) => {
                let index = naive.first() + count;
                tail.evict(Index(index), left);
                naive.forget(index, |naive| naive.cost_bytes() > left);
            }
            Step::Compact(count) => {
                let index = naive.first() + count;
                tail.compact(Index(index));
                naive.forget(index, |_| true);
            }
        }
    }

    proptest! {
        #[test]
        fn a_tail_is_what_its_runs_are(steps in steps(), bytes_max in 0..400_u64) {
            let (mut tail, mut naive) = (Tail::default(), Naive::default());
            for step in steps {
                carry_out(&mut tail, &mut naive, step);
                prop_assert_eq!(tail.cost_bytes, naive.cost_bytes());
                let last = (!naive.runs.is_empty()).then_some(Index(naive.last));
                prop_assert_eq!(tail.last(), last);
                for first in naive.first().saturating_sub(1)..=naive.last + 1 {
                    let window = tail.window(Index(first), bytes_max);
                    let window = window.map(|entries| entries.to_vec());
                    let all = naive.window(first, bytes_max);
                    // A run that is there as it is needs no copy.
                    let run = naive.runs.iter().find(|run| run[0].id.index.0 == first);
                    let is_run = run.is_some_and(|run| {
                        window.as_ref() == Some(run)
                            && all.as_ref().is_some_and(|all| all.starts_with(run))
                    });
                    prop_assert!(window == all || is_run, "{:?} from {}", window, first);
                }
            }
        }
    }
}
