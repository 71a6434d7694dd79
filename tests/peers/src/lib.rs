//! The core beside its peers: three servers in one thread, no network, no codec, no disk. What is
//! left is what consensus itself costs.
//!
//! Everybody is driven the same way, and as fast as its interface allows: commands are proposed as
//! one batch, messages are moved and not copied, writes are acknowledged at once, and a round is
//! over when all three servers have handed out all commands to their state machine. Everybody
//! keeps about [`KEPT`] entries in memory.

mod bare;
#[path = "../../../core/tests/lockstep/mod.rs"]
pub mod lockstep;
mod omnipaxos;
mod quorate;
mod raft_rs;

use bytes::Bytes;

pub use bare::Bare;
pub use omnipaxos::Omnipaxos;
pub use raft_rs::RaftRs;

/// How many entries each server keeps in memory for peers that fall behind; a bit more between two
/// compactions.
pub const KEPT: usize = 4_096;

/// Three servers, the first of which leads.
pub trait Cluster {
    /// Commits and applies `count` times the same command on all three servers.
    fn commit(&mut self, command: &Bytes, count: usize);

    /// The lengths of all commands that each server has applied, summed.
    fn applied_bytes(&self) -> [u64; 3];
}

/// A contestant: its name, and how to start a cluster that gets batches of this many commands of
/// this many bytes.
pub type Contestant = (&'static str, fn(batch: usize, command_bytes: usize) -> Box<dyn Cluster>);

/// All of them, the subject first.
pub const CONTESTANTS: [Contestant; 4] = [
    ("quorate", |_, bytes| Box::new(quorate::start(bytes))),
    ("raft-rs", |_, _| Box::new(RaftRs::new())),
    ("omnipaxos", |batch, _| Box::new(Omnipaxos::new(batch))),
    ("bare", |_, _| Box::new(Bare::new())),
];

/// What is measured: commands per batch, and bytes per command.
pub const SHAPES: [(usize, usize); 5] = [(1, 16), (64, 16), (1024, 16), (64, 256), (64, 4096)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_applies_every_command_on_all_servers() {
        let command = Bytes::from_static(&[7; 16]);
        for (name, start) in CONTESTANTS {
            for batch in [1, 64] {
                let mut cluster = start(batch, command.len());
                for round in 1..=3 * KEPT / batch {
                    cluster.commit(&command, batch);
                    let bytes = (round * batch * command.len()) as u64;
                    assert_eq!(cluster.applied_bytes(), [bytes; 3], "{name}, batch {batch}");
                }
            }
        }
    }
}
