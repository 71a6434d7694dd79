//! What goes into a node, and what comes out of it.

use alloc::string::String;
use alloc::vec::{self, Vec};

use core::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::effect::{RoleChange, Violation, Write};
use crate::entry::Entries;
use crate::membership::Membership;
use crate::snapshot::{Slot, StoreError, Stored};
use crate::types::{Index, Instant, LogId, NodeId, RequestId, Term, Ticket};
use crate::wal::{DiskError, WalError};
use crate::wire::{Address, FunctionId, Outcome, Reject, RequestBody, ServiceId};

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
    /// Answer to [`Output::Call`].
    Called {
        /// As ordered.
        id: RequestId,
        /// What came of it.
        called: Called,
    },
    /// Answer to [`Output::Capture`] and [`Output::CaptureMore`]: the next part of the state as of
    /// this entry.
    Captured {
        /// As asked.
        index: Index,
        /// Some bytes, not too many: they are in memory until they are on the disk.
        part: Bytes,
        /// That was all.
        is_last: bool,
    },
    /// Answer to [`Output::WriteSnapshot`].
    SnapshotStored {
        /// As ordered.
        slot: Slot,
        /// As ordered.
        snapshot: LogId,
        /// What came of it.
        stored: Result<Stored, StoreError>,
    },
    /// Answer to [`Output::ReadSnapshot`].
    SnapshotRead {
        /// As asked.
        reader: LogReader,
        /// As asked.
        snapshot: LogId,
        /// As asked.
        offset: u64,
        /// Its bytes from there on, and how many there are in all; `None` if it is not there.
        read: Result<Option<(Bytes, u64)>, DiskError>,
    },
    /// Answer to [`Output::Restore`]: the piece was taken.
    Restored {
        /// As ordered.
        snapshot: LogId,
        /// It was the last one, and the state is that of the snapshot.
        is_done: bool,
    },
    /// The state machine cannot go on: the log, or a snapshot, wants something of it that this program does
    /// not have. Nothing is wrong with the disk.
    Unfit(String),
    /// The state machine wants to know the time in so long at the latest: answer with
    /// [`Output::Tend`], if this server leads by then.
    TendIn(Duration),
    /// The state machine waits for the time to be written into the log, see
    /// [`Event::WriteTime`](crate::Event::WriteTime).
    WriteTime,
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
    /// Answer once what is asked about has happened, which may be never; answer with
    /// [`Input::Answered`].
    Watch {
        /// The node's name for it.
        id: RequestId,
        /// For the state machine.
        watch: Bytes,
    },
    /// Carry out a function that the program offers beside the log, if there is such a one; answer with
    /// [`Input::Called`].
    Call {
        /// The node's name for it.
        id: RequestId,
        /// Whose function.
        service: ServiceId,
        /// Which one.
        function: FunctionId,
        /// In the service's own encoding.
        arguments: Bytes,
    },
    /// Nobody waits for the answer to this query, watch or call any more.
    Forget(RequestId),
    /// What time it is, for the state machine: see [`Input::TendIn`]. Also said when this server comes to
    /// lead, and when it leads no longer.
    Tend {
        /// By this server's clock.
        now: Instant,
        /// If it leads.
        reign: Option<Reign>,
    },
    /// Write down the state as of this entry, which is the last that was given to apply; answer with
    /// [`Input::Captured`]. Takes the place of an earlier one.
    Capture(Index),
    /// Go on writing it down; answer with [`Input::Captured`].
    CaptureMore,
    /// No more of it is wanted.
    CaptureEnd,
    /// Make a piece of a snapshot durable, in the order given; answer with
    /// [`Input::SnapshotStored`].
    WriteSnapshot {
        /// Where it comes from.
        slot: Slot,
        /// Which one.
        snapshot: LogId,
        /// Where in it the piece belongs: behind the one before, or at the start.
        offset: u64,
        /// Its bytes.
        bytes: Bytes,
    },
    /// Read a piece of a snapshot that is there as a whole; answer with [`Input::SnapshotRead`].
    ReadSnapshot {
        /// For whom; at most one such read is under way for each.
        reader: LogReader,
        /// Which one.
        snapshot: LogId,
        /// From where on.
        offset: u64,
        /// How much, at most.
        bytes_max: u32,
    },
    /// Begin the state anew from a snapshot: its next bytes, in order. Answer with
    /// [`Input::Restored`]. Entries that follow are given once all of it was taken.
    Restore {
        /// Which one.
        snapshot: LogId,
        /// Its next bytes.
        bytes: Bytes,
    },
    /// The log may forget its entries up to `index`, and snapshots that end before `newest` may go,
    /// but for those in `kept`.
    Compact {
        /// See above.
        index: Index,
        /// See above.
        newest: Index,
        /// See above.
        kept: Vec<LogId>,
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
    /// The state machine cannot go on, for this reason, and the node is over: another program has to be run
    /// on this disk.
    Unfit(String),
    /// This server has halted, see [`Effect::Halt`](crate::Effect::Halt).
    Halted(Violation),
    /// A peer knows this server by a newer disk, or a later start, and the node is over: its disk is an
    /// old copy, or another took its place, or one that was lost is denied.
    Disowned {
        /// Who said so.
        by: NodeId,
        /// What it said.
        why: Reject,
    },
}

/// What came of a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Called {
    /// It was carried out; what it gives, in the service's own encoding.
    Answered(Bytes),
    /// The program offers no such function, and nothing was done.
    NotOffered,
    /// The arguments are not what the function takes, and nothing was done.
    Unreadable,
    /// It began, and did not come to an end.
    Failed,
}

/// A leader's time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reign {
    /// Its term.
    pub term: Term,
    /// For how long it has led, if it writes that down; see [`Raft::led`](crate::Raft::led).
    pub led: Option<Duration>,
}

/// For whom entries are read back from the log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LogReader {
    /// For a peer that is far behind.
    Peer(NodeId),
    /// For the state machine, after a restart.
    StateMachine,
    /// For a server that has lost them, and asked for them.
    Request(RequestId),
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
    /// The members, or where they can be reached, are others now.
    MembershipChanged {
        /// The entry that says so.
        at: Index,
        /// Do two majorities rule?
        is_joint: bool,
    },
    /// Nobody says where a member can be reached; it is linked to as soon as somebody does.
    NoAddress(NodeId),
    /// Servers have failed, or are missing: the policy asks for this membership, see
    /// [`Staffing`](super::Staffing).
    Staffing(Membership),
    /// It leads, and hands over to this server of a higher priority.
    Yielding(NodeId),
    /// The log cannot be read for a peer that is behind; the node ends, with
    /// [`Output::DiskFailed`].
    LogUnreadable(NodeId, WalError),
    /// This server took a snapshot.
    SnapshotTaken(LogId),
    /// What was begun of a snapshot goes on, from this peer.
    SnapshotResumed(NodeId),
    /// The state machine began anew from a leader's snapshot.
    Restored(LogId),
    /// A snapshot was found damaged, this server's own or one that is got from this peer.
    SnapshotDamaged(Option<NodeId>, StoreError),
    /// The disk has no room for the next segment of the log, or for a snapshot.
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
