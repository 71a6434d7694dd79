//! What servers offer beside the log, called over real sockets and within the process.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quorate_core::wire::{NotApplied, Unknown};
use quorate_core::{ClusterId, NodeId};
use quorate_io_tokio::client::{CallError, Client, ClientConfig, Doubt, Reason};
use quorate_io_tokio::{RealEnv, Server, init};
use quorate_sm::{Applier, Kv, SessionLimits, service};
use tokio::sync::Notify;

use crate::support::patiently;

/// What the tests call.
#[service]
trait Desk {
    /// Who is asked.
    async fn name(&self) -> String;
    /// Adds up.
    async fn sum(&self, numbers: Vec<u64>, service: u64) -> Option<u64>;
    /// Takes its time.
    async fn after(&self, span: Duration) -> u64;
    /// Waits until the test says so.
    async fn held(&self);
    /// Comes to no good end.
    async fn fail(&self);
    /// So many bytes.
    async fn bytes(&self, count: u64) -> bytes::Bytes;
}

#[derive(Default)]
struct Counts {
    begun: AtomicU64,
    dropped: AtomicU64,
    go: Notify,
}

struct Clerk {
    name: String,
    counts: Arc<Counts>,
}

/// Counts what ends, however it does.
struct Ending(Arc<Counts>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

impl Desk for Clerk {
    async fn name(&self) -> String {
        self.name.clone()
    }

    async fn sum(&self, numbers: Vec<u64>, service: u64) -> Option<u64> {
        numbers.into_iter().try_fold(service, u64::checked_add)
    }

    async fn after(&self, span: Duration) -> u64 {
        tokio::time::sleep(span).await;
        7
    }

    async fn held(&self) {
        self.counts.begun.fetch_add(1, Ordering::SeqCst);
        let _ending = Ending(Arc::clone(&self.counts));
        self.counts.go.notified().await;
    }

    async fn fail(&self) {
        self.counts.begun.fetch_add(1, Ordering::SeqCst);
        panic!("the clerk faints");
    }

    async fn bytes(&self, count: u64) -> bytes::Bytes {
        vec![7; usize::try_from(count).unwrap()].into()
    }
}

/// A clerk of an earlier day.
mod earlier {
    #[quorate_sm::service]
    pub(super) trait Desk {
        async fn sum(&self, numbers: Vec<u32>, service: u64) -> Option<u64>;
        async fn closing_time(&self) -> u64;
    }
}

/// Two servers, and what they offer: `desk` on both, and `annex` on the second.
struct Office {
    servers: Vec<Server>,
    counts: Vec<Arc<Counts>>,
    directory: PathBuf,
}

impl Office {
    async fn open() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("quorate-services-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        let (mut bound, mut counts) = (Vec::new(), Vec::new());
        for id in 1..=2 {
            let id = NodeId::new(id).unwrap();
            let own = Arc::new(Counts::default());
            let clerk = |name: String| DeskService::new(Clerk { name, counts: Arc::clone(&own) });
            let server = Server::bind("127.0.0.1:0").await.unwrap();
            let server = server.offering("desk", clerk(format!("desk {id}")));
            bound.push((
                id,
                match id.get() {
                    2 => server.offering("annex", clerk("annex".to_owned())),
                    _ => server,
                },
            ));
            counts.push(own);
        }
        let members: Vec<_> =
            bound.iter().map(|(id, server)| (*id, server.address().clone())).collect();
        let mut servers = Vec::new();
        for (id, server) in bound {
            let path = directory.join(id.to_string());
            init(&path, ClusterId::named("office"), id, members.clone()).unwrap();
            let machines = Applier::new(Kv::default(), SessionLimits::default());
            servers.push(server.serve(&path, machines, |_| {}).await.unwrap());
        }
        Self { servers, counts, directory }
    }

    /// A client from outside, that was told of the first server.
    fn outside(&self) -> Client {
        let address = self.servers[0].address().to_string();
        Client::connect(RealEnv::new(), vec![address], ClientConfig::default())
    }

    fn desk(&self, client: &Client, at: usize, name: &str) -> DeskClient {
        client.service_at(self.servers[at].address().as_str(), name)
    }

    async fn close(self) {
        for server in self.servers {
            server.stop().await;
        }
        std::fs::remove_dir_all(self.directory).unwrap();
    }
}

fn refused(why: NotApplied) -> CallError {
    CallError::NotApplied(Reason::Refused(why))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_server_answers_for_itself_under_each_name_on_its_one_port() {
    let office = Office::open().await;
    let client = office.outside();
    assert_eq!(office.desk(&client, 0, "desk").name().await, Ok("desk 1".to_owned()));
    assert_eq!(office.desk(&client, 1, "desk").name().await, Ok("desk 2".to_owned()));
    assert_eq!(office.desk(&client, 1, "annex").name().await, Ok("annex".to_owned()));
    let nobody = office.desk(&client, 0, "annex").name().await;
    assert_eq!(nobody, Err(refused(NotApplied::NotOffered)));
    let any: DeskClient = client.service("desk");
    assert!(any.name().await.unwrap().starts_with("desk"));
    // Arguments and answers of all shapes; an argument may be called as it likes.
    let desk = office.desk(&client, 1, "desk");
    assert_eq!(desk.sum([1, 2, 3], 4).await, Ok(Some(10)));
    assert_eq!(desk.sum([u64::MAX], 1).await, Ok(None));
    office.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_declared_otherwise_is_never_taken_for_the_same() {
    let office = Office::open().await;
    let address = office.servers[0].address().to_string();
    let earlier: earlier::DeskClient = office.outside().service_at(&address, "desk");
    assert_eq!(earlier.sum([1], 2).await, Err(refused(NotApplied::NotOffered)));
    assert_eq!(earlier.closing_time().await, Err(refused(NotApplied::NotOffered)));
    office.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn within_the_process_the_service_itself_is_called() {
    let office = Office::open().await;
    let inside = office.servers[1].client();
    let here = office.desk(&inside, 1, "annex");
    assert_eq!(format!("{here:?}"), "DeskClient { reach: Here }");
    assert_eq!(here.name().await, Ok("annex".to_owned()));
    let there = office.desk(&inside, 0, "desk");
    assert_eq!(format!("{there:?}"), "DeskClient { reach: There }");
    assert_eq!(there.name().await, Ok("desk 1".to_owned()));
    let nearest: DeskClient = inside.service("desk");
    assert_eq!(nearest.name().await, Ok("desk 2".to_owned()));
    // No frame is as long as this answer.
    assert_eq!(nearest.bytes(9 << 20).await.map(|bytes| bytes.len()), Ok(9 << 20));
    // Under this name there is something else.
    let other: earlier::DeskClient =
        inside.service_at(office.servers[1].address().as_str(), "annex");
    assert_eq!(format!("{other:?}"), "DeskClient { reach: There }");
    assert_eq!(other.closing_time().await, Err(refused(NotApplied::NotOffered)));
    office.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_is_in_doubt_and_the_server_goes_on() {
    let office = Office::open().await;
    let client = office.outside();
    let desk = office.desk(&client, 1, "desk");
    let doubt = CallError::Unknown(Doubt::Server(Unknown::NoAnswer));
    assert_eq!(desk.fail().await, Err(doubt.clone()));
    assert_eq!(office.counts[1].begun.load(Ordering::SeqCst), 1, "it was called once");
    assert_eq!(desk.bytes(8 << 20).await.unwrap_err(), doubt, "too long");
    assert_eq!(desk.bytes(7 << 20).await.map(|bytes| bytes.len()), Ok(7 << 20));
    office.close().await;
}

/// Longer than a client waits for a server that says nothing at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_may_take_its_time() {
    let office = Office::open().await;
    let client = office.outside();
    for at in 0..2 {
        let desk = office.desk(&client, at, "desk");
        assert_eq!(desk.after(Duration::from_millis(2500)).await, Ok(7));
    }
    office.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_works_for_a_caller_who_is_gone_or_has_waited_long_enough() {
    let office = Office::open().await;
    let counts = Arc::clone(&office.counts[1]);
    let dropped = || counts.dropped.load(Ordering::SeqCst);
    let client = office.outside();
    let hasty = client.with_timeout(Duration::from_millis(300));
    let waited = office.desk(&hasty, 1, "desk").held().await;
    assert!(matches!(waited, Err(CallError::Unknown(_))), "{waited:?}");
    patiently(|| async { (dropped() == 1).then_some(()) }).await;

    let desk = office.desk(&client, 1, "desk");
    let waiting = tokio::spawn(async move { desk.held().await });
    patiently(|| async { (counts.begun.load(Ordering::SeqCst) == 2).then_some(()) }).await;
    assert_eq!(office.servers[1].handle().status().await.unwrap().calls, 1);
    assert_eq!(dropped(), 1);
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    drop(hasty);
    client.close().await;
    patiently(|| async { (dropped() == 2).then_some(()) }).await;
    office.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_finishes_what_it_has_begun() {
    let mut office = Office::open().await;
    let client = office.outside();
    let desk = office.desk(&client, 1, "desk");
    let counts = Arc::clone(&office.counts[1]);
    let waiting = tokio::spawn(async move { desk.held().await });
    patiently(|| async { (counts.begun.load(Ordering::SeqCst) == 1).then_some(()) }).await;
    let server = office.servers.remove(1);
    server.handle().stop().await;
    let late: DeskClient = client.service_at(server.address().as_str(), "desk");
    let why = late.name().await.unwrap_err();
    assert!(matches!(why, CallError::NotApplied(_)), "{why:?}");
    counts.go.notify_waiters();
    assert_eq!(waiting.await.unwrap(), Ok(()));
    server.stop().await;
    office.close().await;
}
