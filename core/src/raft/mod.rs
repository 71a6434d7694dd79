//! One Raft server, without its I/O.

use alloc::vec::Vec;

use crate::config::{Config, ConfigError};
use crate::effect::{Effects, HardState, RoleKind};
use crate::entry::Entries;
use crate::event::Event;
use crate::membership::Membership;
use crate::recovered::{RecoverError, Recovered};
use crate::types::{Index, Instant, LogId, NodeId};

/// One Raft server, without its I/O.
#[derive(Debug)]
pub struct Raft {
    config: Config,
}

/// Why a server cannot start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StartError {
    /// The tuning makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The durable state makes no sense.
    #[error(transparent)]
    Recover(#[from] RecoverError),
}

impl Raft {
    /// Starts a follower from what was on disk.
    ///
    /// # Errors
    /// If the tuning or the durable state make no sense.
    pub fn new(config: Config, recovered: Recovered, _now: Instant) -> Result<Self, StartError> {
        config.check()?;
        recovered.check()?;
        Ok(Self { config })
    }

    /// One event in, any number of effects out. Cannot fail.
    pub fn step(&mut self, _now: Instant, _event: Event, _effects: &mut Effects) {
        unimplemented!()
    }

    /// As [`Raft::step`] for each event in turn, but settles once, at the end: at most one write,
    /// one commit and one window of entries per peer, however many events came in.
    pub fn step_batch(&mut self, _now: Instant, _events: &mut Vec<Event>, _effects: &mut Effects) {
        unimplemented!()
    }

    /// When to call with [`Event::Timeout`] if nothing else happens before.
    pub fn deadline(&self) -> Option<Instant> {
        unimplemented!()
    }

    /// A view for metrics, tests and people.
    pub fn status(&self) -> Status<'_> {
        unimplemented!()
    }

    /// The entries from `first` on that are in memory, up to about `bytes_max`, at least one.
    /// `None` if `first` is no longer in memory, or not yet in the log.
    pub fn cached(&self, _first: Index, _bytes_max: u64) -> Option<Entries> {
        unimplemented!()
    }

    /// The term of the entry at `index`; `None` outside of the log (its snapshot's last index is inside).
    pub fn term(&self, _index: Index) -> Option<crate::types::Term> {
        unimplemented!()
    }
}

/// A server at a glance. Borrowed, so that reading it costs nothing.
#[derive(Clone, Copy, Debug)]
pub struct Status<'a> {
    /// This server.
    pub id: NodeId,
    /// Its role.
    pub role: RoleKind,
    /// Term and vote.
    pub hard_state: HardState,
    /// The leader it knows.
    pub leader: Option<NodeId>,
    /// What the log starts after.
    pub snapshot: LogId,
    /// The end of the log.
    pub last: LogId,
    /// The log is durable up to here.
    pub durable: Index,
    /// The log is committed up to here, as far as this server knows.
    pub commit: Index,
    /// Who belongs to the cluster.
    pub membership: &'a Membership,
    /// A leader's view of its peers, by id; empty for others.
    pub peers: &'a [PeerStatus],
    /// Messages that made no sense, since the start.
    pub ignored_messages: u64,
}

/// A leader's view of one peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PeerStatus {
    /// The peer.
    pub id: NodeId,
}
