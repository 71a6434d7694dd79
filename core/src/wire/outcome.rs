//! How a request ends: done, not applied, or unknown; or, if it changes the membership, half-way.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::effect::Stopped;
use crate::types::{Index, NodeId};
use crate::wire::Address;

/// How a request of a client ended. Every request ends in exactly one of these.
///
/// Append only: the numbers of the variants are for ever.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Outcome {
    /// It was carried out, once.
    Done {
        /// The entry of a proposal; the last entry that the answer to a query reflects.
        index: Index,
        /// What the state machine says.
        #[serde(skip)]
        answer: Bytes,
    },
    /// It was not carried out and never will be: trying again is safe.
    NotApplied(NotApplied),
    /// It may have been carried out, or may yet be.
    Unknown(Unknown),
    /// A change of the membership goes no further. Newcomers may have become learners; nobody's
    /// vote has changed, and none will by this request.
    Stopped(Stopped),
    /// A query of a bounded age was answered.
    Aged {
        /// The last entry that the answer reflects.
        index: Index,
        /// It reflects everything that was done up to so long before it was asked, in microseconds.
        age_us: u64,
        /// What the state machine says.
        #[serde(skip)]
        answer: Bytes,
    },
}

/// Why a request was not carried out. Append only: the numbers of the variants are for ever.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
pub enum NotApplied {
    /// Ask there.
    #[error("not the leader")]
    NotLeader {
        /// The leader, if the sender knows one.
        leader: Option<NodeId>,
        /// Where it may be reached.
        address: Option<Address>,
    },
    /// Too much is in flight; try again later.
    #[error("too much in flight")]
    Busy,
    /// The command is larger than an entry may be.
    #[error("command of {bytes} bytes exceeds the limit of {bytes_max}")]
    TooLarge {
        /// Its length.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// The server is about to stop; ask another.
    #[error("shutting down")]
    ShuttingDown,
    /// The request makes no sense to the server.
    #[error("invalid request")]
    Invalid,
    /// The server is no member of the group that the request names.
    #[error("no such group")]
    UnknownGroup,
    /// The request was passed on too often: the servers disagree about who leads.
    #[error("passed on too often")]
    TooManyHops,
    /// The server has stopped for good.
    #[error("this server has halted")]
    Halted,
    /// A query whose leader lost its leadership before it could confirm it.
    #[error("leadership was lost before the query was served")]
    LeadershipLost,
    /// Nobody can take over from this leader: no other voter is heard from, or the server that was
    /// named is none.
    #[error("nobody can take over")]
    NoSuccessor,
    /// The successor did not take over in time; the leader leads on.
    #[error("the successor did not take over in time")]
    TransferTimedOut,
    /// Another membership rules than was expected.
    #[error("the membership is that of index {}", at.0)]
    MembershipIs {
        /// The entry that says so.
        at: Index,
    },
    /// Two majorities rule: a change is under way and cannot be stopped.
    #[error("another change of the membership is under way")]
    ChangeUnderWay,
    /// The target of a change has outgoing voters.
    #[error("a target cannot have outgoing voters")]
    JointTarget,
    /// The entries are not in the server's log, or no longer.
    #[error("the log does not hold these entries")]
    NotInLog,
    /// The server's program does not offer the function that was called, or one that is declared otherwise.
    #[error("this server does not offer the function")]
    NotOffered,
}

/// Why nobody can say what became of a request. Append only: the numbers of the variants are for
/// ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
pub enum Unknown {
    /// The leader that had appended the command lost its leadership before it was committed.
    #[error("leadership was lost before the command was committed")]
    LeadershipLost,
    /// The request's time was up.
    #[error("timed out")]
    Timeout,
    /// The server that the request was passed on to went away before it answered.
    #[error("the connection to the leader was lost")]
    ConnectionLost,
    /// The server stopped before the command was committed.
    #[error("shut down before the command was committed")]
    ShutDown,
    /// A function that was called has failed, or its answer is too long.
    #[error("the function has failed, or its answer is too long")]
    NoAnswer,
}
