//! Links: the connections that this node makes to its peers, and makes again when they break.

use core::time::Duration;

use super::io::ConnectionId;
use crate::types::{Instant, NodeId};
use crate::wire::Address;

/// One direction, one lane: a node speaks to each peer on two links of its own, and hears it on
/// the peer's.
///
/// ```text
///   Down ──► Dialing ──► Greeting ──► Up
///     ▲         │            │         │
///     └─────────┴────────────┴─────────┘
/// ```
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) address: Address,
    pub(super) state: LinkState,
    /// Attempts since the link was up for long enough to be trusted.
    failures: u32,
}

/// Which link it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct LinkId {
    pub(super) peer: NodeId,
    pub(super) lane: Lane,
}

/// Two lanes, so that nothing urgent waits behind entries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Lane {
    /// Votes, heartbeats, acknowledgements, outcomes.
    Urgent,
    /// Entries and commands.
    Bulk,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LinkState {
    Down {
        until: Instant,
    },
    Dialing {
        connection: ConnectionId,
        deadline: Instant,
    },
    Greeting {
        connection: ConnectionId,
        deadline: Instant,
    },
    Up {
        connection: ConnectionId,
        since: Instant,
        /// The longest frame that the peer accepts.
        frame_bytes_max: u32,
    },
}

impl Link {
    pub(super) fn new(address: Address, now: Instant) -> Self {
        Self { address, state: LinkState::Down { until: now }, failures: 0 }
    }

    /// Where what is said to the peer goes, if the link is up, and in frames of at most how many
    /// bytes.
    pub(super) fn way(&self) -> Option<(ConnectionId, u32)> {
        match self.state {
            LinkState::Up { connection, frame_bytes_max, .. } => {
                Some((connection, frame_bytes_max))
            }
            _ => None,
        }
    }

    /// The connection, if the link is up.
    pub(super) fn connection(&self) -> Option<ConnectionId> {
        self.way().map(|way| way.0)
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.state, LinkState::Up { .. })
    }

    /// Since when it is up, if it is.
    pub(super) fn up_since(&self) -> Option<Instant> {
        match self.state {
            LinkState::Up { since, .. } => Some(since),
            _ => None,
        }
    }

    /// When something must be done about the link if nothing else happens.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.state {
            LinkState::Down { until } => Some(until),
            LinkState::Dialing { deadline, .. } | LinkState::Greeting { deadline, .. } => {
                Some(deadline)
            }
            LinkState::Up { .. } => None,
        }
    }

    /// Forgives earlier failures if the link has been up for so long. One that ends as soon as it
    /// is up is no better than one that does not come up, and must not be dialed more often.
    pub(super) fn forgive(&mut self, now: Instant, steady: Duration) {
        if let LinkState::Up { since, .. } = self.state
            && since.after(steady) <= now
        {
            self.failures = 0;
        }
    }

    /// Waits before the next attempt.
    pub(super) fn go_down(&mut self, until: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.state = LinkState::Down { until };
    }

    /// How long to wait before the next attempt: twice as long each time.
    pub(super) fn pause(&self, min: Duration, max: Duration) -> Duration {
        min.saturating_mul(1 << self.failures.min(16)).min(max)
    }
}
