//! Faults that strike from outside.

use quorate_core::{Event, NodeId};

use super::network::nanos;
use super::violation::Checked;
use super::world::{Happening, World};

#[derive(Clone, Copy)]
enum Strike {
    Partition,
    Crash,
    Pause,
    Unreachable,
    SpuriousTimeout,
}

impl World<'_> {
    pub(crate) fn plan_strike(&mut self) {
        let wait = self.nemesis_rng.below(nanos(self.options.nemesis.interval_max));
        self.queue.plan(self.now + wait, Happening::Strike);
    }

    pub(crate) fn strike(&mut self) -> Checked {
        self.plan_strike();
        let Some(strike) = self.draw_strike() else { return Ok(()) };
        let at = self.draw_victim();
        let until = self.now + self.nemesis_rng.below(nanos(self.options.nemesis.duration_max));
        match strike {
            Strike::Partition => self.partition(at, until),
            Strike::Crash => return self.strike_down(at, until),
            Strike::Pause => {
                self.note(&format!("{:?} stands still", self.servers[at].id));
                self.servers[at].paused_until = until;
            }
            Strike::Unreachable => {
                let peer = self.nemesis_rng.index(self.servers.len());
                let peer = self.servers[peer].id;
                return self.give(at, Event::Unreachable(peer));
            }
            Strike::SpuriousTimeout => return self.give(at, Event::Timeout),
        }
        Ok(())
    }

    fn draw_strike(&mut self) -> Option<Strike> {
        let nemesis = &self.options.nemesis;
        let weights = [
            (nemesis.partition, Strike::Partition),
            (nemesis.crash, Strike::Crash),
            (nemesis.pause, Strike::Pause),
            (nemesis.unreachable, Strike::Unreachable),
            (nemesis.spurious_timeout, Strike::SpuriousTimeout),
        ];
        let sum = weights.iter().map(|(weight, _)| weight).sum();
        if sum == 0 {
            return None;
        }
        let mut drawn = self.nemesis_rng.below(sum);
        let struck = weights.into_iter().find(|(weight, _)| match drawn.checked_sub(*weight) {
            Some(rest) => {
                drawn = rest;
                false
            }
            None => true,
        });
        struck.map(|(_, strike)| strike)
    }

    /// Leaders are worth more than others.
    fn draw_victim(&mut self) -> usize {
        let any = self.nemesis_rng.index(self.servers.len());
        let prefers_leader = self.nemesis_rng.chance(500);
        let leader = self.servers.iter().position(|server| server.leads());
        leader.filter(|_| prefers_leader).unwrap_or(any)
    }

    fn strike_down(&mut self, at: usize, until: u64) -> Checked {
        let takes_all = self.nemesis_rng.chance(150);
        let victims = if takes_all { 0..self.servers.len() } else { at..at + 1 };
        for at in victims {
            self.crash(at)?;
            self.queue.plan(until, Happening::Restart(at));
        }
        Ok(())
    }

    fn partition(&mut self, at: usize, until: u64) {
        self.report.partitions += 1;
        let ids: Vec<_> = self.servers.iter().map(|server| server.id).collect();
        let one = ids[at];
        let (side, other): (Vec<_>, Vec<_>) = match self.nemesis_rng.below(2) {
            0 => ids.iter().partition(|&&id| id == one),
            _ => ids.iter().partition(|_| self.nemesis_rng.chance(500)),
        };
        let (inward, outward) =
            self.nemesis_rng.pick(&[(true, true), (true, false), (false, true)]);
        self.note(&format!("{side:?} cut off, inward {inward}, outward {outward}"));
        // What cannot get through is lost, or waits like the segments of a connection that is stuck.
        let loses = self.nemesis_rng.chance(600);
        for &id in &side {
            for &peer in &other {
                if outward {
                    self.obstruct(id, peer, loses, until);
                }
                if inward {
                    self.obstruct(peer, id, loses, until);
                }
            }
        }
        self.queue.plan(until, Happening::Mend);
    }

    fn obstruct(&mut self, from: NodeId, to: NodeId, loses: bool, until: u64) {
        if loses {
            self.network.cut(from, to);
        } else {
            self.network.hold(from, to, until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NodeId, World};
    use crate::lab::Options;
    use crate::lab::trace::Trace;

    #[test]
    fn a_partition_cuts_links_until_they_are_mended() {
        let mut trace = Trace::silent();
        let options = (0..).map(Options::from_seed).find(|it| it.membership.members().len() == 5);
        let mut world = World::new(&options.expect("five servers"), &mut trace);
        let cut = |world: &World<'_>| {
            let ids: Vec<_> = (1..=5).filter_map(NodeId::new).collect();
            let pairs = ids.iter().flat_map(|&from| ids.iter().map(move |&to| (from, to)));
            pairs.filter(|&(from, to)| world.network.is_cut(from, to)).count()
        };
        while cut(&world) == 0 {
            world.partition(0, 1000);
        }
        world.network.mend();
        assert_eq!(cut(&world), 0);
    }
}
