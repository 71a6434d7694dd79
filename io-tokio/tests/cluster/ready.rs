//! The machines that are ready, as clients use them: who waits, for whom, and what becomes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quorate_io_tokio::client::{Ask, Client};
use quorate_machines::barriers::{
    BarrierError, BarriersClient, BarriersMachine, Gates, NotArrived,
};
use quorate_machines::elections::{Ballots, ElectionsClient, ElectionsMachine, Standing};
use quorate_machines::locks::{LockError, LockTable, LocksClient, LocksMachine, NotAcquired};
use quorate_machines::queues::{Lines, QueuesClient, QueuesMachine};
use quorate_sm::{Applier, Envelope, Index, MachineId, SessionId, SessionLimits};

use crate::support::{Cluster, PATIENCE, patiently};

fn machines() -> Applier {
    Applier::without_machines(SessionLimits::default())
        .with(MachineId(1), "locks", LocksMachine(LockTable::default()))
        .with(MachineId(2), "barriers", BarriersMachine(Gates::default()))
        .with(MachineId(3), "elections", ElectionsMachine(Ballots::default()))
        .with(MachineId(4), "queues", QueuesMachine(Lines::default()))
}

async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it happens")
}

async fn locks(client: &Client) -> LocksClient<Client> {
    client.machine("locks").await.expect("it is there")
}

/// Ends a session as a leader does that has not heard of its client for too long.
async fn expire(cluster: &Cluster, session: SessionId) {
    let last_active = Index(u64::MAX);
    let expire = Envelope::ExpireSession { session, last_active }.encode();
    cluster.caller(None).call(Ask::Repeatable(expire), None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_holds_a_lock_at_a_time_whoever_leads() {
    let mut cluster = Cluster::with_machines(3, |_| {}, machines).await;
    let leader = cluster.leader().await;
    let inside = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let (client, inside) = (cluster.caller(None), Arc::clone(&inside));
        tasks.push(tokio::spawn(async move {
            let locks = locks(&client).await;
            let mut fences = Vec::new();
            for _ in 0..5 {
                let held = locks.lock("report").await.expect("its turn comes");
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "nobody else is inside");
                fences.push(held.holder.fence);
                tokio::task::yield_now().await;
                inside.fetch_sub(1, Ordering::SeqCst);
                assert_eq!(held.release().await, Ok(true));
            }
            fences
        }));
    }
    cluster.kill(leader).await;
    let mut fences = Vec::new();
    for task in tasks {
        let own = in_time(task).await.expect("it holds");
        assert!(own.is_sorted());
        fences.extend(own);
    }
    fences.sort_unstable();
    assert_eq!(fences, (1..=20).collect::<Vec<u64>>(), "no token twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_lost_its_session_lost_the_lock_and_is_told() {
    let cluster = Cluster::with_machines(1, |_| {}, machines).await;
    let (one, other) = (cluster.caller(None), cluster.caller(None));
    let mut held = locks(&one).await.lock("a").await.unwrap();
    let next = locks(&other).await;
    let waiting = tokio::spawn(async move { next.lock("a").await.map(|held| held.holder) });
    let holds = locks(&one).await;
    patiently(|| async { (holds.waiting("a").await == Ok(1)).then_some(()) }).await;
    expire(&cluster, held.holder.session).await;
    in_time(held.lost()).await.unwrap();
    let holder = in_time(waiting).await.unwrap().unwrap();
    assert!(holder.fence > held.holder.fence);
    assert_eq!(held.release().await, Ok(false), "it is another's");

    // One that waits and loses its session waits again in the next one.
    let again = tokio::spawn(async move { holds.lock("a").await.map(|held| held.holder) });
    let look = locks(&cluster.caller(None)).await;
    let waits = || async { (look.waiting("a").await == Ok(1)).then_some(()) };
    patiently(waits).await;
    let stands = one.standing();
    let quorate_io_tokio::client::Standing::Connected(session) = stands else {
        panic!("{stands:?}")
    };
    expire(&cluster, session).await;
    patiently(waits).await;
    assert_eq!(locks(&other).await.release("a").await, Ok(true));
    let holder = in_time(again).await.unwrap().unwrap();
    assert_ne!(holder.session, session);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_semaphore_has_so_many_permits() {
    let cluster = Cluster::with_machines(1, |_| {}, machines).await;
    let clients = [cluster.caller(None), cluster.caller(None), cluster.caller(None)];
    let first = locks(&clients[0]).await.permit("pool", 2).await.unwrap();
    let second = locks(&clients[1]).await.permit("pool", 2).await.unwrap();
    let third = locks(&clients[2]).await;
    let refused = third.lock("pool").await.unwrap_err();
    let permits = NotAcquired::OtherPermits { permits: 2 };
    assert_eq!(refused, LockError::Refused(permits), "others use it otherwise");
    let waiting = tokio::spawn(async move { third.permit("pool", 2).await.map(|it| it.holder) });
    let look = locks(&clients[0]).await;
    patiently(|| async { (look.waiting("pool").await == Ok(1)).then_some(()) }).await;
    assert_eq!(first.release().await, Ok(true));
    let holder = in_time(waiting).await.unwrap().unwrap();
    assert!(holder.fence > second.holder.fence);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_barrier_opens_for_all_at_once_and_again() {
    let cluster = Cluster::with_machines(1, |_| {}, machines).await;
    let arrived = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    for _ in 0..3 {
        let (client, arrived) = (cluster.caller(None), Arc::clone(&arrived));
        tasks.push(tokio::spawn(async move {
            let barriers: BarriersClient<_> = client.machine("barriers").await.unwrap();
            for round in 1..=4 {
                arrived.fetch_add(1, Ordering::SeqCst);
                barriers.wait("start", 3).await.unwrap();
                assert!(arrived.load(Ordering::SeqCst) >= round * 3, "all have arrived");
            }
        }));
    }
    for task in tasks {
        in_time(task).await.unwrap();
    }
    let client = cluster.caller(None);
    let barriers: BarriersClient<_> = client.machine("barriers").await.unwrap();
    let alone = barriers.clone();
    let waiting = tokio::spawn(async move { alone.wait("end", 2).await });
    patiently(|| async { (barriers.waiting("end").await == Ok(1)).then_some(()) }).await;
    let refused = barriers.wait("end", 3).await.unwrap_err();
    assert_eq!(refused, BarrierError::Refused(NotArrived::OtherParties { parties: 2 }));
    // Its session ends while it waits: it arrives again in the next one.
    let session = barriers.arrive("end", 2).await.unwrap().unwrap().session;
    expire(&cluster, session).await;
    let other = cluster.caller(None);
    let others: BarriersClient<_> = other.machine("barriers").await.unwrap();
    patiently(|| async { (others.waiting("end").await == Ok(1)).then_some(()) }).await;
    in_time(others.wait("end", 2)).await.unwrap();
    in_time(waiting).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_candidate_leads_when_the_first_is_gone() {
    let cluster = Cluster::with_machines(1, |_| {}, machines).await;
    let clients = [cluster.caller(None), cluster.caller(None)];
    let mut stands = Vec::new();
    for client in &clients {
        stands.push(client.machine::<ElectionsClient<_>>("elections").await.unwrap());
    }
    let mut elected = stands[1].elected("chair").await.unwrap();
    let led = stands[0].stand("chair", "ada").await.unwrap();
    assert_eq!(led, Ok(Standing::Leads { epoch: 1 }));
    let waits = stands[1].stand("chair", "grace").await.unwrap();
    assert_eq!(waits, Ok(Standing::Waits { ahead: 1 }));
    assert_eq!(in_time(elected.next()).await.unwrap().event.unwrap().candidate, "ada");
    let [first, _second] = clients;
    stands.remove(0);
    first.close().await;
    let leader = in_time(elected.next()).await.unwrap().event.unwrap();
    assert_eq!((&leader.candidate[..], leader.epoch), ("grace", 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_nobody_finishes_comes_back() {
    let cluster = Cluster::with_machines(1, |_| {}, machines).await;
    let client = cluster.caller(None);
    let queues: QueuesClient<_> = client.machine("queues").await.unwrap();
    let mut ready = queues.ready("mail").await.unwrap();
    let number = queues.push("mail", "hello").await.unwrap().unwrap();
    assert_eq!(in_time(ready.next()).await.unwrap().event, number);
    let first = queues.take("mail", Duration::from_millis(100)).await.unwrap().unwrap();
    assert_eq!(queues.take("mail", Duration::from_secs(9)).await, Ok(None));
    assert_eq!(in_time(ready.next()).await.unwrap().event, number, "it was not done in time");
    let second = queues.take("mail", Duration::from_secs(9)).await.unwrap().unwrap();
    assert_eq!((second.number, second.retries), (number, 1));
    assert_eq!(queues.done("mail", number, first.attempt).await, Ok(false));
    assert_eq!(queues.done("mail", number, second.attempt).await, Ok(true));
}
