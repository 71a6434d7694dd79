//! The key-value store: what clients do with several keys, for a while, and what they are told.

use std::time::Duration;

use quorate_io_tokio::client::{Changes, KvError};
use quorate_sm::kv::{Change, Expected, Refused, TRANSACTION_MAX, Transaction, Write};
use quorate_sm::{Filter, Notice, Position, Since};

use crate::support::{Cluster, PATIENCE};

async fn next(changes: &mut Changes) -> Notice<Change> {
    let next = tokio::time::timeout(PATIENCE, changes.next()).await;
    next.expect("it happens").expect("nothing is lost")
}

fn put(key: &'static str, value: &'static str) -> Write {
    Write::Put { key: key.into(), value: value.into(), ttl: None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_keys_change_at_once_or_others_do() {
    let cluster = Cluster::of(3).await;
    let kv = cluster.client();
    let swap = |from: &'static str| Transaction {
        conditions: vec![("owner".into(), Expected::Value(from.into()))],
        then: vec![put("owner", "you"), Write::Delete { key: "spare".into() }],
        otherwise: vec![put("owner", "me"), put("spare", "1")],
    };
    assert_eq!(kv.transact(swap("me")).await, Ok((false, vec![None, None])));
    let both = || vec!["owner".into(), "spare".into(), "none".into()];
    let found = kv.get_all(both()).await.unwrap();
    let version = found[0].as_ref().unwrap().version;
    assert_eq!(found[1].as_ref().unwrap().version, version, "one transaction, one version");
    assert_eq!(found[2], None);
    let previous = vec![Some(version); 2];
    assert_eq!(kv.transact(swap("me")).await, Ok((true, previous)));
    let found = kv.get_all(both()).await.unwrap();
    assert_eq!((found[0].as_ref().unwrap().value.as_ref(), &found[1]), (&b"you"[..], &None));

    let conditions = vec![("k".into(), Expected::Absent); TRANSACTION_MAX + 1];
    let many = Transaction { conditions, ..Transaction::default() };
    let refused = kv.transact(many).await.unwrap_err();
    assert!(matches!(refused, KvError::Refused(Refused::TooMany { .. })), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_watches_is_told_of_every_change_whoever_leads() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let kv = cluster.client();
    let mut one = kv.watch("a/1").await.unwrap();
    let mut all = kv.watch_prefix("a/").await.unwrap();
    kv.put("a/1", "x").await.unwrap();
    kv.put("b", "-").await.unwrap();
    let ttl = Duration::from_millis(200);
    let version = kv.put_for("a/2", "y", ttl).await.unwrap();
    cluster.kill(leader).await;
    kv.delete("a/1").await.unwrap();

    assert_eq!(next(&mut one).await.event, Change::Put { value: "x".into() });
    assert_eq!(next(&mut one).await.event, Change::Deleted);
    let mut told = Vec::new();
    for _ in 0..4 {
        let notice = next(&mut all).await;
        told.push((notice.topic, notice.event, notice.index));
    }
    let of = |key: &str| -> Vec<_> {
        told.iter().filter(|it| it.0 == key).map(|it| it.1.clone()).collect()
    };
    assert_eq!(of("a/1"), [Change::Put { value: "x".into() }, Change::Deleted]);
    assert_eq!(of("a/2"), [Change::Put { value: "y".into() }, Change::Expired]);
    assert!(told.iter().any(|it| it.0 == "a/2" && it.2 == version), "an entry is a version");
    assert_eq!(kv.get("a/2").await, Ok(None));

    // Whoever comes later goes on where another was.
    let mut again = kv.changes(Filter::Topic("a/2".into()), Since::Position(Position::START));
    assert_eq!(next(&mut again).await.index, version);
    assert_eq!(next(&mut again).await.event, Change::Expired);
}
