//! A server in a program of one's own.

use std::io;
use std::path::Path;

use quorate_core::node::{NodeConfig, NodeStartError};
use quorate_core::wal::{self, FormatError, Identity, OpenError, Origin, Wal, WalOptions};
use quorate_core::wire::Address;
use quorate_core::{ClusterId, Incarnation, LogId, Membership, MembershipError, NodeId};
use quorate_sm::{Applied, Applier, RestoreError, Service, Services};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::client::{Client, ClientConfig, Here};
use crate::env::Env;
use crate::pump::{Ended, Handle, Parts, start};
use crate::real::{DirectoryError, FileDisk, RealEnv};

/// How long a client may be silent, unless somebody says otherwise.
const SESSION_TIMEOUT: std::time::Duration = std::time::Duration::from_mins(1);

/// A server in a program of one's own, with the machines of one's own, on a directory.
///
/// ```
/// use quorate_core::{ClusterId, NodeId};
/// use quorate_io_tokio::client::KvClient;
/// use quorate_io_tokio::{Server, init};
/// use quorate_sm::{Applier, Kv, SessionLimits};
///
/// # let runtime = tokio::runtime::Runtime::new()?;
/// # runtime.block_on(async {
/// # let directory = std::env::temp_dir().join(format!("quorate-doc-server-{}", std::process::id()));
/// let id = NodeId::new(1).expect("not zero");
/// let bound = Server::bind("127.0.0.1:0").await?;
/// // Once in the life of a server; with all founders, and where each is to be found.
/// init(&directory, ClusterId::named("shop"), id, [(id, bound.address().clone())])?;
///
/// let machines = Applier::new(Kv::default(), SessionLimits::default());
/// let server = bound.serve(&directory, machines, |_| {}).await?;
/// let kv = KvClient::new(server.client());
/// kv.put("greeting", "hello").await?;
/// kv.close().await;
/// server.stop().await;
/// # std::fs::remove_dir_all(&directory)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Server {
    handle: Handle,
    address: Address,
    services: Services,
    ended: JoinHandle<Ended>,
}

/// A place at which a server is going to be reached.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: Address,
    services: Services,
}

/// Why a server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It cannot be reached there.
    #[error("the address cannot be listened at: {0}")]
    Listen(#[from] io::Error),
    /// The directory cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The directory was not made, or is damaged: the binary `quorate` mends what can be mended.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The state is not that of these machines.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The configuration makes no sense.
    #[error(transparent)]
    Start(#[from] NodeStartError),
}

/// Why a directory was not made ready.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The system said no.
    #[error("the directory cannot be made: {0}")]
    System(#[from] io::Error),
    /// Another process uses it.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// There is something in it, or the disk failed.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// These servers make no group.
    #[error(transparent)]
    Members(#[from] MembershipError),
}

/// Makes the directory of a founder of a group: once, with the same founders on all of them.
///
/// # Errors
/// See [`InitError`]; what is in the directory already stays.
pub fn init(
    directory: impl AsRef<Path>,
    cluster: ClusterId,
    id: NodeId,
    founders: impl IntoIterator<Item = (NodeId, Address)>,
) -> Result<(), InitError> {
    make(directory.as_ref(), cluster, id, founders, Origin::Founding)
}

/// Makes the directory of a server that is to join a group, some members of which are these. It waits until
/// it is [let in](Client::reconfigure).
///
/// # Errors
/// See [`InitError`].
pub fn init_joining(
    directory: impl AsRef<Path>,
    cluster: ClusterId,
    id: NodeId,
    members: impl IntoIterator<Item = (NodeId, Address)>,
) -> Result<(), InitError> {
    make(directory.as_ref(), cluster, id, members, Origin::Joining)
}

fn make(
    directory: &Path,
    cluster: ClusterId,
    node: NodeId,
    members: impl IntoIterator<Item = (NodeId, Address)>,
    origin: Origin,
) -> Result<(), InitError> {
    let members: Vec<_> = members.into_iter().collect();
    let genesis = Membership::of_voters(members.iter().map(|member| member.0))?;
    let genesis = genesis.with_addresses(members)?;
    let env = RealEnv::new();
    let incarnation = Incarnation(u128::from(env.random()) << 64 | u128::from(env.random()));
    std::fs::create_dir_all(directory)?;
    let disk = FileDisk::open(directory)?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let created = now.map_or(0, |since| since.as_secs());
    wal::format_as(&disk, &Identity { cluster, node, incarnation }, created, &genesis, origin)?;
    Ok(())
}

impl Server {
    /// Listens at an address, `host:port`; port 0 takes any that is free.
    ///
    /// # Errors
    /// If the system says no.
    pub async fn bind(address: &str) -> Result<Bound, io::Error> {
        let env = RealEnv::new();
        let listener = env.listen(address).await?;
        let address = Address::new(env.local_address(&listener)?).map_err(io::Error::other)?;
        Ok(Bound { listener, address, services: Services::default() })
    }

    /// Where peers and clients reach it.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// A way to it from within the process.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// A client of its group, which begins with this server, and calls what it
    /// [offers](Bound::offering) without a socket in between.
    pub fn client(&self) -> Client {
        let address = self.address.to_string();
        let here = Here { address: address.clone(), services: self.services.clone() };
        let client = Client::connect(RealEnv::new(), vec![address], ClientConfig::default());
        client.with_services(here)
    }

    /// Tells it to finish what is under way, and waits until it has ended.
    pub async fn stop(self) -> Ended {
        self.handle.stop().await;
        self.ended().await
    }

    /// Waits until it has ended by itself.
    pub async fn ended(self) -> Ended {
        match self.ended.await {
            Ok(ended) => ended,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

impl Bound {
    /// Where it is going to be reached.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Offers a [service](macro@quorate_sm::service) under a name, on the same port; it is carried out on the
    /// tokio runtime that [`serve`](Self::serve) is called in.
    ///
    /// # Panics
    /// If there is one of that name already.
    #[must_use]
    pub fn offering(self, name: &str, service: impl Service) -> Self {
        Self { services: self.services.with(name, service), ..self }
    }

    /// Runs a server on a directory that [`init`] has made, with these machines, as a task of the tokio runtime
    /// that this is called in. `tune` may change what is configured, such as timeouts.
    ///
    /// # Errors
    /// See [`ServeError`]; nothing runs then.
    pub async fn serve(
        self,
        directory: impl AsRef<Path>,
        machines: Applier,
        tune: impl FnOnce(&mut NodeConfig),
    ) -> Result<Server, ServeError> {
        let Self { listener, address, services } = self;
        let (env, mut applier) = (RealEnv::new(), machines);
        let disk = FileDisk::open(directory.as_ref())?;
        let (wal, opened) = Wal::open(disk, WalOptions::DEFAULT, env.random())?;
        let snapshots = wal.snapshots(|part| applier.load(part))?;
        let at = opened.recovered.snapshot.last_included;
        if at != LogId::ZERO {
            applier.restore_loaded(at, &mut Applied::default())?;
        }
        let Identity { cluster, node, incarnation } = opened.ident.identity;
        let mut config = NodeConfig::new(node, cluster, incarnation, vec![(node, address.clone())]);
        config.boot = opened.boot_epoch;
        config.joined = opened.ident.joined;
        config.raft.seed = env.random();
        tune(&mut config);
        let (session_timeout, recovered) = (SESSION_TIMEOUT, opened.recovered);
        let parts = Parts {
            config,
            recovered,
            wal,
            snapshots,
            applier,
            services: services.clone(),
            session_timeout,
            listener,
        };
        let (handle, running) = start(env, parts)?;
        Ok(Server { handle, address, services, ended: tokio::spawn(running) })
    }
}
