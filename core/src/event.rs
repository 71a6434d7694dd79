//! Everything that can happen to a server.

use alloc::boxed::Box;
use core::time::Duration;

use bytes::Bytes;

use crate::entry::Entries;
use crate::membership::Membership;
use crate::message::Message;
use crate::recovered::SnapshotMeta;
use crate::types::{Index, LogId, NodeId, RequestId, Ticket};

/// Something that happened. Plain data: a run is a list of instants and events, and replay,
/// scripts, fuzz corpora and bug reports share that form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// [`Raft::deadline`](crate::Raft::deadline) has passed. A spurious one does nothing.
    Timeout,
    /// A message arrived. Any message: what makes no sense is ignored and counted.
    Receive(Message),
    /// All writes up to this ticket are on stable storage.
    Persisted(Ticket),
    /// Append this command. Answered by [`Accepted`](crate::Effect::Accepted) or
    /// [`Refused`](crate::Effect::Refused).
    Propose {
        /// The caller's name for the request.
        id: RequestId,
        /// For the state machine.
        command: Bytes,
    },
    /// Name an index from which a linearizable read may be served (thesis 6.4). Answered by
    /// [`ReadReady`](crate::Effect::ReadReady) or [`Refused`](crate::Effect::Refused).
    Read {
        /// The caller's name for the request.
        id: RequestId,
    },
    /// As [`Read`](Self::Read), and answered at once by a leader whose lease holds
    /// (thesis 6.4.1, [`Config::lease`](crate::Config)): as fast as a look at its own state, and as
    /// linearizable as clocks keep to the bound. The time of the step must be one after it was asked.
    LeaseRead {
        /// The caller's name for the request.
        id: RequestId,
    },
    /// Write the time down (thesis 6.3): a state machine waits for it. Only a leader with a
    /// [`time_resolution_ms`](crate::Config::time_resolution_ms) does, and nobody is answered.
    WriteTime,
    /// Hand leadership over to another voter (thesis 3.10). Answered by
    /// [`Transferred`](crate::Effect::Transferred) or [`Refused`](crate::Effect::Refused).
    ///
    /// Until then no proposals are accepted, so that the successor can catch up; reads are served.
    TransferLeadership {
        /// The caller's name for the request.
        id: RequestId,
        /// The successor; `None` for whoever is the closest to this server's log.
        to: Option<NodeId>,
        /// For how long it is tried. Then the leader leads on; an election timeout is enough for a
        /// successor that keeps up.
        within: Duration,
    },
    /// Change who belongs to the cluster (thesis 4): the leader goes on until it is so. Newcomers
    /// become learners first, and get a vote once they have caught up (thesis 4.2.1); one voter
    /// changes at once, several by way of two majorities that rule together (thesis 4.3).
    ///
    /// Answered by [`Reconfigured`](crate::Effect::Reconfigured),
    /// [`ReconfigurationStopped`](crate::Effect::ReconfigurationStopped) or
    /// [`Refused`](crate::Effect::Refused). A new target takes the place of an earlier one, so the
    /// membership that rules, as a target, cancels what is under way.
    Reconfigure {
        /// The caller's name for the request.
        id: RequestId,
        /// Who shall belong to it: voters and learners.
        target: Membership,
        /// Refused unless this is the index of the membership that rules now (see
        /// [`Status::membership_index`](crate::Status::membership_index)).
        expected: Option<Index>,
        /// Also if no majority of the target is heard from now.
        force: bool,
    },
    /// Answer to [`Effect::Fetch`](crate::Effect::Fetch): entries from `first` on, at least one; none
    /// if they cannot be read, or are not in the log any more.
    Fetched {
        /// For whom.
        to: NodeId,
        /// What the log holds from the asked index on; may end early.
        entries: Entries,
    },
    /// The state machine's state after this entry is on stable storage, as a snapshot. The log may
    /// forget what is before (thesis 5.1). Ignored if a newer snapshot came in the meantime.
    SnapshotTaken(Index),
    /// Answer to [`Effect::FetchSnapshot`](crate::Effect::FetchSnapshot): all of this snapshot is on
    /// stable storage. Ignored if it is of no use any more.
    SnapshotFetched(Box<SnapshotMeta>),
    /// Answer to [`Effect::FetchSnapshot`](crate::Effect::FetchSnapshot): it cannot be had. It is
    /// asked for again if the leader still offers it.
    SnapshotUnavailable(LogId),
    /// A peer asked for a snapshot that this server does not have any more: it is offered the newest.
    SnapshotMissing {
        /// Who asked.
        to: NodeId,
    },
    /// The transport lost its connection to a peer: what was sent to it may be lost.
    Unreachable(NodeId),
}
