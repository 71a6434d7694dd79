//! `mutants`: bugs that are put back on purpose, one at a time, and what notices them.
//!
//! A simulator whose checks are green says little until it is known what turns them red. Each bug is
//! a file beside the simulator that names a place in the production code and what stands there
//! instead; the code itself knows nothing of it, so no switch can carry a bug into what ships.
//!
//! Read in this order: `mutant` (a bug), `workshop` (where it is put back), `hunt` (what notices it),
//! `table` (what is kept of that).

mod hunt;
mod mutant;
mod table;
mod workshop;

use std::path::Path;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::files::{unread, workspace};
use crate::jobs::Jobs;
use crate::output::print;
use crate::seeds::Seeds;
use crate::{CampaignError, Found};
use hunt::{Hunt, Outcome};
use mutant::Mutant;
use table::Table;
use workshop::Workshop;

/// Where the bugs are, from the root of the workspace.
const FOLDER: &str = "io-sim/mutants";

/// Puts known bugs back, one at a time, and says what notices them, and how soon.
///
/// Works on a copy of the sources below target/mutants. What notices a bug is then made as small as it
/// gets. The exit code is 0 if all bugs were caught, else 8; the table of those that were looked for is
/// kept beside them.
#[derive(Args, Debug)]
pub struct Mutants {
    /// Only these bugs
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// For how long worlds are begun for one bug
    #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME", default_value = "10m")]
    budget: Duration,
    /// For how long the world that noticed one is made smaller; 0s leaves that out
    #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME", default_value = "30s")]
    shrink: Duration,
    #[command(flatten)]
    jobs: Jobs,
    /// The worlds that are tried, in this order
    #[arg(long, value_name = "A..B", default_value = "0..1000000")]
    seeds: Seeds,
    /// Shows no live line
    #[arg(long, short)]
    quiet: bool,
}

/// Looks for every bug.
///
/// # Errors
/// If there is no workspace around the current folder, a bug fits no longer, or files cannot be
/// read or written.
pub fn mutants(args: &Mutants) -> Result<Found, CampaignError> {
    let root = workspace(FOLDER)?;
    let mutants = chosen(&root, &args.names)?;
    let mut table = Table::read(&root.join(FOLDER).join("TABLE.md"))?;
    let workshop = Workshop::of(&root)?;
    let hunt = Hunt {
        workshop: &workshop,
        budget: args.budget,
        shrink: args.shrink,
        jobs: args.jobs.count(),
        seeds: &args.seeds,
    };
    let line = line(mutants.len(), args.quiet);
    line.set_message("nothing put back yet: builds");
    hunt.prepare()?;
    let mut is_all_caught = true;
    for mutant in &mutants {
        let outcome =
            hunt.hunt(mutant, |stage| line.set_message(format!("{} {stage}", mutant.name)))?;
        line.suspend(|| print(&format!("{:<44} {outcome}\n", mutant.name)))?;
        is_all_caught &= matches!(outcome, Outcome::Caught { .. });
        table.put(mutant, &outcome);
        table.write(&Mutant::all(&root.join(FOLDER))?)?;
        line.inc(1);
    }
    line.finish_and_clear();
    Ok(if is_all_caught { Found::Nothing } else { Found::Counterexample })
}

/// All bugs, or those of the names; each fits where it belongs.
fn chosen(root: &Path, names: &[String]) -> Result<Vec<Mutant>, CampaignError> {
    let folder = root.join(FOLDER);
    let mut mutants = Mutant::all(&folder)?;
    if let Some(unknown) = names.iter().find(|name| !mutants.iter().any(|it| it.name == **name)) {
        return Err(unread(&folder.join(unknown), &"there is no bug of this name"));
    }
    mutants.retain(|mutant| names.is_empty() || names.contains(&mutant.name));
    mutants.iter().try_for_each(|mutant| mutant.put_into(root).map(drop))?;
    Ok(mutants)
}

/// The live line.
fn line(count: usize, is_quiet: bool) -> ProgressBar {
    let line = ProgressBar::new(count as u64);
    if is_quiet {
        line.set_draw_target(ProgressDrawTarget::hidden());
    }
    let template = "{spinner} {pos}/{len} bugs  {elapsed}  {msg}";
    line.set_style(ProgressStyle::with_template(template).expect("a template of ours"));
    line.enable_steady_tick(Duration::from_millis(250));
    line
}
