//! Broken worlds: what the checks must notice.

/// A way in which the world breaks its promise to the servers. The servers are right; the run must
/// fail all the same, or the checks are worth nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sabotage {
    /// When all faults should have ended, no server hears any other.
    NeverHeals,
}
