//! `run`: a campaign, or a part of one.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::engine::Failed;
use crate::output::print;
use crate::program::Program;
use crate::report::words;
use crate::seeds::Shard;
use crate::worlds::{Casualty, Fell, Worlds};
use crate::{CampaignError, Found, files};

/// Runs worlds from seeds and checks every one of them.
///
/// Each seed is a world of its own: servers, disks, a network, clients, and faults that strike them.
/// What fails is told with the line that runs it again, and written to a folder. The exit code is 0
/// if everything held, 8 if something did not, 9 if not everything was decided or run, and 2 if the
/// command makes no sense. Who interrupts it gets the summary of what was run; the second time it
/// ends at once.
#[derive(Args, Debug)]
pub struct Run {
    #[command(flatten)]
    worlds: Worlds,
    /// One part of several, as 2/16; /16 takes its number from JOB_COMPLETION_INDEX (Kubernetes) or
    /// SLURM_ARRAY_TASK_ID, and auto also the number of parts from Slurm
    #[arg(long, value_name = "I/N", default_value = "0/1")]
    shard: Shard,
    /// Where the summary goes, and what failed
    #[arg(long, value_name = "DIR", default_value = "sim-out")]
    out: PathBuf,
    /// Goes on after a failure
    #[arg(long)]
    keep_going: bool,
}

/// Runs a campaign.
///
/// # Errors
/// If the arguments make no sense, or the folder cannot be written.
pub fn run(args: &Run, program: &Program<'_>) -> Result<Found, CampaignError> {
    files::make(&args.out)?;
    let summary = args.worlds.run(args.shard, program, |casualty, progress| {
        let Casualty { seed, failed, engine, replay } = casualty;
        let folder = args.out.join(format!("{}-{seed}", engine.name()));
        let block = block(&failed, engine.name(), &replay, Some(&folder));
        progress.print(&brief(&block))?;
        keep(&folder, &failed, &block)?;
        let then = if args.keep_going { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
        Ok(Fell { artefact: Some(folder.display().to_string()), then })
    })?;
    summary.write(&args.out)?;
    print(&(words(&summary) + "\n"))?;
    Ok(Found::of(&summary))
}

/// All that a person needs to know first.
pub(crate) fn block(failed: &Failed, engine: &str, replay: &str, folder: Option<&Path>) -> String {
    let mut block = format!("{}engine    {engine}\nreplay    {replay}\n", failed.facts);
    if let Some(folder) = folder {
        block.push_str(&format!("files     {}\n", folder.display()));
    }
    block
}

/// How long a line may be: some evidence is as long as a history.
const LINE_CHARS_MAX: usize = 400;

/// The same in lines that people read; the file of a failure has all of it.
pub(crate) fn brief(block: &str) -> String {
    let cut = |line: &str| match line.char_indices().nth(LINE_CHARS_MAX) {
        Some((end, _)) => format!("{} ...\n", &line[..end]),
        None => format!("{line}\n"),
    };
    block.lines().map(cut).collect()
}

/// Writes all that is known of a failure.
fn keep(folder: &Path, failed: &Failed, block: &str) -> Result<(), CampaignError> {
    (failed.keep)(folder).map_err(|error| files::unwritten(folder, error))?;
    files::write(&folder.join("failure.txt"), block)
}
