//! `coverage`: what worlds come to, what strikes in them, and what never does.

use std::ops::ControlFlow;

use clap::Args;

use crate::output::print;
use crate::program::Program;
use crate::report::words;
use crate::run::{block, brief};
use crate::seeds::Shard;
use crate::worlds::{Casualty, Fell, Worlds};
use crate::{CampaignError, Found};

/// Runs worlds from seeds, and counts what they come to and what strikes in them.
///
/// What a campaign never comes to, it does not test. The exit code is 9 if there is a situation that
/// so many worlds should have come to, and never did: from 30 worlds on the common ones, from 1000
/// on the rare ones too.
#[derive(Args, Debug)]
pub struct Cover {
    #[command(flatten)]
    worlds: Worlds,
    /// Prints what was counted as JSON
    #[arg(long)]
    json: bool,
}

/// Counts.
///
/// # Errors
/// If the arguments make no sense.
pub fn cover(args: &Cover, program: &Program<'_>) -> Result<Found, CampaignError> {
    let summary = args.worlds.run(Shard::WHOLE, program, |casualty, progress| {
        let Casualty { failed, engine, replay, .. } = casualty;
        let block = brief(&block(&failed, engine.name(), &replay, None));
        // What programs read has nothing else in it.
        if args.json {
            eprintln!("{block}");
        } else {
            progress.print(&block)?;
        }
        Ok(Fell { artefact: None, then: ControlFlow::Continue(()) })
    })?;
    let (coverage, missing) = (&summary.coverage, summary.coverage.missing(summary.ran));
    if args.json {
        print(&(serde_json::to_string_pretty(coverage).expect("plain values") + "\n"))?;
    } else {
        print(&format!("{}\n{}\n", coverage.table(summary.ran), words(&summary)))?;
    }
    if !missing.is_empty() {
        eprintln!("never, in {} worlds: {}", summary.ran, missing.join(" "));
    }
    match Found::of(&summary) {
        Found::Nothing if !missing.is_empty() => Ok(Found::Undecided),
        found => Ok(found),
    }
}
