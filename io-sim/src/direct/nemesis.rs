//! The nemesis: faults that strike from outside.

use core::time::Duration;

use super::world::{Happening, World};
use crate::disk::DeathMode;
use crate::judge::Checked;
use crate::net::{Down, HostId, Shape};
use crate::show::What;

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

impl World<'_> {
    pub(crate) fn plan_strike(&mut self) {
        let wait = self.nemesis_rng.below(nanos(self.options.nemesis.interval_max));
        self.queue.plan(self.now + wait, Happening::Strike);
    }

    pub(crate) fn plan_restart(&mut self, at: usize) {
        let wait = self.lasting();
        self.queue.plan(self.now + wait, Happening::Restart(at));
    }

    pub(crate) fn strike(&mut self) -> Checked {
        let nemesis = &self.options.nemesis;
        let weights = [
            (Strike::Partition, nemesis.partition),
            (Strike::Kill, nemesis.kill),
            (Strike::Power, nemesis.power),
            (Strike::Torn, nemesis.torn),
            (Strike::Pause, nemesis.pause),
            (Strike::Stall, nemesis.stall),
            (Strike::Stop, nemesis.stop),
        ];
        let sum = weights.iter().map(|weight| weight.1).sum();
        if sum == 0 {
            return Ok(());
        }
        let mut drawn = self.nemesis_rng.below(sum);
        let strike = weights.iter().find(|weight| {
            let is_it = drawn < weight.1;
            drawn = drawn.saturating_sub(weight.1);
            is_it
        });
        self.strike_with(strike.expect("the weights add up").0)?;
        self.plan_strike();
        Ok(())
    }

    fn strike_with(&mut self, strike: Strike) -> Checked {
        let at = self.nemesis_rng.index(self.servers.len());
        let until = self.now + self.lasting();
        match strike {
            Strike::Partition => self.cut(until),
            Strike::Kill | Strike::Power => {
                let how = if matches!(strike, Strike::Kill) { Down::Kill } else { Down::PowerLoss };
                let strikes_all = self.nemesis_rng.chance(100);
                let struck = if strikes_all { 0..self.servers.len() } else { at..at + 1 };
                for at in struck {
                    self.take_down(at, how)?;
                    self.plan_restart(at);
                }
            }
            Strike::Torn => {
                let mode = if self.nemesis_rng.chance(700) {
                    DeathMode::PowerLoss
                } else {
                    DeathMode::Kill
                };
                let operations = self.nemesis_rng.within(1, 30);
                self.servers[at].drive.die_after(operations, mode);
                self.tell_noted(at, || format!("{mode:?} in {operations} operations of the disk"));
            }
            Strike::Pause => {
                self.servers[at].paused_until = until;
                self.tell(at, |n| What::Paused { n, until });
            }
            Strike::Stall => {
                self.servers[at].drive.stall(until);
                self.tell(at, |n| What::Stalled { n, until });
            }
            Strike::Stop => self.stop(at),
        }
        Ok(())
    }

    fn cut(&mut self, until: u64) {
        let mut hosts: Vec<HostId> = self.servers.iter().map(|server| server.host).collect();
        if hosts.len() < 2 {
            return;
        }
        // Whom it strikes is a matter of order.
        for at in (1..hosts.len()).rev() {
            hosts.swap(at, self.nemesis_rng.index(at + 1));
        }
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
        self.trace.line(self.now, 0, || format!("cuts {blocked:?}"));
        self.net.partition(&blocked);
        self.trace.see(self.now, |recorder| recorder.cut(&blocked));
        self.queue.plan(until, Happening::Mend);
    }

    fn lasting(&mut self) -> u64 {
        self.nemesis_rng.below(nanos(self.options.nemesis.duration_max)) + 1
    }
}

pub(crate) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).expect("a run is short")
}
