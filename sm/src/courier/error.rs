//! How a call fails: not applied, or unknown.

use crate::Rejection;
use quorate_core::Stopped;
use quorate_core::wire::{NotApplied, Reject, Unknown};

/// Why a call has no answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CallError {
    /// It had no effect and never will: calling again is safe.
    #[error("not applied: {0}")]
    NotApplied(Reason),
    /// It may have taken effect once, or may yet.
    #[error("unknown whether it was applied: {0}")]
    Unknown(Doubt),
}

/// Why a call had no effect.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Reason {
    /// A server said so.
    #[error(transparent)]
    Refused(#[from] NotApplied),
    /// A change of the membership goes no further; newcomers may have become learners.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The state machine was not asked.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// No server was willing to talk to this client.
    #[error("turned away: {0}")]
    TurnedAway(#[from] Reject),
    /// No server could be reached.
    #[error("no server could be reached")]
    Unreachable,
    /// The session of this client could not be opened in time.
    #[error("no session could be opened")]
    NoSession,
    /// The time was up before a server took it.
    #[error("timed out")]
    Timeout,
    /// Too many calls of this client are under way.
    #[error("{calls_max} calls are under way")]
    TooManyCalls {
        /// The limit.
        calls_max: usize,
    },
    /// The answer to a query makes no sense.
    #[error("the answer makes no sense")]
    BadAnswer,
    /// The client has ended.
    #[error("the client has ended")]
    Closed,
}

/// Why nobody can say whether a call had an effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Doubt {
    /// A server said so.
    #[error(transparent)]
    Server(#[from] Unknown),
    /// The connection was lost before the answer came.
    #[error("the connection was lost")]
    ConnectionLost,
    /// The time was up before the answer came.
    #[error("timed out")]
    Timeout,
    /// The session expired while the answer was under way.
    #[error("the session has expired")]
    SessionExpired,
    /// It was applied, but its answer makes no sense.
    #[error("the answer makes no sense")]
    BadAnswer,
    /// The client has ended.
    #[error("the client has ended")]
    Closed,
}
