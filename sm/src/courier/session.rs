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
    /// The one before, if it has expired.
    expired: Option<SessionId>,
    nonce: u128,
    keep_alive_interval: Duration,
}

/// How the session of a client stands.
///
/// A client does by itself what can be done: it looks for servers, keeps its session alive, and opens another for the
/// next command if it has expired. What is left for its user is to know what that means for what it *holds*.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Standing {
    /// There is none: nothing was commanded yet.
    #[default]
    Unopened,
    /// It lives, and a server is there for it.
    Connected(SessionId),
    /// No server is there for it: it lives, or has expired. Commands wait until their time is up, and are
    /// applied once at most. What the client holds may be given to others any moment: do no more on the
    /// strength of it than fencing tokens protect. It becomes connected, or expired.
    Suspended(SessionId),
    /// It has expired: what it held is given up, and commands that were under way end as
    /// [unknown](super::Doubt::SessionExpired) if they may have been applied. The next command opens another:
    /// take locks, enter memberships and stand for elections anew.
    Expired(SessionId),
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
        /// Nobody has answered its last sign of life.
        is_in_doubt: bool,
    },
}

impl Session {
    /// `nonce` is drawn at random: it and its successors tell the sessions of this client from
    /// those of all others.
    pub(crate) fn new(nonce: u128, keep_alive_interval: Duration) -> Self {
        Self { state: State::Closed, expired: None, nonce, keep_alive_interval }
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
            Some(Ok(numbers)) => {
                self.expired = None;
                let (is_kept_alive, is_in_doubt) = (false, false);
                State::Open { numbers, active: now, is_kept_alive, is_in_doubt }
            }
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

    /// A server has done a command of it.
    pub(crate) fn handle_applied(&mut self, id: SessionId) {
        if let State::Open { numbers, is_in_doubt, .. } = &mut self.state
            && numbers.id() == id
        {
            *is_in_doubt = false;
        }
    }

    /// How it stands, if there is a server to turn to or not.
    pub(crate) fn standing(&self, is_linked: bool) -> Standing {
        match (&self.state, self.expired) {
            (State::Open { numbers, is_in_doubt, .. }, _) => match is_linked && !is_in_doubt {
                true => Standing::Connected(numbers.id()),
                false => Standing::Suspended(numbers.id()),
            },
            (State::Closed | State::Opening, Some(expired)) => Standing::Expired(expired),
            (State::Closed | State::Opening, None) => Standing::Unopened,
        }
    }

    /// This session has expired; one that is younger stays.
    pub(crate) fn handle_expired(&mut self, id: SessionId) {
        if self.id() == Some(id) {
            self.state = State::Closed;
            self.expired = Some(id);
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
        let State::Open { numbers, active, is_kept_alive, .. } = &mut self.state else {
            return None;
        };
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
            self.handle_expired(id);
        } else if let State::Open { is_kept_alive, is_in_doubt, .. } = &mut self.state {
            *is_kept_alive = false;
            *is_in_doubt = outcome.is_none();
        }
    }

    /// The command that gives the session up.
    pub(crate) fn close(&mut self) -> Option<Bytes> {
        let id = self.id()?;
        self.state = State::Closed;
        Some(client::close_session(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Index, Outcome, Rejection};

    #[test]
    fn a_sign_of_life_that_nobody_answers_leaves_the_session_in_doubt() {
        let millis = Duration::from_millis;
        let mut session = Session::new(7, millis(10));
        assert_eq!(session.standing(true), Standing::Unopened);
        let opened =
            |index| Outcome::Opened { session: SessionId(Index(index)), window: 8 }.encode();
        session.open().expect("there is none");
        assert_eq!(session.standing(true), Standing::Unopened, "not yet");
        session.handle_opened(Instant(0), Some(&opened(5)));
        let id = SessionId(Index(5));
        assert_eq!(session.standing(true), Standing::Connected(id));
        assert_eq!(session.standing(false), Standing::Suspended(id));

        let mut now = Instant(0);
        let mut lives = |session: &mut Session, outcome: Option<Bytes>| {
            now = now.after(millis(10));
            session.keep_alive(now).expect("it is due");
            session.handle_kept_alive(id, outcome.as_ref());
        };
        lives(&mut session, None);
        assert_eq!(session.standing(true), Standing::Suspended(id));
        lives(&mut session, Some(Outcome::Done.encode()));
        assert_eq!(session.standing(true), Standing::Connected(id));
        lives(&mut session, None);
        session.handle_applied(SessionId(Index(4)));
        assert_eq!(session.standing(true), Standing::Suspended(id), "that was another one");
        session.handle_applied(id);
        assert_eq!(session.standing(true), Standing::Connected(id));
        lives(&mut session, Some(Outcome::Rejected(Rejection::SessionExpired).encode()));
        assert_eq!(session.standing(true), Standing::Expired(id));
        session.open().expect("there is none");
        assert_eq!(session.standing(true), Standing::Expired(id), "until there is another");
        session.handle_opened(now, None);
        assert_eq!(session.standing(true), Standing::Expired(id));
        session.open().expect("there is none");
        session.handle_opened(now, Some(&opened(9)));
        assert_eq!(session.standing(true), Standing::Connected(SessionId(Index(9))));
        session.close().expect("it is open");
        assert_eq!(session.standing(true), Standing::Unopened);
    }
}
