//! A group of servers in one process, on directories that are gone afterwards.

#![allow(dead_code, reason = "each example uses some of it")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quorate_core::wire::Address;
use quorate_core::{ClusterId, NodeId};
use quorate_io_tokio::{Bound, Server, init};
use quorate_sm::Applier;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) type Done<T = ()> = Result<T, Box<dyn Error>>;

pub(crate) const CLUSTER: ClusterId = ClusterId::named("example");

/// A directory that is removed with this value.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let (count, process) = (COUNT.fetch_add(1, Ordering::Relaxed), std::process::id());
        let path = std::env::temp_dir().join(format!("quorate-example-{process}-{count}"));
        std::fs::create_dir_all(&path).expect("the system has room for temporary files");
        Self(path)
    }

    /// The directory of a server.
    pub(crate) fn of(&self, id: NodeId) -> PathBuf {
        Path::new(&self.0).join(id.to_string())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Whatever is left, the system removes some day.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn id(number: u64) -> NodeId {
    NodeId::new(number).expect("not zero")
}

/// Binds to an address that another server has just left.
pub(crate) async fn bind_again(address: &Address) -> Done<Bound> {
    for _ in 0..500 {
        if let Ok(bound) = Server::bind(address.as_str()).await {
            return Ok(bound);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err(format!("{address} is taken").into())
}

/// Three servers that found a group, with these machines each.
pub(crate) async fn three(scratch: &Scratch, machines: fn() -> Applier) -> Done<Vec<Server>> {
    three_of(scratch, machines, |bound| bound).await
}

/// The same, with something more.
pub(crate) async fn three_of(
    scratch: &Scratch,
    machines: fn() -> Applier,
    with: fn(Bound) -> Bound,
) -> Done<Vec<Server>> {
    let mut bound = Vec::new();
    for number in 1..=3 {
        bound.push((id(number), with(Server::bind("127.0.0.1:0").await?)));
    }
    let founders: Vec<(NodeId, Address)> =
        bound.iter().map(|(id, bound)| (*id, bound.address().clone())).collect();
    let mut servers = Vec::new();
    for (id, bound) in bound {
        init(scratch.of(id), CLUSTER, id, founders.clone())?;
        servers.push(bound.serve(scratch.of(id), machines(), |_| {}).await?);
    }
    Ok(servers)
}

/// Asks over HTTP: the status and the body of the answer.
pub(crate) async fn ask(at: &str, method: &str, path: &str, body: &str) -> Done<(u16, String)> {
    let mut stream = TcpStream::connect(at).await?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    let status = head.split(' ').nth(1).ok_or("no status")?.parse()?;
    Ok((status, body.to_owned()))
}
