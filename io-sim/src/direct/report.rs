//! What came of a run.

use core::time::Duration;
use std::ops::AddAssign;

use crate::judge::Reached;

/// A run in which every check held.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Hash of everything that happened.
    pub digest: u64,
    /// Simulated time.
    pub elapsed: Duration,
    /// What nodes took in.
    pub events: u64,
    /// Messages of consensus that servers sent.
    pub messages: u64,
    /// What the network delivered.
    pub deliveries: u64,
    /// Calls of clients that ended.
    pub calls: u64,
    /// Of these, with an answer of the state machine.
    pub answered: u64,
    /// Terms that had a leader.
    pub elections: usize,
    /// Entries committed.
    pub committed: u64,
    /// Processes started.
    pub starts: u64,
    /// Processes that were taken down.
    pub crashes: u64,
    /// Of these, in the middle of an operation of the disk.
    pub torn: u64,
    /// Processes that ended themselves because their disk failed.
    pub disk_failures: u64,
    /// Processes that ended in good order, as they were told.
    pub stops: u64,
    /// What struck from outside, and met somebody.
    pub strikes: u64,
    /// Networks cut.
    pub partitions: u64,
    /// Rare situations that it came to.
    pub reached: Reached,
    /// Histories that could not be judged in time.
    pub undecided: u64,
}

impl AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        // Order does not matter, so that threads may add up in any.
        self.digest ^= other.digest;
        self.elapsed += other.elapsed;
        self.events += other.events;
        self.messages += other.messages;
        self.deliveries += other.deliveries;
        self.calls += other.calls;
        self.answered += other.answered;
        self.elections += other.elections;
        self.committed += other.committed;
        self.starts += other.starts;
        self.crashes += other.crashes;
        self.torn += other.torn;
        self.disk_failures += other.disk_failures;
        self.stops += other.stops;
        self.strikes += other.strikes;
        self.partitions += other.partitions;
        self.reached.add(other.reached);
        self.undecided += other.undecided;
    }
}
