//! A cluster in this process, and a proxy that cuts connections.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quorate_core::node::{NodeConfig, NodeStatus};
use quorate_core::wal::{Identity, Wal, WalOptions, format};
use quorate_core::wire::Address;
use quorate_core::{ClusterId, Incarnation, LogId, Membership, NodeId, RoleKind};
use quorate_io_tokio::client::{Client, ClientConfig, KvClient, Routing};
use quorate_io_tokio::http::{self, HttpConfig};
use quorate_io_tokio::{Ended, Env, FileDisk, Handle, Parts, RealEnv, start};
use quorate_sm::{Applied, Applier, Kv, RestoreError, Services, SessionLimits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub(crate) const CLUSTER: ClusterId = ClusterId(0xC1);

/// Longer than anything takes that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Servers, by their place in the list.
pub(crate) struct Cluster {
    env: RealEnv,
    directory: PathBuf,
    addresses: Vec<String>,
    servers: Vec<Option<Server>>,
    tune: fn(&mut NodeConfig),
    /// What servers run that are started from now on.
    pub(crate) machines: fn() -> Applier,
}

struct Server {
    handle: Handle,
    ended: JoinHandle<Ended>,
}

impl Cluster {
    /// Servers that have just been started for the first time.
    pub(crate) async fn of(count: u64) -> Self {
        Self::tuned(count, |_| {}).await
    }

    /// As [`Cluster::of`], with some tuning.
    pub(crate) async fn tuned(count: u64, tune: fn(&mut NodeConfig)) -> Self {
        let store = || Applier::new(Kv::default(), SessionLimits::default());
        Self::with_machines(count, tune, store).await
    }

    /// As [`Cluster::tuned`], with other machines.
    pub(crate) async fn with_machines(
        count: u64,
        tune: fn(&mut NodeConfig),
        machines: fn() -> Applier,
    ) -> Self {
        static CLUSTERS: AtomicU64 = AtomicU64::new(0);
        let number = CLUSTERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("quorate-cluster-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        let env = RealEnv::new();
        let mut listeners = Vec::new();
        let mut addresses = Vec::new();
        for _ in 0..count {
            let listener = env.listen("127.0.0.1:0").await.unwrap();
            addresses.push(env.local_address(&listener).unwrap());
            listeners.push(listener);
        }
        let mut cluster = Self { env, directory, addresses, servers: Vec::new(), tune, machines };
        let members = Membership::of_voters((1..=count).filter_map(NodeId::new)).unwrap();
        for (at, listener) in listeners.into_iter().enumerate() {
            let path = cluster.path(at);
            std::fs::create_dir_all(&path).unwrap();
            let disk = FileDisk::open(path).unwrap();
            let (node, incarnation) = (id(at), Incarnation(u128::from(env.random())));
            let identity = Identity { cluster: CLUSTER, node, incarnation };
            format(&disk, &identity, 0, &members).unwrap();
            let server = cluster.start(at, disk, listener).unwrap();
            cluster.servers.push(Some(server));
        }
        cluster
    }

    fn path(&self, at: usize) -> PathBuf {
        self.directory.join(at.to_string())
    }

    fn start(
        &self,
        at: usize,
        disk: FileDisk,
        listener: TcpListener,
    ) -> Result<Server, RestoreError> {
        let options = WalOptions { segment_bytes: 4 << 20, ..WalOptions::DEFAULT };
        let (wal, opened) = Wal::open(disk, options, self.env.random()).unwrap();
        let mut applier = (self.machines)();
        let snapshots = wal.snapshots(|part| applier.load(part)).unwrap();
        let as_of = opened.recovered.snapshot.last_included;
        if as_of != LogId::ZERO {
            applier.restore_loaded(as_of, &mut Applied::default())?;
        }
        let incarnation = opened.ident.identity.incarnation;
        let addresses = self.addresses.iter().enumerate();
        let addresses = addresses.map(|(at, it)| (id(at), Address::new(it.clone()).unwrap()));
        let mut config = NodeConfig::new(id(at), CLUSTER, incarnation, addresses.collect());
        config.boot = opened.boot_epoch;
        config.raft.seed = self.env.random();
        (self.tune)(&mut config);
        let parts = Parts {
            config,
            recovered: opened.recovered,
            wal,
            snapshots,
            applier,
            services: Services::default(),
            session_timeout: Duration::from_secs(30),
            listener,
        };
        let (handle, running) = start(self.env, parts).unwrap();
        Ok(Server { handle, ended: tokio::spawn(running) })
    }

    /// Ends a server as a crash does: nobody is told.
    pub(crate) async fn kill(&mut self, at: usize) {
        let server = self.servers[at].take().expect("it runs");
        server.ended.abort();
        assert!(server.ended.await.unwrap_err().is_cancelled());
    }

    /// Starts a server that ended.
    pub(crate) async fn restart(&mut self, at: usize) {
        self.servers[at] = Some(self.started_again(at).await.unwrap());
    }

    /// Starts a server that will end because it is unfit: why.
    pub(crate) async fn unfit(&mut self, at: usize) -> String {
        match self.started_again(at).await {
            Err(RestoreError::Unfit(why)) => why.to_string(),
            Err(why) => panic!("{why}"),
            Ok(server) => match tokio::time::timeout(PATIENCE, server.ended).await {
                Ok(Ok(Ended::Unfit(why))) => why,
                other => panic!("{other:?}"),
            },
        }
    }

    async fn started_again(&self, at: usize) -> Result<Server, RestoreError> {
        // Its log ends in a thread of its own, and its connections in tasks of theirs.
        let disk = patiently(|| async { FileDisk::open(self.path(at)).ok() }).await;
        let listener =
            patiently(|| async { self.env.listen(&self.addresses[at]).await.ok() }).await;
        self.start(at, disk, listener)
    }

    /// Tells a server to stop, and waits until it has.
    pub(crate) async fn stop(&mut self, at: usize) -> Ended {
        let server = self.servers[at].take().expect("it runs");
        server.handle.stop().await;
        server.ended.await.unwrap()
    }

    pub(crate) fn handle(&self, at: usize) -> Handle {
        self.servers[at].as_ref().expect("it runs").handle.clone()
    }

    pub(crate) fn address(&self, at: usize) -> &str {
        &self.addresses[at]
    }

    /// The place of the leader that all running servers agree on, once there is one.
    pub(crate) async fn leader(&self) -> usize {
        patiently(|| async {
            let mut leaders = Vec::new();
            for server in self.servers.iter().flatten() {
                let status = server.handle.status().await?;
                leaders.push(status.leader?);
            }
            let leader = leaders[0];
            let at = (0..self.servers.len()).find(|&at| id(at) == leader)?;
            let leads = self.servers[at].as_ref()?.handle.status().await?.role == RoleKind::Leader;
            (leads && leaders.iter().all(|it| *it == leader)).then_some(at)
        })
        .await
    }

    pub(crate) async fn status(&self, at: usize) -> NodeStatus {
        self.handle(at).status().await.expect("it runs")
    }

    /// A client that may use all servers.
    pub(crate) fn client(&self) -> KvClient {
        self.client_with(self.addresses.clone(), ClientConfig::default())
    }

    /// A client that uses one server only.
    pub(crate) fn client_of(&self, at: usize) -> KvClient {
        let config = ClientConfig { routing: Routing::AsGiven, ..ClientConfig::default() };
        self.client_with(vec![self.addresses[at].clone()], config)
    }

    pub(crate) fn client_with(&self, addresses: Vec<String>, config: ClientConfig) -> KvClient {
        let client = Client::connect(self.env, addresses, config).with_timeout(PATIENCE);
        KvClient::new(client)
    }

    /// A client of any machine, by way of all servers, or of one.
    pub(crate) fn caller(&self, at: Option<usize>) -> Client {
        let (addresses, routing) = match at {
            Some(at) => (vec![self.addresses[at].clone()], Routing::AsGiven),
            None => (self.addresses.clone(), Routing::Leader),
        };
        let config = ClientConfig { routing, ..ClientConfig::default() };
        Client::connect(self.env, addresses, config).with_timeout(PATIENCE)
    }

    /// The address of a gateway to a server.
    pub(crate) async fn gateway(&self, at: usize, config: HttpConfig) -> String {
        let listener = self.env.listen("127.0.0.1:0").await.unwrap();
        let address = self.env.local_address(&listener).unwrap();
        let forever = std::future::pending();
        tokio::spawn(http::serve(self.env, listener, self.handle(at), config, forever));
        address
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for server in self.servers.iter().flatten() {
            server.ended.abort();
        }
        // Logs that are still open lose their names only.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

pub(crate) fn id(at: usize) -> NodeId {
    NodeId::new(at as u64 + 1).expect("not zero")
}

/// Asks until there is an answer.
///
/// # Panics
/// If there is none for a long time.
pub(crate) async fn patiently<T, F: Future<Output = Option<T>>>(ask: impl Fn() -> F) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("it happens in the end")
}

/// Passes bytes on to `backend`, and cuts each connection instead of passing on the `cut_after`th
/// portion that comes back.
pub(crate) async fn cutting_proxy(backend: &str, cut_after: u64) -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let cuts = Arc::new(AtomicU64::new(0));
    let (counted, backend) = (Arc::clone(&cuts), backend.to_owned());
    tokio::spawn(async move {
        while let Ok((front, _)) = listener.accept().await {
            let (cuts, backend) = (Arc::clone(&counted), backend.clone());
            tokio::spawn(async move {
                let Ok(back) = TcpStream::connect(backend).await else { return };
                if pass_on(front, back, cut_after).await {
                    cuts.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    (address, cuts)
}

/// Was the connection cut, rather than ended?
async fn pass_on(front: TcpStream, back: TcpStream, cut_after: u64) -> bool {
    let (mut from_client, mut to_client) = front.into_split();
    let (mut from_server, mut to_server) = back.into_split();
    let back = async {
        let mut buffer = vec![0; 64 << 10];
        for _ in 1..cut_after {
            match from_server.read(&mut buffer).await {
                Ok(count) if count > 0 => {
                    if to_client.write_all(&buffer[..count]).await.is_err() {
                        return false;
                    }
                }
                _ => return false,
            }
        }
        from_server.read(&mut buffer).await.is_ok_and(|count| count > 0)
    };
    tokio::select! {
        was_cut = back => was_cut,
        _ = tokio::io::copy(&mut from_client, &mut to_server) => false,
    }
}
