//! Commands about one world: `replay`, `show`, `minimize` and `promote`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use quorate_io_sim::direct;
use quorate_io_sim::scenario::{self, Options, Scenario};
use quorate_io_sim::show::{ascii, html};

use crate::{CampaignError, Found};

/// Which world.
#[derive(Args, Debug)]
pub struct Source {
    /// A seed, or the file of a scenario
    #[arg(value_name = "SEED|FILE")]
    from: String,
    /// Overrides an option, as net.link.loss_ppm=0; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
}

impl Source {
    /// Reads, or draws, the scenario. What strikes is drawn after options are changed.
    fn scenario(&self) -> Result<Scenario, CampaignError> {
        let scenario = match self.from.parse() {
            Ok(seed) => {
                let mut options = Options::from_seed(seed);
                self.change(&mut options)?;
                Scenario::of(&options)
            }
            Err(_) => {
                let path = Path::new(&self.from);
                let unread = |why: String| CampaignError::Unread { path: path.to_owned(), why };
                let text = std::fs::read_to_string(path).map_err(|why| unread(why.to_string()))?;
                let mut read = Scenario::parse(&text).map_err(|why| unread(why.to_string()))?;
                self.change(&mut read.options)?;
                read
            }
        };
        scenario.check().map_err(|why| CampaignError::Option { why: why.to_string() })?;
        Ok(scenario)
    }

    fn change(&self, options: &mut Options) -> Result<(), CampaignError> {
        for change in &self.set {
            let changed = options.set(change);
            changed.map_err(|why| CampaignError::Option { why: why.to_string() })?;
        }
        Ok(())
    }
}

/// Runs one world again, from its seed or its scenario: the same run, byte for byte.
#[derive(Args, Debug)]
pub struct Replay {
    #[command(flatten)]
    source: Source,
}

/// Replays.
///
/// # Errors
/// If the scenario cannot be read, or makes no sense.
pub fn replay(args: &Replay) -> Result<Found, CampaignError> {
    match args.source.scenario()?.run() {
        Ok(report) => {
            println!("everything holds: {report:#?}\ntrace {:016x}", report.digest);
            Ok(Found::Nothing)
        }
        Err(failure) => {
            println!("{failure}");
            Ok(Found::Counterexample)
        }
    }
}

/// Draws what happened in one world.
#[derive(Args, Debug)]
pub struct Show {
    #[command(flatten)]
    source: Source,
    /// How
    #[arg(long, value_enum, default_value_t = Format::Html)]
    format: Format,
    /// The file to write; lines go to stdout, if not given
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// How a run is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Format {
    /// A page that needs nothing from anywhere else: lanes, messages, faults, clients
    Html,
    /// A line for each thing that happened
    Ascii,
    /// The recording itself
    Jsonl,
}

/// Draws.
///
/// # Errors
/// If the scenario cannot be read, or the picture not written.
pub fn show(args: &Show) -> Result<Found, CampaignError> {
    let scenario = args.source.scenario()?;
    let (outcome, chronicle) = direct::record(&scenario);
    let violation = outcome.as_ref().err().map(|failure| &failure.violation);
    let text = match args.format {
        Format::Html => html(&chronicle, &scenario.options, violation),
        Format::Ascii => ascii(&chronicle, ..),
        Format::Jsonl => {
            let mut lines = Vec::new();
            chronicle.write_to(&mut lines).expect("memory takes all");
            String::from_utf8(lines).expect("JSON is text")
        }
    };
    let page = || PathBuf::from(format!("{}.html", scenario.options.seed));
    let out = args.out.clone().or_else(|| (args.format == Format::Html).then(page));
    match out {
        Some(path) => {
            write(&path, &text)?;
            println!("{}", path.display());
        }
        None => print!("{text}"),
    }
    if let Some(violation) = violation {
        eprintln!("{violation}");
    }
    Ok(if outcome.is_ok() { Found::Nothing } else { Found::Counterexample })
}

/// Makes a failing scenario as small as it gets while the same property is violated.
#[derive(Args, Debug)]
pub struct Minimize {
    #[command(flatten)]
    source: Source,
    /// The file to write
    #[arg(long, short, value_name = "FILE", default_value = "min.scn")]
    out: PathBuf,
    /// For how long smaller ones are tried
    #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME", default_value = "60s")]
    budget: Duration,
}

/// Minimizes.
///
/// # Errors
/// If the scenario cannot be read, does not fail, or the file cannot be written.
pub fn minimize(args: &Minimize) -> Result<Found, CampaignError> {
    let scenario = args.source.scenario()?;
    let Some(violation) = scenario.violation() else { return Err(CampaignError::Holds) };
    let (bar, began) = (spinner(), Instant::now());
    let mut run = |smaller: &Scenario| smaller.violation().map(|violation| violation.property);
    let mut keep_going = |progress: scenario::Progress| {
        let size = progress.size;
        bar.set_message(format!(
            "{} runs: {} actions, {} servers, {} options",
            progress.runs, size.actions, size.servers, size.options
        ));
        bar.tick();
        began.elapsed() < args.budget
    };
    let least = scenario::minimize(&scenario, violation.property, &mut run, &mut keep_going);
    bar.finish_and_clear();
    write(&args.out, &least.scenario.to_text())?;
    let (before, after) = (least.before, least.after);
    println!(
        "{violation}\n{} actions of {}, {} servers of {}, {} options of {} are left after {} runs{}: {}",
        after.actions,
        before.actions,
        after.servers,
        before.servers,
        after.options,
        before.options,
        least.runs,
        if least.is_done { "" } else { ", when the time was over" },
        args.out.display()
    );
    Ok(Found::Counterexample)
}

/// Keeps a scenario for ever: from now on the tests run it, and it must pass.
#[derive(Args, Debug)]
pub struct Promote {
    #[command(flatten)]
    source: Source,
    /// A name for it: small letters, digits and hyphens
    #[arg(long)]
    name: String,
    /// What it shows
    #[arg(long)]
    what: String,
    /// Why it is kept: what was wrong, and what mended it
    #[arg(long)]
    why: String,
    /// Where such scenarios are
    #[arg(long, value_name = "DIR", default_value = "io-sim/tests/regressions")]
    folder: PathBuf,
}

/// Promotes.
///
/// # Errors
/// If the scenario cannot be read, or the file not written.
pub fn promote(args: &Promote) -> Result<Found, CampaignError> {
    let scenario = args.source.scenario()?;
    let path = scenario::promote(&scenario, &args.folder, &args.name, &args.what, &args.why)?;
    println!("{}", path.display());
    Ok(Found::Nothing)
}

fn spinner() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}").expect("ours");
    ProgressBar::new_spinner().with_style(style)
}

fn write(path: &Path, text: &str) -> Result<(), CampaignError> {
    let unwritten = |error| CampaignError::Unwritten { path: path.to_owned(), error };
    std::fs::write(path, text).map_err(unwritten)
}
