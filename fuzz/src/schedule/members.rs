//! Members that come and go, and leadership that is handed over.

use quorate_core::{Event, Index, Membership, NodeId};

use super::Change;
use super::cluster::Cluster;
use crate::messages::node;

impl Cluster {
    pub(super) fn transfer(&mut self, at: usize, to: usize) {
        let within = self.servers[at].config.election_timeout;
        let id = self.ask();
        let to = (to != at).then(|| node(to as u64 + 1));
        self.step(at, Event::TransferLeadership { id, to, within });
    }

    /// From what rules where it is asked for.
    pub(super) fn change(&mut self, at: usize, argument: usize) {
        let Some(life) = &self.servers[at].life else { return };
        let rules = life.raft.status().membership.clone();
        let (kind, rest) = (argument % Change::ALL.len(), argument / Change::ALL.len());
        let Some(target) = self.target(&rules, Change::ALL[kind], rest) else { return };
        let id = self.ask();
        self.step(at, Event::Reconfigure { id, target, expected: None, force: true });
    }

    fn target(&self, rules: &Membership, change: Change, whose: usize) -> Option<Membership> {
        let count = self.servers.len();
        let [one, other] = [whose, whose + 1].map(|place| node((place % count) as u64 + 1));
        let without = |list: &[NodeId], gone: &[NodeId]| -> Vec<NodeId> {
            list.iter().copied().filter(|id| !gone.contains(id)).collect()
        };
        let (gone, voting, learning): (&[_], &[_], &[_]) = match change {
            Change::Vote => (&[one], &[one], &[]),
            Change::Learn => (&[one], &[], &[one]),
            Change::Leave => (&[one], &[], &[]),
            Change::Replace => (&[one, other], &[other], &[]),
            Change::VoteBoth => (&[one, other], &[one, other], &[]),
            Change::LeaveBoth => (&[one, other], &[], &[]),
            Change::Alone => return Membership::of_voters([one]).ok(),
            Change::All => return Membership::of_voters((1..=count as u64).map(node)).ok(),
        };
        let voters = [&without(rules.voters(), gone)[..], voting].concat();
        let learners = [&without(rules.learners(), gone)[..], learning].concat();
        Membership::new(voters, [], learners).ok()
    }

    /// The change is over: one majority rules, by an entry that is committed.
    pub(super) fn reconfigured(&mut self, at: usize, index: Index) {
        let server = &self.servers[at];
        let status = server.life.as_ref().expect("it has just stepped").raft.status();
        let said = self.laws.rules(server.disk.written.upto(index)).0;
        assert!(said.index == index && index <= status.commit, "{index:?} says a membership");
        assert_eq!((status.membership_index, status.membership.is_joint()), (index, false));
        self.history.changes += 1;
    }
}
