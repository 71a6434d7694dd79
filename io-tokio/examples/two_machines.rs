//! Bifrost's tour: its state machines, a value with a subscription, a map with a subscription for each key, and its
//! membership, all of them on one log; and two services beside the log; everything on one port.
//!
//! `cargo run -p quorate-io-tokio --example two_machines`

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use quorate_io_tokio::{Bound, Server};
use quorate_machines::membership::{GroupChange, MembershipClient, MembershipMachine, Registry};
use quorate_sm::courier::CallError;
use quorate_sm::{Applier, MachineId, SessionLimits, machine, service};
use serde::{Deserialize, Serialize};

use support::{Done, Scratch, three_of};

/// One value.
#[machine]
trait Value {
    /// Sets it; what it was.
    fn set(&mut self, cx: &mut ValueCx, value: u64) -> u64;
    /// What it is.
    fn get(&self) -> u64;
    /// It was this and is that.
    fn on_changed() -> (u64, u64);
}

#[derive(Default, Serialize, Deserialize)]
struct Holder(u64);

impl Value for Holder {
    fn set(&mut self, cx: &mut ValueCx, value: u64) -> u64 {
        let old = std::mem::replace(&mut self.0, value);
        cx.emit_on_changed((old, value));
        old
    }

    fn get(&self) -> u64 {
        self.0
    }
}

/// Values by key.
#[machine]
trait Map {
    /// Inserts a key; what it was.
    fn insert(&mut self, cx: &mut MapCx, key: String, value: String) -> Option<String>;
    /// What a key is.
    fn get(&self, key: String) -> Option<String>;
    /// This key was inserted.
    fn on_key_inserted(key: String) -> String;
}

#[derive(Default, Serialize, Deserialize)]
struct Table(BTreeMap<String, String>);

impl Map for Table {
    fn insert(&mut self, cx: &mut MapCx, key: String, value: String) -> Option<String> {
        cx.emit_on_key_inserted(&key, &value);
        self.0.insert(key, value)
    }

    fn get(&self, key: String) -> Option<String> {
        self.0.get(&key).cloned()
    }
}

/// Says hello.
#[service]
trait Hello {
    /// By name.
    async fn hello(&self, name: String, times: u32) -> String;
}

struct Greeter;

impl Hello for Greeter {
    async fn hello(&self, name: String, times: u32) -> String {
        format!("{}{name}", "hello ".repeat(times as usize))
    }
}

/// Counts, by itself: nothing of this is replicated.
#[service]
trait Counter {
    /// How often it was called.
    async fn next(&self) -> u64;
}

#[derive(Default)]
struct Ticker(AtomicU64);

impl Counter for Ticker {
    async fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// What a server offers beside the log.
fn services(server: Bound) -> Bound {
    let hello = HelloService::new(Greeter);
    server.offering("hello", hello).offering("counter", CounterService::new(Ticker::default()))
}

fn machines() -> Applier {
    Applier::without_machines(SessionLimits::default())
        .with(MachineId(1), "value", ValueMachine(Holder::default()))
        .with(MachineId(2), "map", MapMachine(Table::default()))
        .with(MachineId(3), "members", MembershipMachine(Registry::default()))
}

/// Each server has services of its own; within the process they are called without a socket.
async fn call(servers: &[Server]) -> Result<(), CallError> {
    let client = servers[0].client();
    for server in servers {
        let hello: HelloClient = client.service_at(server.address().as_str(), "hello");
        println!("{} says {:?}", server.address(), hello.hello("ada", 2).await?);
    }
    let [own, other] = [&servers[0], &servers[1]]
        .map(|server| -> CounterClient { client.service_at(server.address().as_str(), "counter") });
    assert_eq!((own.next().await?, own.next().await?, other.next().await?), (1, 2, 1));
    Ok(())
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Done {
    let scratch = Scratch::new();
    let servers = three_of(&scratch, machines, services).await?;
    let client = servers[0].client();
    call(&servers).await?;

    let value: ValueClient<_> = client.machine("value").await?;
    let mut changes = value.on_changed().await?;
    for number in [3, 5] {
        value.set(number).await?;
        let change = changes.next().await?.event;
        println!("the value was {} and is {}", change.0, change.1);
    }
    assert_eq!(value.get().await?, 5);

    // A subscription has parameters: nobody is told of other keys.
    let map: MapClient<_> = client.machine("map").await?;
    let mut wanted = map.on_key_inserted("wanted").await?;
    map.insert("other", "1").await?;
    map.insert("wanted", "2").await?;
    let inserted = wanted.next().await?.event;
    println!("the key that was waited for is {inserted}");
    assert_eq!(inserted, "2");

    // Whoever enters is online as long as its client lives.
    let members: MembershipClient<_> = client.machine("members").await?;
    let mut group = members.group_changed("web").await?;
    let mut guests = Vec::new();
    for (name, server) in ["ada", "grace"].into_iter().zip(&servers[1..]) {
        let client = server.client();
        let own: MembershipClient<_> = client.machine("members").await?;
        own.enter(name, server.address().to_string()).await??;
        own.join(name, "web").await??;
        guests.push(client);
    }
    assert_eq!(members.leader("web").await?, Some("ada".to_owned()));
    guests.remove(0).close().await;
    loop {
        let change = group.next().await?.event;
        println!("in the group: {change:?}");
        if change == (GroupChange::Leader { member: Some("grace".to_owned()) }) {
            break;
        }
    }
    let online = members.members(Some("web".to_owned())).await?;
    let online: Vec<_> = online.iter().filter(|it| it.is_online).map(|it| &it.name).collect();
    assert_eq!(online, ["grace"]);

    for server in servers {
        server.stop().await;
    }
    Ok(())
}

#[test]
fn it_runs() -> Done {
    main()
}
