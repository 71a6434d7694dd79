//! A machine of a user's own, on real servers: what it says of time, events and those who left.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use quorate_core::node::NodeConfig;
use quorate_io_tokio::Ended;
use quorate_io_tokio::client::{Client, KvClient, NoSuchClient, NotRegistered};
use quorate_sm::{
    Applier, Kv, Level, MachineId, Notice, SessionId, SessionLimits, Subscription, TimerId, machine,
};
use serde::{Deserialize, Serialize};

use crate::support::{Cluster, PATIENCE, patiently};

/// Who is in which room.
#[machine]
trait Rooms {
    /// Enters a room, for a while; says how many are in it.
    fn enter(&mut self, cx: &mut RoomsCx, room: String, guest: String, stay: Duration) -> u64;
    /// Has the door held open until the client is gone.
    fn hold(&mut self, cx: &mut RoomsCx, room: String);
    #[timer]
    fn leave(&mut self, cx: &mut RoomsCx, room: String, guest: String);
    #[session_ended]
    fn gone(&mut self, cx: &mut RoomsCx, session: SessionId);
    /// Who is in a room.
    #[read(Sequential)]
    fn guests(&self, room: String) -> Vec<String>;
    /// Somebody came or went.
    fn moved(room: String) -> Move;
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Move {
    Came(String),
    Left(String),
    DoorClosed,
}

#[derive(Default, Serialize, Deserialize)]
struct House {
    guests: BTreeMap<(String, String), TimerId>,
    doors: BTreeMap<SessionId, String>,
}

impl Rooms for House {
    fn enter(&mut self, cx: &mut RoomsCx, room: String, guest: String, stay: Duration) -> u64 {
        let timer = cx.leave_after(stay, room.clone(), guest.clone());
        cx.emit_moved(&room, Move::Came(guest.clone()));
        if let Some(earlier) = self.guests.insert((room.clone(), guest), timer) {
            cx.cancel(earlier);
        }
        self.guests(room).len() as u64
    }

    fn hold(&mut self, cx: &mut RoomsCx, room: String) {
        self.doors.extend(cx.session().map(|session| (session, room)));
    }

    fn leave(&mut self, cx: &mut RoomsCx, room: String, guest: String) {
        self.guests.remove(&(room.clone(), guest.clone()));
        cx.emit_moved(room, Move::Left(guest));
    }

    fn gone(&mut self, cx: &mut RoomsCx, session: SessionId) {
        if let Some(room) = self.doors.remove(&session) {
            cx.emit_moved(room, Move::DoorClosed);
        }
    }

    fn guests(&self, room: String) -> Vec<String> {
        let here = self.guests.keys().filter(|key| key.0 == room);
        here.map(|key| key.1.clone()).collect()
    }
}

/// The same name, and operations that the servers do not have.
mod other {
    use quorate_sm::machine;

    #[machine]
    pub(super) trait Rooms {
        fn enter(&mut self, cx: &mut RoomsCx, room: String) -> u64;
    }
}

fn two_machines() -> Applier {
    Applier::new(Kv::default(), SessionLimits::default()).with(
        MachineId(7),
        "rooms",
        RoomsMachine(House::default()),
    )
}

fn tune(config: &mut NodeConfig) {
    config.snapshot_entries = 50;
}

async fn rooms(client: &Client) -> RoomsClient<Client> {
    client.machine("rooms").await.expect("it is there")
}

async fn next(moves: &mut Subscription<Move, Client>) -> Notice<Move> {
    let next = tokio::time::timeout(PATIENCE, moves.next()).await;
    next.expect("it happens").expect("nothing is lost")
}

const LONG: Duration = Duration::from_secs(3600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_listens_anywhere_hears_of_everything_once_and_in_order() {
    let mut cluster = Cluster::with_machines(3, tune, two_machines).await;
    let leader = cluster.leader().await;
    let client = cluster.caller(None);
    let house = rooms(&client).await;
    let listeners = [0, 1, 2].map(|at| cluster.caller(Some(at)));
    let mut heard = Vec::new();
    for listener in &listeners {
        heard.push(rooms(listener).await.moved("hall").await.unwrap());
    }
    let mut by_all = house.moved("hall").await.unwrap();
    // More than a snapshot takes, and a leader dies on the way.
    for guest in 0..150 {
        if guest == 60 {
            cluster.kill(leader).await;
        }
        if guest == 110 {
            cluster.restart(leader).await;
        }
        house.enter("hall", guest.to_string(), LONG).await.unwrap();
        house.enter("attic", "ghost", LONG).await.unwrap();
    }
    for moves in heard.iter_mut().chain([&mut by_all]) {
        let mut last = None;
        for guest in 0..150 {
            let notice = next(moves).await;
            assert_eq!(notice.event, Move::Came(guest.to_string()));
            assert!(last < Some(notice.resume));
            last = Some(notice.resume);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_leaves_in_time_and_not_before_whoever_leads() {
    let mut cluster = Cluster::with_machines(3, tune, two_machines).await;
    let leader = cluster.leader().await;
    let client = cluster.caller(None);
    let house = rooms(&client).await;
    let mut moves = house.moved("hall").await.unwrap();
    let stay = Duration::from_millis(400);
    let since = Instant::now();
    assert_eq!(house.enter("hall", "short", stay).await, Ok(1));
    assert_eq!(house.enter("hall", "long", LONG).await, Ok(2));
    for _ in 0..2 {
        next(&mut moves).await;
    }
    assert_eq!(next(&mut moves).await.event, Move::Left("short".to_owned()));
    // Up to the resolution of the log's time, and what clocks of one machine differ by.
    assert!(since.elapsed() >= stay - Duration::from_millis(10), "{:?}", since.elapsed());

    assert_eq!(house.enter("hall", "next", stay).await, Ok(2));
    assert_eq!(next(&mut moves).await.event, Move::Came("next".to_owned()));
    cluster.kill(leader).await;
    assert_eq!(next(&mut moves).await.event, Move::Left("next".to_owned()));
    assert_eq!(house.guests("hall").await.unwrap(), ["long"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_has_seen_it_sees_at_every_server() {
    let cluster = Cluster::with_machines(3, tune, two_machines).await;
    for at in 0..3 {
        let client = cluster.caller(Some(at));
        let house = rooms(&client).await;
        for guest in 0..20 {
            house.enter(at.to_string(), guest.to_string(), LONG).await.unwrap();
            // By the level of the query itself: any server may answer.
            assert_eq!(house.guests(at.to_string()).await.unwrap().len(), guest + 1);
        }
        let view = house.at(Level::Linearizable).guests(at.to_string()).await.unwrap();
        assert_eq!(view.value.len(), 20);
        assert_eq!(view.age, None);
        let level = Level::Bounded(Duration::from_secs(5));
        let bounded = house.at(level).guests(at.to_string()).await.unwrap();
        let again = house.at(level).guests(at.to_string()).await.unwrap();
        assert_eq!((bounded.age, &bounded.value), (Some(Duration::ZERO), &view.value));
        assert!(again.age > Some(Duration::ZERO), "nobody was asked");
        let stale = house.at(Level::Stale).guests(at.to_string()).await.unwrap();
        assert!(stale.index <= view.index.next());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_says_good_bye_holds_nothing() {
    let cluster = Cluster::with_machines(3, tune, two_machines).await;
    let (guest, other) = (cluster.caller(None), cluster.caller(None));
    let mut moves = rooms(&other).await.moved("hall").await.unwrap();
    let house = rooms(&guest).await;
    house.hold("hall").await.unwrap();
    drop(house);
    guest.close().await;
    assert_eq!(next(&mut moves).await.event, Move::DoorClosed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_is_not_there_or_another_is_told_at_once() {
    let cluster = Cluster::with_machines(1, tune, two_machines).await;
    let client = cluster.caller(None);
    let Err(error) = client.machine::<RoomsClient<_>>("room").await else { panic!() };
    assert!(matches!(error, NoSuchClient::NoMachine { .. }), "{error}");
    let Err(error) = client.machine::<other::RoomsClient<_>>("rooms").await else { panic!() };
    let text = error.to_string();
    assert!(text.contains("`command 0 enter(room: String) -> u64`"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_of_a_command_is_told_to_who_has_its_answer_by_any_server() {
    let cluster = Cluster::with_machines(3, tune, two_machines).await;
    for at in 0..3 {
        let client = cluster.caller(Some(at));
        let house = rooms(&client).await;
        let mut moves = house.moved("hall").await.unwrap();
        for guest in 0..50 {
            house.enter("hall", guest.to_string(), LONG).await.unwrap();
            let notice = moves.next_seen().await.unwrap().expect("it was answered");
            assert_eq!(notice.event, Move::Came(guest.to_string()));
            assert_eq!(moves.next_seen().await.unwrap(), None);
        }
    }
}

/// A subscription that is dropped leaves nothing behind at the server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_listens_no_longer_costs_nothing() {
    let cluster = Cluster::with_machines(1, tune, two_machines).await;
    let client = cluster.caller(None);
    let house = rooms(&client).await;
    let mut moves = house.moved("hall").await.unwrap();
    let waiting = tokio::spawn(async move { moves.next().await.map(|notice| notice.event) });
    patiently(|| async { (cluster.status(0).await.watches == 1).then_some(()) }).await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    patiently(|| async { (cluster.status(0).await.watches == 0).then_some(()) }).await;
    house.enter("hall", "a", LONG).await.unwrap();
}

/// The program before there were rooms, in a group whose log has grown by then.
fn one_machine() -> Applier {
    Applier::new(Kv::default(), SessionLimits::default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_comes_to_a_group_whose_programs_change_one_by_one() {
    let mut cluster = Cluster::with_machines(3, tune, one_machine).await;
    let client = cluster.caller(None);
    let kv = KvClient::new(client.clone());
    for _ in 0..1100 {
        kv.increment("n", 1).await.unwrap();
    }
    cluster.machines = two_machines;
    for at in 0..3 {
        let lacking = client.register("rooms").await.unwrap_err();
        assert!(matches!(lacking, NotRegistered::Lacks { .. }), "{lacking}");
        let Err(error) = client.machine::<RoomsClient<_>>("rooms").await else { panic!() };
        assert!(matches!(error, NoSuchClient::NoMachine { .. }), "{error}");
        assert_eq!(cluster.stop(at).await, Ended::Stopped);
        let deaf = client.register("rooms").await.unwrap_err();
        assert!(matches!(deaf, NotRegistered::CannotAsk { .. } | NotRegistered::Lacks { .. }));
        cluster.restart(at).await;
        kv.increment("n", 1).await.unwrap();
    }
    assert_eq!(client.register("rooms").await, Ok(MachineId(7)));
    assert_eq!(client.register("rooms").await, Ok(MachineId(7)), "again, to no effect");
    let house = rooms(&client).await;
    assert_eq!(house.enter("hall", "first", LONG).await, Ok(1));
    assert_eq!(kv.increment("n", 1).await.unwrap(), 1104);

    // Whoever comes back with the old program is told so, and the others go on.
    let old = cluster.stop(2).await;
    assert_eq!(old, Ended::Stopped);
    assert_eq!(house.enter("hall", "second", LONG).await, Ok(2));
    cluster.machines = one_machine;
    let ended = cluster.unfit(2).await;
    assert!(ended.contains("machine 7") && ended.contains("rooms"), "{ended}");
    cluster.machines = two_machines;
    cluster.restart(2).await;
    let on_it = cluster.caller(Some(2));
    assert_eq!(
        rooms(&on_it).await.at(Level::Linearizable).guests("hall").await.unwrap().value.len(),
        2
    );
}
