//! The world: what happens next, and to whom.

use core::time::Duration;

use quorate_core::Index;
use quorate_core::node::{Idle, Input, Outputs};

use super::caller::Caller;
use super::process::Process;
use super::report::Report;
use super::server::{Begun, Server, Started};
use crate::boot::{address, applier};
use crate::clock::{Clock, EPOCH_NS, nanos};
use crate::hearing::Hearing;
use crate::judge::{Checked, Names, Point, Properties, Property, Requests, hold};
use crate::net::{Down, HostId, Net};
use crate::queue::Queue;
use crate::rng::{Rng, Stream};
use crate::scenario::{Options, Scenario, Strike};
use crate::show::What;
use crate::trace::Trace;
use crate::trouble::{Links, Suffering, Troubles};
use crate::workload::Subject;

/// Servers, callers, and everything between them.
pub(crate) struct World<'a> {
    pub(crate) options: Options,
    pub(crate) now: u64,
    pub(crate) queue: Queue<Happening>,
    pub(crate) servers: Vec<Server>,
    pub(crate) callers: Vec<Caller>,
    pub(crate) net: Net,
    pub(crate) subject: &'a mut dyn Subject,
    pub(crate) properties: Properties,
    pub(crate) hearing: Hearing,
    pub(crate) requests: Requests,
    pub(crate) names: Names,
    /// The time of faults is over.
    pub(crate) is_peace: bool,
    pub(crate) trace: &'a mut Trace,
    pub(crate) report: Report,
    /// Paces servers.
    pub(crate) server_rng: Rng,
    pub(crate) peace_rng: Rng,
    /// Kept for its allocation.
    pub(crate) outputs: Outputs,
    /// Seeds of every server's lives.
    pub(crate) life_rngs: Vec<Rng>,
    /// Every server's options in its next life.
    pub(crate) lives: Vec<Options>,
    pub(crate) suffering: Vec<Suffering>,
    pub(crate) troubles: Troubles,
    /// Links that nothing gets through.
    pub(crate) cut: Links,
    /// What waits for somebody to stand for election.
    pub(crate) ambushes: Vec<Strike>,
    /// Who belongs to the cluster may change.
    pub(crate) is_changing: bool,
}

/// Something that is planned.
pub(crate) enum Happening {
    /// What has happened to a server has waited long enough.
    Step(Body),
    /// The lane of the log is done with what it was given.
    LogStepped(Body, Vec<Input>),
    /// It is done with what came after that, or with what could wait.
    LogRested(Body, Vec<Input>, Idle),
    /// What was read back from the log is on its way to the node.
    ReadBack(Body, Vec<Input>),
    /// It may have nothing to do since the step of this number.
    LogIdle(Body, u64),
    /// The lane of the state machine is done with what it was given.
    ApplyDone(Body, Vec<Input>),
    /// A process dies in an operation of its disk.
    Die(Body),
    /// A process that was told to stop is gone.
    Ended(Body),
    Strike(Strike),
    /// The trouble of this number.
    TroubleEnds(u64),
    Restart(usize),
    /// The disk is done with the start of a process.
    Started(Body),
}

impl Happening {
    /// The process that has to be there and awake for it.
    fn takes_awake(&self) -> Option<Body> {
        match *self {
            Self::Step(body)
            | Self::LogStepped(body, _)
            | Self::LogRested(body, ..)
            | Self::ReadBack(body, _)
            | Self::LogIdle(body, _)
            | Self::ApplyDone(body, _) => Some(body),
            Self::Die(_)
            | Self::Ended(_)
            | Self::Strike(_)
            | Self::TroubleEnds(_)
            | Self::Restart(_)
            | Self::Started(_) => None,
        }
    }
}

/// A server in one of its lives.
#[derive(Clone, Copy)]
pub(crate) struct Body {
    pub(crate) at: usize,
    pub(crate) life: u32,
}

impl<'a> World<'a> {
    /// The world of a scenario, before anything has happened.
    ///
    /// # Panics
    /// If the scenario fails its check.
    pub(crate) fn new(
        scenario: &Scenario,
        subject: &'a mut dyn Subject,
        trace: &'a mut Trace,
    ) -> Self {
        assert!(scenario.check().is_ok(), "a scenario makes sense: {:?}", scenario.check());
        let options = &scenario.options;
        let seed = options.seed;
        let mut server_rng = Rng::new(seed, Stream::Servers);
        let count = options.servers();
        let servers = (1..=count).map(|number| {
            let drift = options.clock_drift_permille;
            let permille = server_rng.within(1000 - drift, 1000 + drift);
            let clock = Clock { offset: EPOCH_NS + server_rng.below(1 << 40), permille };
            Server::new(number, server_rng.next(), clock, options)
        });
        let servers: Vec<_> = servers.collect();
        let mut client_rng = Rng::new(seed, Stream::Clients);
        let addresses = servers.iter().map(|server| address(server.id).as_str().to_owned());
        let addresses: Vec<_> = addresses.collect();
        let callers = (0..options.callers).map(|number| {
            let rng = Rng::new(client_rng.next(), Stream::Clients);
            let host = HostId(count + 1 + number);
            Caller::new(host, number, addresses.clone(), rng, options)
        });
        let callers: Vec<_> = callers.collect();
        let life_rngs =
            servers.iter().map(|server| Rng::named(seed, Stream::Lives, &server.id.to_string()));
        let mut world = Self {
            now: 0,
            queue: Queue::new(),
            callers,
            outputs: Outputs::default(),
            life_rngs: life_rngs.collect(),
            lives: vec![options.clone(); servers.len()],
            suffering: vec![Suffering::default(); servers.len()],
            troubles: Troubles::default(),
            cut: Links::new(),
            ambushes: Vec::new(),
            is_changing: scenario.changes_members(),
            servers,
            net: Net::new(seed, count, options.callers, options.net),
            subject,
            properties: Properties::new(options.membership.clone(), true),
            hearing: Hearing::default(),
            requests: Requests::default(),
            names: Names::default(),
            is_peace: false,
            trace,
            report: Report::default(),
            server_rng: Rng::new(seed, Stream::Pace),
            peace_rng: Rng::new(seed, Stream::Peace),
            options: options.clone(),
        };
        world.plan_strikes(scenario.plan.actions());
        world
    }

    /// Chaos, then peace.
    pub(crate) fn run(mut self) -> Checked<Report> {
        for at in 0..self.servers.len() {
            self.start(at)?;
        }
        let end = nanos(self.options.chaos);
        while self.now < end {
            self.advance()?;
        }
        self.make_peace()?;
        self.report.elapsed = Duration::from_nanos(self.now);
        self.report.elections = self.properties.elections();
        self.report.answered = self.callers.iter().map(|caller| caller.done).sum();
        self.report.committed = self.committed().0;
        self.report.digest = self.trace.digest();
        Ok(self.report)
    }

    /// Whatever comes next.
    pub(crate) fn advance(&mut self) -> Checked {
        let servers = self.servers.iter().enumerate();
        let server = servers.filter_map(|(at, server)| Some((server.timer()?, at))).min();
        let callers = self.callers.iter().enumerate();
        let caller = callers.map(|(at, caller)| (caller.timer(), at)).min();
        let moments = [
            self.queue.next_at(),
            self.net.next_at(),
            server.map(|next| next.0),
            caller.map(|next| next.0),
        ];
        let next = moments.into_iter().flatten().min();
        let is_over = next.is_none_or(|next| next == u64::MAX);
        hold(!is_over, Property::Liveness, || "nothing will ever happen".to_owned())?;
        self.now = self.now.max(next.expect("held"));
        if self.queue.next_at().is_some_and(|at| at <= self.now) {
            let happening = self.queue.pop().expect("it was just looked at");
            return self.happen(happening);
        }
        if self.net.next_at().is_some_and(|at| at <= self.now) {
            return self.deliver();
        }
        if let Some((when, at)) = server
            && when <= self.now
        {
            return self.turn(at);
        }
        if let Some((when, at)) = caller
            && when <= self.now
        {
            return self.call(at);
        }
        Ok(())
    }

    fn happen(&mut self, happening: Happening) -> Checked {
        if let Some(body) = happening.takes_awake() {
            match self.is_awake(body) {
                Awake::Now => {}
                Awake::At(u64::MAX) => {
                    self.servers[body.at].parked.push(happening);
                    return Ok(());
                }
                Awake::At(later) => {
                    self.queue.plan(later, happening);
                    return Ok(());
                }
                Awake::Never => return Ok(()),
            }
        }
        match happening {
            Happening::Step(body) => self.turn(body.at),
            Happening::LogStepped(body, done) => self.log_stepped(body, done),
            Happening::LogRested(body, done, idle) => self.log_rested(body, done, idle),
            Happening::ReadBack(body, done) => self.take_in(body, done),
            Happening::LogIdle(body, since) => {
                self.log_idle(body, since);
                Ok(())
            }
            Happening::ApplyDone(body, done) => self.apply_done(body, done),
            Happening::Die(body) => self.die(body),
            Happening::Ended(body) => self.ended(body),
            Happening::Strike(_) | Happening::TroubleEnds(_) if self.is_peace => Ok(()),
            Happening::Strike(strike) => self.strike(strike),
            Happening::TroubleEnds(number) => {
                self.end_trouble(number);
                Ok(())
            }
            Happening::Restart(at) => self.restart(at),
            Happening::Started(body) => self.started(body),
        }
    }

    /// A server steps, and is busy with it for a while if its processor is slow.
    fn turn(&mut self, at: usize) -> Checked {
        let suffering = &mut self.suffering[at];
        let shown = self.servers[at].clock.read(self.now);
        assert!(shown >= suffering.shown, "no clock goes back: {shown:?}");
        suffering.shown = shown;
        let slowness = suffering.slowness(self.now);
        if slowness > 0 {
            let paused = &mut self.servers[at].paused_until;
            *paused = (*paused).max(self.now + slowness);
        }
        self.step(at)
    }

    /// Something arrives somewhere.
    fn deliver(&mut self) -> Checked {
        while let Some(delivery) = self.net.pop(self.now) {
            let servers = self.servers.len();
            let place = usize::from(delivery.host.0) - 1;
            self.report.deliveries += 1;
            self.trace.see(self.now, |recorder| recorder.delivered(&delivery));
            if place < servers {
                self.deliver_to_server(place, delivery.end, delivery.event);
            } else {
                self.deliver_to_caller(place - servers, delivery.end, delivery.event)?;
            }
        }
        Ok(())
    }

    /// Starts a server from what its disk kept.
    pub(crate) fn start(&mut self, at: usize) -> Checked {
        if !self.servers[at].is_down() || self.servers[at].is_gone() {
            return Ok(());
        }
        let seed = self.life_rngs[at].next();
        self.report.starts += 1;
        self.tell(at, |n| What::Starting { n });
        let health = self.servers[at].health;
        match self.servers[at].begin_start(self.now, seed, &self.lives[at])? {
            Begun::Reading => {
                if self.servers[at].health != health {
                    self.reach(Point::DecayOutlived);
                }
                let body = self.body(at);
                self.plan_disk(body, Happening::Started);
                Ok(())
            }
            Begun::DiskFailed => {
                // It is gone, and what a slow disk would still do for it does not hold up the next.
                self.servers[at].drive.kill(self.now);
                self.report.disk_failures += 1;
                self.plan_restart(at);
                Ok(())
            }
            Begun::Refused(why) => {
                self.servers[at].drive.kill(self.now);
                self.reach(Point::DecayRefused);
                let host = self.servers[at].host.0.into();
                self.trace.line(self.now, host, || format!("refuses to start: {why}"));
                self.tell_noted(at, || format!("refuses to start: {why}"));
                self.may_begin_anew(at, why)
            }
        }
    }

    fn started(&mut self, body: Body) -> Checked {
        let server = &mut self.servers[body.at];
        if server.lives != body.life {
            return Ok(());
        }
        let applier = applier(server.id, &*self.subject, &self.options);
        let given = |snapshot| self.properties.restored(snapshot);
        let started = server.finish_start(self.now, applier, given, &self.lives[body.at])?;
        let Some(started) = started else { return Ok(()) };
        if started == Started::TailCut {
            self.report.reached.note(Point::TornTailCut);
        }
        let host = server.host;
        self.net.host_up(self.now, host);
        self.net.listen(host, true);
        let glance = server.process.as_ref().map(Process::glance);
        self.trace.line(self.now, host.0.into(), || format!("has started: {glance:?}"));
        self.plan_idle(body.at);
        self.tell(body.at, |n| What::Started { n });
        self.tell_standing(body.at);
        self.properties.still_durable(&self.servers)
    }

    /// Takes a server down.
    pub(crate) fn take_down(&mut self, at: usize, how: Down) -> Checked {
        if self.peace_rng.chance(30) && self.servers[at].process.is_some() {
            self.examine(at)?;
        }
        let server = &mut self.servers[at];
        let interrupts = server.is_starting();
        if !server.end_process() {
            return Ok(());
        }
        if interrupts {
            self.report.reached.note(Point::RestartInterrupted);
        }
        match how {
            Down::Kill => server.drive.kill(self.now),
            Down::PowerLoss => server.drive.lose_power(self.now),
        }
        let host = server.host;
        self.report.crashes += 1;
        self.trace.line(self.now, host.0.into(), || format!("goes down: {how:?}"));
        self.tell_down(at, how);
        self.net.host_down(self.now, host, how);
        if self.servers.iter().all(Server::is_down) {
            self.reach(Point::AllDown);
        }
        Ok(())
    }

    pub(crate) fn body(&self, at: usize) -> Body {
        Body { at, life: self.servers[at].lives }
    }

    pub(crate) fn is_awake(&self, body: Body) -> Awake {
        let server = &self.servers[body.at];
        if server.process.is_none() || server.lives != body.life {
            Awake::Never
        } else if server.paused_until > self.now {
            Awake::At(server.paused_until)
        } else {
            Awake::Now
        }
    }

    /// Something has happened to a server: it will take it in soon, together with what follows.
    pub(crate) fn stir(&mut self, at: usize) {
        let body = self.body(at);
        let Some(process) = &mut self.servers[at].process else { return };
        if !process.is_stirred {
            process.is_stirred = true;
            let wait = self.server_rng.below(self.options.stir_max_ns + 1);
            self.queue.plan(self.now + wait, Happening::Step(body));
        }
    }

    /// The world has come to something rare.
    pub(crate) fn reach(&mut self, point: Point) {
        self.report.reached.note(point);
    }

    pub(crate) fn note(&mut self, what: &str) {
        self.trace.line(self.now, 0, || what.to_owned());
    }

    pub(crate) fn committed(&self) -> Index {
        self.properties.committed()
    }
}

/// Can a server take something in?
pub(crate) enum Awake {
    Now,
    At(u64),
    Never,
}
