//! The nemesis: carries out a plan.

use core::time::Duration;

use quorate_core::{Instant, RoleKind};

use super::troubles::Trouble;
use super::world::{Happening, World};
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
        if struck.is_empty() && waits(&strike) {
            self.trace.line(self.now, 0, || format!("lies in wait: {strike:?}"));
            self.ambushes.push(strike);
            return Ok(());
        }
        self.strike_those(strike, struck)
    }

    /// Somebody stands for election: strikes that have waited for that strike now.
    pub(crate) fn spring(&mut self, at: usize) -> Checked {
        let mut waiting = std::mem::take(&mut self.ambushes).into_iter();
        waiting.try_for_each(|strike| self.strike_those(strike, vec![at]))
    }

    fn strike_those(&mut self, strike: Strike, struck: Vec<usize>) -> Checked {
        self.report.strikes += u64::from(!struck.is_empty());
        self.trace.line(self.now, 0, || format!("strikes {struck:?}: {strike:?}"));
        if let Some(trouble) = self.net_trouble(&strike, &struck) {
            self.report.partitions += u64::from(trouble.is_partition());
            self.begin(trouble, lasts(&strike));
            return Ok(());
        }
        struck.into_iter().try_for_each(|at| self.strike_server(&strike, at))
    }

    /// The places of the servers that it strikes now.
    fn aim(&self, strike: &Strike) -> Vec<usize> {
        match whom(strike) {
            None => strike.servers().into_iter().map(place).collect(),
            Some(Who::Server(server)) => vec![place(server)],
            Some(Who::Role(Role::All)) => (0..self.servers.len()).collect(),
            Some(Who::Role(Role::Leader)) => self.newest_leader().into_iter().collect(),
            Some(Who::Role(Role::Candidate)) => {
                self.newest(RoleKind::Candidate).into_iter().collect()
            }
        }
    }

    /// Whoever leads in the newest term that has a leader who runs.
    fn newest_leader(&self) -> Option<usize> {
        self.newest(RoleKind::Leader)
    }

    /// Whoever is that in the newest term that has one who runs.
    fn newest(&self, role: RoleKind) -> Option<usize> {
        let glances = self.servers.iter().enumerate().filter_map(|(at, server)| {
            let glance = server.process.as_ref()?.glance();
            (glance.role == role).then_some((glance.term(), at))
        });
        glances.max().map(|(_, at)| at)
    }

    fn strike_server(&mut self, strike: &Strike, at: usize) -> Checked {
        let until = self.ends_at(lasts(strike));
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
                self.begin(Trouble::SlowDisk { at, percent: *percent }, lasts(strike));
            }
            Strike::DiskError { fault, files, .. } => {
                self.servers[at].drive.arm(*fault, files.clone());
            }
            Strike::Full { .. } => self.begin(Trouble::FullDisk { at }, lasts(strike)),
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

pub(crate) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).expect("a run is short")
}

pub(super) fn place(server: u16) -> usize {
    usize::from(server) - 1
}

pub(super) fn host(at: usize) -> HostId {
    HostId(u16::try_from(at + 1).expect("a few servers"))
}

/// Whom it strikes, if it is aimed at anybody.
fn whom(strike: &Strike) -> Option<Who> {
    match strike {
        Strike::Isolate { who, .. }
        | Strike::Deaf { who, .. }
        | Strike::Mute { who, .. }
        | Strike::Clog { who, .. }
        | Strike::Filter { who, .. }
        | Strike::Lag { who, .. }
        | Strike::Shut { who, .. }
        | Strike::Kill { who, .. }
        | Strike::Power { who, .. }
        | Strike::Torn { who, .. }
        | Strike::Stop { who, .. }
        | Strike::Pause { who, .. }
        | Strike::Freeze { who, .. }
        | Strike::Jump { who, .. }
        | Strike::SlowCpu { who, .. }
        | Strike::Stall { who, .. }
        | Strike::SlowDisk { who, .. }
        | Strike::DiskError { who, .. }
        | Strike::Full { who, .. } => Some(*who),
        _ => None,
    }
}

/// Does it wait for its victim?
fn waits(strike: &Strike) -> bool {
    whom(strike) == Some(Who::Role(Role::Candidate))
}

fn lasts(strike: &Strike) -> Duration {
    match strike {
        Strike::Isolate { lasts, .. }
        | Strike::Deaf { lasts, .. }
        | Strike::Mute { lasts, .. }
        | Strike::Split { lasts, .. }
        | Strike::Bridge { lasts, .. }
        | Strike::Ring { lasts, .. }
        | Strike::Chain { lasts, .. }
        | Strike::Star { lasts, .. }
        | Strike::OneWay { lasts, .. }
        | Strike::Flap { lasts, .. }
        | Strike::Clog { lasts, .. }
        | Strike::Filter { lasts, .. }
        | Strike::SlowLink { lasts, .. }
        | Strike::Lag { lasts, .. }
        | Strike::Shut { lasts, .. }
        | Strike::Reroute { lasts, .. }
        | Strike::Pause { lasts, .. }
        | Strike::Freeze { lasts, .. }
        | Strike::SlowCpu { lasts, .. }
        | Strike::Stall { lasts, .. }
        | Strike::SlowDisk { lasts, .. }
        | Strike::Full { lasts, .. } => *lasts,
        Strike::Kill { .. }
        | Strike::Power { .. }
        | Strike::Torn { .. }
        | Strike::Stop { .. }
        | Strike::Jump { .. }
        | Strike::DiskError { .. } => Duration::ZERO,
    }
}
