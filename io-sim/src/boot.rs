//! How a server comes to be, whatever the engine: where it is reached, a disk that was made ready for
//! it, and what a process finds there and starts with.

use quorate_core::node::NodeConfig;
use quorate_core::snapshot::SnapshotStore;
use quorate_core::wal::{self, Identity, OpenError, Opened, Origin, Row, Wal};
use quorate_core::wire::Address;
use quorate_core::{Config, Incarnation, LogId, Membership, NodeId};
use quorate_sm::{Applied, Applier, SessionLimits};

use crate::direct::{Found, read_all};
use crate::disk::{DiskOptions, Drive, SimDisk, SimFile};
use crate::forgetful::Forgetful;
use crate::health::Health;
use crate::judge::{Checked, Ledger, Property, Violation};
use crate::net::HostId;
use crate::scenario::{Options, Sabotage};
use crate::workload::Subject;

/// Where a server is reached.
///
/// # Panics
/// Never: a number makes a short name.
pub fn address(id: NodeId) -> Address {
    Address::new(format!("n{}:1", id.get())).expect("a short name and a port")
}

/// Who is reached there.
///
/// # Panics
/// If that is no [`address`].
pub fn host_at(address: &str) -> HostId {
    let number = address.strip_prefix('n').and_then(|rest| rest.strip_suffix(":1"));
    HostId(number.and_then(|number| number.parse().ok()).expect("an address of this world"))
}

/// An empty disk that was made ready for a server.
///
/// # Panics
/// Never: nothing fails on an empty disk without faults.
pub fn made_ready(id: NodeId, seed: u64, options: &Options) -> Drive {
    let origin = match options.membership.is_member(id) {
        true => Origin::Founding,
        false => Origin::Joining,
    };
    formatted(id, seed, options, &options.membership, (origin, 0))
}

/// What the judges know of such a disk.
#[must_use]
pub fn ledger(id: NodeId, options: &Options) -> Ledger {
    match options.membership.is_member(id) {
        true => Ledger::default(),
        false => Ledger::of_newcomer(),
    }
}

/// As [`made_ready`], for a server that knows these members, and comes from so and since then.
///
/// # Panics
/// Never: nothing fails on an empty disk without faults.
pub(crate) fn formatted(
    id: NodeId,
    seed: u64,
    options: &Options,
    genesis: &Membership,
    (origin, since): (Origin, u64),
) -> Drive {
    let drive = Drive::new(seed, DiskOptions::INSTANT);
    let identity =
        Identity { cluster: options.cluster, node: id, incarnation: Incarnation(seed.into()) };
    let made = wal::format_as(&drive.mount(), &identity, since, genesis, origin);
    made.expect("an empty disk without faults can be made ready");
    drive.tune(|tuned| {
        *tuned = options.disk;
        if options.sabotage == Sabotage::LyingDisks {
            tuned.rates.lost_write = 100_000;
        }
    });
    drive
}

/// The state machine that a process starts with.
pub fn applier(id: NodeId, subject: &dyn Subject, options: &Options) -> Applier {
    if options.sabotage == Sabotage::Forgets && id.get() == 1 {
        return Applier::new(Forgetful::default(), SessionLimits::default());
    }
    subject.applier(options.applies_at_once())
}

/// A log that is open.
pub struct Boot {
    /// The log.
    pub wal: Wal<SimDisk>,
    /// What was found, and the process starts from.
    pub opened: Opened,
    /// The snapshots next to it.
    pub snapshots: SnapshotStore<SimFile>,
    /// The state in the one that the log begins with, part by part.
    pub state: Vec<Vec<u8>>,
    /// All that is in the log.
    pub found: Found,
}

/// What came of opening a log.
pub enum Booted {
    /// It is open.
    Ready(Box<Boot>),
    /// An operation of the disk failed; it may be readable again later.
    DiskFailed,
    /// Something that was acknowledged has decayed, and the log says so.
    Refused(OpenError),
}

impl Boot {
    /// Opens the log of a server, and reads all of it.
    ///
    /// # Errors
    /// If it cannot be opened, or read, although no operation of the disk failed, and the health of
    /// the disk is no excuse. Of no interest if the process [died](Drive::is_dead) over it.
    pub fn read(
        disk: SimDisk,
        id: NodeId,
        seed: u64,
        options: &Options,
        health: Health,
    ) -> Checked<Booted> {
        let (mut wal, mut opened) = match Wal::open(disk, options.wal, seed) {
            Ok(opened) => opened,
            Err(OpenError::Disk(_)) => return Ok(Booted::DiskFailed),
            Err(OpenError::Damaged(damage)) if damage.row == Row::Unreadable => {
                return Ok(Booted::DiskFailed);
            }
            Err(error) if health.excuses(&error) => return Ok(Booted::Refused(error)),
            Err(error) => return Err(cannot_start(id, &error)),
        };
        let mut state = Vec::new();
        let snapshots = match wal.snapshots(|part| state.push(part.to_vec())) {
            Ok(snapshots) => snapshots,
            Err(OpenError::Disk(_)) => return Ok(Booted::DiskFailed),
            Err(error) if health.excuses(&error) => return Ok(Booted::Refused(error)),
            Err(error) => return Err(cannot_start(id, &error)),
        };
        let found = read_all(&opened.recovered, &mut wal)?;
        if options.sabotage == Sabotage::ForgottenVotes {
            opened.recovered.hard_state.vote = None;
        }
        Ok(Booted::Ready(Box::new(Self { wal, opened, snapshots, state, found })))
    }

    /// How the node of the process is configured.
    pub fn config(&self, id: NodeId, seed: u64, options: &Options) -> NodeConfig {
        // The log says where those are who come later.
        let members = options.membership.members().into_iter().filter(|&it| it != id).chain([id]);
        let addresses = members.map(|id| (id, address(id))).collect();
        let incarnation = self.opened.ident.identity.incarnation;
        let mut config = NodeConfig::new(id, options.cluster, incarnation, addresses);
        config.boot = self.opened.boot_epoch;
        config.joined = self.opened.ident.joined;
        let priority = options.priority(id);
        config.raft = Config { id, seed, priority, ..options.raft.clone() };
        // In proportion, as the defaults are.
        config.link_timeout = options.raft.election_timeout * 10 / 3;
        config.snapshot_entries = options.snapshot_entries;
        config.snapshot_piece_bytes = options.snapshot_piece_bytes;
        config.staffing = options.staffing();
        config
    }

    /// The state machine begins with the snapshot that the log begins with.
    ///
    /// # Errors
    /// If it cannot.
    pub fn restore(&self, id: NodeId, applier: &mut Applier) -> Checked {
        let at = self.opened.recovered.snapshot.last_included;
        if at == LogId::ZERO {
            return Ok(());
        }
        self.state.iter().for_each(|part| applier.load(part));
        let restored = applier.restore_loaded(at, &mut Applied::default());
        restored.map_err(|why| cannot_start(id, &why))
    }
}

/// A server that does not start.
pub fn cannot_start(id: NodeId, error: &dyn std::fmt::Display) -> Violation {
    Violation { property: Property::ServersStart, evidence: format!("{id:?}: {error}") }
}
