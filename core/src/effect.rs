//! Everything that a server can ask of the world. Whatever stands here may be carried out at once.

use alloc::boxed::Box;
use alloc::vec::{self, Vec};

use serde::{Deserialize, Serialize};

use crate::entry::Entries;
use crate::message::Message;
use crate::recovered::SnapshotMeta;
use crate::types::{Index, LogId, NodeId, RequestId, Term, Ticket};

/// An order to the driver.
///
/// A driver keeps three rules and no more:
/// 1. writes become durable in the order given, and [`Persisted`](crate::Event::Persisted) means
///    "all up to this ticket";
/// 2. messages may be sent at any time, and may be lost, repeated and reordered;
/// 3. commits are applied in order, whenever convenient.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Make durable, in the order given; answer with [`Event::Persisted`](crate::Event::Persisted).
    Write(Write),
    /// Send.
    Send(Message),
    /// All entries up to here are committed, durable on this server too, and may be applied.
    /// [`Raft::cached`](crate::Raft::cached) holds those that a running server has not seen yet;
    /// after a restart the older ones are in the driver's log.
    Commit(Index),
    /// The request has this position in the leader's log. Not yet committed: it is done if and only
    /// if the entry committed at this index has this term.
    Accepted {
        /// The caller's name for the request.
        id: RequestId,
        /// Its entry.
        at: LogId,
    },
    /// The request was turned down; nothing of it entered the log.
    Refused {
        /// The caller's name for the request.
        id: RequestId,
        /// Why.
        why: Refusal,
    },
    /// The read may be served once `index` is applied.
    ReadReady {
        /// The caller's name for the request.
        id: RequestId,
        /// The commit index when the read was asked for, or a later one.
        index: Index,
    },
    /// Leadership was given up: the successor was told to stand, and a term after this server's has
    /// begun. Who leads it will be seen.
    Transferred {
        /// The caller's name for the request.
        id: RequestId,
    },
    /// The target of a change is the membership that rules, and committed.
    Reconfigured {
        /// The caller's name for the request.
        id: RequestId,
        /// The entry that says so.
        at: Index,
    },
    /// A change of the membership goes no further. What was done of it stays, newcomers as learners
    /// for one: see [`Status::membership`](crate::Status::membership).
    ReconfigurationStopped {
        /// The caller's name for the request.
        id: RequestId,
        /// Why.
        why: Stopped,
    },
    /// Another membership rules, by the entry of this index, or by the snapshot:
    /// [`Status::membership`](crate::Status::membership). It need not be committed, and an earlier
    /// one may rule again.
    MembershipChanged(Index),
    /// Bring this server's state machine up to date from a snapshot of the leader's, whose log no
    /// longer reaches back to what this server lacks (thesis 5.3): get it, and answer with
    /// [`Event::SnapshotFetched`](crate::Event::SnapshotFetched) once all of it is durable here, or
    /// with [`Event::SnapshotUnavailable`](crate::Event::SnapshotUnavailable). A newer order takes
    /// the place of one that is under way; one for the same snapshot only names another source.
    FetchSnapshot {
        /// Who has it.
        from: NodeId,
        /// What it covers.
        snapshot: Box<SnapshotMeta>,
    },
    /// Put the state of this snapshot, which was fetched, in the place of the state machine's. The
    /// log starts after it now, durably, and later commits follow it.
    Restore(LogId),
    /// A snapshot covers what is up to here, and nobody is going to ask for it: the log on disk may
    /// forget it, and so may whoever keeps snapshots forget those that end earlier than
    /// [`Status::snapshot`](crate::Status::snapshot) and are fetched by nobody.
    Compact(Index),
    /// Read entries that are no longer in memory back from the log; answer with
    /// [`Event::Fetched`](crate::Event::Fetched), in any case. At most one per peer is under way.
    Fetch {
        /// For whom.
        to: NodeId,
        /// The first entry wanted.
        first: Index,
        /// About how much is wanted; one entry is always wanted, however large.
        bytes_max: u64,
    },
    /// Role, term or leader changed.
    RoleChanged(RoleChange),
    /// A Raft property does not hold in this cluster; this server has stopped for good.
    Halt(Violation),
}

/// One unit of durability: what it holds becomes durable together or not at all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Write {
    /// Its name.
    pub ticket: Ticket,
    /// The new hard state, if it changed.
    pub hard_state: Option<HardState>,
    /// News of snapshots: comes before the change of the log.
    pub snapshot: Option<Box<SnapshotChange>>,
    /// A change of the log, if there is one.
    pub append: Option<Append>,
}

/// What a snapshot is to the log. The snapshot itself is durable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SnapshotChange {
    /// This server took it: a start may begin with it, and the log may forget what it covers, see
    /// [`Effect::Compact`].
    Covers(SnapshotMeta),
    /// A leader sent it: nothing of the log is valid any longer, and it starts after the snapshot.
    Replaces(SnapshotMeta),
}

/// "Discard all after `prev`, then append." `entries` may be empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Append {
    /// The last entry that stays.
    pub prev: LogId,
    /// What follows it.
    pub entries: Entries,
}

/// What survives a restart beside the log (thesis Figure 3.1, "persistent state").
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HardState {
    /// The current term.
    pub term: Term,
    /// Who got the vote in it.
    pub vote: Option<NodeId>,
    /// The disk is not the one that this server's votes and acknowledgements were written to, or
    /// not all of it: it was lost, or an old copy was put back. Such a server has no say until a
    /// leader vouches for it, see [`Rpc::Vouch`](crate::Rpc::Vouch).
    pub is_forgetful: bool,
}

/// Why a request was turned down. Always definite: nothing happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// Ask there.
    #[error("not the leader")]
    NotLeader {
        /// The leader, as far as this server knows.
        leader: Option<NodeId>,
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
    /// Leadership was lost before the read was confirmed, or before it was handed over.
    #[error("leadership was lost")]
    LeadershipLost,
    /// Leadership is being handed over; ask the next leader, or this one if that comes to nothing.
    #[error("leadership is being handed over")]
    Transferring,
    /// Nobody can take over: no other voter is heard from, or the one that was named is none.
    #[error("there is no successor")]
    NoSuccessor,
    /// Another membership rules than was expected.
    #[error("the membership is that of index {}", at.0)]
    MembershipIs {
        /// The entry that says so.
        at: Index,
    },
    /// Two majorities rule: a change is under way and cannot be stopped.
    #[error("another change is under way")]
    ChangeUnderWay,
    /// A target has one majority.
    #[error("a target cannot have outgoing voters")]
    JointTarget,
    /// The successor did not take over in time; this server leads on.
    #[error("the successor did not take over in time")]
    TransferTimedOut,
    /// This server has halted.
    #[error("this server has halted")]
    Halted,
}

/// Why a change of the membership goes no further. Append only: the numbers of the variants are for
/// ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
pub enum Stopped {
    /// Leadership was lost. The next leader completes what has two majorities, and no more.
    #[error("leadership was lost")]
    LeadershipLost,
    /// Another target took its place.
    #[error("another target took its place")]
    Superseded,
    /// A newcomer is not heard from, or took too long for too many rounds (thesis 4.2.1).
    #[error("server {0} cannot catch up")]
    CannotCatchUp(NodeId),
    /// No majority of the target is heard from; see [`force`](crate::Event::Reconfigure::force).
    #[error("no majority of the target is heard from")]
    QuorumAtRisk,
}

/// A server's new role.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoleChange {
    /// What it is now.
    pub role: RoleKind,
    /// Its current term.
    pub term: Term,
    /// The leader it knows.
    pub leader: Option<NodeId>,
    /// Why.
    pub cause: Cause,
}

/// The roles of thesis Figure 3.3, and the pre-candidate of thesis 9.6.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum RoleKind {
    /// Follows a leader, or waits for one.
    Follower,
    /// Asks whether it could win an election.
    PreCandidate,
    /// Stands for election.
    Candidate,
    /// Leads.
    Leader,
    /// Has stopped, see [`Effect::Halt`].
    Halted,
}

impl RoleKind {
    /// Its name, for people and metrics: `follower`, `pre-candidate`, `candidate`, `leader` or
    /// `halted`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Follower => "follower",
            Self::PreCandidate => "pre-candidate",
            Self::Candidate => "candidate",
            Self::Leader => "leader",
            Self::Halted => "halted",
        }
    }
}

/// Why a role changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// No leader was heard from within the election timeout.
    ElectionTimeout,
    /// A majority would vote for this server.
    PreVoteWon,
    /// The leader told this server to take over (thesis 3.10).
    LeaderAsked,
    /// A majority voted for this server.
    ElectionWon,
    /// A majority refused.
    ElectionLost,
    /// This server voted for another.
    VoteGranted,
    /// A leader of this term made itself known.
    LeaderFound,
    /// A message of a newer term arrived.
    NewerTerm,
    /// This leader heard from no majority within an election timeout (thesis 6.2).
    QuorumLost,
    /// This leader's disk has not answered for too long, see
    /// [`Config::disk_timeout`](crate::Config::disk_timeout).
    DiskHung,
    /// This leader belongs to the voters no more (thesis 4.2.2).
    Removed,
    /// A violation was found.
    Violation,
}

/// Evidence that a Raft property does not hold in this cluster (thesis Figure 3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Violation {
    /// Election Safety: two servers lead in one term.
    #[error("two leaders in term {}: {first} and {second}", term.0)]
    TwoLeaders {
        /// The term.
        term: Term,
        /// The leader known first.
        first: NodeId,
        /// The other one.
        second: NodeId,
    },
    /// State Machine Safety: a leader sent an entry that contradicts a committed one.
    #[error("a leader contradicts the committed entry {}", index.0)]
    CommittedConflict {
        /// The entry.
        index: Index,
    },
    /// Leader Append-Only: a leader replaced an entry that it had sent before.
    #[error("leader {leader} replaces its own entry {}", index.0)]
    LeaderRewrote {
        /// The leader.
        leader: NodeId,
        /// The entry.
        index: Index,
    },
    /// There is no term after the last one.
    #[error("terms are used up")]
    TermsExhausted,
}

/// Where [`Raft::step`](crate::Raft::step) puts its effects. Owned and reused by the driver.
#[derive(Default, Debug)]
pub struct Effects {
    queue: Vec<Effect>,
    /// Empty: memory that is lent to whoever steps.
    spare: Vec<Effect>,
}

impl Effects {
    /// Takes all effects, in order; keeps the allocation.
    pub fn drain(&mut self) -> vec::Drain<'_, Effect> {
        self.queue.drain(..)
    }

    /// Is there nothing to do?
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// A look at the effects, in order.
    pub fn as_slice(&self) -> &[Effect] {
        &self.queue
    }

    pub(crate) fn push(&mut self, effect: Effect) {
        self.queue.push(effect);
    }

    /// Takes all of `effects`, in order; leaves an empty vector with some allocation.
    pub(crate) fn append(&mut self, effects: &mut Vec<Effect>) {
        match self.queue.is_empty() {
            true => core::mem::swap(&mut self.queue, effects),
            false => self.queue.append(effects),
        }
    }

    /// Exchanges memory for a vector that is empty.
    pub(crate) fn lend(&mut self, empty: &mut Vec<Effect>) {
        core::mem::swap(&mut self.spare, empty);
    }
}

const _: () = assert!(size_of::<Effect>() <= 128);
const _: () = assert!(size_of::<crate::Event>() <= 128);
