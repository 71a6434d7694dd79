//! What callers wrote and read, one by one: cheap, and on for every history, also for those that
//! are too long to be judged as a whole.

use std::collections::{BTreeMap, BTreeSet};

use quorate_core::Index;

use super::violation::{Checked, Property, hold};

/// H6 and H7: every value that is read was written by somebody, and not by a call that was refused.
#[derive(Default, Debug)]
pub(crate) struct Values {
    asked: BTreeSet<String>,
    refused: BTreeSet<String>,
    seen: BTreeSet<String>,
    counts: BTreeMap<String, Count>,
}

/// Calls that add one to a counter.
#[derive(Clone, Copy, Default, Debug)]
struct Count {
    done: i64,
    unknown: i64,
}

/// How a call ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    /// It was carried out.
    Done,
    /// It had no effect.
    Refused,
    /// Nobody knows.
    Unknown,
}

impl Values {
    /// Somebody asks for this value to be written.
    pub(crate) fn ask(&mut self, value: &str) {
        self.asked.insert(value.to_owned());
    }

    /// The call that was to write it has ended.
    pub(crate) fn end(&mut self, value: &str, ending: Ending) -> Checked {
        if ending != Ending::Refused {
            return Ok(());
        }
        self.refused.insert(value.to_owned());
        hold(!self.seen.contains(value), Property::ValuesHaveAuthors, || {
            format!("{value:?} was read, and then refused")
        })
    }

    /// Somebody reads this value.
    pub(crate) fn see(&mut self, value: &str) -> Checked {
        hold(self.asked.contains(value), Property::ValuesHaveAuthors, || {
            format!("{value:?} was read, and nobody wrote it")
        })?;
        hold(!self.refused.contains(value), Property::ValuesHaveAuthors, || {
            format!("{value:?} was refused, and then read")
        })?;
        self.seen.insert(value.to_owned());
        Ok(())
    }

    /// A call that was to add one to a counter has ended.
    pub(crate) fn count(&mut self, counter: &str, ending: Ending) {
        let count = self.counts.entry(counter.to_owned()).or_default();
        count.done += i64::from(ending == Ending::Done);
        count.unknown += i64::from(ending == Ending::Unknown);
    }

    /// All counters, by name.
    pub(crate) fn counters(&self) -> Vec<String> {
        self.counts.keys().cloned().collect()
    }

    /// When all calls have ended, a counter stands here.
    pub(crate) fn stands(&self, counter: &str, value: i64) -> Checked {
        let Count { done, unknown } = self.counts.get(counter).copied().unwrap_or_default();
        hold((done..=done + unknown).contains(&value), Property::ExactlyOnce, || {
            format!("{counter} is {value} after {done} calls, and {unknown} of unknown outcome")
        })
    }
}

/// H3: what one caller sees never goes back, and what it wrote is there. And what it sees is no
/// older than its question (thesis 6.4).
#[derive(Default)]
pub(crate) struct Sight {
    newest: Index,
    /// What was committed when it asked, if the answer must reflect that.
    asked_at: Index,
}

impl Sight {
    /// It asks; so much is committed anywhere, and the answer must reflect it.
    pub(crate) fn ask(&mut self, committed: Index) {
        self.asked_at = committed;
    }

    /// An answer reflects the log up to here, as much as it must.
    pub(crate) fn reflects(&self, index: Index) -> Checked {
        hold(index >= self.asked_at, Property::ReadsAreLinearizable, || {
            format!("an answer as of {index:?}; {:?} was committed before", self.asked_at)
        })
    }

    /// An answer reflects the log up to here, and no answer before it reflected more.
    pub(crate) fn see(&mut self, index: Index) -> Checked {
        self.reflects(index)?;
        hold(index >= self.newest, Property::SessionsNeverGoBack, || {
            format!("an answer as of {index:?} after one as of {:?}", self.newest)
        })?;
        self.newest = index;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(checked: Checked) -> Property {
        checked.expect_err("it must be noticed").property
    }

    #[test]
    fn values_that_nobody_wrote_are_noticed() {
        let mut values = Values::default();
        values.ask("a");
        assert_eq!(values.see("a"), Ok(()));
        assert_eq!(broken(values.see("b")), Property::ValuesHaveAuthors);
    }

    #[test]
    fn values_that_were_refused_are_noticed_before_and_after() {
        let mut values = Values::default();
        values.ask("a");
        values.ask("b");
        assert_eq!(values.end("a", Ending::Refused), Ok(()));
        assert_eq!(broken(values.see("a")), Property::ValuesHaveAuthors);
        assert_eq!(values.see("b"), Ok(()));
        assert_eq!(values.end("b", Ending::Unknown), Ok(()));
        assert_eq!(broken(values.end("b", Ending::Refused)), Property::ValuesHaveAuthors);
    }

    #[test]
    fn counters_that_count_too_much_or_too_little_are_noticed() {
        let mut values = Values::default();
        for ending in [Ending::Done, Ending::Done, Ending::Unknown, Ending::Refused] {
            values.count("c", ending);
        }
        assert_eq!((values.stands("c", 2), values.stands("c", 3)), (Ok(()), Ok(())));
        assert_eq!(broken(values.stands("c", 1)), Property::ExactlyOnce);
        assert_eq!(broken(values.stands("c", 4)), Property::ExactlyOnce);
    }

    #[test]
    fn an_older_answer_is_noticed() {
        let mut sight = Sight::default();
        assert_eq!(sight.see(Index(7)), Ok(()));
        assert_eq!(sight.see(Index(7)), Ok(()));
        assert_eq!(broken(sight.see(Index(6))), Property::SessionsNeverGoBack);
    }

    #[test]
    fn an_answer_that_is_older_than_its_question_is_noticed() {
        let mut sight = Sight::default();
        sight.ask(Index(8));
        assert_eq!(broken(sight.see(Index(7))), Property::ReadsAreLinearizable);
        assert_eq!(sight.see(Index(8)), Ok(()));
    }
}
