//! Bifrost's tour of its state machines: a value with a subscription, a map with a subscription for each key, and
//! its membership service, all of them on one log, and reached by one port.
//!
//! `cargo run -p quorate-io-tokio --example two_machines`

mod support;

use std::collections::BTreeMap;

use quorate_machines::membership::{GroupChange, MembershipClient, MembershipMachine, Registry};
use quorate_sm::{Applier, MachineId, SessionLimits, machine};
use serde::{Deserialize, Serialize};

use support::{Done, Scratch, three};

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

fn machines() -> Applier {
    Applier::without_machines(SessionLimits::default())
        .with(MachineId(1), "value", ValueMachine(Holder::default()))
        .with(MachineId(2), "map", MapMachine(Table::default()))
        .with(MachineId(3), "members", MembershipMachine(Registry::default()))
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Done {
    let scratch = Scratch::new();
    let servers = three(&scratch, machines).await?;
    let client = servers[0].client();

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
