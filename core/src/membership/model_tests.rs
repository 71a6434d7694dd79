//! Memberships and their majorities, against sets of servers: every quorum is tried.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::{Membership, MembershipError};
use crate::quorum::{VoteResult, committed, reached, vote_result};
use crate::types::{Index, NodeId};

/// Servers are 1 to this.
const SERVERS: u64 = 6;

fn ids(numbers: &BTreeSet<u64>) -> Vec<NodeId> {
    numbers.iter().filter_map(|&number| NodeId::new(number)).collect()
}

fn some(at_least: usize) -> impl Strategy<Value = BTreeSet<u64>> {
    prop::collection::btree_set(1..=SERVERS, at_least..5)
}

fn memberships() -> impl Strategy<Value = Membership> {
    (some(1), prop_oneof![Just(BTreeSet::new()), some(1)], some(0)).prop_map(
        |(voters, outgoing, learners)| {
            let learners = &learners - &voters;
            Membership::new(ids(&voters), ids(&outgoing), ids(&learners)).expect("a membership")
        },
    )
}

/// All sets of servers.
fn groups() -> impl Iterator<Item = Vec<NodeId>> {
    (0..1_u32 << SERVERS).map(|bits| {
        let numbers = (1..=SERVERS).filter(|number| bits & (1 << (number - 1)) != 0);
        numbers.filter_map(NodeId::new).collect()
    })
}

/// More than half of every half that there is.
fn is_quorum(membership: &Membership, group: &[NodeId]) -> bool {
    let is_majority = |half: &[NodeId]| {
        let there = half.iter().filter(|id| group.contains(id)).count();
        half.is_empty() || 2 * there > half.len()
    };
    is_majority(membership.voters()) && is_majority(membership.outgoing())
}

/// Do any two quorums of the two have a server in common?
fn overlap(one: &Membership, other: &Membership) -> bool {
    let quorums =
        |of: &Membership| groups().filter(|group| is_quorum(of, group)).collect::<Vec<_>>();
    let (ones, others) = (quorums(one), quorums(other));
    ones.iter().all(|one| others.iter().all(|other| one.iter().any(|id| other.contains(id))))
}

fn value(values: &[u64], id: NodeId) -> u64 {
    values[usize::try_from(id.get() - 1).expect("small")]
}

proptest! {
    #[test]
    fn what_a_quorum_has_is_committed_and_no_more(
        membership in memberships(),
        values in prop::collection::vec(0..5_u64, 6),
    ) {
        let has = |index: u64| {
            let members = membership.members().into_iter();
            let group: Vec<_> = members.filter(|&id| value(&values, id) >= index).collect();
            is_quorum(&membership, &group)
        };
        let naive = (0..=5).rev().find(|&index| has(index)).expect("all have nothing");
        prop_assert_eq!(committed(&membership, |id| Index(value(&values, id))), Index(naive));
        prop_assert_eq!(reached(&membership, |id| value(&values, id)), naive);
    }

    /// Won if it is whatever the others say, lost if it is not whatever they say.
    #[test]
    fn an_election_is_decided_when_those_who_are_silent_cannot_change_it(
        membership in memberships(),
        votes in prop::collection::vec(prop::option::of(any::<bool>()), 6),
    ) {
        let vote = |id: NodeId| votes[usize::try_from(id.get() - 1).expect("small")];
        let ends: BTreeSet<_> = groups()
            .filter(|yes| {
                let fits = |id| vote(id).is_none_or(|granted| granted == yes.contains(&id));
                (1..=SERVERS).filter_map(NodeId::new).all(fits)
            })
            .map(|yes| is_quorum(&membership, &yes))
            .collect();
        let naive = match (ends.contains(&true), ends.contains(&false)) {
            (true, false) => VoteResult::Won,
            (false, _) => VoteResult::Lost,
            (true, true) => VoteResult::Pending,
        };
        prop_assert_eq!(vote_result(&membership, vote), naive);
    }

    /// thesis 4.1: what changes by one voter needs no more than one entry.
    #[test]
    fn quorums_of_memberships_that_differ_in_one_voter_overlap(one in some(1), other in some(1)) {
        let of = |voters: &BTreeSet<u64>| Membership::of_voters(ids(voters)).expect("voters");
        let differ = one.symmetric_difference(&other).count();
        let (one, other) = (of(&one), of(&other));
        prop_assert_eq!(one.voters_that_differ(&other), differ);
        prop_assert!(differ > 1 || overlap(&one, &other));
    }

    /// thesis 4.3: on the way from any membership to any other every quorum meets those before and
    /// after it.
    #[test]
    fn quorums_of_two_majorities_overlap_with_those_of_each(before in some(1), after in some(1)) {
        let of = |voters: &BTreeSet<u64>| Membership::of_voters(ids(voters)).expect("voters");
        let (before, after) = (of(&before), of(&after));
        let joint = after.joint_with(&before);
        prop_assert!(overlap(&before, &joint) && overlap(&joint, &after));
        prop_assert_eq!(joint.without_outgoing(), after);
    }

    #[test]
    fn a_membership_is_its_three_sets(
        voters in prop::collection::vec(1..=SERVERS, 0..5),
        outgoing in prop::collection::vec(1..=SERVERS, 0..5),
        learners in prop::collection::vec(1..=SERVERS, 0..5),
    ) {
        let node = |&id: &u64| NodeId::new(id).expect("not zero");
        let lists = [&voters, &outgoing, &learners];
        let lists = lists.map(|list| list.iter().map(node).collect::<Vec<_>>());
        let sets = lists.each_ref().map(|list| list.iter().copied().collect::<BTreeSet<_>>());
        let is_twice = lists.iter().zip(&sets).any(|(list, set)| list.len() != set.len());
        let [voters, outgoing, learners] = lists;
        match Membership::new(voters, outgoing, learners) {
            Err(MembershipError::Duplicate(id)) => {
                prop_assert!(is_twice && sets.iter().any(|set| set.contains(&id)));
            }
            Err(MembershipError::NoVoters) => prop_assert!(sets[0].is_empty()),
            Err(MembershipError::VoterAndLearner(id)) => {
                prop_assert!(sets[0].contains(&id) && sets[2].contains(&id));
            }
            Err(why) => prop_assert!(false, "there are few, and no addresses: {}", why),
            Ok(membership) => {
                prop_assert!(!is_twice && !sets[0].is_empty() && sets[0].is_disjoint(&sets[2]));
                let all: BTreeSet<_> = sets.iter().flatten().copied().collect();
                prop_assert_eq!(membership.members(), all.into_iter().collect::<Vec<_>>());
                prop_assert_eq!(membership.is_joint(), !sets[1].is_empty());
                for id in (1..=SERVERS).filter_map(NodeId::new) {
                    let votes = sets[0].contains(&id) || sets[1].contains(&id);
                    prop_assert_eq!(membership.is_voter(id), votes);
                    prop_assert_eq!(membership.is_member(id), votes || sets[2].contains(&id));
                }
            }
        }
    }

    #[test]
    fn newcomers_become_learners_once(membership in memberships(), newcomers in some(0)) {
        let voters: BTreeSet<_> = membership.voters().iter().copied().collect();
        let newcomers: BTreeSet<_> =
            ids(&newcomers).into_iter().filter(|id| !voters.contains(id)).collect();
        let learners = membership.learners().iter().chain(&newcomers).copied();
        let learners: BTreeSet<_> = learners.collect();
        let more = membership.with_learners(newcomers.into_iter(), &membership);
        prop_assert_eq!(more.learners(), learners.into_iter().collect::<Vec<_>>());
        prop_assert_eq!(more.voters(), membership.voters());
        prop_assert_eq!(more.outgoing(), membership.outgoing());
    }
}
