//! [etcd](https://etcd.io), as it is installed, with its own defaults: it syncs before it answers.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};

use crate::etcd_api::{PutRequest, RangeRequest, StatusRequest, call};
use crate::figures::{Figures, Latencies, VALUE_BYTES, Work, key, warm_up};
use crate::local::{Processes, free_addresses};
use crate::{Fallible, Measured, System};

pub(crate) struct Etcd {
    pub(crate) program: PathBuf,
}

/// The most HTTP/2 connections that the clients share, all to the leader. On two cores neither one
/// connection, nor reads that are spread over all members, nor a second thread made it faster.
const CHANNELS_MAX: usize = 8;

/// From the start of the processes to the last answer, beyond what is measured.
const PATIENCE: Duration = Duration::from_secs(60);

impl System for Etcd {
    fn name(&self) -> &'static str {
        "etcd"
    }

    fn version(&self) -> Fallible<String> {
        let output = Command::new(&self.program)
            .arg("--version")
            .output()
            .map_err(|why| format!("{}: {why}", self.program.display()))?;
        let text = String::from_utf8(output.stdout)?;
        Ok(text.lines().next().unwrap_or_default().trim_start_matches("etcd Version: ").into())
    }

    /// All clients are tasks of one thread, as those of quorate's bench are.
    fn measure(&self, dir: &Path, clients: usize, span: Duration) -> Fallible<Measured> {
        let cluster = Cluster::start(&self.program, dir)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let measured = cluster.measure(clients, span);
            tokio::time::timeout(PATIENCE + 4 * span, measured).await?
        })
    }
}

struct Cluster {
    /// Where each member serves clients.
    urls: Vec<String>,
    _members: Processes,
}

impl Cluster {
    fn start(program: &Path, dir: &Path) -> Fallible<Self> {
        let urls = free_addresses::<6>()?.map(|address| format!("http://{address}"));
        let (peers, clients) = urls.split_at(3);
        let members: Vec<_> =
            peers.iter().enumerate().map(|(n, url)| format!("n{n}={url}")).collect();
        let mut processes = Processes::default();
        for n in 0..3 {
            let mut command = Command::new(program);
            command
                .args(["--name", &format!("n{n}"), "--logger", "zap"])
                .args(["--initial-cluster", &members.join(",")])
                .args(["--initial-advertise-peer-urls", &peers[n], "--listen-peer-urls", &peers[n]])
                .args(["--advertise-client-urls", &clients[n], "--listen-client-urls", &clients[n]])
                .arg("--data-dir")
                .arg(dir.join(format!("n{n}")));
            processes.start(&mut command, &dir.join(format!("n{n}.log")))?;
        }
        Ok(Self { urls: clients.to_vec(), _members: processes })
    }

    async fn measure(&self, clients: usize, span: Duration) -> Fallible<Measured> {
        let leader = Endpoint::from_shared(self.leader().await?)?;
        let mut channels = Vec::new();
        for _ in 0..clients.min(CHANNELS_MAX) {
            channels.push(leader.connect().await?);
        }
        run(&channels, clients, Work::Write, warm_up(span)).await?;
        let writes = run(&channels, clients, Work::Write, span).await?;
        let reads = run(&channels, clients, Work::Read, span).await?;
        Ok(Measured { writes, reads })
    }

    /// Waits until somebody leads.
    async fn leader(&self) -> Fallible<String> {
        loop {
            for url in &self.urls {
                // Its port is closed until it has found the others.
                let Ok(channel) = Endpoint::from_shared(url.clone())?.connect().await else {
                    continue;
                };
                if let Ok(status) = call(&mut Grpc::new(channel), StatusRequest {}).await
                    && status.header.is_some_and(|header| header.member_id == status.leader)
                {
                    return Ok(url.clone());
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn run(
    channels: &[Channel],
    clients: usize,
    work: Work,
    span: Duration,
) -> Fallible<Figures> {
    let started = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|at| {
            let grpc = Grpc::new(channels[at % channels.len()].clone());
            tokio::spawn(client(grpc, at, work, started + span))
        })
        .collect();
    let mut all = Latencies::default();
    for task in tasks {
        all.extend(task.await??);
    }
    Ok(all.figures(started.elapsed()))
}

/// Waits for each answer before it goes on.
async fn client(
    mut grpc: Grpc<Channel>,
    at: usize,
    work: Work,
    until: Instant,
) -> Fallible<Latencies> {
    let mut latencies = Latencies::default();
    let mut calls = 0;
    while Instant::now() < until {
        let key = key(at, calls).into_bytes();
        let started = Instant::now();
        match work {
            Work::Write => {
                let value = vec![b'x'; VALUE_BYTES];
                call(&mut grpc, PutRequest { key, value }).await?;
            }
            Work::Read => {
                let found = call(&mut grpc, RangeRequest { key }).await?;
                if found.kvs.first().is_none_or(|found| found.value.len() != VALUE_BYTES) {
                    return Err("a read did not find what was written".into());
                }
            }
        }
        latencies.add(started.elapsed());
        calls += 1;
    }
    Ok(latencies)
}
