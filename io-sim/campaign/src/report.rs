//! `report`: parts of a campaign, added up.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::run::SUMMARY;
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
}

/// Merges and prints.
///
/// # Errors
/// If a summary cannot be read, or they are not of one campaign.
pub fn report(args: &Report) -> Result<Found, CampaignError> {
    let parts = args.folders.iter().map(|folder| read(&folder.join(SUMMARY)));
    let whole = Summary::merge(parts.collect::<Result<_, _>>()?)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&whole).expect("plain values"));
    } else {
        println!("{}", words(&whole));
    }
    let missing = whole.missing();
    if missing.is_empty() || !whole.failures.is_empty() {
        return Ok(Found::of(&whole));
    }
    eprintln!("missing: {}", missing.join(" "));
    Ok(Found::Undecided)
}

fn read(path: &Path) -> Result<Summary, CampaignError> {
    let unread = |error: &dyn std::fmt::Display| CampaignError::Unread {
        path: path.to_owned(),
        why: error.to_string(),
    };
    let text = std::fs::read_to_string(path).map_err(|error| unread(&error))?;
    serde_json::from_str(&text).map_err(|error| unread(&error))
}

/// A summary for people.
pub(crate) fn words(summary: &Summary) -> String {
    let mut text = format!(
        "{} engine, seeds {}: {} ran, {} failed, {} undecided\n\
         {:.2} h simulated in {:.1} s ({:.1} s of processor time), {} events, digest {:016x}",
        summary.engine,
        summary.seeds,
        summary.ran,
        summary.failures.len(),
        summary.undecided,
        summary.simulated.as_secs_f64() / 3600.0,
        summary.elapsed.as_secs_f64(),
        summary.processor.as_secs_f64(),
        summary.events,
        summary.digest,
    );
    let counts = summary.counts.iter().map(|(name, count)| format!("{count} {name}"));
    let counts: Vec<_> = counts.collect();
    let _ = write!(text, "\n{}", counts.join(", "));
    for fallen in &summary.failures {
        let place = fallen.artefact.as_deref().unwrap_or("nowhere");
        let _ = write!(text, "\nseed {} failed: {}; see {place}", fallen.seed, fallen.property);
    }
    text
}
