//! A machine on a file, against one in memory that does the same, over crashes and restarts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use quorate_core::{Entries, Entry, Index, LeaderTime, LogId, Payload, RequestId, System, Term};
use quorate_io_sim::engine::Stream;
use quorate_io_sim::workload::{Rng, draw};
use quorate_on_disk::{Cx, DiskMachine, OnDisk, RowError, Rows, View};
use quorate_sm::{
    Applied, Applier, Context, Envelope, Event, Filter, MachineId, Outcome, Position, RestoreError,
    SessionId, SessionLimits, Since, StateMachine, TimerId, Watch, Watched, client,
};
use serde::{Deserialize, Serialize};

/// A bank in which money comes back by itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Deal {
    /// Adds to an account; the sum.
    Add { account: String, cents: u32 },
    /// Lends it to somebody for a while.
    Lend { account: String, ms: u16 },
    /// Draws lots.
    Draw,
}

/// Of bytes in order: what the two of them have in common.
trait Book {
    fn read(&self, account: &str) -> u64;
    fn write(&mut self, account: &str, cents: u64);
}

/// What commands do beside the book.
trait Beside {
    fn tell(&mut self, account: &str, cents: u64);
    fn later(&mut self, ms: u16, account: &str) -> TimerId;
    fn never(&mut self, timer: TimerId);
    fn lot(&mut self) -> u64;
}

fn carry_out(book: &mut impl Book, beside: &mut impl Beside, deal: Deal) -> u64 {
    match deal {
        Deal::Add { account, cents } => {
            let sum = book.read(&account) + u64::from(cents);
            book.write(&account, sum);
            beside.tell(&account, sum);
            sum
        }
        Deal::Lend { account, ms } => {
            let sum = book.read(&account);
            book.write(&account, sum / 2);
            let timer = beside.later(ms, &account);
            if ms.is_multiple_of(3) {
                beside.never(timer);
            }
            sum / 2
        }
        Deal::Draw => {
            let lot = beside.lot() % 1000;
            book.write("lots", lot);
            lot
        }
    }
}

fn come_back(book: &mut impl Book, beside: &mut impl Beside, account: &str) {
    let sum = book.read(account) * 2 + 1;
    book.write(account, sum);
    beside.tell(account, sum);
}

struct OfRows<'r, 't>(&'r mut Rows<'t>);

impl Book for OfRows<'_, '_> {
    fn read(&self, account: &str) -> u64 {
        number(self.0.get(account.as_bytes()).expect("a sound disk"))
    }

    fn write(&mut self, account: &str, cents: u64) {
        self.0.put(account.as_bytes(), &cents.to_le_bytes()).expect("a sound disk");
    }
}

fn number(row: Option<Bytes>) -> u64 {
    row.map_or(0, |row| u64::from_le_bytes(row[..].try_into().expect("eight bytes")))
}

impl Book for BTreeMap<String, u64> {
    fn read(&self, account: &str) -> u64 {
        self.get(account).copied().unwrap_or_default()
    }

    fn write(&mut self, account: &str, cents: u64) {
        self.insert(account.to_owned(), cents);
    }
}

macro_rules! beside {
    ($type:ty) => {
        impl Beside for $type {
            fn tell(&mut self, account: &str, cents: u64) {
                let body = Bytes::copy_from_slice(&cents.to_le_bytes());
                self.publish(Bytes::copy_from_slice(account.as_bytes()), body);
            }

            fn later(&mut self, ms: u16, account: &str) -> TimerId {
                let what = Bytes::copy_from_slice(account.as_bytes());
                self.arm(Duration::from_millis(ms.into()), what)
            }

            fn never(&mut self, timer: TimerId) {
                assert!(self.disarm(timer));
            }

            fn lot(&mut self) -> u64 {
                self.random()
            }
        }
    };
}

beside!(Cx<'_>);
beside!(Context);

struct Bank;

impl DiskMachine for Bank {
    type Command = Deal;
    type Answer = u64;
    type Query = String;
    type QueryAnswer = u64;

    fn apply(&self, rows: &mut Rows<'_>, cx: &mut Cx<'_>, deal: Deal) -> Result<u64, RowError> {
        Ok(carry_out(&mut OfRows(rows), cx, deal))
    }

    fn query(&self, view: &View, account: String) -> Result<u64, RowError> {
        Ok(number(view.get(account.as_bytes())?))
    }

    fn fire(&self, rows: &mut Rows<'_>, cx: &mut Cx<'_>, what: &[u8]) -> Result<(), RowError> {
        come_back(&mut OfRows(rows), cx, str::from_utf8(what).expect("a name"));
        Ok(())
    }

    fn session_ended(
        &self,
        rows: &mut Rows<'_>,
        cx: &mut Cx<'_>,
        session: SessionId,
    ) -> Result<(), RowError> {
        come_back(&mut OfRows(rows), cx, &format!("session {}", session.0.0));
        Ok(())
    }
}

#[derive(Default, Serialize, Deserialize)]
struct InMemory(BTreeMap<String, u64>);

impl StateMachine for InMemory {
    type Command = Deal;
    type Answer = u64;
    type Query = String;
    type QueryAnswer = u64;

    fn apply(&mut self, cx: &mut Context, deal: Deal) -> u64 {
        carry_out(&mut self.0, cx, deal)
    }

    fn query(&self, account: String) -> u64 {
        self.0.read(&account)
    }

    fn fire(&mut self, cx: &mut Context, what: &[u8]) {
        come_back(&mut self.0, cx, str::from_utf8(what).expect("a name"));
    }

    fn session_ended(&mut self, cx: &mut Context, session: SessionId) {
        come_back(&mut self.0, cx, &format!("session {}", session.0.0));
    }
}

/// A directory that is gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("quorate-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("room");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn on_disk(path: &Path) -> Applier {
    let machine = OnDisk::open(path, Bank).expect("a sound file");
    Applier::new(machine, SessionLimits { sessions_max: 3, ..SessionLimits::default() })
}

fn in_memory() -> Applier {
    let limits = SessionLimits { sessions_max: 3, ..SessionLimits::default() };
    Applier::new(InMemory::default(), limits)
}

fn apply(applier: &mut Applier, entry: &Entry) -> Bytes {
    let mut applied = Applied::default();
    let run = Entries::new([entry.clone()]).expect("a run");
    applier.apply(&run, &mut applied).expect("it goes on");
    applied.answers.remove(0).outcome
}

fn events(applier: &mut Applier) -> Vec<Event> {
    let mut all: Vec<Event> = Vec::new();
    loop {
        let since = Since::Position(Position(all.len() as u64));
        let filter = Filter::Prefix(Bytes::new());
        let watch = Watch { machine: MachineId::FIRST, filter, since, until: Some(Index(0)) };
        let mut applied = Applied::default();
        applier.watch(RequestId(1), &client::watch(&watch), &mut applied);
        match client::watched(&applied.reads[0].outcome).expect("an answer") {
            Watched::Events { events, .. } if events.is_empty() => return all,
            Watched::Events { events, .. } => all.extend(events),
            Watched::Gap(gap) => panic!("{gap}"),
        }
    }
}

fn state_of(applier: &Applier) -> Vec<u8> {
    let (mut capture, mut state) = (applier.capture(), Vec::new());
    while !capture.write(&mut state, 100) {}
    state
}

fn entry(rng: &mut Rng, index: u64, sessions: &[SessionId], led_ms: &mut u64) -> Entry {
    let payload = match rng.below(20) {
        0 => Payload::Command(Envelope::OpenSession { nonce: rng.next().into() }.encode()),
        1..4 => {
            *led_ms += rng.log_within(1, 200);
            Payload::System(System::Time(LeaderTime::new(Duration::from_millis(*led_ms))))
        }
        _ => {
            let deal: Deal = draw(rng).expect("a deal");
            let bytes = client::sessionless::<InMemory>(MachineId::FIRST, &deal);
            let Ok(Envelope::Sessionless { machine, command }) = Envelope::decode(&bytes) else {
                unreachable!("it was made so")
            };
            let envelope = match sessions.last() {
                // Some of them again: whoever has no answer asks again.
                Some(&session) => {
                    let sequence = quorate_sm::Sequence(index - rng.below(3).min(index - 1));
                    let stamp =
                        quorate_sm::Stamp { session, sequence, ..quorate_sm::Stamp::default() };
                    Envelope::Apply { stamp, machine, command }
                }
                None => Envelope::Sessionless { machine, command },
            };
            Payload::Command(envelope.encode())
        }
    };
    Entry { id: LogId { term: Term(1), index: Index(index) }, payload }
}

/// What a server would have on its disk: the log, and the snapshot that it begins with.
struct Server {
    log: Vec<Entry>,
    outcomes: Vec<Bytes>,
    snapshot: Option<(LogId, Vec<u8>)>,
}

impl Server {
    /// Starts again from a file: all outcomes must be what they were.
    /// On the way there a snapshot is made, which is the beginning of another server.
    fn restart(&self, path: &Path, rng: &mut Rng) -> Applier {
        let mut applier = on_disk(path);
        let mut other: Option<Applier> = None;
        if let Some((at, state)) = &self.snapshot {
            applier.restore(*at, state, &mut Applied::default()).expect("a state");
        }
        let from = usize::try_from(applier.last_applied().index.0).expect("few");
        for (entry, outcome) in self.log[from..].iter().zip(&self.outcomes[from..]) {
            assert_eq!(
                Outcome::decode(&apply(&mut applier, entry)),
                Outcome::decode(outcome),
                "entry {}",
                entry.id.index.0
            );
            if let Some(other) = &mut other {
                let again = apply(other, entry);
                assert_eq!(Outcome::decode(&again), Outcome::decode(outcome));
            } else if rng.chance(20) {
                let mut begun = on_disk(&path.with_extension(rng.next().to_string()));
                let (at, state) = (applier.last_applied(), state_of(&applier));
                begun.restore(at, &state, &mut Applied::default()).expect("a state");
                assert_eq!(state_of(&begun), state, "it passes on what it got");
                other = Some(begun);
            }
        }
        if let Some(other) = other {
            assert_eq!(other.digest(), applier.digest());
        }
        applier
    }
}

#[test]
fn a_restart_repeats_nothing_and_forgets_nothing() {
    let scratch = Scratch::new("on-disk-restarts");
    for seed in 0..40 {
        let mut rng = Rng::new(seed, Stream::Commands);
        let path = |life: u32| scratch.0.join(format!("{seed}-{life}"));
        let mut life = 0;
        let (mut disk, mut model) = (on_disk(&path(life)), in_memory());
        let mut server = Server { log: Vec::new(), outcomes: Vec::new(), snapshot: None };
        let (mut sessions, mut led_ms, mut captured) = (Vec::new(), 0, None);
        for index in 1..=250 {
            let entry = entry(&mut rng, index, &sessions, &mut led_ms);
            let outcome = apply(&mut disk, &entry);
            let expected = apply(&mut model, &entry);
            assert_eq!(Outcome::decode(&outcome), Outcome::decode(&expected), "seed {seed}");
            if let Ok(Outcome::Opened { session, .. }) = Outcome::decode(&outcome) {
                sessions.push(session);
            }
            server.log.push(entry);
            server.outcomes.push(outcome);
            match rng.below(60) {
                0 => captured = Some((disk.last_applied(), state_of(&disk))),
                // It is stored some time after it was made, or never.
                1 => server.snapshot = captured.take().or(server.snapshot),
                2 => {
                    life += 1;
                    std::fs::copy(path(life - 1), path(life)).expect("what a crash leaves");
                    drop(disk);
                    disk = server.restart(&path(life), &mut rng);
                }
                3 => {
                    drop(disk);
                    disk = server.restart(&path(life), &mut rng);
                }
                _ => {}
            }
        }
        assert_eq!(events(&mut disk), events(&mut model), "seed {seed}");
        assert_eq!(disk.timers(), model.timers(), "seed {seed}");
        for account in ["", "a", "b", "c", "lots"] {
            let query = client::query::<InMemory>(MachineId::FIRST, &account.to_owned());
            assert_eq!(disk.query(&query), model.query(&query), "seed {seed}: {account}");
        }
        // Another server begins with what this one has.
        let mut other = on_disk(&path(1000));
        other
            .restore(disk.last_applied(), &state_of(&disk), &mut Applied::default())
            .expect("a state");
        assert_eq!(other.digest(), disk.digest());
    }
}

/// Nothing that was in the file is applied anew, even where that would not be seen.
#[test]
fn what_is_in_the_file_is_not_done_again() {
    struct Counting(std::sync::Arc<std::sync::atomic::AtomicU32>);

    impl DiskMachine for Counting {
        type Command = ();
        type Answer = u64;
        type Query = ();
        type QueryAnswer = ();

        fn apply(&self, rows: &mut Rows<'_>, _: &mut Cx<'_>, (): ()) -> Result<u64, RowError> {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let count = number(rows.get(b"n")?) + 1;
            rows.put(b"n", &count.to_le_bytes())?;
            Ok(count)
        }

        fn query(&self, _: &View, (): ()) -> Result<(), RowError> {
            Ok(())
        }
    }

    let scratch = Scratch::new("on-disk-once");
    let (path, done) = (scratch.0.join("n"), std::sync::Arc::default());
    let open = || {
        let machine = OnDisk::open(&path, Counting(std::sync::Arc::clone(&done))).expect("a file");
        let applied = machine.applied();
        (Applier::new(machine, SessionLimits::default()), applied)
    };
    let increment = |index| {
        let command = Envelope::Sessionless { machine: MachineId::FIRST, command: &[] }.encode();
        let id = LogId { term: Term(1), index: Index(index) };
        Entry { id, payload: Payload::Command(command) }
    };
    let mut applier = open().0;
    let before: Vec<_> = (1..=10).map(|index| apply(&mut applier, &increment(index))).collect();
    drop(applier);
    let (mut applier, applied) = open();
    assert_eq!(applied, Index(10));
    let after: Vec<_> = (1..=10).map(|index| apply(&mut applier, &increment(index))).collect();
    assert_eq!(after, before);
    assert_eq!(done.load(std::sync::atomic::Ordering::Relaxed), 10);
    apply(&mut applier, &increment(11));
    assert_eq!(done.load(std::sync::atomic::Ordering::Relaxed), 11);

    // Nor after a snapshot that was made and never stored.
    let (at, stored) = (applier.last_applied(), state_of(&applier));
    (12..=15).for_each(|index| drop(apply(&mut applier, &increment(index))));
    drop(state_of(&applier));
    drop(applier);
    let mut applier = open().0;
    applier.restore(at, &stored, &mut Applied::default()).expect("a state");
    (12..=15).for_each(|index| drop(apply(&mut applier, &increment(index))));
    assert_eq!(done.load(std::sync::atomic::Ordering::Relaxed), 15);

    // A crash does not take all that was done since the start.
    for index in 16..=2500 {
        apply(&mut applier, &increment(index));
    }
    std::fs::copy(&path, scratch.0.join("crashed")).expect("what a crash leaves");
    let crashed = OnDisk::open(scratch.0.join("crashed"), Counting(done)).expect("a file");
    assert!((2000..2500).contains(&crashed.applied().0), "{:?}", crashed.applied());
}

#[test]
fn a_state_that_is_cut_or_none_is_refused() {
    let scratch = Scratch::new("on-disk-cut");
    let mut disk = on_disk(&scratch.0.join("a"));
    for index in 1..=5 {
        let deal = Deal::Add { account: "a".repeat(index), cents: 7 };
        let command = client::sessionless::<InMemory>(MachineId::FIRST, &deal);
        let id = LogId { term: Term(1), index: Index(index as u64) };
        apply(&mut disk, &Entry { id, payload: Payload::Command(command) });
    }
    let (at, state) = (disk.last_applied(), state_of(&disk));
    let mut other = on_disk(&scratch.0.join("b"));
    for length in 0..state.len() {
        let cut = other.restore(at, &state[..length], &mut Applied::default());
        assert!(matches!(cut, Err(RestoreError::Undecodable(_))), "{length}: {cut:?}");
    }
    assert_eq!(other.restore(at, &state, &mut Applied::default()), Ok(()));
    assert_eq!(other.digest(), disk.digest());
}
