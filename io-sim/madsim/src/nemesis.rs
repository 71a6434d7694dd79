//! The nemesis: faults that strike from outside.

use quorate_io_sim::disk::DeathMode;
use quorate_io_sim::engine::nanos;
use quorate_io_sim::net::{Down, HostId, Shape};

use crate::world::{Order, Sim};

/// Something that is planned.
#[derive(Clone, Copy)]
pub(crate) enum Happening {
    Strike,
    /// All links are open again.
    Mend,
    Restart(usize),
    /// A server that stands still goes on, if it is still in this life.
    Resume(usize, u32),
}

/// What strikes.
#[derive(Clone, Copy)]
enum Strike {
    Partition,
    Kill,
    Power,
    Torn,
    Pause,
    Stall,
    Stop,
}

impl Sim {
    pub(crate) fn plan_strike(&mut self) {
        let sum = self.weights().iter().map(|weight| weight.0).sum::<u64>();
        // On average each class strikes as often as its weight says.
        let wait_max = (nanos(self.options.world.nemesis.every) * 2).checked_div(sum);
        if let Some(wait_max) = wait_max {
            let wait = self.nemesis_rng.below(wait_max.max(1));
            self.queue.plan(self.now + wait, Happening::Strike);
        }
    }

    pub(crate) fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Strike => self.strike(),
            Happening::Mend => {
                self.happened(0, "all links are mended");
                self.net.mend(self.now);
            }
            Happening::Restart(at) if self.is_closing => {
                self.note(0, || format!("{at} stays down"))
            }
            Happening::Restart(at) => self.restart(at),
            Happening::Resume(at, life) => {
                if self.servers[at].life == life {
                    self.resume(at);
                }
            }
        }
    }

    /// A server that stands still goes on.
    pub(crate) fn resume(&mut self, at: usize) {
        let server = &mut self.servers[at];
        if server.is_paused {
            server.is_paused = false;
            let (host, node) = (server.host, server.node);
            self.happened(host.0.into(), "goes on");
            self.order(Order::Resume(node.expect("it was started")));
        }
    }

    /// How often what strikes: kinds that this engine does not tell apart count together.
    fn weights(&self) -> [(u64, Strike); 7] {
        let nemesis = &self.options.world.nemesis;
        [
            (nemesis.partition + nemesis.lonely, Strike::Partition),
            (nemesis.kill + nemesis.leader + nemesis.crash_loop, Strike::Kill),
            (nemesis.power, Strike::Power),
            (nemesis.torn, Strike::Torn),
            (nemesis.pause + nemesis.freeze, Strike::Pause),
            (nemesis.stall, Strike::Stall),
            (nemesis.stop + nemesis.rolling, Strike::Stop),
        ]
    }

    fn strike(&mut self) {
        let weights = self.weights();
        if let Some(strike) = self.nemesis_rng.weighted(&weights) {
            self.strike_with(strike);
            self.plan_strike();
        }
    }

    fn strike_with(&mut self, strike: Strike) {
        let at = self.nemesis_rng.index(self.servers.len());
        let until = self.now + self.lasting();
        match strike {
            Strike::Partition => self.cut(until),
            Strike::Kill | Strike::Power => {
                let how = if matches!(strike, Strike::Kill) { Down::Kill } else { Down::PowerLoss };
                let strikes_all = self.nemesis_rng.chance(100);
                let struck = if strikes_all { 0..self.servers.len() } else { at..at + 1 };
                for at in struck {
                    self.take_down(at, how);
                    self.plan_restart(at);
                }
            }
            Strike::Torn => {
                let dark = self.nemesis_rng.chance(700);
                let mode = if dark { DeathMode::PowerLoss } else { DeathMode::Kill };
                let operations = self.nemesis_rng.within(1, 30);
                if self.servers[at].is_up {
                    self.servers[at].drive.die_after(operations, mode);
                }
            }
            Strike::Pause => self.pause(at, until),
            Strike::Stall => {
                self.report.stalls += 1;
                self.servers[at].drive.stall(until);
            }
            Strike::Stop => {
                if let Some(handle) = self.servers[at].handle.clone() {
                    self.servers[at].is_stopping = true;
                    let host = self.servers[at].host.0.into();
                    self.happened(host, "is told to stop");
                    self.order(Order::Stop(handle));
                }
            }
        }
    }

    fn pause(&mut self, at: usize, until: u64) {
        let server = &mut self.servers[at];
        if server.is_up && !server.is_paused {
            server.is_paused = true;
            let (host, node, life) = (server.host, server.node, server.life);
            self.report.pauses += 1;
            self.happened(host.0.into(), "stands still");
            self.order(Order::Pause(node.expect("it was started")));
            self.queue.plan(until, Happening::Resume(at, life));
        }
    }

    fn cut(&mut self, until: u64) {
        let mut hosts: Vec<HostId> = self.servers.iter().map(|server| server.host).collect();
        if hosts.len() < 2 {
            return;
        }
        // Whom it strikes is a matter of order.
        self.nemesis_rng.shuffle(&mut hosts);
        let one = hosts[0];
        let shape = match self.nemesis_rng.below(8) {
            0 => Shape::Isolate(one),
            1 => Shape::Deaf(one),
            2 => Shape::Mute(one),
            3 => Shape::Bridge { hub: one, seed: self.nemesis_rng.next() },
            4 => Shape::MajoritiesRing,
            5 => Shape::Chain,
            6 => Shape::QuorumLoss { hub: one },
            _ => Shape::Halves { seed: self.nemesis_rng.next() },
        };
        self.report.partitions += 1;
        let blocked = shape.blocked(&hosts);
        self.happened(0, "cuts");
        self.note(0, || format!("  = {blocked:?}"));
        self.net.partition(&blocked);
        self.queue.plan(until, Happening::Mend);
    }

    pub(crate) fn lasting(&mut self) -> u64 {
        self.nemesis_rng.below(nanos(self.options.world.nemesis.lasting_max)) + 1
    }
}
