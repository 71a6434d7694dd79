//! Faults that strike from outside.

use core::time::Duration;

use quorate_core::{Event, Membership, NodeId};

use super::server::Server;
use super::world::{Body, Happening, World};
use crate::clock::nanos;
use crate::judge::{Checked, is_quorum};

#[derive(Clone, Copy)]
enum Strike {
    Partition,
    Crash,
    Pause,
    DiskHang,
    Unreachable,
    SpuriousTimeout,
    Transfer,
    Reconfigure,
    LoseDisk,
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
                // The first to wake it is a client: will it believe that nothing has happened?
                self.queue.plan(until, Happening::Read(self.body(at)));
            }
            Strike::DiskHang => {
                let span = 4 * nanos(self.options.config.disk_timeout);
                let until = self.now + self.nemesis_rng.below(span);
                self.note(&format!("the disk of {:?} hangs", self.servers[at].id));
                self.servers[at].disk_hung_until = until;
            }
            Strike::Unreachable => {
                let peer = self.nemesis_rng.index(self.servers.len());
                let peer = self.servers[peer].id;
                return self.give(at, Event::Unreachable(peer));
            }
            Strike::SpuriousTimeout => return self.give(at, Event::Timeout),
            Strike::Transfer => return self.transfer(at),
            Strike::Reconfigure => return self.reconfigure(at),
            Strike::LoseDisk => return self.lose_disk(at, until),
        }
        Ok(())
    }

    /// Somebody wants another leader: anybody, or a server that may be far behind, or gone.
    fn transfer(&mut self, at: usize) -> Checked {
        if self.servers[at].life.is_none() {
            return Ok(());
        }
        let to = self.nemesis_rng.index(self.servers.len());
        let to = self.nemesis_rng.chance(500).then(|| self.servers[to].id);
        let within = nanos(self.options.config.election_timeout);
        let within = Duration::from_nanos(self.nemesis_rng.below(2 * within));
        let event = self.requests.transfer(self.servers[at].id, to, within);
        self.give(at, event)
    }

    /// Somebody wants another membership: any.
    fn reconfigure(&mut self, at: usize) -> Checked {
        let Some(life) = &self.servers[at].life else { return Ok(()) };
        // Whoever takes away the others of a forgetful server takes away its only way back.
        if self.servers.iter().any(Server::is_forgetful) {
            return Ok(());
        }
        let now = life.raft.status().membership_index;
        let mut ids: Vec<_> = self.servers.iter().map(|server| server.id).collect();
        self.nemesis_rng.shuffle(&mut ids);
        let voters = 1 + self.nemesis_rng.index(ids.len());
        let learners = self.nemesis_rng.index(ids.len() - voters + 1);
        let learners = ids[voters..voters + learners].to_vec();
        let target = Membership::new(ids[..voters].to_vec(), [], learners);
        let expected = self.nemesis_rng.chance(300).then_some(now);
        let force = self.nemesis_rng.chance(300);
        let (id, target) = (self.servers[at].id, target.expect("drawn to make sense"));
        let event = self.requests.reconfigure(id, target, expected, force);
        self.give(at, event)
    }

    /// A server loses its disk: what it comes back with knows nothing of what it said since some time.
    fn lose_disk(&mut self, at: usize, until: u64) -> Checked {
        if !self.may_lose_disk(at) {
            return Ok(());
        }
        self.crash(at)?;
        let is_copy = self.nemesis_rng.chance(500);
        let server = &mut self.servers[at];
        let left = server.copy.clone().filter(|_| is_copy).unwrap_or_default();
        let (id, last) = (server.id, left.last());
        server.disk.lose(left);
        self.checks.forgets(id);
        self.report.lost_disks += 1;
        self.note(&format!("{id:?} loses its disk, and is left with {last:?}"));
        self.queue.plan(until, Happening::Restart(at));
        Ok(())
    }

    /// Could all others go on, whatever membership rules, and do they remember?
    fn may_lose_disk(&self, at: usize) -> bool {
        let id = self.servers[at].id;
        let is_other = |other: &NodeId| *other != id;
        let images =
            |server: &'_ Server| [server.disk.durable().clone(), server.disk.written().clone()];
        let of_logs = self.servers.iter().flat_map(images);
        let is_left_a_quorum = of_logs
            .flat_map(|image| image.memberships().cloned().collect::<Vec<_>>())
            .chain([self.options.membership.clone()])
            .all(|membership| is_quorum(&membership, is_other));
        let is_only = self.servers.iter().all(|other| other.id == id || !other.is_forgetful());
        is_left_a_quorum && is_only && !self.requests.is_changing()
    }

    /// A server was elected: it may not have long to live, and its entries reach only some.
    pub(crate) fn mark_leader(&mut self, at: usize) {
        if self.nemesis_rng.chance(self.options.nemesis.regicide_permille) {
            let wait = self.nemesis_rng.below(nanos(self.options.config.election_timeout));
            self.queue.plan(self.now + wait, Happening::Regicide(self.body(at)));
        }
    }

    pub(crate) fn regicide(&mut self, body: Body) -> Checked {
        if self.options.nemesis.regicide_permille == 0 {
            return Ok(());
        }
        let until = self.now + self.nemesis_rng.below(nanos(self.options.nemesis.duration_max));
        if self.nemesis_rng.chance(500) {
            // It keeps a few followers at most, and goes on to lead them.
            let one = self.servers[body.at].id;
            let ids = self.servers.iter().map(|server| server.id);
            let (side, other): (Vec<_>, Vec<_>) =
                ids.partition(|&id| id == one || self.nemesis_rng.chance(250));
            self.part(&side, &other, (true, true), until);
            return Ok(());
        }
        self.crash(body.at)?;
        self.queue.plan(until, Happening::Restart(body.at));
        Ok(())
    }

    fn draw_strike(&mut self) -> Option<Strike> {
        let nemesis = &self.options.nemesis;
        let weights = [
            (nemesis.partition, Strike::Partition),
            (nemesis.crash, Strike::Crash),
            (nemesis.pause, Strike::Pause),
            (nemesis.disk_hang, Strike::DiskHang),
            (nemesis.unreachable, Strike::Unreachable),
            (nemesis.spurious_timeout, Strike::SpuriousTimeout),
            (nemesis.transfer, Strike::Transfer),
            (nemesis.reconfigure, Strike::Reconfigure),
            (nemesis.lose_disk, Strike::LoseDisk),
        ];
        self.nemesis_rng.weighted(&weights)
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
        let one = self.servers[at].id;
        let ids = self.servers.iter().map(|server| server.id);
        let (side, other): (Vec<_>, Vec<_>) = match self.nemesis_rng.below(2) {
            0 => ids.partition(|&id| id == one),
            _ => ids.partition(|_| self.nemesis_rng.chance(500)),
        };
        let ways = self.nemesis_rng.pick(&[(true, true), (true, false), (false, true)]);
        self.part(&side, &other, ways, until);
    }

    /// Nothing gets in, or out, or neither.
    fn part(&mut self, side: &[NodeId], other: &[NodeId], ways: (bool, bool), until: u64) {
        self.report.partitions += 1;
        let (inward, outward) = ways;
        // What cannot get through is lost, or waits like the segments of a connection that is stuck.
        let loses = self.nemesis_rng.chance(600);
        self.note(&format!("{side:?} cut off: in {inward}, out {outward}, loses {loses}"));
        for &id in side {
            for &peer in other {
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
    use crate::trace::Trace;

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
