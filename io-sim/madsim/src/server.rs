//! A server: what outlives its processes, and how one starts and ends.

use std::future::pending;

use quorate_core::NodeId;
use quorate_core::wal::OpenError;
use quorate_io_sim::disk::Drive;
use quorate_io_sim::engine::{
    Boot, Booted, Broken, Checked, Clock, DiskUse, EPOCH_NS, Health, Ledger, Point, Property, Rng,
    Suffering, Violation, address, applier, cannot_start, hold, ledger, made_ready, reconcile,
};
use quorate_io_sim::net::{Down, HostId};
use quorate_io_sim::scenario::Options;
use quorate_io_tokio::{Ended, Env as _, Handle, Parts, start};
use quorate_sm::Applier;

use crate::env::SimEnv;
use crate::errands;
use crate::nemesis::Happening;
use crate::witness::Mind;
use crate::world::{Order, Sim, World};

/// Shows a replica's state machine, unless it is gone.
type Look = Box<dyn Fn(&mut dyn FnMut(&Applier)) + Send>;

/// A server of the world.
pub(crate) struct Server {
    pub(crate) id: NodeId,
    pub(crate) host: HostId,
    pub(crate) drive: Drive,
    pub(crate) clock: Clock,
    /// What it wrote, as the judges know it.
    pub(crate) ledger: Ledger,
    /// Its name in madsim.
    pub(crate) node: Option<madsim::task::NodeId>,
    /// Counts its processes, so that what belongs to an earlier one is recognised.
    pub(crate) life: u32,
    /// Does a process run, or start?
    pub(crate) is_up: bool,
    /// All its tasks are parked.
    pub(crate) is_paused: bool,
    /// It stands still until then, up or not.
    pub(crate) paused_until: u64,
    pub(crate) suffering: Suffering,
    /// What is known of its disk.
    pub(crate) health: Health,
    /// It was told to end in good order.
    pub(crate) is_stopping: bool,
    /// The way to a process that serves.
    pub(crate) handle: Option<Handle>,
    /// The disk of this process has failed.
    pub(crate) has_failed: bool,
    /// Why the last process ended by itself.
    pub(crate) ended: Option<Ended>,
    /// What is known of a process that has stepped.
    pub(crate) mind: Option<Mind>,
    pub(crate) look: Option<Look>,
    /// It stays like this.
    pub(crate) broken: Option<Broken>,
    /// What its files may take for all that was ever written to them.
    pub(crate) written_bytes: DiskUse,
}

impl Server {
    /// A server with an empty disk that was made ready for it.
    pub(crate) fn new(number: u16, rng: &mut Rng, options: &Options) -> Self {
        let id = NodeId::new(number.into()).expect("servers are numbered from 1");
        let drift = options.clock_drift_permille;
        let permille = rng.within(1000 - drift, 1000 + drift);
        let clock = Clock { offset: EPOCH_NS + rng.below(1 << 40), permille };
        let seed = rng.next();
        Self {
            id,
            host: HostId(number),
            drive: made_ready(id, seed, options),
            clock,
            ledger: ledger(id, options),
            node: None,
            life: 0,
            is_up: false,
            is_paused: false,
            paused_until: 0,
            suffering: Suffering::default(),
            health: Health::default(),
            is_stopping: false,
            handle: None,
            has_failed: false,
            ended: None,
            mind: None,
            look: None,
            broken: None,
            written_bytes: DiskUse::default(),
        }
    }
}

/// A process of a server, from its start to its end.
pub(crate) async fn serve(world: World, at: usize) {
    let (env, drive, health, options) = world.with(|sim| {
        let seed = sim.server_rng.next();
        sim.report.starts += 1;
        let server = &mut sim.servers[at];
        server.begin_life();
        server.drive.begin(sim.now);
        let env = SimEnv::new(world.clone(), server.host, server.life, seed);
        (env, server.drive.clone(), server.health, sim.lives[at].clone())
    });
    let boot = Boot::read(drive.mount(), env.id(), env.random(), &options, health);
    if let Some(death) = drive.death() {
        world.sleep_until(death.at).await;
        world.with(|sim| sim.died(at));
        return pending().await;
    }
    if let Ok(Booted::Ready(_)) = &boot {
        world.with(|sim| sim.was_read(at));
    }
    world.sleep_until(drive.end()).await;
    let parts = match boot {
        Ok(Booted::Ready(boot)) => parts(*boot, &world, at, &env, &options).await,
        Ok(Booted::DiskFailed) => Ok(None),
        Ok(Booted::Refused(why)) => {
            world.with(|sim| sim.refused(at, &why));
            return pending().await;
        }
        Err(violation) => Err(violation),
    };
    let parts = match parts {
        Ok(Some(parts)) => parts,
        Ok(None) => {
            world.with(|sim| sim.ended(at, Ended::DiskFailed));
            return pending().await;
        }
        Err(violation) => {
            world.with(|sim| sim.must(Err(violation)));
            return pending().await;
        }
    };
    match start(env, parts) {
        Ok((handle, running)) => {
            world.with(|sim| sim.serves(at, handle));
            let ended = running.await;
            world.with(|sim| sim.ended(at, ended));
        }
        Err(error) => {
            world.with(|sim| {
                let id = sim.servers[at].id;
                sim.must(Err(cannot_start(id, &error)));
            });
        }
    }
    // Whoever is here is about to be ended.
    pending().await
}

/// What the pump is given. `None` if nothing can listen.
async fn parts(
    boot: Boot,
    world: &World,
    at: usize,
    env: &SimEnv,
    options: &Options,
) -> Checked<Option<Parts<SimEnv>>> {
    let id = env.id();
    let config = boot.config(id, env.random(), options);
    let mut applier = world.with(|sim| applier(id, &*sim.subject, options));
    boot.restore(id, &mut applier)?;
    let Boot { wal, opened, snapshots, found, .. } = boot;
    world.with(|sim| {
        let (last, state) = (found.last(), found.hard_state);
        sim.note(id.get(), || format!("starts with {last:?} {state:?}"));
        if opened.report.cut.is_some() {
            sim.report.reached.note(Point::TornTailCut);
        }
        reconcile(&mut sim.servers[at].ledger, &found)?;
        sim.properties.still_durable(&sim.servers)
    })?;
    let Ok(listener) = env.listen(address(id).as_str()).await else { return Ok(None) };
    Ok(Some(Parts {
        config,
        recovered: opened.recovered,
        wal,
        snapshots,
        applier,
        services: errands::services(world, env, at),
        session_timeout: options.session_timeout,
        listener,
    }))
}

impl Server {
    /// Will it never start again?
    pub(crate) fn is_lost(&self) -> bool {
        self.health == Health::Lost
    }

    fn begin_life(&mut self) {
        self.life += 1;
        self.is_up = true;
        (self.is_stopping, self.has_failed) = (false, false);
        self.handle = None;
        self.ended = None;
        self.mind = None;
        self.look = None;
    }
}

impl Sim {
    /// A process is ready.
    fn serves(&mut self, at: usize, handle: Handle) {
        let server = &mut self.servers[at];
        server.handle = Some(handle);
        let host = server.host;
        self.happened(host.0.into(), "serves");
    }

    /// All that is on the disk of a server was read, and all is there.
    fn was_read(&mut self, at: usize) {
        let health = &mut self.servers[at].health;
        if std::mem::take(health) == Health::Decayed {
            self.report.reached.note(Point::DecayOutlived);
        }
    }

    /// The process does not start, and none will.
    fn refused(&mut self, at: usize, why: &OpenError) {
        let server = &mut self.servers[at];
        server.health = Health::Lost;
        let host = server.host.0.into();
        self.note(host, || format!("refuses to start: {why}"));
        self.happened(host, "refuses to start");
        self.report.reached.note(Point::DecayRefused);
        self.take_down(at, Down::Kill);
    }

    /// The process died in an operation of its disk.
    pub(crate) fn died(&mut self, at: usize) {
        let death = self.servers[at].drive.death().expect("it died");
        self.report.torn += 1;
        self.take_down(at, death.mode.into());
        self.plan_restart(at);
    }

    /// The process ended by itself.
    fn ended(&mut self, at: usize, ended: Ended) {
        let host = self.servers[at].host.0.into();
        self.note(host, || format!("has ended: {ended:?}"));
        match &ended {
            Ended::Stopped => self.report.stopped += 1,
            Ended::DiskFailed => self.report.disk_failures += 1,
            Ended::Unfit(why) => {
                let evidence = format!("n{host}: {why}");
                self.must(Err(Violation { property: Property::ServersRun, evidence }));
            }
            Ended::Halted(violation) => {
                let evidence = format!("n{host} halts: {violation}");
                self.must(Err(Violation { property: Property::ServersRun, evidence }));
            }
            Ended::Disowned { by, why } => {
                let evidence = format!("n{host} is disowned by {by:?}: {why}");
                self.must(Err(Violation { property: Property::ServersRun, evidence }));
            }
        }
        self.servers[at].ended = Some(ended);
        self.take_down(at, Down::Kill);
        self.plan_restart(at);
    }

    /// Ends the process of a server.
    pub(crate) fn take_down(&mut self, at: usize, how: Down) {
        let server = &mut self.servers[at];
        if !server.is_up {
            return;
        }
        if server.handle.is_none() && server.ended.is_none() && !server.is_lost() {
            self.report.reached.note(Point::RestartInterrupted);
        }
        (server.is_up, server.is_paused) = (false, false);
        (server.handle, server.look, server.mind) = (None, None, None);
        match how {
            Down::Kill => server.drive.kill(self.now),
            Down::PowerLoss => server.drive.lose_power(self.now),
        }
        let (host, node) = (server.host, server.node);
        let late = server.drive.late_calls();
        self.report.crashes += 1;
        self.happened(
            host.0.into(),
            match how {
                Down::Kill => "goes down",
                Down::PowerLoss => "loses power",
            },
        );
        self.must(hold(late == 0, Property::TheDeadAreSilent, || {
            format!("{late} calls of dead processes to the disk of {host:?}")
        }));
        if self.servers.iter().all(|server| !server.is_up) {
            self.report.reached.note(Point::AllDown);
        }
        self.net.host_down(self.now, host, how);
        self.forget_host(host);
        self.order(Order::Kill(node.expect("it was started")));
    }

    /// Starts a server, unless it runs or is lost.
    pub(crate) fn restart(&mut self, at: usize) {
        let server = &mut self.servers[at];
        if server.is_up || server.is_gone() || server.is_lost() {
            return;
        }
        server.is_up = true;
        server.ended = None;
        let (host, node, paused_until) = (server.host, server.node, server.paused_until);
        self.net.host_up(self.now, host);
        self.order(Order::Restart(node.expect("it was started")));
        if paused_until > self.now {
            self.hold_still(at);
        }
    }

    pub(crate) fn plan_restart(&mut self, at: usize) {
        let restart_at = self.servers[at].suffering.restart_at(self.now, &self.options);
        self.queue.plan(restart_at, Happening::Restart(at));
    }
}
