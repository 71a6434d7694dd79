//! This engine in campaigns.

use std::time::Duration;

use quorate_campaign::{CampaignError, Coverage, Draw, Engine, Outcome, Passed};
use quorate_io_sim::lab::Violation;
use quorate_io_sim::scenario::{Options, Plan, Scenario};

use crate::{Report, run_scenario};

/// Whole servers with their sockets and tasks, see the [crate].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Madsim;

impl Engine for Madsim {
    fn name(&self) -> &'static str {
        crate::ENGINE
    }

    fn run(&self, seed: u64, draw: &Draw) -> Result<Outcome, CampaignError> {
        let options = draw.options(seed)?;
        Ok(play(&Scenario::of(&options), &options))
    }

    fn play(&self, scenario: &Scenario) -> Result<Outcome, CampaignError> {
        Ok(play(scenario, &scenario.options))
    }

    fn violation(&self, scenario: &Scenario) -> Result<Option<Violation>, CampaignError> {
        Ok(crate::violation(scenario))
    }

    fn idle(&self, servers: u64, span: Duration) -> Outcome {
        let options = Options::idle(servers, span);
        play(&Scenario { plan: Plan::default(), options: options.clone() }, &options)
    }
}

/// The options are those that the plan was drawn from.
fn play(scenario: &Scenario, options: &Options) -> Outcome {
    match run_scenario(scenario) {
        Ok(report) => {
            let coverage = Coverage::of(options, &scenario.plan, Some(report.reached));
            Ok(passed(&report, coverage))
        }
        Err(failure) => Err(Box::new((*failure).into())),
    }
}

fn passed(report: &Report, coverage: Coverage) -> Passed {
    let counts = [
        ("inputs", report.events),
        ("messages", report.messages),
        ("calls", report.calls),
        ("answered", report.answered),
        ("elections", report.elections as u64),
        ("committed", report.committed),
        ("starts", report.starts),
        ("crashes", report.crashes),
        ("torn", report.torn),
        ("disk failures", report.disk_failures),
        ("stops", report.stopped),
        ("partitions", report.partitions),
        ("strikes", report.strikes()),
        ("strikes that met nobody", report.missed),
        ("abandoned", report.abandoned),
        ("renewed", report.renewed),
        ("errands", report.errands),
        ("errands in doubt", report.doubtful),
        ("held back", report.held_back),
        ("surveys", report.surveys),
        ("accepts failed", report.accepts_failed),
        ("belated answers", report.belated),
    ];
    Passed {
        digest: report.digest,
        simulated: report.elapsed,
        events: report.deliveries,
        undecided: report.undecided,
        counts: counts.into(),
        coverage,
    }
}
