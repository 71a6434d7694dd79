//! What a process sees of the world.

use std::future::{Future, poll_fn};
use std::io;
use std::sync::{Arc, Mutex};

use quorate_core::node::{Input, Lane, Node, Outputs};
use quorate_core::{Instant, NodeId};
use quorate_io_sim::disk::SimDisk;
use quorate_io_sim::engine::{Rng, Stream, host_at};
use quorate_io_sim::net::HostId;
use quorate_io_tokio::{Env, LaneSender};

use crate::lanes;
use crate::stream::{Reader, Writer, halves};
use crate::world::World;

/// A server that does not tarry longer does not tarry at all.
const STIR_MIN_NS: u64 = 1_000;

/// The environment of one process: from its start to its end.
#[derive(Clone)]
pub(crate) struct SimEnv {
    pub(crate) world: World,
    pub(crate) host: HostId,
    /// Which of its host's processes it is.
    pub(crate) life: u32,
    rng: Arc<Mutex<Rng>>,
}

/// Where a process takes connections, until it is dropped.
pub(crate) struct Listener {
    world: World,
    host: HostId,
    life: u32,
}

impl SimEnv {
    pub(crate) fn new(world: World, host: HostId, life: u32, seed: u64) -> Self {
        let rng = Arc::new(Mutex::new(Rng::new(seed, Stream::Servers)));
        Self { world, host, life, rng }
    }

    /// The server whose process this is.
    pub(crate) fn id(&self) -> NodeId {
        NodeId::new(self.host.0.into()).expect("a server")
    }

    /// Evenly from `0..bound`.
    pub(crate) fn below(&self, bound: u64) -> u64 {
        self.rng.lock().expect("chance does not panic").below(bound)
    }
}

impl Env for SimEnv {
    type Reader = Reader;
    type Writer = Writer;
    type Listener = Listener;
    type Disk = SimDisk;

    async fn listen(&self, address: &str) -> io::Result<Listener> {
        assert_eq!(host_at(address), self.host, "a host listens at its own address");
        self.world.with(|sim| sim.listen(self.host, self.life))?;
        Ok(Listener { world: self.world.clone(), host: self.host, life: self.life })
    }

    fn local_address(&self, listener: &Listener) -> io::Result<String> {
        Ok(format!("n{}:1", listener.host.0))
    }

    async fn accept(&self, listener: &mut Listener) -> io::Result<(Reader, Writer)> {
        let next = |cx: &mut std::task::Context<'_>| {
            self.world.with(|sim| sim.poll_accept(listener.host, listener.life, cx))
        };
        let end = poll_fn(next).await?;
        Ok(halves(&self.world, end))
    }

    async fn connect(&self, address: &str) -> io::Result<(Reader, Writer)> {
        let end = self.world.with(|sim| sim.connect(self.host, host_at(address)));
        // From here on whoever gives up closes the connection.
        let (reader, writer) = halves(&self.world, end);
        writer.opened().await?;
        Ok((reader, writer))
    }

    fn now(&self) -> Instant {
        self.world.with(|sim| sim.show(self.host))
    }

    fn sleep_until(&self, deadline: Instant) -> impl Future<Output = ()> + Send {
        self.world.sleep_until_shown(self.host, deadline)
    }

    async fn look_out(&self, _: impl Fn() -> bool + Send) {
        // A server is not always awake at once, and its processor may be slow; meanwhile more comes.
        let (stir_max, slowness) =
            self.world.with(|sim| (sim.options.stir_max_ns, sim.slowness(self.host)));
        let stir = if stir_max > STIR_MIN_NS { self.below(stir_max) } else { 0 };
        if stir + slowness > 0 {
            self.world.sleep(stir + slowness).await;
        }
    }

    fn step(&self, node: &mut Node, now: Instant, inputs: &mut Vec<Input>, out: &mut Outputs) {
        let at = usize::from(self.host.0) - 1;
        self.world.with(|sim| sim.steps(at, node, inputs));
        node.step(now, inputs, out);
        self.world.with(|sim| sim.stepped(at, node, out.as_slice()));
    }

    fn random(&self) -> u64 {
        self.rng.lock().expect("chance does not panic").next()
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(madsim::task::spawn(task));
    }

    fn spawn_lane<L: Lane<Work: Send + 'static, Done: Send + 'static> + Send + 'static>(
        &self,
        _: &'static str,
        lane: L,
        deliver: impl Fn(Vec<L::Done>) + Send + Sync + 'static,
    ) -> LaneSender<L::Work> {
        lanes::start(self, lane, deliver)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.world.with(|sim| sim.stop_listening(self.host, self.life));
    }
}
