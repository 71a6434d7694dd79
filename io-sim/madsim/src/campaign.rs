//! This engine in campaigns.

use quorate_campaign::{Engine, Failed, Passed};

use crate::{Options, Report, run};

/// Whole servers with their sockets and tasks, see the [crate].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Madsim;

impl Engine for Madsim {
    fn name(&self) -> &'static str {
        "madsim"
    }

    fn run(&self, seed: u64, set: &[String]) -> Result<Passed, Failed> {
        let mut options = Options::from_seed(seed);
        for change in set {
            if let Err(error) = options.world.set(change) {
                let block = format!("{change}: {error}");
                return Err(Failed { property: "Options".to_owned(), block, files: Vec::new() });
            }
        }
        run(&options).map(|report| passed(&report)).map_err(|failure| {
            let property = format!("{:?}", failure.violation.property);
            let block = failure.to_string();
            Failed { property, files: vec![("failure.txt", block.clone())], block }
        })
    }
}

fn passed(report: &Report) -> Passed {
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
    ];
    Passed {
        digest: report.digest,
        simulated: report.elapsed,
        events: report.deliveries,
        undecided: report.undecided,
        counts: counts.into(),
    }
}
