//! A run from its beginning to its end: chaos, then peace, in which progress is required.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use madsim::runtime::Handle as Nodes;
use quorate_io_sim::engine::{Checked, Property, Subject, Trace, Witness, hold, nanos};
use quorate_io_sim::history::History;
use quorate_io_sim::scenario::Scenario;

use crate::caller;
use crate::driver::Driver;
use crate::peace::make_peace;
use crate::report::Report;
use crate::server;
use crate::world::{Order, Sim, World};

/// How long a healed cluster may go without any progress, in election timeouts.
const PATIENCE_TIMEOUTS: u64 = 100;

/// How many times as long it may go with some progress, and not come to what is waited for.
const PATIENCE_MAX: u64 = 4;

/// How often it is looked whether something has come true.
pub(crate) const LOOK_EVERY_NS: u64 = 5_000_000;

/// Lives through a run. If it does not come to its end: also what the clients saw.
pub(crate) async fn live(
    scenario: Scenario,
    subject: Box<dyn Subject + Send>,
    trace: Arc<Mutex<Trace>>,
) -> (Checked<Report>, Option<History>) {
    let world = World::new(&scenario, subject, trace);
    drop(madsim::task::spawn(Driver::new(world.clone())));
    let (servers, callers) =
        world.with(|sim| (sim.servers.len(), usize::from(sim.options.callers)));
    let (host, mut nodes) = (Nodes::current(), Vec::new());
    for at in 0..servers {
        let init = world.clone();
        let node = host.create_node().init(move || server::serve(init.clone(), at)).build().id();
        world.with(|sim| sim.servers[at].node = Some(node));
        nodes.push(node);
    }
    for number in 0..callers {
        let init = world.clone();
        let node = host.create_node().init(move || caller::call(init.clone(), number)).build();
        nodes.push(node.id());
    }
    let lived = through(&world).await;
    let history = world.with(|sim| sim.subject.history().cloned().filter(|_| lived.is_err()));
    world.end();
    nodes.into_iter().for_each(|node| host.kill(node));
    // What is killed is dropped when its turn comes.
    madsim::time::sleep(Duration::from_millis(1)).await;
    (lived, history)
}

async fn through(world: &World) -> Checked<Report> {
    let end = world.with(|sim| nanos(sim.options.chaos));
    while world.now() < end {
        world.sleep_until(end.min(world.now() + LOOK_EVERY_NS)).await;
        world.with(Sim::sound)?;
    }
    make_peace(world).await?;
    stop_all(world).await?;
    world.with(|sim| {
        sim.report.elapsed = Duration::from_nanos(sim.now);
        sim.report.elections = sim.properties.elections();
        sim.report.committed = sim.properties.committed().0;
        sim.report.digest = sim.digest();
        Ok(sim.report.clone())
    })
}

/// All servers end in good order, and find everything that they wrote when they start again.
async fn stop_all(world: &World) -> Checked {
    world.with(|sim| {
        sim.is_closing = true;
        let handles: Vec<_> = sim.servers.iter().filter_map(|it| it.handle.clone()).collect();
        handles.into_iter().for_each(|handle| sim.order(Order::Stop(handle)));
    });
    until(world, "the end of all servers", |sim| sim.servers.iter().all(|it| !it.is_up)).await?;
    world.with(|sim| {
        for server in sim.kept() {
            let (ended, pending) = (server.ended.clone(), server.ledger.pending());
            let is_good = ended == Some(quorate_io_tokio::Ended::Stopped) && pending == 0;
            hold(is_good, Property::ServersRun, || {
                format!("{:?} ends with {ended:?}, {pending} writes not durable", server.id)
            })?;
        }
        (0..sim.servers.len()).for_each(|at| sim.restart(at));
        Checked::Ok(())
    })?;
    let serve = |sim: &mut Sim| sim.kept().all(|server| server.handle.is_some());
    until(world, "the start of all servers", serve).await
}

pub(crate) async fn until(
    world: &World,
    what: &str,
    is_done: impl Fn(&mut Sim) -> bool,
) -> Checked {
    let begun = world.now();
    let (mut since, mut known) = (begun, 0);
    loop {
        let (progress, patience) = world.with(|sim| {
            sim.sound()?;
            Checked::Ok(((!is_done(sim)).then(|| sim.progress()), sim.patience()))
        })?;
        let Some(progress) = progress else { return Ok(()) };
        if progress > known {
            (since, known) = (world.now(), progress);
        }
        // What others get done is no excuse for ever.
        let limit = (since + patience).min(begun + PATIENCE_MAX * patience);
        if world.now() > limit {
            let statuses = statuses(world).await;
            hold(false, Property::Liveness, || format!("waited too long for {what}: {statuses}"))?;
        }
        world.sleep(LOOK_EVERY_NS).await;
    }
}

/// What servers say of themselves, those that answer.
async fn statuses(world: &World) -> String {
    let handles: Vec<_> =
        world.with(|sim| sim.servers.iter().map(|server| server.handle.clone()).collect());
    let mut said = String::new();
    for (handle, number) in handles.into_iter().zip(1..) {
        let status = async { handle?.status().await };
        tokio::select! {
            biased;
            status = status => said += &format!("\nn{number}: {status:?}"),
            () = world.sleep(LOOK_EVERY_NS) => said += &format!("\nn{number} says nothing"),
        }
    }
    said
}

impl Sim {
    /// Nothing was seen that must not be.
    pub(crate) fn sound(&mut self) -> Checked {
        self.violation.clone().map_or(Ok(()), Err)
    }

    pub(crate) fn patience(&self) -> u64 {
        let timeouts = PATIENCE_TIMEOUTS * (1 + self.options.deference_max());
        nanos(self.options.raft.election_timeout) * timeouts
            + nanos(self.options.calling.timeout.max(caller::VISIT_TIMEOUT)) * 2
    }

    fn progress(&self) -> u64 {
        let commits = self.servers.iter().filter_map(Witness::glance).map(|is| is.commit.0);
        commits.chain(self.callers.iter().map(|calls| calls.done)).sum()
    }
}
