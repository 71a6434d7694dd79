//! `run`: a campaign, or a part of one.

use std::io;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use rustix::time::{ClockId, clock_gettime};

use crate::engine::{Engine, Failed};
use crate::progress::Progress;
use crate::seeds::{Seeds, Shard};
use crate::summary::{Fallen, Summary};
use crate::sweep::sweep;
use crate::{CampaignError, Found};

/// The name of the summary in the folder of a campaign.
pub(crate) const SUMMARY: &str = "summary.json";

/// How many seeds are run where nothing else is said.
const SEEDS: u64 = 1000;

/// Runs worlds from seeds and checks every one of them.
///
/// Each seed is a world of its own: servers, disks, a network, clients, and faults that strike them.
/// What fails is written to a folder, with the line that runs it again.
#[derive(Args, Debug)]
pub struct Run {
    /// A seed, or a range of them, as 0..1000
    #[arg(long, value_name = "A..B", conflicts_with = "fresh")]
    seeds: Option<Seeds>,
    /// Seeds that nobody has run before, from a random one on, which is printed
    #[arg(long, value_name = "COUNT")]
    fresh: Option<u64>,
    /// For how long worlds are begun, as 10m; without --seeds as many as there is time for
    #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME")]
    budget: Option<Duration>,
    /// Threads; one for each processor, if not given
    #[arg(long, value_name = "N")]
    jobs: Option<NonZero<usize>>,
    /// Which engine runs the worlds
    #[arg(long, default_value = "direct")]
    pub(crate) engine: String,
    /// Overrides an option of every seed, as net.link.loss_ppm=0; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// One part of several, as 2/16; /16 takes its number from JOB_COMPLETION_INDEX or
    /// SLURM_ARRAY_TASK_ID
    #[arg(long, value_name = "I/N", default_value = "0/1")]
    shard: Shard,
    /// Where the summary goes, and what failed
    #[arg(long, value_name = "DIR", default_value = "sim-out")]
    out: PathBuf,
    /// Goes on after a failure
    #[arg(long)]
    keep_going: bool,
    /// Shows no live line
    #[arg(long, short)]
    quiet: bool,
}

/// Runs a campaign on an engine.
///
/// # Errors
/// If the folder cannot be written.
pub fn run(args: &Run, engine: &dyn Engine) -> Result<Found, CampaignError> {
    let seeds = args.seeds();
    std::fs::create_dir_all(&args.out).map_err(|error| unwritten(&args.out, error))?;
    let named =
        if seeds.0.end == u64::MAX { format!("{}..", seeds.0.start) } else { seeds.to_string() };
    if args.seeds.is_none() {
        eprintln!("seeds {named}");
    }
    let mut summary = Summary::new(engine.name(), named, args.shard.to_string(), args.set.clone());
    let count = (seeds.0.end < u64::MAX).then(|| (seeds.0.end - seeds.0.start) / args.shard.count);
    let progress = Progress::new(count, args.quiet);
    let mut written = Ok(());
    let one = |seed| engine.run(seed, &args.set);
    sweep(seeds.0, args.shard, args.jobs(), one, |seed, result| {
        let end = match result {
            Ok(passed) => {
                summary.passed(&passed);
                ControlFlow::Continue(())
            }
            Err(failed) => {
                progress.print(&failed.block);
                let folder = args.out.join(format!("{}-{seed}", engine.name()));
                written = keep(&folder, &failed);
                let artefact = Some(folder.display().to_string());
                summary.failed(Fallen { seed, property: failed.property, artefact });
                if args.keep_going && written.is_ok() {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            }
        };
        progress.show(&summary);
        if args.budget.is_some_and(|budget| progress.elapsed() >= budget) {
            return ControlFlow::Break(());
        }
        end
    });
    summary.elapsed = progress.elapsed();
    summary.processor = processor_time();
    progress.finish();
    written?;
    let path = args.out.join(SUMMARY);
    let text = serde_json::to_string_pretty(&summary).expect("plain values");
    std::fs::write(&path, text + "\n").map_err(|error| unwritten(&path, error))?;
    println!("{}", crate::report::words(&summary));
    Ok(Found::of(&summary))
}

impl Run {
    /// What was asked for; a campaign with nothing but a budget is a fresh one without an end.
    fn seeds(&self) -> Seeds {
        if let Some(seeds) = &self.seeds {
            return seeds.clone();
        }
        match (self.fresh, self.budget) {
            (Some(count), _) => fresh(count),
            (None, Some(_)) => {
                let first = fresh(1).0.start;
                Seeds(first..u64::MAX)
            }
            (None, None) => Seeds(0..SEEDS),
        }
    }

    fn jobs(&self) -> NonZero<usize> {
        let all = || std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        self.jobs.unwrap_or_else(all)
    }
}

/// Seeds from a place that depends on the time: small enough to be read out.
fn fresh(count: u64) -> Seeds {
    let now = clock_gettime(ClockId::Realtime);
    let first = now.tv_sec.unsigned_abs() * 1000 + now.tv_nsec.unsigned_abs() / 1_000_000;
    Seeds(first..first.saturating_add(count.max(1)))
}

/// Writes all that is known of a failure.
fn keep(folder: &Path, failed: &Failed) -> Result<(), CampaignError> {
    std::fs::create_dir_all(folder).map_err(|error| unwritten(folder, error))?;
    for (name, text) in &failed.files {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| unwritten(&path, error))?;
    }
    Ok(())
}

fn unwritten(path: &Path, error: io::Error) -> CampaignError {
    CampaignError::Unwritten { path: path.to_owned(), error }
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(time.tv_sec.unsigned_abs(), nanos)
}
