//! The client's side: requests as bytes, answers as types, and the numbers of a session's commands.

use alloc::collections::VecDeque;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::applier::About;
use crate::codec;
use crate::envelope::{self, Envelope, MachineId, Order, Sequence, SessionId, Stamp};
use crate::machine::StateMachine;
use crate::outcome::{Outcome, OutcomeError, Rejection};
use crate::watches::{Watch, Watched};

/// Asks for a session. `nonce` is drawn at random, once: a retry sends the same.
pub fn open_session(nonce: u128) -> Bytes {
    Envelope::OpenSession { nonce }.encode()
}

/// Says that the client lives.
pub fn keep_alive(session: &SessionState) -> Bytes {
    let acknowledged_below = session.acknowledged_below();
    Envelope::KeepAlive { session: session.id(), acknowledged_below }.encode()
}

/// Gives a session up.
pub fn close_session(session: SessionId) -> Bytes {
    Envelope::CloseSession { session }.encode()
}

/// A command that is applied once, however often it is sent.
pub fn apply<M: StateMachine>(stamp: Stamp, machine: MachineId, command: &M::Command) -> Bytes {
    with_command(&Envelope::Apply { stamp, machine, command: &[] }, command)
}

/// A command that is applied as often as it is sent and arrives.
pub fn sessionless<M: StateMachine>(machine: MachineId, command: &M::Command) -> Bytes {
    with_command(&Envelope::Sessionless { machine, command: &[] }, command)
}

/// A query.
pub fn query<M: StateMachine>(machine: MachineId, query: &M::Query) -> Bytes {
    let mut bytes = envelope::encode_query_header(machine);
    codec::encode(query, &mut bytes);
    bytes.into()
}

/// Asks a machine, in its own encoding.
pub fn query_bytes(machine: MachineId, query: &[u8]) -> Bytes {
    let mut bytes = envelope::encode_query_header(machine);
    bytes.extend_from_slice(query);
    bytes.into()
}

/// Asks the replica itself.
pub fn about(about: &About) -> Bytes {
    let mut bytes = envelope::encode_query_header(MachineId::REPLICA);
    codec::encode(about, &mut bytes);
    bytes.into()
}

/// Asks for events.
pub fn watch(watch: &Watch) -> Bytes {
    envelope::encode_watch(watch)
}

/// The answer to [`watch`].
///
/// # Errors
/// See [`AnswerError`].
pub fn watched(outcome: &Bytes) -> Result<Watched, AnswerError> {
    match Outcome::decode(outcome)? {
        Outcome::Watched(watched) => Ok(watched),
        Outcome::Rejected(why) => Err(why.into()),
        Outcome::Applied(_) | Outcome::Opened { .. } | Outcome::Done => Err(AnswerError::Mismatch),
    }
}

fn with_command<C: Serialize>(envelope: &Envelope<'_>, command: &C) -> Bytes {
    let mut bytes = envelope.encode_header();
    codec::encode(command, &mut bytes);
    bytes.into()
}

/// Why there is no answer in an outcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AnswerError {
    /// The machine has not seen the command.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The server's bytes are no outcome.
    #[error(transparent)]
    NoOutcome(#[from] OutcomeError),
    /// The server's bytes are not an answer to this request.
    #[error("the answer is not of the type that was asked for")]
    Mismatch,
}

/// The answer to [`open_session`].
///
/// # Errors
/// See [`AnswerError`].
pub fn opened(outcome: &Bytes) -> Result<SessionState, AnswerError> {
    match Outcome::decode(outcome)? {
        Outcome::Opened { session, window } => Ok(SessionState::new(session, window)),
        Outcome::Rejected(why) => Err(why.into()),
        Outcome::Applied(_) | Outcome::Done | Outcome::Watched(_) => Err(AnswerError::Mismatch),
    }
}

/// The answer to [`keep_alive`] and [`close_session`].
///
/// # Errors
/// See [`AnswerError`].
pub fn done(outcome: &Bytes) -> Result<(), AnswerError> {
    match Outcome::decode(outcome)? {
        Outcome::Done => Ok(()),
        Outcome::Rejected(why) => Err(why.into()),
        Outcome::Applied(_) | Outcome::Opened { .. } | Outcome::Watched(_) => {
            Err(AnswerError::Mismatch)
        }
    }
}

/// The answer to [`apply`] and [`sessionless`].
///
/// # Errors
/// See [`AnswerError`].
pub fn answer<M: StateMachine>(outcome: &Bytes) -> Result<M::Answer, AnswerError> {
    machine_answer(outcome)
}

/// The answer to [`query`].
///
/// # Errors
/// See [`AnswerError`].
pub fn query_answer<M: StateMachine>(outcome: &Bytes) -> Result<M::QueryAnswer, AnswerError> {
    machine_answer(outcome)
}

fn machine_answer<A: DeserializeOwned>(outcome: &Bytes) -> Result<A, AnswerError> {
    match Outcome::decode(outcome)? {
        Outcome::Applied(answer) => codec::decode(&answer).ok_or(AnswerError::Mismatch),
        Outcome::Rejected(why) => Err(why.into()),
        Outcome::Opened { .. } | Outcome::Done | Outcome::Watched(_) => Err(AnswerError::Mismatch),
    }
}

/// The client's half of a session: numbers its commands and knows which are done with.
///
/// A number is taken by [`begin`](Self::begin) and given back by [`answered`](Self::answered). In
/// between, its command may be sent any number of times, to any server. Only [`Rejection::OutOfOrder`]
/// is not an answer: the command is to be sent again.
///
/// ```
/// use quorate_core::Index;
/// use quorate_sm::client::SessionState;
/// use quorate_sm::{Sequence, SessionId};
///
/// let mut session = SessionState::new(SessionId(Index(1)), 2);
/// let (first, second) = (session.begin().unwrap(), session.begin().unwrap());
/// assert_eq!(session.begin(), None, "a window of two is full");
///
/// session.answered(second);
/// assert_eq!(session.acknowledged_below(), Sequence(0), "the first is still under way");
/// session.answered(first);
/// assert_eq!(session.acknowledged_below(), Sequence(2));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionState {
    id: SessionId,
    window: u32,
    acknowledged_below: Sequence,
    /// Of each number from `acknowledged_below` on that was taken: is it answered? Starts with one
    /// that is not.
    answered: VecDeque<bool>,
}

impl SessionState {
    /// A session that has sent nothing yet; `window` is the one it was opened with.
    pub const fn new(id: SessionId, window: u32) -> Self {
        Self { id, window, acknowledged_below: Sequence(0), answered: VecDeque::new() }
    }

    /// The session's name.
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// All numbers below this one are answered.
    pub const fn acknowledged_below(&self) -> Sequence {
        self.acknowledged_below
    }

    /// How many commands wait for their answers.
    pub fn in_flight(&self) -> usize {
        self.answered.iter().filter(|answered| !**answered).count()
    }

    /// The number of the next command; none while the window is full.
    pub fn begin(&mut self) -> Option<Sequence> {
        let taken = self.answered.len() as u64;
        if taken >= u64::from(self.window) {
            return None;
        }
        self.answered.push_back(false);
        Some(Sequence(self.acknowledged_below.0 + taken))
    }

    /// What to send a command with. A retry may be stamped anew or sent as it was.
    pub const fn stamp(&self, sequence: Sequence) -> Stamp {
        let (session, acknowledged_below) = (self.id, self.acknowledged_below);
        Stamp { session, sequence, acknowledged_below, order: Order::Any }
    }

    /// The command needs no answer any more: it came, or the client has given up on it. Once the
    /// log has an entry that acknowledges it, no late copy is applied. Numbers that are not under
    /// way are ignored, so that an answer may come twice.
    pub fn answered(&mut self, sequence: Sequence) {
        let Some(at) = sequence.0.checked_sub(self.acknowledged_below.0) else { return };
        let at = usize::try_from(at).ok();
        let Some(answered) = at.and_then(|at| self.answered.get_mut(at)) else { return };
        *answered = true;
        while self.answered.front() == Some(&true) {
            self.answered.pop_front();
            self.acknowledged_below = self.acknowledged_below.next();
        }
    }
}
