//! The lane of the log: group commit, and reading back.

use alloc::vec::Vec;

use bytes::Bytes;

use super::io::{Input, LogReader};
use super::lane::{Idle, Lane};
use crate::effect::Write;
use crate::snapshot::{Slot, SnapshotStore};
use crate::types::{Index, LogId};
use crate::wal::{Disk, DiskErrorKind, SpareStep, Wal, WalError};

/// An order for the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LogOrder {
    /// See [`Output::Write`](super::Output::Write).
    Write(Write),
    /// See [`Output::ReadLog`](super::Output::ReadLog).
    Read {
        /// For whom.
        reader: LogReader,
        /// The first entry wanted.
        first: Index,
        /// About how much is wanted.
        bytes_max: u64,
    },
    /// See [`Output::WriteSnapshot`](super::Output::WriteSnapshot).
    WriteSnapshot {
        /// Where it comes from.
        slot: Slot,
        /// Which one.
        snapshot: LogId,
        /// Where the piece belongs.
        offset: u64,
        /// Its bytes.
        bytes: Bytes,
    },
    /// See [`Output::ReadSnapshot`](super::Output::ReadSnapshot).
    ReadSnapshot {
        /// For whom.
        reader: LogReader,
        /// Which one.
        snapshot: LogId,
        /// From where on.
        offset: u64,
        /// How much, at most.
        bytes_max: u32,
    },
    /// See [`Output::Compact`](super::Output::Compact).
    Compact {
        /// Entries up to here may go.
        index: Index,
        /// Snapshots that end before may go.
        newest: Index,
        /// But for these.
        kept: Vec<LogId>,
    },
}

/// How much is done in one step, about: a single order may be larger.
const PORTION_BYTES: u64 = 4 << 20;

/// Owns the log. All writes that have queued up become durable with one sync, unless they are so
/// many that whoever waits would take the disk for one that hangs: then the first few MiB do.
///
/// After an error nothing about the disk is known: the log is poisoned, and the node hears of it
/// and says nothing more to anybody (FAULTS D01, D02).
///
/// Snapshots share the disk, a piece at a time: a write waits for one piece of them at most.
pub struct LogLane<D: Disk> {
    wal: Wal<D>,
    snapshots: SnapshotStore<D::File>,
    /// Writes that wait for the end of the portion; kept for its allocation.
    writes: Vec<Write>,
    /// No room for the next segment, when it was last tried.
    is_full: bool,
    /// The node knows that there is no room, and there was not enough since.
    has_told_full: bool,
}

impl<D: Disk> LogLane<D> {
    /// The lane of a log that is open, and of the snapshots next to it: see [`Wal::snapshots`].
    pub fn new(wal: Wal<D>, snapshots: SnapshotStore<D::File>) -> Self {
        Self { wal, snapshots, writes: Vec::new(), is_full: false, has_told_full: false }
    }

    /// The log, to look at.
    pub fn wal(&self) -> &Wal<D> {
        &self.wal
    }

    fn write_all(&mut self, done: &mut Vec<Input>) {
        if self.writes.is_empty() {
            return;
        }
        done.push(match self.wal.write(&self.writes) {
            Ok(ticket) => Input::Persisted(ticket),
            Err(why) => Input::DiskFailed(why),
        });
        self.writes.clear();
    }

    fn prepare_spare(&mut self, done: &mut Vec<Input>) -> Idle {
        match self.wal.prepare_spare() {
            Ok(SpareStep::Working) => {
                self.is_full = false;
                return Idle::More;
            }
            Ok(SpareStep::Ready) => {
                self.is_full = false;
                self.has_told_full = false;
            }
            Err(WalError::Disk(why)) if why.kind == DiskErrorKind::Full => {
                self.is_full = true;
                if !core::mem::replace(&mut self.has_told_full, true) {
                    done.push(Input::DiskFull(why));
                }
            }
            Err(why) => done.push(Input::DiskFailed(why)),
        }
        Idle::Done
    }
}

impl<D: Disk> Lane for LogLane<D> {
    type Work = LogOrder;
    type Done = Input;

    fn step(&mut self, work: &mut Vec<LogOrder>, done: &mut Vec<Input>) {
        for order in work.drain(..portion(work)) {
            match order {
                LogOrder::Write(write) => self.writes.push(write),
                LogOrder::Read { reader, first, bytes_max } => {
                    // What was ordered before is there to be read.
                    self.write_all(done);
                    done.push(Input::LogRead(reader, self.wal.read(first, bytes_max)));
                }
                LogOrder::WriteSnapshot { slot, snapshot, offset, bytes } => {
                    // What was ordered before does not wait for it.
                    self.write_all(done);
                    let disk = self.wal.disk();
                    let stored = self.snapshots.write(disk, slot, snapshot, offset, &bytes);
                    done.push(Input::SnapshotStored { slot, snapshot, stored });
                }
                LogOrder::ReadSnapshot { reader, snapshot, offset, bytes_max } => {
                    self.write_all(done);
                    let read = self.snapshots.read(self.wal.disk(), snapshot, offset, bytes_max);
                    done.push(Input::SnapshotRead { reader, snapshot, offset, read });
                }
                LogOrder::Compact { index, newest, kept } => {
                    self.write_all(done);
                    let purged = self.wal.purge(index).map(drop);
                    let forgot = self.snapshots.forget(self.wal.disk(), newest, &kept);
                    if let Err(why) = purged.and(forgot.map_err(WalError::from)) {
                        done.push(Input::DiskFailed(why));
                    }
                }
            }
        }
        self.write_all(done);
    }

    fn after_step(&mut self, done: &mut Vec<Input>) {
        // Under steady load there is no idle moment before the segment is full.
        if !self.is_full && self.wal.is_spare_due() {
            self.prepare_spare(done);
        }
    }

    fn idle(&mut self, done: &mut Vec<Input>) -> Idle {
        match self.wal.idle() {
            Ok(()) => self.prepare_spare(done),
            Err(why) => {
                done.push(Input::DiskFailed(why));
                Idle::Done
            }
        }
    }

    fn finish(self, done: &mut Vec<Input>) {
        // Nothing is lost if it fails: the next start finds what a crash would have left.
        if let Err(why) = self.wal.close() {
            done.push(Input::DiskFailed(why));
        }
    }
}

/// How many of the first orders make a portion; one at least.
fn portion(work: &[LogOrder]) -> usize {
    let mut cost_bytes = 0_u64;
    let fits = |order: &&LogOrder| {
        cost_bytes = cost_bytes.saturating_add(match order {
            LogOrder::Write(Write { append: Some(append), .. }) => append.entries.cost_bytes(),
            LogOrder::Write(_) => 0,
            LogOrder::Read { bytes_max, .. } => *bytes_max,
            LogOrder::WriteSnapshot { bytes, .. } => bytes.len() as u64,
            LogOrder::ReadSnapshot { bytes_max, .. } => u64::from(*bytes_max),
            LogOrder::Compact { .. } => 0,
        });
        cost_bytes <= PORTION_BYTES
    };
    work.iter().take_while(fits).count().max(1).min(work.len())
}
