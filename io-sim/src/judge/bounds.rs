//! R1 to R5 and L6: nothing grows, or is repeated, without bound; and work gets done.

use super::violation::{Checked, Property, hold};

/// What was done in a while in which nothing was in the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Work {
    /// Calls of clients that were answered.
    pub(crate) answered: u64,
    /// Entries that were committed.
    pub(crate) committed: u64,
    /// Messages of consensus.
    pub(crate) messages: u64,
    /// What nodes took in.
    pub(crate) events: u64,
}

/// In which circumstances.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Setting {
    pub(crate) servers: u64,
    pub(crate) callers: u64,
    /// How many intervals of heartbeats it took.
    pub(crate) heartbeats: u64,
    /// How many election timeouts.
    pub(crate) timeouts: u64,
    /// How many calls each caller could have made if each had taken an election timeout.
    pub(crate) calls: u64,
}

impl Work {
    /// What was done since then.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            answered: self.answered - before.answered,
            committed: self.committed - before.committed,
            messages: self.messages - before.messages,
            events: self.events - before.events,
        }
    }

    /// L6, R3, R5.
    pub(crate) fn is_in_bounds(self, setting: Setting) -> Checked {
        let Setting { servers, callers, heartbeats, timeouts, calls } = setting;
        let needed = callers * calls;
        hold(self.answered >= needed, Property::WorkGetsDone, || {
            format!("{needed} calls should have been answered: {self:?} in {setting:?}")
        })?;
        // An entry goes to each peer, and is acknowledged; its commit is made known, and that is
        // answered: 4. A read is a round of heartbeats: 2. As many again may be repeated.
        let peers = servers - 1;
        let operations = self.committed + self.answered;
        // Heartbeats and their answers, and what servers say that hear nobody and stand in vain.
        let idle = 2 * peers * (heartbeats + 1) + 2 * servers * peers * (timeouts + 1);
        let most = 8 * peers * operations + idle;
        hold(self.messages <= most, Property::EffortIsBounded, || {
            format!("at most {most} messages were needed: {self:?} in {setting:?}")
        })?;
        // A message is sent and received: 2. A call comes in, may be passed on and back, is written
        // on every server, applied there and answered: less than 8 for each server.
        let signs = 16 * servers * servers * (timeouts + 1);
        let most = 3 * self.messages + 8 * servers * operations + signs;
        hold(self.events <= most, Property::EffortIsBounded, || {
            format!("at most {most} events were needed: {self:?} in {setting:?}")
        })
    }
}

/// R1: no more of something than there may be.
pub(crate) fn is_at_most(what: &str, count: u64, most: u64) -> Checked {
    hold(count <= most, Property::MemoryIsBounded, || {
        format!("{count} {what}, and there should be {most} at most")
    })
}

/// R2: files take no more than what was written to them.
pub(crate) fn fits_on_disk(
    file_bytes: u64,
    most: u64,
    evidence: impl FnOnce() -> String,
) -> Checked {
    hold(file_bytes <= most, Property::FilesAreBounded, || {
        format!("files of {file_bytes} bytes, and there should be {most} at most: {}", evidence())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTING: Setting =
        Setting { servers: 3, callers: 2, heartbeats: 100, timeouts: 20, calls: 10 };
    const WORK: Work = Work { answered: 40, committed: 30, messages: 500, events: 2000 };

    fn broken(checked: Checked) -> Property {
        checked.expect_err("it must be noticed").property
    }

    #[test]
    fn ordinary_work_is_in_bounds() {
        assert_eq!(WORK.is_in_bounds(SETTING), Ok(()));
        assert_eq!(WORK.since(WORK), Work::default());
    }

    #[test]
    fn idleness_is_noticed() {
        let work = Work { answered: 19, ..WORK };
        assert_eq!(broken(work.is_in_bounds(SETTING)), Property::WorkGetsDone);
    }

    #[test]
    fn messages_that_nothing_asks_for_are_noticed() {
        let work = Work { messages: 10_000, ..WORK };
        assert_eq!(broken(work.is_in_bounds(SETTING)), Property::EffortIsBounded);
    }

    #[test]
    fn events_that_nothing_asks_for_are_noticed() {
        let work = Work { events: 20_000, ..WORK };
        assert_eq!(broken(work.is_in_bounds(SETTING)), Property::EffortIsBounded);
    }

    #[test]
    fn too_much_memory_and_too_long_files_are_noticed() {
        assert_eq!(is_at_most("requests", 7, 7), Ok(()));
        assert_eq!(broken(is_at_most("requests", 8, 7)), Property::MemoryIsBounded);
        assert_eq!(fits_on_disk(7, 7, String::new), Ok(()));
        assert_eq!(broken(fits_on_disk(8, 7, String::new)), Property::FilesAreBounded);
    }
}
