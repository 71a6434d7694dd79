//! Which machines are on a log: the log says so, whatever programs have.

use bytes::Bytes;
use quorate_core::node::{Answers, Input, Lane, Reign};
use quorate_core::wire::RequestBody;
use quorate_core::{Entries, Entry, Index, Instant, LogId, Payload, RequestId, System, Term};
use quorate_sm::{
    About, Applied, Applier, ApplyLane, ApplyOrder, Envelope, MachineId, Outcome, Registration,
    Rejection, RestoreError, SessionKeeper, SessionLimits, Unfit, client, machine,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const LAMP: MachineId = MachineId(4);
const CLOCK: MachineId = MachineId(9);

/// A machine as it was, and as it is now.
mod before {
    use super::*;

    #[machine]
    pub trait Lamp {
        fn switch(&mut self, cx: &mut LampCx) -> bool;
        fn is_on(&self) -> bool;
    }

    impl Lamp for Bulb {
        fn switch(&mut self, _: &mut LampCx) -> bool {
            self.is_on = !self.is_on && !self.is_dead;
            self.is_on
        }

        fn is_on(&self) -> bool {
            self.is_on
        }
    }
}

#[machine]
trait Lamp {
    fn switch(&mut self, cx: &mut LampCx) -> bool;
    fn burn_out(&mut self, cx: &mut LampCx);
    #[session_ended]
    fn gone(&mut self, cx: &mut LampCx, session: quorate_sm::SessionId);
    fn is_on(&self) -> bool;
}

#[derive(Default, Serialize, Deserialize)]
struct Bulb {
    is_on: bool,
    is_dead: bool,
    gone: u32,
}

impl Lamp for Bulb {
    fn switch(&mut self, _: &mut LampCx) -> bool {
        self.is_on = !self.is_on && !self.is_dead;
        self.is_on
    }

    fn burn_out(&mut self, _: &mut LampCx) {
        (self.is_on, self.is_dead) = (false, true);
    }

    fn gone(&mut self, _: &mut LampCx, _: quorate_sm::SessionId) {
        self.gone += 1;
    }

    fn is_on(&self) -> bool {
        self.is_on
    }
}

fn bare() -> Applier {
    Applier::new(quorate_sm::Kv::default(), SessionLimits::default())
}

/// The program as it was.
fn old() -> Applier {
    bare().with(LAMP, "lamp", before::LampMachine(Bulb::default()))
}

/// The program as it is now.
fn new() -> Applier {
    bare().with(LAMP, "lamp", LampMachine(Bulb::default())).with(
        CLOCK,
        "clock",
        before::LampMachine(Bulb::default()),
    )
}

fn commit(applier: &mut Applier, command: Bytes) -> Result<Outcome, Unfit> {
    let id = LogId { term: Term(1), index: applier.last_applied().index.next() };
    let run = Entries::new([Entry { id, payload: Payload::Command(command) }]).expect("a run");
    let mut applied = Applied::default();
    applier.apply(&run, &mut applied)?;
    Ok(Outcome::decode(&applied.answers[0].outcome).expect("an outcome"))
}

fn say(applier: &mut Applier, envelope: &Envelope<'_>) -> Result<Outcome, Unfit> {
    commit(applier, envelope.encode())
}

fn command(machine: MachineId, number: u8) -> Bytes {
    Envelope::Sessionless { machine, command: &[number] }.encode()
}

fn lamp(schema: &str) -> Registration {
    Registration { id: LAMP, name: "lamp".into(), schema: schema.into() }
}

fn register(machines: Vec<Registration>) -> Envelope<'static> {
    Envelope::Register { founds: false, machines }
}

/// A log that has grown without being founded.
fn grown(mut applier: Applier) -> Applier {
    let entry = |index| Entry {
        id: LogId { term: Term(1), index: Index(index) },
        payload: Payload::System(System::Noop),
    };
    let run = Entries::new((1..=1024).map(entry)).expect("a run");
    applier.apply(&run, &mut Applied::default()).expect("nothing is lacking");
    applier
}

const SWITCH: u8 = 0;
const BURN_OUT: u8 = 1;

fn answered(answer: &'static [u8]) -> Result<Outcome, Unfit> {
    Ok(Outcome::Applied(Bytes::from_static(answer)))
}

fn rejected(why: Rejection) -> Result<Outcome, Unfit> {
    Ok(Outcome::Rejected(why))
}

#[test]
fn a_machine_that_is_not_on_the_log_is_not_there() {
    let mut applier = new();
    let nobody = rejected(Rejection::NoSuchMachine { machine: LAMP });
    assert_eq!(commit(&mut applier, command(LAMP, SWITCH)), nobody);
    let put = client::sessionless::<quorate_sm::Kv>(
        MachineId::FIRST,
        &quorate_sm::kv::Command::Put { key: "k".into(), value: "v".into() },
    );
    let stored = commit(&mut applier, put.clone());
    assert!(matches!(stored, Ok(Outcome::Applied(_))), "the first one is there: {stored:?}");

    let founding = applier.founding().expect("a new log");
    assert_eq!(say(&mut applier, &founding), Ok(Outcome::Done));
    assert_eq!(applier.founding(), None);
    assert_eq!(commit(&mut applier, command(LAMP, SWITCH)), answered(b"\0\x01"));
    assert!(matches!(commit(&mut applier, put), Ok(Outcome::Applied(_))));
    assert_eq!(say(&mut applier, &founding), rejected(Rejection::AlreadyFounded), "once");
}

#[test]
fn a_log_without_a_first_machine_has_none() {
    let none = || Applier::without_machines(SessionLimits::default());
    let mut applier = none().with(LAMP, "lamp", LampMachine(Bulb::default()));
    let founding = applier.founding().expect("a new log");
    say(&mut applier, &founding).expect("it has it");
    // Another program has a first one: the log has not, so nothing happens to it.
    let mut other = new();
    say(&mut other, &founding).expect("it has it");
    for replica in [&mut applier, &mut other] {
        let nobody = rejected(Rejection::NoSuchMachine { machine: MachineId::FIRST });
        assert_eq!(commit(replica, command(MachineId::FIRST, 0)), nobody);
    }
    assert_eq!(applier.digest(), other.digest());
}

#[test]
fn what_the_log_does_not_know_happens_to_nobody() {
    // One replica runs the old program, the other the new one; until somebody registers more they are alike.
    let (mut one, mut other) = (old(), new());
    let founding = one.founding().expect("a new log");
    for replica in [&mut one, &mut other] {
        assert_eq!(say(replica, &founding), Ok(Outcome::Done));
        assert_eq!(commit(replica, command(LAMP, SWITCH)), answered(b"\0\x01"));
        assert_eq!(commit(replica, command(LAMP, BURN_OUT)), rejected(Rejection::Undecodable));
        let nobody = rejected(Rejection::NoSuchMachine { machine: CLOCK });
        assert_eq!(commit(replica, command(CLOCK, SWITCH)), nobody);
    }
    let clock = client::query_bytes(CLOCK, b"\0");
    assert_eq!(other.query(&clock), one.query(&clock));

    let more = other.fully_registered();
    assert_eq!(say(&mut other, &more), Ok(Outcome::Done));
    assert_eq!(commit(&mut other, command(LAMP, BURN_OUT)), answered(b"\x01"));
    assert_eq!(commit(&mut other, command(LAMP, 2)), rejected(Rejection::Undecodable));
    assert_eq!(commit(&mut other, command(LAMP, SWITCH)), answered(b"\0\0"));
    assert_eq!(commit(&mut other, command(CLOCK, SWITCH)), answered(b"\0\x01"));
    let why = say(&mut one, &more).expect_err("it lacks an operation");
    assert!(matches!(why, Unfit::OtherSchema { .. }), "{why}");
}

/// What is asked for by those who bring a group up to date.
trait FullyRegistered {
    fn fully_registered(&self) -> Envelope<'static>;
}

impl FullyRegistered for Applier {
    fn fully_registered(&self) -> Envelope<'static> {
        let described = |name: &str| -> (MachineId, String) {
            let answer = self.query(&client::about(&About::Program { name: name.into() }));
            let Ok(Outcome::Applied(answer)) = Outcome::decode(&answer) else { panic!("{name}") };
            let found: Option<(MachineId, String)> = postcard::from_bytes(&answer).expect("a text");
            found.expect("it has it")
        };
        let registration = |name: &str| {
            let (id, schema) = described(name);
            Registration { id, name: name.into(), schema }
        };
        register(["lamp", "clock"].map(registration).into())
    }
}

#[test]
fn sessions_that_end_are_no_business_of_a_machine_that_is_not_there() {
    // It has a lamp that counts them, and a log that has none.
    let (mut has, mut lacks) = (grown(new()), grown(bare()));
    for replica in [&mut has, &mut lacks] {
        let open = Envelope::OpenSession { nonce: 7 };
        let Ok(Outcome::Opened { session, .. }) = say(replica, &open) else { panic!("a session") };
        assert_eq!(say(replica, &Envelope::CloseSession { session }), Ok(Outcome::Done));
    }
    assert_eq!(has.digest(), lacks.digest());
    let mut later = grown(new());
    let more = later.fully_registered();
    for replica in [&mut has, &mut later] {
        while replica.last_applied().index < Index(1026) {
            commit(replica, command(CLOCK, SWITCH)).expect("nothing is lacking");
        }
        assert_eq!(say(replica, &more), Ok(Outcome::Done));
    }
    assert_eq!(state_of_lamp(&has), state_of_lamp(&later), "it begins with nothing");
}

fn state_of_lamp(applier: &Applier) -> Vec<u8> {
    let state = state_of(applier);
    state[state.len() - 22..].to_vec()
}

#[test]
fn whoever_lacks_a_machine_stops_before_it() {
    let founding = new().founding().expect("a new log");
    let why = say(&mut bare(), &founding).expect_err("it has none");
    assert_eq!(why, Unfit::NoMachine { id: LAMP, name: "lamp".into() });
    assert_eq!(why.to_string(), "the log has machine 4 (\"lamp\"), and this program has not");
    let other = || bare().with(LAMP, "candle", LampMachine(Bulb::default()));
    let why = say(&mut other(), &founding).expect_err("it has another one");
    assert_eq!(why, Unfit::NoMachine { id: LAMP, name: "lamp".into() });
    let mut old = old();
    say(&mut old, &founding).expect_err("it lacks an operation, and another machine");
    assert_eq!(old.last_applied(), LogId::ZERO);
}

#[test]
fn only_a_new_log_is_founded_and_any_log_takes_more() {
    let mut applier = grown(new());
    assert_eq!(applier.founding(), None);
    let founding = new().founding().expect("a new log");
    assert_eq!(say(&mut applier, &founding), rejected(Rejection::AlreadyFounded));
    let more = applier.fully_registered();
    assert_eq!(say(&mut applier, &more), Ok(Outcome::Done));
    assert_eq!(commit(&mut applier, command(LAMP, SWITCH)), answered(b"\0\x01"));
    let get = client::query::<quorate_sm::Kv>(
        MachineId::FIRST,
        &quorate_sm::kv::Query::Get { key: "k".into() },
    );
    let got = Outcome::decode(&applier.query(&get));
    assert!(matches!(got, Ok(Outcome::Applied(_))), "the first one stays: {got:?}");

    let mut last = new();
    let entry = |index| Entry {
        id: LogId { term: Term(1), index: Index(index) },
        payload: Payload::System(System::Noop),
    };
    let run = Entries::new((1..=1023).map(entry)).expect("a run");
    last.apply(&run, &mut Applied::default()).expect("nothing is lacking");
    assert_eq!(say(&mut last, &founding), Ok(Outcome::Done), "entry 1,024");
}

#[test]
fn what_was_registered_stays_so() {
    let mut applier = new();
    let founding = applier.founding().expect("a new log");
    say(&mut applier, &founding).expect("it has it");
    let digest = applier.digest();
    let schema = LAMP_SCHEMA.text();
    let again = register(vec![lamp(&schema)]);
    assert_eq!(say(&mut applier, &again), Ok(Outcome::Done), "any number of times");
    let other = |id, name: &str, schema: &str| {
        register(vec![Registration { id, name: name.into(), schema: schema.into() }])
    };
    let long = "x".repeat((1 << 20) + 1);
    for (machine, why) in [
        (other(LAMP, "candle", &schema), "another name"),
        (other(LAMP, "lamp", before::LAMP_SCHEMA.text().as_str()), "fewer operations"),
        (other(MachineId(5), "lamp", &schema), "another id"),
        (other(MachineId::REPLICA, "replica", ""), "the replica itself"),
        (other(MachineId(5), &long[..257], ""), "a long name"),
        (other(MachineId(5), "long", &long), "a long schema"),
    ] {
        let Envelope::Register { machines, .. } = &machine else { unreachable!() };
        let refused = Rejection::RegisteredOtherwise { machine: machines[0].id };
        assert_eq!(say(&mut applier, &machine), rejected(refused), "{why}");
    }
    let refused = |machine| rejected(Rejection::RegisteredOtherwise { machine });
    let twice = register(vec![lamp(&schema), lamp(&schema)]);
    assert_eq!(say(&mut applier, &twice), refused(LAMP));
    let named = |id| Registration { id: MachineId(id), name: "new".into(), schema: String::new() };
    let alike = register(vec![named(20), named(21)]);
    assert_eq!(say(&mut applier, &alike), refused(MachineId(21)));
    let mut plain = new();
    say(&mut plain, &founding).expect("it has it");
    while plain.last_applied() < applier.last_applied() {
        say(&mut plain, &again).expect("it has it");
    }
    assert_eq!(plain.digest(), applier.digest(), "nothing came of it");
    assert_ne!(digest, applier.digest(), "but time goes on");
}

#[test]
fn a_log_is_founded_once_even_with_nothing() {
    let mut applier = new();
    let nothing = Envelope::Register { founds: true, machines: Vec::new() };
    assert_eq!(say(&mut applier, &nothing), Ok(Outcome::Done));
    assert_eq!(say(&mut applier, &nothing), rejected(Rejection::AlreadyFounded));
    assert_eq!(applier.founding(), None);
}

#[test]
fn replicas_differ_if_what_is_on_their_logs_does() {
    let mut replicas = [grown(new()), grown(new())];
    let machines =
        [before::LAMP_SCHEMA.text(), LAMP_SCHEMA.text()].map(|schema| vec![lamp(&schema)]);
    for (replica, machines) in replicas.iter_mut().zip(machines) {
        assert_eq!(say(replica, &register(machines)), Ok(Outcome::Done));
    }
    assert_ne!(replicas[0].digest(), replicas[1].digest());
}

#[test]
fn a_snapshot_says_what_is_on_the_log() {
    let mut applier = old();
    let founding = applier.founding().expect("a new log");
    say(&mut applier, &founding).expect("it has it");
    commit(&mut applier, command(LAMP, SWITCH)).expect("it has it");
    let state = state_of(&applier);
    let at = applier.last_applied();
    let restored =
        |mut fresh: Applier| fresh.restore(at, &state, &mut Applied::default()).map(|()| fresh);
    let mut newer = restored(new()).expect("it has more");
    assert_eq!(newer.digest(), applier.digest());
    assert_eq!(state_of(&newer), state, "as the older program writes it");
    assert_eq!(commit(&mut newer, command(LAMP, BURN_OUT)), rejected(Rejection::Undecodable));
    assert_eq!(commit(&mut newer, command(LAMP, SWITCH)), answered(b"\0\0"));
    let why = restored(bare()).map(drop);
    let lacks = Unfit::NoMachine { id: LAMP, name: "lamp".into() };
    assert_eq!(why, Err(RestoreError::Unfit(lacks)));
}

fn state_of(applier: &Applier) -> Vec<u8> {
    let (mut capture, mut state) = (applier.capture(), Vec::new());
    while !capture.write(&mut state, 1000) {}
    state
}

#[test]
fn whoever_asks_for_a_machine_waits_until_the_log_is_founded() {
    let mut applier = new();
    let mut applied = Applied::default();
    let about = client::about(&About::Machine { name: "lamp".into() });
    applier.query_at(Index(0), RequestId(1), about.clone(), &mut applied).expect("room");
    assert_eq!(applied.reads, [], "not yet");
    commit(&mut applier, command(LAMP, SWITCH)).expect("nothing is lacking");
    let founding = applier.founding().expect("a new log");
    let id = LogId { term: Term(1), index: Index(2) };
    let run = Entries::new([Entry { id, payload: Payload::Command(founding.encode()) }]);
    applier.apply(&run.expect("a run"), &mut applied).expect("it has it");
    assert_eq!(applied.reads.len(), 1);
    let Ok(Outcome::Applied(answer)) = Outcome::decode(&applied.reads[0].outcome) else { panic!() };
    let found: Option<(MachineId, String)> = postcard::from_bytes(&answer).expect("an answer");
    assert_eq!(found, Some((LAMP, LAMP_SCHEMA.text())));

    // A log that will never be founded has an answer at once.
    let mut grown = grown(new());
    applied.reads.clear();
    grown.query_at(Index(0), RequestId(2), about, &mut applied).expect("room");
    let Ok(Outcome::Applied(answer)) = Outcome::decode(&applied.reads[0].outcome) else { panic!() };
    assert_eq!(answer.as_ref(), [0], "none");
    let first = client::about(&About::Machine { name: "first".into() });
    let Ok(Outcome::Applied(answer)) = Outcome::decode(&grown.query(&first)) else { panic!() };
    assert_eq!(answer.as_ref(), [1, 0, 0], "it is there, and nobody knows its operations");
}

fn lane(applier: Applier) -> ApplyLane {
    ApplyLane::new(applier, SessionKeeper::new(Duration::from_secs(8)))
}

fn done(lane: &mut ApplyLane, order: ApplyOrder) -> Vec<Input> {
    let mut done = Vec::new();
    lane.step(&mut vec![order], &mut done);
    done
}

fn proposals(done: Vec<Input>) -> Vec<Bytes> {
    let proposal = |input| match input {
        Input::Request { id: ApplyLane::NOBODY, body: RequestBody::Propose { command } } => {
            Some(command)
        }
        _ => None,
    };
    done.into_iter().filter_map(proposal).collect()
}

#[test]
fn a_leader_founds_the_log() {
    let tend = |reign| ApplyOrder::Tend { now: Instant(0), reign };
    let leads = Some(Reign { term: Term(1), led: None });
    let mut leader = lane(new());
    assert_eq!(proposals(done(&mut leader, tend(None))), [] as [Bytes; 0], "a follower");
    let founding = new().founding().expect("a new log").encode();
    assert_eq!(proposals(done(&mut leader, tend(leads))), std::slice::from_ref(&founding));
    assert_eq!(
        proposals(done(&mut leader, tend(leads))),
        std::slice::from_ref(&founding),
        "until it is"
    );
    let id = LogId { term: Term(1), index: Index(1) };
    let entries = Entries::new([Entry { id, payload: Payload::Command(founding) }]).expect("a run");
    done(&mut leader, ApplyOrder::Apply { entries, answers: Answers::Wanted });
    assert_eq!(proposals(done(&mut leader, tend(leads))), [] as [Bytes; 0]);
    assert_eq!(proposals(done(&mut lane(bare()), tend(leads))), [] as [Bytes; 0], "nothing to say");
}

#[test]
fn a_lane_that_is_unfit_says_so_once_and_does_nothing_more() {
    let founding = Payload::Command(new().founding().expect("a new log").encode());
    let entry =
        |index, payload| Entry { id: LogId { term: Term(1), index: Index(index) }, payload };
    let run = |entry| ApplyOrder::Apply {
        entries: Entries::new([entry]).expect("a run"),
        answers: Answers::Wanted,
    };
    let mut unfit = lane(bare());
    let mut work = vec![
        run(entry(1, Payload::System(System::Noop))),
        run(entry(2, founding)),
        run(entry(3, Payload::System(System::Noop))),
        ApplyOrder::Capture(Index(3)),
    ];
    let mut done = Vec::new();
    unfit.step(&mut work, &mut done);
    let why = "the log has machine 4 (\"lamp\"), and this program has not".to_owned();
    assert_eq!(done[1..], [Input::Unfit(why)], "{done:?}");
    assert!(matches!(done[0], Input::Applied(Index(1), _)), "{done:?}");
    unfit.step(&mut vec![run(entry(4, Payload::System(System::Noop)))], &mut done);
    assert_eq!(done.len(), 2);
}
