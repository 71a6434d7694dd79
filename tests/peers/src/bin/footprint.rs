//! Counts what is held in memory, exactly: `footprint DIRECTORY`, where the directory has a log of a
//! million entries. A program of its own, because counting slows everything else down.
//!
//! Prints one figure per line: its name, a tab, and bytes.

use std::path::Path;

use allocation_counter::{AllocationInfo, measure};
use quorate_peers::follower::{self, Follower};
use quorate_peers::lockstep::{Lockstep, Moved};
use quorate_peers::{RaftRs, recovery};
use raft::prelude::RawNode;
use raft::storage::MemStorage;

fn main() {
    let directory = std::env::args().nth(1).expect("a directory with a log");
    let print = |name: &str, bytes: f64| println!("{name}\t{bytes}");

    for (name, at) in [("leader", 0), ("follower", 1)] {
        print(&format!("idle {name}"), held(|| ours(at)).bytes_current as f64);
        print(&format!("idle {name} of raft-rs"), held(|| theirs(at)).bytes_current as f64);
    }
    for batch in [1, 64] {
        let (mut ours, mut theirs) =
            (follower::Quorate::new(u64::MAX), follower::RaftRs::new(u64::MAX));
        print(&format!("entry, {batch} at once"), entry(&mut ours, batch));
        print(&format!("entry of raft-rs, {batch} at once"), entry(&mut theirs, batch));
    }
    let opened = held(|| recovery::open(Path::new(&directory)));
    print("recovered entry", opened.bytes_current as f64 / recovery::ENTRIES as f64);
    print("most while recovering", opened.bytes_max as f64);
}

/// What is held once `make` is done, as long as what it made lives.
fn held<T>(make: impl FnOnce() -> T) -> AllocationInfo {
    let mut made = None;
    measure(|| made = Some(make()))
}

/// A server that has seen an election and many heartbeats.
fn ours(at: usize) -> Box<quorate_core::Raft> {
    let mut cluster = Lockstep::<Moved>::new(3, 0);
    (0..100).for_each(|_| cluster.heartbeat());
    Box::new(cluster.into_servers().nth(at).expect("one of three"))
}

fn theirs(at: usize) -> Box<RawNode<MemStorage>> {
    let mut cluster = RaftRs::<Moved>::new(3);
    (0..100).for_each(|_| cluster.heartbeat());
    Box::new(cluster.into_servers().nth(at).expect("one of three"))
}

/// What a follower holds for each entry of 16 bytes, of very many.
fn entry(follower: &mut dyn Follower, batch: usize) -> f64 {
    let entries = 1 << 18;
    let taken_in = measure(|| {
        for _ in 0..entries / batch {
            follower.prepare(1, batch, &[7; 16]);
            follower.take_in();
        }
    });
    taken_in.bytes_current as f64 / entries as f64
}
