//! The nemesis: carries out a plan.

use core::time::Duration;

use quorate_core::RoleKind;

use super::world::{Happening, World};
use crate::clock::nanos;
use crate::disk::{Decay, Files};
use crate::health::Health;
use crate::judge::Checked;
use crate::net::Down;
use crate::scenario::{Action, Limits, Strike};
use crate::show::What;
use crate::trouble::{Trouble, ends_at};

impl World<'_> {
    pub(crate) fn plan_strikes(&mut self, actions: &[Action]) {
        for action in actions.iter().filter(|action| action.at < self.options.chaos) {
            self.queue.plan(nanos(action.at), Happening::Strike(action.what.clone()));
        }
    }

    /// A server that is down starts again.
    pub(crate) fn plan_restart(&mut self, at: usize) {
        let restart_at = self.suffering[at].restart_at(self.now, &self.options);
        self.queue.plan(restart_at, Happening::Restart(at));
    }

    /// It is time to start a server, unless it was taken down again.
    pub(crate) fn restart(&mut self, at: usize) -> Checked {
        if self.now < self.suffering[at].down_until { Ok(()) } else { self.start(at) }
    }

    pub(crate) fn strike(&mut self, strike: Strike) -> Checked {
        let struck = strike.aim(self.servers.len(), |role| self.newest(role));
        if struck.is_empty() && strike.waits() {
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
        let troubles = Trouble::of(&strike, &struck, self.options.servers(), self.options.callers);
        if troubles.is_empty() {
            return struck.into_iter().try_for_each(|at| self.strike_server(&strike, at));
        }
        for trouble in troubles {
            self.report.partitions += u64::from(trouble.is_partition());
            self.begin(trouble, strike.lasts());
        }
        Ok(())
    }

    /// A trouble begins, and ends after so long.
    fn begin(&mut self, trouble: Trouble, lasts: Duration) {
        let number = self.troubles.begin(trouble);
        self.suffer();
        let end = ends_at(self.now, lasts, &self.options);
        self.queue.plan(end, Happening::TroubleEnds(number));
    }

    pub(crate) fn end_trouble(&mut self, number: u64) {
        if self.troubles.end(number) {
            self.trace.line(self.now, 0, || format!("trouble {number} ends"));
            self.suffer();
        }
    }

    pub(crate) fn end_troubles(&mut self) {
        self.troubles.clear();
        self.suffer();
        self.suffering.fill_with(Default::default);
    }

    /// Makes networks and disks what the troubles under way make of them.
    fn suffer(&mut self) {
        let drives: Vec<_> = self.servers.iter().map(|server| server.drive.clone()).collect();
        let cut = self.troubles.suffer(self.now, &self.options, &mut self.net, &drives);
        if self.cut != cut {
            self.trace.see(self.now, |recorder| {
                recorder.put(What::Mended);
                if !cut.is_empty() {
                    recorder.cut(&cut);
                }
            });
            self.cut = cut;
        }
    }

    /// Whoever is that in the newest term that has one who runs.
    pub(crate) fn newest(&self, role: RoleKind) -> Option<usize> {
        let glances = self.servers.iter().enumerate().filter_map(|(at, server)| {
            let glance = server.process.as_ref()?.glance();
            (glance.role == role).then_some((glance.term(), at))
        });
        glances.max().map(|(_, at)| at)
    }

    fn strike_server(&mut self, strike: &Strike, at: usize) -> Checked {
        let until = ends_at(self.now, strike.lasts(), &self.options);
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
            Strike::Transfer { to, .. } => self.ask_to_hand_over(at, *to),
            Strike::Reconfigure { force, .. } => {
                let target = strike.target(&self.options).expect("it was checked");
                self.ask_to_reconfigure(at, target, *force);
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
            Strike::DiskError { fault, files, .. } => {
                self.servers[at].drive.arm(*fault, files.clone());
            }
            Strike::Rot { how, files, .. } => self.decay(at, *how, files),
            _ => unreachable!("what lasts in networks and disks has begun"),
        }
        Ok(())
    }

    /// Takes a server down that is up, for so long.
    fn end(&mut self, at: usize, how: Down, down: Duration, limits: Option<Limits>) -> Checked {
        if self.servers[at].is_down() {
            return Ok(());
        }
        if let Some(limits) = limits {
            limits.apply_to(&mut self.lives[at]);
        }
        self.take_down(at, how)?;
        self.suffering[at].down_ns = Some(nanos(down));
        self.plan_restart(at);
        Ok(())
    }

    /// Something on a disk decays, unless too many others have.
    fn decay(&mut self, at: usize, how: Decay, files: &Files) {
        for server in &mut self.servers {
            let is_forgetful = server.ledger.durable().hard_state.is_forgetful;
            server.health = match server.health {
                Health::Anew if !is_forgetful => Health::Whole,
                // It has decayed as well, and was found to have all that it had learned anew.
                Health::Whole if is_forgetful => Health::Anew,
                health => health,
            };
        }
        let all: Vec<_> = self.servers.iter().map(|server| server.health).collect();
        if self.is_changing || !Health::may_decay(&all, at) {
            return;
        }
        let server = &mut self.servers[at];
        let Some(hit) = server.drive.decay(self.now, how, files) else { return };
        server.health = Health::Decayed;
        self.trace.line(self.now, at as u64 + 1, || format!("decays: {hit:?}"));
        self.tell_noted(at, || format!("{how:?}: {} at offset {}", hit.file, hit.offset));
    }

    fn pause(&mut self, at: usize, until: u64) {
        let paused = &mut self.servers[at].paused_until;
        *paused = until.max(*paused);
        self.tell(at, |n| What::Paused { n, until });
    }

    fn freeze(&mut self, at: usize, until: u64) {
        self.pause(at, until);
        self.suffering[at].freeze(self.now, until, &mut self.servers[at].clock);
    }
}
