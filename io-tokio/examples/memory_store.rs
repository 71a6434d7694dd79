//! Raftify's memory store: log entries and a state machine of one's own, written by hand; a group that is
//! founded by one and joined by others with a ticket; proposals at any server; a look at what is on the disk; and a
//! restart from that, after a majority was gone.
//!
//! `cargo run -p quorate-io-tokio --example memory_store`

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use quorate_core::wal::{Finding, RecordKind, inspect};
use quorate_core::wire::Address;
use quorate_core::{Membership, NodeId};
use quorate_io_tokio::client::Client;
use quorate_io_tokio::{FileDisk, Server, init, init_joining};
use quorate_sm::{Applier, Context, SessionLimits, StateMachine};
use serde::{Deserialize, Serialize};

use support::{CLUSTER, Done, Scratch, bind_again, id};

/// What stands in the log.
#[derive(Serialize, Deserialize)]
enum LogEntry {
    Insert { key: u64, value: String },
    Remove { key: u64 },
}

/// What it makes.
#[derive(Default, Serialize, Deserialize)]
struct HashStore(BTreeMap<u64, String>);

impl StateMachine for HashStore {
    type Command = LogEntry;
    type Answer = Option<String>;
    type Query = u64;
    type QueryAnswer = Option<String>;

    fn apply(&mut self, _: &mut Context, entry: LogEntry) -> Option<String> {
        match entry {
            LogEntry::Insert { key, value } => self.0.insert(key, value),
            LogEntry::Remove { key } => self.0.remove(&key),
        }
    }

    fn query(&self, key: u64) -> Option<String> {
        self.0.get(&key).cloned()
    }
}

fn machines() -> Applier {
    Applier::new(HashStore::default(), SessionLimits::default())
}

/// What a newcomer needs to know, as a text that can be sent to it.
fn ticket(members: &[(NodeId, Address)]) -> String {
    let each = members.iter().map(|(id, address)| format!("{id}={address}"));
    each.collect::<Vec<_>>().join(",")
}

fn read_ticket(text: &str) -> Done<Vec<(NodeId, Address)>> {
    let read = |part: &str| -> Done<(NodeId, Address)> {
        let (number, address) = part.split_once('=').ok_or("no ticket")?;
        Ok((NodeId::new(number.parse()?).ok_or("no number")?, Address::new(address.to_owned())?))
    };
    text.split(',').map(read).collect()
}

/// Joins the group of a ticket, and is let in by it.
async fn join(scratch: &Scratch, number: u64, text: &str, by: &Client) -> Done<Server> {
    let bound = Server::bind("127.0.0.1:0").await?;
    let (newcomer, address) = (id(number), bound.address().clone());
    init_joining(scratch.of(newcomer), CLUSTER, newcomer, read_ticket(text)?)?;
    let server = bound.serve(scratch.of(newcomer), machines(), |_| {}).await?;
    let voters = (1..=number).map(id);
    let target = Membership::of_voters(voters)?.with_addresses([(newcomer, address)])?;
    by.reconfigure(target, None, false).await?;
    Ok(server)
}

/// Shows what is on a disk: how many entries are commands.
fn dump(directory: &Path) -> Done<usize> {
    let mut commands = 0;
    inspect(&FileDisk::open(directory)?, |finding| match finding {
        Finding::Record(record) if record.kind == Some(RecordKind::Command) => commands += 1,
        Finding::Segment { file, .. } => println!("  {file}"),
        _ => {}
    })?;
    Ok(commands)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Done {
    let scratch = Scratch::new();
    let first = id(1);
    let bound = Server::bind("127.0.0.1:0").await?;
    let founder = (first, bound.address().clone());
    init(scratch.of(first), CLUSTER, first, [founder.clone()])?;
    let leader = bound.serve(scratch.of(first), machines(), |_| {}).await?;
    let client = leader.client();
    let ticket = ticket(&[founder]);
    println!("one server is a group; whoever has this ticket may join: {ticket}");
    let mut servers = vec![leader];
    for number in [2, 3] {
        servers.push(join(&scratch, number, &ticket, &client).await?);
        println!("server {number} has joined");
    }

    // Proposed at the leader, and at another server, which passes it on.
    for (key, server) in (1..).zip(&servers) {
        let client = server.client();
        let entry = LogEntry::Insert { key, value: format!("by way of server {key}") };
        assert_eq!(client.command::<HashStore>(&entry).await?, None);
        client.close().await;
    }
    let client = servers[2].client();
    let removed = client.command::<HashStore>(&LogEntry::Remove { key: 1 }).await?;
    assert_eq!(removed, Some("by way of server 1".to_owned()));

    // Two of three are gone, and so is the third: all that is left is on the disks.
    let addresses: Vec<_> = servers.iter().map(|server| server.address().clone()).collect();
    for server in servers {
        server.stop().await;
    }
    println!("all have stopped; on the disk of server 1:");
    let commands = dump(&scratch.of(first))?;
    println!("  {commands} commands");
    assert!(commands >= 4, "four entries, and those of sessions");

    // A majority comes back: that is enough, and nothing is lost.
    let mut servers = Vec::new();
    for (number, address) in (1..).zip(&addresses).take(2) {
        let bound = bind_again(address).await?;
        servers.push(bound.serve(scratch.of(id(number)), machines(), |_| {}).await?);
    }
    let client = servers[1].client();
    let level = quorate_core::wire::Consistency::Linearizable;
    for (key, expected) in [(1, None), (2, Some("by way of server 2".to_owned()))] {
        let found = client.query::<HashStore>(level, &key).await?;
        println!("after the restart {key} is {found:?}");
        assert_eq!(found, expected);
    }
    for server in servers {
        server.stop().await;
    }
    Ok(())
}

#[test]
fn it_runs() -> Done {
    main()
}
