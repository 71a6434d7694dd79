//! What came of a run.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::time::Duration;

use quorate_io_sim::engine::Reached;

/// A run in which every check held.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Hash of everything that happened: what the network delivered, what the disks did, what servers
    /// wrote and applied, and when.
    pub digest: u64,
    /// Simulated time.
    pub elapsed: Duration,
    /// What the network delivered.
    pub deliveries: u64,
    /// What nodes took in.
    pub events: u64,
    /// Messages of consensus that servers were heard to say.
    pub messages: u64,
    /// Answers of servers to a leader that were heard when the term had ended, and not judged.
    pub belated: u64,
    /// Calls of clients that ended.
    pub calls: u64,
    /// Of these, with an answer of the state machine.
    pub answered: u64,
    /// Calls that nobody waited for any more.
    pub abandoned: u64,
    /// What servers were asked to do beside the log.
    pub errands: u64,
    /// Of these, without a word on whether it was done.
    pub doubtful: u64,
    /// Clients that were closed, and followed by new ones.
    pub renewed: u64,
    /// Terms that had a leader.
    pub elections: usize,
    /// Entries committed.
    pub committed: u64,
    /// Processes started.
    pub starts: u64,
    /// Processes that ended, whatever the reason.
    pub crashes: u64,
    /// Of these, in the middle of an operation of the disk.
    pub torn: u64,
    /// Of these, by themselves, because their disk failed.
    pub disk_failures: u64,
    /// Of these, in good order, because they were told to.
    pub stopped: u64,
    /// What struck from outside and met somebody, by the names of
    /// [strikes](quorate_io_sim::scenario::Strike::name).
    pub struck: BTreeMap<String, u64>,
    /// What struck and met nobody: a leader when nobody led, a process that was down.
    pub missed: u64,
    /// Networks cut.
    pub partitions: u64,
    /// Writes that had to wait because the other side, or the network, was too slow.
    pub held_back: u64,
    /// Times at which the disk of a server was searched for what is said to be durable.
    pub surveys: u64,
    /// Connections that could not be accepted at once.
    pub accepts_failed: u64,
    /// Rare situations that it came to.
    pub reached: Reached,
    /// Histories that could not be judged in time.
    pub undecided: u64,
}

impl Report {
    /// What struck from outside, and met somebody.
    pub fn strikes(&self) -> u64 {
        self.struck.values().sum()
    }
}

impl AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        // Order does not matter, so that threads may add up in any.
        self.digest ^= other.digest;
        self.elapsed += other.elapsed;
        self.deliveries += other.deliveries;
        self.events += other.events;
        self.messages += other.messages;
        self.belated += other.belated;
        self.calls += other.calls;
        self.answered += other.answered;
        self.abandoned += other.abandoned;
        self.errands += other.errands;
        self.doubtful += other.doubtful;
        self.renewed += other.renewed;
        self.elections += other.elections;
        self.committed += other.committed;
        self.starts += other.starts;
        self.crashes += other.crashes;
        self.torn += other.torn;
        self.disk_failures += other.disk_failures;
        self.stopped += other.stopped;
        for (name, count) in other.struck {
            *self.struck.entry(name).or_default() += count;
        }
        self.missed += other.missed;
        self.partitions += other.partitions;
        self.held_back += other.held_back;
        self.surveys += other.surveys;
        self.accepts_failed += other.accepts_failed;
        self.reached.add(other.reached);
        self.undecided += other.undecided;
    }
}
