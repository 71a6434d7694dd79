//! Servers that stay broken while the others have to go on.

use quorate_io_sim::engine::{Broken, FOREVER_NS, Health, Point, Suffering, nanos};
use quorate_io_sim::net::{Down, Shape};

use crate::server::Server;
use crate::world::Sim;

impl Server {
    /// Will it not start again, before it is healed?
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self.broken, Some(Broken::Dark | Broken::Killed))
    }

    /// Does it serve, and is to go on with it?
    pub(crate) fn serves(&self) -> bool {
        self.handle.is_some() && !self.is_stopping
    }
}

impl Sim {
    /// A random core, of a quorum at least, is healed, and the others are broken for good.
    pub(crate) fn heal_core(&mut self) {
        let count = self.servers.len();
        let mut places: Vec<_> = (0..count).collect();
        let kept = self.kept().count();
        let core = self.peace_rng.within(count as u64 / 2 + 1, kept as u64);
        // Which of them make a quorum, nobody knows.
        let core = if self.is_changing { count as u64 } else { core };
        self.peace_rng.shuffle(&mut places);
        places.retain(|&at| !self.servers[at].is_lost());
        let core = usize::try_from(core).expect("a few servers");
        self.mend_links();
        for &at in &places[core..] {
            let how = self.peace_rng.pick(&Broken::ALL);
            self.break_for_good(at, how);
            self.report.reached.note(Point::WentOnWithoutSome);
        }
        places[..core].iter().for_each(|&at| self.heal(at));
    }

    /// Everybody else is healed too.
    pub(crate) fn heal_rest(&mut self) {
        self.happened(0, "all servers are healed");
        self.mend_links();
        for at in 0..self.servers.len() {
            if self.servers[at].broken.take().is_some() {
                self.heal(at);
            }
        }
    }

    /// Whoever's disk has decayed is turned off and on: either it has all that it should have, or it is
    /// lost.
    pub(crate) fn look_after_decayed(&mut self) {
        self.mend_links();
        for at in 0..self.servers.len() {
            if self.servers[at].health == Health::Decayed {
                self.take_down(at, Down::Kill);
                self.heal(at);
            }
        }
    }

    /// All that are not lost for good.
    pub(crate) fn kept(&self) -> impl Iterator<Item = &Server> {
        self.servers.iter().filter(|server| !server.is_lost())
    }

    /// Those that have to go on.
    pub(crate) fn core(&self) -> impl Iterator<Item = &Server> {
        self.kept().filter(|server| server.broken.is_none())
    }

    pub(crate) fn first_leads(&self) -> bool {
        let leader = self.leader().map(|at| &self.servers[at]);
        self.properties.first_leads(leader, self.core(), |id| self.options.priority(id))
    }

    /// The place of the one that leads all that work.
    pub(crate) fn leader(&self) -> Option<usize> {
        let mut leader = None;
        for server in self.core() {
            let mind = server.mind.as_ref()?;
            let follows = (mind.leader?, mind.is.term());
            if leader.is_some_and(|leader| leader != follows) {
                return None;
            }
            leader = Some(follows);
        }
        let (id, term) = leader?;
        // One that is broken may lead until that is noticed.
        let is_it = |server: &Server| {
            let mind = server.mind.as_ref().filter(|_| server.broken.is_none());
            server.id == id && mind.is_some_and(|mind| mind.is.leads() && mind.is.term() == term)
        };
        self.servers.iter().position(is_it)
    }

    fn mend_links(&mut self) {
        self.net.mend(self.now);
        self.net.set_links(self.options.net.link);
    }

    fn break_for_good(&mut self, at: usize, how: Broken) {
        let host = self.servers[at].host;
        self.note(host.0.into(), || format!("stays broken: {how:?}"));
        match how {
            Broken::Dark => self.take_down(at, Down::PowerLoss),
            Broken::Killed => self.take_down(at, Down::Kill),
            Broken::Isolated | Broken::Deaf | Broken::Mute => {
                self.cut_off(&match how {
                    Broken::Isolated => Shape::Isolate(host),
                    Broken::Deaf => Shape::Deaf(host),
                    _ => Shape::Mute(host),
                });
                self.heal(at);
            }
            Broken::Paused => {
                self.heal(at);
                self.servers[at].paused_until = u64::MAX;
                self.hold_still(at);
            }
            Broken::DiskHung => {
                self.heal(at);
                self.servers[at].drive.stall(self.now + FOREVER_NS);
            }
        }
        self.servers[at].broken = Some(how);
    }

    pub(crate) fn cut_off(&mut self, shape: &Shape) {
        let hosts: Vec<_> = self.servers.iter().map(|server| server.host).collect();
        self.net.partition(&shape.blocked(&hosts));
    }

    /// A server without faults; only its clock goes on to differ.
    fn heal(&mut self, at: usize) {
        let server = &mut self.servers[at];
        (server.suffering, server.paused_until) = (Suffering::default(), 0);
        server.drive.heal();
        let (ends, done) = (server.is_up && server.is_stopping, server.drive.end());
        self.resume(at);
        if ends {
            // It would end later, when nothing may be in the way any more.
            self.take_down(at, Down::Kill);
        }
        if done > self.now + nanos(self.options.raft.disk_timeout) {
            // The disk is well, and what it was asked for before is still under way, perhaps for
            // ever. Somebody turns the server off and on.
            self.take_down(at, Down::PowerLoss);
        }
        self.restart(at);
    }
}
