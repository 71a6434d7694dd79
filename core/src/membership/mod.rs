//! Who belongs to the cluster (the thesis's "configuration": here *configuration* is tuning).

#[cfg(test)]
mod model_tests;
mod record;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::types::NodeId;
use crate::wire::Address;

pub use record::MembershipRecord;
pub(crate) use record::{decode, encode};

/// The members of one group. Immutable; the lists are sorted.
///
/// While a change is under way two majorities rule together: `voters` is the half that the group
/// moves to (C_new) and `outgoing` the half that it leaves (C_old, thesis 4.3); `outgoing` is
/// empty otherwise. `learners` receive the log and do not vote (the thesis's non-voting members,
/// 4.2.1); one that is still in `outgoing` votes until the change is complete.
///
/// `reserves` stand by: they receive nothing, and may become learners (the reserve members of
/// Copycat). One that is still in `outgoing` votes until the change is complete. Nothing that Raft
/// decides depends on them.
///
/// `addresses` say where members and reserves can be reached: hints, for any of them, which nothing
/// that Raft decides depends on.
///
/// ```
/// use quorate_core::{Membership, NodeId};
/// let ids = [1, 2, 3].map(|id| NodeId::new(id).unwrap());
/// let three = Membership::of_voters(ids)?;
/// assert!(three.is_voter(ids[0]) && !three.is_joint());
/// # Ok::<(), quorate_core::MembershipError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Membership {
    /// Voters, outgoing voters, learners and reserves, one list after the other: there may be very
    /// many groups, and each server holds this for each of its own.
    ids: Box<[NodeId]>,
    /// Where each list but the last ends.
    ends: [u8; 3],
    addresses: Box<[(NodeId, Address)]>,
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
    /// A server cannot both stand by and receive the log in the membership that the group moves to.
    #[error("server {0} is both member and reserve")]
    MemberAndReserve(NodeId),
    /// More than [`Membership::VOTERS_MAX`] voters, [`Membership::LEARNERS_MAX`] learners or
    /// [`Membership::RESERVES_MAX`] reserves.
    #[error("{count} servers exceed the limit of {max}")]
    TooMany {
        /// How many were given.
        count: usize,
        /// How many are allowed.
        max: usize,
    },
    /// An address of somebody who neither belongs to the group nor stands by.
    #[error("an address of server {0}, which is no member")]
    AddressOfStranger(NodeId),
    /// A server has two addresses.
    #[error("two addresses of server {0}")]
    TwoAddresses(NodeId),
}

impl Membership {
    /// The most voters in one half; larger groups replicate to learners.
    pub const VOTERS_MAX: usize = 31;
    /// The most learners.
    pub const LEARNERS_MAX: usize = 96;
    /// The most reserves.
    pub const RESERVES_MAX: usize = 96;

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
            None => Ok(Self::of_lists([&voters, &outgoing, &learners, &[]])),
        }
    }

    /// The four lists, sorted; no addresses.
    fn of_lists(lists: [&[NodeId]; 4]) -> Self {
        let end = |list| lists.iter().take(list).map(|list| list.len()).sum::<usize>();
        let ends = [1, 2, 3].map(|list| u8::try_from(end(list)).expect("within the limits"));
        Self { ids: lists.concat().into(), ends, addresses: Box::default() }
    }

    fn lists(&self) -> [&[NodeId]; 4] {
        let [voters, outgoing, learners] = self.ends.map(usize::from);
        let ids = &self.ids;
        [&ids[..voters], &ids[voters..outgoing], &ids[outgoing..learners], &ids[learners..]]
    }

    /// The same members, with these in reserve, in any order; who was so before is forgotten, and so
    /// are all addresses.
    ///
    /// # Errors
    /// If one is named twice, votes or learns, or if there are too many.
    pub fn with_reserves(
        self,
        reserves: impl IntoIterator<Item = NodeId>,
    ) -> Result<Self, MembershipError> {
        let reserves = sorted(reserves, Self::RESERVES_MAX)?;
        let [voters, outgoing, learners, _] = self.lists();
        let is_needed = |id: &NodeId| voters.contains(id) || learners.contains(id);
        match reserves.iter().copied().find(is_needed) {
            Some(both) => Err(MembershipError::MemberAndReserve(both)),
            None => Ok(Self::of_lists([voters, outgoing, learners, &reserves])),
        }
    }

    /// The same servers, who can be reached at these addresses, in any order; what was known before
    /// is forgotten.
    ///
    /// # Errors
    /// If one is of neither member nor reserve, or one of two of the same.
    pub fn with_addresses(
        mut self,
        addresses: impl IntoIterator<Item = (NodeId, Address)>,
    ) -> Result<Self, MembershipError> {
        self.addresses = addresses.into_iter().collect();
        self.addresses.sort_unstable();
        let is_known = |id| self.is_member(id) || self.is_reserve(id);
        if let Some(one) = self.addresses.iter().find(|one| !is_known(one.0)) {
            return Err(MembershipError::AddressOfStranger(one.0));
        }
        match self.addresses.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(MembershipError::TwoAddresses(pair[0].0)),
            None => Ok(self),
        }
    }

    /// The voters of the half that rules alone once no change is under way (C_new).
    pub fn voters(&self) -> &[NodeId] {
        self.lists()[0]
    }

    /// The voters of the half that the group is leaving (C_old); empty if no change is under way.
    pub fn outgoing(&self) -> &[NodeId] {
        self.lists()[1]
    }

    /// Servers that receive the log without a vote.
    pub fn learners(&self) -> &[NodeId] {
        self.lists()[2]
    }

    /// Servers that stand by.
    pub fn reserves(&self) -> &[NodeId] {
        self.lists()[3]
    }

    /// Where members and reserves can be reached, by id; not all of them, perhaps.
    pub fn addresses(&self) -> &[(NodeId, Address)] {
        &self.addresses
    }

    /// Where `id` can be reached, if it is said.
    pub fn address(&self, id: NodeId) -> Option<&Address> {
        let at = self.addresses.binary_search_by_key(&id, |one| one.0).ok()?;
        Some(&self.addresses[at].1)
    }

    /// Do two majorities rule?
    pub fn is_joint(&self) -> bool {
        !self.outgoing().is_empty()
    }

    /// Does `id` have a vote in either half?
    pub fn is_voter(&self, id: NodeId) -> bool {
        self.voters().binary_search(&id).is_ok() || self.outgoing().binary_search(&id).is_ok()
    }

    /// Does `id` receive the log?
    pub fn is_member(&self, id: NodeId) -> bool {
        self.is_voter(id) || self.learners().binary_search(&id).is_ok()
    }

    /// Does `id` stand by?
    pub fn is_reserve(&self, id: NodeId) -> bool {
        self.reserves().binary_search(&id).is_ok()
    }

    /// Everybody who receives the log, each once, in order.
    pub fn members(&self) -> Vec<NodeId> {
        let mut all = self.ids[..usize::from(self.ends[2])].to_vec();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Reserves and addresses are left out where there are none.
impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Membership");
        let [voters, outgoing, learners, reserves] = self.lists();
        text.field("voters", &voters).field("outgoing", &outgoing).field("learners", &learners);
        if !reserves.is_empty() {
            text.field("reserves", &reserves);
        }
        if !self.addresses.is_empty() {
            text.field("addresses", &self.addresses);
        }
        text.finish()
    }
}

/// Ways from one membership to another (thesis 4).
impl Membership {
    /// What rules after two majorities have: the half that the group moves to.
    pub(crate) fn without_outgoing(&self) -> Self {
        let [voters, _, learners, reserves] = self.lists();
        Self::of_lists([voters, &[], learners, reserves]).reached_at(&[self])
    }

    /// With these as learners too, on the way to `target`, which says where they can be reached.
    pub(crate) fn with_learners(
        &self,
        newcomers: impl Iterator<Item = NodeId>,
        target: &Self,
    ) -> Self {
        let [voters, outgoing, learners, reserves] = self.lists();
        let mut learners: Vec<_> = learners.iter().copied().chain(newcomers).collect();
        learners.sort_unstable();
        learners.dedup();
        let mut reserves = reserves.to_vec();
        reserves.retain(|id| learners.binary_search(id).is_err());
        Self::of_lists([voters, outgoing, &learners, &reserves]).reached_at(&[self, target])
    }

    /// On the way here from `before`: both majorities rule.
    pub(crate) fn joint_with(&self, before: &Self) -> Self {
        let [voters, _, learners, reserves] = self.lists();
        Self::of_lists([voters, before.voters(), learners, reserves]).reached_at(&[self, before])
    }

    /// Everybody at the address that the first of `sources` to know one says.
    fn reached_at(mut self, sources: &[&Self]) -> Self {
        let address = |id: NodeId| sources.iter().find_map(|source| source.address(id));
        let mut known = self.members();
        known.extend(self.reserves());
        known.sort_unstable();
        known.dedup();
        let addresses = known.into_iter().filter_map(|id| Some((id, address(id)?.clone())));
        self.addresses = addresses.collect();
        self
    }

    /// How many vote in one of the two only.
    pub(crate) fn voters_that_differ(&self, other: &Self) -> usize {
        let missing = |of: &Self, from: &Self| {
            of.voters().iter().filter(|id| from.voters().binary_search(id).is_err()).count()
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

/// As its record: one way to say it, which is looked at before anything is made of it.
impl Serialize for Membership {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&encode(self))
    }
}

impl<'de> Deserialize<'de> for Membership {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = <&[u8]>::deserialize(deserializer)?;
        record::only(bytes).ok_or_else(|| D::Error::custom("no membership"))
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec;

    use super::*;

    fn ids(ids: &[u64]) -> Vec<NodeId> {
        ids.iter().filter_map(|&id| NodeId::new(id)).collect()
    }

    /// Voters, who can be reached at a host of this name.
    fn at(voters: &[u64], host: &str) -> Membership {
        let address = |id| (id, Address::new(format!("{host}:{id}")).expect("an address"));
        let of_voters = Membership::of_voters(ids(voters)).expect("voters");
        of_voters.with_addresses(ids(voters).into_iter().map(address)).expect("of members")
    }

    fn said(membership: &Membership) -> Vec<(u64, &str)> {
        membership.addresses().iter().map(|one| (one.0.get(), one.1.as_str())).collect()
    }

    #[test]
    fn addresses_are_of_members_and_each_has_one() {
        let address =
            |id: u64, text: &str| (ids(&[id])[0], Address::new(text.into()).expect("one"));
        let three = Membership::of_voters(ids(&[1, 2, 3])).expect("voters");
        let sorted = three.clone().with_addresses([address(3, "c"), address(1, "a")]);
        assert_eq!(
            sorted.map(|it| it.addresses().to_vec()),
            Ok(vec![address(1, "a"), address(3, "c")])
        );
        let stranger = three.clone().with_addresses([address(4, "d")]);
        assert_eq!(stranger, Err(MembershipError::AddressOfStranger(ids(&[4])[0])));
        let twice = three.with_addresses([address(2, "a"), address(2, "b")]);
        assert_eq!(twice, Err(MembershipError::TwoAddresses(ids(&[2])[0])));
    }

    #[test]
    fn a_reserve_is_nothing_else_but_a_voter_that_leaves() {
        let two = Membership::new(ids(&[1, 2]), ids(&[1, 3]), ids(&[4])).expect("joint");
        let error = |id| Err(MembershipError::MemberAndReserve(ids(&[id])[0]));
        for id in [1, 4] {
            assert_eq!(two.clone().with_reserves(ids(&[9, id])), error(id));
        }
        let three = two.clone().with_reserves(ids(&[9, 3])).expect("it only leaves");
        assert_eq!((three.reserves(), three.is_reserve(ids(&[3])[0])), (&*ids(&[3, 9]), true));
        let twice = Err(MembershipError::Duplicate(ids(&[9])[0]));
        assert_eq!(two.clone().with_reserves(ids(&[9, 9])), twice);
        let max = Membership::RESERVES_MAX;
        let many = two.with_reserves(ids(&(100..=100 + max as u64).collect::<Vec<_>>()));
        assert_eq!(many, Err(MembershipError::TooMany { count: max + 1, max }));
        assert_eq!(three.members(), ids(&[1, 2, 3, 4]), "it receives nothing");
        assert!(format!("{three:?}").contains("reserves"));
    }

    #[test]
    fn a_reserve_takes_part_and_one_that_leaves_stands_by() {
        let all = |voters: &[u64], reserves: &[u64]| {
            let address =
                |id: NodeId| (id, Address::new(format!("host:{id}")).expect("an address"));
            let membership = Membership::of_voters(ids(voters)).expect("voters");
            let membership = membership.with_reserves(ids(reserves)).expect("others");
            let known = [voters, reserves].concat();
            membership.with_addresses(ids(&known).into_iter().map(address)).expect("of theirs")
        };
        let (before, target) = (all(&[1, 2, 3], &[4, 5]), all(&[1, 2, 4], &[3, 5]));
        let learning = before.with_learners(ids(&[4]).into_iter(), &target);
        assert_eq!((learning.learners(), learning.reserves()), (&*ids(&[4]), &*ids(&[5])));
        assert_eq!(said(&learning).len(), 5);
        let joint = target.joint_with(&learning);
        assert_eq!((joint.outgoing(), joint.reserves()), (&*ids(&[1, 2, 3]), &*ids(&[3, 5])));
        assert_eq!(joint.without_outgoing(), target);
    }

    #[test]
    fn addresses_go_all_the_way_of_a_change_and_no_further() {
        let (before, target) = (at(&[1, 2, 3], "old"), at(&[3, 4], "new"));
        let learning = before.with_learners(ids(&[4]).into_iter(), &target);
        assert_eq!(said(&learning), [(1, "old:1"), (2, "old:2"), (3, "old:3"), (4, "new:4")]);
        let joint = target.joint_with(&learning);
        assert_eq!(said(&joint), [(1, "old:1"), (2, "old:2"), (3, "new:3"), (4, "new:4")]);
        assert_eq!(joint.without_outgoing(), target);
    }
}
