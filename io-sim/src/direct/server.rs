//! A server: what outlives its processes, and how one starts.

use quorate_core::invariants::Watch;
use quorate_core::node::{LogLane, Node, NodeConfig};
use quorate_core::wal::{self, Identity, OpenError, Opened, Row, Wal};
use quorate_core::wire::Address;
use quorate_core::{Incarnation, Instant, NodeId};
use quorate_sm::{Applier, ApplyLane, SessionKeeper, SessionLimits};

use super::broken::Broken;
use super::files::DiskUse;
use super::machines::Forgetful;
use super::process::{LaneDesk, Process};
use super::reconcile::{read_all, reconcile};
use super::wires::Wires;
use super::world::Happening;
use crate::clock::Clock;
use crate::disk::{DiskOptions, Drive, SimDisk};
use crate::judge::{Checked, Given, Glance, Image, Ledger, Property, Violation, Witness};
use crate::net::HostId;
use crate::scenario::{Options, Sabotage};

/// How the start of a process began.
pub(crate) enum Begun {
    /// The disk reads, or the process dies over it.
    Reading,
    /// The disk failed, and the process ended itself.
    DiskFailed,
}

/// What a start found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Started {
    /// A log that ends well.
    Whole,
    /// A log and a write that was under way, which is cut off.
    TailCut,
}

/// A log that is open.
struct Boot {
    wal: Wal<SimDisk>,
    opened: Opened,
    found: Image,
    seed: u64,
}

/// A server of the world.
pub(crate) struct Server {
    pub(crate) id: NodeId,
    pub(crate) host: HostId,
    pub(crate) drive: Drive,
    pub(crate) clock: Clock,
    /// What it wrote, as the judges know it.
    pub(crate) ledger: Ledger,
    /// What a process that starts has read from the disk.
    booting: Option<Boot>,
    /// `None` while it is down, or starts.
    pub(crate) process: Option<Process>,
    /// A process is about to die over its start.
    is_doomed: bool,
    /// A process is there that only has to come to its end.
    pub(crate) is_ending: bool,
    /// Counts its processes, so that what belongs to an earlier one is recognised.
    pub(crate) lives: u32,
    /// It stands still until then.
    pub(crate) paused_until: u64,
    /// What it is to do when it goes on, if nobody knows when that is.
    pub(crate) parked: Vec<Happening>,
    /// It stays like this.
    pub(crate) broken: Option<Broken>,
    /// What its files may take for all that was ever written to them.
    pub(crate) written_bytes: DiskUse,
}

impl Server {
    /// A server with an empty disk that was made ready for it.
    pub(crate) fn new(number: u16, seed: u64, clock: Clock, options: &Options) -> Self {
        let id = NodeId::new(number.into()).expect("servers are numbered from 1");
        let drive = Drive::new(seed, DiskOptions::INSTANT);
        let identity =
            Identity { cluster: options.cluster, node: id, incarnation: Incarnation(seed.into()) };
        let made = wal::format(&drive.mount(), &identity, 0, &options.membership);
        made.expect("an empty disk without faults can be made ready");
        drive.tune(|tuned| *tuned = options.disk);
        Self {
            id,
            host: HostId(number),
            drive,
            clock,
            ledger: Ledger::default(),
            booting: None,
            process: None,
            is_doomed: false,
            is_ending: false,
            lives: 0,
            paused_until: 0,
            parked: Vec::new(),
            broken: None,
            written_bytes: DiskUse::default(),
        }
    }

    /// Begins to start a process from what the disk holds.
    pub(crate) fn begin_start(&mut self, now: u64, seed: u64, options: &Options) -> Checked<Begun> {
        let disk = self.drive.mount();
        self.lives += 1;
        self.drive.begin(now);
        let opened = Wal::open(disk, options.wal, seed);
        if self.drive.is_dead() {
            self.is_doomed = true;
            return Ok(Begun::Reading);
        }
        let (mut wal, opened) = match opened {
            Ok(opened) => opened,
            Err(OpenError::Disk(_)) => return Ok(Begun::DiskFailed),
            // It may be readable again later.
            Err(OpenError::Damaged(damage)) if damage.row == Row::Unreadable => {
                return Ok(Begun::DiskFailed);
            }
            Err(error) => return Err(cannot_start(self.id, &error)),
        };
        let found = read_all(&opened.recovered, &mut wal);
        if self.drive.is_dead() {
            self.is_doomed = true;
            return Ok(Begun::Reading);
        }
        self.booting = Some(Boot { wal, opened, found: found?, seed });
        Ok(Begun::Reading)
    }

    /// The disk is done: the process serves. `None` if it is gone.
    pub(crate) fn finish_start(
        &mut self,
        now: u64,
        applier: Applier,
        options: &Options,
    ) -> Checked<Option<Started>> {
        let Some(boot) = self.booting.take() else { return Ok(None) };
        let Boot { wal, opened, found, seed } = boot;
        let has_cut = opened.report.cut.is_some();
        reconcile(&mut self.ledger, found)?;
        let config =
            self.config(seed, opened.boot_epoch, opened.ident.identity.incarnation, options);
        let mut recovered = opened.recovered;
        if options.sabotage == Sabotage::ForgottenVotes {
            recovered.hard_state.vote = None;
        }
        let node = Node::new(config, recovered, self.clock.read(now))
            .map_err(|error| cannot_start(self.id, &error))?;
        let applier = match options.sabotage {
            Sabotage::Forgets if self.host == HostId(1) => {
                Applier::new(Forgetful::default(), SessionLimits::default())
            }
            _ => applier,
        };
        let keeper = SessionKeeper::new(options.session_timeout);
        self.process = Some(Process {
            watch: Watch::new(node.raft()),
            deadline: node.deadline().unwrap_or(Instant(u64::MAX)),
            node,
            log: LaneDesk::new(LogLane::new(wal)),
            apply: LaneDesk::new(ApplyLane::new(applier, keeper)),
            wires: Wires::new(),
            accepted: 0,
            inputs: Vec::new(),
            is_stirred: false,
            given: Given::NOTHING,
            has_failed: false,
            is_ending: false,
            is_over: false,
            look_at: self.clock.read(now),
        });
        Ok(Some(if has_cut { Started::TailCut } else { Started::Whole }))
    }

    /// Whatever runs, or starts, is gone. `false` if nothing did.
    pub(crate) fn end_process(&mut self) -> bool {
        let was_ending = std::mem::take(&mut self.is_ending) | std::mem::take(&mut self.is_doomed);
        let was_booting = self.booting.take().is_some();
        self.process.take().is_some() || was_booting || was_ending
    }

    /// Is it under way to serve, or to an early end?
    pub(crate) fn is_starting(&self) -> bool {
        self.booting.is_some() || self.is_doomed
    }

    /// Will it never start again?
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self.broken, Some(Broken::Dark | Broken::Killed))
    }

    /// Is it down for good, unless it is started?
    pub(crate) fn is_down(&self) -> bool {
        self.process.is_none() && self.booting.is_none() && !self.is_ending && !self.is_doomed
    }

    fn config(
        &self,
        seed: u64,
        boot: u64,
        incarnation: Incarnation,
        options: &Options,
    ) -> NodeConfig {
        let members = options.membership.members();
        let addresses = members.into_iter().map(|id| (id, address(id))).collect();
        let mut config = NodeConfig::new(self.id, options.cluster, incarnation, addresses);
        config.boot = boot;
        config.raft = quorate_core::Config { id: self.id, seed, ..options.raft.clone() };
        config.link_timeout = options.raft.election_timeout * 2;
        config
    }

    /// When its node wants to be called, in the world's time.
    pub(crate) fn timer(&self) -> Option<u64> {
        let process = self.process.as_ref().filter(|process| !process.is_over)?;
        let deadline = process.deadline.min(process.look_at);
        Some(self.clock.when(deadline).max(self.paused_until))
    }
}

impl Witness for Server {
    fn id(&self) -> NodeId {
        self.id
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn glance(&self) -> Option<Glance> {
        self.process.as_ref().map(Process::glance)
    }
}

/// Where a server is reached.
pub(crate) fn address(id: NodeId) -> Address {
    Address::new(format!("n{}:1", id.get())).expect("a short name and a port")
}

/// Who is reached there.
pub(crate) fn host_at(address: &str) -> HostId {
    let number = address.strip_prefix('n').and_then(|rest| rest.strip_suffix(":1"));
    HostId(number.and_then(|number| number.parse().ok()).expect("an address of this world"))
}

fn cannot_start(id: NodeId, error: &dyn std::fmt::Display) -> Violation {
    Violation { property: Property::ServersStart, evidence: format!("{id:?}: {error}") }
}
