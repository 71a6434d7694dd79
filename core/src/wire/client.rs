//! What clients and servers say to each other.

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::entry::EntryRange;
use crate::membership::Membership;
use crate::types::{GroupId, Index, NodeId};
use crate::wire::header::{self, Headed};
use crate::wire::{DecodeError, Frame, FunctionId, Outcome, Service, ServiceId};

/// What clients and servers say to each other. Append only: the numbers of the variants are for
/// ever.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ClientMessage {
    /// From a client.
    Request(Request),
    /// From a server.
    Response(Response),
}

/// See [`ClientMessage::Request`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Request {
    /// The client's name for the request, unique among those it waits for on this connection.
    pub id: u64,
    /// What is asked.
    pub body: RequestBody,
}

/// See [`Request::body`]. Append only: the numbers of the variants are for ever.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum RequestBody {
    /// Carry out a command on every replica.
    Propose {
        /// For the state machine.
        #[serde(skip)]
        command: Bytes,
    },
    /// Answer from the state of one replica.
    Query {
        /// How fresh the state must be.
        consistency: Consistency,
        /// For the state machine.
        #[serde(skip)]
        query: Bytes,
    },
    /// How does the server see itself and its group?
    Status,
    /// Hand leadership over (thesis 3.10). Only the leader does.
    TransferLeadership {
        /// The successor; `None` for whoever is the closest to the leader's log.
        to: Option<NodeId>,
    },
    /// Change who belongs to the group (thesis 4). Only the leader does, and answers when it is so,
    /// or goes no further: see [`Event::Reconfigure`](crate::Event::Reconfigure).
    Reconfigure {
        /// Who shall belong to it, and where they can be reached.
        target: Membership,
        /// Refused unless this is the index of the membership that rules now.
        expected: Option<Index>,
        /// Also if no majority of the target is heard from now.
        force: bool,
    },
    /// Entries of the log, as many of the first ones as one answer has room for: for a server that has
    /// lost them. The answer is read by [`decode_entries`](crate::wire::decode_entries).
    Entries(EntryRange),
    /// Answer when something has happened that the state machine knows of; there is no time limit. Ends
    /// with the connection.
    Watch {
        /// For the state machine.
        #[serde(skip)]
        watch: Bytes,
    },
    /// Do not answer this `Watch` of the same connection any more.
    Forget {
        /// Its name.
        id: u64,
    },
    /// Have this server carry out a function that its program offers beside the log. It may be carried out
    /// even if there is no answer, and is dropped where it is when the connection ends.
    Call {
        /// Whose function.
        service: ServiceId,
        /// Which one.
        function: FunctionId,
        /// For how long the answer is waited for, in milliseconds.
        within_ms: u32,
        /// In the service's own encoding.
        #[serde(skip)]
        arguments: Bytes,
    },
}

/// How fresh the answer to a query must be. Append only: the numbers of the variants are for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Consistency {
    /// It reflects everything that was done before it was asked.
    Linearizable,
    /// Whatever the replica has, at once.
    Stale,
    /// As [`Linearizable`](Self::Linearizable), and answered without a round of messages by a leader
    /// whose lease holds (thesis 6.4.1): by one that may trust clocks,
    /// [`Config::lease`](crate::Config::lease).
    Lease,
    /// It reflects this entry: whatever the replica has, as soon as it has that.
    AtLeast(Index),
    /// It reflects everything that was done up to so long before it was asked, in milliseconds: whatever
    /// the replica has, if it has heard from a leader since. The answer tells how long before.
    Bounded {
        /// See above.
        age_max_ms: u32,
    },
}

/// See [`ClientMessage::Response`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Response {
    /// The request's.
    pub id: u64,
    /// How it ended.
    pub outcome: Outcome,
}

impl ClientMessage {
    /// Appends the frame of this message to `out`.
    pub fn encode(&self, group: GroupId, out: &mut BytesMut) {
        header::encode(self, group, out);
    }

    /// The message in a frame of [`Service::Client`]; command, query and answer are slices of the
    /// frame.
    ///
    /// # Errors
    /// See [`DecodeError`].
    pub fn decode(frame: &Frame) -> Result<Self, DecodeError> {
        header::decode(frame)
    }
}

impl Headed for ClientMessage {
    const SERVICE: Service = Service::Client;
    const KINDS: u8 = 2;

    fn payload(&self) -> Option<&Bytes> {
        match self {
            Self::Request(Request { body: RequestBody::Propose { command }, .. }) => Some(command),
            Self::Request(Request { body: RequestBody::Query { query, .. }, .. }) => Some(query),
            Self::Request(Request { body: RequestBody::Watch { watch }, .. }) => Some(watch),
            Self::Request(Request { body: RequestBody::Call { arguments, .. }, .. }) => {
                Some(arguments)
            }
            Self::Response(Response {
                outcome: Outcome::Done { answer, .. } | Outcome::Aged { answer, .. },
                ..
            }) => Some(answer),
            Self::Request(_) | Self::Response(_) => None,
        }
    }

    fn payload_mut(&mut self) -> Option<&mut Bytes> {
        match self {
            Self::Request(Request { body: RequestBody::Propose { command }, .. }) => Some(command),
            Self::Request(Request { body: RequestBody::Query { query, .. }, .. }) => Some(query),
            Self::Request(Request { body: RequestBody::Watch { watch }, .. }) => Some(watch),
            Self::Request(Request { body: RequestBody::Call { arguments, .. }, .. }) => {
                Some(arguments)
            }
            Self::Response(Response {
                outcome: Outcome::Done { answer, .. } | Outcome::Aged { answer, .. },
                ..
            }) => Some(answer),
            Self::Request(_) | Self::Response(_) => None,
        }
    }
}
