//! The floor: what is left of Raft when nothing ever goes wrong.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::{Cluster, KEPT};

/// Replication with neither terms nor elections, and without any check: the least that a leader
/// and two followers can do to have all commands in three logs.
pub struct Bare {
    leader: Server,
    followers: [Server; 2],
    inbox: [Vec<Message>; 3],
    /// Up to where each follower has the log.
    acked: [u64; 2],
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
    /// Three empty logs.
    pub fn new() -> Self {
        Self {
            leader: Server::default(),
            followers: Default::default(),
            inbox: Default::default(),
            acked: [0; 2],
        }
    }

    fn follow(&mut self, at: usize) {
        let follower = &mut self.followers[at];
        let [to_leader, to_followers @ ..] = &mut self.inbox;
        for message in to_followers[at].drain(..) {
            match message {
                Message::Append(run) => {
                    follower.append(run);
                    to_leader.push(Message::Ack { from: at, last: follower.last });
                }
                Message::Commit(commit) => follower.commit(commit),
                Message::Ack { .. } => unreachable!("followers get no acknowledgements"),
            }
        }
    }

    fn lead(&mut self) {
        for message in self.inbox[0].drain(..) {
            let Message::Ack { from, last } = message else {
                unreachable!("a leader gets only acknowledgements");
            };
            self.acked[from] = last;
        }
        let mut matched = [self.leader.last, self.acked[0], self.acked[1]];
        matched.sort_unstable();
        let commit = matched[1];
        self.leader.commit(commit);
        self.inbox[1].push(Message::Commit(commit));
        self.inbox[2].push(Message::Commit(commit));
    }
}

impl Default for Bare {
    fn default() -> Self {
        Self::new()
    }
}

impl Cluster for Bare {
    fn commit(&mut self, command: &Bytes, count: usize) {
        let run: Arc<[Bytes]> = (0..count).map(|_| command.clone()).collect();
        self.inbox[1].push(Message::Append(run.clone()));
        self.inbox[2].push(Message::Append(run.clone()));
        self.leader.append(run);
        (0..2).for_each(|at| self.follow(at));
        self.lead();
        (0..2).for_each(|at| self.follow(at));
    }

    fn applied_bytes(&self) -> [u64; 3] {
        let [one, two] = &self.followers;
        [&self.leader, one, two].map(|server| server.applied_bytes)
    }
}
