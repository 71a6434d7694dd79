//! This engine in campaigns.

use quorate_campaign::{Engine, Failed, Passed};
use quorate_io_sim::engine::Failure;
use quorate_io_sim::scenario::Options;

use crate::{Report, run};

/// Whole servers with their sockets and tasks, see the [crate].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Madsim;

impl Engine for Madsim {
    fn name(&self) -> &'static str {
        crate::ENGINE
    }

    fn run(&self, seed: u64, set: &[String]) -> Result<Passed, Failed> {
        let mut options = Options::from_seed(seed);
        for change in set {
            if let Err(error) = options.set(change) {
                let block = format!("{change}: {error}");
                return Err(Failed { property: "Options".to_owned(), block, files: Vec::new() });
            }
        }
        run(&options).map(|report| passed(&report)).map_err(|failure| failed(&failure))
    }
}

fn failed(failure: &Failure) -> Failed {
    let block = failure.to_string();
    let files = vec![("scenario.scn", failure.scenario.to_text()), ("failure.txt", block.clone())];
    Failed { property: format!("{:?}", failure.violation.property), block, files }
}

fn passed(report: &Report) -> Passed {
    let counts = [
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
    }
}
