//! What must always hold, and the evidence that it did not.

use std::fmt;

/// What a run checks after every step.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Property {
    /// Thesis Figure 3.2.
    ElectionSafety,
    /// Thesis Figure 3.2.
    LeaderAppendOnly,
    /// Thesis Figure 3.2.
    LogMatching,
    /// Thesis Figure 3.2.
    LeaderCompleteness,
    /// Thesis Figure 3.2.
    StateMachineSafety,
    /// What is committed is on the disks of a quorum, in every half of the membership.
    CommitIsDurable,
    /// No vote, no acknowledgement and no word of a leader before what it rests on is durable.
    NothingUndurableIsSaid,
    /// Terms and commit indexes only rise.
    NothingGoesBack,
    /// A server votes once in a term, whatever happens to it.
    OneVotePerTerm,
    /// A read sees all that was committed anywhere when it was asked for (thesis 6.4).
    ReadsAreLinearizable,
    /// What clients saw can be explained by an order of what they did.
    HistoryIsLinearizable,
    /// What a [workload](crate::workload) demands.
    WorkloadHolds,
    /// A command of a session takes effect once, and has one answer however often it is sent
    /// (thesis 6.3).
    ExactlyOnce,
    /// A session ends when it is told to, or was silent up to where its expiry was decided; not
    /// before, and not later (thesis 6.3).
    SessionsLast,
    /// What a server does beside the log it does once, and whoever is told what came of it is told the
    /// truth.
    ErrandsAreRunOnce,
    /// What one client sees never goes back, and what it wrote is there.
    SessionsNeverGoBack,
    /// What is read was written, and by no call that was refused.
    ValuesHaveAuthors,
    /// Every request has exactly one answer, and the answer is true.
    OneTrueAnswer,
    /// Writes follow one another, commits rise, messages stay within their limits.
    EffectsAreWellFormed,
    /// What must hold of each server by itself, see [`quorate_core::invariants`].
    InvariantsHold,
    /// Messages say what is in the sender's log.
    MessagesAreTrue,
    /// What a leader believes to be on a peer's disk is there.
    PeersMatch,
    /// A process that has failed, or is gone, says and writes nothing more.
    TheDeadAreSilent,
    /// Replicas that have applied the same log are the same, and so is one that starts anew.
    StatesAgree,
    /// What a power loss would leave now can be recovered, twice and after an interruption, and
    /// always to the same.
    RecoveryIsStable,
    /// Leadership does not change when nothing is in the way.
    LeadershipIsStable,
    /// When nothing is in the way, calls are answered within an election timeout.
    WorkGetsDone,
    /// Messages and events are in proportion to what is done.
    EffortIsBounded,
    /// What a server holds in memory is in proportion to what is under way.
    MemoryIsBounded,
    /// Files are in proportion to what was written to them.
    FilesAreBounded,
    /// Once all faults have ended there is a leader, it commits, and all logs become equal.
    Liveness,
    /// A server starts from what its disk kept.
    ServersStart,
    /// No server gives up, and none panics.
    ServersRun,
    /// The same seed is the same run.
    Determinism,
}

impl Property {
    /// The property in a sentence.
    pub const fn statement(self) -> &'static str {
        match self {
            Self::ElectionSafety => "at most one leader is elected in a term",
            Self::LeaderAppendOnly => "a leader never overwrites or deletes its entries",
            Self::LogMatching => "two entries of one index and term end identical logs",
            Self::LeaderCompleteness => "a leader has every entry committed in earlier terms",
            Self::StateMachineSafety => "no two servers commit different entries at one index",
            Self::CommitIsDurable => "a committed entry is on the disks of a quorum",
            Self::NothingUndurableIsSaid => "nothing is said before it is durable",
            Self::NothingGoesBack => "terms and commit indexes never go back",
            Self::OneVotePerTerm => "a server votes once in a term",
            Self::ReadsAreLinearizable => "a read sees all that was committed when it was asked",
            Self::HistoryIsLinearizable => "some order explains what the clients saw",
            Self::WorkloadHolds => "the workload's own statements hold",
            Self::ExactlyOnce => "a command takes effect once, and has one answer",
            Self::SessionsLast => "a session lasts for as long as its client is active",
            Self::ErrandsAreRunOnce => "a function beside the log is carried out once, if at all",
            Self::SessionsNeverGoBack => "what a client sees never goes back",
            Self::ValuesHaveAuthors => "what is read was written, and not refused",
            Self::OneTrueAnswer => "every request has exactly one answer, and a true one",
            Self::EffectsAreWellFormed => "effects keep their contract",
            Self::InvariantsHold => "each server is sound by itself",
            Self::MessagesAreTrue => "a message says what is in its sender's log",
            Self::PeersMatch => "what a leader believes of a peer's disk is true",
            Self::TheDeadAreSilent => "who has failed, or is gone, does nothing more",
            Self::StatesAgree => "equal logs make equal states",
            Self::RecoveryIsStable => "recovery finds the same whenever it is tried",
            Self::LeadershipIsStable => "leadership lasts when nothing is in the way",
            Self::WorkGetsDone => "calls are answered when nothing is in the way",
            Self::EffortIsBounded => "effort is in proportion to what is done",
            Self::MemoryIsBounded => "memory is in proportion to what is under way",
            Self::FilesAreBounded => "files are in proportion to what was written",
            Self::Liveness => "a healed cluster makes progress",
            Self::ServersStart => "a server starts from what its disk kept",
            Self::ServersRun => "no server gives up",
            Self::Determinism => "the same seed is the same run",
        }
    }
}

/// A property that did not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Which.
    pub property: Property,
    /// What was seen.
    pub evidence: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({}): {}", self.property, self.property.statement(), self.evidence)
    }
}

/// Holds, or says why not.
pub type Checked<T = ()> = Result<T, Violation>;

/// `Ok` if the condition holds; the evidence is only put into words if it does not.
///
/// # Errors
/// If it does not.
pub fn hold(condition: bool, property: Property, evidence: impl FnOnce() -> String) -> Checked {
    if condition { Ok(()) } else { Err(Violation { property, evidence: evidence() }) }
}
