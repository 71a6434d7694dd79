//! Broken worlds: what the checks must notice.

/// A way in which the world breaks its promise to the servers. The servers are right; the run must
/// fail all the same, or the checks are worth nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sabotage {
    /// When all faults should have ended, no server hears any other.
    NeverHeals,
    /// Those that were to catch up at the end stay cut off.
    NeverHealsTheRest,
    /// When nothing should be in the way, everybody is cut off, the leader too.
    Regicide,
    /// The state machine of the first server loses its state now and then.
    Forgets,
}
