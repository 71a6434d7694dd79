//! Commands that could not be carried out.

use std::io;
use std::path::PathBuf;

use crate::summary::MergeError;

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
    /// What is given as a world is none.
    #[error("{} is no world: {why}", path.display())]
    World {
        /// What was given, or the file in it.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
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
    #[error("{why} (seed {seed})")]
    Option {
        /// What is wrong.
        why: String,
        /// In which world; another may have drawn what it goes with.
        seed: u64,
    },
    /// Arguments that do not go together.
    #[error("{why}")]
    Arguments {
        /// Why not.
        why: &'static str,
    },
    /// No such engine in this program.
    #[error("there is no engine {engine} here; there is {}", engines.join(" and "))]
    Engine {
        /// What was asked for.
        engine: String,
        /// What there is.
        engines: Vec<&'static str>,
    },
    /// An engine that cannot do this.
    #[error("the {engine} engine {what}")]
    Unable {
        /// Which.
        engine: &'static str,
        /// What it does, and does not.
        what: &'static str,
    },
    /// What there is to say cannot be said.
    #[error("the output cannot be written: {0}")]
    Output(io::Error),
    /// Nobody could tell the campaign to end.
    #[error("signals cannot be received: {0}")]
    Signals(io::Error),
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

impl CampaignError {
    /// What to do now, where that is not said already.
    pub const fn help(&self) -> Option<&'static str> {
        match self {
            Self::Option { .. } => Some(
                "names and values of options are those that a failure's scenario.scn has, and \
                 io-sim/src/scenario lists; one that does not fit every seed needs others beside it",
            ),
            Self::World { .. } => {
                Some("a world is a seed, as 7, the file of a scenario, or the folder of a failure")
            }
            Self::Unable { .. } => Some("leave out --engine: the direct engine does it"),
            Self::Holds => Some("if it failed on another engine or build, replay it there first"),
            Self::Engine { .. }
            | Self::Unread { .. }
            | Self::Unwritten { .. }
            | Self::Output(_)
            | Self::Signals(_)
            | Self::Arguments { .. }
            | Self::Promote(_)
            | Self::Merge(_) => None,
        }
    }
}
