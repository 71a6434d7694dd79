//! A world runs whatever machine it is given, and hears what that machine's author demands.

use quorate_core::wire::Consistency;
use quorate_io_sim::direct::{self, Options};
use quorate_io_sim::lab::Property;
use quorate_io_sim::workload::{Broken, End, Judgement, Look, Request, Rng, Workload};

#[path = "support/sum.rs"]
mod sum;

use sum::Sum;

/// What is demanded of the sum beside the truth.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Demand {
    Nothing,
    NoAnswerAbove(u64),
    NothingInTheEnd,
}

/// Clients add ones; the sum lies between what certainly took effect and what may have.
struct Adding {
    demand: Demand,
    done: u64,
    unknown: u64,
}

impl Workload for Adding {
    type Machine = Sum;

    fn machine(&self) -> Sum {
        Sum(0)
    }

    fn ask(&mut self, _: u16, rng: &mut Rng) -> Request<Sum> {
        if rng.chance(300) {
            Request::Query((), Consistency::Linearizable)
        } else {
            self.unknown += 1;
            Request::Command(1)
        }
    }

    fn ended(&mut self, _: u16, end: End<Sum>) -> Result<(), Broken> {
        match (end, self.demand) {
            (End::Answered(sum), Demand::NoAnswerAbove(most)) if sum > most => {
                Err(Broken::new(format!("the sum is {sum}")))
            }
            (End::Answered(_), _) => {
                (self.unknown, self.done) = (self.unknown - 1, self.done + 1);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn judge(&mut self, look: Look<'_, Sum>) -> Result<Judgement, Broken> {
        let sum = look(&());
        let may_be = self.done..=self.done + self.unknown;
        match self.demand {
            Demand::NothingInTheEnd => Err(Broken::new("there is a sum")),
            _ if may_be.contains(&sum) => Ok(Judgement::Sound),
            _ => Err(Broken::new(format!("{sum} is not in {may_be:?}"))),
        }
    }
}

fn run(seed: u64, demand: Demand) -> Result<direct::Report, Box<direct::Failure>> {
    let adding = || Adding { demand, done: 0, unknown: 0 };
    direct::run_with(&Options::from_seed(seed), adding)
}

#[test]
fn a_machine_of_ones_own_lives_through_many_worlds() {
    for seed in 0..4 {
        let report = run(seed, Demand::Nothing).unwrap_or_else(|failure| panic!("{failure}"));
        assert!(report.answered > 0, "{report:?}");
        assert_eq!(Ok(report), run(seed, Demand::Nothing).map_err(|failure| failure.to_string()));
    }
}

#[test]
fn what_its_author_demands_is_checked() {
    for demand in [Demand::NoAnswerAbove(3), Demand::NothingInTheEnd] {
        let failure = run(3, demand).expect_err("it cannot hold");
        assert_eq!(failure.violation.property, Property::WorkloadHolds, "{demand:?}: {failure}");
    }
}
