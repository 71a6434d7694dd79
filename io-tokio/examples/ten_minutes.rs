//! etcd in ten minutes, as Copycat's introduction has it: a store with put, get, delete and a time to live;
//! listeners; reads of each consistency; a group that is founded, and a server that joins it.
//!
//! `cargo run -p quorate-io-tokio --example ten_minutes`

mod support;

use std::time::Duration;

use quorate_core::wire::Consistency;
use quorate_core::{Membership, NodeId};
use quorate_io_tokio::client::KvClient;
use quorate_io_tokio::{Server, init_joining};
use quorate_sm::kv::Change;
use quorate_sm::{Applier, Kv, Notice, SessionLimits};

use support::{CLUSTER, Done, Scratch, id, three};

fn machines() -> Applier {
    Applier::new(Kv::default(), SessionLimits::default())
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Done {
    let scratch = Scratch::new();
    let mut servers = three(&scratch, machines).await?;
    println!("three servers are a group");
    let kv = KvClient::new(servers[0].client());

    // Listeners hear of every change of a key, or of all keys that begin so: once each, in order.
    let mut all = kv.watch_prefix("user/").await?;
    kv.put("user/1", "Ada").await?;
    kv.put_for("user/2", "Grace", Duration::from_millis(100)).await?;
    kv.delete("user/1").await?;
    for expected in ["user/1 is Ada", "user/2 is Grace", "user/1 was deleted", "user/2 has expired"]
    {
        let heard = shown(&all.next().await?);
        println!("heard: {heard}");
        assert_eq!(heard, expected);
    }

    // A read reflects all that was acknowledged before; or less, and is cheaper.
    kv.put("motto", "festina lente").await?;
    let max_age = Consistency::Bounded { age_max_ms: 2000 };
    for level in [Consistency::Linearizable, Consistency::Lease, max_age, Consistency::Stale] {
        let found = kv.reading(level).get("motto").await?.map(|row| row.value);
        println!("read at {level:?}: {found:?}");
        assert!(level == Consistency::Stale || found == Some("festina lente".into()));
    }

    // A fourth server learns of the group, is let in, and has all that the others have.
    let status = kv.status_of(servers[0].address().as_str()).await?;
    let bound = Server::bind("127.0.0.1:0").await?;
    let (newcomer, address) = (id(4), bound.address().clone());
    init_joining(scratch.of(newcomer), CLUSTER, newcomer, status.addresses)?;
    let fourth = bound.serve(scratch.of(newcomer), machines(), |_| {}).await?;
    let voters: Vec<NodeId> = (1..=4).map(id).collect();
    let target = Membership::of_voters(voters)?.with_addresses([(newcomer, address)])?;
    kv.client().reconfigure(target, None, false).await?;
    let at_fourth = KvClient::new(fourth.client());
    println!(
        "four servers; the newcomer says {:?}",
        at_fourth.get("motto").await?.map(|it| it.value)
    );
    servers.push(fourth);

    // One of them ends without a word: the others go on, and so do clients and listeners.
    servers.remove(0).stop().await;
    let kv = KvClient::new(servers[0].client());
    assert_eq!(kv.increment("count", 1).await?, 1);
    kv.put("user/3", "Barbara").await?;
    let heard = shown(&all.next().await?);
    println!("three of four go on; heard: {heard}");
    assert_eq!(heard, "user/3 is Barbara");
    for server in servers {
        server.stop().await;
    }
    Ok(())
}

fn shown(notice: &Notice<Change>) -> String {
    let key = String::from_utf8_lossy(&notice.topic);
    match &notice.event {
        Change::Put { value } => format!("{key} is {}", String::from_utf8_lossy(value)),
        Change::Deleted => format!("{key} was deleted"),
        Change::Expired => format!("{key} has expired"),
    }
}

#[test]
fn it_runs() -> Done {
    main()
}
