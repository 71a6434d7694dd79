//! The simulation act: worlds from seeds, in as much time as there is, and worlds that lie.
//!
//! Two kinds of worlds. Those of bare cores take milliseconds, so that some thousands of them fit into
//! seconds. Those of whole servers, with disks, a network and clients, take a hundred times as long.
//! The latter run in processes of their own, as anybody can run them by hand.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use quorate_campaign::{Jobs, Shard, Summary, sweep};
use quorate_io_sim::lab;
use quorate_io_sim::scenario::{Sabotage, Scenario};
use quorate_io_sim::{direct, show};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::talk;

/// What came of worlds of bare cores.
pub(super) struct Cores {
    pub(super) seeds: u64,
    pub(super) sum: lab::Report,
    pub(super) took: Duration,
    /// The first that failed, in words.
    pub(super) failure: Option<String>,
}

/// Runs worlds of bare cores, from seed 0 on, for so long.
pub(super) fn cores(span: Duration) -> Cores {
    let began = Instant::now();
    let mut cores = Cores { seeds: 0, sum: lab::Report::default(), took: span, failure: None };
    let line = line();
    let run = |seed| lab::run(&lab::Options::from_seed(seed));
    sweep(0..u64::MAX, Shard::WHOLE, Jobs::default().count(), run, |_, outcome| {
        cores.seeds += 1;
        match outcome {
            Ok(report) => cores.sum += report,
            Err(failure) => {
                let words = || failure.to_string();
                cores.failure.get_or_insert_with(words);
            }
        }
        line.set_message(format!("bare cores: {} seeds", cores.seeds));
        line.tick();
        let is_enough = cores.failure.is_some() || began.elapsed() >= span;
        if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    line.finish_and_clear();
    cores.took = began.elapsed();
    cores
}

/// Runs worlds of whole servers, from seed 0 on, for so long.
pub(super) fn servers(folder: &Path, span: Duration) -> Result<Summary, Box<Diagnostic>> {
    let budget = format!("{}ms", span.as_millis());
    let out = folder.join("servers");
    let ran = sim(&out, &["--seeds", "0..", "--budget", &budget])?;
    read(&out).map_err(|why| why.help(ran))
}

/// The worlds that the control runs: short, and lively enough for any lie to matter.
const CONTROL: [&str; 4] = ["membership=3", "chaos=2s", "nemesis.every=1s", "nemesis.power=1"];
/// The lie whose run is drawn.
const PICTURED: &str = "altered-answers";
/// So many worlds may miss a lie.
const CONTROL_SEEDS: &str = "0..60";

/// A lie that was told on purpose, and what noticed it.
pub(super) struct Lie {
    /// Its name as an option's value.
    pub(super) name: &'static str,
    /// What it is, in a sentence.
    pub(super) what: &'static str,
    /// The property that did not hold, and the seed.
    pub(super) noticed: Option<(String, u64)>,
    /// How many worlds were run.
    pub(super) seeds: u64,
    folder: PathBuf,
}

/// All lies.
const LIES: [(Sabotage, &str, &str); 8] = [
    (Sabotage::LyingDisks, "lying-disks", "every tenth write never reaches its disk"),
    (Sabotage::ForgottenVotes, "forgotten-votes", "a restarted server has forgotten its vote"),
    (Sabotage::AlteredAnswers, "altered-answers", "clients are told other values than there are"),
    (Sabotage::ForgottenWrites, "forgotten-writes", "clients are told of writes that nobody did"),
    (Sabotage::Forgets, "forgets", "one state machine loses its state now and then"),
    (Sabotage::NeverHeals, "never-heals", "when all faults should end, nobody hears anybody"),
    (Sabotage::NeverHealsTheRest, "never-heals-the-rest", "some servers stay cut off for ever"),
    (Sabotage::Regicide, "regicide", "when all is quiet, the leader is cut off"),
];

/// The negative control.
pub(super) struct Control {
    pub(super) lies: Vec<Lie>,
    /// Does everything hold in the same worlds where nobody lies?
    pub(super) is_honest_sound: bool,
}

/// Tells every lie until it is noticed, or there are no seeds left.
pub(super) fn control(folder: &Path) -> Result<Control, Box<Diagnostic>> {
    let line = line();
    let told = LIES.map(|(_, name, what)| {
        line.set_message(format!("worlds that lie: {what}"));
        line.tick();
        tell(folder, name, what)
    });
    line.finish_and_clear();
    let lies = told.into_iter().collect::<Result<Vec<_>, _>>()?;
    let last = lies.iter().filter_map(|lie| Some(lie.noticed.as_ref()?.1)).max().unwrap_or(0);
    let (out, seeds) = (folder.join("honest"), format!("0..{}", last + 1));
    sim(&out, &arguments(&seeds, None))?;
    let is_honest_sound = Summary::is_in(&out) && read(&out)?.failures.is_empty();
    Ok(Control { lies, is_honest_sound })
}

fn arguments<'a>(seeds: &'a str, lie: Option<&'a str>) -> Vec<&'a str> {
    let sets = CONTROL.iter().copied().chain(lie).flat_map(|set| ["--set", set]);
    ["--quiet", "--seeds", seeds].into_iter().chain(sets).collect()
}

fn tell(folder: &Path, name: &'static str, what: &'static str) -> Result<Lie, Box<Diagnostic>> {
    let out = folder.join(name);
    let lie = format!("sabotage={name}");
    let ran = sim(&out, &arguments(CONTROL_SEEDS, Some(&lie)))?;
    let (noticed, seeds) = if Summary::is_in(&out) {
        let summary = read(&out)?;
        let first = summary.failures.first().map(|first| (first.property.clone(), first.seed));
        let seeds = first.as_ref().map_or(summary.ran, |(_, seed)| seed + 1);
        (first, seeds)
    } else {
        // A program that does not survive a panic says no more than which world it was.
        let value =
            |name: &str| ran.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let property = value("violated").and_then(|words| words.split(':').next());
        let seed = value("seed ").and_then(|seed| seed.parse::<u64>().ok());
        (property.map(str::to_owned).zip(seed), seed.map_or(0, |seed| seed + 1))
    };
    Ok(Lie { name, what, noticed, seeds, folder: out })
}

impl Lie {
    /// The command that tells it again.
    pub(super) fn command(&self) -> String {
        let sets: String = CONTROL.iter().map(|set| format!(" --set {set}")).collect();
        format!("quorate sim run --seeds {CONTROL_SEEDS}{sets} --set sabotage={}", self.name)
    }
}

/// What is drawn of a run that went wrong.
pub(super) struct Picture {
    pub(super) what: &'static str,
    pub(super) property: String,
}

/// Draws the run of a lie to clients: answers that no order explains.
pub(super) fn picture(lies: &[Lie], file: &Path) -> Result<Option<Picture>, Box<Diagnostic>> {
    let lie = lies.iter().find(|lie| lie.name == PICTURED);
    let Some((lie, (_, seed))) = lie.and_then(|lie| Some((lie, lie.noticed.as_ref()?))) else {
        return Ok(None);
    };
    let scenario = lie.folder.join(format!("direct-{seed}/scenario.scn"));
    let text = fs::read_to_string(&scenario).map_err(|error| failed(&scenario, &error))?;
    let scenario = Scenario::parse(&text).map_err(|error| failed(&scenario, &error))?;
    let (outcome, chronicle) = direct::record(&scenario);
    let violation = outcome.as_ref().err().map(|failure| &failure.violation);
    let page = show::html(&chronicle, &scenario.options, violation);
    fs::write(file, page).map_err(|error| failed(file, &error))?;
    let property = violation.map_or_else(String::new, |it| format!("{:?}", it.property));
    Ok(Some(Picture { what: lie.what, property }))
}

/// Runs a campaign in a process of its own; what it printed.
fn sim(out: &Path, args: &[&str]) -> Result<String, Box<Diagnostic>> {
    let program = std::env::current_exe().map_err(|error| failed(out, &error))?;
    let mut command = Command::new(program);
    command.args(["sim", "run"]).args(args).arg("--out").arg(out).stdin(Stdio::null());
    if talk::is_quiet() {
        command.arg("--quiet");
    }
    let ran = command.stderr(Stdio::inherit()).output().map_err(|error| failed(out, &error))?;
    Ok(String::from_utf8_lossy(&ran.stdout).into_owned())
}

fn read(out: &Path) -> Result<Summary, Box<Diagnostic>> {
    Summary::read(out).map_err(|error| failed(out, &error))
}

fn failed(path: &Path, error: &dyn std::error::Error) -> Box<Diagnostic> {
    let what = format!("the simulation cannot be run in {}", path.display());
    Diagnostic::new(codes::BAD_SIM, what).because(error)
}

fn line() -> ProgressBar {
    let line = if talk::is_quiet() { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    line.set_style(ProgressStyle::with_template("{spinner} {msg}").expect("a template of ours"));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lie_is_told_by_its_name() {
        assert_eq!(LIES.map(|lie| lie.0), Sabotage::ALL);
        for (sabotage, name, _) in LIES {
            let mut options = direct::Options::calm();
            options.set(&format!("sabotage={name}")).expect("a lie that there is");
            assert_eq!(options.sabotage, sabotage);
        }
    }
}
