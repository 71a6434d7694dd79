//! What must hold of all servers together: thesis Figure 3.2, and what it rests on.

use std::collections::BTreeMap;

use quorate_core::{
    AppendEntriesReply, AppendOutcome, Entry, Index, LogId, Message, NodeId, Payload,
    RequestVoteReply, RoleKind, Rpc, Status, Term,
};

use super::server::{Image, Server};

/// All that was seen of the cluster.
#[derive(Default)]
pub(super) struct Laws {
    leaders: BTreeMap<Term, NodeId>,
    /// Every entry that anybody wrote, with what is before it.
    entries: BTreeMap<LogId, (LogId, Payload)>,
    /// By index: what is committed, and in which term it was known to be.
    committed: Vec<(LogId, Term)>,
}

/// What of a server matters here.
#[derive(Clone, Copy)]
pub(super) struct Glance {
    id: NodeId,
    role: RoleKind,
    term: Term,
    commit: Index,
}

impl Glance {
    pub(super) fn of(status: &Status<'_>) -> Self {
        let Status { id, role, hard_state, commit, .. } = *status;
        Self { id, role, term: hard_state.term, commit }
    }

    fn leads(&self) -> bool {
        self.role == RoleKind::Leader
    }
}

impl Laws {
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
            self.commit(is, written, servers);
        }
    }

    /// Leader Completeness: a leader has all that was committed in earlier terms.
    fn is_complete(&self, leader: Glance, written: &Image) {
        for &(id, _) in self.committed.iter().filter(|&&(_, known_in)| known_in < leader.term) {
            let own = written.id(id.index);
            assert_eq!(own, Some(id), "Leader Completeness: the leader of {:?}", leader.term);
        }
    }

    /// State Machine Safety: nobody commits another entry at the same index. What is committed is
    /// on the disks of a majority.
    fn commit(&mut self, is: Glance, written: &Image, servers: &[Server]) {
        for index in (1..=is.commit.0).map(Index) {
            let id = written.id(index).expect("what is committed is in the log");
            match self.committed.get(index.0 as usize - 1) {
                Some(&(known, _)) => {
                    assert_eq!(known, id, "State Machine Safety at {index:?}, by {:?}", is.id);
                }
                None => {
                    let has = |server: &&Server| server.disk.durable.id(index) == Some(id);
                    let count = servers.iter().filter(has).count();
                    assert!(count > servers.len() / 2, "{id:?} is committed on {count} disks");
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
    pub(super) fn said(message: &Message, server: &Server) {
        let Image { hard_state, .. } = server.disk.durable;
        let (disk, term) = (&server.disk, message.term);
        match message.rpc {
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
