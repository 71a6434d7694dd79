//! The seam to the world: everything that a running node touches and cannot decide.

use std::future::Future;
use std::io;

use quorate_core::Instant;
use quorate_core::node::{Input, Lane, Node, Outputs};
use quorate_core::wal::Disk;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::lane::LaneSender;

/// Sockets, a disk, a clock, chance and tasks. The pump, the lanes and the client are generic over
/// it: [`RealEnv`](crate::RealEnv) is the one of production, and a simulator brings its own, so
/// that it runs the very code that production runs.
pub trait Env: Clone + Send + Sync + 'static {
    /// What is read from a connection.
    type Reader: AsyncRead + Unpin + Send + 'static;
    /// What is written to a connection.
    type Writer: AsyncWrite + Unpin + Send + 'static;
    /// Where connections come in.
    type Listener: Send + 'static;
    /// Where the log is.
    type Disk: Disk<File: Send> + Send + 'static;

    /// Listens at an address, `host:port`.
    fn listen(&self, address: &str) -> impl Future<Output = io::Result<Self::Listener>> + Send;

    /// The address that a listener got, which matters where port 0 was asked for.
    ///
    /// # Errors
    /// What the system says.
    fn local_address(&self, listener: &Self::Listener) -> io::Result<String>;

    /// Waits for the next connection. An error concerns that connection only.
    fn accept(
        &self,
        listener: &mut Self::Listener,
    ) -> impl Future<Output = io::Result<(Self::Reader, Self::Writer)>> + Send;

    /// Connects to an address, `host:port`, resolved anew each time.
    fn connect(
        &self,
        address: &str,
    ) -> impl Future<Output = io::Result<(Self::Reader, Self::Writer)>> + Send;

    /// The time, on a clock that only rises.
    fn now(&self) -> Instant;

    /// Waits until a time.
    fn sleep_until(&self, deadline: Instant) -> impl Future<Output = ()> + Send;

    /// Watches for a moment for what `has_come` tells, before the caller goes to sleep: to be woken
    /// takes longer than much of what it waits for. May return at any time; by default at once.
    fn look_out(&self, has_come: impl Fn() -> bool + Send) -> impl Future<Output = ()> + Send {
        drop(has_come);
        std::future::ready(())
    }

    /// Lets the node take one step. A simulator looks at it before and after, and at its orders
    /// before they are carried out; nobody does anything else.
    fn step(&self, node: &mut Node, now: Instant, inputs: &mut Vec<Input>, out: &mut Outputs) {
        node.step(now, inputs, out);
    }

    /// A number that nobody can foretell.
    fn random(&self) -> u64;

    /// Runs a task to its end.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);

    /// Runs a lane: on a thread here, as a task in a simulator. What has queued up is done in as
    /// many steps as it takes, and what comes of each goes to `deliver`. The lane ends when its
    /// sender is dropped.
    fn spawn_lane<L: Lane<Work: Send + 'static, Done: Send + 'static> + Send + 'static>(
        &self,
        name: &'static str,
        lane: L,
        deliver: impl Fn(Vec<L::Done>) + Send + Sync + 'static,
    ) -> LaneSender<L::Work>;
}
