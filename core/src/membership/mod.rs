//! Who belongs to the cluster (the thesis's "configuration": here *configuration* is tuning).

mod record;

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::types::NodeId;

pub use record::MembershipRecord;
pub(crate) use record::{decode, encode};

/// The members of one group. Immutable; the lists are sorted.
///
/// While a change is under way two majorities rule together: `voters` is the half that the group
/// moves to (C_new) and `outgoing` the half that it leaves (C_old, thesis 4.3); `outgoing` is
/// empty otherwise. `learners` receive the log and do not vote (the thesis's non-voting members,
/// 4.2.1); one that is still in `outgoing` votes until the change is complete.
///
/// ```
/// use quorate_core::{Membership, NodeId};
/// let ids = [1, 2, 3].map(|id| NodeId::new(id).unwrap());
/// let three = Membership::of_voters(ids)?;
/// assert!(three.is_voter(ids[0]) && !three.is_joint());
/// # Ok::<(), quorate_core::MembershipError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "RawMembership")]
pub struct Membership {
    voters: Vec<NodeId>,
    outgoing: Vec<NodeId>,
    learners: Vec<NodeId>,
}

/// Why lists of servers are no membership.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MembershipError {
    /// A group of nobody can decide nothing.
    #[error("a membership needs at least one voter")]
    NoVoters,
    /// A list names a server twice.
    #[error("server {0} is named twice")]
    Duplicate(NodeId),
    /// A server cannot both vote and not vote in the membership that the group moves to.
    #[error("server {0} is both voter and learner")]
    VoterAndLearner(NodeId),
    /// More than [`Membership::VOTERS_MAX`] voters or [`Membership::LEARNERS_MAX`] learners.
    #[error("{count} members exceed the limit of {max}")]
    TooMany {
        /// How many were given.
        count: usize,
        /// How many are allowed.
        max: usize,
    },
}

impl Membership {
    /// The most voters in one half; larger groups replicate to learners.
    pub const VOTERS_MAX: usize = 31;
    /// The most learners.
    pub const LEARNERS_MAX: usize = 96;

    /// A membership that is not in change and has no learners.
    ///
    /// # Errors
    /// See [`MembershipError`].
    pub fn of_voters(voters: impl IntoIterator<Item = NodeId>) -> Result<Self, MembershipError> {
        Self::new(voters, [], [])
    }

    /// A membership of the three lists, in any order.
    ///
    /// # Errors
    /// See [`MembershipError`].
    pub fn new(
        voters: impl IntoIterator<Item = NodeId>,
        outgoing: impl IntoIterator<Item = NodeId>,
        learners: impl IntoIterator<Item = NodeId>,
    ) -> Result<Self, MembershipError> {
        let voters = sorted(voters, Self::VOTERS_MAX)?;
        let outgoing = sorted(outgoing, Self::VOTERS_MAX)?;
        let learners = sorted(learners, Self::LEARNERS_MAX)?;
        if voters.is_empty() {
            return Err(MembershipError::NoVoters);
        }
        match learners.iter().find(|id| voters.binary_search(id).is_ok()) {
            Some(&both) => Err(MembershipError::VoterAndLearner(both)),
            None => Ok(Self { voters, outgoing, learners }),
        }
    }

    /// The voters of the half that rules alone once no change is under way (C_new).
    pub fn voters(&self) -> &[NodeId] {
        &self.voters
    }

    /// The voters of the half that the group is leaving (C_old); empty if no change is under way.
    pub fn outgoing(&self) -> &[NodeId] {
        &self.outgoing
    }

    /// Servers that receive the log without a vote.
    pub fn learners(&self) -> &[NodeId] {
        &self.learners
    }

    /// Do two majorities rule?
    pub fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Does `id` have a vote in either half?
    pub fn is_voter(&self, id: NodeId) -> bool {
        self.voters.binary_search(&id).is_ok() || self.outgoing.binary_search(&id).is_ok()
    }

    /// Does `id` receive the log?
    pub fn is_member(&self, id: NodeId) -> bool {
        self.is_voter(id) || self.learners.binary_search(&id).is_ok()
    }

    /// Everybody who receives the log, each once, in order.
    pub fn members(&self) -> Vec<NodeId> {
        let mut all: Vec<_> =
            [&self.voters, &self.outgoing, &self.learners].into_iter().flatten().copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Ways from one membership to another (thesis 4).
impl Membership {
    /// What rules after two majorities have: the half that the group moves to.
    pub(crate) fn without_outgoing(&self) -> Self {
        Self { outgoing: Vec::new(), ..self.clone() }
    }

    /// With these as learners too.
    pub(crate) fn with_learners(&self, newcomers: impl Iterator<Item = NodeId>) -> Self {
        let mut learners: Vec<_> = self.learners.iter().copied().chain(newcomers).collect();
        learners.sort_unstable();
        learners.dedup();
        Self { learners, ..self.clone() }
    }

    /// On the way here from `before`: both majorities rule.
    pub(crate) fn joint_with(&self, before: &Self) -> Self {
        Self { outgoing: before.voters.clone(), ..self.clone() }
    }

    /// How many vote in one of the two only.
    pub(crate) fn voters_that_differ(&self, other: &Self) -> usize {
        let missing = |of: &Self, from: &Self| {
            of.voters.iter().filter(|id| from.voters.binary_search(id).is_err()).count()
        };
        missing(self, other) + missing(other, self)
    }
}

fn sorted(
    ids: impl IntoIterator<Item = NodeId>,
    max: usize,
) -> Result<Vec<NodeId>, MembershipError> {
    let mut ids: Vec<_> = ids.into_iter().collect();
    if ids.len() > max {
        return Err(MembershipError::TooMany { count: ids.len(), max });
    }
    ids.sort_unstable();
    match ids.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(MembershipError::Duplicate(pair[0])),
        None => Ok(ids),
    }
}

/// The lists as they stand on a wire or a disk, before anybody has looked at them.
#[derive(Deserialize)]
struct RawMembership {
    voters: Vec<NodeId>,
    outgoing: Vec<NodeId>,
    learners: Vec<NodeId>,
}

impl TryFrom<RawMembership> for Membership {
    type Error = MembershipError;

    fn try_from(raw: RawMembership) -> Result<Self, MembershipError> {
        Self::new(raw.voters, raw.outgoing, raw.learners)
    }
}
