//! The roles of thesis Figure 3.3, each with the state that exists only in it.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::lease::LeaseState;
use super::progress::Progress;
use super::reads::Reads;
use super::reconfigure::Reconfiguration;
use super::time::TimeLed;
use super::transfer::Transfer;
use crate::effect::{RoleKind, Violation};
use crate::types::{Index, Instant, NodeId, ReplicationId, Round};

/// What a server is.
///
/// ```text
///             timeout               majority would vote         majority voted
///   Follower ─────────► PreCandidate ─────────────────► Candidate ────────────► Leader
///      ▲  ▲                  │                              │                     │
///      │  └──── refused, a vote for another, or a leader ───┘                     │
///      └──────────────── a newer term, no majority answers, or the disk hangs ────┘
/// ```
#[derive(Clone, Debug)]
pub(super) enum Role {
    Follower(Follower),
    PreCandidate(Election),
    Candidate(Election),
    /// Boxed, because most servers of many groups follow.
    Leader(Box<Leader>),
    Halted(Violation),
}

impl Role {
    pub(super) fn kind(&self) -> RoleKind {
        match self {
            Self::Follower(_) => RoleKind::Follower,
            Self::PreCandidate(_) => RoleKind::PreCandidate,
            Self::Candidate(_) => RoleKind::Candidate,
            Self::Leader(_) => RoleKind::Leader,
            Self::Halted(_) => RoleKind::Halted,
        }
    }
}

/// A follower, of a leader or of nobody yet.
#[derive(Clone, Debug)]
pub(super) struct Follower {
    /// When the follower loses patience.
    pub(super) deadline: Instant,
    pub(super) following: Option<Following>,
}

/// What a follower knows of its leader of this term.
#[derive(Clone, Copy, Debug)]
pub(super) struct Following {
    pub(super) leader: NodeId,
    /// When the leader was last heard from.
    pub(super) heard: Instant,
    /// The log is known to equal the leader's up to here.
    pub(super) matched: Index,
    /// The last entry of the snapshot that the driver was told to fetch; 0 for none.
    pub(super) fetching: Index,
    /// The newest match that the leader was told.
    pub(super) acked: Index,
    /// Does the leader wait for an answer even if there is no news?
    pub(super) is_answer_owed: bool,
    /// Of the newest message, for the answer.
    pub(super) replication: ReplicationId,
    pub(super) round: Round,
}

/// A campaign, asked for or real.
#[derive(Clone, Debug)]
pub(super) struct Election {
    /// When the campaign has failed.
    pub(super) deadline: Instant,
    /// Who has answered, and how.
    pub(super) votes: Vec<(NodeId, bool)>,
}

impl Election {
    pub(super) fn vote(&self, id: NodeId) -> Option<bool> {
        self.votes.iter().find(|vote| vote.0 == id).map(|vote| vote.1)
    }

    /// The first answer of a server counts, whatever else it says.
    pub(super) fn record(&mut self, id: NodeId, granted: bool) {
        if self.vote(id).is_none() {
            self.votes.push((id, granted));
        }
    }
}

/// A leader.
#[derive(Clone, Debug)]
pub(super) struct Leader {
    /// When the next heartbeat is due.
    pub(super) heartbeat_at: Instant,
    /// The first entry of this leader's term: its no-op.
    pub(super) noop: Index,
    /// All peers, by id.
    pub(super) peers: Vec<Progress>,
    /// The newest round of heartbeats.
    pub(super) round: Round,
    /// Is a round of heartbeats due?
    pub(super) is_round_owed: bool,
    pub(super) reads: Reads,
    /// If leaders have leases.
    pub(super) lease: Option<Box<LeaseState>>,
    /// If leaders write the time down.
    pub(super) time: Option<Box<TimeLed>>,
    /// The leader is about to hand over.
    pub(super) transfer: Option<Box<Transfer>>,
    /// The membership is about to change.
    pub(super) change: Option<Box<Reconfiguration>>,
    /// When the newest membership of this leader's own came to rule, or the leadership began.
    pub(super) membership_since: Instant,
    /// Cost of what this leader accepted and has not committed, or not on its own disk: for each
    /// settled batch its last index and its cost, and the sum.
    pub(super) uncommitted: VecDeque<(Index, u64)>,
    pub(super) uncommitted_bytes: u64,
    /// Cost of what was accepted since the last settling.
    pub(super) unsettled_bytes: u64,
}

impl Leader {
    pub(super) fn peer_mut(&mut self, id: NodeId) -> Option<&mut Progress> {
        let at = self.peers.binary_search_by_key(&id, |peer| peer.id).ok()?;
        Some(&mut self.peers[at])
    }

    pub(super) fn peer(&self, id: NodeId) -> Option<&Progress> {
        Progress::of(&self.peers, id)
    }
}
