//! A group of servers in one process, on directories that are gone afterwards.

#![allow(dead_code, reason = "each example uses some of it")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use quorate_core::wire::Address;
use quorate_core::{ClusterId, NodeId};
use quorate_io_tokio::{Server, init};
use quorate_sm::Applier;

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

/// Three servers that found a group, with these machines each.
pub(crate) async fn three(scratch: &Scratch, machines: fn() -> Applier) -> Done<Vec<Server>> {
    let mut bound = Vec::new();
    for number in 1..=3 {
        bound.push((id(number), Server::bind("127.0.0.1:0").await?));
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
