//! Many worlds, one after the other and beside each other.

use std::ops::ControlFlow;
use std::time::Duration;

use clap::Args;
use rustix::time::{ClockId, clock_gettime};

use crate::CampaignError;
use crate::alarm;
use crate::draw::Draw;
use crate::engine::{Engine, Failed};
use crate::interrupt::Interrupt;
use crate::jobs::Jobs;
use crate::program::Program;
use crate::progress::Progress;
use crate::seeds::{Seeds, Shard};
use crate::summary::{Fallen, Summary};
use crate::sweep::sweep;

/// How many seeds are run where nothing else is said.
const SEEDS: u64 = 1000;

/// Which worlds are run, and how.
#[derive(Args, Debug)]
pub struct Worlds {
    /// A seed, or a range of them, as 0..1000, or 7.. for as many as there is time for
    #[arg(long, value_name = "A..B", conflicts_with = "fresh")]
    seeds: Option<Seeds>,
    /// So many seeds that nobody has run before, from one on that the time says, which is printed
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    fresh: Option<u64>,
    /// For how long worlds are begun, as 10m; alone, as many fresh seeds as there is time for
    #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME")]
    budget: Option<Duration>,
    #[command(flatten)]
    jobs: Jobs,
    /// Which engine runs the worlds
    #[arg(long, value_name = "NAME", default_value = "direct")]
    engine: String,
    #[command(flatten)]
    draw: Draw,
    /// Shows no live line
    #[arg(long, short)]
    quiet: bool,
}

/// A world that failed, with all that is known of it.
pub(crate) struct Casualty<'a> {
    pub(crate) seed: u64,
    pub(crate) failed: Box<Failed>,
    pub(crate) engine: &'a dyn Engine,
    /// The line that runs it again.
    pub(crate) replay: String,
}

impl Worlds {
    /// Runs the seeds of a part. What failed goes to `fell`, which says where it was kept, and
    /// whether that was enough; what it prints is printed beside the live line.
    pub(crate) fn run(
        &self,
        shard: Shard,
        program: &Program<'_>,
        mut fell: impl FnMut(Casualty<'_>, &Progress) -> Result<Fell, CampaignError>,
    ) -> Result<Summary, CampaignError> {
        let engine = program.engine(&self.engine)?;
        let seeds = self.seeds(shard)?;
        // What no seed can have is no counterexample, and is said before anything is run.
        self.draw.options(seeds.0.start)?;
        let interrupt = Interrupt::watch()?;
        if self.seeds.is_none() {
            eprintln!("seeds {seeds}");
        }
        let mut summary = Summary::new(engine.name(), &seeds, shard, &self.draw);
        let mut progress = Progress::new(summary.asked(), self.quiet);
        let mut trouble = Ok(());
        let again = |seed: &str| self.again(program, engine, seed);
        alarm::set(&self.again(program, engine, "SEED"));
        let one = |seed| alarm::watch(seed, || engine.run(seed, &self.draw));
        sweep(seeds.0, shard, self.jobs.count(), one, |seed, outcome| {
            let end = match outcome {
                Ok(Ok(passed)) => {
                    summary.passed(&passed);
                    Ok(ControlFlow::Continue(()))
                }
                Ok(Err(failed)) => {
                    let property = failed.property.clone();
                    let casualty =
                        Casualty { seed, failed, engine, replay: again(&seed.to_string()) };
                    fell(casualty, &progress).map(|fell| {
                        summary.failed(Fallen { seed, property, artefact: fell.artefact });
                        fell.then
                    })
                }
                Err(error) => Err(error),
            };
            progress.show(&summary);
            let is_over = interrupt.is_told()
                || self.budget.is_some_and(|budget| progress.elapsed() >= budget);
            match end {
                Ok(then) if !is_over => then,
                Ok(_) => ControlFlow::Break(()),
                Err(error) => {
                    // Of several, the first is told.
                    if trouble.is_ok() {
                        trouble = Err(error);
                    }
                    ControlFlow::Break(())
                }
            }
        });
        summary.elapsed = progress.elapsed();
        summary.processor = processor_time();
        summary.failures.sort();
        progress.finish();
        trouble.map(|()| summary)
    }

    /// What was asked for; a campaign with nothing but a budget is a fresh one without an end.
    fn seeds(&self, shard: Shard) -> Result<Seeds, CampaignError> {
        if shard != Shard::WHOLE && self.seeds.is_none() {
            return Err(CampaignError::Arguments {
                why: "--shard needs --seeds: all parts must be of one campaign",
            });
        }
        match (&self.seeds, self.fresh, self.budget) {
            (Some(seeds), _, None) if seeds.is_open() => Err(CampaignError::Arguments {
                why: "seeds without an end need --budget, as --seeds 7.. --budget 10m",
            }),
            (Some(seeds), ..) => Ok(seeds.clone()),
            (None, Some(count), _) => Ok(fresh(Some(count))),
            (None, None, Some(_)) => Ok(fresh(None)),
            (None, None, None) => Ok(Seeds(0..SEEDS)),
        }
    }

    /// The line that runs a seed again.
    fn again(&self, program: &Program<'_>, engine: &dyn Engine, seed: &str) -> String {
        let (choice, draw) = (program.choice(engine), self.draw.arguments());
        format!("{} replay {seed}{choice}{draw}", program.name)
    }
}

/// What is done about a world that failed.
pub(crate) struct Fell {
    pub(crate) artefact: Option<String>,
    pub(crate) then: ControlFlow<()>,
}

/// Seeds from a place that depends on the time: small enough to be read out. Without a count, there
/// is no end.
fn fresh(count: Option<u64>) -> Seeds {
    let now = clock_gettime(ClockId::Realtime);
    let first = now.tv_sec.unsigned_abs() * 1000 + now.tv_nsec.unsigned_abs() / 1_000_000;
    Seeds(first..count.map_or(u64::MAX, |count| first.saturating_add(count)))
}

/// What this process has taken.
pub(crate) fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(time.tv_sec.unsigned_abs(), nanos)
}
