//! Campaigns of simulated worlds: many seeds, on many threads or machines, and what to do with one
//! that fails.
//!
//! The commands are the same in two programs: the one that everybody has, with the engine that needs
//! no special build, and the one of this workspace, with all engines.
#![forbid(unsafe_code)]

mod command;
mod direct;
mod engine;
mod mutants;
mod progress;
mod report;
mod run;
mod seeds;
mod summary;
mod sweep;
mod world;

use std::io;
use std::path::PathBuf;

pub use command::{Command, command, exit_code};
pub use direct::Direct;
pub use engine::{Engine, Failed, Passed};
pub use mutants::{Mutants, mutants};
pub use report::{Report, report};
pub use run::{Run, run};
pub use seeds::{BadSeeds, BadShard, Seeds, Shard};
pub use summary::{Fallen, MergeError, Summary};
pub use sweep::sweep;
pub use world::{Minimize, Promote, Replay, Show, Source, minimize, promote, replay, show};

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
        match (summary.failures.is_empty(), summary.undecided) {
            (false, _) => Self::Counterexample,
            (true, 0) => Self::Nothing,
            (true, _) => Self::Undecided,
        }
    }
}

/// A command that could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum CampaignError {
    /// A file that cannot be written.
    #[error("{} cannot be written: {error}", path.display())]
    Unwritten {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A file that cannot be read, or does not hold what it should.
    #[error("{} cannot be used: {why}", path.display())]
    Unread {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// An option that is not there, or makes no sense.
    #[error("{why}")]
    Option {
        /// What is wrong.
        why: String,
    },
    /// No such engine in this program.
    #[error("there is no engine {engine} here; there is {}", engines.join(" and "))]
    Engine {
        /// What was asked for.
        engine: String,
        /// What there is.
        engines: Vec<&'static str>,
    },
    /// Nothing to make smaller.
    #[error("everything holds in this world: there is nothing to make smaller")]
    Holds,
    /// A scenario that could not be kept.
    #[error(transparent)]
    Promote(#[from] quorate_io_sim::scenario::PromoteError),
    /// Summaries that do not belong together.
    #[error(transparent)]
    Merge(#[from] MergeError),
}
