//! What came of a run.

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use quorate_io_sim::engine::{Collapse, Violation};

use crate::options::Options;

/// A run in which every check held.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Hash of everything that happened: what the network delivered, what the disks did, what servers
    /// wrote and applied, and when.
    pub digest: u64,
    /// Simulated time.
    pub elapsed: Duration,
    /// What the network delivered.
    pub deliveries: u64,
    /// Calls of clients that ended.
    pub calls: u64,
    /// Of these, with an answer of the state machine.
    pub answered: u64,
    /// Calls that nobody waited for any more.
    pub abandoned: u64,
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
    /// Servers that stood still for a while.
    pub pauses: u64,
    /// Disks that hung.
    pub stalls: u64,
    /// Networks cut.
    pub partitions: u64,
    /// Writes that had to wait because the other side, or the network, was too slow.
    pub held_back: u64,
    /// Times at which the disk of a server was searched for what is said to be durable.
    pub surveys: u64,
    /// Connections that could not be accepted at once.
    pub accepts_failed: u64,
    /// Histories that could not be judged in time.
    pub undecided: u64,
}

impl AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        // Order does not matter, so that threads may add up in any.
        self.digest ^= other.digest;
        self.elapsed += other.elapsed;
        self.deliveries += other.deliveries;
        self.calls += other.calls;
        self.answered += other.answered;
        self.abandoned += other.abandoned;
        self.renewed += other.renewed;
        self.elections += other.elections;
        self.committed += other.committed;
        self.starts += other.starts;
        self.crashes += other.crashes;
        self.torn += other.torn;
        self.disk_failures += other.disk_failures;
        self.stopped += other.stopped;
        self.pauses += other.pauses;
        self.stalls += other.stalls;
        self.partitions += other.partitions;
        self.held_back += other.held_back;
        self.surveys += other.surveys;
        self.accepts_failed += other.accepts_failed;
        self.undecided += other.undecided;
    }
}

/// A run in which a check did not hold, with all that is needed to see it again.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What was run.
    pub options: Options,
    /// What did not hold.
    pub violation: Violation,
    /// How much had happened.
    pub step: u64,
    /// Hash of everything that had happened.
    pub digest: u64,
    /// The last that happened.
    pub trace: Vec<String>,
}

impl Failure {
    pub(crate) fn new(options: &Options, collapse: Collapse) -> Self {
        let Collapse { violation, trace } = collapse;
        let (step, digest) = (trace.len(), trace.digest());
        Self { options: options.clone(), violation, step, digest, trace: trace.into_lines() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { options, violation, step, digest, trace } = self;
        let seed = options.world.seed;
        for line in trace {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "{options:?}")?;
        writeln!(f, "violated at step {step}, trace {digest:016x}: {violation}; seed {seed}")?;
        write!(
            f,
            "again: MADSIM_FIRST={seed} MADSIM_SEEDS=1 cargo test -p quorate-madsim --test worlds many"
        )
    }
}

impl std::error::Error for Failure {}
