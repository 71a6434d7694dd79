//! What servers say to one another: one variant per arrow of the thesis.

use alloc::boxed::Box;

use crate::entry::Entries;
use crate::recovered::SnapshotMeta;
use crate::types::{Index, LifeId, LogId, NodeId, ReplicationId, Round, Term};

/// One message between two servers of one group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// The sender.
    pub from: NodeId,
    /// The receiver.
    pub to: NodeId,
    /// The sender's current term.
    pub term: Term,
    /// What is said.
    pub rpc: Rpc,
}

/// The body of a [`Message`].
// A tag of one byte would make each move of a message one of two unaligned parts.
#[derive(Clone, PartialEq, Eq, Debug)]
#[repr(u64)]
pub enum Rpc {
    /// "Would you vote for me?" Changes nothing at the receiver (thesis 9.6).
    PreVote(PreVote),
    /// Answer to [`Rpc::PreVote`].
    PreVoteReply(PreVoteReply),
    /// "Vote for me in my term" (thesis 3.4).
    RequestVote(RequestVote),
    /// Answer to [`Rpc::RequestVote`] and [`Rpc::RequestVoteInTransfer`].
    RequestVoteReply(RequestVoteReply),
    /// Entries, or a look for where the logs part (thesis 3.5).
    AppendEntries(AppendEntries),
    /// Answer to [`Rpc::AppendEntries`] and [`Rpc::Heartbeat`].
    AppendEntriesReply(AppendEntriesReply),
    /// "Stand for election now": a leader hands over (thesis 3.10).
    TimeoutNow,
    /// [`Rpc::RequestVote`] of whom a leader has told to stand: also who hears that leader answers
    /// (thesis 4.2.3).
    RequestVoteInTransfer(RequestVote),
    /// "I lead." The thesis's empty AppendEntries, as a variant of its own: it refers only to what
    /// the receiver has acknowledged, so it may overtake the entries that are under way, and a
    /// transport should let it.
    Heartbeat(Heartbeat),
    /// "Get this snapshot from me: my log does not reach back to what you lack" (thesis 5.3). Only
    /// the offer: the bytes go their own way. Answered like entries, by
    /// [`Rpc::AppendEntriesReply`], once the receiver has all that it covers.
    InstallSnapshot(Box<InstallSnapshot>),
    /// [`Rpc::AppendEntriesReply`] of a server that may have forgotten what it promised: tells how far
    /// its log has come, and counts for nothing.
    ForgetfulReply(ForgetfulReply),
    /// "You may have a say again": ends what [`Rpc::ForgetfulReply`] tells of.
    Vouch(Vouch),
    /// "You deny what you acknowledged": to a server that has forgotten, and does not know it.
    Doubt,
}

/// See [`Rpc::InstallSnapshot`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InstallSnapshot {
    /// As in [`AppendEntries`].
    pub replication: ReplicationId,
    /// As in [`AppendEntries`].
    pub round: Round,
    /// What the snapshot covers.
    pub snapshot: SnapshotMeta,
}

/// See [`Rpc::PreVote`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PreVote {
    /// The term the sender would campaign in.
    pub next_term: Term,
    /// The sender's last entry.
    pub last: LogId,
}

/// See [`Rpc::PreVoteReply`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PreVoteReply {
    /// The term that was asked about.
    pub next_term: Term,
    /// Would the sender vote?
    pub granted: bool,
}

/// See [`Rpc::RequestVote`] and [`Rpc::RequestVoteInTransfer`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestVote {
    /// The candidate's last entry.
    pub last: LogId,
}

/// See [`Rpc::RequestVoteReply`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestVoteReply {
    /// Did the sender vote for the candidate, durably?
    pub granted: bool,
}

/// See [`Rpc::AppendEntries`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AppendEntries {
    /// Which replication this belongs to; comes back in the answer.
    pub replication: ReplicationId,
    /// The newest round of heartbeats of this leader; comes back in the answer.
    pub round: Round,
    /// The entry before `entries`.
    pub prev: LogId,
    /// What follows `prev` in the leader's log; empty if the leader only wants to know about `prev`.
    pub entries: Entries,
    /// The leader's commit index.
    pub commit: Index,
}

/// See [`Rpc::Heartbeat`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heartbeat {
    /// As in [`AppendEntries`].
    pub replication: ReplicationId,
    /// As in [`AppendEntries`].
    pub round: Round,
    /// The newest entry that the receiver has acknowledged; [`LogId::ZERO`] if there is none.
    pub matched: LogId,
    /// The leader's commit index.
    pub commit: Index,
}

/// See [`Rpc::AppendEntriesReply`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AppendEntriesReply {
    /// As asked.
    pub replication: ReplicationId,
    /// As asked.
    pub round: Round,
    /// What came of it.
    pub outcome: AppendOutcome,
}

/// See [`Rpc::ForgetfulReply`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ForgetfulReply {
    /// Which life of the sender this is.
    pub life: LifeId,
    /// What any other server would have answered.
    pub reply: AppendEntriesReply,
}

/// See [`Rpc::Vouch`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Vouch {
    /// To this life of the receiver, and to no other.
    pub life: LifeId,
    /// Once the receiver's log equals the sender's up to here, durably.
    pub upto: Index,
}

/// What came of an [`AppendEntries`] or a [`Heartbeat`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AppendOutcome {
    /// The sender's log equals the leader's up to here, and is durable up to here.
    Match(Index),
    /// The sender has no entry like `prev`.
    Mismatch {
        /// The index of the `prev` that was refused.
        rejected: Index,
        /// The newest entry of the sender's log that could be in the leader's too: its index is
        /// not above `prev`'s and its term not above `prev`'s.
        hint: LogId,
    },
    /// The leader's term is over; the message's term is newer.
    StaleTerm,
}
