//! Everything that can happen to a server.

use core::time::Duration;

use bytes::Bytes;

use crate::entry::Entries;
use crate::message::Message;
use crate::types::{NodeId, RequestId, Ticket};

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
    /// Answer to [`Effect::Fetch`](crate::Effect::Fetch): entries from `first` on, at least one; none
    /// if they cannot be read, or are not in the log any more.
    Fetched {
        /// For whom.
        to: NodeId,
        /// What the log holds from the asked index on; may end early.
        entries: Entries,
    },
    /// The transport lost its connection to a peer: what was sent to it may be lost.
    Unreachable(NodeId),
}
