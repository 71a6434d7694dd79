//! A caller: asks one thing after the other with the production client.

use std::time::Duration;

use quorate_core::Instant;
use quorate_io_sim::engine::{Rng, Stream, address, nanos};
use quorate_io_sim::net::HostId;
use quorate_io_sim::scenario::{CallingOptions, PumpOptions};
use quorate_io_sim::workload::may_go_back;
use quorate_io_tokio::Env as _;
use quorate_io_tokio::client::{CallError, Client, ClientConfig, Doubt, Routing};

use crate::env::SimEnv;
use crate::errands::{DESK, DeskClient};
use crate::world::World;

/// How much a visitor asks.
pub(crate) const VISIT_CALLS: u64 = 4;

/// How long each may take: an answer that got lost on its way through another server is only missed
/// when the server gives up the request, which takes five seconds.
pub(crate) const VISIT_TIMEOUT: Duration = Duration::from_secs(15);

struct Caller {
    world: World,
    env: SimEnv,
    /// Which of the callers.
    number: usize,
    calling: CallingOptions,
    pump: PumpOptions,
    calls: u64,
    config: ClientConfig,
    addresses: Vec<String>,
    rng: Rng,
}

/// Calls until the world retires.
pub(crate) async fn call(world: World, number: usize) {
    let mut caller = Caller::new(world, number);
    let mut client = caller.connect();
    loop {
        let pause = caller.rng.within(1, nanos(caller.calling.pause_max).max(1));
        caller.env.sleep_until(caller.env.now().after(Duration::from_nanos(pause))).await;
        if caller.world.with(|sim| sim.is_retired) {
            break;
        }
        if caller.rng.chance(caller.pump.renew_permille) {
            client.close().await;
            client = caller.connect();
            let name = caller.name();
            caller.world.with(|sim| {
                sim.report.renewed += 1;
                sim.hearing.renew(name);
                sim.subject.renewed(name);
            });
        }
        if caller.has_errand() {
            caller.run_errand(&client).await;
        } else if caller.may_call() {
            caller.call(&client).await;
        }
    }
    client.close().await;
    caller.world.with(|sim| sim.callers[number].has_ended = true);
}

/// Asks one server, and no other.
pub(crate) async fn visit(world: World, number: usize, at: usize) {
    let mut caller = Caller::new(world, number);
    caller.addresses = vec![caller.addresses.swap_remove(at)];
    caller.config.routing = Routing::AsGiven;
    caller.config.call_timeout = VISIT_TIMEOUT;
    caller.pump.abandon_permille = 0;
    let client = caller.connect();
    for _ in 0..VISIT_CALLS {
        caller.call(&client).await;
    }
    client.close().await;
    caller.world.with(|sim| sim.callers[number].has_ended = true);
}

impl Caller {
    fn new(world: World, number: usize) -> Self {
        let (seed, host, calling, pump, addresses) = world.with(|sim| {
            let host = HostId(u16::try_from(sim.servers.len() + 1 + number).expect("a few hosts"));
            let addresses = sim.servers.iter().map(|it| address(it.id).as_str().to_owned());
            let options = &sim.options;
            let (calling, pump) = (options.calling.clone(), options.pump.clone());
            (options.seed, host, calling, pump, addresses.collect())
        });
        let mut rng = Rng::new(seed ^ u64::from(host.0) << 48, Stream::Clients);
        let env = SimEnv::new(world.clone(), host, 1, rng.next());
        let config = ClientConfig { call_timeout: calling.timeout, ..ClientConfig::default() };
        Self { world, env, number, calling, pump, calls: 0, config, addresses, rng }
    }

    fn name(&self) -> u16 {
        u16::try_from(self.number).expect("a few callers")
    }

    fn connect(&self) -> Client {
        Client::connect(self.env.clone(), self.addresses.clone(), self.config.clone())
    }

    /// Before all faults end it calls only so often.
    fn may_call(&self) -> bool {
        let calls_max = self.calling.calls_max.unwrap_or(u64::MAX);
        self.calls < calls_max || self.world.with(|sim| sim.is_peace)
    }

    /// One call, and what the workload is told of it.
    async fn call(&mut self, client: &Client) {
        self.calls += 1;
        let name = self.name();
        let ask = self.world.with(|sim| {
            let ask = sim.subject.ask(name, &mut self.rng);
            let (now, committed) = (sim.now, sim.properties.committed());
            sim.freshness.note(now, committed);
            sim.hearing.asks(name, sim.freshness.least(&ask, now, committed));
            ask
        });
        let may_go_back = may_go_back(&ask);
        let patience = self.patience();
        let answer = tokio::select! {
            biased;
            answer = client.call(ask, None) => Some(answer),
            () = self.env.sleep_until(patience) => None,
        };
        self.world.with(|sim| {
            sim.report.calls += 1;
            if let Some(Ok(answered)) = &answer {
                sim.callers[self.number].done += 1;
                sim.report.answered += 1;
                let checked = match may_go_back {
                    true => sim.hearing.reflects(name, answered.index),
                    false => sim.hearing.see(name, answered.index),
                };
                sim.must(checked);
            }
            sim.report.abandoned += u64::from(answer.is_none());
            // It may still be carried out.
            let answer = answer.unwrap_or(Err(CallError::Unknown(Doubt::Closed)));
            match sim.subject.ended(name, answer) {
                Ok(point) => {
                    point.into_iter().for_each(|point| sim.report.reached.note(point));
                }
                Err(violation) => sim.must(Err(violation)),
            }
        });
    }

    /// Has it something to be done beside the log? Not in peace, when all else is measured.
    fn has_errand(&mut self) -> bool {
        let often = self.pump.errand_permille;
        often > 0 && self.rng.chance(often) && !self.world.with(|sim| sim.is_peace)
    }

    /// Has a server do something, which may take longer than it waits.
    async fn run_errand(&mut self, client: &Client) {
        let at = self.rng.below(self.addresses.len() as u64);
        let at = usize::try_from(at).expect("a few servers");
        let timeout = nanos(self.calling.timeout);
        let lasts = match self.rng.chance(200) {
            true => self.rng.within(timeout / 2, 2 * timeout),
            false => self.rng.log_within(1, timeout),
        };
        let errand = self.world.with(|sim| {
            sim.report.errands += 1;
            sim.errands.ask(at)
        });
        let desk: DeskClient = client.service_at(&self.addresses[at], DESK);
        let patience = self.patience();
        let answer = tokio::select! {
            biased;
            answer = desk.run(errand, Duration::from_nanos(lasts)) => Some(answer),
            () = self.env.sleep_until(patience) => None,
        };
        self.world.with(|sim| {
            sim.report.doubtful +=
                u64::from(!matches!(answer, Some(Ok(_) | Err(CallError::NotApplied(_)))));
            let told = sim.errands.told(errand, answer.as_ref());
            sim.must(told);
        });
    }

    /// For how long it waits for an answer.
    fn patience(&mut self) -> Instant {
        if self.rng.chance(self.pump.abandon_permille) {
            let wait = self.rng.log_within(1, nanos(self.calling.timeout));
            self.env.now().after(Duration::from_nanos(wait))
        } else {
            Instant(u64::MAX)
        }
    }
}
