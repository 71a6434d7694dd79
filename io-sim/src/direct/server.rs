//! A server: what outlives its processes, and how one starts.

use quorate_core::invariants::Watch;
use quorate_core::node::{LogLane, Node};
use quorate_core::wal::OpenError;
use quorate_core::{Instant, LogId, NodeId};
use quorate_sm::{Applier, ApplyLane, SessionKeeper};

use super::broken::Broken;
use super::files::DiskUse;
use super::process::{Due, LaneDesk, Process};
use super::reconcile::reconcile;
use super::wires::Wires;
use super::world::Happening;
use crate::boot::{self, Boot, Booted, cannot_start};
use crate::clock::Clock;
use crate::disk::Drive;
use crate::health::Health;
use crate::judge::{Checked, Given, Glance, Ledger, Witness};
use crate::net::HostId;
use crate::scenario::Options;

/// How the start of a process began.
pub(crate) enum Begun {
    /// The disk reads, or the process dies over it.
    Reading,
    /// The disk failed, and the process ended itself.
    DiskFailed,
    /// Something has decayed, and there will be no process any more.
    Refused(OpenError),
}

/// What a start found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Started {
    /// A log that ends well.
    Whole,
    /// A log and a write that was under way, which is cut off.
    TailCut,
}

/// A server of the world.
pub(crate) struct Server {
    pub(crate) id: NodeId,
    pub(crate) host: HostId,
    pub(crate) drive: Drive,
    pub(crate) clock: Clock,
    /// What it wrote, as the judges know it.
    pub(crate) ledger: Ledger,
    /// What a process that starts has read from the disk, and the seed of its life.
    booting: Option<(Box<Boot>, u64)>,
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
    /// What is known of its disk.
    pub(crate) health: Health,
    /// What its files may take for all that was ever written to them.
    pub(crate) written_bytes: DiskUse,
}

impl Server {
    /// A server with an empty disk that was made ready for it.
    pub(crate) fn new(number: u16, seed: u64, clock: Clock, options: &Options) -> Self {
        let id = NodeId::new(number.into()).expect("servers are numbered from 1");
        Self {
            id,
            host: HostId(number),
            drive: boot::made_ready(id, seed, options),
            clock,
            ledger: boot::ledger(id, options),
            booting: None,
            process: None,
            is_doomed: false,
            is_ending: false,
            lives: 0,
            paused_until: 0,
            parked: Vec::new(),
            broken: None,
            health: Health::default(),
            written_bytes: DiskUse::default(),
        }
    }

    /// Begins to start a process from what the disk holds.
    pub(crate) fn begin_start(&mut self, now: u64, seed: u64, options: &Options) -> Checked<Begun> {
        let disk = self.drive.mount();
        self.lives += 1;
        self.drive.begin(now);
        let boot = Boot::read(disk, self.id, seed, options, self.health);
        if self.drive.is_dead() {
            self.is_doomed = true;
            return Ok(Begun::Reading);
        }
        match boot? {
            Booted::Ready(boot) => {
                if self.health != Health::Anew {
                    // All of it was read, and all is there.
                    self.health = Health::Whole;
                }
                self.booting = Some((boot, seed));
                Ok(Begun::Reading)
            }
            Booted::DiskFailed => Ok(Begun::DiskFailed),
            Booted::Refused(why) => {
                self.health = Health::Lost;
                Ok(Begun::Refused(why))
            }
        }
    }

    /// The disk is done: the process serves. `None` if it is gone.
    pub(crate) fn finish_start(
        &mut self,
        now: u64,
        mut applier: Applier,
        given: impl FnOnce(LogId) -> Checked<Given>,
        options: &Options,
    ) -> Checked<Option<Started>> {
        let Some((boot, seed)) = self.booting.take() else { return Ok(None) };
        let config = boot.config(self.id, seed, options);
        boot.restore(self.id, &mut applier)?;
        let Boot { wal, opened, snapshots, found, .. } = *boot;
        reconcile(&mut self.ledger, &found)?;
        let given = given(applier.last_applied())?;
        let node = Node::new(config, opened.recovered, self.clock.read(now))
            .map_err(|error| cannot_start(self.id, &error))?;
        let keeper = SessionKeeper::new(options.session_timeout);
        self.process = Some(Process {
            watch: Watch::new(node.raft()),
            deadline: node.deadline().unwrap_or(Instant(u64::MAX)),
            node,
            log: LaneDesk::new(LogLane::new(wal, snapshots)),
            apply: LaneDesk::new(ApplyLane::new(applier, keeper)),
            wires: Wires::new(),
            accepted: 0,
            inputs: Vec::new(),
            is_stirred: false,
            given,
            has_failed: false,
            is_ending: false,
            is_over: false,
            due: Due::default(),
        });
        Ok(Some(if opened.report.cut.is_some() { Started::TailCut } else { Started::Whole }))
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
        self.health == Health::Lost || matches!(self.broken, Some(Broken::Dark | Broken::Killed))
    }

    /// Is it down for good, unless it is started?
    pub(crate) fn is_down(&self) -> bool {
        self.process.is_none() && self.booting.is_none() && !self.is_ending && !self.is_doomed
    }

    /// When its node wants to be called, in the world's time.
    pub(crate) fn timer(&self) -> Option<u64> {
        let process = self.process.as_ref().filter(|process| !process.is_over)?;
        Some(process.due.at(process.deadline, self.clock).max(self.paused_until))
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
