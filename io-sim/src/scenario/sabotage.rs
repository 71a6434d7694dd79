//! Broken worlds: what the checks must notice.

use serde::{Deserialize, Serialize};

/// A way in which the world breaks its promise. The servers are right; the run must fail all the
/// same, or the checks are worth nothing.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sabotage {
    /// The world is honest.
    #[default]
    None,
    /// Every tenth write never reaches its disk, although a sync says so.
    LyingDisks,
    /// A restarted server has its term and no vote.
    ForgottenVotes,
    /// Clients are told other values than there are.
    AlteredAnswers,
    /// Clients are told that something is written which nobody was asked to write.
    ForgottenWrites,
}

impl Sabotage {
    /// All ways.
    pub const ALL: [Self; 4] =
        [Self::LyingDisks, Self::ForgottenVotes, Self::AlteredAnswers, Self::ForgottenWrites];

    /// Every so many calls of a client are lied about.
    pub(crate) const CALLS: u64 = 25;
}
