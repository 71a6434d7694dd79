//! The trail of terms, and who belonged to the cluster when, each against a list of all entries.

use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::members::Members;
use super::trail::Trail;
use crate::entry::{Entries, Entry, Payload, System};
use crate::membership::{Membership, MembershipRecord};
use crate::recovered::SnapshotMeta;
use crate::types::{Index, LogId, NodeId, Term};

/// What the log starts after.
const BASE: LogId = LogId { term: Term(2), index: Index(5) };

#[derive(Clone, Debug)]
enum Step {
    /// Append one entry, of this many terms later.
    Push(u64),
    /// Append a run of entries, each of so many terms later than the one before.
    Extend(Vec<u64>),
    /// Forget so many of the last entries.
    Truncate(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..3_u64).prop_map(Step::Push),
        3 => prop::collection::vec(0..2_u64, 0..6).prop_map(Step::Extend),
        2 => (0..8_usize).prop_map(Step::Truncate),
    ];
    prop::collection::vec(step, 0..40)
}

/// The ids of all entries, and of the position before them.
struct Naive(Vec<LogId>);

impl Naive {
    fn last(&self) -> LogId {
        self.0[self.0.len() - 1]
    }

    fn push(&mut self, terms_later: u64) -> LogId {
        let LogId { term, index } = self.last();
        let id = LogId { term: Term(term.0 + terms_later), index: index.next() };
        self.0.push(id);
        id
    }

    fn get(&self, index: Index) -> Option<LogId> {
        self.0.iter().copied().find(|id| id.index == index)
    }
}

fn apply(trail: &mut Trail, naive: &mut Naive, step: &Step) {
    match step {
        Step::Push(terms) => trail.push(naive.push(*terms)),
        Step::Extend(terms) => {
            let entry = |id| Entry { id, payload: Payload::NOOP };
            let run: Vec<_> = terms.iter().map(|&terms| entry(naive.push(terms))).collect();
            trail.extend(&Entries::new(run).expect("a run"));
        }
        Step::Truncate(count) => {
            let kept = naive.0.len().saturating_sub(*count).max(1);
            naive.0.truncate(kept);
            trail.truncate(naive.last().index);
        }
    }
}

/// The log of memberships that a naive server would keep: one for each entry that says one.
#[derive(Clone, Debug)]
enum Turn {
    /// An entry that says who belongs to the cluster.
    Says(Vec<u64>),
    /// Any other entry.
    Other,
    /// So many of the last entries are forgotten.
    Cut(usize),
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let voters = prop::collection::btree_set(1..6_u64, 1..4);
    let turn = prop_oneof![
        2 => voters.prop_map(|voters| Turn::Says(voters.into_iter().collect())),
        2 => Just(Turn::Other),
        1 => (0..6_usize).prop_map(Turn::Cut),
    ];
    prop::collection::vec(turn, 0..40)
}

fn of(voters: &[u64]) -> Membership {
    let ids = voters.iter().filter_map(|&id| NodeId::new(id));
    Membership::of_voters(ids).expect("voters")
}

/// The memberships that entries say, in order, each with its entry.
fn said(log: &[Option<Membership>]) -> Vec<(&Membership, Index)> {
    let all = log.iter().zip(BASE.index.0..);
    all.filter_map(|(said, index)| Some((said.as_ref()?, Index(index)))).collect()
}

/// What the log starts after, of these founders.
fn snapshot_of(founders: Membership) -> SnapshotMeta {
    SnapshotMeta { last_included: BASE, membership_at: BASE, membership: founders }
}

proptest! {
    #[test]
    fn a_trail_is_what_a_list_of_all_entries_is(steps in steps()) {
        let (mut trail, mut naive) = (Trail::new(BASE, vec![], BASE), Naive(vec![BASE]));
        for step in &steps {
            apply(&mut trail, &mut naive, step);
            prop_assert_eq!((trail.base(), trail.last()), (BASE, naive.last()));
            for index in (0..=naive.last().index.0 + 2).map(Index) {
                prop_assert_eq!(trail.id(index), naive.get(index));
                prop_assert_eq!(trail.term(index), naive.get(index).map(|id| id.term));
            }
        }
    }

    /// What a follower says that it could share is the newest entry that it could (thesis 3.5).
    #[test]
    fn a_trail_finds_the_newest_entry_that_could_be_shared(
        steps in steps(),
        index in 0..40_u64,
        term in 0..30_u64,
    ) {
        let (mut trail, mut naive) = (Trail::new(BASE, vec![], BASE), Naive(vec![BASE]));
        steps.iter().for_each(|step| apply(&mut trail, &mut naive, step));
        let limit = LogId { term: Term(term), index: Index(index) };
        let could_be = |id: &&LogId| id.index <= limit.index && id.term <= limit.term;
        let newest = naive.0.iter().rfind(could_be).copied();
        prop_assert_eq!(trail.newest_within(limit), newest.unwrap_or(BASE));
    }

    #[test]
    fn the_newest_membership_of_the_log_rules(
        turns in turns(),
        who in 1..6_u64,
        commit in 5..50_u64,
    ) {
        let founders = of(&[1, 2, 3]);
        let mut members = Members::of(snapshot_of(founders.clone()));
        let mut naive: Vec<Option<Membership>> = vec![Some(founders)];
        for turn in turns {
            let index = Index(BASE.index.0 + naive.len() as u64);
            match turn {
                Turn::Cut(count) => {
                    naive.truncate(naive.len().saturating_sub(count).max(1));
                    members.truncate(Index(BASE.index.0 + naive.len() as u64 - 1));
                }
                Turn::Says(voters) => {
                    let membership = of(&voters);
                    let record = System::Membership(MembershipRecord::of(&membership));
                    let id = LogId { term: Term(3), index };
                    members.push(&Entry { id, payload: Payload::System(record) });
                    naive.push(Some(membership));
                }
                Turn::Other => {
                    let id = LogId { term: Term(3), index };
                    members.push(&Entry { id, payload: Payload::NOOP });
                    naive.push(None);
                }
            }
            let all = members.all().iter().map(|(at, membership)| (membership, at.index));
            prop_assert_eq!(all.collect::<Vec<_>>(), said(&naive));
            let (newest, since) = said(&naive).pop().expect("the founders");
            prop_assert_eq!((members.newest(), members.since().index), (newest, since));
        }
        // thesis 4.2.2: a voter of what is known to be committed, or of anything behind it.
        let who = NodeId::new(who).expect("not zero");
        let said = said(&naive);
        let committed = said.iter().rposition(|said| said.1.0 <= commit).unwrap_or(0);
        let may_stand = said[committed..].iter().any(|(membership, _)| membership.is_voter(who));
        prop_assert_eq!(members.may_stand(who, Index(commit)), may_stand);
    }
}
