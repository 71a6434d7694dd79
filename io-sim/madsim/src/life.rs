//! A run from its beginning to its end: chaos, then peace, in which progress is required.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use madsim::runtime::Handle as Nodes;
use quorate_core::Index;
use quorate_io_sim::engine::{
    Checked, Property, Subject, Suffering, Trace, Witness, hold, nanos, replayed,
};
use quorate_io_sim::history::History;
use quorate_io_sim::net::{NetOptions, Shape};
use quorate_io_sim::scenario::{Sabotage, Scenario};
use quorate_io_sim::workload::Judgement;

use crate::caller;
use crate::driver::Driver;
use crate::report::Report;
use crate::server;
use crate::world::{Order, Sim, World};

/// How long a healed cluster may go without any progress, in election timeouts.
const PATIENCE_TIMEOUTS: u64 = 100;

/// For how long nothing may change once everything stands, in election timeouts.
const WINDOW_TIMEOUTS: u64 = 6;

/// How often it is looked whether something has come true.
const LOOK_EVERY_NS: u64 = 5_000_000;

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
    world.with(Sim::heal);
    converge(world).await?;
    visit_all(world).await?;
    stop_all(world).await?;
    world.with(|sim| {
        sim.report.elapsed = Duration::from_nanos(sim.now);
        sim.report.elections = sim.properties.elections();
        sim.report.committed = sim.properties.committed().0;
        sim.report.digest = sim.digest();
        Ok(sim.report.clone())
    })
}

/// Every caller gets an answer, all servers apply all that is committed, and agree.
async fn converge(world: &World) -> Checked {
    let serve = |sim: &mut Sim| sim.servers.iter().all(|it| it.handle.is_some() && !it.is_stopping);
    until(world, "all servers", serve).await?;
    let callers = world.with(|sim| usize::from(sim.options.callers));
    let wanted: Vec<_> =
        world.with(|sim| sim.callers[..callers].iter().map(|calls| calls.done + 2).collect());
    until(world, "answers for all callers", |sim| {
        sim.callers.iter().zip(&wanted).all(|(calls, wanted)| calls.done >= *wanted)
    })
    .await?;
    settle(world).await?;
    stand_still(world).await?;
    world.with(|sim| sim.is_retired = true);
    until(world, "the end of all calls", |sim| {
        sim.callers[..callers].iter().all(|calls| calls.has_ended)
    })
    .await
}

/// Connections from the time of faults that nobody reads have been noticed by now: after a link's
/// time limit, which is two election timeouts, on either side.
async fn settle(world: &World) -> Checked {
    let end = world.with(|sim| sim.now + 4 * nanos(sim.options.raft.election_timeout));
    until(world, "the end of old connections", |sim| sim.now >= end).await?;
    until(world, "a leader", |sim| sim.newest_leader().is_some()).await
}

/// For a while nothing is in the way: the leader stays.
async fn stand_still(world: &World) -> Checked {
    let (leader, elections, end) = world.with(|sim| {
        sim.sabotage(Sabotage::Regicide);
        let end = sim.now + WINDOW_TIMEOUTS * nanos(sim.options.raft.election_timeout);
        (sim.newest_leader(), sim.properties.elections(), end)
    });
    until(world, "the end of a quiet time", |sim| sim.now >= end).await?;
    world.with(|sim| {
        let (now, others) = (sim.newest_leader(), sim.properties.elections() - elections);
        hold(now == leader && others == 0, Property::LeadershipIsStable, || {
            format!("{leader:?} led; after {others} elections it is {now:?}")
        })
    })
}

/// Each server answers whoever asks it alone; then all are equal, and the workload is judged.
async fn visit_all(world: &World) -> Checked {
    let (servers, callers) =
        world.with(|sim| (sim.servers.len(), usize::from(sim.options.callers)));
    world.with(|sim| sim.sabotage(Sabotage::NeverHealsTheRest));
    for at in 0..servers {
        drop(madsim::task::spawn(caller::visit(world.clone(), callers + at, at)));
    }
    until(world, "answers from each server", |sim| {
        sim.callers[callers..].iter().all(|calls| calls.has_ended)
    })
    .await?;
    world.with(|sim| {
        let done: Vec<_> = sim.callers[callers..].iter().map(|calls| calls.done).collect();
        hold(done.iter().all(|&done| done == caller::VISIT_CALLS), Property::Liveness, || {
            format!("without any fault servers answer only {done:?} calls")
        })
    })?;
    until(world, "equal states everywhere", Sim::is_converged).await?;
    tidy(world).await?;
    world.with(Sim::judge)
}

/// What nobody wants any more gets closed: no server keeps a connection that its node has forgotten,
/// and no client one that it has done with.
async fn tidy(world: &World) -> Checked {
    let (handles, patience): (Vec<_>, _) = world.with(|sim| {
        (sim.servers.iter().filter_map(|it| it.handle.clone()).collect(), sim.patience())
    });
    let end = world.now() + patience;
    loop {
        let mut known = Vec::new();
        for handle in &handles {
            known.push(handle.status().await.map_or(0, |status| status.connections));
        }
        known.push(0);
        let open = world.with(|sim| sim.open_connections());
        if open == known {
            return Ok(());
        }
        hold(world.now() < end, Property::ServersRun, || {
            format!("servers know of {known:?} connections, and have {open:?}")
        })?;
        world.sleep(LOOK_EVERY_NS).await;
        world.with(Sim::sound)?;
    }
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
        for server in &sim.servers {
            let (ended, pending) = (server.ended, server.ledger.pending());
            let is_good = ended == Some(quorate_io_tokio::Ended::Stopped) && pending == 0;
            hold(is_good, Property::ServersRun, || {
                format!("{:?} ends with {ended:?}, {pending} writes not durable", server.id)
            })?;
        }
        (0..sim.servers.len()).for_each(|at| sim.restart(at));
        Checked::Ok(())
    })?;
    until(world, "the start of all servers", |sim| {
        sim.servers.iter().all(|server| server.handle.is_some())
    })
    .await
}

async fn until(world: &World, what: &str, is_done: impl Fn(&mut Sim) -> bool) -> Checked {
    let mut since = world.now();
    let mut known = 0;
    loop {
        let (progress, patience) = world.with(|sim| {
            sim.sound()?;
            Checked::Ok(((!is_done(sim)).then(|| sim.progress()), sim.patience()))
        })?;
        let Some(progress) = progress else { return Ok(()) };
        if progress > known {
            (since, known) = (world.now(), progress);
        }
        if world.now() > since + patience {
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
    fn sound(&mut self) -> Checked {
        self.violation.clone().map_or(Ok(()), Err)
    }

    /// Ends all faults; only clocks go on to differ.
    fn heal(&mut self) {
        self.happened(0, "all faults end");
        self.is_peace = true;
        self.troubles.clear();
        self.suffer();
        self.options.net = NetOptions::default();
        self.net.set_links(self.options.net.link);
        self.options.pump.accept_fails_permille = 0;
        self.options.apply_max_ns = 1000;
        self.options.stir_max_ns = 0;
        for at in 0..self.servers.len() {
            let server = &mut self.servers[at];
            (server.suffering, server.paused_until) = (Suffering::default(), 0);
            server.drive.heal();
            self.resume(at);
            self.restart(at);
        }
        self.sabotage(Sabotage::NeverHeals);
    }

    /// Cuts everybody off, if that is the sabotage.
    fn sabotage(&mut self, sabotage: Sabotage) {
        if self.options.sabotage == sabotage {
            let hosts: Vec<_> = self.servers.iter().map(|server| server.host).collect();
            hosts.iter().for_each(|&one| self.net.partition(&Shape::Isolate(one).blocked(&hosts)));
        }
    }

    fn patience(&self) -> u64 {
        nanos(self.options.raft.election_timeout) * PATIENCE_TIMEOUTS
            + nanos(self.options.calling.timeout.max(caller::VISIT_TIMEOUT)) * 2
    }

    fn progress(&self) -> u64 {
        let commits = self.servers.iter().filter_map(Witness::glance).map(|is| is.commit.0);
        commits.chain(self.callers.iter().map(|calls| calls.done)).sum()
    }

    fn is_converged(&mut self) -> bool {
        let committed = self.properties.committed();
        self.replicas().iter().all(|&(applied, _)| applied == committed)
    }

    /// How far each state machine is, and a digest of what it holds.
    fn replicas(&self) -> Vec<(Index, u64)> {
        let mut replicas = Vec::new();
        for server in &self.servers {
            let mut replica = (Index(0), 0);
            if let Some(look) = &server.look {
                look(&mut |applier| replica = (applier.last_applied().index, applier.digest()));
            }
            replicas.push(replica);
        }
        replicas
    }

    /// All replicas hold the same, as does one that starts anew, and the workload finds it right.
    fn judge(&mut self) -> Checked {
        let replicas = self.replicas();
        let are_equal = replicas.windows(2).all(|pair| pair[0] == pair[1]);
        hold(are_equal, Property::StatesAgree, || format!("states differ: {replicas:?}"))?;
        let committed = self.properties.committed();
        let fresh = replayed(&*self.subject, &self.servers[0].ledger, committed);
        hold(fresh == replicas[0].1, Property::StatesAgree, || {
            "the log makes another state than that of the first server".to_owned()
        })?;
        let mut judged = Ok(Judgement::Undecided);
        let look = self.servers[0].look.as_ref().expect("it serves");
        look(&mut |applier| judged = self.subject.judge(applier));
        self.report.undecided += u64::from(judged? == Judgement::Undecided);
        Ok(())
    }
}
