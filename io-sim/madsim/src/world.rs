//! What all processes of a run share: time, the network, the disks, and those who judge.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::task::Waker;

use madsim::runtime::Handle as Nodes;
use madsim::task::NodeId;
use madsim::time::TimeHandle;
use quorate_core::Instant;
use quorate_core::wire::RequestBody;
use quorate_io_sim::engine::{
    Checked, Clock, Feed, Freshness, Hearing, Properties, Queue, Rng, Stream, Subject, Trace,
    Troubles, Violation,
};
use quorate_io_sim::net::{End, HostId, Net};
use quorate_io_sim::scenario::{Options, Scenario, Strike};
use quorate_io_tokio::Handle;

use crate::errands::Errands;
use crate::nemesis::Happening;
use crate::report::Report;
use crate::server::Server;
use crate::sockets::{Listening, Socket};

/// The way to the world. Clones lead to the same.
#[derive(Clone)]
pub(crate) struct World {
    sim: Arc<Mutex<Sim>>,
    time: TimeHandle,
}

/// The world. Nobody waits while holding it.
pub(crate) struct Sim {
    pub(crate) options: Options,
    /// Every server's options in its next life.
    pub(crate) lives: Vec<Options>,
    pub(crate) now: u64,
    pub(crate) net: Net,
    pub(crate) sockets: BTreeMap<End, Socket>,
    /// By host.
    pub(crate) listeners: Vec<Listening>,
    pub(crate) servers: Vec<Server>,
    pub(crate) callers: Vec<Calls>,
    /// Nobody calls any more.
    pub(crate) is_retired: bool,
    pub(crate) queue: Queue<Happening>,
    pub(crate) troubles: Troubles,
    /// What waits for somebody to stand for election.
    pub(crate) ambushes: Vec<Strike>,
    /// The time of faults is over.
    pub(crate) is_peace: bool,
    /// Who belongs to the cluster may change.
    pub(crate) is_changing: bool,
    pub(crate) alarms: BTreeMap<(u64, u64), Waker>,
    pub(crate) alarms_set: u64,
    /// What clients do, and what must be true of it.
    pub(crate) subject: Box<dyn Subject + Send>,
    pub(crate) properties: Properties,
    pub(crate) hearing: Hearing,
    pub(crate) freshness: Freshness,
    pub(crate) errands: Errands,
    pub(crate) report: Report,
    pub(crate) server_rng: Rng,
    pub(crate) survey_rng: Rng,
    pub(crate) peace_rng: Rng,
    /// The first thing that did not hold.
    pub(crate) violation: Option<Violation>,
    trace: Arc<Mutex<Trace>>,
    orders: Vec<Order>,
    driver: Option<Waker>,
    /// When the driver wakes up by itself.
    driver_at: u64,
    is_over: bool,
    /// What ends stays down.
    pub(crate) is_closing: bool,
}

/// How far a caller is.
#[derive(Clone, Copy, Default)]
pub(crate) struct Calls {
    /// Calls with an answer of the state machine.
    pub(crate) done: u64,
    pub(crate) has_ended: bool,
}

/// For madsim: to be carried out when nobody holds the world.
pub(crate) enum Order {
    /// All tasks of a node are dropped.
    Kill(NodeId),
    Restart(NodeId),
    Pause(NodeId),
    Resume(NodeId),
    /// A server is told to end in good order.
    Stop(Handle),
    /// An operator asks, and does not care for the answer.
    Ask(Handle, RequestBody),
}

impl World {
    pub(crate) fn new(
        scenario: &Scenario,
        subject: Box<dyn Subject + Send>,
        trace: Arc<Mutex<Trace>>,
    ) -> Self {
        assert!(scenario.check().is_ok(), "a scenario makes sense: {:?}", scenario.check());
        let mut options = scenario.options.clone();
        let room = options.pump.room_bytes.unwrap_or(u64::MAX);
        options.net.window_bytes = options.net.window_bytes.min(room);
        let (seed, count) = (options.seed, options.servers());
        let mut server_rng = Rng::new(seed, Stream::Servers);
        let servers = (1..=count).map(|number| Server::new(number, &mut server_rng, &options));
        let servers: Vec<_> = servers.collect();
        // Besides the callers of the whole run there is one for each server at the end.
        let callers = options.callers + count;
        let hosts = usize::from(count + callers) + 1;
        let actions = scenario.plan.actions();
        let reroutes = actions.iter().any(|it| matches!(it.what, Strike::Reroute { .. }));
        let mut sim = Sim {
            now: 0,
            net: Net::new(seed, count, callers, options.net),
            sockets: BTreeMap::new(),
            listeners: (0..hosts).map(|_| Listening::default()).collect(),
            servers,
            callers: vec![Calls::default(); usize::from(callers)],
            is_retired: false,
            queue: Queue::new(),
            troubles: Troubles::default(),
            ambushes: Vec::new(),
            is_peace: false,
            is_changing: scenario.changes_members(),
            alarms: BTreeMap::new(),
            alarms_set: 0,
            subject,
            properties: Properties::new(options.membership.clone(), true),
            hearing: Hearing::default(),
            freshness: Freshness::new(scenario.options.raft.lease.is_some()),
            errands: Errands::new(reroutes),
            report: Report::default(),
            server_rng,
            survey_rng: Rng::new(seed, Stream::Sabotage),
            peace_rng: Rng::new(seed, Stream::Peace),
            violation: None,
            trace,
            orders: Vec::new(),
            driver: None,
            driver_at: u64::MAX,
            is_over: false,
            is_closing: false,
            lives: vec![options.clone(); usize::from(count)],
            options,
        };
        sim.plan_strikes(scenario.plan.actions());
        Self { sim: Arc::new(Mutex::new(sim)), time: TimeHandle::current() }
    }

    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.time.elapsed().as_nanos()).expect("a run is short")
    }

    /// The same moment, for madsim.
    pub(crate) fn instant(&self) -> madsim::time::Instant {
        self.time.now_instant()
    }

    /// Does something to the world. `act` must not drop what may hold the world in turn.
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut Sim) -> R) -> R {
        let mut sim = self.sim.lock().expect("whoever panics ends the run");
        sim.now = self.now();
        let result = act(&mut sim);
        if sim.next_at() < sim.driver_at
            && let Some(driver) = sim.driver.take()
        {
            driver.wake();
        }
        let orders = std::mem::take(&mut sim.orders);
        drop(sim);
        orders.into_iter().for_each(Order::carry_out);
        result
    }

    /// All is over: nothing happens any more.
    pub(crate) fn end(&self) {
        let wakers = self.with(|sim| {
            sim.is_over = true;
            let driver = sim.driver.take();
            (std::mem::take(&mut sim.alarms), std::mem::take(&mut sim.sockets), driver)
        });
        if let Some(driver) = wakers.2 {
            driver.wake();
        }
    }
}

impl Sim {
    /// Everything that is due happens. When that was, and when the next thing is; `None` once all is
    /// over.
    pub(crate) fn go_on(&mut self, driver: &Waker) -> Option<(u64, u64)> {
        if self.is_over {
            return None;
        }
        while let Some(delivery) = self.net.pop(self.now) {
            self.report.deliveries += 1;
            self.deliver(delivery);
        }
        while let Some(alarm) = self.alarms.first_entry()
            && alarm.key().0 <= self.now
        {
            alarm.remove().wake();
        }
        while self.queue.next_at().is_some_and(|at| at <= self.now) {
            let happening = self.queue.pop().expect("it was just looked at");
            self.happen(happening);
        }
        let next = self.next_at();
        self.driver = Some(driver.clone());
        self.driver_at = next;
        Some((self.now, next))
    }

    fn next_at(&self) -> u64 {
        let alarm = self.alarms.first_key_value().map(|(&(at, _), _)| at);
        let moments = [self.net.next_at(), alarm, self.queue.next_at()];
        moments.into_iter().flatten().min().unwrap_or(u64::MAX / 2)
    }

    /// The clock of a host: those of clients are right.
    pub(crate) fn clock(&self, host: HostId) -> Clock {
        const RIGHT: Clock = Clock { offset: 0, permille: 1000 };
        self.server_at(host).map_or(RIGHT, |server| server.clock)
    }

    /// What the clock of a host shows to its process.
    pub(crate) fn show(&mut self, host: HostId) -> Instant {
        let shown = self.clock(host).read(self.now);
        if let Some(server) = self.servers.get_mut(usize::from(host.0) - 1) {
            let before = std::mem::replace(&mut server.suffering.shown, shown);
            assert!(shown >= before, "no clock goes back: {shown:?} after {before:?}");
        }
        shown
    }

    /// By how many nanoseconds a turn of a pump takes longer now.
    pub(crate) fn slowness(&self, host: HostId) -> u64 {
        self.server_at(host).map_or(0, |server| server.suffering.slowness(self.now))
    }

    fn server_at(&self, host: HostId) -> Option<&Server> {
        self.servers.get(usize::from(host.0).checked_sub(1)?)
    }

    pub(crate) fn order(&mut self, order: Order) {
        self.orders.push(order);
    }

    /// This happened at a server, or in the world (0).
    pub(crate) fn happened(&self, server: u64, what: &(impl Feed + Debug + ?Sized)) {
        // What came after the end is of no interest.
        if self.violation.is_none() {
            self.trace().happened(self.now, server, what);
        }
    }

    pub(crate) fn note(&self, server: u64, what: impl FnOnce() -> String) {
        if self.violation.is_none() {
            self.trace().line(self.now, server, what);
        }
    }

    pub(crate) fn digest(&self) -> u64 {
        self.trace().digest()
    }

    /// Must hold, or the run is over.
    pub(crate) fn must(&mut self, checked: Checked) {
        if let Err(violation) = checked
            && self.violation.is_none()
        {
            self.violation = Some(violation);
        }
    }

    fn trace(&self) -> std::sync::MutexGuard<'_, Trace> {
        self.trace.lock().expect("whoever panics ends the run")
    }
}

impl Order {
    fn carry_out(self) {
        match self {
            Self::Kill(node) => Nodes::current().kill(node),
            Self::Restart(node) => {
                Nodes::current().kill(node);
                Nodes::current().restart(node);
            }
            Self::Pause(node) => Nodes::current().pause(node),
            Self::Resume(node) => Nodes::current().resume(node),
            Self::Stop(handle) => {
                madsim::task::spawn(async move { handle.stop().await });
            }
            Self::Ask(handle, body) => {
                madsim::task::spawn(async move { handle.request(body).await });
            }
        }
    }
}
