//! Conformance: facts about Raft, as rows of data, run against the core.
//!
//! A row gives a state, events, and what must come of them. Rows say nothing about how a core is
//! built, so those of other implementations' tests fit too; `tests/data/scenarios` has many, with
//! their sources, and the environment variable `QUORATE_SCENARIOS` names another directory.
//!
//! A row that asks for what this core does not have, or does otherwise for a reason, is *not
//! applicable*: the reasons stand in `tests/data/not_applicable.txt`, one line a feature, so that a
//! line that is removed brings its rows back.
//!
//! Read in this order: [`run_directory`], `row` (which kind of row), `given`, `event`, `message` and
//! `then` (what rows are made of), `bench` and `setup` (one server on the bench), `change`
//! (its members), `node`, `cluster`, `pure`, `quorum`, `confchange`, `interaction` (each kind).

mod bench;
mod change;
mod cluster;
mod confchange;
mod event;
mod given;
mod interaction;
mod json;
mod message;
mod node;
mod pure;
mod quorum;
mod reasons;
mod row;
mod setup;
mod summary;
mod then;

use std::path::Path;
use std::{fs, io};

pub use reasons::{BadLine, Reasons};
pub use row::run_row;
pub use summary::{Outcome, Summary, Verdict};

/// Runs every row of every `*.jsonl` file of a directory, in order of their names.
///
/// # Errors
/// If the directory or one of the files cannot be read.
pub fn run_directory(directory: &Path, reasons: &Reasons) -> io::Result<Summary> {
    let entries: Result<Vec<_>, _> = fs::read_dir(directory)?.collect();
    let mut files: Vec<_> = entries?.into_iter().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    let mut summary = Summary::default();
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&file)?;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            summary.outcomes.push(run_row(line, &name, reasons));
        }
    }
    Ok(summary)
}
