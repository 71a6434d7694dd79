//! `show`: a picture of one world.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use quorate_io_sim::direct;
use quorate_io_sim::show::{ascii, html};

use crate::output::print;
use crate::program::Program;
use crate::run::brief;
use crate::world::Source;
use crate::{CampaignError, Found, alarm, files};

/// Draws what happened in one world.
///
/// A page has lanes, messages, faults and clients, and where answers of clients do not fit together,
/// which. The direct engine runs the world. The exit code is 8 if something did not hold.
#[derive(Args, Debug)]
pub struct Show {
    #[command(flatten)]
    source: Source,
    /// How
    #[arg(long, value_enum, default_value_t = Format::Html)]
    format: Format,
    /// The file to write, - for stdout; a page goes to SEED.html if not given, and lines to stdout
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only lines from this time on, as 1s500ms
    #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME", default_value = "0s")]
    from: Duration,
    /// Only lines until this time
    #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME")]
    until: Option<Duration>,
}

/// How a run is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Format {
    /// A page that needs nothing from anywhere else
    Html,
    /// A line for each thing that happened
    Ascii,
    /// The recording itself, for programs
    Jsonl,
}

/// Draws.
///
/// # Errors
/// If the scenario cannot be read, or the picture not written.
pub fn show(args: &Show, program: &Program<'_>) -> Result<Found, CampaignError> {
    let is_part = args.until.is_some() || !args.from.is_zero();
    if is_part && args.format != Format::Ascii {
        return Err(CampaignError::Arguments { why: "--from and --until are for --format ascii" });
    }
    let scenario = args.source.scenario()?;
    alarm::set(&args.source.line(program, "show"));
    let (outcome, chronicle) = alarm::watch(scenario.options.seed, || direct::record(&scenario));
    let violation = outcome.as_ref().err().map(|failure| &failure.violation);
    let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let text = match args.format {
        Format::Html => html(&chronicle, &scenario.options, violation),
        Format::Ascii => ascii(&chronicle, nanos(args.from)..=args.until.map_or(u64::MAX, nanos)),
        Format::Jsonl => {
            let mut lines = Vec::new();
            chronicle.write_to(&mut lines).expect("memory takes all");
            String::from_utf8(lines).expect("JSON is text")
        }
    };
    let page = || PathBuf::from(format!("{}.html", scenario.options.seed));
    let out = args.out.clone().or_else(|| (args.format == Format::Html).then(page));
    match out.filter(|path| !files::is_stdout(path)) {
        Some(path) => {
            files::write(&path, &text)?;
            print(&format!("{}\n", path.display()))?;
        }
        None => print(&text)?,
    }
    if let Some(violation) = violation {
        eprint!("violated: {}", brief(&violation.to_string()));
    }
    Ok(if outcome.is_ok() { Found::Nothing } else { Found::Counterexample })
}
