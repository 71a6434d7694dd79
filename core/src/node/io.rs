//! What goes into a node, and what comes out of it.

use alloc::vec::{self, Vec};

use bytes::{Bytes, BytesMut};

use crate::effect::{RoleChange, Violation, Write};
use crate::entry::Entries;
use crate::types::{Index, LogId, NodeId, RequestId, Ticket};
use crate::wal::{DiskError, WalError};
use crate::wire::{Address, Outcome, Reject, RequestBody};

/// Names a connection for as long as it lives; never reused by one node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnectionId(u64);

impl ConnectionId {
    const DIALED: u64 = 1 << 63;

    /// The driver's name for the `number`th connection that it accepted.
    ///
    /// # Panics
    /// If `number` is 2^63 or more.
    pub const fn accepted(number: u64) -> Self {
        assert!(number < Self::DIALED, "a node accepts fewer than 2^63 connections");
        Self(number)
    }

    /// The name as a number, for traces.
    pub const fn number(self) -> u64 {
        self.0
    }

    pub(super) const fn dialed(number: u64) -> Self {
        Self(number | Self::DIALED)
    }
}

/// Something that happened to a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// Somebody connected.
    Accepted(ConnectionId),
    /// A connection that [`Output::Dial`] asked for stands.
    Opened(ConnectionId),
    /// Bytes came in.
    Received(ConnectionId, BytesMut),
    /// So many bytes of [`Output::Send`] have left the process.
    Sent(ConnectionId, u64),
    /// The connection ended, or could not be made.
    Closed(ConnectionId),
    /// All writes up to this ticket are on stable storage.
    Persisted(Ticket),
    /// The disk failed: the node stops for good, and says nothing more to anybody.
    DiskFailed(WalError),
    /// The log has no room to grow when its newest segment is full. Nothing is lost yet. Said once
    /// until there is room again.
    DiskFull(DiskError),
    /// Answer to [`Output::ReadLog`]. A log that cannot be read is a failed disk, unless it just
    /// does not hold the entry.
    LogRead(LogReader, Result<Entries, WalError>),
    /// Entries up to this index were applied; what came of them, if it was asked for.
    Applied(Index, Vec<(LogId, Bytes)>),
    /// Answer to [`Output::Query`], from a state with the entry `index` as its last.
    Answered {
        /// As asked.
        id: RequestId,
        /// The last entry that the answer reflects.
        index: Index,
        /// What the state machine says; `None` if too many queries wait.
        answer: Option<Bytes>,
    },
    /// A request from within the process. Ends in an [`Output::Respond`].
    Request {
        /// The caller's name for it.
        id: u64,
        /// What is asked.
        body: RequestBody,
    },
    /// Finish what is under way, take nothing new, and say [`Output::Stopped`].
    Stop,
}

/// An order to the driver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Connect to this address; answer with [`Input::Opened`] or [`Input::Closed`].
    Dial(ConnectionId, Address),
    /// Send, in order; answer with [`Input::Sent`].
    Send(ConnectionId, Bytes),
    /// End the connection once everything sent on it has left. It is not mentioned again, by
    /// either side.
    Close(ConnectionId),
    /// Make durable, in the order given; answer with [`Input::Persisted`].
    Write(Write),
    /// Read entries back from the log; answer with [`Input::LogRead`].
    ReadLog {
        /// For whom; at most one such read is under way for each.
        reader: LogReader,
        /// The first entry wanted.
        first: Index,
        /// About how much is wanted; one entry is always wanted, however large.
        bytes_max: u64,
    },
    /// Apply, in the order given; answer with [`Input::Applied`].
    Apply {
        /// The next committed entries.
        entries: Entries,
        /// Is what comes of them wanted?
        answers: Answers,
    },
    /// Answer the query once `index` is applied; answer with [`Input::Answered`].
    Query {
        /// The node's name for the query.
        id: RequestId,
        /// The state must include this entry.
        index: Index,
        /// For the state machine.
        query: Bytes,
    },
    /// A request from within the process has ended.
    Respond {
        /// The caller's name for it.
        id: u64,
        /// How it ended.
        outcome: Outcome,
    },
    /// Something that people may want to know.
    Note(Note),
    /// The node is done: the process may end.
    Stopped,
    /// The disk failed, and the node is over: the process must end at once, without another word.
    DiskFailed(WalError),
    /// This server has halted, see [`Effect::Halt`](crate::Effect::Halt).
    Halted(Violation),
}

/// For whom entries are read back from the log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LogReader {
    /// For a peer that is far behind.
    Peer(NodeId),
    /// For the state machine, after a restart.
    StateMachine,
}

/// Does somebody wait for what comes of applying entries?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answers {
    /// Yes.
    Wanted,
    /// No: other servers answer for them.
    Unwanted,
}

/// What people may want to know. For traces; nothing depends on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Note {
    /// Role, term or leader changed.
    RoleChanged(RoleChange),
    /// A proposal came in, from a client, a peer or this process.
    ProposalBegan(RequestId),
    /// It has ended, one way or another.
    ProposalEnded(RequestId),
    /// A link to a peer stands.
    LinkUp(NodeId),
    /// A link to a peer is gone.
    LinkDown(NodeId),
    /// The log cannot be read for a peer that is behind; the node ends, with
    /// [`Output::DiskFailed`].
    LogUnreadable(NodeId, WalError),
    /// The disk has no room for the next segment of the log.
    DiskFull(DiskError),
    /// A peer refused the handshake.
    RefusedBy(NodeId, Reject),
    /// This server refused a handshake.
    Refused(ConnectionId, Reject),
    /// A connection was ended because of what came over it.
    BadBytes(ConnectionId),
    /// A connection was ended because nobody read what was sent to it, or said nothing.
    Stuck(ConnectionId),
}

/// Where [`Node::step`](super::Node::step) puts its orders. Owned and reused by the driver.
#[derive(Default, Debug)]
pub struct Outputs {
    queue: Vec<Output>,
}

impl Outputs {
    /// Takes all orders; keeps the allocation.
    pub fn drain(&mut self) -> vec::Drain<'_, Output> {
        self.queue.drain(..)
    }

    /// All orders, to look at.
    pub fn as_slice(&self) -> &[Output] {
        &self.queue
    }

    /// Is there nothing to do?
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn push(&mut self, output: Output) {
        self.queue.push(output);
    }
}
