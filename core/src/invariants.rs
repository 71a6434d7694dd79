//! Everything that must hold of one server after any step, in one place. Tests, the simulator and
//! the fuzzers check it after every step; the cheap part is also asserted by the core itself.
//!
//! What must hold of all servers together (thesis Figure 3.2) needs a view of all of them, and is
//! checked where there is one.

use core::fmt;

use crate::effect::{HardState, RoleKind};
use crate::raft::{PeerMode, Progress, Raft, Status};
use crate::types::{Index, LogId};

/// A statement about one server that did not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// The statement.
    pub statement: &'static str,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invariant broken: {}", self.statement)
    }
}

impl core::error::Error for Broken {}

/// Watches one life of one server: a crash may take back what was not durable.
///
/// ```
/// use quorate_core::{invariants::Watch, *};
/// let id = NodeId::new(1).unwrap();
/// let alone = Recovered::genesis(Membership::of_voters([id])?);
/// let mut raft = Raft::new(Config::new(id), alone, Instant(0))?;
/// let mut watch = Watch::new(&raft);
/// raft.step(raft.deadline().unwrap(), Event::Timeout, &mut Effects::default());
/// watch.check(&raft)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Watch {
    before: Seen,
}

/// What is remembered from one step to the next.
#[derive(Clone, Debug)]
struct Seen {
    hard_state: HardState,
    role: RoleKind,
    last: LogId,
    commit: LogId,
    peers: alloc::vec::Vec<Progress>,
}

impl Seen {
    fn of(raft: &Raft) -> Self {
        let Status { hard_state, role, last, commit, peers, .. } = raft.status();
        let term = raft.term(commit).unwrap_or_default();
        let commit = LogId { term, index: commit };
        Self { hard_state, role, last, commit, peers: peers.to_vec() }
    }
}

impl Watch {
    /// Starts watching.
    pub fn new(raft: &Raft) -> Self {
        Self { before: Seen::of(raft) }
    }

    /// Checks what must hold now, and what must hold since the last check.
    ///
    /// # Errors
    /// The first statement that does not hold.
    pub fn check(&mut self, raft: &Raft) -> Result<(), Broken> {
        let now = Seen::of(raft);
        check_now(raft)?;
        check_since(&self.before, &now, raft)?;
        self.before = now;
        Ok(())
    }
}

fn check_now(raft: &Raft) -> Result<(), Broken> {
    let status = raft.status();
    let Status { id, role, hard_state, snapshot, last, durable, commit, .. } = status;
    let rules = [
        ("the snapshot is committed", snapshot.index <= commit),
        ("the log reaches back to the snapshot", status.base.index <= snapshot.index),
        ("what is committed is in the log", commit <= last.index),
        ("what is durable is in the log", durable <= last.index),
        ("no entry is of a term to come", last.term <= hard_state.term),
        (
            "the log's end has the term that the trail says",
            raft.term(last.index) == Some(last.term),
        ),
        ("only a leader has peers", role == RoleKind::Leader || status.peers.is_empty()),
        ("a leader voted for itself", role != RoleKind::Leader || hard_state.vote == Some(id)),
        (
            "a candidate voted for itself",
            role != RoleKind::Candidate || hard_state.vote == Some(id),
        ),
        ("a leader knows itself", (status.leader == Some(id)) == (role == RoleKind::Leader)),
        ("who has halted says why", (role == RoleKind::Halted) == status.violation.is_some()),
        (
            "who has halted waits for nothing",
            (role == RoleKind::Halted) == raft.deadline().is_none(),
        ),
        (
            "whoever may have forgotten has no say",
            !hard_state.is_forgetful || matches!(role, RoleKind::Follower | RoleKind::Halted),
        ),
        ("orders leave nothing behind", role == RoleKind::Halted || raft.is_settled()),
    ];
    all(&rules)?;
    if role == RoleKind::Leader {
        all(&[
            ("a leader's log ends in its term", last.term == hard_state.term),
            ("every other member is a peer", is_everybody_a_peer(&status)),
        ])?;
    }
    status.peers.iter().try_for_each(|peer| check_peer(peer, last.index))
}

fn is_everybody_a_peer(status: &Status<'_>) -> bool {
    let others = status.membership.members().into_iter().filter(|&id| id != status.id);
    let mut peers = status.peers.iter().filter(|peer| !peer.is_leaving()).map(Progress::id);
    others.eq(peers.by_ref())
}

fn check_peer(peer: &Progress, last: Index) -> Result<(), Broken> {
    all(&[
        ("a peer matches before what it is sent next", peer.match_index() < peer.next_index()),
        ("a peer is sent what is in the log", peer.next_index() <= last.next()),
        (
            "only what streams is under way",
            matches!(peer.mode(), PeerMode::Replicate | PeerMode::Fetching)
                || peer.inflight_messages() == 0,
        ),
        (
            "a snapshot is offered to whom it is kept for",
            (peer.mode() == PeerMode::Snapshot) == peer.offered().is_some(),
        ),
        (
            "what costs is under way",
            (peer.inflight_messages() == 0) == (peer.inflight_bytes() == 0),
        ),
    ])
}

fn check_since(before: &Seen, now: &Seen, raft: &Raft) -> Result<(), Broken> {
    let is_same_term = before.hard_state.term == now.hard_state.term;
    let (was, is) = (before.role, now.role);
    all(&[
        ("terms only rise", before.hard_state.term <= now.hard_state.term),
        (
            "a vote is never taken back",
            !is_same_term
                || before.hard_state.vote.is_none()
                || before.hard_state.vote == now.hard_state.vote,
        ),
        ("the commit index only rises", before.commit.index <= now.commit.index),
        (
            "what is committed stays",
            raft.term(before.commit.index).is_none_or(|term| term == before.commit.term),
        ),
        (
            "a leader only appends",
            !(is_same_term && was == RoleKind::Leader) || before.last <= now.last,
        ),
        (
            "leadership of a term is not won twice",
            !(is_same_term && was == RoleKind::Leader)
                || matches!(
                    is,
                    RoleKind::Leader
                        | RoleKind::Follower
                        | RoleKind::PreCandidate
                        | RoleKind::Halted
                ),
        ),
        ("who has halted stays so", was != RoleKind::Halted || is == RoleKind::Halted),
    ])?;
    let mut pairs =
        before.peers.iter().zip(&now.peers).filter(|(old, new)| old.is_same_replication(new));

    all(&[(
        "what a peer matches only rises",
        pairs.all(|(old, new)| old.match_index() <= new.match_index()),
    )])
}

fn all(rules: &[(&'static str, bool)]) -> Result<(), Broken> {
    match rules.iter().find(|rule| !rule.1) {
        Some(&(statement, _)) => Err(Broken { statement }),
        None => Ok(()),
    }
}
