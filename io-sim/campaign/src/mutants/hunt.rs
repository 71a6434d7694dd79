//! Builds the simulator with a bug in it, and runs worlds until one notices.

use std::fmt;
use std::fs::{self, File};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use quorate_io_sim::scenario::Scenario;

use super::mutant::Mutant;
use super::workshop::Workshop;
use crate::CampaignError;
use crate::files::{make, read, unread, unwritten};
use crate::seeds::Seeds;
use crate::summary::Summary;

/// How much longer than its budget a campaign may take, because a world that has begun is brought
/// to its end.
const GRACE: Duration = Duration::from_secs(60);

/// What came of a bug.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Outcome {
    /// A check noticed it.
    Caught {
        property: String,
        seed: u64,
        /// How many worlds were needed.
        seeds: u64,
        processor: Duration,
        /// What is left of that world when it is made as small as it gets.
        least: Option<Least>,
    },
    /// No check did.
    Survived { seeds: u64, processor: Duration },
    /// The sources with the bug are no program.
    NotBuilt,
    /// A world did not come to its end.
    Hung,
    /// The program died, and no check could say why.
    Died(ExitStatus),
}

/// The size of a world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Least {
    /// What strikes from outside.
    pub(super) actions: usize,
    pub(super) servers: u16,
    pub(super) clients: u16,
    /// For how long faults strike.
    pub(super) chaos: Duration,
}

impl Least {
    fn of(scenario: &Scenario) -> Self {
        let options = &scenario.options;
        Self {
            actions: scenario.plan.actions().len(),
            servers: options.servers(),
            clients: options.callers,
            chaos: options.chaos,
        }
    }
}

impl fmt::Display for Least {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { actions, servers, clients, chaos } = self;
        let chaos = chaos.as_secs_f64();
        write!(f, "{actions} strikes, {servers} servers, {clients} clients, {chaos:.1} s")
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caught { property, seed, seeds, processor, least } => {
                let seconds = processor.as_secs_f64();
                write!(f, "{property}, seed {seed}: {seeds} seeds, {seconds:.1} s")?;
                match least {
                    Some(least) => write!(f, "; shrunk to {least}"),
                    None => Ok(()),
                }
            }
            Self::Survived { seeds, processor } => {
                write!(f, "survived: {seeds} seeds, {:.1} s", processor.as_secs_f64())
            }
            Self::NotBuilt => write!(f, "does not compile"),
            Self::Hung => write!(f, "hung: no check, but a world without an end"),
            Self::Died(status) => write!(f, "died: no check, but {status}"),
        }
    }
}

/// How bugs are looked for.
pub(super) struct Hunt<'a> {
    pub(super) workshop: &'a Workshop,
    pub(super) budget: Duration,
    /// For how long the world that noticed a bug is made smaller.
    pub(super) shrink: Duration,
    pub(super) jobs: NonZero<usize>,
    pub(super) seeds: &'a Seeds,
}

impl Hunt<'_> {
    /// Builds the simulator without a bug, and keeps it to compare with.
    pub(super) fn prepare(&self) -> Result<(), CampaignError> {
        make(&self.workshop.out)?;
        let log = self.workshop.out.join("sound.log");
        if !self.build(&log)? {
            return Err(unread(
                &self.workshop.sources,
                &format!("it does not compile; see {}", log.display()),
            ));
        }
        let sound = self.sound();
        fs::copy(self.program(), &sound).map_err(|error| unwritten(&sound, error))?;
        Ok(())
    }

    /// Puts a bug back and waits for what notices it.
    pub(super) fn hunt(
        &self,
        mutant: &Mutant,
        stage: impl Fn(&str),
    ) -> Result<Outcome, CampaignError> {
        let out = self.workshop.out.join(&mutant.name);
        if out.exists() {
            fs::remove_dir_all(&out).map_err(|error| unwritten(&out, error))?;
        }
        make(&out)?;
        stage("is built");
        let sick = out.join("campaign");
        let is_built = self.workshop.with(mutant, || {
            let is_built = self.build(&out.join("build.log"))?;
            if is_built {
                fs::copy(self.program(), &sick).map_err(|error| unwritten(&sick, error))?;
            }
            Ok(is_built)
        })?;
        if !is_built {
            return Ok(Outcome::NotBuilt);
        }
        stage("is looked for");
        let mut outcome = self.look(&sick, &out, mutant)?;
        if let Outcome::Caught { seed, least, .. } = &mut outcome
            && !self.shrink.is_zero()
        {
            stage("is made small");
            *least = self.shrunk(&sick, &out, mutant, *seed)?;
        }
        fs::remove_file(&sick).map_err(|error| unwritten(&sick, error))?;
        Ok(outcome)
    }

    /// Runs worlds until one fails that holds without the bug: any other has not noticed it.
    fn look(&self, sick: &Path, out: &Path, mutant: &Mutant) -> Result<Outcome, CampaignError> {
        let (began, first) = (Instant::now(), self.seeds.0.start);
        let mut seeds = self.seeds.clone();
        let mut spent = Duration::ZERO;
        loop {
            let left = self.budget.saturating_sub(began.elapsed());
            if left.is_zero() || seeds.0.is_empty() {
                return Ok(Outcome::Survived { seeds: seeds.0.start - first, processor: spent });
            }
            match self.campaign(sick, out, mutant, &seeds, left)? {
                Outcome::Caught { property, seed, processor, .. } => {
                    spent += processor;
                    let alone = Seeds(seed..seed + 1);
                    let (program, folder) = (self.sound(), out.join("sound"));
                    let sound = self.campaign(&program, &folder, mutant, &alone, left)?;
                    if let Outcome::Survived { .. } = sound {
                        let seeds = seed - first + 1;
                        let (processor, least) = (spent, None);
                        return Ok(Outcome::Caught { property, seed, seeds, processor, least });
                    }
                    seeds.0.start = seed + 1;
                }
                Outcome::Survived { seeds: more, processor } => {
                    let seeds = seeds.0.start - first + more;
                    return Ok(Outcome::Survived { seeds, processor: spent + processor });
                }
                outcome => return Ok(outcome),
            }
        }
    }

    /// Says whether there is a program. The build of the tests is ready sooner: more time goes by with
    /// building than with worlds.
    fn build(&self, log: &Path) -> Result<bool, CampaignError> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .args(["build", "--locked", "-p", "quorate-campaign"])
            .args(["--example", "campaign", "--jobs", &self.jobs.to_string()])
            .arg("--target-dir")
            .arg(&self.workshop.target)
            .current_dir(&self.workshop.sources);
        Ok(self.wait(command, log, None)?.is_some_and(|status| status.success()))
    }

    /// Runs worlds until the first failure, or until the time is over.
    fn campaign(
        &self,
        program: &Path,
        out: &Path,
        mutant: &Mutant,
        seeds: &Seeds,
        budget: Duration,
    ) -> Result<Outcome, CampaignError> {
        make(out)?;
        let mut command = Command::new(program);
        command
            .args(["run", "--quiet", "--seeds", &seeds.to_string()])
            .args(["--budget", &humantime::format_duration(budget).to_string()])
            .args(["--jobs", &self.jobs.to_string()])
            .args(mutant.changes())
            .arg("--out")
            .arg(out)
            .current_dir(&self.workshop.out);
        let status = self.wait(command, &out.join("run.log"), Some(budget + GRACE))?;
        let Some(status) = status else { return Ok(Outcome::Hung) };
        if !Summary::is_in(out) {
            return Ok(Outcome::Died(status));
        }
        let summary = Summary::read(out)?;
        let processor = summary.processor;
        // Seeds begin in order, and what has begun is brought to its end: all before the first
        // that failed were run, on however many threads.
        Ok(match summary.failures.iter().min_by_key(|fallen| fallen.seed) {
            Some(first) => Outcome::Caught {
                property: first.property.clone(),
                seed: first.seed,
                seeds: first.seed - seeds.0.start + 1,
                processor,
                least: None,
            },
            None => Outcome::Survived { seeds: summary.ran, processor },
        })
    }

    /// What is left of a world that noticed a bug; nothing if it could not be made small in time.
    fn shrunk(
        &self,
        sick: &Path,
        out: &Path,
        mutant: &Mutant,
        seed: u64,
    ) -> Result<Option<Least>, CampaignError> {
        let least = out.join("min.scn");
        let mut command = Command::new(sick);
        command
            .args(["minimize", &seed.to_string()])
            .args(["--budget", &humantime::format_duration(self.shrink).to_string()])
            .args(mutant.changes())
            .arg("--out")
            .arg(&least)
            .current_dir(&self.workshop.out);
        self.wait(command, &out.join("minimize.log"), Some(self.shrink + GRACE))?;
        if !least.exists() {
            return Ok(None);
        }
        let scenario = Scenario::parse(&read(&least)?).map_err(|why| unread(&least, &why))?;
        Ok(Some(Least::of(&scenario)))
    }

    /// Runs a command to its end; `None` if it took too long.
    fn wait(
        &self,
        mut command: Command,
        log: &Path,
        longest: Option<Duration>,
    ) -> Result<Option<ExitStatus>, CampaignError> {
        let file = File::create(log).map_err(|error| unwritten(log, error))?;
        let again = file.try_clone().map_err(|error| unwritten(log, error))?;
        command.stdin(Stdio::null()).stdout(file).stderr(again);
        let program = PathBuf::from(command.get_program());
        let failed = |error| unread(&program, &error as &dyn fmt::Display);
        let mut child = command.spawn().map_err(failed)?;
        let began = Instant::now();
        loop {
            if let Some(status) = child.try_wait().map_err(failed)? {
                return Ok(Some(status));
            }
            if longest.is_some_and(|longest| began.elapsed() > longest) {
                child.kill().map_err(failed)?;
                child.wait().map_err(failed)?;
                return Ok(None);
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn program(&self) -> PathBuf {
        self.workshop.target.join("debug/examples/campaign")
    }

    fn sound(&self) -> PathBuf {
        self.workshop.out.join("sound")
    }
}
