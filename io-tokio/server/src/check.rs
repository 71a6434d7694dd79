//! `quorate check`: judges of what clients saw.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use quorate_io_sim::linearizability::{Budget, Report, Word, check_file};
use serde_json::{Value, json};

use crate::arguments;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::exit::Exit;
use crate::output::{self, Format};

/// Checks what clients saw against what must hold.
#[derive(Args, Debug)]
pub(crate) struct Check {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    History(HistoryArgs),
}

/// Is there an order of the operations in a history that explains every answer?
///
/// Prints one line per file: its verdict, linearizable, violation or undecided, and how long it
/// took. Exit code 0: all are linearizable. 8: one is not, whatever the others are. 2: a file is no
/// history. 9: a verdict was not reached within the budget.
///
/// Example: quorate check history run-*.jsonl --budget 1m
#[derive(Args, Debug)]
struct HistoryArgs {
    /// Files of JSON lines, format lin-history/1.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The most time for one file: 500ms, 10s, 2m.
    #[arg(long, default_value = "10s", value_parser = arguments::span)]
    budget: Duration,
    /// How verdicts are printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: &Check) -> Result<Exit, Box<Diagnostic>> {
    let What::History(args) = &args.what;
    let mut worst = Exit::Done;
    for file in &args.files {
        let exit = match judge(file, args.budget) {
            Ok(report) => {
                match args.format {
                    Format::Text => output::print(&format!("{}: {report}\n", file.display()))?,
                    Format::Json => output::print_json(&as_json(file, &report))?,
                }
                match report.verdict {
                    Word::Linearizable => Exit::Done,
                    Word::Violation => Exit::Counterexample,
                    Word::Undecided => Exit::Undecided,
                }
            }
            Err(diagnostic) => {
                diagnostic.report();
                diagnostic.exit()
            }
        };
        if gravity(exit) > gravity(worst) {
            worst = exit;
        }
    }
    Ok(worst)
}

/// What counts most when files end differently.
fn gravity(exit: Exit) -> u8 {
    match exit {
        Exit::Done => 0,
        Exit::Undecided => 1,
        Exit::Counterexample => 3,
        _ => 2,
    }
}

fn judge(path: &Path, budget: Duration) -> Result<Report, Box<Diagnostic>> {
    let what = || format!("{} is not a history that can be checked", path.display());
    let file = File::open(path)
        .map_err(|error| Diagnostic::new(codes::BAD_HISTORY, what()).because(&error))?;
    let start = Instant::now();
    let mut keep_going = || start.elapsed() < budget;
    let budget = Budget { keep_going: Some(&mut keep_going), steps_max: u64::MAX, ..Budget::new() };
    let mut report = check_file(BufReader::new(file), budget)
        .map_err(|error| Diagnostic::new(codes::BAD_HISTORY, what()).because(&error))?;
    report.elapsed = Some(start.elapsed());
    Ok(report)
}

fn as_json(path: &Path, report: &Report) -> Value {
    let mut object = json!({ "v": 1, "file": path.to_string_lossy() });
    let report = serde_json::to_value(report).expect("a report has string keys");
    if let (Some(object), Value::Object(report)) = (object.as_object_mut(), report) {
        object.extend(report);
    }
    object
}
