//! `promote`: a scenario that the tests run from now on.

use std::path::PathBuf;

use clap::Args;
use quorate_io_sim::scenario::{self, Sabotage};

use crate::output::print;
use crate::world::Source;
use crate::{CampaignError, Found, files};

/// Where such scenarios are, from the root of the workspace.
const FOLDER: &str = "io-sim/tests/regressions";

/// Keeps a scenario for ever: from now on the tests run it, and it must pass.
///
/// Best is what `minimize` left. One that still fails is kept too, and says so: the tests are red
/// until what is wrong is mended.
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
    /// Where it goes; that of the workspace around the current folder, if not given
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Promotes.
///
/// # Errors
/// If the scenario cannot be read, can never pass, or the file cannot be written.
pub fn promote(args: &Promote) -> Result<Found, CampaignError> {
    let scenario = args.source.scenario()?;
    if scenario.options.sabotage != Sabotage::None {
        let why = "this world lies on purpose (sabotage), and can never pass";
        return Err(CampaignError::Arguments { why });
    }
    let folder = match &args.folder {
        Some(folder) => folder.clone(),
        None => files::workspace(FOLDER)?.join(FOLDER),
    };
    let path = scenario::promote(&scenario, &folder, &args.name, &args.what, &args.why)?;
    print(&format!("{}\n", path.display()))?;
    if let Some(violation) = scenario.violation() {
        eprintln!("it fails today, and so do the tests until that is mended: {violation}");
    }
    Ok(Found::Nothing)
}
