//! Many timers at once, and what machines say of themselves.

use std::time::Duration;

use bytes::Bytes;
use quorate_core::{Entries, Entry, Index, LeaderTime, LogId, Payload, System, Term};
use quorate_sm::{Applied, Applier, Context, Kv, MachineId, SessionLimits, StateMachine, client};
use serde::{Deserialize, Serialize};

/// Arms timers; the answer is how many have fired.
#[derive(Default, Serialize, Deserialize)]
struct Bells(u64);

impl StateMachine for Bells {
    type Command = (u64, Duration);
    type Answer = u64;
    type Query = ();
    type QueryAnswer = u64;

    const BRIEF: bool = true;

    fn apply(&mut self, cx: &mut Context, (count, after): (u64, Duration)) -> u64 {
        for _ in 0..count {
            cx.arm(after, Bytes::new());
        }
        self.0
    }

    fn query(&self, (): ()) -> u64 {
        self.0
    }

    fn fire(&mut self, _: &mut Context, _: &[u8]) {
        self.0 += 1;
    }
}

const SECOND: Duration = Duration::from_secs(1);
const MACHINES: [MachineId; 2] = [MachineId(1), MachineId(2)];

fn bells() -> Applier {
    MACHINES.into_iter().fold(Applier::without_machines(SessionLimits::default()), |applier, id| {
        applier.with(id, if id == MACHINES[0] { "low" } else { "high" }, Bells::default())
    })
}

fn commit(applier: &mut Applier, payload: Payload) {
    let id = LogId { term: Term(1), index: applier.last_applied().index.next() };
    let run = Entries::new([Entry { id, payload }]).expect("a run");
    applier.apply(&run, &mut Applied::default()).expect("nothing is lacking");
}

fn arm(applier: &mut Applier, machine: MachineId, count: u64) {
    let command = client::sessionless::<Bells>(machine, &(count, SECOND));
    commit(applier, Payload::Command(command));
}

fn led(applier: &mut Applier, span: Duration) {
    commit(applier, Payload::System(System::Time(LeaderTime::new(span))));
}

/// How many of each machine's have fired.
fn fired(applier: &Applier) -> [u64; 2] {
    MACHINES.map(|id| {
        let outcome = applier.query(&client::query::<Bells>(id, &()));
        client::query_answer::<Bells>(&outcome).expect("a number")
    })
}

#[test]
fn so_many_timers_fire_in_an_entry_and_the_others_in_the_next_whatever_it_is() {
    let mut applier = bells();
    let founding = applier.founding().expect("a new log").encode();
    commit(&mut applier, Payload::Command(founding));
    arm(&mut applier, MACHINES[0], 1000);
    arm(&mut applier, MACHINES[1], 1100);
    assert_eq!(applier.timers(), 2100);
    led(&mut applier, SECOND - Duration::from_nanos(1));
    assert_eq!(fired(&applier), [0, 0]);
    led(&mut applier, SECOND);
    assert_eq!(fired(&applier), [1000, 24], "1,024 of them, of one machine after the other");
    commit(&mut applier, Payload::System(System::Noop));
    assert_eq!(fired(&applier), [1000, 1048]);
    assert_eq!(applier.timers(), 52);
    led(&mut applier, SECOND * 2);
    assert_eq!((fired(&applier), applier.timers()), ([1000, 1100], 0));
}

#[test]
fn machines_say_what_they_need_for_all_that_there_are() {
    let alone = || Applier::new(Bells::default(), SessionLimits::default());
    assert!(alone().is_brief() && !alone().needs_time());
    let with_store = alone().with(MachineId(9), "store", Kv::default());
    assert!(with_store.is_brief() && with_store.needs_time(), "the store expires keys");
    let with_slow = alone().with(MachineId(9), "slow", Slow);
    assert!(!with_slow.is_brief() && !with_slow.needs_time());
    assert_eq!(alone().last_applied().index, Index(0));
}

/// Says nothing of itself.
#[derive(Default, Serialize, Deserialize)]
struct Slow;

impl StateMachine for Slow {
    type Command = ();
    type Answer = ();
    type Query = ();
    type QueryAnswer = ();

    fn apply(&mut self, _: &mut Context, (): ()) {}

    fn query(&self, (): ()) {}
}
