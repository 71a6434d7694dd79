//! Entries for a server that has lost some in the middle of its log, and that is not started again before
//! it has them.
//!
//! Any server gives them that has them, leader or not, committed or not: by the Log Matching Property (thesis
//! 3.5) a log that has the anchor of the range, and the entry before it, has what was lost in between.

use bytes::Bytes;

use super::Node;
use super::io::{LogReader, Output, Outputs};
use super::requests::{Kind, Origin};
use crate::entry::{Entries, EntryRange};
use crate::types::{LogId, RequestId};
use crate::wal::WalError;
use crate::wire::{NotApplied, Outcome, encode_entries};

/// About how much is given at once: one entry always, however large.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

impl Node {
    pub(super) fn give_entries(&mut self, origin: Origin, range: EntryRange, out: &mut Outputs) {
        if range.last > range.anchor.index {
            return self.respond(origin, Outcome::NotApplied(NotApplied::Invalid), out);
        }
        if !self.has_around(range) {
            return self.respond(origin, Outcome::NotApplied(NotApplied::NotInLog), out);
        }
        let first = range.after.index.next();
        if first > range.last {
            return self.respond(origin, given(range, Entries::EMPTY), out);
        }
        match self.raft.cached(first, ANSWER_BYTES_MAX) {
            Some(entries) => self.respond(origin, given(range, entries), out),
            None => {
                let id = self.begin(origin, Kind::Entries(range));
                let (reader, bytes_max) = (LogReader::Request(id), ANSWER_BYTES_MAX);
                out.push(Output::ReadLog { reader, first, bytes_max });
            }
        }
    }

    pub(super) fn end_reading(
        &mut self,
        id: RequestId,
        read: Result<Entries, WalError>,
        out: &mut Outputs,
    ) {
        let Some(pending) = self.requests.get_mut(id) else { return };
        let Kind::Entries(range) = pending.kind else { return };
        match read {
            // The log may have been cut back since it was asked.
            Ok(entries) if self.has_around(range) && self.has(entries.last_id()) => {
                self.finish(id, given(range, entries), out);
            }
            Ok(_) | Err(WalError::NotInLog { .. }) => {
                self.end_as_not_applied(id, NotApplied::NotInLog, out);
            }
            // As for a peer that is behind: the next start says what is damaged, and where.
            Err(why) => self.fail(why, out),
        }
    }

    fn has_around(&self, range: EntryRange) -> bool {
        self.has(Some(range.after)) && self.has(Some(range.anchor))
    }

    fn has(&self, id: Option<LogId>) -> bool {
        id.is_some_and(|id| self.raft.term(id.index) == Some(id.term))
    }
}

fn given(range: EntryRange, entries: Entries) -> Outcome {
    let entries = entries.up_to(range.last);
    let index = entries.last_id().map_or(range.after.index, |last| last.index);
    let answer = if entries.is_empty() { Bytes::new() } else { encode_entries(&entries) };
    Outcome::Done { index, answer }
}
