//! The engine that needs no special build.

use std::time::Duration;

use quorate_io_sim::direct::{Options, Report};
use quorate_io_sim::lab::Violation;
use quorate_io_sim::scenario::{Plan, Scenario};

use crate::CampaignError;
use crate::coverage::Coverage;
use crate::draw::Draw;
use crate::engine::{Engine, Outcome, Passed};

/// Whole servers in one thread, see [`quorate_io_sim::direct`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Direct;

impl Engine for Direct {
    fn name(&self) -> &'static str {
        "direct"
    }

    fn run(&self, seed: u64, draw: &Draw) -> Result<Outcome, CampaignError> {
        let options = draw.options(seed)?;
        Ok(play(&Scenario::of(&options), &options))
    }

    fn play(&self, scenario: &Scenario) -> Result<Outcome, CampaignError> {
        Ok(play(scenario, &scenario.options))
    }

    fn violation(&self, scenario: &Scenario) -> Result<Option<Violation>, CampaignError> {
        Ok(scenario.violation())
    }

    fn idle(&self, servers: u64, span: Duration) -> Outcome {
        let options = Options::idle(servers, span);
        play(&Scenario { plan: Plan::default(), options: options.clone() }, &options)
    }
}

/// The options are those that the plan was drawn from.
fn play(scenario: &Scenario, options: &Options) -> Outcome {
    match scenario.run() {
        Ok(report) => {
            Ok(passed(&report, Coverage::of(options, &scenario.plan, Some(report.reached))))
        }
        Err(failure) => Err(Box::new((*failure).into())),
    }
}

fn passed(report: &Report, coverage: Coverage) -> Passed {
    let counts = [
        ("messages", report.messages),
        ("deliveries", report.deliveries),
        ("calls", report.calls),
        ("answered", report.answered),
        ("elections", report.elections as u64),
        ("committed", report.committed),
        ("starts", report.starts),
        ("crashes", report.crashes),
        ("torn", report.torn),
        ("disk failures", report.disk_failures),
        ("stops", report.stops),
        ("partitions", report.partitions),
        ("strikes", report.strikes),
    ];
    Passed {
        digest: report.digest,
        simulated: report.elapsed,
        events: report.events,
        undecided: report.undecided,
        counts: counts.into(),
        coverage,
    }
}

#[cfg(test)]
mod tests {
    use quorate_io_sim::direct;

    use super::*;

    #[test]
    fn a_seed_is_a_world_of_the_engine() {
        let outcome = Direct.run(3, &Draw::default()).expect("nothing was set");
        let passed = outcome.expect("it holds");
        let report = direct::run(&Options::from_seed(3)).expect("it holds");
        assert_eq!((passed.digest, passed.events), (report.digest, report.events));
        assert!(passed.counts.contains(&("committed", report.committed)));
    }
}
