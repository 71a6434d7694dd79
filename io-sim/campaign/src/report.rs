//! `report`: parts of a campaign, added up.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;

use crate::output::print;
use crate::summary::Summary;
use crate::{CampaignError, Found};

/// Adds up what the parts of a campaign found.
///
/// Takes the folders that the parts wrote. Parts that are missing are named, and then the exit code
/// says that the campaign is not decided.
#[derive(Args, Debug)]
pub struct Report {
    /// The folders of the parts
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// Prints the merged summary as JSON
    #[arg(long)]
    json: bool,
    /// Prints what the worlds came to, and what struck, too
    #[arg(long, conflicts_with = "json")]
    coverage: bool,
}

/// Merges and prints.
///
/// # Errors
/// If a summary cannot be read, or they are not of one campaign.
pub fn report(args: &Report) -> Result<Found, CampaignError> {
    let parts = args.folders.iter().map(|folder| Summary::read(folder));
    let whole = Summary::merge(parts.collect::<Result<_, _>>()?)?;
    if args.json {
        print(&(serde_json::to_string_pretty(&whole).expect("plain values") + "\n"))?;
    } else {
        print(&(words(&whole) + "\n"))?;
    }
    if args.coverage {
        print(&format!("\n{}\n", whole.coverage.table(whole.ran)))?;
    }
    let missing = whole.missing();
    if !missing.is_empty() {
        eprintln!("missing: parts {}", missing.join(" "));
    }
    match Found::of(&whole) {
        Found::Nothing if !missing.is_empty() => Ok(Found::Undecided),
        found => Ok(found),
    }
}

/// A summary for people.
pub(crate) fn words(summary: &Summary) -> String {
    let asked = summary.asked().filter(|&asked| asked != summary.ran);
    let asked = asked.map(|asked| format!(" of {asked}")).unwrap_or_default();
    let mut text = format!(
        "{} engine, seeds {}, {}: {}{asked} ran, {} failed, {} undecided\n\
         {} simulated in {:.1} s ({:.1} s of processor time), {} events, digest {:016x}",
        summary.engine,
        summary.seeds,
        summary.profile,
        summary.ran,
        summary.failures.len(),
        summary.undecided,
        span(summary.simulated),
        summary.elapsed.as_secs_f64(),
        summary.processor.as_secs_f64(),
        summary.events,
        summary.digest,
    );
    let counts = summary.counts.iter().map(|(name, count)| format!("{count} {name}"));
    let counts: Vec<_> = counts.collect();
    if !counts.is_empty() {
        let _ = write!(text, "\n{}", counts.join(", "));
    }
    for fallen in &summary.failures {
        let place = fallen.artefact.as_deref().map(|place| format!("; see {place}"));
        let place = place.unwrap_or_default();
        let _ = write!(text, "\nseed {} failed: {}{place}", fallen.seed, fallen.property);
    }
    text
}

/// A time as people say it.
pub(crate) fn span(time: std::time::Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        ..120.0 => format!("{seconds:.1} s"),
        ..7200.0 => format!("{:.1} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}
