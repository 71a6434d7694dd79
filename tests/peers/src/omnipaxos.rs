//! [`omnipaxos`](https://docs.rs/omnipaxos): Sequence Paxos.

use bytes::Bytes;
use omnipaxos::messages::Message;
use omnipaxos::storage::{Entry, NoSnapshot};
use omnipaxos::util::LogEntry;
use omnipaxos::{ClusterConfig, OmniPaxos, ServerConfig};
use omnipaxos_storage::memory_storage::MemoryStorage;

use crate::{Cluster, KEPT, Shape};

/// The crate with its log in memory. Its storage is part of the call that decides, so there is
/// nothing to acknowledge.
pub struct Omnipaxos {
    servers: Vec<Server>,
    outbox: Vec<Message<Command>>,
}

struct Server {
    paxos: OmniPaxos<Command, MemoryStorage<Command>>,
    applied: usize,
    applied_bytes: u64,
}

#[derive(Clone, Debug)]
struct Command(Bytes);

impl Entry for Command {
    type Snapshot = NoSnapshot;
}

const LEADER: usize = 0;

impl Omnipaxos {
    /// Elects the first server; it will get batches of that size.
    pub fn new(shape: Shape) -> Self {
        let nodes: Vec<_> = (1..=shape.servers).collect();
        let server = |&pid: &u64| {
            let cluster_config = ClusterConfig {
                configuration_id: 1,
                nodes: nodes.clone(),
                ..ClusterConfig::default()
            };
            let server_config = ServerConfig {
                pid,
                batch_size: shape.batch,
                leader_priority: u32::from(pid == 1),
                ..ServerConfig::default()
            };
            let paxos = cluster_config
                .build_for_server(server_config, MemoryStorage::default())
                .expect("a valid config");
            Server { paxos, applied: 0, applied_bytes: 0 }
        };
        let servers = nodes.iter().map(server).collect();
        let mut cluster = Self { servers, outbox: Vec::new() };
        while cluster.servers[LEADER].paxos.get_current_leader() != Some((1, true)) {
            cluster.servers.iter_mut().for_each(|server| server.paxos.tick());
            cluster.run();
        }
        cluster
    }

    /// Delivers until nobody has anything to say.
    fn run(&mut self) {
        loop {
            for server in &mut self.servers {
                server.paxos.take_outgoing_messages(&mut self.outbox);
            }
            if self.outbox.is_empty() {
                break;
            }
            for message in self.outbox.drain(..) {
                let to = usize::try_from(message.get_receiver()).expect("one of a few") - 1;
                self.servers[to].paxos.handle_incoming(message);
            }
        }
        self.servers.iter_mut().for_each(Server::apply);
    }

    /// Cuts the log of all servers, once the surplus is worth it.
    fn compact(&mut self) {
        let leader = &mut self.servers[LEADER];
        if leader.applied - leader.paxos.get_compacted_idx() > 2 * KEPT {
            leader.paxos.trim(Some(leader.applied - KEPT)).expect("everybody has these");
            self.run();
        }
    }
}

impl Server {
    fn apply(&mut self) {
        if self.paxos.get_decided_idx() == self.applied {
            return;
        }
        for entry in self.paxos.read_decided_suffix(self.applied).expect("decided just now") {
            let LogEntry::Decided(Command(bytes)) = entry else {
                unreachable!("only commands are proposed");
            };
            self.applied += 1;
            self.applied_bytes += bytes.len() as u64;
        }
    }
}

impl Cluster for Omnipaxos {
    fn commit(&mut self, command: &[u8], count: usize) {
        for _ in 0..count {
            let command = Command(Bytes::copy_from_slice(command));
            self.servers[LEADER].paxos.append(command).expect("it leads");
        }
        self.run();
        self.compact();
    }

    fn applied_bytes(&self) -> Vec<u64> {
        self.servers.iter().map(|server| server.applied_bytes).collect()
    }
}
