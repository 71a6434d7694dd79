//! Campaigns of simulated worlds: many seeds, on many threads or machines, and what to do with one
//! that fails.
//!
//! The commands are the same in two programs: the one that everybody has, with the engine that needs
//! no special build, and the one of this workspace, with all engines.
//!
//! Read in this order: `engine` (what runs one world), `draw` (how worlds are drawn), `seeds` (which of
//! them), `sweep` and `worlds` (many of them), `summary` and `coverage` (what came of them), then the
//! commands, a file each.
#![forbid(unsafe_code)]

mod engine;
mod program;

mod draw;
mod jobs;
mod seeds;

mod alarm;
mod interrupt;
mod progress;
mod sweep;
mod worlds;

mod coverage;
mod summary;

mod direct;

mod bench;
mod command;
mod cover;
mod minimize;
mod mutants;
mod promote;
mod report;
mod run;
mod show;
mod world;

mod error;
mod files;
mod output;

pub use bench::{Bench, bench};
pub use command::{Command, EXIT_CODES, command, exit_code};
pub use cover::{Cover, cover};
pub use coverage::Coverage;
pub use direct::Direct;
pub use draw::Draw;
pub use engine::{Engine, Failed, Keep, Outcome, Passed};
pub use error::CampaignError;
pub use jobs::Jobs;
pub use minimize::{Minimize, minimize};
pub use mutants::{Mutants, mutants};
pub use program::Program;
pub use promote::{Promote, promote};
pub use report::{Report, report};
pub use run::{Run, run};
pub use seeds::{BadSeeds, BadShard, Seeds, Shard};
pub use show::{Show, show};
pub use summary::{Fallen, MergeError, Summary};
pub use sweep::sweep;
pub use world::{Replay, Source, replay};
pub use worlds::Worlds;

/// What a command found out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// Everything held.
    Nothing,
    /// Something did not.
    Counterexample,
    /// Not everything was looked at, and the rest held.
    Undecided,
}

impl Found {
    pub(crate) fn of(summary: &Summary) -> Self {
        let is_whole = summary.asked().is_none_or(|asked| asked == summary.ran);
        match (summary.failures.is_empty(), summary.undecided) {
            (false, _) => Self::Counterexample,
            (true, 0) if is_whole => Self::Nothing,
            (true, _) => Self::Undecided,
        }
    }
}
