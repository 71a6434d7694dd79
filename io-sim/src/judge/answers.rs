//! H2, exactly once: one entry has one answer wherever it is applied, a command of a session has one
//! answer however often it was sent, and a call takes effect once in however many sessions. And
//! sessions last: one that is active where an expiry does not know of it goes on (thesis 6.3).

use std::collections::BTreeMap;

use bytes::Bytes;
use quorate_core::{Entry, Index, LogId, Payload};
use quorate_sm::{Envelope, Outcome, Rejection, Sequence, SessionId};

use super::point::Point;
use super::violation::{Checked, Property, hold};

/// A command of a session; its copies are the same command.
pub(super) type Command = (SessionId, Sequence);

/// All answers that were ever given.
#[derive(Default)]
pub(crate) struct Answers {
    /// By index, from 1: the command of a session that the committed entry carries.
    stamps: Vec<Option<Stamped>>,
    sessions: Sessions,
    by_entry: BTreeMap<Index, Bytes>,
    by_stamp: BTreeMap<Command, (Index, Bytes)>,
    /// For which call of which caller a command was first sent.
    calls: BTreeMap<Command, (u16, u64)>,
    /// The command by which a call took effect.
    applied: BTreeMap<(u16, u64), Command>,
}

struct Stamped {
    command: Command,
    /// Is there such a session, where the entry stands in the log?
    is_in_session: bool,
}

impl Answers {
    /// These entries are committed.
    pub(crate) fn commit(&mut self, entries: &[Entry]) {
        for entry in entries {
            if entry.id.index == Index(self.stamps.len() as u64 + 1) {
                let is_in_session = self.sessions.commit(entry);
                let stamped = stamp(entry).map(|command| Stamped { command, is_in_session });
                self.stamps.push(stamped);
            }
        }
    }

    /// A caller sends a command for the call of this number.
    pub(crate) fn sends(&mut self, caller: u16, call: u64, command: &[u8]) {
        if let Some(command) = command_in(command) {
            self.calls.entry(command).or_insert((caller, call));
        }
    }

    /// A replica applied an entry. Says what came to pass, if it is something special.
    pub(crate) fn answer(&mut self, at: LogId, answer: &Bytes) -> Checked<Option<Point>> {
        if let Some(first) = self.by_entry.get(&at.index) {
            hold(first == answer, Property::ExactlyOnce, || {
                format!("{at:?} is answered by {answer:?} here and by {first:?} there")
            })?;
            return Ok(None);
        }
        self.by_entry.insert(at.index, answer.clone());
        let place = usize::try_from(at.index.0 - 1).expect("logs are short");
        let Some(Some(stamped)) = self.stamps.get(place) else { return Ok(None) };
        let &Stamped { command: stamp, is_in_session } = stamped;
        let outcome = Outcome::decode(answer);
        let is_expired = outcome == Ok(Outcome::Rejected(Rejection::SessionExpired));
        hold(is_expired != is_in_session || outcome.is_err(), Property::SessionsLast, || {
            let is = if is_in_session { "is alive" } else { "has ended" };
            format!("{at:?}: the session of {stamp:?} {is}, and the answer is {outcome:?}")
        })?;
        match outcome {
            Ok(Outcome::Rejected(Rejection::SessionExpired)) => {
                return Ok(Some(Point::SessionExpired));
            }
            Ok(Outcome::Applied(_)) => self.takes_effect(stamp)?,
            // Of no consequence: another copy may fare otherwise.
            Ok(Outcome::Rejected(
                Rejection::AlreadyAcknowledged { .. }
                | Rejection::OutOfWindow { .. }
                | Rejection::OutOfOrder { .. },
            ))
            | Err(_) => return Ok(None),
            Ok(_) => {}
        }
        let (first_at, first) =
            self.by_stamp.entry(stamp).or_insert_with(|| (at.index, answer.clone()));
        hold(first == answer, Property::ExactlyOnce, || {
            format!(
                "{stamp:?} is answered by {first:?} at {first_at:?} and by {answer:?} at {at:?}"
            )
        })?;
        Ok((*first_at != at.index).then_some(Point::AnsweredFromTheSession))
    }

    /// A command was applied: no other one that was sent for the same call was.
    fn takes_effect(&mut self, command: Command) -> Checked {
        let Some(&call) = self.calls.get(&command) else { return Ok(()) };
        let first = *self.applied.entry(call).or_insert(command);
        hold(first == command, Property::ExactlyOnce, || {
            format!("one call was applied as {first:?} and as {command:?}")
        })
    }
}

/// Which sessions there are, from the log alone; as many as there are, none is evicted.
#[derive(Default)]
struct Sessions {
    last_active: BTreeMap<SessionId, Index>,
    by_nonce: BTreeMap<u128, SessionId>,
}

impl Sessions {
    /// The next entry. Says whether the session that it belongs to is there.
    fn commit(&mut self, entry: &Entry) -> bool {
        let at = entry.id.index;
        let Payload::Command(command) = &entry.payload else { return false };
        match Envelope::decode(command) {
            Ok(Envelope::OpenSession { nonce }) => {
                let known = self.by_nonce.get(&nonce).copied();
                if !known.is_some_and(|session| self.touch(session, at)) {
                    self.by_nonce.insert(nonce, SessionId(at));
                    self.last_active.insert(SessionId(at), at);
                }
                true
            }
            Ok(Envelope::KeepAlive { session, .. }) => self.touch(session, at),
            Ok(Envelope::Apply { stamp, .. }) => self.touch(stamp.session, at),
            Ok(Envelope::CloseSession { session }) => self.last_active.remove(&session).is_some(),
            Ok(Envelope::ExpireSession { session, last_active: known }) => {
                let is_silent = self.last_active.get(&session).is_some_and(|&last| last <= known);
                is_silent && self.last_active.remove(&session).is_some()
            }
            Ok(Envelope::Sessionless { .. } | Envelope::Register { .. }) | Err(_) => false,
        }
    }

    fn touch(&mut self, session: SessionId, at: Index) -> bool {
        self.last_active.get_mut(&session).map(|last| *last = at).is_some()
    }
}

/// The command of a session in an entry.
pub(super) fn stamp(entry: &Entry) -> Option<Command> {
    let Payload::Command(command) = &entry.payload else { return None };
    command_in(command)
}

/// The command of a session in an envelope.
pub(super) fn command_in(envelope: &[u8]) -> Option<Command> {
    match Envelope::decode(envelope) {
        Ok(Envelope::Apply { stamp, .. }) => Some((stamp.session, stamp.sequence)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use quorate_core::Term;
    use quorate_sm::{MachineId, Order, Stamp};

    use super::*;

    fn id(index: u64) -> LogId {
        LogId { term: Term(1), index: Index(index) }
    }

    const SESSION: SessionId = SessionId(Index(1));

    fn command(sequence: u64) -> Bytes {
        let stamp = Stamp {
            session: SESSION,
            sequence: Sequence(sequence),
            acknowledged_below: Sequence(0),
            order: Order::Any,
        };
        Envelope::Apply { stamp, machine: MachineId::FIRST, command: b"do" }.encode()
    }

    fn expiry(last_active: u64) -> Bytes {
        let last_active = Index(last_active);
        Envelope::ExpireSession { session: SESSION, last_active }.encode()
    }

    /// A session, and from index 2 on these.
    fn log(commands: &[Bytes]) -> Answers {
        let opened = Envelope::OpenSession { nonce: 7 }.encode();
        let commands = [&[opened][..], commands].concat();
        let entries = (1..)
            .zip(commands)
            .map(|(index, command)| Entry { id: id(index), payload: Payload::Command(command) });
        let mut answers = Answers::default();
        answers.commit(&entries.collect::<Vec<_>>());
        answers
    }

    /// Two copies of one command, at indexes 2 and 3.
    fn copies() -> Answers {
        log(&[command(4), command(4)])
    }

    fn expired() -> Bytes {
        Outcome::Rejected(Rejection::SessionExpired).encode()
    }

    fn said(what: &'static [u8]) -> Bytes {
        Outcome::Applied(Bytes::from_static(what)).encode()
    }

    #[test]
    fn two_answers_to_one_entry_are_noticed() {
        let mut answers = copies();
        assert_eq!(answers.answer(id(2), &said(b"a")), Ok(None));
        assert_eq!(answers.answer(id(2), &said(b"a")), Ok(None));
        let violation = answers.answer(id(2), &said(b"b")).expect_err("another answer");
        assert_eq!(violation.property, Property::ExactlyOnce);
    }

    #[test]
    fn a_command_that_is_carried_out_twice_is_noticed() {
        let mut answers = copies();
        assert_eq!(answers.answer(id(2), &said(b"1")), Ok(None));
        let violation = answers.answer(id(3), &said(b"2")).expect_err("counted twice");
        assert_eq!(violation.property, Property::ExactlyOnce);
    }

    #[test]
    fn the_same_answer_to_a_copy_is_right_and_so_is_an_expired_session() {
        let mut answers = copies();
        assert_eq!(answers.answer(id(2), &said(b"1")), Ok(None));
        assert_eq!(answers.answer(id(3), &said(b"1")), Ok(Some(Point::AnsweredFromTheSession)));
        let mut silent = log(&[command(4), expiry(2), command(5)]);
        assert_eq!(silent.answer(id(4), &expired()), Ok(Some(Point::SessionExpired)));
    }

    #[test]
    fn a_session_that_ends_before_its_time_is_noticed_and_one_that_outlives_it() {
        let active = [command(4), command(5), expiry(2), command(6)];
        let violation = log(&active).answer(id(5), &expired()).expect_err("it was active at 3");
        assert_eq!(violation.property, Property::SessionsLast);
        assert_eq!(log(&active).answer(id(5), &said(b"1")), Ok(None));
        let silent = [command(4), command(5), expiry(3), command(6)];
        let violation = log(&silent).answer(id(5), &said(b"1")).expect_err("it has ended");
        assert_eq!(violation.property, Property::SessionsLast);
    }

    #[test]
    fn a_call_that_takes_effect_under_two_numbers_is_noticed() {
        let mut answers = log(&[command(4), command(5)]);
        answers.sends(1, 8, &command(4));
        answers.sends(1, 8, &command(5));
        assert_eq!(answers.answer(id(2), &said(b"1")), Ok(None));
        let violation = answers.answer(id(3), &said(b"1")).expect_err("one call, twice");
        assert_eq!(violation.property, Property::ExactlyOnce);
    }
}
