//! A server from its data directory to its end.

use std::io;
use std::path::Path;

use quorate_core::LogId;
use quorate_core::node::{NodeConfig, NodeStartError};
use quorate_core::snapshot::{SnapshotError, StoreError};
use quorate_core::wal::{OpenError, Opened};
use quorate_core::wire::Address;
use quorate_io_tokio::http::{self, HttpConfig};
use quorate_io_tokio::{Ended, Env, FileDisk, Handle, Parts, RealEnv, start};
use quorate_sm::{Applied, Applier, Kv, RestoreError, Services, SessionLimits};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::arguments;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::directory;
use crate::exit::Exit;
use crate::limits;
use crate::recovery::{self, Recovery};
use crate::settings::Settings;

/// Where a server can be reached, whatever port it asked for.
pub(crate) struct ListensAt {
    pub(crate) address: String,
    pub(crate) http: Option<String>,
}

/// Runs the server of a data directory until a signal ends it. Calls `ready` as soon as it listens.
pub(crate) fn run(
    directory: &Path,
    disk: FileDisk,
    settings: &Settings,
    ready: impl FnOnce(&ListensAt) -> Result<(), Box<Diagnostic>>,
) -> Result<Exit, Box<Diagnostic>> {
    limits::raise_open_files()?;
    // Everything that blocks has a thread of its own: one for all the rest leaves no races to it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| no_runtime(&error))?.block_on(async {
        let mut signals = Signals::new().map_err(|error| no_runtime(&error))?;
        let env = RealEnv::new().with_busy_poll(settings.tuning.busy_poll());
        // First of all, because it changes nothing if it fails.
        let (listener, address) = listen(&env, &settings.listen).await?;
        let gateway = match &settings.http {
            Some(http) => Some(listen(&env, http).await?),
            None => None,
        };
        let mut applier = Applier::new(Kv::default(), SessionLimits::default());
        let recovered = tokio::select! {
            biased;
            name = signals.next() => {
                tracing::info!(signal = name, "stopping before the log was recovered");
                return Ok(Exit::Done);
            }
            recovered = recovery::recover(directory, disk, settings, &env, &mut applier) => recovered,
        };
        let Recovery { wal, opened, snapshots } = recovered?;
        restore(directory, &opened, &mut applier)?;
        let parts = Parts {
            config: configure(settings, &opened, &address, &env)?,
            recovered: opened.recovered,
            wal,
            snapshots,
            applier,
            services: Services::default(),
            session_timeout: settings.tuning.session_timeout(),
            listener,
        };
        let (handle, ended) = start(env, parts).map_err(|error| cannot_start(&error))?;
        let ended = tokio::spawn(ended);
        let (gateway, http_address) = gateway.unzip();
        let gateway = gateway.map(|listener| Gateway::start(env, listener, handle.clone()));
        tracing::info!(%address, http = http_address, "the server listens");
        ready(&ListensAt { address, http: http_address })?;
        end(ended, handle, gateway, signals).await
    })
}

/// An HTTP gateway that runs.
struct Gateway {
    /// Dropped to stop it.
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

impl Gateway {
    fn start(env: RealEnv, listener: <RealEnv as Env>::Listener, handle: Handle) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async { _ = stopped.await };
        let serve = http::serve(env, listener, handle, HttpConfig::default(), stopped);
        Self { stop, ended: tokio::spawn(serve) }
    }

    /// Lets it answer what is under way.
    async fn stop(self) {
        drop(self.stop);
        if let Err(error) = self.ended.await {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

async fn listen(
    env: &RealEnv,
    at: &Address,
) -> Result<(<RealEnv as Env>::Listener, String), Box<Diagnostic>> {
    let listener = env.listen(at.as_str()).await.map_err(|error| cannot_listen(at, &error))?;
    let address = env.local_address(&listener).map_err(|error| cannot_listen(at, &error))?;
    Ok((listener, address))
}

/// The state machine as of the snapshot that the log begins with.
fn restore(
    directory: &Path,
    opened: &Opened,
    applier: &mut Applier,
) -> Result<(), Box<Diagnostic>> {
    let at = opened.recovered.snapshot.last_included;
    if at != LogId::ZERO {
        let restored = applier.restore_loaded(at, &mut Applied::default());
        restored.map_err(|why| not_restored(directory, at, &why))?;
        tracing::info!(index = at.index.0, "the state was restored");
    }
    Ok(())
}

fn not_restored(directory: &Path, at: LogId, why: &RestoreError) -> Box<Diagnostic> {
    match why {
        RestoreError::Unfit(why) => unfit(why.to_string()),
        RestoreError::Undecodable(_) => {
            let why = SnapshotError::Malformed("it is another state machine's");
            let error = OpenError::Snapshot(StoreError::Damaged { id: at, why });
            directory::not_opened(directory, &error)
        }
    }
}

fn unfit(why: String) -> Box<Diagnostic> {
    Diagnostic::new(codes::UNFIT, "this program cannot go on with this log")
        .why(why)
        .help("run the program of the other servers, or a newer one, on this directory")
}

fn configure(
    settings: &Settings,
    opened: &Opened,
    listens_at: &str,
    env: &RealEnv,
) -> Result<NodeConfig, Box<Diagnostic>> {
    let identity = opened.ident.identity;
    let mut addresses = settings.peers.clone();
    if let Some(own) = addresses.get_mut(&identity.node)
        && own.as_str().ends_with(":0")
    {
        // Port 0 took whichever was free.
        *own = arguments::address(listens_at)
            .map_err(|why| cannot_listen(&settings.listen, &io::Error::other(why)))?;
    }
    let addresses = addresses.into_iter().collect();
    let mut config =
        NodeConfig::new(identity.node, identity.cluster, identity.incarnation, addresses);
    config.boot = opened.boot_epoch;
    config.joined = opened.ident.joined;
    config.raft.seed = env.random();
    settings.tuning.tune(&mut config);
    Ok(config)
}

/// Waits for the end, and brings it about at a signal: in good order at the first, at once at the
/// second, which is as safe as any crash.
async fn end(
    mut ended: JoinHandle<Ended>,
    handle: Handle,
    gateway: Option<Gateway>,
    mut signals: Signals,
) -> Result<Exit, Box<Diagnostic>> {
    let first = tokio::select! {
        biased;
        joined = &mut ended => Ok(joined),
        name = signals.next() => Err(name),
    };
    let end_gateway = async {
        if let Some(gateway) = gateway {
            gateway.stop().await;
        }
    };
    let joined = match first {
        Ok(joined) => {
            end_gateway.await;
            joined
        }
        Err(name) => {
            tracing::info!(signal = name, "stopping; a second signal stops at once");
            let stopping = async {
                // As long as the server serves, what is under way at the gateway ends well.
                end_gateway.await;
                handle.stop().await;
                ended.await
            };
            tokio::select! {
                biased;
                joined = stopping => joined,
                name = signals.next() => {
                    tracing::warn!(signal = name, "stopping at once");
                    return Ok(Exit::Interrupted);
                }
            }
        }
    };
    match joined {
        Ok(Ended::Stopped) => {
            tracing::info!("the server has stopped");
            Ok(Exit::Done)
        }
        Ok(Ended::DiskFailed) => {
            Err(Diagnostic::new(codes::DISK_FAILED, "the disk failed, and the server has stopped")
                .why("the log above says which operation, and what the system said")
                .help("look after the disk, then start again; nothing acknowledged is lost"))
        }
        Ok(Ended::Unfit(why)) => Err(unfit(why)),
        Ok(Ended::Halted(violation)) => {
            Err(Diagnostic::new(codes::HALTED, "the server has halted").because(&violation).help(
                "keep the data of all members; look for one that was wiped, copied or restored",
            ))
        }
        Ok(Ended::Disowned { by, why }) => {
            let what = format!("server {by} knows this server by another disk");
            Err(Diagnostic::new(codes::DISOWNED, what).because(&why).help(
                "keep this directory aside, and come back with a new one: `quorate init --join`",
            ))
        }
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// SIGINT and SIGTERM.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

fn no_runtime(error: &io::Error) -> Box<Diagnostic> {
    Diagnostic::new(codes::NO_RUNTIME, "the server cannot run here").because(error)
}

fn cannot_listen(address: &Address, error: &io::Error) -> Box<Diagnostic> {
    let help = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "end the process that listens there (`ss -ltnp`), or give another --listen or --http"
        }
        _ => "give an address of this machine by --listen; 0.0.0.0:PORT means all of them",
    };
    Diagnostic::new(codes::CANNOT_LISTEN, format!("cannot listen at {address}"))
        .because(error)
        .help(help)
}

fn cannot_start(error: &NodeStartError) -> Box<Diagnostic> {
    let code = match error {
        NodeStartError::Config(_) | NodeStartError::NoAddress(_) => codes::BAD_SETTINGS,
        NodeStartError::Start(_) => codes::CANNOT_START,
    };
    Diagnostic::new(code, "the server cannot start").because(error)
}
