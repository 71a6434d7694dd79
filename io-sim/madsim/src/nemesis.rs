//! The nemesis: carries out a plan.
//!
//! All strikes that there are, as the direct engine does, with these differences:
//! * `pause` and `freeze` park all tasks of a process, also of one that starts; the direct engine
//!   lets a start go on.
//! * `slow-cpu` makes each turn of the pump take longer; connections and lanes are as fast as ever.

use std::time::Duration;

use quorate_core::wire::RequestBody;
use quorate_core::{Membership, NodeId, RoleKind};
use quorate_io_sim::disk::{Decay, Files};
use quorate_io_sim::engine::{Health, Point, Trouble, Witness as _, ends_at, nanos};
use quorate_io_sim::net::Down;
use quorate_io_sim::scenario::{Action, Limits, Strike};

use crate::world::{Order, Sim};

/// Something that is planned.
pub(crate) enum Happening {
    Strike(Strike),
    /// A server stands for election, in this of its lives.
    Spring {
        at: usize,
        life: u32,
    },
    /// The trouble of this number.
    TroubleEnds(u64),
    Restart(usize),
    /// A server goes on, unless it is to stand still for longer.
    Resume(usize),
}

impl Sim {
    pub(crate) fn plan_strikes(&mut self, actions: &[Action]) {
        for action in actions.iter().filter(|action| action.at < self.options.chaos) {
            self.queue.plan(nanos(action.at), Happening::Strike(action.what.clone()));
        }
    }

    pub(crate) fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Strike(_) | Happening::Spring { .. } | Happening::TroubleEnds(_)
                if self.is_peace => {}
            Happening::Strike(strike) => self.strike(&strike),
            Happening::Spring { at, life } => self.spring(at, life),
            Happening::TroubleEnds(number) => {
                if self.troubles.end(number) {
                    self.note(0, || format!("trouble {number} ends"));
                    self.suffer();
                }
            }
            Happening::Restart(at) if self.is_closing => {
                self.note(0, || format!("{at} stays down"));
            }
            Happening::Restart(at) => {
                // It may have been taken down once more.
                if self.now >= self.servers[at].suffering.down_until {
                    self.restart(at);
                }
            }
            Happening::Resume(at) => {
                if self.now >= self.servers[at].paused_until {
                    self.resume(at);
                }
            }
        }
    }

    fn strike(&mut self, strike: &Strike) {
        let struck = strike.aim(self.servers.len(), |role| self.newest(role));
        if struck.is_empty() && strike.waits() {
            self.note(0, || format!("lies in wait: {strike:?}"));
            self.ambushes.push(strike.clone());
        } else {
            self.strike_those(strike, struck);
        }
    }

    /// Somebody stands for election: strikes that have waited for that strike now.
    fn spring(&mut self, at: usize, life: u32) {
        if self.servers[at].life == life {
            let waiting = std::mem::take(&mut self.ambushes);
            waiting.iter().for_each(|strike| self.strike_those(strike, vec![at]));
        }
    }

    /// Nobody stands for election any more in the time of faults.
    pub(crate) fn call_off(&mut self) {
        self.report.missed += self.ambushes.drain(..).count() as u64;
    }

    fn strike_those(&mut self, strike: &Strike, struck: Vec<usize>) {
        self.note(0, || format!("strikes {struck:?}: {strike:?}"));
        let (servers, callers) = (self.options.servers(), self.options.callers);
        let troubles = Trouble::of(strike, &struck, servers, callers);
        let meets = if troubles.is_empty() {
            let met = struck.into_iter().filter(|&at| self.strike_server(strike, at));
            met.count() > 0
        } else {
            troubles.into_iter().for_each(|trouble| self.begin(trouble, strike.lasts()));
            !struck.is_empty()
        };
        if meets {
            *self.report.struck.entry(strike.name()).or_default() += 1;
        } else {
            self.report.missed += 1;
        }
    }

    /// Whoever is that in the newest term that has one who runs.
    pub(crate) fn newest(&self, role: RoleKind) -> Option<usize> {
        let glances = self.servers.iter().enumerate().filter_map(|(at, server)| {
            let glance = server.glance()?;
            (glance.role == role).then_some((glance.term(), at))
        });
        glances.max().map(|(_, at)| at)
    }

    /// A trouble begins, and ends after so long.
    fn begin(&mut self, trouble: Trouble, lasts: Duration) {
        self.report.partitions += u64::from(trouble.is_partition());
        let number = self.troubles.begin(trouble);
        self.suffer();
        let end = ends_at(self.now, lasts, &self.options);
        self.queue.plan(end, Happening::TroubleEnds(number));
    }

    /// Makes networks and disks what the troubles under way make of them.
    pub(crate) fn suffer(&mut self) {
        let drives: Vec<_> = self.servers.iter().map(|server| server.drive.clone()).collect();
        self.troubles.suffer(self.now, &self.options, &mut self.net, &drives);
    }

    /// Does it meet somebody?
    fn strike_server(&mut self, strike: &Strike, at: usize) -> bool {
        let until = ends_at(self.now, strike.lasts(), &self.options);
        let server = &mut self.servers[at];
        match strike {
            Strike::Kill { down, limits, .. } => {
                return self.end(at, Down::Kill, *down, *limits);
            }
            Strike::Power { down, limits, .. } => {
                return self.end(at, Down::PowerLoss, *down, *limits);
            }
            Strike::Stop { down, .. } => {
                server.suffering.down_ns = Some(nanos(*down));
                return self.stop(at);
            }
            Strike::Transfer { to, .. } => return self.ask_to_hand_over(at, *to),
            Strike::Reconfigure { force, .. } => {
                let target = strike.target(&self.options).expect("it was checked");
                return self.ask_to_reconfigure(at, target, *force);
            }
            Strike::Torn { after, by, down, .. } => {
                server.suffering.down_ns = Some(nanos(*down));
                server.drive.die_after(*after, *by);
            }
            Strike::Pause { .. } => self.pause(at, until),
            Strike::Freeze { .. } => {
                self.pause(at, until);
                let server = &mut self.servers[at];
                server.suffering.freeze(self.now, until, &mut server.clock);
                self.clocks_have_changed();
            }
            Strike::Jump { by, .. } => {
                server.clock.offset += nanos(*by);
                self.clocks_have_changed();
            }
            Strike::SlowCpu { by, .. } => {
                (server.suffering.slow_until, server.suffering.slow_ns) = (until, nanos(*by));
            }
            Strike::Stall { .. } => server.drive.stall(until),
            Strike::DiskError { fault, files, .. } => server.drive.arm(*fault, files.clone()),
            Strike::Rot { how, files, .. } => return self.decay(at, *how, files),
            _ => unreachable!("what lasts in networks and disks has begun"),
        }
        true
    }

    /// Takes a server down, if it is up, for so long.
    fn end(&mut self, at: usize, how: Down, down: Duration, limits: Option<Limits>) -> bool {
        if !self.servers[at].is_up {
            return false;
        }
        if let Some(limits) = limits {
            limits.apply_to(&mut self.lives[at]);
        }
        self.take_down(at, how);
        self.servers[at].suffering.down_ns = Some(nanos(down));
        self.plan_restart(at);
        true
    }

    /// Something on a disk decays, unless too many others have.
    fn decay(&mut self, at: usize, how: Decay, files: &Files) -> bool {
        let all: Vec<_> = self.servers.iter().map(|server| server.health).collect();
        if self.is_changing || !Health::may_decay(&all, at) {
            return false;
        }
        let server = &mut self.servers[at];
        let Some(hit) = server.drive.decay(self.now, how, files) else { return false };
        server.health = Health::Decayed;
        self.note(at as u64 + 1, || format!("decays: {hit:?}"));
        true
    }

    /// Tells a server to hand leadership over, if it serves.
    fn ask_to_hand_over(&mut self, at: usize, to: Option<u16>) -> bool {
        let Some(handle) = self.servers[at].handle.clone() else { return false };
        self.happened(self.servers[at].host.0.into(), "is told to hand over");
        let to = to.and_then(|to| NodeId::new(to.into()));
        self.order(Order::Ask(handle, RequestBody::TransferLeadership { to }));
        true
    }

    /// Tells a server who shall belong to the cluster, if it serves.
    pub(crate) fn ask_to_reconfigure(
        &mut self,
        at: usize,
        target: Membership,
        force: bool,
    ) -> bool {
        let Some(handle) = self.servers[at].handle.clone() else { return false };
        self.happened(self.servers[at].host.0.into(), "is told who shall belong to the cluster");
        let body = RequestBody::Reconfigure { target, expected: None, force };
        self.order(Order::Ask(handle, body));
        true
    }

    /// Tells a server to end, if it serves.
    pub(crate) fn stop(&mut self, at: usize) -> bool {
        let server = &mut self.servers[at];
        let Some(handle) = server.handle.clone() else { return false };
        server.is_stopping = true;
        let host = server.host.0.into();
        if server.glance().is_some_and(|glance| glance.leads()) {
            self.report.reached.note(Point::LeaderStopped);
        }
        self.happened(host, "is told to stop");
        self.order(Order::Stop(handle));
        true
    }

    fn pause(&mut self, at: usize, until: u64) {
        let server = &mut self.servers[at];
        server.paused_until = until.max(server.paused_until);
        self.queue.plan(server.paused_until, Happening::Resume(at));
        if server.is_up {
            self.hold_still(at);
        }
    }

    /// A server stands still.
    pub(crate) fn hold_still(&mut self, at: usize) {
        let server = &mut self.servers[at];
        if !server.is_paused {
            server.is_paused = true;
            let (host, node) = (server.host.0.into(), server.node.expect("it was started"));
            self.happened(host, "stands still");
            self.order(Order::Pause(node));
        }
    }

    /// A server that stands still goes on.
    pub(crate) fn resume(&mut self, at: usize) {
        let server = &mut self.servers[at];
        if server.is_paused {
            server.is_paused = false;
            let (host, node) = (server.host.0.into(), server.node.expect("it was started"));
            self.happened(host, "goes on");
            self.order(Order::Resume(node));
        }
    }
}
