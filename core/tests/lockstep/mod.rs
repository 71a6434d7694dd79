//! Servers in one thread, in lockstep: messages arrive, and writes are durable, at once.
//!
//! The smallest driver that there can be. What it costs is what the core costs.

use bytes::Bytes;
use quorate_core::{
    Config, Effect, Effects, Event, Index, Instant, Membership, Message, NodeId, Raft, Recovered,
    RequestId, RoleKind,
};

/// A cluster whose first server leads, undisturbed.
pub struct Lockstep<P = Moved> {
    servers: Vec<Server>,
    effects: Effects,
    now: Instant,
    post: P,
}

/// How a message gets from one server to another.
pub trait Post<M>: Default {
    /// What arrives.
    fn carry(&mut self, message: M) -> M;
}

/// As it is.
#[derive(Default)]
pub struct Moved;

impl<M> Post<M> for Moved {
    fn carry(&mut self, message: M) -> M {
        message
    }
}

struct Server {
    raft: Raft,
    inbox: Vec<Event>,
    applied: Index,
    applied_bytes: u64,
    reads_ready: u64,
}

const LEADER: usize = 0;

impl<P: Post<Message>> Lockstep<P> {
    /// Elects the first of so many servers, which keep entries of `cached_bytes_max` in memory.
    pub fn new(servers: u64, cached_bytes_max: u64) -> Self {
        let ids: Vec<_> = (1..=servers).map(|id| NodeId::new(id).expect("not zero")).collect();
        let founders = Membership::of_voters(ids.iter().copied()).expect("some servers");
        let server = |id| {
            let config = Config { cached_bytes_max, ..Config::new(id) };
            let recovered = Recovered::genesis(founders.clone());
            Server {
                raft: Raft::new(config, recovered, Instant(0)).expect("a fresh server"),
                inbox: Vec::new(),
                applied: Index(0),
                applied_bytes: 0,
                reads_ready: 0,
            }
        };
        let servers = ids.into_iter().map(server).collect();
        let (effects, now, post) = (Effects::default(), Instant(0), P::default());
        let mut cluster = Self { servers, effects, now, post };
        cluster.heartbeat();
        assert_eq!(cluster.servers[LEADER].raft.status().role, RoleKind::Leader);
        cluster
    }

    /// Commits and applies commands, proposed as one batch, on all servers.
    pub fn commit(&mut self, commands: impl Iterator<Item = Bytes>) {
        let proposal = |command| Event::Propose { id: RequestId(0), command };
        self.servers[LEADER].inbox.extend(commands.map(proposal));
        self.run();
    }

    /// Confirms one read.
    pub fn read(&mut self) {
        self.servers[LEADER].inbox.push(Event::Read { id: RequestId(0) });
        self.run();
    }

    /// Lets time pass until the leader has something to do.
    pub fn heartbeat(&mut self) {
        self.now = self.servers[LEADER].raft.deadline().expect("a running server");
        self.servers[LEADER].inbox.push(Event::Timeout);
        self.run();
    }

    /// The lengths of the commands that each server has applied, summed.
    pub fn applied_bytes(&self) -> Vec<u64> {
        self.servers.iter().map(|server| server.applied_bytes).collect()
    }

    /// Reads that were confirmed.
    pub fn reads_ready(&self) -> u64 {
        self.servers[LEADER].reads_ready
    }

    /// The servers, without what drives them; the first one leads.
    pub fn into_servers(self) -> impl Iterator<Item = Raft> {
        self.servers.into_iter().map(|server| server.raft)
    }

    /// Until nobody has anything to do: the leader first, then what the others make of it.
    fn run(&mut self) {
        while !self.servers[LEADER].inbox.is_empty() {
            self.step(LEADER);
            for at in 1..self.servers.len() {
                while !self.servers[at].inbox.is_empty() {
                    self.step(at);
                }
            }
        }
    }

    /// One batch of events of one server, and what follows from it.
    fn step(&mut self, at: usize) {
        let Server { raft, inbox, .. } = &mut self.servers[at];
        raft.step_batch(self.now, inbox, &mut self.effects);
        for effect in self.effects.drain() {
            match effect {
                Effect::Write(write) => {
                    self.servers[at].inbox.push(Event::Persisted(write.ticket));
                }
                Effect::Send(message) => {
                    #[expect(clippy::cast_possible_truncation, reason = "one of a few")]
                    let to = message.to.get() as usize - 1;
                    let message = self.post.carry(message);
                    self.servers[to].inbox.push(Event::Receive(message));
                }
                Effect::Commit(upto) => self.servers[at].apply(upto),
                Effect::ReadReady { .. } => self.servers[at].reads_ready += 1,
                Effect::Accepted { .. } | Effect::RoleChanged(_) => {}
                other => unreachable!("an undisturbed cluster: {other:?}"),
            }
        }
    }
}

impl Server {
    fn apply(&mut self, upto: Index) {
        while self.applied < upto {
            let run = self.raft.cached(self.applied.next(), u64::MAX);
            let run = run.as_ref().expect("committed just now");
            for entry in run.iter().take_while(|entry| entry.id.index <= upto) {
                self.applied = entry.id.index;
                self.applied_bytes += entry.payload.len_bytes();
            }
        }
    }
}
