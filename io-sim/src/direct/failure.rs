//! A run in which a check did not hold, with all that is needed to see it again.

use core::time::Duration;
use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use crate::history::History;
use crate::judge::Violation;
use crate::replay::Collapse;
use crate::scenario::Scenario;

/// A run in which a check did not hold, with all that is needed to see it again.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The engine on which it was run, by its name.
    pub engine: &'static str,
    /// What was run.
    pub scenario: Scenario,
    /// What did not hold.
    pub violation: Violation,
    /// How much had happened.
    pub event: u64,
    /// Simulated time.
    pub elapsed: Duration,
    /// Hash of everything that had happened.
    pub digest: u64,
    /// The last that happened.
    pub trace: Vec<String>,
    /// What the clients saw, if the workload records that.
    pub history: Option<History>,
}

/// This engine, which runs what is not said to be run on another.
pub(super) const ENGINE: &str = "direct";

/// The names of the files that a failure leaves.
const SCENARIO: &str = "scenario.scn";
const TRACE: &str = "trace.txt";
const FAILURE: &str = "failure.txt";
const HISTORY: &str = "history.jsonl";

impl Failure {
    /// The run of a scenario that did not come to its end, and what its clients saw.
    pub fn new(
        engine: &'static str,
        scenario: &Scenario,
        collapse: Collapse,
        history: Option<History>,
    ) -> Self {
        let Collapse { violation, trace } = collapse;
        Self {
            engine,
            scenario: scenario.clone(),
            violation,
            event: trace.len(),
            elapsed: Duration::from_nanos(trace.now()),
            digest: trace.digest(),
            trace: trace.into_lines(),
            history,
        }
    }

    /// The seed of the world.
    pub fn seed(&self) -> u64 {
        self.scenario.options.seed
    }

    /// What happened in a few lines, the last of which runs it again from the scenario's file.
    pub fn block(&self, file: &str) -> String {
        let Self { engine, scenario, violation, event, elapsed, digest, .. } = self;
        let Violation { property, evidence } = violation;
        let (seconds, seed) = (elapsed.as_secs_f64(), scenario.options.seed);
        let on = if *engine == ENGINE { String::new() } else { format!("--engine {engine} ") };
        let mut block = String::new();
        for (name, value) in [
            ("violated", format!("{property:?}: {}", property.statement())),
            ("evidence", evidence.clone()),
            ("event", format!("{event}, at {seconds:.6} s")),
            ("seed", seed.to_string()),
            ("scenario", format!("{:016x}", scenario.digest())),
            ("trace", format!("{digest:016x}")),
            ("replay", format!("cargo sim replay {on}{file}")),
        ] {
            writeln!(block, "{name:<8}  {value}").expect("a string takes all");
        }
        block
    }

    /// The line's argument that runs it again: the seed, if that is all there is to it.
    fn replayed_from(&self) -> String {
        let seed = self.scenario.options.seed;
        let is_drawn = self.scenario == Scenario::from_seed(seed);
        if is_drawn { seed.to_string() } else { SCENARIO.to_owned() }
    }

    /// Writes all there is to a folder, which is made if it is not there: the scenario, the last of
    /// what happened, what did not hold, and what the clients saw, as
    /// [`history`](crate::history) files are.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write_to(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let scenario = folder.join(SCENARIO);
        fs::write(&scenario, self.scenario.to_text())?;
        let lines: String = self.trace.iter().flat_map(|line| [line, "\n"]).collect();
        fs::write(folder.join(TRACE), lines)?;
        fs::write(folder.join(FAILURE), self.block(&scenario.display().to_string()))?;
        let Some(history) = &self.history else { return Ok(()) };
        let mut file = BufWriter::new(File::create(folder.join(HISTORY))?);
        history.write_to(&mut file)?;
        file.flush()
    }
}

impl fmt::Display for Failure {
    /// The last that happened, the scenario, and the [`block`](Self::block).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.trace {
            writeln!(f, "{line}")?;
        }
        let from = self.replayed_from();
        if from == SCENARIO {
            writeln!(f, "\n# {SCENARIO}\n{}", self.scenario.to_text())?;
        }
        write!(f, "\n{}", self.block(&from))
    }
}

impl std::error::Error for Failure {}
