//! What clients of the machines do by themselves: one replica, several sessions, and nothing happens but what the
//! test says.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use quorate_core::{Entries, Entry, Index, LogId, Payload, RequestId, Term};
use quorate_machines::barriers::{
    BarrierError, BarriersClient, BarriersMachine, Gates, NotArrived,
};
use quorate_machines::locks::{LockError, LockTable, LocksClient, LocksMachine, NotAcquired};
use quorate_sm::courier::{Answered, CallError, Reason};
use quorate_sm::{
    Applied, Applier, Caller, Envelope, Level, MachineId, Outcome, Read, Sequence, SessionId,
    SessionLimits, Stamp, TypedClient as _, Watch, Watched, client,
};

const LOCKS: MachineId = MachineId(1);
const BARRIERS: MachineId = MachineId(2);

/// A log of one replica.
#[derive(Clone)]
struct Board(Arc<Mutex<Inner>>);

struct Inner {
    applier: Applier,
    watches: u64,
    told: Vec<Read>,
}

/// A client of it, whose session ends and begins anew as the test likes.
#[derive(Clone)]
struct Guest {
    board: Board,
    stamp: Arc<Mutex<Stamp>>,
    /// What comes between what it does now and its next command.
    between: Arc<Mutex<Option<Between>>>,
}

type Between = Box<dyn FnOnce() + Send>;

impl Board {
    fn new() -> Self {
        let applier = Applier::without_machines(SessionLimits::default())
            .with(LOCKS, "locks", LocksMachine(LockTable::default()))
            .with(BARRIERS, "barriers", BarriersMachine(Gates::default()));
        let founding = applier.founding().expect("a new log");
        let board = Self(Arc::new(Mutex::new(Inner { applier, watches: 0, told: Vec::new() })));
        assert_eq!(board.say(&founding), Outcome::Done);
        board
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.0.lock().expect("one thread"))
    }

    fn say(&self, envelope: &Envelope<'_>) -> Outcome {
        self.with(|inner| {
            let index = inner.applier.last_applied().index.next();
            let id = LogId { term: Term(1), index };
            let run = Entries::new([Entry { id, payload: Payload::Command(envelope.encode()) }]);
            let mut applied = Applied::default();
            inner.applier.apply(&run.expect("a run"), &mut applied).expect("nothing is lacking");
            inner.told.extend(applied.reads);
            Outcome::decode(&applied.answers[0].outcome).expect("an outcome")
        })
    }

    fn guest(&self) -> Guest {
        let guest = Guest { board: self.clone(), stamp: Arc::default(), between: Arc::default() };
        guest.begin_anew();
        guest
    }

    fn applied(&self) -> Index {
        self.with(|inner| inner.applier.last_applied().index)
    }
}

impl Guest {
    fn begin_anew(&self) {
        let nonce = self.board.applied().0.into();
        let Outcome::Opened { session, .. } = self.board.say(&Envelope::OpenSession { nonce })
        else {
            panic!("a session")
        };
        *self.stamp.lock().expect("one thread") = Stamp { session, ..Stamp::default() };
    }

    fn session(&self) -> SessionId {
        self.stamp.lock().expect("one thread").session
    }

    /// The session ends, as that of a client that was not heard of, and another begins.
    fn expire(&self) {
        let session = self.session();
        self.board.say(&Envelope::ExpireSession { session, last_active: Index(u64::MAX) });
        self.begin_anew();
    }

    fn locks(&self) -> LocksClient<Self> {
        LocksClient::new(self.clone(), LOCKS)
    }

    fn barriers(&self) -> BarriersClient<Self> {
        BarriersClient::new(self.clone(), BARRIERS)
    }
}

impl Caller for Guest {
    async fn command(&self, machine: MachineId, command: Bytes) -> Result<Answered, CallError> {
        let between = self.between.lock().expect("one thread").take();
        if let Some(between) = between {
            between();
        }
        let stamp = {
            let mut stamp = self.stamp.lock().expect("one thread");
            stamp.sequence = Sequence(stamp.sequence.0 + 1);
            *stamp
        };
        let outcome = self.board.say(&Envelope::Apply { stamp, machine, command: &command });
        answered(outcome, self.board.applied())
    }

    async fn query(
        &self,
        machine: MachineId,
        _: Level,
        query: Bytes,
    ) -> Result<Answered, CallError> {
        let query = client::query_bytes(machine, &query);
        let outcome = self.board.with(|inner| inner.applier.query(&query));
        answered(Outcome::decode(&outcome).expect("an outcome"), self.board.applied())
    }

    async fn watch(&self, watch: Watch) -> Result<Watched, CallError> {
        let id = self.board.with(|inner| {
            inner.watches += 1;
            let (id, mut applied) = (RequestId(inner.watches), Applied::default());
            inner.applier.watch(id, &client::watch(&watch), &mut applied);
            inner.told.extend(applied.reads);
            id
        });
        let outcome = std::future::poll_fn(|_| {
            self.board.with(|inner| match inner.told.iter().position(|told| told.id == id) {
                Some(at) => Poll::Ready(inner.told.remove(at).outcome),
                None => Poll::Pending,
            })
        });
        Ok(client::watched(&outcome.await).expect("events"))
    }

    fn seen(&self) -> Index {
        self.board.applied()
    }

    async fn latest(&self) -> Result<Index, CallError> {
        Ok(self.board.applied())
    }
}

fn answered(outcome: Outcome, index: Index) -> Result<Answered, CallError> {
    match outcome {
        Outcome::Applied(answer) => Ok(Answered { index, answer, age: None }),
        Outcome::Rejected(why) => Err(CallError::NotApplied(Reason::Rejected(why))),
        other => panic!("{other:?}"),
    }
}

/// What has come of a future by now.
fn poll<T>(future: &mut Pin<&mut impl Future<Output = T>>) -> Option<T> {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// What comes of it at once.
fn now<T>(future: impl Future<Output = T>) -> T {
    poll(&mut pin!(future)).expect("at once")
}

#[test]
fn a_lock_goes_from_one_to_the_next() {
    let board = Board::new();
    let [ada, bob, cid] = [(); 3].map(|()| board.guest());
    let held = now(ada.locks().lock("a")).expect("it is free");
    assert_eq!((held.holder.session, held.holder.fence), (ada.session(), 1));
    let (bobs, cids) = (bob.locks(), cid.locks());
    let (mut bobs, mut cids) = (pin!(bobs.lock("a")), pin!(cids.lock("a")));
    assert!(poll(&mut bobs).is_none() && poll(&mut cids).is_none());
    assert_eq!(now(ada.locks().waiting("a")), Ok(2));
    let elsewhere = now(ada.locks().lock("b")).expect("it is free");
    assert!(poll(&mut bobs).is_none(), "that is another lock");
    assert_eq!(now(held.release()), Ok(true));
    let before = board.applied();
    assert!(poll(&mut cids).is_none(), "it is another's turn");
    assert_eq!(board.applied(), before, "that is no reason to ask");
    let held = poll(&mut bobs).expect("its turn has come").expect("it holds it");
    assert_eq!((held.holder.session, held.holder.fence), (bob.session(), 3));
    assert_eq!(now(held.release()), Ok(true));
    let held = poll(&mut cids).expect("its turn has come").expect("it holds it");
    assert_eq!(held.holder.session, cid.session());
    assert_eq!(now(cid.locks().release("a")), Ok(true));
    assert_eq!(now(held.release()), Ok(false), "it was released already");
    assert_eq!(now(elsewhere.release()), Ok(true));
}

#[test]
fn who_has_waited_in_a_session_that_ended_waits_again() {
    let board = Board::new();
    let [ada, bob] = [(); 2].map(|()| board.guest());
    let held = now(ada.locks().permit("a", 1)).expect("it is free");
    let bobs = bob.locks();
    let mut bobs = pin!(bobs.lock("a"));
    assert!(poll(&mut bobs).is_none());
    bob.expire();
    assert!(poll(&mut bobs).is_none());
    assert_eq!(now(ada.locks().waiting("a")), Ok(1), "in the line again");
    assert_eq!(now(held.release()), Ok(true));
    let held = poll(&mut bobs).expect("its turn has come").expect("it holds it");
    assert_eq!(held.holder.session, bob.session());
    let Err(refused) = now(ada.locks().permit("a", 2)) else { panic!("it is a lock") };
    assert_eq!(refused, LockError::Refused(NotAcquired::OtherPermits { permits: 1 }));
}

#[test]
fn whoever_loses_what_it_holds_is_told() {
    let board = Board::new();
    let [ada, bob, cid] = [(); 3].map(|()| board.guest());
    let mut adas = now(ada.locks().permit("a", 2)).expect("it is free");
    let bobs = now(bob.locks().permit("a", 2)).expect("one is left");
    let mut lost = pin!(adas.lost());
    assert!(poll(&mut lost).is_none());
    assert_eq!(now(bobs.release()), Ok(true));
    assert!(poll(&mut lost).is_none(), "another's");
    let cids = now(cid.locks().permit("a", 2)).expect("one is left");
    assert!(poll(&mut lost).is_none(), "another's");
    ada.expire();
    assert_eq!(poll(&mut lost), Some(Ok(())));
    assert_eq!(now(ada.locks().holders("a")), Ok(vec![cids.holder]));
    let mut cids = cids;
    cid.expire();
    assert_eq!(now(cids.lost()), Ok(()), "it was lost before anybody asked");
}

#[test]
fn a_barrier_opens_when_all_are_there_and_each_time_anew() {
    let board = Board::new();
    let [ada, bob] = [(); 2].map(|()| board.guest());
    let (adas, bobs) = (ada.barriers(), bob.barriers());
    for _ in 0..2 {
        let mut waits = pin!(adas.wait("a", 2));
        assert!(poll(&mut waits).is_none());
        // Others meet elsewhere.
        assert_eq!(now(bobs.wait("b", 1)), Ok(()));
        assert!(poll(&mut waits).is_none());
        assert_eq!(now(bobs.wait("a", 2)), Ok(()));
        assert_eq!(poll(&mut waits), Some(Ok(())));
    }
    let mut waits = pin!(adas.wait("a", 3));
    assert!(poll(&mut waits).is_none());
    let refused = now(bobs.wait("a", 2));
    assert_eq!(refused, Err(BarrierError::Refused(NotArrived::OtherParties { parties: 3 })));
}

#[test]
fn who_has_arrived_in_a_session_that_ended_arrives_again() {
    let board = Board::new();
    let [ada, bob, cid] = [(); 3].map(|()| board.guest());
    let (adas, bobs, cids) = (ada.barriers(), bob.barriers(), cid.barriers());
    let (mut adas_turn, mut bobs_turn) = (pin!(adas.wait("a", 3)), pin!(bobs.wait("a", 3)));
    assert!(poll(&mut adas_turn).is_none() && poll(&mut bobs_turn).is_none());
    ada.expire();
    assert_eq!(now(bobs.waiting("a")), Ok(1));
    let before = board.applied();
    assert!(poll(&mut bobs_turn).is_none(), "another has left");
    assert_eq!(board.applied(), before, "that is no reason to arrive again");
    assert!(poll(&mut adas_turn).is_none(), "it has arrived again");
    assert_eq!(now(bobs.waiting("a")), Ok(2));
    assert_eq!(now(cids.wait("a", 3)), Ok(()));
    assert_eq!((poll(&mut adas_turn), poll(&mut bobs_turn)), (Some(Ok(())), Some(Ok(()))));
}

/// One that opened before is not taken for this one.
#[test]
fn the_opening_of_an_earlier_generation_lets_nobody_pass() {
    let board = Board::new();
    let [ada, bob] = [(); 2].map(|()| board.guest());
    let (adas, bobs) = (ada.barriers(), bob.barriers());
    // It listens, and before it arrives a barrier of that name opens.
    let others = bob.barriers();
    let opens: Between = Box::new(move || assert_eq!(now(others.wait("a", 1)), Ok(())));
    *ada.between.lock().expect("one thread") = Some(opens);
    let mut waits = pin!(adas.wait("a", 2));
    assert!(poll(&mut waits).is_none());
    assert!(ada.between.lock().expect("one thread").is_none());
    assert_eq!(now(bobs.wait("a", 2)), Ok(()));
    assert_eq!(poll(&mut waits), Some(Ok(())));
}
