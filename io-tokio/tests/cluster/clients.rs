//! What clients may rely on.

use std::sync::atomic::Ordering;
use std::time::Duration;

use quorate_core::wire::{Consistency, Reject};
use quorate_core::{ClusterId, Index};
use quorate_io_tokio::Ended;
use quorate_io_tokio::client::{
    Ask, CallError, ClientConfig, KvClient, KvError, Reason, Routing, Standing, Swap,
};
use quorate_sm::Envelope;
use quorate_sm::kv::{Expected, Refused};
use tokio::task::JoinSet;

use crate::support::{Cluster, cutting_proxy, id, patiently};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_through_one_server_is_read_through_all() {
    let cluster = Cluster::of(3).await;
    for writer in 0..3 {
        let key = format!("key {writer}");
        let version = cluster.client_of(writer).put(key.clone(), "value").await.unwrap();
        for reader in 0..3 {
            let found = cluster.client_of(reader).get(key.clone()).await.unwrap().unwrap();
            assert_eq!((&found.value[..], found.version), (&b"value"[..], version));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_of_the_store_has_its_answer() {
    let cluster = Cluster::of(3).await;
    let store = cluster.client();
    assert_eq!(store.get("a").await, Ok(None));
    let first = store.put("a", "1").await.unwrap();
    assert_eq!(store.increment("a", 41).await, Ok(42));
    let lost = store.compare_and_swap("a", Expected::Version(first), None).await.unwrap();
    let Swap::Lost(Some(current)) = lost else { panic!("{lost:?}") };
    assert_eq!(&current.value[..], b"42");
    let expected = Expected::Version(current.version);
    let done = store.compare_and_swap("a", expected, Some("text".into())).await;
    assert!(matches!(done, Ok(Swap::Done(Some(_)))), "{done:?}");
    assert_eq!(store.increment("a", 1).await, Err(KvError::Refused(Refused::NotANumber)));
    store.put("b", "").await.unwrap();

    let page = store.list("", None, 1).await.unwrap();
    assert_eq!((page.rows.len(), &page.rows[0].key[..]), (1, &b"a"[..]));
    let page = store.list("", page.next, 9).await.unwrap();
    assert_eq!((page.rows.len(), &page.rows[0].key[..], page.next), (1, &b"b"[..], None));

    assert!(store.delete("a").await.unwrap().is_some());
    assert_eq!(store.delete("a").await, Ok(None));
    let stale = store.reading(Consistency::Stale);
    patiently(|| async { stale.get("a").await.unwrap().is_none().then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_lost_its_leader_goes_on() {
    let mut cluster = Cluster::of(3).await;
    let store = cluster.client();
    let adders = add_in_parallel(&store, 8, 200);
    patiently(|| async { store.get("sum").await.unwrap() }).await;
    let leader = cluster.leader().await;
    cluster.kill(leader).await;
    finish(adders).await;
    assert_eq!(store.increment("sum", 0).await, Ok(8 * 200));
    assert_ne!(cluster.leader().await, leader);

    cluster.restart(leader).await;
    let last = cluster.status(cluster.leader().await).await.commit;
    patiently(|| async { (cluster.status(leader).await.applied >= last).then_some(()) }).await;
    let own = cluster.client_of(leader).reading(Consistency::Stale);
    assert_eq!(&own.get("sum").await.unwrap().unwrap().value[..], b"1600");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_takes_effect_once_however_often_its_connection_is_cut() {
    let cluster = Cluster::of(3).await;
    let mut addresses = Vec::new();
    let mut cuts = Vec::new();
    for at in 0..3 {
        let (address, count) = cutting_proxy(cluster.address(at), 9).await;
        addresses.push(address);
        cuts.push(count);
    }
    let config = ClientConfig { routing: Routing::AsGiven, ..ClientConfig::default() };
    let store = cluster.client_with(addresses, config);
    finish(add_in_parallel(&store, 4, 50)).await;
    let sum = cluster.client().increment("sum", 0).await;
    assert_eq!(sum, Ok(4 * 50));
    let cuts: u64 = cuts.iter().map(|count| count.load(Ordering::Relaxed)).sum();
    assert!(cuts >= 5, "{cuts} cuts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_another_cluster_is_told_so() {
    let cluster = Cluster::of(1).await;
    let config = ClientConfig { cluster: Some(ClusterId(0xF0)), ..ClientConfig::default() };
    let stranger = cluster.client_with(vec![cluster.address(0).to_owned()], config);
    let why = Reason::TurnedAway(Reject::WrongCluster);
    assert_eq!(stranger.get("a").await, Err(CallError::NotApplied(why)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_ends_in_time_when_there_is_no_quorum() {
    let mut cluster = Cluster::of(3).await;
    let store = cluster.client();
    store.put("a", "1").await.unwrap();
    for at in 0..2 {
        assert_eq!(cluster.stop(at).await, Ended::Stopped);
    }
    let hasty = KvClient::new(store.client().with_timeout(Duration::from_millis(500)));
    let before = std::time::Instant::now();
    assert!(hasty.put("a", "2").await.is_err());
    assert!(matches!(hasty.get("a").await, Err(CallError::NotApplied(_))));
    assert!(before.elapsed() < Duration::from_secs(3), "{:?}", before.elapsed());

    let only = cluster.client_of(2).reading(Consistency::Stale);
    assert!(only.get("a").await.unwrap().is_some(), "what it has, it tells");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_tells_how_it_sees_the_cluster() {
    let cluster = Cluster::of(3).await;
    let (store, leader) = (cluster.client(), cluster.leader().await);
    for at in 0..3 {
        let status = store.status_of(cluster.address(at)).await.unwrap();
        assert_eq!((status.id, status.leader), (id(at), Some(id(leader))));
    }
}

/// Adds 1 to one key, again and again; every one of them is answered.
fn add_in_parallel(store: &KvClient, adders: u32, times: u32) -> JoinSet<()> {
    let mut running = JoinSet::new();
    for _ in 0..adders {
        let store = store.clone();
        running.spawn(async move {
            for _ in 0..times {
                store.increment("sum", 1).await.unwrap();
            }
        });
    }
    running
}

async fn finish(mut running: JoinSet<()>) {
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}

/// What a client is told of its session: connected, suspended while nobody is there, expired once it is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_knows_how_its_session_stands() {
    let mut cluster = Cluster::of(1).await;
    let config =
        ClientConfig { keep_alive_interval: Duration::from_millis(50), ..ClientConfig::default() };
    let store = cluster.client_with(vec![cluster.address(0).to_owned()], config);
    let mut client = store.client().clone();
    assert_eq!(client.standing(), Standing::Unopened);
    store.put("a", "1").await.unwrap();
    let Standing::Connected(session) = client.standing_changed().await else { panic!("connected") };
    cluster.kill(0).await;
    assert_eq!(client.standing_changed().await, Standing::Suspended(session));
    cluster.restart(0).await;
    assert_eq!(client.standing_changed().await, Standing::Connected(session), "it outlived that");

    let last_active = Index(u64::MAX);
    let expire = Envelope::ExpireSession { session, last_active }.encode();
    cluster.caller(None).call(Ask::Repeatable(expire), None).await.unwrap();
    loop {
        match client.standing_changed().await {
            Standing::Expired(over) => break assert_eq!(over, session),
            // Signs of life may be late.
            Standing::Suspended(_) | Standing::Connected(_) => {}
            Standing::Unopened => panic!("it was open"),
        }
    }
    store.put("a", "2").await.unwrap();
    patiently(|| async {
        matches!(client.standing(), Standing::Connected(next) if next != session).then_some(())
    })
    .await;
}
