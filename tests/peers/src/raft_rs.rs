//! [`raft`](https://docs.rs/raft): the core of TiKV, a port of etcd's.

use bytes::Bytes;
use raft::prelude::{Config, Entry, Message, MessageType, RawNode, Ready};
use raft::storage::MemStorage;
use raft::{LightReady, StateRole};
use slog::{Discard, Logger, o};

use crate::{Cluster, KEPT};

/// The crate as its documentation drives it: step, take what is ready, send, store, apply,
/// advance.
pub struct RaftRs {
    servers: [Server; 3],
}

struct Server {
    node: RawNode<MemStorage>,
    inbox: Vec<Message>,
    /// Where the log in memory starts, and the end of what was applied.
    first: u64,
    applied: u64,
    applied_bytes: u64,
}

const LEADER: usize = 0;

impl RaftRs {
    /// Elects the first server.
    pub fn new() -> Self {
        let servers = [1, 2, 3].map(|id| {
            let config = Config {
                check_quorum: true,
                pre_vote: true,
                max_size_per_msg: 1 << 20,
                max_committed_size_per_ready: u64::MAX,
                ..Config::new(id)
            };
            let storage = MemStorage::new_with_conf_state((vec![1, 2, 3], vec![]));
            let node = RawNode::new(&config, storage, &Logger::root(Discard, o!()));
            let node = node.expect("a fresh server");
            Server { node, inbox: Vec::new(), first: 1, applied: 0, applied_bytes: 0 }
        });
        let mut cluster = Self { servers };
        cluster.servers[LEADER].node.campaign().expect("a follower may");
        cluster.run();
        assert_eq!(cluster.servers[LEADER].node.raft.state, StateRole::Leader);
        cluster
    }

    /// Until nobody has anything to do: the leader first, then what the others make of it.
    fn run(&mut self) {
        loop {
            self.step(LEADER);
            for at in 1..self.servers.len() {
                if !self.servers[at].inbox.is_empty() {
                    self.step(at);
                }
            }
            if self.servers[LEADER].inbox.is_empty() {
                return;
            }
        }
    }

    /// All messages that wait for one server, and what follows from them.
    fn step(&mut self, at: usize) {
        let Server { node, inbox, .. } = &mut self.servers[at];
        for message in inbox.drain(..) {
            node.step(message).expect("an undisturbed cluster");
        }
        if !node.has_ready() {
            return;
        }
        let mut ready = node.ready();
        let messages = ready.take_messages();
        let persisted_messages = ready.take_persisted_messages();
        let mut light = self.servers[at].process(ready);
        self.deliver(messages);
        self.deliver(persisted_messages);
        self.deliver(light.take_messages());
    }

    fn deliver(&mut self, messages: Vec<Message>) {
        for message in messages {
            let to = usize::try_from(message.to).expect("one of three") - 1;
            self.servers[to].inbox.push(message);
        }
    }
}

impl Default for RaftRs {
    fn default() -> Self {
        Self::new()
    }
}

impl Server {
    /// Stores and applies what is ready, and what is ready once that is stored.
    fn process(&mut self, mut ready: Ready) -> LightReady {
        self.apply(&ready.take_committed_entries());
        {
            let mut store = self.node.store().wl();
            store.append(ready.entries()).expect("they follow the log");
            if let Some(hard_state) = ready.hs() {
                store.set_hardstate(hard_state.clone());
            }
        }
        let mut light = self.node.advance_append(ready);
        if let Some(commit) = light.commit_index() {
            self.node.store().wl().mut_hard_state().commit = commit;
        }
        self.apply(&light.take_committed_entries());
        self.node.advance_apply();
        self.compact();
        light
    }

    fn apply(&mut self, entries: &[Entry]) {
        for entry in entries {
            self.applied = entry.index;
            self.applied_bytes += entry.data.len() as u64;
        }
    }

    /// Cuts the log, once the surplus is worth it.
    fn compact(&mut self) {
        let kept_from = self.applied.saturating_sub(KEPT as u64);
        if kept_from > self.first + KEPT as u64 {
            self.node.store().wl().compact(kept_from).expect("it was applied");
            self.first = kept_from;
        }
    }
}

impl Cluster for RaftRs {
    /// All commands in one message: cheaper than [`RawNode::propose`] for each.
    fn commit(&mut self, command: &Bytes, count: usize) {
        let entry = || Entry { data: command.clone(), ..Entry::default() };
        let mut message = Message { from: 1, ..Message::default() };
        message.set_msg_type(MessageType::MsgPropose);
        message.entries = (0..count).map(|_| entry()).collect::<Vec<_>>().into();
        self.servers[LEADER].node.step(message).expect("it leads");
        self.run();
    }

    fn applied_bytes(&self) -> [u64; 3] {
        self.servers.each_ref().map(|server| server.applied_bytes)
    }
}
