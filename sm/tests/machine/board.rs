//! What `#[machine]` makes of a trait, on one replica and without a clock: entries come from the test.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use quorate_core::{Entries, Entry, Index, LeaderTime, LogId, Payload, RequestId, System, Term};
use quorate_sm::courier::{Answered, CallError, Reason};
use quorate_sm::{
    Applied, Applier, Caller, Envelope, Level, Lost, MachineId, Outcome, Read, RestoreError,
    SessionId, SessionLimits, Stamp, Time, TypedClient, Unfit, Watch, Watched, client,
};

use crate::store::{Change, KvClient, KvMachine, Store};

const MACHINE: MachineId = MachineId(3);

/// A log of one replica, and a client of it.
#[derive(Clone)]
pub(crate) struct Board(Arc<Mutex<Inner>>);

pub(crate) struct Inner {
    fresh: fn() -> Applier,
    applier: Applier,
    session: Option<Stamp>,
    watches: u64,
    told: Vec<Read>,
}

fn applier() -> Applier {
    Applier::without_machines(SessionLimits { sessions_max: 2, ..SessionLimits::default() }).with(
        MACHINE,
        "kv",
        KvMachine(Store::default()),
    )
}

impl Board {
    fn new() -> (Self, KvClient<Self>) {
        let board = Self::of(applier);
        (board.clone(), KvClient::new(board, MACHINE))
    }

    /// Of a replica that begins so.
    pub(crate) fn of(fresh: fn() -> Applier) -> Self {
        let (session, watches, told) = (None, 0, Vec::new());
        let inner = Inner { fresh, applier: fresh(), session, watches, told };
        let board = Self(Arc::new(Mutex::new(inner)));
        let founding = board.with(|inner| inner.applier.founding()).expect("a new log");
        assert_eq!(board.say(&founding), Outcome::Done);
        board
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.0.lock().expect("one thread"))
    }

    fn commit(&self, payload: Payload) -> Bytes {
        self.with(|inner| {
            let index = inner.applier.last_applied().index.next();
            let id = LogId { term: Term(1), index };
            let mut applied = Applied::default();
            let run = Entries::new([Entry { id, payload }]).expect("a run");
            inner.applier.apply(&run, &mut applied).expect("nothing is lacking");
            inner.told.extend(applied.reads);
            applied.answers.remove(0).outcome
        })
    }

    fn say(&self, envelope: &Envelope<'_>) -> Outcome {
        Outcome::decode(&self.commit(Payload::Command(envelope.encode()))).expect("an outcome")
    }

    /// The leader writes the time down.
    fn led(&self, millis: u64) {
        let time = LeaderTime::new(Duration::from_millis(millis));
        self.commit(Payload::System(System::Time(time)));
    }

    /// What follows is said in a session of its own.
    fn open(&self, nonce: u128) -> SessionId {
        let Outcome::Opened { session, .. } = self.say(&Envelope::OpenSession { nonce }) else {
            panic!("a session")
        };
        self.with(|inner| inner.session = Some(Stamp { session, ..Stamp::default() }));
        session
    }

    /// All that is there goes through a snapshot.
    pub(crate) fn restore(&self) {
        self.with(|inner| {
            let (mut capture, mut state) = (inner.applier.capture(), Vec::new());
            while !capture.write(&mut state, 7) {}
            let before = inner.applier.digest();
            let (at, mut applied) = (inner.applier.last_applied(), Applied::default());
            inner.applier = (inner.fresh)();
            inner.applier.restore(at, &state, &mut applied).expect("a state");
            assert_eq!(inner.applier.digest(), before);
        });
    }
}

impl Caller for Board {
    async fn command(&self, machine: MachineId, command: Bytes) -> Result<Answered, CallError> {
        let stamp = self.with(|inner| {
            let stamp = inner.session.as_mut()?;
            stamp.sequence = stamp.sequence.next();
            Some(*stamp)
        });
        let command = &command[..];
        let envelope = match stamp {
            Some(stamp) => Envelope::Apply { stamp, machine, command },
            None => Envelope::Sessionless { machine, command },
        };
        answered(self.say(&envelope), self.with(|inner| inner.applier.last_applied().index))
    }

    async fn query(
        &self,
        machine: MachineId,
        _: Level,
        query: Bytes,
    ) -> Result<Answered, CallError> {
        let query = client::query_bytes(machine, &query);
        self.with(|inner| {
            let outcome = Outcome::decode(&inner.applier.query(&query)).expect("an outcome");
            answered(outcome, inner.applier.last_applied().index)
        })
    }

    async fn watch(&self, watch: Watch) -> Result<Watched, CallError> {
        let id = self.with(|inner| {
            inner.watches += 1;
            let id = RequestId(inner.watches);
            let mut applied = Applied::default();
            inner.applier.watch(id, &client::watch(&watch), &mut applied);
            inner.told.extend(applied.reads);
            id
        });
        let outcome = std::future::poll_fn(|_| {
            self.with(|inner| match inner.told.iter().position(|told| told.id == id) {
                Some(at) => Poll::Ready(inner.told.remove(at).outcome),
                None => Poll::Pending,
            })
        });
        Ok(client::watched(&outcome.await).expect("events"))
    }

    fn seen(&self) -> Index {
        self.with(|inner| inner.applier.last_applied().index)
    }

    async fn latest(&self) -> Result<Index, CallError> {
        Ok(self.seen())
    }
}

fn answered(outcome: Outcome, index: Index) -> Result<Answered, CallError> {
    match outcome {
        Outcome::Applied(answer) => Ok(Answered { index, answer, age: None }),
        Outcome::Rejected(why) => Err(CallError::NotApplied(why.into())),
        other => panic!("{other:?}"),
    }
}

/// What comes of a future at once, if anything does.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

pub(crate) fn done<T>(future: impl Future<Output = Result<T, CallError>>) -> T {
    now(future).expect("at once").expect("an answer")
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn operations_go_to_the_state_and_answers_come_back() {
    let (board, kv) = Board::new();
    assert_eq!(done(kv.put("a", "1", None)), None);
    assert_eq!(done(kv.put("a", "2", None)), Some("1".into()));
    assert_eq!(done(kv.get("a")), Some("2".into()));
    assert_eq!(done(kv.keys("")), ["a"]);
    let seen = done(kv.at(Level::Stale).get("a"));
    assert_eq!((seen.value, seen.index), (Some("2".into()), Index(3)));
    board.restore();
    assert_eq!(done(kv.delete("a")), Some("2".into()));
    assert_eq!(done(kv.get("a")), None);
}

#[test]
fn a_machine_that_is_not_there_says_so() {
    let (board, _) = Board::new();
    let stranger = KvClient::new(board, MachineId(4));
    for result in [now(stranger.get("a")), now(stranger.delete("a"))] {
        let Some(Err(CallError::NotApplied(Reason::Rejected(why)))) = result else { panic!() };
        assert_eq!(why.to_string(), "there is no machine 4");
    }
}

/// The store of a day when it could do less.
mod earlier {
    use quorate_sm::machine;

    #[machine]
    pub(super) trait Kv {
        fn put(&mut self, cx: &mut KvCx, key: String);
    }

    #[derive(Default, serde::Serialize, serde::Deserialize)]
    pub(super) struct Store;

    impl Kv for Store {
        fn put(&mut self, _: &mut KvCx, _: String) {}
    }
}

#[test]
fn a_program_that_lacks_something_of_a_state_does_not_begin_with_it() {
    let (board, kv) = Board::new();
    done(kv.put("a", "1", None));
    let (mut capture, mut state) = (board.with(|inner| inner.applier.capture()), Vec::new());
    while !capture.write(&mut state, 1000) {}
    let restored = |mut applier: Applier| {
        let at = LogId { term: Term(1), index: Index(1) };
        applier.restore(at, &state, &mut Applied::default())
    };
    assert_eq!(restored(applier()), Ok(()));
    let none = || Applier::without_machines(SessionLimits::default());
    let name = || "kv".to_owned();
    assert_eq!(
        restored(none()),
        Err(RestoreError::Unfit(Unfit::NoMachine { id: MACHINE, name: name() }))
    );
    let earlier = none().with(MACHINE, "kv", earlier::KvMachine(earlier::Store));
    let error = restored(earlier).unwrap_err();
    assert!(matches!(error, RestoreError::Unfit(Unfit::OtherSchema { .. })), "{error}");
    let more = applier().with(MachineId(9), "more", KvMachine(Store::default()));
    assert_eq!(restored(more), Ok(()), "a machine that has come since begins with nothing");
    for length in 0..state.len() {
        let mut applier = applier();
        let at = LogId { term: Term(1), index: Index(1) };
        let cut = applier.restore(at, &state[..length], &mut Applied::default());
        assert!(cut.is_err(), "{length} bytes of {}", state.len());
    }
    for more in 1..9 {
        let (mut applier, at) = (applier(), LogId { term: Term(1), index: Index(1) });
        let longer = [&state[..], &vec![0; more]].concat();
        let longer = applier.restore(at, &longer, &mut Applied::default());
        assert!(longer.is_err(), "{more} bytes more");
    }
}

#[test]
fn a_state_of_which_a_part_is_wrong_is_none() {
    let (board, kv) = Board::new();
    done(kv.put("a", "1", None));
    let (mut capture, mut state) = (board.with(|inner| inner.applier.capture()), Vec::new());
    while !capture.write(&mut state, 1000) {}
    let at = LogId { term: Term(1), index: Index(1) };
    let restored = |state: &[u8]| {
        let mut applier = applier();
        state.chunks(1).for_each(|part| applier.load(part));
        applier.restore_loaded(at, &mut Applied::default())
    };
    assert_eq!(restored(&state), Ok(()));
    state[0] += 1;
    assert!(matches!(restored(&state), Err(RestoreError::Undecodable(_))), "another version");
}

#[test]
fn a_key_expires_once_and_never_early() {
    let (board, kv) = Board::new();
    board.led(100);
    done(kv.put("a", "1", Some(SECOND)));
    let mut changes = done(kv.changed("a"));
    board.led(1099);
    assert_eq!(now(changes.next()), None);
    assert_eq!(done(kv.get("a")), Some("1".into()));
    board.restore();
    assert_eq!(board.with(|inner| inner.applier.timer_due()), Some(Time::of(SECOND * 11 / 10)));
    board.led(1100);
    let notice = now(changes.next()).expect("at once").expect("an event");
    assert_eq!((notice.event, notice.index), (Change::Expired, Index(5)));
    assert_eq!(done(kv.get("a")), None);
    board.led(9999);
    assert_eq!(now(changes.next()), None, "once");
}

#[test]
fn a_key_that_is_written_again_lives_on() {
    let (board, kv) = Board::new();
    done(kv.put("a", "1", Some(SECOND)));
    board.led(500);
    done(kv.put("a", "2", Some(SECOND)));
    board.led(1000);
    assert_eq!(done(kv.get("a")), Some("2".into()));
    done(kv.put("a", "3", None));
    board.led(9000);
    assert_eq!(done(kv.get("a")), Some("3".into()));
    assert_eq!(board.with(|inner| inner.applier.timers()), 0);
}

#[test]
fn a_subscription_hears_of_its_own_key_in_order_across_a_restore() {
    let (board, kv) = Board::new();
    done(kv.put("a", "before", None));
    let mut changes = done(kv.changed("a"));
    done(kv.put("a", "1", None));
    done(kv.put("b", "2", None));
    done(kv.delete("a"));
    board.restore();
    done(kv.put("a", "3", None));
    let told: Vec<_> = (0..3).map(|_| now(changes.next()).unwrap().unwrap()).collect();
    let events: Vec<_> = told.iter().map(|notice| notice.event.clone()).collect();
    assert_eq!(events, [Change::Put("1".into()), Change::Deleted, Change::Put("3".into())]);
    assert!(told.is_sorted_by_key(|notice| notice.resume));
    assert_eq!(now(changes.next()), None);
}

#[test]
fn what_came_of_ones_own_commands_is_told_without_waiting() {
    let (_, kv) = Board::new();
    let mut changes = done(kv.changed("a"));
    assert_eq!(now(changes.next_seen()), Some(Ok(None)));
    done(kv.put("a", "1", None));
    done(kv.put("b", "2", None));
    let notice = now(changes.next_seen()).expect("at once").expect("a server").expect("an event");
    assert_eq!(notice.event, Change::Put("1".into()));
    assert_eq!(now(changes.next_seen()), Some(Ok(None)));
    assert_eq!(now(changes.next()), None);
}

#[test]
fn more_events_than_fit_into_one_answer_come_in_several() {
    let (board, kv) = Board::new();
    let mut changes = done(kv.changed("a"));
    for _ in 0..10 {
        done(kv.put("a", vec![0; 100_000], None));
        done(kv.put("b", vec![0; 100_000], None));
    }
    let watches = board.with(|inner| inner.watches);
    let told: Vec<_> = (0..10).map(|_| now(changes.next()).unwrap().unwrap().index.0).collect();
    assert_eq!(told, [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]);
    assert_eq!(board.with(|inner| inner.watches) - watches, 5, "two fit, and one is always told");
    assert_eq!(now(changes.next()), None);
}

#[test]
fn who_is_too_late_is_told_what_is_missing() {
    let (_, kv) = Board::new();
    let mut changes = done(kv.changed("a"));
    for _ in 0..65_536 + 10 {
        done(kv.put("a", "x", None));
    }
    let Some(Err(Lost::Gap(gap))) = now(changes.next()) else { panic!("a gap") };
    assert_eq!((gap.resume.0, gap.complete_after), (10, Index(11)));
    let next = now(changes.next()).unwrap().unwrap();
    assert_eq!(next.index, Index(12));
}

#[test]
fn what_a_client_holds_is_free_when_it_is_gone() {
    let (board, kv) = Board::new();
    assert!(!done(kv.hold("lock")), "without a session");
    let first = board.open(1);
    assert!(done(kv.hold("lock")));
    board.open(2);
    assert!(!done(kv.hold("lock")));
    board.say(&Envelope::CloseSession { session: first });
    assert!(done(kv.hold("lock")));
    assert_eq!(done(kv.keys("l")), ["lock"]);

    // Two others open a session, and there is room for two.
    board.open(3);
    board.open(4);
    assert_eq!(done(kv.keys("l")), [""; 0], "evicted");
}
