//! The floor: what is left of Raft when nothing ever goes wrong.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::{Cluster, KEPT};

/// Replication with neither terms nor elections, and without any check: the least that a leader
/// and its followers can do to have all commands in all logs.
pub struct Bare {
    leader: Server,
    followers: Vec<Server>,
    /// For the leader, and for each follower.
    to_leader: Vec<Message>,
    to_followers: Vec<Vec<Message>>,
    /// Up to where each server has the log, the leader last.
    matched: Vec<u64>,
}

#[derive(Default)]
struct Server {
    /// The newest runs of the log, and how many commands they are.
    runs: VecDeque<Arc<[Bytes]>>,
    kept: usize,
    last: u64,
    commit: u64,
    applied_bytes: u64,
}

enum Message {
    Append(Arc<[Bytes]>),
    Ack { from: usize, last: u64 },
    Commit(u64),
}

impl Server {
    fn append(&mut self, run: Arc<[Bytes]>) {
        self.last += run.len() as u64;
        self.kept += run.len();
        self.runs.push_back(run);
        if self.kept > KEPT
            && let Some(oldest) = self.runs.pop_front()
        {
            self.kept -= oldest.len();
        }
    }

    fn commit(&mut self, commit: u64) {
        if commit > self.commit {
            self.commit = commit;
            // In lockstep, what was just committed is the newest run.
            let newest = self.runs.back().expect("something was committed");
            self.applied_bytes += newest.iter().map(|command| command.len() as u64).sum::<u64>();
        }
    }
}

impl Bare {
    /// So many empty logs.
    pub fn new(servers: u64) -> Self {
        let mut followers = Vec::new();
        followers.resize_with(usize::try_from(servers).expect("a few") - 1, Server::default);
        Self {
            leader: Server::default(),
            to_leader: Vec::new(),
            to_followers: followers.iter().map(|_| Vec::new()).collect(),
            matched: vec![0; followers.len() + 1],
            followers,
        }
    }

    fn tell(&mut self, message: impl Fn() -> Message) {
        self.to_followers.iter_mut().for_each(|inbox| inbox.push(message()));
    }

    fn follow(&mut self, at: usize) {
        let follower = &mut self.followers[at];
        for message in self.to_followers[at].drain(..) {
            match message {
                Message::Append(run) => {
                    follower.append(run);
                    self.to_leader.push(Message::Ack { from: at, last: follower.last });
                }
                Message::Commit(commit) => follower.commit(commit),
                Message::Ack { .. } => unreachable!("followers get no acknowledgements"),
            }
        }
    }

    fn lead(&mut self) {
        for message in self.to_leader.drain(..) {
            let Message::Ack { from, last } = message else {
                unreachable!("a leader gets only acknowledgements");
            };
            self.matched[from] = last;
        }
        *self.matched.last_mut().expect("the leader's own") = self.leader.last;
        // In lockstep everybody has acknowledged; a majority must have.
        let mut matched = [0; 7];
        let matched = &mut matched[..self.matched.len()];
        matched.copy_from_slice(&self.matched);
        matched.sort_unstable();
        let commit = matched[(matched.len() - 1) / 2];
        self.leader.commit(commit);
        self.tell(|| Message::Commit(commit));
    }
}

impl Cluster for Bare {
    fn commit(&mut self, command: &[u8], count: usize) {
        let run: Arc<[Bytes]> = (0..count).map(|_| Bytes::copy_from_slice(command)).collect();
        self.tell(|| Message::Append(run.clone()));
        self.leader.append(run);
        (0..self.followers.len()).for_each(|at| self.follow(at));
        self.lead();
        (0..self.followers.len()).for_each(|at| self.follow(at));
    }

    fn applied_bytes(&self) -> Vec<u64> {
        let servers = std::iter::once(&self.leader).chain(&self.followers);
        servers.map(|server| server.applied_bytes).collect()
    }
}
