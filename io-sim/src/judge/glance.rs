//! What the judges know of a server.

use quorate_core::{HardState, Index, LogId, NodeId, RoleKind, Status, Term};

use super::ledger::Ledger;

/// A server that is watched.
pub(crate) trait Witness {
    /// Who it is.
    fn id(&self) -> NodeId;

    /// What it wrote.
    fn ledger(&self) -> &Ledger;

    /// How it stands; `None` while it is down.
    fn glance(&self) -> Option<Glance>;
}

/// What a check needs to know of a server before and after a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Glance {
    pub(crate) role: RoleKind,
    pub(crate) hard_state: HardState,
    pub(crate) last: LogId,
    pub(crate) durable: Index,
    pub(crate) commit: Index,
}

impl Glance {
    pub(crate) fn of(status: Status<'_>) -> Self {
        Self {
            role: status.role,
            hard_state: status.hard_state,
            last: status.last,
            durable: status.durable,
            commit: status.commit,
        }
    }

    pub(crate) const fn term(self) -> Term {
        self.hard_state.term
    }

    pub(crate) fn leads(self) -> bool {
        self.role == RoleKind::Leader
    }
}
