//! What came of a run.

use core::time::Duration;
use std::fmt;
use std::ops::AddAssign;

use super::options::Options;
use crate::judge::Violation;
use crate::replay::Collapse;

/// A run in which every check held.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Hash of everything that happened.
    pub digest: u64,
    /// Events, effects and strikes.
    pub steps: u64,
    /// Simulated time.
    pub elapsed: Duration,
    /// Messages sent.
    pub sent: u64,
    /// Messages that arrived.
    pub messages: u64,
    /// Terms that had a leader.
    pub elections: usize,
    /// Entries committed.
    pub committed: u64,
    /// Proposals accepted.
    pub accepted: usize,
    /// Reads answered.
    pub reads: u64,
    /// Requests refused.
    pub refused: u64,
    /// Writes that discarded entries.
    pub truncations: u64,
    /// Entries read back from a log for a peer.
    pub fetches: u64,
    /// Servers started.
    pub starts: u64,
    /// Servers crashed.
    pub crashes: u64,
    /// Disks lost.
    pub lost_disks: u64,
    /// Networks cut.
    pub partitions: u64,
    /// Memberships that became what they should.
    pub changes: u64,
    /// Snapshots that took the place of a log.
    pub restores: u64,
    /// Logs that forgot what a snapshot covers.
    pub compactions: u64,
    /// Leaders that handed over.
    pub transfers: u64,
    /// Leaders that stepped down because their disks hung.
    pub hung: u64,
}

impl AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        // Order does not matter, so that threads may add up in any.
        self.digest ^= other.digest;
        self.steps += other.steps;
        self.elapsed += other.elapsed;
        self.sent += other.sent;
        self.messages += other.messages;
        self.elections += other.elections;
        self.committed += other.committed;
        self.accepted += other.accepted;
        self.reads += other.reads;
        self.refused += other.refused;
        self.truncations += other.truncations;
        self.fetches += other.fetches;
        self.starts += other.starts;
        self.crashes += other.crashes;
        self.lost_disks += other.lost_disks;
        self.partitions += other.partitions;
        self.changes += other.changes;
        self.restores += other.restores;
        self.compactions += other.compactions;
        self.transfers += other.transfers;
        self.hung += other.hung;
    }
}

/// A run in which a check did not hold, with all that is needed to see it again.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What was run.
    pub options: Options,
    /// What did not hold.
    pub violation: Violation,
    /// How much had happened, see [`Report::steps`].
    pub step: u64,
    /// Hash of everything that had happened.
    pub digest: u64,
    /// The last that happened.
    pub trace: Vec<String>,
}

impl Failure {
    pub(super) fn new(options: &Options, collapse: Collapse) -> Self {
        let Collapse { violation, trace } = collapse;
        let (step, digest) = (trace.len(), trace.digest());
        Self { options: options.clone(), violation, step, digest, trace: trace.into_lines() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { options, violation, step, digest, trace } = self;
        for line in trace {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "{options:?}")?;
        writeln!(f, "violated at step {step}, trace {digest:016x}: {violation}")?;
        let seed = options.seed;
        write!(
            f,
            "replay: LAB_SEED={seed} cargo test -p quorate-tests lab_replays_one_seed -- --nocapture"
        )
    }
}

impl std::error::Error for Failure {}
