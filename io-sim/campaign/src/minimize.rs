//! `minimize`: a failing world, made small.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use quorate_io_sim::scenario::{Progress, Scenario, minimize as smallest};

use crate::output::print;
use crate::program::Program;
use crate::world::Source;
use crate::{CampaignError, Found, files};

/// Makes a failing scenario as small as it gets while the same property is violated.
///
/// Fewer actions, servers, clients and calls, shorter, calmer, rounder. The exit code is 8, as
/// something does not hold; 2 if everything does.
#[derive(Args, Debug)]
pub struct Minimize {
    #[command(flatten)]
    source: Source,
    /// Which engine runs it
    #[arg(long, value_name = "NAME", default_value = "direct")]
    engine: String,
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
/// If the scenario cannot be read, does not fail, or the file is none or cannot be written.
pub fn minimize(args: &Minimize, program: &Program<'_>) -> Result<Found, CampaignError> {
    if files::is_stdout(&args.out) {
        return Err(CampaignError::Arguments { why: "--out names a file: stdout has the summary" });
    }
    let engine = program.engine(&args.engine)?;
    let scenario = args.source.scenario()?;
    let Some(violation) = engine.violation(&scenario)? else { return Err(CampaignError::Holds) };
    let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}").expect("ours");
    let (bar, began) = (ProgressBar::new_spinner().with_style(style), Instant::now());
    let mut run = |smaller: &Scenario| Some(engine.violation(smaller).ok()??.property);
    let mut keep_going = |progress: Progress| {
        let size = progress.size;
        bar.set_message(format!(
            "{} runs: {} actions, {} servers, {} options",
            progress.runs, size.actions, size.servers, size.options
        ));
        bar.tick();
        began.elapsed() < args.budget
    };
    let least = smallest(&scenario, violation.property, &mut run, &mut keep_going);
    bar.finish_and_clear();
    files::write(&args.out, &least.scenario.to_text())?;
    let (before, after) = (least.before, least.after);
    let is_over = if least.is_done { "" } else { ", when the time was over" };
    let (statement, out) = (violation.property.statement(), args.out.display());
    print(&format!(
        "violated  {:?}: {statement}\n\
         actions   {} of {}\n\
         servers   {} of {}\n\
         options   {} of {}\n\
         runs      {}{is_over}\n\
         file      {out}\n\
         look      {} show {out}\n",
        violation.property,
        after.actions,
        before.actions,
        after.servers,
        before.servers,
        after.options,
        before.options,
        least.runs,
        program.name,
    ))?;
    Ok(Found::Counterexample)
}
