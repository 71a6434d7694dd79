//! What the judges know of a server.

use quorate_core::{HardState, Index, LogId, NodeId, RoleKind, Status, Term};

use super::ledger::Ledger;

/// A server that is watched.
pub trait Witness {
    /// Who it is.
    fn id(&self) -> NodeId;

    /// What it wrote.
    fn ledger(&self) -> &Ledger;

    /// How it stands; `None` while it is down.
    fn glance(&self) -> Option<Glance>;
}

impl<W: Witness> Witness for &W {
    fn id(&self) -> NodeId {
        (*self).id()
    }

    fn ledger(&self) -> &Ledger {
        (*self).ledger()
    }

    fn glance(&self) -> Option<Glance> {
        (*self).glance()
    }
}

/// What a check needs to know of a server before and after a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Glance {
    /// Its role.
    pub role: RoleKind,
    /// Its hard state, durable or not.
    pub hard_state: HardState,
    /// The end of its log.
    pub last: LogId,
    /// Up to here the log is durable.
    pub durable: Index,
    /// Up to here it is committed, as far as the server knows.
    pub commit: Index,
}

impl Glance {
    /// What a core says of itself.
    pub fn of(status: Status<'_>) -> Self {
        Self {
            role: status.role,
            hard_state: status.hard_state,
            last: status.last,
            durable: status.durable,
            commit: status.commit,
        }
    }

    /// Its term.
    pub const fn term(self) -> Term {
        self.hard_state.term
    }

    /// Does it lead?
    pub fn leads(self) -> bool {
        self.role == RoleKind::Leader
    }
}
