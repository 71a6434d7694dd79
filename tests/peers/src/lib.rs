//! The core beside its peers: servers in one thread, no network, no disk, and no codec unless it is
//! the subject. What is left is what consensus itself costs.
//!
//! Everybody is driven the same way, and as fast as its interface allows: commands are copied once,
//! as from a connection, and proposed as one batch; messages are moved and not copied, writes are
//! acknowledged at once, and a round is over when all servers have handed out all commands to their
//! state machine. Everybody keeps about [`KEPT`] entries in memory.
//!
//! `openraft` is not among them. It is driven by tasks that hand each other requests, answers,
//! entries and acknowledgements through channels of a runtime, and has no other way in; an entry
//! that is committed says nothing then about what the consensus in it costs.

mod bare;
pub mod contest;
pub mod follower;
#[path = "../../../core/tests/lockstep/mod.rs"]
pub mod lockstep;
mod omnipaxos;
pub mod quorate;
pub mod raft_rs;
pub mod records;
pub mod recovery;
pub mod table;

pub use bare::Bare;
pub use omnipaxos::Omnipaxos;
pub use raft_rs::RaftRs;

/// How many entries each server keeps in memory for peers that fall behind; a bit more between two
/// compactions.
pub const KEPT: usize = 4_096;

/// Some servers, the first of which leads.
pub trait Cluster {
    /// Commits and applies `count` times the same command on all servers.
    fn commit(&mut self, command: &[u8], count: usize);

    /// The lengths of all commands that each server has applied, summed.
    fn applied_bytes(&self) -> Vec<u64>;
}

/// What is to be replicated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// How many servers there are.
    pub servers: u64,
    /// The length of a command.
    pub command_bytes: usize,
    /// How many commands are proposed at once.
    pub batch: usize,
}

impl Shape {
    /// All that are measured: 3 and 5 servers; 16, 256 and 4,096 bytes; batches of 1, 64 and 1,024.
    pub fn all() -> impl Iterator<Item = Self> {
        let shapes = [3, 5].into_iter().flat_map(|servers| {
            [16, 256, 4096].into_iter().map(move |command_bytes| (servers, command_bytes))
        });
        shapes.flat_map(|(servers, command_bytes)| {
            [1, 64, 1024].map(|batch| Self { servers, command_bytes, batch })
        })
    }
}

/// A contestant: its name, and how to start a cluster for what is to be replicated.
pub type Contestant = (&'static str, fn(Shape) -> Box<dyn Cluster>);

/// All of them, the subject first.
pub const CONTESTANTS: [Contestant; 4] = [
    ("quorate", |shape| Box::new(quorate::start::<lockstep::Moved>(shape))),
    ("raft-rs", |shape| Box::new(RaftRs::<lockstep::Moved>::new(shape.servers))),
    ("omnipaxos", |shape| Box::new(Omnipaxos::new(shape))),
    ("bare", |shape| Box::new(Bare::new(shape.servers))),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_applies_all(name: &str, cluster: &mut dyn Cluster, shape: Shape) {
        let command = vec![7; shape.command_bytes];
        for round in 1..=3 * KEPT / shape.batch {
            cluster.commit(&command, shape.batch);
            let bytes = (round * shape.batch * shape.command_bytes) as u64;
            assert!(cluster.applied_bytes().iter().all(|&all| all == bytes), "{name}, {shape:?}");
        }
        assert_eq!(cluster.applied_bytes().len() as u64, shape.servers);
    }

    #[test]
    fn everybody_applies_every_command_on_all_servers() {
        for (name, start) in CONTESTANTS {
            for (servers, batch) in [(3, 1), (3, 64), (5, 1), (5, 64)] {
                let shape = Shape { servers, command_bytes: 16, batch };
                assert_applies_all(name, &mut *start(shape), shape);
            }
        }
    }

    #[test]
    fn a_codec_in_the_path_changes_nothing() {
        for batch in [1, 64] {
            let shape = Shape { servers: 3, command_bytes: 16, batch };
            assert_applies_all("quorate", &mut quorate::start::<quorate::Framed>(shape), shape);
            assert_applies_all("raft-rs", &mut RaftRs::<raft_rs::Framed>::new(3), shape);
        }
    }
}
