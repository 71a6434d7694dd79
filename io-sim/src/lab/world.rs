//! A world of bare cores: what happens next, and to whom.

use quorate_core::{Effects, Entries, Event, Index, Message, NodeId, Raft};

use super::network::Network;
use super::options::Options;
use super::report::Report;
use super::requests::Requests;
use super::sabotage::Sabotage;
use super::server::{Life, Server};
use crate::clock::{Clock, nanos};
use crate::judge::Properties;
use crate::judge::{Checked, Property, Violation, hold};
use crate::judge::{Glance, Witness as _};
use crate::queue::Queue;
use crate::rng::{Rng, Stream};
use crate::trace::Trace;

/// Servers, and everything between them. Servers are named by their place.
pub(crate) struct World<'a> {
    pub(crate) options: Options,
    pub(crate) now: u64,
    pub(crate) queue: Queue<Happening>,
    pub(crate) servers: Vec<Server>,
    pub(crate) network: Network,
    pub(crate) requests: Requests,
    pub(crate) checks: Properties,
    pub(crate) trace: &'a mut Trace,
    pub(crate) report: Report,
    pub(crate) disk_rng: Rng,
    pub(crate) nemesis_rng: Rng,
    pub(crate) sabotage_rng: Rng,
    server_rng: Rng,
    client_rng: Rng,
    /// Kept for their allocations.
    pub(crate) effects: Effects,
    pub(crate) arrivals: Vec<(u64, Message)>,
}

/// How far a server's log may be ahead of its commit index before clients turn elsewhere.
const BACKLOG_MAX: u64 = 50;

/// Something that is planned.
pub(crate) enum Happening {
    Arrive(Message),
    /// Some writes reach the medium.
    Sync(Body),
    /// Events have waited for others long enough.
    Flush(Body),
    /// A read from the log is done.
    Fetched(Body, Fetch),
    /// A lie is told.
    Tell(Body, Event),
    Request,
    /// A client reads from a server, whatever it is.
    Read(Body),
    Strike,
    /// A new leader is struck.
    Regicide(Body),
    Mend,
    Restart(usize),
}

/// A server in one of its lives.
#[derive(Clone, Copy)]
pub(crate) struct Body {
    pub(crate) at: usize,
    pub(crate) life: u32,
}

/// A read from a log, for a peer.
#[derive(Clone)]
pub(crate) struct Fetch {
    pub(crate) to: NodeId,
    pub(crate) first: Index,
    pub(crate) bytes_max: u64,
    /// If it was read at once, and is only told late.
    pub(crate) entries: Option<Entries>,
}

impl<'a> World<'a> {
    pub(crate) fn new(options: &Options, trace: &'a mut Trace) -> Self {
        let seed = options.seed;
        let mut server_rng = Rng::new(seed, Stream::Servers);
        let members = options.membership.members().into_iter();
        let servers = members.chain(options.spares.iter().copied()).map(|id| {
            let drift = options.clock_drift_permille;
            let permille = server_rng.within(1000 - drift, 1000 + drift);
            Server::new(id, Clock { offset: server_rng.below(1 << 40), permille })
        });
        Self {
            now: 0,
            queue: Queue::new(),
            servers: servers.collect(),
            network: Network::new(seed, options.network.clone()),
            requests: Requests::new(seed, options.command_bytes_max),
            checks: Properties::new(options.membership.clone(), !options.blind_to_disks),
            trace,
            report: Report::default(),
            disk_rng: Rng::new(seed, Stream::Disk),
            nemesis_rng: Rng::new(seed, Stream::Nemesis),
            sabotage_rng: Rng::new(seed, Stream::Sabotage),
            server_rng,
            client_rng: Rng::new(seed, Stream::Clients),
            effects: Effects::default(),
            arrivals: Vec::new(),
            options: options.clone(),
        }
    }

    /// Chaos, then peace.
    pub(crate) fn run(mut self) -> Checked<Report> {
        for at in 0..self.servers.len() {
            self.start(at)?;
        }
        self.plan_request();
        self.plan_strike();
        for _ in 0..self.options.steps {
            self.advance()?;
        }
        self.heal()?;
        self.converge()?;
        self.report.steps = self.trace.len();
        self.report.elapsed = core::time::Duration::from_nanos(self.now);
        self.report.elections = self.checks.elections();
        self.report.committed = self.checks.committed().0;
        self.report.accepted = self.requests.is_accepted();
        self.report.reads = self.requests.reads;
        self.report.refused = self.requests.refused;
        self.report.transfers = self.requests.transfers;
        self.report.changes = self.requests.changes;
        self.report.digest = self.trace.digest();
        Ok(self.report)
    }

    /// Whatever comes next.
    pub(crate) fn advance(&mut self) -> Checked {
        let timer = self.servers.iter().enumerate();
        let timer = timer.filter_map(|(at, server)| Some((server.timer()?, at))).min();
        let planned = self.queue.next_at();
        // Of a timer and something else at one moment, either may come first.
        let tie = u64::from(self.server_rng.chance(500));
        if let Some((when, at)) = timer
            && planned.is_none_or(|planned| when < planned + tie)
        {
            self.now = self.now.max(when);
            return self.fire_timer(at);
        }
        let Some(when) = planned else {
            return hold(false, Property::Liveness, || "nothing will ever happen".to_owned());
        };
        self.now = self.now.max(when);
        match self.queue.pop().expect("it was just looked at") {
            Happening::Arrive(message) => self.arrive(message),
            Happening::Sync(body) => self.sync(body),
            Happening::Flush(body) => {
                self.with_awake(body, Happening::Flush(body), |world| world.flush(body.at))
            }
            Happening::Fetched(body, fetch) => self.fetched(body, fetch),
            Happening::Tell(body, event) => self.tell(body, event),
            Happening::Request => self.request(),
            Happening::Read(body) => self.with_awake(body, Happening::Read(body), |world| {
                let id = world.servers[body.at].id;
                let read = world.requests.read(id, world.checks.committed());
                world.give(body.at, read)
            }),
            Happening::Strike => self.strike(),
            Happening::Regicide(body) => self.regicide(body),
            Happening::Mend => {
                self.note("all links are mended");
                self.network.mend();
                Ok(())
            }
            Happening::Restart(at) => self.start(at),
        }
    }

    /// Starts a server from what its disk kept.
    pub(crate) fn start(&mut self, at: usize) -> Checked {
        if self.servers[at].life.is_some() {
            return Ok(());
        }
        self.sabotage_disk(at);
        let server = &mut self.servers[at];
        let image = server.disk.durable();
        let in_memory = self.disk_rng.within(0, self.options.recovered_tail_max);
        let recovered = image.recovered(&self.options.membership, in_memory);
        let seed = self.server_rng.next();
        let config = quorate_core::Config { id: server.id, seed, ..self.options.config.clone() };
        let now = server.clock.read(self.now);
        let what = format!("starts in {:?}", recovered.hard_state);
        self.trace.happened(self.now, server.id.get(), what.as_str());
        let raft = Raft::new(config, recovered, now).map_err(|error| Violation {
            property: Property::ServersStart,
            evidence: format!("{:?}: {error}", server.id),
        })?;
        if self.options.nemesis.lose_disk > 0
            && !server.is_forgetful()
            && server.lives.is_multiple_of(2)
        {
            server.copy = Some(server.disk.durable().clone());
        }
        server.lives += 1;
        server.life = Some(Life::new(raft));
        self.report.starts += 1;
        Ok(())
    }

    /// Takes a server down. What it was not told to be durable may still be.
    pub(crate) fn crash(&mut self, at: usize) -> Checked {
        let server = &mut self.servers[at];
        if server.life.take().is_none() {
            return Ok(());
        }
        let pending = server.disk.pending();
        let kept = self.disk_rng.index(pending + 1);
        server.disk.crash(kept);
        server.is_disk_busy = false;
        self.requests.crashed(server.id);
        self.report.crashes += 1;
        let id = server.id.get();
        let what = format!("crashes, and {kept} of {pending} writes are kept");
        self.trace.happened(self.now, id, what.as_str());
        self.checks.still_durable(&self.servers)
    }

    fn arrive(&mut self, message: Message) -> Checked {
        let at = self.place(message.to);
        let body = self.body(at);
        if at == 0 && self.is_sabotaged(Sabotage::DeafServer) {
            return Ok(());
        }
        self.with_awake(body, Happening::Arrive(message.clone()), |world| {
            world.report.messages += 1;
            world.give(at, Event::Receive(message))
        })
    }

    /// An event comes in: it is handled, or waits for company.
    pub(crate) fn give(&mut self, at: usize, event: Event) -> Checked {
        let body = self.body(at);
        let Some(life) = &mut self.servers[at].life else { return Ok(()) };
        life.inbox.push(event);
        if !self.server_rng.chance(self.options.batching_permille) {
            return self.flush(at);
        }
        if life.inbox.len() == 1 {
            let wait = self.server_rng.below(nanos(self.options.config.heartbeat_interval));
            self.queue.plan(self.now + wait, Happening::Flush(body));
        }
        Ok(())
    }

    fn fire_timer(&mut self, at: usize) -> Checked {
        let Some(life) = &mut self.servers[at].life else { return Ok(()) };
        life.inbox.push(Event::Timeout);
        self.flush(at)?;
        let server = &self.servers[at];
        let (shown, timer) = (server.clock.read(self.now), server.life.as_ref());
        let deadline = timer.and_then(|life| life.raft.deadline());
        hold(
            deadline.is_none_or(|deadline| deadline > shown),
            Property::EffectsAreWellFormed,
            || format!("{:?} at {shown:?} asks to be woken at {deadline:?}", server.id),
        )
    }

    /// Carries on unless the server is down or another one by now, or stands still.
    pub(crate) fn with_awake(
        &mut self,
        body: Body,
        later: Happening,
        then: impl FnOnce(&mut Self) -> Checked,
    ) -> Checked {
        let server = &self.servers[body.at];
        if server.life.is_none() || server.lives != body.life {
            return Ok(());
        }
        if server.paused_until > self.now {
            self.queue.plan(server.paused_until, later);
            return Ok(());
        }
        then(self)
    }

    fn tell(&mut self, body: Body, event: Event) -> Checked {
        let later = Happening::Tell(body, event.clone());
        self.with_awake(body, later, |world| world.give(body.at, event))
    }

    fn request(&mut self) -> Checked {
        for _ in 0..self.client_rng.within(1, self.options.request_burst_max) {
            // One who says that it leads, or, sometimes, anybody.
            let (asks_anybody, any) =
                (self.client_rng.chance(100), self.client_rng.index(self.servers.len()));
            let leaders = (0..self.servers.len()).filter(|&at| self.servers[at].leads());
            let leaders: Vec<_> = leaders.collect();
            let at = match leaders.get(any % leaders.len().max(1)) {
                _ if asks_anybody => any,
                Some(&leader) => leader,
                None => continue,
            };
            let Server { id, paused_until, .. } = self.servers[at];
            // Who has much to do is asked for no more, or small windows would take for ever.
            let is_swamped = |glance: Glance| glance.last.index.0 > glance.commit.0 + BACKLOG_MAX;
            if paused_until > self.now || self.servers[at].glance().is_none_or(is_swamped) {
                continue;
            }
            let event = if self.client_rng.chance(300) {
                self.requests.read(id, self.checks.committed())
            } else {
                self.requests.propose(id)
            };
            self.give(at, event)?;
        }
        self.plan_request();
        Ok(())
    }

    fn plan_request(&mut self) {
        let wait = self.client_rng.below(nanos(self.options.request_interval_max));
        self.queue.plan(self.now + wait, Happening::Request);
    }

    pub(crate) fn body(&self, at: usize) -> Body {
        Body { at, life: self.servers[at].lives }
    }

    pub(crate) fn place(&self, id: NodeId) -> usize {
        self.servers.iter().position(|server| server.id == id).expect("messages are checked")
    }

    pub(crate) fn note(&mut self, what: &str) {
        self.trace.happened(self.now, 0, what);
    }

    pub(crate) fn is_sabotaged(&self, how: Sabotage) -> bool {
        self.options.sabotage == Some(how)
    }
}
