//! Tuning and limits of a node.

use alloc::vec::Vec;
use core::time::Duration;

use super::staffing::Staffing;
use crate::config::{Config, ConfigError};
use crate::membership::Membership;
use crate::types::{ClusterId, GroupId, Incarnation, NodeId};
use crate::wire::Address;

/// Who a node is, whom it knows, and its limits; checked once, by [`Node::new`](super::Node::new).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeConfig {
    /// The consensus core's.
    pub raft: Config,
    /// The cluster.
    pub cluster: ClusterId,
    /// The group that this node serves.
    pub group: GroupId,
    /// This node's disk.
    pub incarnation: Incarnation,
    /// When that disk began, if it began [without a say](crate::wal::Ident::joined).
    pub joined: Option<u64>,
    /// How often the node has started from that disk.
    pub boot: u64,
    /// Where members can be reached of whom the log does not say it; also this server, by others.
    pub addresses: Vec<(NodeId, Address)>,
    /// The longest frame that is accepted. Peers are told, and keep to it: one whose own limits of
    /// messages or commands need longer frames does not link to this node.
    pub frame_bytes_max: u32,
    /// After this long an unanswered request ends: as unknown, or as not applied if it was a query.
    pub request_timeout: Duration,
    /// After this long an unanswered change of the membership ends as unknown; newcomers have to
    /// catch up in the meantime. The leader goes on.
    pub reconfigure_timeout: Duration,
    /// After this long a connection that has not shaken hands ends.
    pub handshake_timeout: Duration,
    /// After this long without a sign of life from the other side a link to or from a peer ends:
    /// its host may be gone without a word. Either side gives such a sign three times as often, so
    /// that all servers should be told the same. Longer than an election timeout, which is how long
    /// a peer may reasonably be busy.
    pub link_timeout: Duration,
    /// The first wait before a lost link is dialed again; doubles with each failure, until the link
    /// has been up for `link_timeout`.
    pub redial_min: Duration,
    /// The longest wait before a lost link is dialed again.
    pub redial_max: Duration,
    /// The longest that [`Input::Stop`](super::Input::Stop) waits for requests under way; may be
    /// zero.
    pub stop_timeout: Duration,
    /// Connections of clients; more are turned away. Peers do not count, so that no number of
    /// clients keeps them out. Zero serves none.
    pub connections_max: usize,
    /// Connections that have not said who they are; the oldest is turned away for a newer one, so
    /// that whoever says at once who it is gets in.
    pub strangers_max: usize,
    /// Requests under way; more are refused as busy.
    pub requests_max: usize,
    /// Clients that wait for something to happen; they do not count as requests under way. Zero allows
    /// none.
    pub watches_max: usize,
    /// Functions that are carried out at a time for those who call them; they do not count as requests under
    /// way. Zero allows none.
    pub calls_max: usize,
    /// The arguments of the functions that are carried out.
    pub calls_bytes_max: u64,
    /// Bytes that wait to leave on one connection. Beyond it a link to a peer drops messages, and
    /// a client that does not read is let go.
    pub unsent_bytes_max: u64,
    /// The cost of the entries that the state machine has been given and has not applied.
    pub applying_bytes_max: u64,
    /// A snapshot is taken whenever so many more entries are applied, at the multiples of it; zero
    /// takes none. [`Config::retained_entries_max`] says what the log then keeps for slow peers.
    pub snapshot_entries: u64,
    /// The longest piece in which a snapshot is written, read and sent: so much of it is in memory.
    pub snapshot_piece_bytes: u32,
    /// How much of a leader's snapshot is got in a second, so that a transfer leaves room for what
    /// is served meanwhile.
    pub snapshot_bytes_per_second_max: u64,
    /// Who shall vote, learn and stand by, if that is not left to operators. All servers should be told
    /// the same.
    pub staffing: Option<Staffing>,
    /// Committed entries that are not applied; beyond it proposals are refused as busy. Zero takes
    /// none before all that is committed is applied.
    pub unapplied_entries_max: u64,
}

impl NodeConfig {
    /// The defaults.
    pub fn new(
        id: NodeId,
        cluster: ClusterId,
        incarnation: Incarnation,
        addresses: Vec<(NodeId, Address)>,
    ) -> Self {
        Self {
            raft: Config::new(id),
            cluster,
            group: GroupId(0),
            incarnation,
            joined: None,
            boot: 0,
            addresses,
            frame_bytes_max: 8 << 20,
            request_timeout: Duration::from_secs(5),
            reconfigure_timeout: Duration::from_mins(5),
            handshake_timeout: Duration::from_secs(3),
            link_timeout: Duration::from_secs(1),
            redial_min: Duration::from_millis(20),
            redial_max: Duration::from_secs(1),
            stop_timeout: Duration::from_secs(5),
            connections_max: 4096,
            strangers_max: 1024,
            requests_max: 65_536,
            watches_max: 1 << 18,
            calls_max: 4096,
            calls_bytes_max: 64 << 20,
            unsent_bytes_max: 64 << 20,
            applying_bytes_max: 16 << 20,
            snapshot_entries: 100_000,
            snapshot_piece_bytes: 256 << 10,
            snapshot_bytes_per_second_max: 64 << 20,
            staffing: None,
            unapplied_entries_max: 65_536,
        }
    }

    /// What a frame holds beside the entries of one message: headers, lengths, terms.
    const FRAME_OVERHEAD_BYTES: u64 = 128 << 10;

    /// The longest frame that this node may have to send to a peer, as long as no entry in its log
    /// is from days of larger limits.
    pub(super) fn frame_bytes_needed(&self) -> u64 {
        // One entry is sent however large, so a message is at most one limit or the other.
        let largest = self.raft.message_bytes_max.max(self.raft.command_bytes_max);
        let largest = largest.max(u64::from(self.snapshot_piece_bytes));
        largest.saturating_add(Self::FRAME_OVERHEAD_BYTES)
    }

    /// Does the configuration make sense?
    ///
    /// # Errors
    /// See [`NodeConfigError`].
    pub fn check(&self) -> Result<(), NodeConfigError> {
        self.raft.check()?;
        self.check_staffing()?;
        let needed = self.frame_bytes_needed();
        if needed > u64::from(self.frame_bytes_max) {
            return Err(NodeConfigError::FrameTooSmall {
                frame_bytes_max: self.frame_bytes_max,
                needed,
            });
        }
        let zero_limits = [
            ("request_timeout", self.request_timeout.is_zero()),
            ("reconfigure_timeout", self.reconfigure_timeout.is_zero()),
            ("handshake_timeout", self.handshake_timeout.is_zero()),
            ("link_timeout", self.link_timeout.is_zero()),
            ("redial_min", self.redial_min.is_zero()),
            ("redial_max", self.redial_max.is_zero()),
            ("strangers_max", self.strangers_max == 0),
            ("requests_max", self.requests_max == 0),
            ("unsent_bytes_max", self.unsent_bytes_max == 0),
            ("applying_bytes_max", self.applying_bytes_max == 0),
            ("snapshot_piece_bytes", self.snapshot_piece_bytes == 0),
            ("snapshot_bytes_per_second_max", self.snapshot_bytes_per_second_max == 0),
        ];
        match zero_limits.into_iter().find(|limit| limit.1) {
            Some((name, _)) => Err(NodeConfigError::ZeroLimit { name }),
            None => Ok(()),
        }
    }
}

impl NodeConfig {
    /// A server has not failed as long as it may only be slow, and a group has room for so many.
    fn check_staffing(&self) -> Result<(), NodeConfigError> {
        let Some(Staffing { voters, learners, patience }) = self.staffing else { return Ok(()) };
        let patience_min = self.raft.election_timeout * 2;
        if patience < patience_min {
            return Err(NodeConfigError::Impatient { patience, patience_min });
        }
        let has_room =
            (1..=Membership::VOTERS_MAX).contains(&voters) && learners <= Membership::LEARNERS_MAX;
        if has_room { Ok(()) } else { Err(NodeConfigError::Staffing { voters, learners }) }
    }
}

/// Why a [`NodeConfig`] makes no sense.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NodeConfigError {
    /// The core's tuning makes no sense.
    #[error(transparent)]
    Raft(#[from] ConfigError),
    /// A message or a command would not fit into a frame.
    #[error("frames of {frame_bytes_max} bytes cannot hold messages that need {needed} bytes")]
    FrameTooSmall {
        /// As given.
        frame_bytes_max: u32,
        /// What the core's limits need.
        needed: u64,
    },
    /// A server would be replaced that is only slow.
    #[error("a server cannot have failed after {patience:?}: {patience_min:?} is the least")]
    Impatient {
        /// As given.
        patience: Duration,
        /// Two election timeouts.
        patience_min: Duration,
    },
    /// No group has so many voters and learners, or a group without voters was asked for.
    #[error("no group has {voters} voters and {learners} learners")]
    Staffing {
        /// As given.
        voters: usize,
        /// As given.
        learners: usize,
    },
    /// A limit of zero allows nothing at all, or makes the node try again without end.
    #[error("limit {name} must not be zero")]
    ZeroLimit {
        /// The limit's name.
        name: &'static str,
    },
}
