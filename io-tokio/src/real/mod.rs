//! The real world: the only place of this crate that names sockets, clocks, threads and files of the
//! system.

mod disk;
mod host;

use std::future::Future;
use std::io;
use std::time::Duration;

use quorate_core::Instant;
use quorate_core::node::Lane;
use rustix::net::sockopt;
use rustix::time::{ClockId, clock_gettime};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::env::Env;
use crate::lane::LaneSender;
pub use disk::{DirectoryError, FileDisk};

/// The environment of production. Must be used within a tokio runtime with I/O and time enabled.
#[derive(Clone, Copy, Debug)]
pub struct RealEnv {
    /// Since the system was started.
    epoch: Duration,
    busy_poll: Duration,
}

impl RealEnv {
    /// An environment whose clock starts now.
    pub fn new() -> Self {
        Self { epoch: since_boot(), busy_poll: Duration::ZERO }
    }

    /// The same, in which threads stay awake for so long after their last work, and give way to
    /// all others meanwhile. Where processors sleep deeply, as those of virtual machines do, this
    /// trades processor time for latency; 200 µs outlasts one sync of a good disk.
    #[must_use]
    pub fn with_busy_poll(self, busy_poll: Duration) -> Self {
        Self { busy_poll, ..self }
    }
}

impl Default for RealEnv {
    fn default() -> Self {
        Self::new()
    }
}

/// A clock that goes on while the system sleeps, so that no lease outlasts that (thesis 6.4.1).
fn since_boot() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).expect("a clock that began at zero");
    Duration::from_secs(seconds) + Duration::from_nanos(now.tv_nsec.unsigned_abs())
}

/// A connection whose other end acknowledges nothing for this long is dead (FAULTS P09).
const DEAD_AFTER: Duration = Duration::from_secs(5);

impl Env for RealEnv {
    type Reader = OwnedReadHalf;
    type Writer = OwnedWriteHalf;
    type Listener = TcpListener;
    type Disk = FileDisk;

    fn listen(&self, address: &str) -> impl Future<Output = io::Result<TcpListener>> + Send {
        TcpListener::bind(address.to_owned())
    }

    fn local_address(&self, listener: &TcpListener) -> io::Result<String> {
        listener.local_addr().map(|address| address.to_string())
    }

    async fn accept(
        &self,
        listener: &mut TcpListener,
    ) -> io::Result<(OwnedReadHalf, OwnedWriteHalf)> {
        let (stream, _) = listener.accept().await?;
        without_delay(stream)
    }

    async fn connect(&self, address: &str) -> io::Result<(OwnedReadHalf, OwnedWriteHalf)> {
        without_delay(TcpStream::connect(address).await?)
    }

    fn now(&self) -> Instant {
        Instant(0).after(since_boot().saturating_sub(self.epoch))
    }

    fn sleep_until(&self, deadline: Instant) -> impl Future<Output = ()> + Send {
        let wait = deadline.0.saturating_sub(self.now().0);
        tokio::time::sleep(Duration::from_nanos(wait))
    }

    async fn look_out(&self, has_come: impl Fn() -> bool + Send) {
        let began = std::time::Instant::now();
        while !has_come() && began.elapsed() < self.busy_poll {
            std::thread::yield_now();
            tokio::task::yield_now().await;
        }
    }

    fn random(&self) -> u64 {
        let mut bytes = [0; 8];
        let filled = rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty());
        assert!(filled == Ok(8), "the system gives eight random bytes at once: {filled:?}");
        u64::from_le_bytes(bytes)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }

    fn spawn_lane<L: Lane<Work: Send + 'static, Done: Send + 'static> + Send + 'static>(
        &self,
        name: &'static str,
        lane: L,
        deliver: impl Fn(Vec<L::Done>) + Send + Sync + 'static,
    ) -> LaneSender<L::Work> {
        host::start(name, lane, self.busy_poll, deliver)
    }
}

fn without_delay(stream: TcpStream) -> io::Result<(OwnedReadHalf, OwnedWriteHalf)> {
    stream.set_nodelay(true)?;
    // Without a limit a host that vanished is noticed after a quarter of an hour.
    let limit_ms = u32::try_from(DEAD_AFTER.as_millis()).unwrap_or(u32::MAX);
    sockopt::set_tcp_user_timeout(&stream, limit_ms)?;
    sockopt::set_socket_keepalive(&stream, true)?;
    sockopt::set_tcp_keepidle(&stream, DEAD_AFTER)?;
    sockopt::set_tcp_keepintvl(&stream, DEAD_AFTER / 5)?;
    Ok(stream.into_split())
}
