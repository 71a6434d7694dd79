//! R1 to R5 and L6: nothing grows, or is repeated, without bound; and work gets done.

use quorate_sm::Applier;

use super::violation::{Checked, Property, hold};

/// What was done in a while in which nothing was in the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Work {
    /// Calls of clients that were answered.
    pub answered: u64,
    /// Entries that were committed.
    pub committed: u64,
    /// Messages of consensus.
    pub messages: u64,
    /// What nodes took in.
    pub events: u64,
}

/// In which circumstances.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setting {
    /// How many servers there are.
    pub servers: u64,
    /// How many clients call.
    pub callers: u64,
    /// How many intervals of heartbeats it took.
    pub heartbeats: u64,
    /// How many election timeouts.
    pub timeouts: u64,
    /// How many calls each caller could have made if each had taken an election timeout.
    pub calls: u64,
}

impl Work {
    /// What was done since then.
    ///
    /// # Panics
    /// If more had been done before.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            answered: self.answered - before.answered,
            committed: self.committed - before.committed,
            messages: self.messages - before.messages,
            events: self.events - before.events,
        }
    }

    /// L6, R3, R5.
    ///
    /// # Errors
    /// If too little was done, or too much for it.
    pub fn is_in_bounds(self, setting: Setting) -> Checked {
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

/// R1. Each server has two links to each peer; a peer may have forgotten one that is not yet known
/// to be dead, twice. A client has one connection to each server, and likewise.
///
/// # Errors
/// If a server has more connections than that.
pub fn has_few_connections(count: u64, servers: u64, callers: u64) -> Checked {
    is_at_most("connections", count, 6 * (servers - 1) + 3 * callers)
}

/// R1: the connections of all servers together, each of which has two ends.
///
/// # Errors
/// If there are more.
pub(crate) fn network_has_few_connections(count: u64, servers: u64, callers: u64) -> Checked {
    let most = 6 * servers * (servers - 1) + 3 * servers * callers;
    is_at_most("connections of the network", count, most)
}

/// R1.
///
/// # Errors
/// If a state machine has more sessions than it may have.
pub fn has_few_sessions(replica: &Applier) -> Checked {
    let sessions = replica.sessions();
    is_at_most("sessions", sessions.len() as u64, sessions.limits().sessions_max.into())
}

/// R1: no more of something than there may be.
fn is_at_most(what: &str, count: u64, most: u64) -> Checked {
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
    fn too_many_connections_are_noticed() {
        assert_eq!(has_few_connections(18, 3, 2), Ok(()));
        assert_eq!(broken(has_few_connections(19, 3, 2)), Property::MemoryIsBounded);
        assert_eq!(network_has_few_connections(54, 3, 2), Ok(()));
        let many = network_has_few_connections(55, 3, 2);
        assert_eq!(broken(many), Property::MemoryIsBounded);
    }

    #[test]
    fn too_much_memory_and_too_long_files_are_noticed() {
        assert_eq!(is_at_most("requests", 7, 7), Ok(()));
        assert_eq!(broken(is_at_most("requests", 8, 7)), Property::MemoryIsBounded);
        assert_eq!(fits_on_disk(7, 7, String::new), Ok(()));
        assert_eq!(broken(fits_on_disk(8, 7, String::new)), Property::FilesAreBounded);
    }
}
