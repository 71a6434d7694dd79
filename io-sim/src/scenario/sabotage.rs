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
    /// The state machine of the first server loses its state now and then.
    Forgets,
    /// When all faults should have ended, no server hears any other.
    NeverHeals,
    /// Those that were to catch up at the end stay cut off.
    NeverHealsTheRest,
    /// When nothing should be in the way, everybody is cut off, the leader too.
    Regicide,
}

impl Sabotage {
    /// All ways.
    pub const ALL: [Self; 8] = [
        Self::LyingDisks,
        Self::ForgottenVotes,
        Self::AlteredAnswers,
        Self::ForgottenWrites,
        Self::Forgets,
        Self::NeverHeals,
        Self::NeverHealsTheRest,
        Self::Regicide,
    ];

    /// Every so many calls of a client are lied about.
    pub(crate) const CALLS: u64 = 25;
}
