//! What one run is made of.

use core::time::Duration;
use std::num::NonZeroU32;

use quorate_core::node::Staffing;
use quorate_core::wal::{self, WalOptions};
use quorate_core::{ClusterId, Config, ConfigError, Lease, Membership, NodeId};
use serde::{Deserialize, Serialize};

use super::calling::{CallingOptions, WorkloadName};
use super::nemesis_options::NemesisOptions;
use super::pump_options::PumpOptions;
use super::sabotage::Sabotage;
use crate::disk::{self, DiskOptions};
use crate::net::{NetOptions, NetOptionsError};
use crate::units;

/// Everything that a run depends on, apart from its [`Plan`](super::Plan): equal options, equal
/// runs.
///
/// Each has a name, `net.link.loss_ppm`, under which it is printed ([`Options::to_text`]) and
/// changed ([`Options::set`]).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Options {
    /// Where all chance comes from.
    #[serde(with = "units::number")]
    pub seed: u64,
    /// Which cluster it is.
    #[serde(skip, default = "cluster")]
    pub cluster: ClusterId,
    /// Who belongs to the cluster; servers are numbered from 1.
    #[serde(with = "units::members")]
    pub membership: Membership,
    /// So many servers more belong to nobody at first; their numbers follow those of the members.
    pub spares: u16,
    /// For how long faults strike.
    #[serde(with = "units::span")]
    pub chaos: Duration,
    /// Tuning of every server's core; the name and the seed are filled in for each.
    #[serde(with = "RaftText")]
    pub raft: Config,
    /// Sizes of every server's log.
    #[serde(with = "WalText")]
    pub wal: WalOptions,
    /// After this long the session of a silent client ends.
    #[serde(with = "units::span")]
    pub session_timeout: Duration,
    /// The disks.
    pub disk: DiskOptions,
    /// The network.
    pub net: NetOptions,
    /// How far a clock's speed is from real time, at most, in thousandths.
    pub clock_drift_permille: u64,
    /// For how long what has happened waits for more, at most, in nanoseconds.
    #[serde(rename = "stir_max", with = "units::nanos")]
    pub stir_max_ns: u64,
    /// How long the state machine takes for a portion, at most, in nanoseconds; if that is more
    /// than [`APPLY_BRIEF_NS`](Self::APPLY_BRIEF_NS), it says so.
    #[serde(rename = "apply_max", with = "units::nanos")]
    pub apply_max_ns: u64,
    /// How long what was read from the log for a peer is on its way to the node, at most, in
    /// nanoseconds.
    #[serde(rename = "read_back_max", with = "units::nanos")]
    pub read_back_max_ns: u64,
    /// A snapshot is taken whenever so many more entries are applied; 0 takes none.
    pub snapshot_entries: u64,
    /// The longest piece of a snapshot.
    pub snapshot_piece_bytes: u32,
    /// After this long without a word a server is replaced by one that learns or stands by, as do all
    /// that a [`Strike::Reconfigure`](super::Strike::Reconfigure) does not name; zero replaces nobody.
    #[serde(with = "units::span")]
    pub replace_after: Duration,
    /// By so much the priority of each server is below that of the one before; zero for equal ones.
    pub priority_step: u8,
    /// How long a server stays down that ended itself.
    #[serde(with = "units::span")]
    pub restart_after: Duration,
    /// How many clients there are.
    pub callers: u16,
    /// How they call.
    pub calling: CallingOptions,
    /// What only tasks and sockets do.
    pub pump: PumpOptions,
    /// The faults that strike from outside: what a plan is drawn from.
    pub nemesis: NemesisOptions,
    /// What is broken on purpose.
    pub sabotage: Sabotage,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Config")]
struct RaftText {
    #[serde(skip, default = "first")]
    id: NodeId,
    #[serde(with = "units::span")]
    election_timeout: Duration,
    #[serde(with = "units::span")]
    election_jitter: Duration,
    #[serde(with = "units::span")]
    heartbeat_interval: Duration,
    #[serde(skip)]
    seed: u64,
    pre_vote: bool,
    check_quorum: bool,
    #[serde(with = "units::lease")]
    lease: Option<Lease>,
    #[serde(with = "units::optional_millis", default)]
    time_resolution_ms: Option<NonZeroU32>,
    #[serde(skip, default = "highest")]
    priority: u8,
    #[serde(with = "units::span")]
    disk_timeout: Duration,
    command_bytes_max: u64,
    message_bytes_max: u64,
    inflight_messages_max: u32,
    inflight_bytes_max: u64,
    uncommitted_bytes_max: u64,
    cached_bytes_max: u64,
    retained_entries_max: u64,
    reads_pending_max: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "WalOptions")]
struct WalText {
    segment_bytes: u64,
    align_bytes: u32,
    batch_bytes_max: u64,
    tail_bytes_max: u64,
}

fn highest() -> u8 {
    Config::PRIORITY_MAX
}

fn first() -> NodeId {
    NodeId::new(1).expect("one is not zero")
}

fn cluster() -> ClusterId {
    ClusterId(0x51)
}

/// Options that make no sense.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OptionsError {
    /// See [`ConfigError`].
    #[error("raft: {0}")]
    Raft(#[from] ConfigError),
    /// See [`wal::OptionsError`].
    #[error("wal: {0}")]
    Wal(#[from] wal::OptionsError),
    /// See [`disk::OptionsError`].
    #[error("disk: {0}")]
    Disk(#[from] disk::OptionsError),
    /// See [`NetOptionsError`].
    #[error(transparent)]
    Net(#[from] NetOptionsError),
    /// Servers are numbered from 1, without a gap, and there are at most
    /// [`SERVERS_MAX`](Options::SERVERS_MAX).
    #[error("servers must be numbered from 1 to at most {}", Options::SERVERS_MAX)]
    Servers,
    /// Outside of what a run can bear.
    #[error("{what} is {value}, and must be {min} to {max}")]
    OutOfRange {
        /// Which option.
        what: &'static str,
        /// Its value; times in milliseconds.
        value: u64,
        /// The least that makes sense.
        min: u64,
        /// The most that makes sense.
        max: u64,
    },
}

impl Options {
    /// The most servers.
    pub const SERVERS_MAX: u16 = 9;

    /// The longest time in which faults strike.
    pub const CHAOS_MAX: Duration = Duration::from_secs(3600);

    /// Three servers in a healthy world for five seconds, two clients, and nothing that strikes:
    /// what a scenario's text leaves out has these values.
    ///
    /// # Panics
    /// Never.
    pub fn calm() -> Self {
        let servers = (1..=3).filter_map(NodeId::new);
        Self {
            seed: 0,
            cluster: cluster(),
            membership: Membership::of_voters(servers).expect("three servers"),
            spares: 0,
            chaos: Duration::from_secs(5),
            raft: Config::new(first()),
            wal: WalOptions { segment_bytes: 512 << 10, ..WalOptions::DEFAULT },
            session_timeout: Duration::from_secs(30),
            disk: DiskOptions::default(),
            net: NetOptions::default(),
            clock_drift_permille: 0,
            stir_max_ns: 1_000,
            apply_max_ns: Self::APPLY_BRIEF_NS,
            read_back_max_ns: 0,
            snapshot_entries: 0,
            snapshot_piece_bytes: 256 << 10,
            replace_after: Duration::ZERO,
            priority_step: 0,
            restart_after: Duration::from_millis(500),
            callers: 2,
            calling: CallingOptions {
                workload: WorkloadName::Kv,
                keys: 2,
                pause_max: Duration::from_millis(20),
                timeout: Duration::from_secs(2),
                value_bytes_max: 100,
                calls_max: None,
            },
            pump: PumpOptions::CALM,
            nemesis: NemesisOptions::CALM,
            sabotage: Sabotage::None,
        }
    }

    /// How long a state machine may take that calls itself brief.
    pub const APPLY_BRIEF_NS: u64 = 10_000;

    /// Is the state machine brief, see [`StateMachine::BRIEF`](quorate_sm::StateMachine::BRIEF)?
    pub const fn applies_at_once(&self) -> bool {
        self.apply_max_ns <= Self::APPLY_BRIEF_NS
    }

    /// So many servers that nobody asks for anything, and nothing is in the way.
    ///
    /// # Panics
    /// If there are no servers, or more than [`SERVERS_MAX`](Self::SERVERS_MAX).
    pub fn idle(servers: u64, span: Duration) -> Self {
        let voters = (1..=servers).filter_map(NodeId::new);
        Self {
            membership: Membership::of_voters(voters).expect("a few voters"),
            chaos: span,
            callers: 0,
            ..Self::calm()
        }
    }

    /// How many servers there are, spare ones included.
    pub fn servers(&self) -> u16 {
        let members = u16::try_from(self.membership.members().len()).unwrap_or(u16::MAX);
        members.saturating_add(self.spares)
    }

    /// Everybody belongs to the cluster: who voted first votes, and all others learn.
    ///
    /// # Panics
    /// If the options fail their [`check`](Self::check).
    pub fn everybody(&self) -> Membership {
        let voters = self.membership.voters().to_vec();
        let others = (1..=u64::from(self.servers())).filter_map(NodeId::new);
        let others: Vec<_> = others.filter(|id| !voters.contains(id)).collect();
        let members = Membership::new(voters, [], others).expect("each is one of the two");
        let addresses = members.members().into_iter().map(|id| (id, crate::boot::address(id)));
        members.with_addresses(addresses).expect("one of each member")
    }

    /// Who shall vote and learn, if failed servers are replaced: as many as in the beginning, and one.
    pub fn staffing(&self) -> Option<Staffing> {
        let (voters, patience) = (self.membership.voters().len(), self.replace_after);
        (!patience.is_zero()).then_some(Staffing { voters, learners: 1, patience })
    }

    /// How likely a server is to lead, see [`Config::priority`].
    pub fn priority(&self, id: NodeId) -> u8 {
        let before = u8::try_from(id.get() - 1).unwrap_or(u8::MAX);
        Config::PRIORITY_MAX.saturating_sub(self.priority_step.saturating_mul(before))
    }

    /// How many times longer than others a server may wait before it seeks election.
    pub fn deference_max(&self) -> u64 {
        let servers = (1..=u64::from(self.servers())).filter_map(NodeId::new);
        let lowest = servers.map(|id| self.priority(id)).min();
        lowest.map_or(0, |lowest| (Config::PRIORITY_MAX - lowest).into())
    }

    /// Do they make sense? Nothing that passes can harm who runs it.
    ///
    /// # Errors
    /// See [`OptionsError`].
    pub fn check(&self) -> Result<(), OptionsError> {
        const HOUR_MS: u64 = 3_600_000;
        self.raft.check()?;
        self.wal.check()?;
        self.disk.check()?;
        self.net.check()?;
        let members = self.membership.members();
        let numbered = members.iter().zip(1..).all(|(member, number)| member.get() == number);
        if !numbered || self.servers() > Self::SERVERS_MAX {
            return Err(OptionsError::Servers);
        }
        let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let (raft, calling, nemesis) = (&self.raft, &self.calling, &self.nemesis);
        let pump = &self.pump;
        let replace_after = ms(self.replace_after);
        let replace_after_min = if replace_after == 0 { 0 } else { 2 * ms(raft.election_timeout) };
        let limits = [
            ("chaos", ms(self.chaos), 0, ms(Self::CHAOS_MAX)),
            ("raft.election_timeout", ms(raft.election_timeout), 1, HOUR_MS),
            ("raft.election_jitter", ms(raft.election_jitter), 0, HOUR_MS),
            ("raft.disk_timeout", ms(raft.disk_timeout), 0, HOUR_MS),
            ("raft.command_bytes_max", raft.command_bytes_max, 1, 1 << 30),
            ("raft.message_bytes_max", raft.message_bytes_max, 1, 1 << 30),
            ("raft.inflight_bytes_max", raft.inflight_bytes_max, 1, 1 << 40),
            ("raft.uncommitted_bytes_max", raft.uncommitted_bytes_max, 1, 1 << 40),
            ("raft.cached_bytes_max", raft.cached_bytes_max, 0, 1 << 40),
            ("wal.segment_bytes", self.wal.segment_bytes, 1, 64 << 20),
            ("wal.batch_bytes_max", self.wal.batch_bytes_max, 0, 64 << 20),
            ("wal.tail_bytes_max", self.wal.tail_bytes_max, 0, 1 << 40),
            ("disk.capacity_bytes", self.disk.capacity_bytes.unwrap_or(0), 0, 1 << 40),
            ("session_timeout", ms(self.session_timeout), 1, 24 * HOUR_MS),
            ("clock_drift_permille", self.clock_drift_permille, 0, 900),
            ("stir_max", self.stir_max_ns / 1_000_000, 0, HOUR_MS),
            ("apply_max", self.apply_max_ns / 1_000_000, 0, HOUR_MS),
            ("read_back_max", self.read_back_max_ns / 1_000_000, 0, HOUR_MS),
            ("snapshot_entries", self.snapshot_entries, 0, 1 << 40),
            ("snapshot_piece_bytes", self.snapshot_piece_bytes.into(), 1, 1 << 20),
            ("replace_after", replace_after, replace_after_min, HOUR_MS),
            ("priority_step", self.priority_step.into(), 0, Config::PRIORITY_MAX.into()),
            ("restart_after", ms(self.restart_after), 0, HOUR_MS),
            ("callers", self.callers.into(), 0, 100),
            ("calling.keys", calling.keys, 1, 1_000_000),
            ("calling.pause_max", ms(calling.pause_max), 0, HOUR_MS),
            ("calling.timeout", ms(calling.timeout), 1, HOUR_MS),
            ("calling.value_bytes_max", calling.value_bytes_max, 0, 256 << 10),
            ("calling.calls_max", calling.calls_max.unwrap_or(0), 0, 1 << 40),
            ("pump.short_permille", pump.short_permille, 0, 1000),
            ("pump.accept_fails_permille", pump.accept_fails_permille, 0, 900),
            ("pump.abandon_permille", pump.abandon_permille, 0, 900),
            ("pump.renew_permille", pump.renew_permille, 0, 1000),
            ("pump.errand_permille", pump.errand_permille, 0, 900),
            ("pump.room_bytes", pump.room_bytes.unwrap_or(1), 1, 1 << 40),
            ("nemesis.every", ms(nemesis.every), 1, HOUR_MS),
            ("nemesis.lasting_max", ms(nemesis.lasting_max), 1, HOUR_MS),
            ("the weights of a nemesis", nemesis.heaviest(), 0, 1000),
        ];
        let bad = limits.into_iter().find(|&(_, value, min, max)| value < min || value > max);
        match bad {
            Some((what, value, min, max)) => {
                Err(OptionsError::OutOfRange { what, value, min, max })
            }
            None => Ok(()),
        }
    }
}
