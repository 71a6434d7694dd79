//! Tuning and limits of one server.

use core::num::NonZeroU32;
use core::time::Duration;

use crate::types::NodeId;

/// Tuning of one server; checked once, by [`Raft::new`](crate::Raft::new).
///
/// ```
/// use quorate_core::{Config, NodeId};
/// let config = Config { seed: 42, ..Config::new(NodeId::new(1).unwrap()) };
/// assert!(config.check().is_ok());
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// This server.
    pub id: NodeId,
    /// How long a follower waits for its leader before it seeks election, at least; also how long
    /// a leader leads without hearing from a majority, and how long a follower that hears its
    /// leader refuses to vote (thesis 6.2, 4.2.3).
    pub election_timeout: Duration,
    /// A wait drawn evenly from zero to this is added to each election timeout (thesis 3.4).
    pub election_jitter: Duration,
    /// How often a leader makes itself known; below the election timeout.
    pub heartbeat_interval: Duration,
    /// Seed of the server's only source of chance: the election jitter, and the name of this life
    /// ([`LifeId`](crate::LifeId)). Must be another at every start.
    pub seed: u64,
    /// Ask before standing for election, so that a server that was cut off disturbs nobody when it
    /// returns (thesis 9.6).
    pub pre_vote: bool,
    /// A leader that hears from no majority steps down, and servers that hear from a leader refuse
    /// to vote (thesis 6.2, 4.2.3).
    pub check_quorum: bool,
    /// Lets a leader answer [`Event::LeaseRead`](crate::Event::LeaseRead) by itself. All servers of a
    /// group must have the same, and the same election timeout: a server without it does not keep the
    /// promises that the lease of another rests on. Needs `check_quorum`.
    pub lease: Option<Lease>,
    /// How far apart the times are, at least and in milliseconds, that a leader writes into the log ahead
    /// of commands (thesis 6.3, [`LeaderTime`](crate::LeaderTime)); none if no state machine asks what
    /// time it is. Each is an entry of its own, of 40 bytes.
    pub time_resolution_ms: Option<NonZeroU32>,
    /// Who is to lead, of those that can: from 0 to [`PRIORITY_MAX`](Self::PRIORITY_MAX), the default.
    /// For each step below that a server waits an election timeout longer before it seeks election. It
    /// leads if nobody else can.
    pub priority: u8,
    /// How long a disk that has something to write may go without finishing any of it, before it
    /// counts as hanging: a leader then steps down if the others can elect another without its
    /// vote, and nobody seeks election or votes, until the disk answers. Each answer starts the
    /// time anew, so that a disk that is only slow, with many writes queued up, hangs never.
    pub disk_timeout: Duration,
    /// The longest command.
    pub command_bytes_max: u64,
    /// The cost of the entries in one message (see [`Entry::cost_bytes`](crate::Entry::cost_bytes)),
    /// unless a single one is larger.
    pub message_bytes_max: u64,
    /// Messages with entries under way to one peer.
    pub inflight_messages_max: u32,
    /// The cost of the entries under way to one peer.
    pub inflight_bytes_max: u64,
    /// The cost of the entries that a leader has accepted and that are not committed, or not on its
    /// own disk; beyond it proposals are refused as [`Busy`](crate::Refusal::Busy). One proposal is
    /// accepted whatever its size.
    pub uncommitted_bytes_max: u64,
    /// The cost of the durable, committed entries that are kept in memory for peers.
    pub cached_bytes_max: u64,
    /// Entries before the newest snapshot that the log keeps for peers that may need them, at most.
    /// Whoever lags further behind is brought up to date by a snapshot. A leader keeps no more than
    /// its slowest peer needs. Zero keeps none.
    pub retained_entries_max: u64,
    /// Reads that wait for confirmation; beyond it they are refused as
    /// [`Busy`](crate::Refusal::Busy).
    pub reads_pending_max: u32,
}

/// What clocks are trusted with (thesis 6.4.1).
///
/// ```
/// use core::time::Duration;
/// use quorate_core::Lease;
/// let lease = Lease { drift_ppm: 10_000 };
/// assert_eq!(lease.length(Duration::from_millis(1010)), Duration::from_millis(990));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lease {
    /// How much faster or slower than true time the clock of any server runs, at most, in millionths.
    /// A clock that stands still while the machine sleeps, or while it is moved, breaks this bound.
    pub drift_ppm: u32,
}

impl Lease {
    /// For how long a leader is alone, by its own clock, where others wait for so long by theirs.
    pub fn length(self, election_timeout: Duration) -> Duration {
        let drift = u128::from(self.drift_ppm);
        let nanos = election_timeout.as_nanos() * PPM.saturating_sub(drift) / (PPM + drift);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

const PPM: u128 = 1_000_000;

impl Config {
    /// The highest [`priority`](Self::priority).
    pub const PRIORITY_MAX: u8 = 10;

    /// The defaults: for a local network and disks that sync within milliseconds.
    pub const fn new(id: NodeId) -> Self {
        Self {
            id,
            election_timeout: Duration::from_millis(300),
            election_jitter: Duration::from_millis(300),
            heartbeat_interval: Duration::from_millis(50),
            seed: 0,
            pre_vote: true,
            check_quorum: true,
            lease: None,
            time_resolution_ms: None,
            priority: Self::PRIORITY_MAX,
            disk_timeout: Duration::from_secs(2),
            command_bytes_max: 1 << 20,
            message_bytes_max: 1 << 20,
            inflight_messages_max: 64,
            inflight_bytes_max: 16 << 20,
            uncommitted_bytes_max: 64 << 20,
            cached_bytes_max: 32 << 20,
            retained_entries_max: 100_000,
            reads_pending_max: 65_536,
        }
    }

    /// How long a server waits at least before it seeks election.
    pub(crate) fn patience(&self) -> Duration {
        let deference = u32::from(Self::PRIORITY_MAX.saturating_sub(self.priority));
        self.election_timeout.saturating_mul(1 + deference)
    }

    /// Does the tuning make sense?
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.heartbeat_interval.is_zero() || self.heartbeat_interval >= self.election_timeout {
            return Err(ConfigError::HeartbeatNotBelowElectionTimeout {
                heartbeat_interval: self.heartbeat_interval,
                election_timeout: self.election_timeout,
            });
        }
        if self.priority > Self::PRIORITY_MAX {
            return Err(ConfigError::PriorityTooHigh { priority: self.priority });
        }
        if let Some(Lease { drift_ppm }) = self.lease {
            if !self.check_quorum {
                return Err(ConfigError::LeaseWithoutCheckQuorum);
            }
            if u128::from(drift_ppm) >= PPM {
                return Err(ConfigError::LeaseWithoutLength { drift_ppm });
            }
        }
        let limits = [
            ("disk_timeout", u64::from(!self.disk_timeout.is_zero())),
            ("command_bytes_max", self.command_bytes_max),
            ("message_bytes_max", self.message_bytes_max),
            ("inflight_messages_max", u64::from(self.inflight_messages_max)),
            ("inflight_bytes_max", self.inflight_bytes_max),
            ("uncommitted_bytes_max", self.uncommitted_bytes_max),
            ("reads_pending_max", u64::from(self.reads_pending_max)),
        ];
        match limits.into_iter().find(|&(_, limit)| limit == 0) {
            Some((name, _)) => Err(ConfigError::ZeroLimit { name }),
            None => Ok(()),
        }
    }
}

/// Why a [`Config`] makes no sense.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConfigError {
    /// Followers would lose patience between two heartbeats.
    #[error(
        "heartbeat interval {heartbeat_interval:?} must be above zero and below the election timeout {election_timeout:?}"
    )]
    HeartbeatNotBelowElectionTimeout {
        /// As given.
        heartbeat_interval: Duration,
        /// As given.
        election_timeout: Duration,
    },
    /// Whoever helps to elect another leader at any time leaves no time for a lease.
    #[error("a lease needs check_quorum")]
    LeaseWithoutCheckQuorum,
    /// Clocks that may run so wrong can be trusted with nothing.
    #[error("a drift of {drift_ppm} ppm leaves nothing of a lease")]
    LeaseWithoutLength {
        /// As given.
        drift_ppm: u32,
    },
    /// There is none so high.
    #[error("priority {priority} is above the highest, {}", Config::PRIORITY_MAX)]
    PriorityTooHigh {
        /// As given.
        priority: u8,
    },
    /// A limit of zero allows nothing at all.
    #[error("limit {name} must not be zero")]
    ZeroLimit {
        /// The limit's name.
        name: &'static str,
    },
}
