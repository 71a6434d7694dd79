//! The nemesis: carries out a plan.

use core::time::Duration;

use quorate_core::Instant;

use super::troubles::Trouble;
use super::world::{Happening, World};
use crate::clock::nanos;
use crate::judge::Checked;
use crate::net::{Down, HostId};
use crate::scenario::{Action, Limits, Role, Strike, Who};
use crate::show::What;

impl World<'_> {
    pub(crate) fn plan_strikes(&mut self, actions: &[Action]) {
        for action in actions.iter().filter(|action| action.at < self.options.chaos) {
            self.queue.plan(nanos(action.at), Happening::Strike(action.what.clone()));
        }
    }

    /// A server that is down starts again: when the strike says that took it down, or else as soon
    /// as servers do that ended by themselves.
    pub(crate) fn plan_restart(&mut self, at: usize) {
        let down = self.suffering[at].down_ns.take();
        let wait = down.unwrap_or_else(|| nanos(self.options.restart_after)) + 1;
        self.suffering[at].down_until = self.now + wait;
        self.queue.plan(self.now + wait, Happening::Restart(at));
    }

    /// It is time to start a server, unless it was taken down again.
    pub(crate) fn restart(&mut self, at: usize) -> Checked {
        if self.now < self.suffering[at].down_until { Ok(()) } else { self.start(at) }
    }

    pub(crate) fn strike(&mut self, strike: Strike) -> Checked {
        let struck = self.aim(&strike);
        self.report.strikes += u64::from(!struck.is_empty());
        self.trace.line(self.now, 0, || format!("strikes {struck:?}: {strike:?}"));
        if let Some(trouble) = self.net_trouble(&strike, &struck) {
            self.report.partitions += u64::from(trouble.is_partition());
            self.begin(trouble, strike.lasts());
            return Ok(());
        }
        struck.into_iter().try_for_each(|at| self.strike_server(&strike, at))
    }

    /// The places of the servers that it strikes now.
    fn aim(&self, strike: &Strike) -> Vec<usize> {
        let Some(who) = strike.who() else {
            return strike.servers().into_iter().map(place).collect();
        };
        match who {
            Who::Server(server) => vec![place(server)],
            Who::Role(Role::All) => (0..self.servers.len()).collect(),
            Who::Role(Role::Leader) => self.newest_leader().into_iter().collect(),
        }
    }

    /// Whoever leads in the newest term that has a leader who runs.
    fn newest_leader(&self) -> Option<usize> {
        let glances = self.servers.iter().enumerate().filter_map(|(at, server)| {
            let glance = server.process.as_ref()?.glance();
            glance.leads().then_some((glance.term(), at))
        });
        glances.max().map(|(_, at)| at)
    }

    fn strike_server(&mut self, strike: &Strike, at: usize) -> Checked {
        let until = self.ends_at(strike.lasts());
        match strike {
            Strike::Kill { down, limits, .. } => self.end(at, Down::Kill, *down, *limits)?,
            Strike::Power { down, limits, .. } => self.end(at, Down::PowerLoss, *down, *limits)?,
            Strike::Torn { after, by, down, .. } => {
                self.tell_noted(at, || format!("{by:?} in {after} operations of the disk"));
                self.suffering[at].down_ns = Some(nanos(*down));
                self.servers[at].drive.die_after(*after, *by);
            }
            Strike::Stop { down, .. } => {
                self.suffering[at].down_ns = Some(nanos(*down));
                self.stop(at);
            }
            Strike::Pause { .. } => self.pause(at, until),
            Strike::Freeze { .. } => self.freeze(at, until),
            Strike::Jump { by, .. } => self.servers[at].clock.offset += nanos(*by),
            Strike::SlowCpu { by, .. } => {
                let suffering = &mut self.suffering[at];
                (suffering.slow_until, suffering.slow_ns) = (until, nanos(*by));
            }
            Strike::Stall { .. } => {
                self.servers[at].drive.stall(until);
                self.tell(at, |n| What::Stalled { n, until });
            }
            Strike::SlowDisk { percent, .. } => {
                self.begin(Trouble::SlowDisk { at, percent: *percent }, strike.lasts());
            }
            Strike::DiskError { fault, files, .. } => {
                self.servers[at].drive.arm(*fault, files.clone());
            }
            Strike::Full { .. } => self.begin(Trouble::FullDisk { at }, strike.lasts()),
            _ => unreachable!("what strikes the network has been dealt with"),
        }
        Ok(())
    }

    /// Takes a server down that is up, for so long.
    fn end(&mut self, at: usize, how: Down, down: Duration, limits: Option<Limits>) -> Checked {
        if self.servers[at].is_down() {
            return Ok(());
        }
        if let Some(limits) = limits {
            let life = &mut self.lives[at];
            life.raft.message_bytes_max = limits.message_bytes_max;
            life.raft.inflight_messages_max = limits.inflight_messages_max;
            life.raft.cached_bytes_max = limits.cached_bytes_max;
            life.wal.batch_bytes_max = limits.batch_bytes_max;
        }
        self.take_down(at, how)?;
        self.suffering[at].down_ns = Some(nanos(down));
        self.plan_restart(at);
        Ok(())
    }

    fn pause(&mut self, at: usize, until: u64) {
        let paused = &mut self.servers[at].paused_until;
        *paused = until.max(*paused);
        self.tell(at, |n| What::Paused { n, until });
    }

    /// The clock is put back by what it will have missed: nobody looks at it until then.
    fn freeze(&mut self, at: usize, until: u64) {
        self.pause(at, until);
        let frozen = &mut self.suffering[at].frozen_until;
        let missed = until.saturating_sub(self.now.max(*frozen));
        *frozen = until.max(*frozen);
        let clock = &mut self.servers[at].clock;
        clock.offset -= missed * clock.permille / 1000;
    }

    /// When a strike of this length ends: at the latest when all faults do.
    pub(crate) fn ends_at(&self, lasts: Duration) -> u64 {
        (self.now + nanos(lasts)).min(nanos(self.options.chaos)).max(self.now)
    }
}

/// What a server goes through, apart from what its network and its disk do.
#[derive(Clone, Copy, Default)]
pub(crate) struct Suffering {
    /// How long it stays down when it goes down next.
    pub(crate) down_ns: Option<u64>,
    /// It is not started before.
    pub(crate) down_until: u64,
    /// Its clock stands still until then.
    pub(crate) frozen_until: u64,
    /// What its clock showed when it stepped last.
    pub(crate) shown: Instant,
    /// Until then each of its steps takes longer.
    pub(crate) slow_until: u64,
    /// By so much.
    pub(crate) slow_ns: u64,
}

pub(super) fn place(server: u16) -> usize {
    usize::from(server) - 1
}

pub(super) fn host(at: usize) -> HostId {
    HostId(u16::try_from(at + 1).expect("a few servers"))
}
