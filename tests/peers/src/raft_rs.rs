//! [`raft`](https://docs.rs/raft): the core of TiKV, a port of etcd's.

use bytes::Bytes;
use protobuf::Message as _;
use raft::prelude::{Config, Entry, Message, MessageType, RawNode, Ready};
use raft::storage::MemStorage;
use raft::{LightReady, StateRole};
use slog::{Discard, Logger, o};

use crate::lockstep::{Moved, Post};
use crate::{Cluster, KEPT};

/// The crate as its documentation drives it: step, take what is ready, send, store, apply,
/// advance.
pub struct RaftRs<P = Moved> {
    servers: Vec<Server>,
    reads_ready: u64,
    post: P,
}

/// One server, with its log in memory.
pub struct Server {
    node: RawNode<MemStorage>,
    inbox: Vec<Message>,
    /// How many applied entries it keeps.
    kept: u64,
    /// Where the log in memory starts, and the end of what was applied.
    first: u64,
    applied: u64,
    applied_bytes: u64,
}

const LEADER: usize = 0;

impl<P: Post<Message>> RaftRs<P> {
    /// Elects the first server.
    pub fn new(servers: u64) -> Self {
        let ids: Vec<_> = (1..=servers).collect();
        let servers = ids.iter().map(|&id| Server::new(id, &ids, KEPT as u64)).collect();
        let mut cluster = Self { servers, reads_ready: 0, post: P::default() };
        cluster.servers[LEADER].node.campaign().expect("a follower may");
        cluster.run();
        assert_eq!(cluster.servers[LEADER].node.raft.state, StateRole::Leader);
        cluster
    }

    /// Confirms one read.
    pub fn read(&mut self) {
        self.servers[LEADER].node.read_index(vec![7; 8]);
        self.run();
    }

    /// Lets time pass until the leader has something to do.
    pub fn heartbeat(&mut self) {
        self.servers[LEADER].node.tick();
        self.run();
    }

    /// Reads that were confirmed.
    pub fn reads_ready(&self) -> u64 {
        self.reads_ready
    }

    /// The servers, without what drives them; the first one leads.
    pub fn into_servers(self) -> impl Iterator<Item = RawNode<MemStorage>> {
        self.servers.into_iter().map(|server| server.node)
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
        let Self { servers, post, reads_ready } = self;
        let Server { node, inbox, .. } = &mut servers[at];
        for message in inbox.drain(..) {
            node.step(message).expect("an undisturbed cluster");
        }
        let Some(ready) = servers[at].ready() else { return };
        *reads_ready += ready.read_states().len() as u64;
        let messages = servers[at].process(ready);
        for message in messages.into_iter().flatten() {
            let to = usize::try_from(message.to).expect("one of a few") - 1;
            servers[to].inbox.push(post.carry(message));
        }
    }
}

impl Server {
    /// A follower of nobody.
    pub(crate) fn new(id: u64, ids: &[u64], kept: u64) -> Self {
        let config = Config {
            check_quorum: true,
            pre_vote: true,
            heartbeat_tick: 1,
            max_size_per_msg: 1 << 20,
            max_committed_size_per_ready: u64::MAX,
            ..Config::new(id)
        };
        let storage = MemStorage::new_with_conf_state((ids.to_vec(), vec![]));
        let node = RawNode::new(&config, storage, &Logger::root(Discard, o!()));
        let node = node.expect("a fresh server");
        Self { node, inbox: Vec::new(), kept, first: 1, applied: 0, applied_bytes: 0 }
    }

    /// Takes one message in, and stores, applies and answers what follows from it.
    pub(crate) fn take_in(&mut self, message: Message) -> [Vec<Message>; 3] {
        self.node.step(message).expect("an undisturbed cluster");
        match self.ready() {
            Some(ready) => self.process(ready),
            None => Default::default(),
        }
    }

    fn ready(&mut self) -> Option<Ready> {
        self.node.has_ready().then(|| self.node.ready())
    }

    /// Stores and applies what is ready, and what is ready once that is stored. What is to be sent:
    /// at once, when that is stored, and after it.
    fn process(&mut self, mut ready: Ready) -> [Vec<Message>; 3] {
        let messages = ready.take_messages();
        let persisted_messages = ready.take_persisted_messages();
        let mut light = self.store(ready);
        [messages, persisted_messages, light.take_messages()]
    }

    fn store(&mut self, mut ready: Ready) -> LightReady {
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
        let kept_from = self.applied.saturating_sub(self.kept);
        if kept_from > self.first.saturating_add(self.kept) {
            self.node.store().wl().compact(kept_from).expect("it was applied");
            self.first = kept_from;
        }
    }
}

impl<P: Post<Message>> Cluster for RaftRs<P> {
    /// All commands in one message: cheaper than [`RawNode::propose`] for each.
    fn commit(&mut self, command: &[u8], count: usize) {
        let entry = || Entry { data: Bytes::copy_from_slice(command), ..Entry::default() };
        let mut message = Message { from: 1, ..Message::default() };
        message.set_msg_type(MessageType::MsgPropose);
        message.entries = (0..count).map(|_| entry()).collect::<Vec<_>>().into();
        self.servers[LEADER].node.step(message).expect("it leads");
        self.run();
    }

    fn applied_bytes(&self) -> Vec<u64> {
        self.servers.iter().map(|server| server.applied_bytes).collect()
    }
}

/// Messages are written as protobuf and read back, their commands as slices of what came in.
#[derive(Default)]
pub struct Framed;

impl Post<Message> for Framed {
    fn carry(&mut self, message: Message) -> Message {
        let bytes = Bytes::from(message.write_to_bytes().expect("memory"));
        Message::parse_from_carllerche_bytes(&bytes).expect("a message")
    }
}
