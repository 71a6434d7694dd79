//! The session of a client: opened when the first command wants it, kept alive while idle, opened
//! anew when it expired.

use core::time::Duration;

use crate::client::{self, SessionState};
use crate::{SessionId, Stamp};
use bytes::Bytes;
use quorate_core::Instant;

/// Numbers for commands, and the session that they belong to.
///
/// ```text
///   Closed ──► Opening ──► Open
///     ▲           │          │
///     └───────────┴──────────┘
/// ```
#[derive(Debug)]
pub(crate) struct Session {
    state: State,
    nonce: u128,
    keep_alive_interval: Duration,
}

#[derive(Debug)]
enum State {
    Closed,
    Opening,
    Open {
        numbers: SessionState,
        /// When it last gave a sign of life.
        active: Instant,
        is_kept_alive: bool,
    },
}

impl Session {
    /// `nonce` is drawn at random: it and its successors tell the sessions of this client from
    /// those of all others.
    pub(crate) fn new(nonce: u128, keep_alive_interval: Duration) -> Self {
        Self { state: State::Closed, nonce, keep_alive_interval }
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// The command that opens a session, unless there is one or it is under way.
    pub(crate) fn open(&mut self) -> Option<Bytes> {
        if !matches!(self.state, State::Closed) {
            return None;
        }
        self.state = State::Opening;
        self.nonce = self.nonce.wrapping_add(1);
        Some(client::open_session(self.nonce))
    }

    /// What came of opening it.
    pub(crate) fn handle_opened(&mut self, now: Instant, outcome: Option<&Bytes>) {
        self.state = match outcome.map(client::opened) {
            Some(Ok(numbers)) => State::Open { numbers, active: now, is_kept_alive: false },
            Some(Err(_)) | None => State::Closed,
        };
    }

    /// A number for a command that goes out now; none while there is no session, or too many
    /// commands are under way.
    pub(crate) fn begin(&mut self, now: Instant) -> Option<Stamp> {
        let State::Open { numbers, active, .. } = &mut self.state else { return None };
        let sequence = numbers.begin()?;
        *active = now;
        Some(numbers.stamp(sequence))
    }

    /// The command of this number needs no answer any more.
    pub(crate) fn end(&mut self, stamp: Stamp) {
        if let State::Open { numbers, .. } = &mut self.state
            && numbers.id() == stamp.session
        {
            numbers.answered(stamp.sequence);
        }
    }

    /// This session has expired; one that is younger stays.
    pub(crate) fn handle_expired(&mut self, id: SessionId) {
        if self.id() == Some(id) {
            self.state = State::Closed;
        }
    }

    pub(crate) fn id(&self) -> Option<SessionId> {
        match &self.state {
            State::Open { numbers, .. } => Some(numbers.id()),
            State::Closed | State::Opening => None,
        }
    }

    /// When [`keep_alive`](Self::keep_alive) has something to say.
    pub(crate) fn keep_alive_at(&self) -> Option<Instant> {
        match &self.state {
            State::Open { active, is_kept_alive: false, .. } => {
                Some(active.after(self.keep_alive_interval))
            }
            _ => None,
        }
    }

    /// The sign of life, if it is due.
    pub(crate) fn keep_alive(&mut self, now: Instant) -> Option<Bytes> {
        if self.keep_alive_at().is_none_or(|at| now < at) {
            return None;
        }
        let State::Open { numbers, active, is_kept_alive } = &mut self.state else { return None };
        *is_kept_alive = true;
        *active = now;
        Some(client::keep_alive(numbers))
    }

    /// What came of the sign of life; `id` is the session that gave it.
    pub(crate) fn handle_kept_alive(&mut self, id: SessionId, outcome: Option<&Bytes>) {
        if self.id() != Some(id) {
            return;
        }
        if let Some(Err(client::AnswerError::Rejected(_))) = outcome.map(client::done) {
            self.state = State::Closed;
        } else if let State::Open { is_kept_alive, .. } = &mut self.state {
            *is_kept_alive = false;
        }
    }

    /// The command that gives the session up.
    pub(crate) fn close(&mut self) -> Option<Bytes> {
        let id = self.id()?;
        self.state = State::Closed;
        Some(client::close_session(id))
    }
}
