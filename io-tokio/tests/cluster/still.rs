//! One server in a world that stands still while nothing happens: its clock jumps, its connections
//! are pipes of a few bytes, and its lanes are tasks.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use quorate_core::node::{Idle, Lane, NodeConfig};
use quorate_core::wal::{Identity, Wal, WalOptions, format};
use quorate_core::wire::{
    Address, ClientHello, ClientMessage, Decoder, Handshake, MAGIC, Request, RequestBody,
};
use quorate_core::{GroupId, Incarnation, Instant, Membership};
use quorate_io_tokio::http::{self, HttpConfig};
use quorate_io_tokio::{Ended, Env, FileDisk, Handle, LaneSender, Parts, start};
use quorate_sm::{Applier, Kv, Services, SessionLimits};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::support::{CLUSTER, id};

/// What a connection holds that nobody reads.
const PIPE_BYTES: usize = 8;

type Halves = (ReadHalf<DuplexStream>, WriteHalf<DuplexStream>);

#[derive(Clone, Copy)]
struct StillEnv {
    epoch: tokio::time::Instant,
}

impl Env for StillEnv {
    type Reader = ReadHalf<DuplexStream>;
    type Writer = WriteHalf<DuplexStream>;
    type Listener = mpsc::UnboundedReceiver<DuplexStream>;
    type Disk = FileDisk;

    async fn listen(&self, _address: &str) -> io::Result<Self::Listener> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn local_address(&self, _listener: &Self::Listener) -> io::Result<String> {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn accept(&self, listener: &mut Self::Listener) -> io::Result<Halves> {
        match listener.recv().await {
            Some(stream) => Ok(tokio::io::split(stream)),
            None => std::future::pending().await,
        }
    }

    async fn connect(&self, _address: &str) -> io::Result<Halves> {
        Err(io::ErrorKind::ConnectionRefused.into())
    }

    fn now(&self) -> Instant {
        Instant(0).after(self.epoch.elapsed())
    }

    async fn sleep_until(&self, deadline: Instant) {
        match self.epoch.checked_add(Duration::from_nanos(deadline.0)) {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }

    fn random(&self) -> u64 {
        4
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }

    fn spawn_lane<L: Lane<Work: Send + 'static, Done: Send + 'static> + Send + 'static>(
        &self,
        _name: &'static str,
        mut lane: L,
        deliver: impl Fn(Vec<L::Done>) + Send + Sync + 'static,
    ) -> LaneSender<L::Work> {
        let (sender, mut queued) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let (mut work, mut done) = (Vec::new(), Vec::new());
            while queued.recv_many(&mut work, 64).await > 0 {
                while !work.is_empty() {
                    lane.step(&mut work, &mut done);
                }
                while queued.is_empty() && lane.idle(&mut done) == Idle::More {}
                deliver(std::mem::take(&mut done));
            }
            lane.finish(&mut done);
            deliver(done);
        });
        LaneSender::new(move |work| _ = sender.send(work))
    }
}

/// A group of one.
pub(crate) struct Still {
    pub(crate) handle: Handle,
    pub(crate) ended: JoinHandle<Ended>,
    env: StillEnv,
    dial: mpsc::UnboundedSender<DuplexStream>,
    directory: PathBuf,
}

impl Still {
    /// Must run on a paused clock.
    pub(crate) fn start() -> Self {
        static SERVERS: AtomicU64 = AtomicU64::new(0);
        let number = SERVERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("quorate-still-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory).unwrap();
        let disk = FileDisk::open(&directory).unwrap();
        let members = Membership::of_voters([id(0)]).unwrap();
        let identity = Identity { cluster: CLUSTER, node: id(0), incarnation: Incarnation(1) };
        format(&disk, &identity, 0, &members).unwrap();
        let options = WalOptions { segment_bytes: 1 << 20, ..WalOptions::DEFAULT };
        let (wal, opened) = Wal::open(disk, options, 1).unwrap();
        let snapshots = wal.snapshots(|_| ()).unwrap();
        let addresses = vec![(id(0), Address::new("here:1".to_owned()).unwrap())];
        let config = NodeConfig::new(id(0), CLUSTER, Incarnation(1), addresses);
        let (dial, listener) = mpsc::unbounded_channel();
        let parts = Parts {
            config: NodeConfig { boot: opened.boot_epoch, unsent_bytes_max: 4096, ..config },
            recovered: opened.recovered,
            wal,
            snapshots,
            applier: Applier::new(Kv::default(), SessionLimits::default()),
            services: Services::default(),
            session_timeout: Duration::from_secs(30),
            listener,
        };
        let env = StillEnv { epoch: tokio::time::Instant::now() };
        let (handle, running) = start(env, parts).unwrap();
        Self { handle, ended: tokio::spawn(running), env, dial, directory }
    }

    /// A connection to a gateway, which runs until `stop`.
    pub(crate) fn gateway(
        &self,
        config: HttpConfig,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> (DuplexStream, JoinHandle<()>) {
        let (near, far) = duplex(PIPE_BYTES);
        let (dial, listener) = mpsc::unbounded_channel();
        dial.send(far).unwrap();
        let serve = http::serve(self.env, listener, self.handle.clone(), config, stop);
        (near, tokio::spawn(serve))
    }

    /// A client that has been welcomed, and asks for the status; the first byte of the answer is
    /// there, so all of it is under way.
    pub(crate) async fn client_with_an_answer_under_way(&self) -> DuplexStream {
        let (mut near, far) = duplex(PIPE_BYTES);
        self.dial.send(far).unwrap();
        let mut hello = BytesMut::from(&MAGIC[..]);
        let (wire_min, wire_max) = (Handshake::WIRE_MIN, Handshake::WIRE_MAX);
        Handshake::ClientHello(ClientHello { wire_min, wire_max, cluster: None })
            .encode(&mut hello);
        near.write_all(&hello).await.unwrap();
        let mut welcome = BytesMut::zeroed(MAGIC.len());
        near.read_exact(&mut welcome).await.unwrap();
        welcome.clear();
        while Decoder::HANDSHAKE.decode(&mut welcome).unwrap().is_none() {
            welcome.extend_from_slice(&[near.read_u8().await.unwrap()]);
        }
        near.write_all(&status_request()).await.unwrap();
        near
    }
}

/// How is the server?
pub(crate) fn status_request() -> BytesMut {
    let mut bytes = BytesMut::new();
    let status = ClientMessage::Request(Request { id: 1, body: RequestBody::Status });
    status.encode(GroupId(0), &mut bytes);
    bytes
}

impl Drop for Still {
    fn drop(&mut self) {
        // What stays behind is a temporary directory.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
