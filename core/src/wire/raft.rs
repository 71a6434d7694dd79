//! Messages of consensus on the wire.
//!
//! The headers are written down here once more, so that the order of words in the core's own types
//! is free to change and the wire is not.

use alloc::boxed::Box;

use bytes::BytesMut;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::entry::Entries;
use crate::membership::Membership;
use crate::message::{
    AppendEntries, AppendEntriesReply, AppendOutcome, ForgetfulReply, Heartbeat, InstallSnapshot,
    Message, PreVote, PreVoteReply, RequestVote, RequestVoteReply, Rpc, Vouch,
};
use crate::recovered::SnapshotMeta;
use crate::types::{GroupId, Index, LifeId, LogId, NodeId, ReplicationId, Round, Term};
use crate::wire::{DecodeError, Frame, Service, entries, frame, header};

const KINDS: u8 = 13;

impl Message {
    /// Appends the frame of this message to `out`; copies each command once, and allocates nothing
    /// but what `out` lacks. The frame is at most 256 bytes longer than the
    /// [cost](Entries::cost_bytes) of the message's entries.
    ///
    /// # Panics
    /// If the entries do not follow `prev`; if a command is 256 MiB or longer.
    pub fn encode(&self, group: GroupId, out: &mut BytesMut) {
        let header = |out: &mut BytesMut| header::write(&Header(self), out);
        let payload = |out: &mut BytesMut| {
            if let Rpc::AppendEntries(append) = &self.rpc {
                let first = append.entries.first_index();
                assert!(
                    first.is_none_or(|first| first.0 - 1 == append.prev.index.0),
                    "entries follow prev"
                );
                entries::encode(&append.entries, out);
            }
        };
        frame::write(out, Service::Raft, group, 0, header, payload);
    }

    /// The message in a frame of [`Service::Raft`]; its commands are slices of the frame.
    ///
    /// Whether the message makes sense is the core's to say.
    ///
    /// # Errors
    /// See [`DecodeError`].
    pub fn decode(frame: &Frame) -> Result<Self, DecodeError> {
        let OwnHeader(mut message) = header::read(frame, Service::Raft, KINDS)?;
        match &mut message.rpc {
            Rpc::AppendEntries(append) => {
                append.entries = entries::decode(append.prev.index, &frame.payload)?;
            }
            _ => header::nothing_follows(&frame.payload)?,
        }
        Ok(message)
    }
}

struct Header<'a>(&'a Message);

impl Serialize for Header<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        MessageHeader::serialize(self.0, serializer)
    }
}

#[derive(Serialize, Deserialize)]
struct OwnHeader(#[serde(with = "MessageHeader")] Message);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Message")]
struct MessageHeader {
    #[serde(with = "RpcHeader")]
    rpc: Rpc,
    from: NodeId,
    to: NodeId,
    term: Term,
}

/// Append only: the numbers of the variants are for ever.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Rpc")]
enum RpcHeader {
    PreVote(#[serde(with = "PreVoteHeader")] PreVote),
    PreVoteReply(#[serde(with = "PreVoteReplyHeader")] PreVoteReply),
    RequestVote(#[serde(with = "RequestVoteHeader")] RequestVote),
    RequestVoteReply(#[serde(with = "RequestVoteReplyHeader")] RequestVoteReply),
    AppendEntries(#[serde(with = "AppendEntriesHeader")] AppendEntries),
    AppendEntriesReply(#[serde(with = "AppendEntriesReplyHeader")] AppendEntriesReply),
    Heartbeat(#[serde(with = "HeartbeatHeader")] Heartbeat),
    TimeoutNow,
    RequestVoteInTransfer(#[serde(with = "RequestVoteHeader")] RequestVote),
    InstallSnapshot(#[serde(with = "InstallSnapshotBox")] Box<InstallSnapshot>),
    ForgetfulReply(#[serde(with = "ForgetfulReplyHeader")] ForgetfulReply),
    Vouch(#[serde(with = "VouchHeader")] Vouch),
    Doubt,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "PreVote")]
struct PreVoteHeader {
    next_term: Term,
    last: LogId,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "PreVoteReply")]
struct PreVoteReplyHeader {
    next_term: Term,
    granted: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "RequestVote")]
struct RequestVoteHeader {
    last: LogId,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "RequestVoteReply")]
struct RequestVoteReplyHeader {
    granted: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "AppendEntries")]
struct AppendEntriesHeader {
    replication: ReplicationId,
    round: Round,
    prev: LogId,
    commit: Index,
    #[serde(skip)]
    entries: Entries,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "AppendEntriesReply")]
struct AppendEntriesReplyHeader {
    replication: ReplicationId,
    round: Round,
    #[serde(with = "AppendOutcomeHeader")]
    outcome: AppendOutcome,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Heartbeat")]
struct HeartbeatHeader {
    replication: ReplicationId,
    round: Round,
    matched: LogId,
    commit: Index,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "InstallSnapshot")]
struct InstallSnapshotHeader {
    replication: ReplicationId,
    round: Round,
    #[serde(with = "SnapshotMetaHeader")]
    snapshot: SnapshotMeta,
}

/// An offer is rare and long, so the core keeps it in a box.
struct InstallSnapshotBox;

impl InstallSnapshotBox {
    fn serialize<S: Serializer>(
        install: &InstallSnapshot,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        InstallSnapshotHeader::serialize(install, serializer)
    }

    fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Box<InstallSnapshot>, D::Error> {
        InstallSnapshotHeader::deserialize(deserializer).map(Box::new)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "ForgetfulReply")]
struct ForgetfulReplyHeader {
    life: LifeId,
    #[serde(with = "AppendEntriesReplyHeader")]
    reply: AppendEntriesReply,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Vouch")]
struct VouchHeader {
    life: LifeId,
    upto: Index,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "SnapshotMeta")]
struct SnapshotMetaHeader {
    last_included: LogId,
    membership_at: LogId,
    membership: Membership,
}

/// Append only: the numbers of the variants are for ever.
#[derive(Serialize, Deserialize)]
#[serde(remote = "AppendOutcome")]
enum AppendOutcomeHeader {
    Match(Index),
    Mismatch { rejected: Index, hint: LogId },
    StaleTerm,
}
