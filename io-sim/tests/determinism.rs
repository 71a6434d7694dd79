//! The same seed is the same run, byte for byte, whatever else the process does; and a machine or a
//! workload that lets chance in does not go unnoticed.
#![allow(clippy::disallowed_types, reason = "the order of a hash set is what leaks in here")]

use std::collections::HashSet;
use std::thread;

use quorate_core::wire::Consistency;
use quorate_io_sim::direct::{self, Options};
use quorate_io_sim::lab::Property;
use quorate_io_sim::workload::{Broken, End, Request, Rng, Workload};
use quorate_sm::{Context, StateMachine};
use serde::{Deserialize, Serialize};

fn digest(seed: u64) -> u64 {
    direct::run(&Options::from_seed(seed)).expect("all properties hold").digest
}

/// Hash maps are seeded by thread, and what ran before leaves the heap in another state.
#[test]
fn a_world_is_the_same_alone_and_inside_a_sweep() {
    let alone = [5, 7].map(|seed| thread::spawn(move || digest(seed)).join().expect("it ran"));
    let sweep = |seeds: [u64; 4]| thread::spawn(move || seeds.map(digest));
    let sweeps = [sweep([7, 2, 5, 3]), sweep([4, 5, 1, 7])];
    let [first, second] = sweeps.map(|sweep| sweep.join().expect("it ran"));
    assert_eq!([first[2], first[0]], alone);
    assert_eq!([second[1], second[3]], alone);
}

/// Where chance comes in.
#[derive(Clone, Copy, PartialEq)]
enum Leak {
    Nowhere,
    Machine,
    Workload,
}

/// Keeps numbers, and names any one of them.
#[derive(Serialize, Deserialize)]
struct Bag {
    numbers: Vec<u64>,
    named: u64,
    #[serde(skip)]
    leaks: bool,
}

impl StateMachine for Bag {
    type Command = u64;
    type Answer = u64;
    type Query = ();
    type QueryAnswer = u64;

    fn apply(&mut self, _: &mut Context, number: u64) -> u64 {
        self.numbers.push(number);
        self.named = if self.leaks { any(&self.numbers) } else { self.numbers[0] };
        self.named
    }

    fn query(&self, (): ()) -> u64 {
        self.named
    }
}

/// The first in the order of a hash set.
fn any(numbers: &[u64]) -> u64 {
    let hashed: HashSet<_> = numbers.iter().copied().collect();
    hashed.into_iter().next().expect("there is one")
}

struct Naming {
    leak: Leak,
    asked: Vec<u64>,
}

impl Workload for Naming {
    type Machine = Bag;

    fn machine(&self) -> Bag {
        Bag { numbers: Vec::new(), named: 0, leaks: self.leak == Leak::Machine }
    }

    fn ask(&mut self, _: u16, rng: &mut Rng) -> Request<Bag> {
        if rng.chance(500) {
            return Request::Query((), Consistency::Linearizable);
        }
        self.asked.push(self.asked.len() as u64);
        let leaks = self.leak == Leak::Workload;
        Request::Command(if leaks { any(&self.asked) } else { self.asked.len() as u64 })
    }

    fn ended(&mut self, _: u16, _: End<Bag>) -> Result<(), Broken> {
        Ok(())
    }
}

fn run(leak: Leak) -> Result<direct::Report, Box<direct::Failure>> {
    direct::run_with(&Options::from_seed(3), || Naming { leak, asked: Vec::new() })
}

#[test]
fn a_workload_that_follows_the_order_of_a_hash_set_makes_another_run() {
    let same = [run(Leak::Nowhere), run(Leak::Nowhere)].map(|run| run.expect("it holds").digest);
    assert_eq!(same[0], same[1]);
    let other = [run(Leak::Workload), run(Leak::Workload)].map(|run| run.expect("it holds").digest);
    assert_ne!(other[0], other[1]);
}

/// Its replicas differ, and when what failed runs again they differ otherwise.
#[test]
fn a_machine_that_follows_the_order_of_a_hash_set_is_called_by_its_name() {
    let failure = run(Leak::Machine).expect_err("replicas name different numbers");
    assert_eq!(failure.violation.property, Property::Determinism, "{failure}");
    assert!(failure.violation.evidence.contains("before: "), "the first is named: {failure}");
}
