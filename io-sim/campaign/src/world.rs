//! Which world a command is about, and `replay`.

use std::path::{Path, PathBuf};

use clap::Args;
use quorate_io_sim::scenario::Scenario;

use crate::draw::{Draw, quoted};
use crate::engine::{Engine, Outcome, Passed};
use crate::output::print;
use crate::program::Program;
use crate::run::{block, brief};
use crate::{CampaignError, Found, alarm};

/// The name of a scenario in the folder of a failure.
const SCENARIO: &str = "scenario.scn";

/// Which world.
#[derive(Args, Debug)]
pub struct Source {
    /// A seed, the file of a scenario, or the folder of a failure
    #[arg(value_name = "SEED|FILE|DIR")]
    world: String,
    #[command(flatten)]
    draw: Draw,
}

impl Source {
    /// The seed, if it is one.
    fn seed(&self) -> Option<u64> {
        self.world.parse().ok()
    }

    /// Reads, or draws, the scenario. What strikes is drawn after options are changed.
    pub(crate) fn scenario(&self) -> Result<Scenario, CampaignError> {
        let scenario = match self.seed() {
            Some(seed) => Scenario::of(&self.draw.options(seed)?),
            None => {
                if self.draw.profile() != Draw::default().profile() {
                    return Err(CampaignError::Arguments {
                        why: "--profile is for seeds: a scenario says itself what strikes",
                    });
                }
                let path = self.path();
                let none = |why: &dyn std::fmt::Display| CampaignError::World {
                    path: path.clone(),
                    why: why.to_string(),
                };
                let text = std::fs::read_to_string(&path).map_err(|why| none(&why))?;
                let mut read = Scenario::parse(&text).map_err(|why| none(&why))?;
                self.draw.change(&mut read.options)?;
                read
            }
        };
        let unfit = |why: &dyn std::fmt::Display| CampaignError::Option {
            why: why.to_string(),
            seed: scenario.options.seed,
        };
        scenario.check().map_err(|why| unfit(&why))?;
        Ok(scenario)
    }

    fn path(&self) -> PathBuf {
        let path = Path::new(&self.world);
        if path.is_dir() { path.join(SCENARIO) } else { path.to_owned() }
    }

    /// Runs it.
    fn run(&self, engine: &dyn Engine) -> Result<Outcome, CampaignError> {
        match self.seed() {
            Some(seed) => engine.run(seed, &self.draw),
            None => engine.play(&self.scenario()?),
        }
    }

    /// The line of a command about it.
    pub(crate) fn line(&self, program: &Program<'_>, command: &str) -> String {
        format!("{} {command} {}{}", program.name, quoted(&self.world), self.draw.arguments())
    }
}

/// Runs one world again, from its seed or its scenario: the same run, byte for byte.
///
/// The trace is a hash of everything that happened: equal traces, equal runs. Of what fails, the last
/// that happened is shown.
#[derive(Args, Debug)]
pub struct Replay {
    #[command(flatten)]
    source: Source,
    /// Which engine runs it
    #[arg(long, value_name = "NAME", default_value = "direct")]
    engine: String,
}

/// Replays.
///
/// # Errors
/// If the scenario cannot be read, or makes no sense.
pub fn replay(args: &Replay, program: &Program<'_>) -> Result<Found, CampaignError> {
    let engine = program.engine(&args.engine)?;
    let line = args.source.line(program, "replay") + &program.choice(engine);
    alarm::set(&line);
    match alarm::watch(args.source.seed().unwrap_or(0), || args.source.run(engine))? {
        Ok(passed) => {
            print(&(held(&passed, engine.name()) + "\n"))?;
            Ok(if passed.undecided == 0 { Found::Nothing } else { Found::Undecided })
        }
        Err(failed) => {
            let block = brief(&block(&failed, engine.name(), &line, None));
            print(&format!("{}\n\n{block}\n", failed.trace.join("\n")))?;
            Ok(Found::Counterexample)
        }
    }
}

/// What a world came to in which everything held.
fn held(passed: &Passed, engine: &str) -> String {
    let counts: Vec<_> =
        passed.counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let verdict = if passed.undecided == 0 {
        "everything"
    } else {
        "everything but a history too hard to judge"
    };
    format!(
        "holds     {verdict}\ntrace     {:016x}\nengine    {engine}\ntime      {:.6} s simulated, {} events\ncounted   {}",
        passed.digest,
        passed.simulated.as_secs_f64(),
        passed.events,
        counts.join(", ")
    )
}
