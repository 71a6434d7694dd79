//! Time, timers, events and sequential reads in worlds full of faults.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use quorate_io_sim::direct::{self, Options};
use quorate_io_sim::workload::{
    BellWorkload, Broken, End, Judgement, Look, Request, Rng, Workload,
};
use quorate_sm::StateMachine;

type Tower = <BellWorkload as Workload>::Machine;
type Glance = <Tower as StateMachine>::QueryAnswer;

/// What a run came to: how often bells rang, and how many rings were heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Tally {
    rings: u64,
    heard: usize,
}

/// The bells, and a word of what came of them.
struct Counted(BellWorkload, Arc<Mutex<Tally>>);

impl Workload for Counted {
    type Machine = Tower;

    fn machine(&self) -> Tower {
        self.0.machine()
    }

    fn ask(&mut self, client: u16, rng: &mut Rng) -> Request<Tower> {
        self.0.ask(client, rng)
    }

    fn ended(&mut self, client: u16, end: End<Tower>) -> Result<(), Broken> {
        self.0.ended(client, end)
    }

    fn check(tower: &Tower) -> Result<(), Broken> {
        BellWorkload::check(tower)
    }

    fn judge(&mut self, look: Look<'_, Tower>) -> Result<Judgement, Broken> {
        let Glance { rings, .. } = look(&());
        *self.1.lock().unwrap() = Tally { rings, heard: self.0.heard() };
        self.0.judge(look)
    }
}

fn run(seed: u64) -> Tally {
    let mut options = Options::from_seed(seed);
    options.raft.time_resolution_ms = NonZeroU32::new(10);
    let tally = Arc::default();
    let counted = || Counted(BellWorkload::default(), Arc::clone(&tally));
    direct::run_with(&options, counted).unwrap_or_else(|failure| panic!("{failure}"));
    *tally.lock().unwrap()
}

#[test]
fn bells_ring_in_time_and_are_heard_in_order_whatever_fails() {
    let sum = (0..24).map(run).fold(Tally::default(), |sum, tally| Tally {
        rings: sum.rings + tally.rings,
        heard: sum.heard + tally.heard,
    });
    assert!(sum.rings > 2000 && sum.heard > 1000, "{sum:?}");
    assert_eq!(run(3), run(3));
}

/// As campaigns have them.
#[test]
fn bells_are_asked_for_by_name() {
    let mut options = Options::from_seed(4);
    let kv = direct::run(&options).unwrap_or_else(|failure| panic!("{failure}"));
    options.set("calling.workload=bells").expect("there is such an option");
    let by_name = direct::run(&options).unwrap_or_else(|failure| panic!("{failure}"));
    let by_hand = direct::run_with(&options, BellWorkload::default).expect("the same");
    assert_eq!(by_name.digest, by_hand.digest);
    assert_ne!(by_name.digest, kv.digest);
    assert!(options.set("calling.workload=belles").is_err());
}
