//! The lane of the log: group commit, and reading back.

use quorate_core::Write;
use quorate_core::node::{Input, LogReader};
use quorate_core::wal::{Disk, DiskErrorKind, SpareStep, Wal, WalError};
use quorate_core::{Entries, Index};

use crate::lane::{Idle, Lane};

/// Orders for the log.
#[derive(Debug)]
pub(crate) enum LogWork {
    Write(Write),
    Read { reader: LogReader, first: Index, bytes_max: u64 },
}

/// Owns the log. All writes that have queued up become durable with one sync.
pub(crate) struct DiskLane<D: Disk> {
    wal: Wal<D>,
    /// Writes that wait for the end of the portion; kept for its allocation.
    writes: Vec<Write>,
    /// No room for the next segment, when it was last tried.
    is_full: bool,
    has_failed: bool,
}

impl<D: Disk> DiskLane<D> {
    pub(crate) fn new(wal: Wal<D>) -> Self {
        Self { wal, writes: Vec::new(), is_full: false, has_failed: false }
    }

    /// After an error nothing about the disk is known: this server has said its last word, and
    /// must not write, sync or acknowledge again (FAULTS D01, D02).
    fn fail(&mut self, what: &str, why: &dyn std::fmt::Display, done: &mut Vec<Input>) {
        tracing::error!(error = %why, "the log cannot be {what}");
        self.has_failed = true;
        self.writes.clear();
        done.push(Input::DiskFailed);
    }

    fn write_all(&mut self, done: &mut Vec<Input>) {
        if self.writes.is_empty() {
            return;
        }
        match self.wal.write(&self.writes) {
            Ok(ticket) => done.push(Input::Persisted(ticket)),
            Err(why) => self.fail("written", &why, done),
        }
        self.writes.clear();
    }

    fn prepare_spare(&mut self, done: &mut Vec<Input>) -> Idle {
        let prepared = self.wal.prepare_spare();
        self.is_full = false;
        match prepared {
            Ok(SpareStep::Working) => Idle::More,
            Ok(SpareStep::Ready) => Idle::Done,
            // Nothing is lost: writes go on while the present segment lasts.
            Err(WalError::Disk(why)) if why.kind == DiskErrorKind::Full => {
                tracing::warn!(error = %why, "the next segment of the log cannot be prepared");
                self.is_full = true;
                Idle::Done
            }
            Err(why) => {
                self.fail("prepared for the next segment", &why, done);
                Idle::Done
            }
        }
    }
}

impl<D: Disk<File: Send> + Send + 'static> Lane for DiskLane<D> {
    type Work = LogWork;
    type Done = Input;

    fn step(&mut self, work: &mut Vec<LogWork>, done: &mut Vec<Input>) {
        for order in work.drain(..) {
            if self.has_failed {
                continue;
            }
            match order {
                LogWork::Write(write) => self.writes.push(write),
                LogWork::Read { reader, first, bytes_max } => {
                    // What was ordered before is there to be read.
                    self.write_all(done);
                    match self.wal.read(first, bytes_max) {
                        Ok(entries) => done.push(Input::LogRead(reader, entries)),
                        // Without it the state machine gets no further, for ever.
                        Err(why) if reader == LogReader::StateMachine => {
                            self.fail("read", &why, done);
                        }
                        Err(why) => {
                            tracing::error!(error = %why, first = first.0, "the log cannot be read");
                            done.push(Input::LogRead(reader, Entries::EMPTY));
                        }
                    }
                }
            }
        }
        if !self.has_failed {
            self.write_all(done);
        }
    }

    fn after_step(&mut self, done: &mut Vec<Input>) {
        // Under steady load there is no idle moment before the segment is full.
        if !self.has_failed && !self.is_full && self.wal.is_spare_due() {
            self.prepare_spare(done);
        }
    }

    fn idle(&mut self, done: &mut Vec<Input>) -> Idle {
        if self.has_failed {
            return Idle::Done;
        }
        match self.wal.idle() {
            Ok(()) => self.prepare_spare(done),
            Err(why) => {
                self.fail("marked", &why, done);
                Idle::Done
            }
        }
    }

    fn finish(self) {
        if self.has_failed {
            return;
        }
        match self.wal.close() {
            Ok(_) => tracing::info!("the log is closed"),
            // Nothing is lost: the next start finds what a crash would have left.
            Err(why) => tracing::warn!(error = %why, "the log cannot be closed in good order"),
        }
    }
}
