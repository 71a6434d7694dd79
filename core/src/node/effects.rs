//! Carries out what the core orders.

use super::io::{Answers, LogReader, Note, Output, Outputs};
use super::{Node, Phase};
use crate::effect::Effect;
use crate::entry::Entries;
use crate::event::Event;
use crate::wal::WalError;

/// The cost of the entries in one portion for the state machine.
const PORTION_BYTES: u64 = 1 << 20;

impl Node {
    pub(super) fn carry_out(&mut self, out: &mut Outputs) {
        let mut effects = core::mem::take(&mut self.effects);
        for effect in effects.drain() {
            match effect {
                Effect::Write(write) => {
                    self.prepare_for(&write, out);
                    out.push(Output::Write(write));
                }
                Effect::Send(message) => self.send_message(&message),
                Effect::Commit(index) => self.feed.commit(index),
                Effect::Accepted { id, at } => self.handle_proposal_accepted(id, at, out),
                Effect::Refused { id, why } => self.handle_refused(id, why, out),
                Effect::ReadReady { id, index } => self.handle_read_ready(id, index, out),
                Effect::Transferred { id } => self.handle_transferred(id, out),
                Effect::Reconfigured { id, at } => self.handle_reconfigured(id, at, out),
                Effect::ReconfigurationStopped { id, why } => {
                    self.handle_reconfiguration_stopped(id, why, out);
                }
                Effect::MembershipChanged(at) => {
                    self.is_membership_new = true;
                    let is_joint = self.raft.status().membership.is_joint();
                    out.push(Output::Note(Note::MembershipChanged { at, is_joint }));
                }
                Effect::FetchSnapshot { from, snapshot } => {
                    self.fetch_snapshot(from, snapshot.last_included, out);
                }
                Effect::Restore(snapshot) => self.restore(snapshot, out),
                Effect::Compact(index) => self.compact(index, out),
                Effect::Fetch { to, first, bytes_max } => {
                    out.push(Output::ReadLog { reader: LogReader::Peer(to), first, bytes_max });
                }
                Effect::RoleChanged(change) => {
                    // Whoever leads is listened to, whatever the log says of it.
                    self.is_membership_new = true;
                    self.lead_for_a_while();
                    self.tend_anew(out);
                    out.push(Output::Note(Note::RoleChanged(change)));
                }
                Effect::Halt(violation) => {
                    self.phase = Phase::Over;
                    out.push(Output::Halted(violation));
                }
            }
        }
        self.effects = effects;
    }

    pub(super) fn handle_log_read(
        &mut self,
        reader: LogReader,
        read: Result<Entries, WalError>,
        out: &mut Outputs,
    ) {
        match (reader, read) {
            (LogReader::Peer(to), Ok(entries)) => self.events.push(Event::Fetched { to, entries }),
            // The log was cut off in the meantime: the core knows that better.
            (LogReader::Peer(to), Err(WalError::NotInLog { .. })) => {
                self.events.push(Event::Fetched { to, entries: Entries::EMPTY });
            }
            // A leader that cannot read its log cannot bring the peer up to date, however often it
            // tries, and one that only steps down is elected again, because its log looks as good as
            // any. It ends, so that one whose log is intact leads; the next start reads the whole
            // disk and says whether it is damaged, and where.
            (LogReader::Peer(to), Err(why)) => {
                out.push(Output::Note(Note::LogUnreadable(to, why.clone())));
                self.fail(why, out);
            }
            (LogReader::StateMachine, Ok(entries)) => {
                self.feed.finish_reading();
                self.hand_over(&entries, out);
            }
            // A snapshot has taken their place in the meantime.
            (LogReader::StateMachine, Err(WalError::NotInLog { index, .. }))
                if self.feed.is_suspended() || !self.feed.lacks(index) =>
            {
                self.feed.finish_reading();
            }
            (LogReader::Request(id), read) => self.end_reading(id, read, out),
            // Without them the state machine gets no further, for ever.
            (LogReader::StateMachine, Err(why)) => self.fail(why, out),
        }
    }

    /// Gives the state machine what it can take: from memory, or else from the log.
    pub(super) fn feed_state_machine(&mut self, out: &mut Outputs) {
        while let Some(first) = self.feed.wants(self.config.applying_bytes_max) {
            match self.raft.cached(first, PORTION_BYTES) {
                Some(entries) => self.hand_over(&entries, out),
                None => {
                    self.feed.start_reading();
                    let reader = LogReader::StateMachine;
                    out.push(Output::ReadLog { reader, first, bytes_max: PORTION_BYTES });
                }
            }
        }
    }

    fn hand_over(&mut self, entries: &Entries, out: &mut Outputs) {
        let stride = self.config.snapshot_entries;
        let Some(entries) = self.feed.feed(entries, stride) else { return };
        let last = entries.last_id().expect("a portion has an entry").index;
        let is_awaited = self.proposals.is_awaited(last);
        let answers = if is_awaited { Answers::Wanted } else { Answers::Unwanted };
        out.push(Output::Apply { entries, answers });
        self.may_capture(last, out);
    }
}
