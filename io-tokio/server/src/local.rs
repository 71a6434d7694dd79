//! A group of real servers on this machine: processes of this very program, for `demo` and `bench`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use quorate_core::node::NodeStatus;
use quorate_core::wire::Address;
use quorate_core::{ClusterId, Membership, NodeId};
use quorate_io_tokio::RealEnv;
use quorate_io_tokio::client::{Client, ClientConfig, Routing};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::init;
use crate::settings::Settings;

/// Servers on loopback, each a process with a directory of its own. All are killed when this value
/// is dropped.
pub(crate) struct LocalGroup {
    pub(crate) servers: Vec<LocalServer>,
}

/// One of them.
pub(crate) struct LocalServer {
    pub(crate) id: NodeId,
    pub(crate) directory: PathBuf,
    /// Where clients connect.
    pub(crate) address: String,
    log: PathBuf,
    process: Option<Child>,
}

/// Addresses on loopback that nobody listens at.
pub(crate) fn free_addresses(count: usize) -> Result<Vec<String>, Box<Diagnostic>> {
    // All are held until all are found, so that none is found twice.
    let listeners: io::Result<Vec<_>> =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect();
    let addresses = listeners.and_then(|listeners| {
        listeners.iter().map(|listener| Ok(listener.local_addr()?.to_string())).collect()
    });
    addresses.map_err(|error: io::Error| failed("no free port was found").because(&error))
}

fn failed(what: impl Into<String>) -> Box<Diagnostic> {
    Diagnostic::new(codes::NO_LOCAL_GROUP, what)
}

impl LocalGroup {
    /// Makes the directories of `addresses.len()` servers below `root`. `route(from, to)` says
    /// where the one server finds the other: at its address, or at something in between.
    pub(crate) fn create(
        root: &Path,
        addresses: &[String],
        route: impl Fn(usize, usize) -> String,
    ) -> Result<Self, Box<Diagnostic>> {
        let ids: Vec<_> = (1..).map_while(NodeId::new).take(addresses.len()).collect();
        let genesis = Membership::of_voters(ids.iter().copied())
            .map_err(|error| failed("these servers cannot form a group").because(&error))?;
        let cluster = ClusterId(init::random_128());
        let address = |text: String| {
            Address::new(text).map_err(|error| failed("not an address").because(&error))
        };
        let mut servers = Vec::new();
        for (at, &id) in ids.iter().enumerate() {
            let mut peers = BTreeMap::new();
            for (other, &peer) in ids.iter().enumerate() {
                peers.insert(peer, address(route(at, other))?);
            }
            let settings = Settings::new(address(addresses[at].clone())?, peers);
            let directory = root.join(format!("n{id}"));
            let identity = init::new_identity(cluster, id);
            init::make(&directory, &identity, &genesis, &settings, &cluster.to_string())?;
            let log = root.join(format!("n{id}.log"));
            servers.push(LocalServer {
                id,
                directory,
                address: addresses[at].clone(),
                log,
                process: None,
            });
        }
        Ok(Self { servers })
    }

    /// Where clients connect.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.servers.iter().map(|server| server.address.clone()).collect()
    }

    /// A client of this group that uses no other address.
    pub(crate) fn client(&self, call_timeout: Duration) -> Client {
        let config =
            ClientConfig { routing: Routing::AsGiven, call_timeout, ..ClientConfig::default() };
        Client::connect(RealEnv::new(), self.addresses(), config)
    }

    /// Starts all servers that do not run.
    pub(crate) fn start_all(&mut self) -> Result<(), Box<Diagnostic>> {
        self.servers.iter_mut().try_for_each(LocalServer::start)
    }

    /// Kills all servers.
    pub(crate) fn kill_all(&mut self) {
        self.servers.iter_mut().for_each(LocalServer::kill);
    }

    /// How each server sees itself; `None` for those that do not answer.
    pub(crate) async fn statuses(&self, client: &Client) -> Vec<Option<NodeStatus>> {
        let client = client.with_timeout(Duration::from_millis(500));
        let mut statuses = Vec::new();
        for server in &self.servers {
            statuses.push(client.status_of(&server.address).await.ok());
        }
        statuses
    }

    /// Who leads: the server with the newest term that says so.
    pub(crate) async fn leader(&self, client: &Client) -> Option<usize> {
        let statuses = self.statuses(client).await;
        let leads = |at: usize| {
            let status = statuses[at].as_ref()?;
            (status.leader == Some(status.id)).then_some((status.term, at))
        };
        (0..statuses.len()).filter_map(leads).max().map(|led| led.1)
    }

    /// Waits until somebody leads.
    pub(crate) async fn wait_for_leader(
        &self,
        client: &Client,
        patience: Duration,
    ) -> Result<usize, Box<Diagnostic>> {
        let started = Instant::now();
        while started.elapsed() < patience {
            if let Some(leader) = self.leader(client).await {
                return Ok(leader);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let logs: Vec<_> =
            self.servers.iter().map(|server| server.log.display().to_string()).collect();
        Err(failed(format!("no server leads after {patience:?}"))
            .help(format!("the servers say why: {}", logs.join(", "))))
    }
}

impl LocalServer {
    /// Starts the server, if it does not run.
    pub(crate) fn start(&mut self) -> Result<(), Box<Diagnostic>> {
        if self.process.is_some() {
            return Ok(());
        }
        let spawn = || {
            let program = std::env::current_exe()?;
            let log = File::options().create(true).append(true).open(&self.log)?;
            let mut command = Command::new(program);
            command.arg("serve").arg(&self.directory).stdin(Stdio::null());
            command.stdout(log.try_clone()?).stderr(log).spawn()
        };
        let process = spawn().map_err(|error: io::Error| {
            failed(format!("server {} cannot be started", self.id)).because(&error)
        })?;
        self.process = Some(process);
        Ok(())
    }

    /// Kills the server at once, by SIGKILL: it can neither finish nor clean up anything.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Either fails only if the process has ended by itself.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A directory that is removed when this value is dropped.
pub(crate) struct TemporaryDirectory(PathBuf);

impl TemporaryDirectory {
    /// In `parent`, which is made if it is not there, or where the system wants them.
    pub(crate) fn new(parent: Option<&Path>, name: &str) -> Result<Self, Box<Diagnostic>> {
        let parent = parent.map_or_else(std::env::temp_dir, Path::to_path_buf);
        let path = parent.join(format!("{name}-{:032x}", init::random_128()));
        fs::create_dir_all(&path).map_err(|error| {
            failed(format!("{} cannot be made", path.display())).because(&error)
        })?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        // A remnant among temporary files does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}
