//! What clients cost a server, in bytes that are counted: sessions, subscriptions and timers by the hundred thousand.

use allocation_counter::measure;
use bytes::Bytes;
use quorate_core::{Entries, Entry, Index, LogId, Payload, RequestId, Term};
use quorate_sm::{
    Applied, Applier, Context, Envelope, Filter, MachineId, Outcome, Sequence, SessionLimits,
    Since, Stamp, StateMachine, Watch, client,
};
use serde::{Deserialize, Serialize};

const COUNT: u64 = 100_000;

/// Arms a timer for each command.
#[derive(Default, Serialize, Deserialize)]
struct Clock;

impl StateMachine for Clock {
    type Command = u64;
    type Answer = u64;
    type Query = ();
    type QueryAnswer = ();

    fn apply(&mut self, cx: &mut Context, secs: u64) -> u64 {
        if secs > 0 {
            cx.arm(std::time::Duration::from_secs(secs), Bytes::from_static(b"wake up"));
        }
        secs
    }

    fn query(&self, (): ()) {}
}

fn applier() -> Applier {
    let sessions_max = u32::try_from(COUNT).expect("not too many");
    Applier::new(Clock, SessionLimits { sessions_max, ..SessionLimits::default() })
}

fn apply(applier: &mut Applier, envelope: &Envelope<'_>) -> Outcome {
    let id = LogId { term: Term(1), index: applier.last_applied().index.next() };
    let run = Entries::new([Entry { id, payload: Payload::Command(envelope.encode()) }]);
    let mut applied = Applied::default();
    applier.apply(&run.expect("a run"), &mut applied).expect("nothing is lacking");
    Outcome::decode(&applied.answers[0].outcome).expect("an outcome")
}

/// How much more is held after this than before it.
fn held(act: impl FnOnce()) -> i64 {
    measure(act).bytes_current
}

fn for_each(bytes: i64) -> u64 {
    u64::try_from(bytes).expect("more is held") / COUNT
}

fn command(index: u64, stamp: Option<Stamp>) -> Vec<u8> {
    let bytes = postcard::to_allocvec(&index).expect("a number");
    let (machine, command) = (MachineId::FIRST, &bytes[..]);
    match stamp {
        Some(stamp) => Envelope::Apply { stamp, machine, command }.encode().to_vec(),
        None => Envelope::Sessionless { machine, command }.encode().to_vec(),
    }
}

#[test]
fn a_session_with_an_answer_that_is_kept_is_small() {
    let mut applier = applier();
    let held = held(|| {
        for nonce in 0..u128::from(COUNT) {
            let opened = apply(&mut applier, &Envelope::OpenSession { nonce });
            let Outcome::Opened { session, .. } = opened else { panic!("{opened:?}") };
            let stamp = Stamp { session, sequence: Sequence(0), ..Stamp::default() };
            let bytes = command(0, Some(stamp));
            let envelope = Envelope::decode(&bytes).expect("it was made so");
            assert!(matches!(apply(&mut applier, &envelope), Outcome::Applied(_)));
        }
    });
    let each = for_each(held);
    println!("{each} bytes for each of {COUNT} sessions");
    assert_eq!(applier.sessions().activity().count() as u64, COUNT);
    assert!(each <= 512, "{each} bytes for each session");
}

#[test]
fn a_subscription_that_waits_is_small() {
    let mut applier = applier();
    let held = held(|| {
        for subscriber in 0..COUNT {
            let topic = Bytes::from(format!("room/{subscriber}"));
            let (machine, filter) = (MachineId::FIRST, Filter::Topic(topic));
            let watch = Watch { machine, filter, since: Since::Entry(Index(0)), until: None };
            let mut applied = Applied::default();
            applier.watch(RequestId(subscriber), &client::watch(&watch), &mut applied);
            assert!(applied.reads.is_empty(), "it waits");
        }
    });
    let each = for_each(held);
    println!("{each} bytes for each of {COUNT} subscriptions");
    assert_eq!(applier.watches() as u64, COUNT);
    assert!(each <= 512, "{each} bytes for each subscription");
    let gone = measure(|| (0..COUNT).for_each(|id| applier.cancel_read(RequestId(id))));
    let left = held + gone.bytes_current;
    assert!(left < 64 << 10, "{left} bytes are left of those that are gone");
}

#[test]
fn a_timer_is_small() {
    let mut applier = applier();
    let held = held(|| {
        for secs in 1..=COUNT {
            let bytes = command(secs, None);
            apply(&mut applier, &Envelope::decode(&bytes).expect("it was made so"));
        }
    });
    let each = for_each(held);
    println!("{each} bytes for each of {COUNT} timers");
    assert_eq!(applier.timers() as u64, COUNT);
    assert!(each <= 256, "{each} bytes for each timer");
    assert_eq!(applier.last_applied().index, Index(COUNT));
}
