//! What must hold of all servers together: thesis Figure 3.2, and what it rests on.

use std::collections::BTreeMap;

use quorate_core::{
    AppendEntriesReply, AppendOutcome, Entry, Index, LogId, Membership, Message, NodeId, Payload,
    RequestVoteReply, RoleKind, Rpc, SnapshotMeta, Status, Term,
};

use super::server::{Image, Server};

/// All that was seen of the cluster.
pub(super) struct Laws {
    leaders: BTreeMap<Term, NodeId>,
    /// Every entry that anybody wrote, with what is before it.
    entries: BTreeMap<LogId, (LogId, Payload)>,
    /// By index: what is committed, and in which term it was known to be.
    committed: Vec<(LogId, Term)>,
    /// Who belongs to the cluster when no entry says so.
    founders: Membership,
}

/// What of a server matters here.
#[derive(Clone, Copy)]
pub(super) struct Glance {
    id: NodeId,
    role: RoleKind,
    term: Term,
    commit: Index,
    last: Index,
}

impl Glance {
    pub(super) fn of(status: &Status<'_>) -> Self {
        let Status { id, role, hard_state, commit, last, .. } = *status;
        Self { id, role, term: hard_state.term, commit, last: last.index }
    }

    fn leads(&self) -> bool {
        self.role == RoleKind::Leader
    }
}

impl Laws {
    pub(super) fn new(founders: Membership) -> Self {
        let (leaders, entries) = (BTreeMap::new(), BTreeMap::new());
        Self { leaders, entries, committed: Vec::new(), founders }
    }

    pub(super) fn elections(&self) -> usize {
        self.leaders.len()
    }

    pub(super) fn committed(&self) -> usize {
        self.committed.len()
    }

    /// Log Matching: an entry has one name, one content and one past, wherever it is written.
    pub(super) fn wrote(&mut self, prev: LogId, entries: &[Entry]) {
        let mut prev = prev;
        for Entry { id, payload } in entries {
            let known = self.entries.entry(*id).or_insert_with(|| (prev, payload.clone()));
            assert_eq!(*known, (prev, payload.clone()), "Log Matching: two logs end in {id:?}");
            prev = *id;
        }
    }

    /// A server has stepped, and what it wrote is on its way to its disk.
    pub(super) fn stepped(&mut self, was: Glance, is: Glance, at: usize, servers: &[Server]) {
        let written = &servers[at].disk.written;
        if is.leads() {
            let first = *self.leaders.entry(is.term).or_insert(is.id);
            assert_eq!(first, is.id, "Election Safety: two leaders in {:?}", is.term);
            self.is_complete(is, written);
        }
        if is.commit > was.commit {
            // thesis 3.6.2: only entries of the leader's own term are committed by counting.
            let counts = was.leads() && is.leads() && was.term == is.term;
            let term = written.id(is.commit).map(|id| id.term);
            assert!(!counts || term == Some(is.term), "{:?} counts {term:?}", is.term);
            self.commit(was, is, written, servers);
        }
    }

    /// What a snapshot stands for: it covers what is committed, and says who belonged to the cluster
    /// as of then (thesis 5.1).
    pub(super) fn covered_by(&self, snapshot: &SnapshotMeta) -> Vec<Entry> {
        let covered = snapshot.last_included;
        let count = usize::try_from(covered.index.0).expect("logs are short");
        let ids = self.committed.get(..count).unwrap_or_default();
        let last = ids.last().map(|&(id, _)| id);
        assert_eq!(last, Some(covered), "a snapshot covers what is not committed");
        let entry = |&(id, _): &(LogId, Term)| Entry { id, payload: self.entries[&id].1.clone() };
        let entries: Vec<_> = ids.iter().map(entry).collect();
        let (at, membership) = self.rules(&entries);
        assert_eq!((snapshot.membership_at, &snapshot.membership), (at, &membership));
        entries
    }

    /// The newest membership that these entries say, committed or not (thesis 4.1), and where.
    pub(super) fn rules(&self, entries: &[Entry]) -> (LogId, Membership) {
        let said = |entry: &Entry| Some((entry.id, entry.payload.membership()?));
        let founders = || (LogId::ZERO, self.founders.clone());
        entries.iter().rev().find_map(said).unwrap_or_else(founders)
    }

    /// Leader Completeness: a leader has all that was committed in earlier terms.
    fn is_complete(&self, leader: Glance, written: &Image) {
        for &(id, _) in self.committed.iter().filter(|&&(_, known_in)| known_in < leader.term) {
            let own = written.id(id.index);
            assert_eq!(own, Some(id), "Leader Completeness: the leader of {:?}", leader.term);
        }
    }

    /// State Machine Safety: nobody commits another entry at the same index. What is committed is
    /// on the disks of a majority, in each half of the membership.
    fn commit(&mut self, was: Glance, is: Glance, written: &Image, servers: &[Server]) {
        // A leader counts by what ruled before the step, or by what it appended itself in it.
        let ruling = [was.last, written.last().index].map(|end| self.rules(written.upto(end)).1);
        for index in (1..=is.commit.0).map(Index) {
            let id = written.id(index).expect("what is committed is in the log");
            match self.committed.get(index.0 as usize - 1) {
                Some(&(known, _)) => {
                    assert_eq!(known, id, "State Machine Safety at {index:?}, by {:?}", is.id);
                }
                None => {
                    let has = |server: &&Server| server.disk.durable.id(index) == Some(id);
                    let on: Vec<_> = servers.iter().filter(has).map(|it| it.config.id).collect();
                    let is_enough = ruling.iter().any(|ruling| is_quorum(ruling, &on));
                    assert!(is_enough, "{id:?} is committed on the disks of {on:?}: {ruling:?}");
                    self.committed.push((id, is.term));
                }
            }
        }
        for other in servers {
            let Some(life) = &other.life else { continue };
            let glance = Glance::of(&life.raft.status());
            if glance.leads() {
                self.is_complete(glance, &other.disk.written);
            }
        }
    }

    /// thesis 3.8: votes and acknowledgements are durable before anybody hears of them.
    pub(super) fn said(&self, message: &Message, server: &Server) {
        let Image { hard_state, .. } = server.disk.durable;
        let (disk, term) = (&server.disk, message.term);
        match message.rpc {
            Rpc::InstallSnapshot(ref install) => drop(self.covered_by(&install.snapshot)),
            Rpc::RequestVoteReply(RequestVoteReply { granted: true }) => {
                let vote = (hard_state.term, hard_state.vote);
                let binds = hard_state.term > term || vote == (term, Some(message.to));
                assert!(binds, "{message:?} with {hard_state:?} on disk");
            }
            Rpc::AppendEntriesReply(AppendEntriesReply {
                outcome: AppendOutcome::Match(index),
                ..
            }) if index > Index(0) => {
                let (durable, written) = (disk.durable.id(index), disk.written.id(index));
                assert!(durable.is_some() && durable == written, "{message:?} is not on disk");
            }
            _ => {}
        }
    }
}

/// Are they a majority, in each half?
fn is_quorum(membership: &Membership, some: &[NodeId]) -> bool {
    let has_most = |half: &[NodeId]| {
        half.is_empty() || half.iter().filter(|id| some.contains(id)).count() > half.len() / 2
    };
    has_most(membership.voters()) && has_most(membership.outgoing())
}
