//! The engine that needs no special build.

use quorate_io_sim::direct::{self, Options, Report};

use crate::engine::{Engine, Failed, Passed};

/// Whole servers in one thread, see [`quorate_io_sim::direct`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Direct;

impl Engine for Direct {
    fn name(&self) -> &'static str {
        "direct"
    }

    fn run(&self, seed: u64, set: &[String]) -> Result<Passed, Failed> {
        let mut options = Options::from_seed(seed);
        for change in set {
            if let Err(error) = options.set(change) {
                let block = format!("{change}: {error}");
                return Err(Failed { property: "Options".to_owned(), block, files: Vec::new() });
            }
        }
        match direct::run(&options) {
            Ok(report) => Ok(passed(&report)),
            Err(failure) => {
                let property = format!("{:?}", failure.violation.property);
                let files = vec![
                    ("scenario.scn", failure.scenario.to_text()),
                    ("failure.txt", failure.to_string()),
                ];
                Err(Failed { property, block: failure.to_string(), files })
            }
        }
    }
}

fn passed(report: &Report) -> Passed {
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_world_of_the_engine() {
        let passed = Direct.run(3, &[]).expect("it holds");
        let report = direct::run(&Options::from_seed(3)).expect("it holds");
        assert_eq!((passed.digest, passed.events), (report.digest, report.events));
        assert!(passed.counts.contains(&("committed", report.committed)));
    }

    #[test]
    fn an_option_that_is_not_known_is_not_passed_over() {
        let failed = Direct.run(3, &["net.link.los_ppm=0".to_owned()]).expect_err("unknown");
        assert!(failed.block.contains("net.link.loss_ppm"), "{failed:?}");
    }
}
