//! H2, exactly once: one entry has one answer wherever it is applied, and a command of a session has
//! one answer however often it was sent.

use std::collections::BTreeMap;

use bytes::Bytes;
use quorate_core::{Entry, Index, LogId, Payload};
use quorate_sm::{Envelope, Outcome, Rejection, Sequence, SessionId};

use super::point::Point;
use super::violation::{Checked, Property, hold};

/// All answers that were ever given.
#[derive(Default)]
pub(crate) struct Answers {
    /// By index, from 1: the command of a session that the committed entry carries.
    stamps: Vec<Option<(SessionId, Sequence)>>,
    by_entry: BTreeMap<Index, Bytes>,
    by_stamp: BTreeMap<(SessionId, Sequence), (Index, Bytes)>,
}

impl Answers {
    /// These entries are committed.
    pub(crate) fn commit(&mut self, entries: &[Entry]) {
        for entry in entries {
            if entry.id.index == Index(self.stamps.len() as u64 + 1) {
                self.stamps.push(stamp(entry));
            }
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
        let Some(&Some(stamp)) = self.stamps.get(place) else { return Ok(None) };
        match Outcome::decode(answer) {
            Ok(Outcome::Rejected(Rejection::SessionExpired)) => {
                return Ok(Some(Point::SessionExpired));
            }
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
}

fn stamp(entry: &Entry) -> Option<(SessionId, Sequence)> {
    let Payload::Command(command) = &entry.payload else { return None };
    match Envelope::decode(command) {
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

    /// Two copies of one command, at indexes 1 and 2.
    fn copies() -> Answers {
        let stamp = Stamp {
            session: SessionId(Index(9)),
            sequence: Sequence(4),
            acknowledged_below: Sequence(0),
            order: Order::Any,
        };
        let envelope = Envelope::Apply { stamp, machine: MachineId::FIRST, command: b"do" };
        let command = envelope.encode();
        let copy = |index| Entry { id: id(index), payload: Payload::Command(command.clone()) };
        let mut answers = Answers::default();
        answers.commit(&[copy(1), copy(2)]);
        answers
    }

    fn said(what: &'static [u8]) -> Bytes {
        Outcome::Applied(Bytes::from_static(what)).encode()
    }

    #[test]
    fn two_answers_to_one_entry_are_noticed() {
        let mut answers = copies();
        assert_eq!(answers.answer(id(1), &said(b"a")), Ok(None));
        assert_eq!(answers.answer(id(1), &said(b"a")), Ok(None));
        let violation = answers.answer(id(1), &said(b"b")).expect_err("another answer");
        assert_eq!(violation.property, Property::ExactlyOnce);
    }

    #[test]
    fn a_command_that_is_carried_out_twice_is_noticed() {
        let mut answers = copies();
        assert_eq!(answers.answer(id(1), &said(b"1")), Ok(None));
        let violation = answers.answer(id(2), &said(b"2")).expect_err("counted twice");
        assert_eq!(violation.property, Property::ExactlyOnce);
    }

    #[test]
    fn the_same_answer_to_a_copy_is_right_and_so_is_an_expired_session() {
        let mut answers = copies();
        assert_eq!(answers.answer(id(1), &said(b"1")), Ok(None));
        assert_eq!(answers.answer(id(2), &said(b"1")), Ok(Some(Point::AnsweredFromTheSession)));
        let expired = Outcome::Rejected(Rejection::SessionExpired).encode();
        assert_eq!(copies().answer(id(2), &expired), Ok(Some(Point::SessionExpired)));
    }
}
