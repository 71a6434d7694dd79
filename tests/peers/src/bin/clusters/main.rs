//! Clusters side by side: three processes each, on one machine and one disk, with the same callers.
//!
//! * **quorate**: the binary as it ships, driven by its own `bench`.
//! * **etcd**: as it is installed, with its own defaults, driven over gRPC.
//! * **raft-rs**: as little as the crate needs to be a server: raft-engine for a log, plain TCP, no
//!   sessions, no HTTP. What a server costs beyond that is what the others add.
//!
//! Each measurement starts a cluster, lets it warm up, writes, reads, and ends it, so that nobody
//! inherits anything and nothing else runs meanwhile. The systems take turns.
//!
//! `cargo build --release -p quorate-server && cargo run --release -p quorate-peers --bin clusters`

mod args;
mod disk;
mod etcd;
mod etcd_api;
mod figures;
mod frames;
mod local;
mod quorate_cluster;
mod raft_cluster;
mod raft_links;
mod raft_server;
mod table;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use args::Args;
use etcd::Etcd;
use figures::Figures;
use local::Scratch;
use quorate_cluster::Quorate;
use raft_cluster::RaftRs;
use table::Row;

/// For errors that only a person reads. Nothing here panics while processes that it started live:
/// release builds abort then, and would leave them behind.
type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A cluster of three processes.
trait System {
    fn name(&self) -> &'static str;

    /// Which version will run; an error if none can.
    fn version(&self) -> Fallible<String>;

    /// Starts it in `dir`, measures it, and ends it.
    fn measure(&self, dir: &Path, clients: usize, span: Duration) -> Fallible<Measured>;
}

/// What one cluster did.
#[derive(Clone, Copy, Debug)]
struct Measured {
    writes: Figures,
    reads: Figures,
}

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let end = match words.split_first() {
        Some((word, rest)) if word == raft_server::COMMAND => raft_server::run(rest),
        _ => Args::parse(&words).and_then(|args| compare(&args)),
    };
    match end {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(args: &Args) -> Fallible<()> {
    let systems: [Box<dyn System>; 3] = [
        Box::new(Quorate { program: args.quorate.clone() }),
        Box::new(Etcd { program: args.etcd.clone() }),
        Box::new(RaftRs),
    ];
    let mut contestants = Vec::new();
    for system in &systems {
        match system.version() {
            Ok(version) => {
                println!("{}: {version}", system.name());
                contestants.push(&**system);
            }
            Err(why) => println!("{} is left out: {why}", system.name()),
        }
    }
    print!("{}", table::header(args.rounds, args.span));
    for &clients in &args.clients {
        let mut disks = Vec::new();
        let mut rows: Vec<_> = contestants.iter().map(|system| Row::new(system.name())).collect();
        for _ in 0..args.rounds {
            disks.push(disk::probe(Scratch::new(&args.dir)?.path())?);
            for (system, row) in contestants.iter().zip(&mut rows) {
                let scratch = Scratch::new(&args.dir)?;
                match system.measure(scratch.path(), clients, args.span) {
                    Ok(measured) => row.rounds.push(measured),
                    Err(why) => eprintln!("{}, {clients} clients: {why}", system.name()),
                }
            }
        }
        print!("{}", table::block(clients, &rows, &disks));
    }
    Ok(())
}
