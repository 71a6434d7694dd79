//! A million timers of a replicated machine that are due at once, on three real servers: how long each server's
//! node, which sends the heartbeats, keeps others waiting meanwhile, beside how long it does so when nothing happens.
//!
//! `cargo bench -p quorate-io-tokio --bench timers`

#[path = "../examples/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use quorate_core::node::NodeStatus;
use quorate_io_tokio::Server;
use quorate_sm::{Applier, MachineId, SessionLimits, Time, machine};
use serde::{Deserialize, Serialize};

use support::{Done, Scratch, three};

const TIMERS: u64 = 1_000_000;
/// So many are armed by one command.
const ARMED: u64 = 10_000;
/// All are armed by then.
const DUE: Duration = Duration::from_secs(20);

/// Rings.
#[machine]
trait Bells {
    /// Arms so many, all due at the same time after the first of all.
    fn arm(&mut self, cx: &mut BellsCx, count: u64, due: Duration);
    #[timer]
    fn ring(&mut self, cx: &mut BellsCx, number: u64);
    /// How many have rung.
    #[read(Stale)]
    fn rung(&self) -> u64;
}

#[derive(Default, Serialize, Deserialize)]
struct Tower {
    rung: u64,
}

impl Bells for Tower {
    fn arm(&mut self, cx: &mut BellsCx, count: u64, due: Duration) {
        let left = due.saturating_sub(cx.now().since(Time::ZERO));
        for number in 0..count {
            cx.ring_after(left, number);
        }
    }

    fn ring(&mut self, _: &mut BellsCx, _: u64) {
        self.rung += 1;
    }

    fn rung(&self) -> u64 {
        self.rung
    }
}

fn machines() -> Applier {
    let bells = BellsMachine(Tower::default());
    Applier::without_machines(SessionLimits::default()).with(MachineId(1), "bells", bells)
}

/// The longest that any of the servers kept us waiting for its status, until this is so.
async fn longest_wait(servers: &[Server], is_over: impl Fn(&[NodeStatus]) -> bool) -> Duration {
    let mut longest = Duration::ZERO;
    loop {
        let mut statuses = Vec::new();
        for server in servers {
            let asked = Instant::now();
            statuses.push(server.handle().status().await.expect("it runs"));
            longest = longest.max(asked.elapsed());
        }
        if is_over(&statuses) {
            return longest;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Done {
    let scratch = Scratch::new();
    let servers = three(&scratch, machines).await?;
    let client = servers[0].client();
    let bells: BellsClient<_> = client.machine("bells").await?;
    for _ in 0..TIMERS / ARMED {
        bells.arm(ARMED, DUE).await?;
    }
    assert_eq!(bells.rung().await?, 0, "none is due before all are armed");
    let term = servers[0].handle().status().await.expect("it runs").term;

    let began = Instant::now();
    let idle = longest_wait(&servers, |_| began.elapsed() > Duration::from_secs(2)).await;
    let rings = tokio::spawn(async move {
        while bells.rung().await? == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let first = Instant::now();
        while bells.rung().await? < TIMERS {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok::<_, quorate_sm::courier::CallError>(first.elapsed())
    });
    let busy = longest_wait(&servers, |_| rings.is_finished()).await;
    let took = rings.await??;
    let after = servers[0].handle().status().await.expect("it runs");
    println!("{TIMERS} timers due at once rang within {took:?} on one server");
    println!("a node kept others waiting for {busy:?} at most; for {idle:?} when nothing happened");
    println!("terms began meanwhile: {}", after.term.0 - term.0);
    for server in servers {
        server.stop().await;
    }
    Ok(())
}
