//! This engine in campaigns.

use std::fs;
use std::path::Path;
use std::time::Duration;

use quorate_campaign::{CampaignError, Coverage, Draw, Engine, Failed, Outcome, Passed};
use quorate_io_sim::direct;
use quorate_io_sim::scenario::Plan;

use crate::report::Failure;
use crate::{Options, Report, run};

/// Whole servers with their sockets and tasks, see the [crate].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Madsim;

impl Engine for Madsim {
    fn name(&self) -> &'static str {
        "madsim"
    }

    fn run(&self, seed: u64, draw: &Draw) -> Result<Outcome, CampaignError> {
        let mut options = Options::from_seed(seed);
        let drawn = direct::Options::of_profile(seed, draw.profile());
        // What this engine draws otherwise stays as it is.
        let (chaos, window_bytes) = (options.world.chaos, options.world.net.window_bytes);
        options.world = drawn;
        options.world.chaos = options.world.chaos.min(chaos);
        options.world.net.window_bytes = window_bytes;
        draw.change(&mut options.world)?;
        Ok(outcome(&options))
    }

    fn idle(&self, servers: u64, span: Duration) -> Outcome {
        let options = Options::from_seed(0);
        let world = direct::Options::idle(servers, span);
        outcome(&Options { world, short_permille: 0, accept_fails_permille: 0, ..options })
    }
}

fn outcome(options: &Options) -> Outcome {
    match run(options) {
        Ok(report) => Ok(passed(&report, Coverage::of(&options.world, &Plan::default(), None))),
        Err(failure) => Err(Box::new(failed(*failure))),
    }
}

fn failed(failure: Failure) -> Failed {
    let violation = &failure.violation;
    let facts = format!(
        "violated  {:?}: {}\nevidence  {}\nevent     {}\nseed      {}\ntrace     {:016x}\n",
        violation.property,
        violation.property.statement(),
        violation.evidence,
        failure.step,
        failure.options.world.seed,
        failure.digest,
    );
    Failed {
        property: format!("{:?}", violation.property),
        digest: failure.digest,
        facts,
        trace: failure.trace.clone(),
        keep: Box::new(move |folder| keep(&failure, folder)),
    }
}

/// The options, and the last that happened.
fn keep(failure: &Failure, folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("options.txt"), format!("{:#?}\n", failure.options))?;
    let lines: String = failure.trace.iter().flat_map(|line| [line, "\n"]).collect();
    fs::write(folder.join("trace.txt"), lines)
}

fn passed(report: &Report, coverage: Coverage) -> Passed {
    let counts = [
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
        ("pauses", report.pauses),
        ("stalls", report.stalls),
        ("abandoned", report.abandoned),
        ("renewed", report.renewed),
        ("held back", report.held_back),
        ("surveys", report.surveys),
        ("accepts failed", report.accepts_failed),
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
