//! Broken worlds: what the checks must notice.

/// A way in which the world breaks its promise to the servers. The servers are right; the run must
/// fail all the same, or the checks are worth nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sabotage {
    /// Disks say that a write is durable when it is given to them.
    LyingDisks,
    /// A restarted server has its term and no vote.
    ForgottenVotes,
    /// A restarted server has the oldest hard state that its log allows.
    OldHardStates,
    /// A restarted server lacks its last entries.
    LostTails,
    /// Candidates receive votes that nobody gave.
    ForgedVotes,
    /// Leaders receive acknowledgements of entries that nobody has.
    ForgedAcknowledgements,
    /// Leaders receive answers to heartbeats that nobody gave.
    ForgedHeartbeats,
    /// Commands change on their way.
    AlteredCommands,
    /// Nothing ever reaches the first server, not even when all faults have ended.
    DeafServer,
}

impl Sabotage {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::LyingDisks,
        Self::ForgottenVotes,
        Self::OldHardStates,
        Self::LostTails,
        Self::ForgedVotes,
        Self::ForgedAcknowledgements,
        Self::ForgedHeartbeats,
        Self::AlteredCommands,
        Self::DeafServer,
    ];
}
