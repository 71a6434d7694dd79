//! The cluster: carries out acts and the orders of cores, and checks everything.

use std::time::Duration;

use quorate_core::{
    Config, Effect, Effects, Entries, Event, Index, Membership, Message, Raft, RequestId, Write,
};

use super::laws::{Glance, Laws};
use super::server::{Life, Server};
use super::{Act, History};
use crate::messages::node;

pub(super) struct Cluster {
    membership: Membership,
    pub(super) servers: Vec<Server>,
    /// What is under way, oldest first.
    network: Vec<Message>,
    /// The servers on one side of a partition, by their bits.
    split: usize,
    pub(super) laws: Laws,
    /// By request: how much was committed when it was made.
    asked: Vec<usize>,
    pub(super) history: History,
}

/// A network that is fuller than this loses what is oldest.
const MESSAGES_MAX: usize = 256;

impl Cluster {
    pub(super) fn new(count: usize, tuning: u8) -> Self {
        // Some may come later.
        let founders = if has(tuning, 4) { 2 } else { count as u64 };
        let membership = Membership::of_voters((1..=founders).map(node)).expect("voters");
        let servers = (1..=count as u64).map(|id| Server::new(config(node(id), tuning)));
        let mut cluster = Self {
            servers: servers.collect(),
            network: Vec::new(),
            split: 0,
            laws: Laws::new(membership.clone()),
            membership,
            asked: Vec::new(),
            history: History::default(),
        };
        for server in &mut cluster.servers {
            server.start(&cluster.membership, 0);
        }
        cluster
    }

    pub(super) fn act(&mut self, act: Act, argument: usize) {
        let count = self.servers.len();
        let (at, other) = (argument % count, argument / count);
        match act {
            Act::Tick => self.tick(at),
            Act::Wait => {
                let patience = self.servers[at].config.election_timeout;
                self.servers[at].now = self.servers[at].now.after(patience);
            }
            Act::Deliver => {
                let (from, to) = (node(at as u64 + 1), node((other % count) as u64 + 1));
                let mut messages = self.network.iter();
                if let Some(first) = messages.position(|one| (one.from, one.to) == (from, to)) {
                    self.deliver(first);
                }
            }
            Act::Overtake if !self.network.is_empty() => {
                self.deliver(argument % self.network.len());
            }
            Act::Repeat if !self.network.is_empty() => {
                let place = argument % self.network.len();
                self.network.push(self.network[place].clone());
                self.deliver(place);
            }
            Act::Drop if !self.network.is_empty() => {
                self.network.remove(argument % self.network.len());
            }
            Act::Overtake | Act::Repeat | Act::Drop => {}
            Act::Sync => self.sync(at, usize::MAX),
            Act::SyncOne => self.sync(at, 1),
            Act::Propose => {
                let id = self.ask();
                self.step(at, Event::Propose { id, command: vec![7; other % 4].into() });
            }
            Act::Read => {
                let id = self.ask();
                self.step(at, Event::Read { id });
            }
            Act::Crash => self.crash(at, other),
            Act::Restart => {
                if self.servers[at].life.is_none() {
                    self.servers[at].start(&self.membership, other);
                }
            }
            Act::Fetch => self.fetch(at),
            Act::Disconnect => {
                self.step(at, Event::Unreachable(node((other % count) as u64 + 1)));
            }
            Act::Split => self.split = argument,
            Act::Calm => (0..argument % 8).for_each(|_| self.calm()),
            Act::Transfer => self.transfer(at, other % count),
            Act::Change => self.change(at, other),
            Act::TakeSnapshot => self.take_snapshot(at),
            Act::GetSnapshot => self.get_snapshot(at),
            Act::LoseSnapshot => self.lose_snapshot(at, other),
        }
    }

    fn tick(&mut self, at: usize) {
        let server = &mut self.servers[at];
        let Some(life) = &server.life else { return };
        let deadline = life.raft.deadline().expect("nobody halts");
        server.now = server.now.max(deadline);
        self.step(at, Event::Timeout);
    }

    fn deliver(&mut self, place: usize) {
        let message = self.network.remove(place);
        let side = |id: u64| self.split >> (id - 1) & 1;
        if side(message.from.get()) == side(message.to.get()) {
            let to = usize::try_from(message.to.get() - 1).expect("servers are few");
            self.step(to, Event::Receive(message));
        }
    }

    fn sync(&mut self, at: usize, count: usize) {
        if let Some(ticket) = self.servers[at].disk.sync(count) {
            self.step(at, Event::Persisted(ticket));
        }
    }

    fn crash(&mut self, at: usize, kept: usize) {
        if self.servers[at].life.is_some() {
            self.history.crashes += 1;
            self.history.lost_writes += count(self.servers[at].crash(kept));
        }
    }

    fn fetch(&mut self, at: usize) {
        let Server { life: Some(life), disk, .. } = &mut self.servers[at] else { return };
        let Some((to, first)) = life.fetches.pop_front() else { return };
        // What the log has forgotten in the meantime is not there.
        let wanted = if first > disk.written.base { 3 } else { 0 };
        let run = disk.written.after(first.prev()).iter().take(wanted).cloned();
        let entries = Entries::new(run).expect("a part of a log");
        self.history.fetches += 1;
        self.step(at, Event::Fetched { to, entries });
    }

    /// A round of what should happen.
    fn calm(&mut self) {
        for at in 0..self.servers.len() {
            self.fetch(at);
            self.get_snapshot(at);
            self.sync(at, usize::MAX);
        }
        for _ in 0..self.network.len() {
            self.deliver(0);
        }
    }

    pub(super) fn ask(&mut self) -> RequestId {
        self.asked.push(self.laws.committed());
        RequestId(self.asked.len() as u64 - 1)
    }

    /// A server that is up handles an event; its orders are carried out, and everything is checked.
    pub(super) fn step(&mut self, at: usize, event: Event) {
        let server = &mut self.servers[at];
        let Some(Life { raft, watch, .. }) = &mut server.life else { return };
        let was = Glance::of(&raft.status());
        let mut effects = Effects::default();
        raft.step(server.now, event, &mut effects);
        watch.check(raft).unwrap_or_else(|broken| panic!("{broken}"));
        let is = Glance::of(&raft.status());
        let (writes, others): (Vec<_>, Vec<_>) =
            effects.drain().partition(|effect| matches!(effect, Effect::Write(_)));
        for effect in writes.into_iter().chain(others) {
            self.obey(at, effect);
        }
        let server = &self.servers[at];
        let raft: &Raft = &server.life.as_ref().expect("it has just stepped").raft;
        assert_eq!(raft.status().last, server.disk.written.last(), "the log is what was written");
        self.laws.stepped(was, is, at, &self.servers);
        self.history.elections = count(self.laws.elections());
        self.history.committed = count(self.laws.committed());
    }

    fn obey(&mut self, at: usize, effect: Effect) {
        match effect {
            Effect::Write(write) => self.write(at, write),
            Effect::Send(message) => {
                self.laws.said(&message, &self.servers[at]);
                self.network.push(message);
                let surplus = self.network.len().saturating_sub(MESSAGES_MAX);
                self.network.drain(..surplus);
            }
            Effect::Commit(index) => {
                let server = &mut self.servers[at];
                let is_durable = server.disk.durable.id(index).is_some();
                assert!(is_durable, "{index:?} is handed out and not durable");
                let life = server.life.as_mut().expect("it has just stepped");
                assert!(index > life.applied, "{index:?} is handed out again");
                life.applied = index;
            }
            Effect::Fetch { to, first, .. } => {
                let life = self.servers[at].life.as_mut().expect("it has just stepped");
                life.fetches.push_back((to, first));
            }
            Effect::ReadReady { id, index } => {
                // thesis 6.4: a read sees all that was committed when it was asked for.
                let asked = self.asked[usize::try_from(id.0).expect("requests are few")];
                assert!(index >= Index(asked as u64), "{id:?} misses {asked} entries: {index:?}");
                self.history.reads += 1;
            }
            Effect::FetchSnapshot { from, snapshot } => {
                let life = self.servers[at].life.as_mut().expect("it has just stepped");
                life.wanted = Some((from, snapshot));
            }
            Effect::Restore(snapshot) => self.restore(at, snapshot),
            Effect::Compact(index) => self.compact(at, index),
            Effect::Transferred { .. } => self.history.transfers += 1,
            Effect::Reconfigured { at: index, .. } => self.reconfigured(at, index),
            Effect::MembershipChanged(_) => {
                let life = self.servers[at].life.as_ref().expect("it has just stepped");
                self.history.memberships += 1;
                self.history.joint += u32::from(life.raft.status().membership.is_joint());
            }
            Effect::Halt(violation) => panic!("a server halts: {violation}"),
            Effect::Accepted { .. }
            | Effect::Refused { .. }
            | Effect::ReconfigurationStopped { .. }
            | Effect::RoleChanged(_) => {}
        }
    }

    fn write(&mut self, at: usize, write: Write) {
        let write = self.spelled_out(write);
        if let Some(append) = &write.append {
            self.laws.wrote(append.prev, &append.entries);
        }
        self.history.cuts += u32::from(self.servers[at].disk.write(write));
    }
}

fn config(id: quorate_core::NodeId, tuning: u8) -> Config {
    let has = |bit| has(tuning, bit);
    let defaults = Config { election_jitter: Duration::ZERO, ..Config::new(id) };
    let windows = match has(2) {
        // One entry at a time.
        true => Config { message_bytes_max: 1, inflight_messages_max: 1, ..defaults },
        false => defaults,
    };
    let cached_bytes_max = if has(3) { 0 } else { 1 << 20 };
    let retained_entries_max = if has(5) { 2 } else { 0 };
    let (pre_vote, check_quorum) = (has(0), has(1));
    Config { pre_vote, check_quorum, cached_bytes_max, retained_entries_max, ..windows }
}

fn has(tuning: u8, bit: u8) -> bool {
    tuning >> bit & 1 == 1
}

fn count(number: usize) -> u32 {
    u32::try_from(number).expect("schedules are short")
}
