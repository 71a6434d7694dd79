//! Snapshots of real servers, in real files.

use quorate_core::Index;
use quorate_core::node::NodeConfig;
use quorate_core::wire::Consistency;

use crate::support::{Cluster, patiently};

fn often(config: &mut NodeConfig) {
    config.snapshot_entries = 50;
    config.snapshot_piece_bytes = 1 << 10;
    config.raft.retained_entries_max = 0;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_missed_much_is_brought_up_to_date_by_a_snapshot() {
    let mut cluster = Cluster::tuned(3, often).await;
    let store = cluster.client();
    store.put("first", "1").await.unwrap();
    let leader = cluster.leader().await;
    let away = (leader + 1) % 3;
    cluster.kill(away).await;
    for number in 0..200 {
        store.put(format!("key {number}"), vec![7; 100]).await.unwrap();
    }
    let missed = patiently(|| async {
        let status = cluster.status(cluster.leader().await).await;
        (status.log_start >= Index(150)).then_some(status.log_start)
    })
    .await;
    cluster.restart(away).await;
    patiently(|| async { (cluster.status(away).await.snapshot >= missed).then_some(()) }).await;
    let stale = cluster.client_of(away).reading(Consistency::Stale);
    patiently(|| async { stale.get("key 199").await.unwrap() }).await;
    assert_eq!(&stale.get("first").await.unwrap().expect("from the snapshot").value[..], b"1");
    assert!(cluster.status(away).await.log_start >= missed, "it never had the entries before");
    // It goes on from there: with the others gone but one, its vote and its disk count.
    cluster.kill(leader).await;
    store.put("last", "2").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_whose_logs_have_forgotten_starts_from_its_snapshots() {
    let mut cluster = Cluster::tuned(3, often).await;
    let store = cluster.client();
    for number in 0..120 {
        store.increment("sum", number).await.unwrap();
    }
    for at in 0..3 {
        patiently(|| async { (cluster.status(at).await.log_start >= Index(100)).then_some(()) })
            .await;
    }
    for at in 0..3 {
        cluster.kill(at).await;
    }
    for at in 0..3 {
        cluster.restart(at).await;
    }
    assert_eq!(store.increment("sum", 0).await, Ok(119 * 120 / 2), "nothing twice, nothing lost");
}
