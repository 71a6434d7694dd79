//! One call: what has become of it so far, and what an outcome means for it.

use crate::{Envelope, MachineId, Rejection, Stamp};
use bytes::Bytes;
use core::time::Duration;
use quorate_core::wire::{Consistency, FunctionId, NotApplied, Outcome, RequestBody, ServiceId};
use quorate_core::{EntryRange, Index, Instant, Membership, NodeId};

use super::error::{CallError, Doubt, Reason};

/// The answer to a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answered {
    /// The entry of a command; the last entry that the answer to a query reflects.
    pub index: Index,
    /// What the state machine says, in its own encoding.
    pub answer: Bytes,
    /// A query of a bounded age reflects everything that was done up to so long before it was asked.
    pub age: Option<Duration>,
}

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ask {
    /// A command of a state machine, in its own encoding: to be applied exactly once.
    Command(MachineId, Bytes),
    /// A query, ready to be sent.
    Query(Consistency, Bytes),
    /// As a query that any server may answer whose state includes all that this client has seen.
    Sequential(Bytes),
    /// A watch, ready to be sent: waits for something to happen, for as long as it takes.
    Watch {
        /// The caller's name for it, by which it can be [taken back](super::Input::Forget); no two that
        /// wait have the same.
        name: u64,
        /// What for.
        watch: Bytes,
    },
    /// A command that may be sent any number of times, ready to be sent.
    Repeatable(Bytes),
    /// How does the server see itself?
    Status,
    /// Entries of the server's log.
    Entries(EntryRange),
    /// Hand leadership over, to this server if one is named.
    Transfer(Option<NodeId>),
    /// A function that a server's program offers beside the log, see [`service`](macro@crate::service).
    Call {
        /// Whose.
        service: ServiceId,
        /// Which one.
        function: FunctionId,
        /// What it takes, encoded.
        arguments: Bytes,
    },
    /// Change who belongs to the group.
    Reconfigure {
        /// Who shall belong to it, and where they can be reached.
        target: Membership,
        /// Only if this is the index of the membership that rules now.
        expected: Option<Index>,
        /// Also if no majority of the target is heard from.
        force: bool,
    },
}

impl Ask {
    /// Is it asked once, since nobody but the caller knows whether it should be again?
    fn is_for_once(&self) -> bool {
        matches!(self, Self::Transfer(_) | Self::Reconfigure { .. } | Self::Call { .. })
    }

    /// Has it no time limit?
    pub(crate) fn is_patient(&self) -> bool {
        matches!(self, Self::Watch { .. })
    }
}

/// A call and its past.
///
/// Invariant: a copy that may be applied has the number in `stamp`, and while there may be one
/// (`doubt`), the number stays.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) ask: Ask,
    pub(crate) deadline: Instant,
    pub(crate) stamp: Option<Stamp>,
    /// How often it was tried.
    pub(crate) attempts: u32,
    /// Why an earlier copy may have been applied, or may yet be.
    doubt: Option<Doubt>,
    /// Why the last attempt that ended had no effect.
    reason: Reason,
}

/// What becomes of a call next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// It is over.
    Over(Result<Answered, CallError>),
    /// The same goes out again.
    Again,
    /// Nothing was applied under its number, and nothing will be: it goes out under another.
    Renumber,
    /// Its session is gone, and it had no effect: it goes out in another.
    NewSession,
}

impl Call {
    pub(crate) fn new(ask: Ask, deadline: Instant) -> Self {
        Self { ask, deadline, stamp: None, attempts: 0, doubt: None, reason: Reason::Timeout }
    }

    /// What to send now; the client has `seen` everything up to an entry.
    ///
    /// # Panics
    /// If it is a command without a number.
    pub(crate) fn body(&self, seen: Index, now: Instant) -> RequestBody {
        match &self.ask {
            Ask::Command(machine, command) => {
                let stamp = self.stamp.expect("a command has a number before it is sent");
                RequestBody::Propose {
                    command: Envelope::Apply { stamp, machine: *machine, command }.encode(),
                }
            }
            Ask::Sequential(query) => {
                let (consistency, query) = (Consistency::AtLeast(seen), query.clone());
                RequestBody::Query { consistency, query }
            }
            Ask::Watch { watch, .. } => RequestBody::Watch { watch: watch.clone() },
            Ask::Repeatable(command) => RequestBody::Propose { command: command.clone() },
            Ask::Query(consistency, query) => {
                RequestBody::Query { consistency: *consistency, query: query.clone() }
            }
            Ask::Status => RequestBody::Status,
            Ask::Entries(range) => RequestBody::Entries(*range),
            Ask::Transfer(to) => RequestBody::TransferLeadership { to: *to },
            Ask::Call { service, function, arguments } => {
                let left = self.deadline.since(now).as_millis();
                RequestBody::Call {
                    service: *service,
                    function: *function,
                    within_ms: u32::try_from(left).unwrap_or(u32::MAX),
                    arguments: arguments.clone(),
                }
            }
            Ask::Reconfigure { target, expected, force } => RequestBody::Reconfigure {
                target: target.clone(),
                expected: *expected,
                force: *force,
            },
        }
    }

    /// About how many bytes it is on the wire.
    pub(crate) fn bytes(&self) -> u64 {
        match &self.ask {
            Ask::Command(_, bytes)
            | Ask::Query(_, bytes)
            | Ask::Sequential(bytes)
            | Ask::Watch { watch: bytes, .. }
            | Ask::Call { arguments: bytes, .. }
            | Ask::Repeatable(bytes) => bytes.len() as u64 + 128,
            Ask::Status | Ask::Entries(_) | Ask::Transfer(_) => 128,
            Ask::Reconfigure { .. } => 4096,
        }
    }

    /// May an earlier copy have been applied?
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.doubt.is_some()
    }

    /// Why it does not get on; shown if its time is up.
    pub(crate) fn is_held_up_by(&mut self, reason: Reason) {
        self.reason = reason;
    }

    pub(crate) fn handle_outcome(&mut self, outcome: Outcome) -> Verdict {
        match outcome {
            Outcome::Done { index, answer } => self.handle_done(index, answer, None),
            Outcome::Aged { index, age_us, answer } => {
                self.handle_done(index, answer, Some(Duration::from_micros(age_us)))
            }
            Outcome::NotApplied(why) => self.handle_refusal(why),
            Outcome::Unknown(why) => {
                self.may_be_applied(why.into());
                self.again()
            }
            Outcome::Stopped(why) => self.end_because(why.into()),
        }
    }

    /// After an attempt that may have had an effect.
    fn again(&self) -> Verdict {
        if self.ask.is_for_once() { Verdict::Over(Err(self.end())) } else { Verdict::Again }
    }

    /// The connection on which it was sent is gone.
    pub(crate) fn handle_loss(&mut self) -> Verdict {
        self.reason = Reason::Unreachable;
        self.may_be_applied(Doubt::ConnectionLost);
        self.again()
    }

    /// Its time is up; `is_sent` if a server has it and has not answered.
    pub(crate) fn handle_deadline(&mut self, is_sent: bool) -> CallError {
        if is_sent {
            self.may_be_applied(Doubt::Timeout);
        }
        self.end()
    }

    fn may_be_applied(&mut self, why: Doubt) {
        if matches!(self.ask, Ask::Command(..)) || self.ask.is_for_once() {
            self.doubt = Some(why);
        }
    }

    /// It goes no further.
    pub(crate) fn end(&self) -> CallError {
        match self.doubt {
            Some(why) => CallError::Unknown(why),
            None => CallError::NotApplied(self.reason.clone()),
        }
    }

    fn end_because(&mut self, reason: Reason) -> Verdict {
        self.reason = reason;
        Verdict::Over(Err(self.end()))
    }

    fn handle_refusal(&mut self, why: NotApplied) -> Verdict {
        let is_final = matches!(
            why,
            NotApplied::TooLarge { .. }
                | NotApplied::Invalid
                | NotApplied::UnknownGroup
                | NotApplied::NoSuccessor
                | NotApplied::TransferTimedOut
                | NotApplied::MembershipIs { .. }
                | NotApplied::ChangeUnderWay
                | NotApplied::JointTarget
                | NotApplied::NotInLog
                | NotApplied::NotOffered
        );
        self.reason = why.into();
        if is_final { Verdict::Over(Err(self.end())) } else { Verdict::Again }
    }

    fn handle_done(&mut self, index: Index, answer: Bytes, age: Option<Duration>) -> Verdict {
        match self.ask {
            Ask::Watch { .. } => match crate::Outcome::decode(&answer) {
                Ok(crate::Outcome::Rejected(why)) => self.handle_rejection(why),
                _ => Verdict::Over(Ok(Answered { index, answer, age })),
            },
            Ask::Status
            | Ask::Entries(_)
            | Ask::Repeatable(_)
            | Ask::Transfer(_)
            | Ask::Call { .. }
            | Ask::Reconfigure { .. } => Verdict::Over(Ok(Answered { index, answer, age })),
            Ask::Command(..) | Ask::Query(..) | Ask::Sequential(_) => {
                match crate::Outcome::decode(&answer) {
                    Ok(crate::Outcome::Applied(answer)) => {
                        Verdict::Over(Ok(Answered { index, answer, age }))
                    }
                    Ok(crate::Outcome::Rejected(why)) => self.handle_rejection(why),
                    Ok(
                        crate::Outcome::Opened { .. }
                        | crate::Outcome::Done
                        | crate::Outcome::Watched(_),
                    )
                    | Err(_) => {
                        self.may_be_applied(Doubt::BadAnswer);
                        self.end_because(Reason::BadAnswer)
                    }
                }
            }
        }
    }

    fn handle_rejection(&mut self, why: Rejection) -> Verdict {
        match why {
            // The rejected copy was not applied, and none will be; an earlier one may have been.
            Rejection::SessionExpired if self.doubt.is_none() => Verdict::NewSession,
            Rejection::AlreadyAcknowledged { .. } if self.doubt.is_none() => Verdict::Renumber,
            Rejection::SessionExpired | Rejection::AlreadyAcknowledged { .. } => {
                self.doubt = Some(Doubt::SessionExpired);
                Verdict::Over(Err(self.end()))
            }
            // Every copy is answered so: whatever was in doubt had no effect.
            Rejection::TooManyAnswerBytes { .. } => {
                self.doubt = None;
                self.reason = why.into();
                Verdict::Renumber
            }
            Rejection::OutOfWindow { .. }
            | Rejection::OutOfOrder { .. }
            | Rejection::TooManyWatches => {
                self.reason = why.into();
                Verdict::Again
            }
            Rejection::NoEnvelope(_)
            | Rejection::NoSuchMachine { .. }
            | Rejection::Undecodable
            | Rejection::AlreadyFounded
            | Rejection::RegisteredOtherwise { .. }
            | Rejection::SessionActive { .. } => {
                self.doubt = None;
                self.end_because(why.into())
            }
        }
    }
}
