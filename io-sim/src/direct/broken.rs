//! Servers that stay broken while the others have to go on.

use super::world::World;
use crate::clock::nanos;
use crate::health::Health;
use crate::judge::{Checked, Point};
use crate::net::{Down, LinkOptions, Shape};

/// How a server is broken, for as long as the others are watched. Half of them are asymmetric: it
/// still does something, and must not disturb anybody by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Broken {
    /// It has no power.
    Dark,
    /// It was killed, and its kernel says so.
    Killed,
    /// It reaches nobody and nobody reaches it.
    Isolated,
    /// It speaks, and hears nobody.
    Deaf,
    /// It hears, and nobody hears it.
    Mute,
    /// It stands still.
    Paused,
    /// Its disk takes orders and never answers.
    DiskHung,
}

impl Broken {
    /// All ways.
    pub const ALL: [Self; 7] = [
        Self::Dark,
        Self::Killed,
        Self::Isolated,
        Self::Deaf,
        Self::Mute,
        Self::Paused,
        Self::DiskHung,
    ];
}

/// Longer than any run.
pub const FOREVER_NS: u64 = 1_000_000 * 1_000_000_000;

impl World<'_> {
    /// A random core, of a quorum at least, is healed, and the others are broken for good.
    pub(crate) fn heal_core(&mut self) -> Checked {
        self.mend_links();
        for at in 0..self.servers.len() {
            self.look_after(at)?;
        }
        let count = self.servers.len();
        let mut places: Vec<_> = (0..count).collect();
        let lost = places.iter().filter(|&&at| self.is_lost(at)).count();
        // Whoever has no say is of no quorum yet.
        let takes_all = self.is_changing || self.is_anybody_forgetful();
        let rng = &mut self.peace_rng;
        let core = rng.within(count as u64 / 2 + 1, (count - lost) as u64);
        // Which of them make a quorum, nobody knows.
        let core = if takes_all { (count - lost) as u64 } else { core };
        rng.shuffle(&mut places);
        places.retain(|&at| self.servers[at].health != Health::Lost);
        let core = usize::try_from(core).expect("a few servers");
        for &at in &places[core..] {
            let how = self.peace_rng.pick(&Broken::ALL);
            self.break_for_good(at, how)?;
            self.reach(Point::WentOnWithoutSome);
        }
        places[..core].iter().try_for_each(|&at| self.heal(at))
    }

    /// Everybody else is healed too.
    pub(crate) fn heal_rest(&mut self) -> Checked {
        self.note("all servers are healed");
        self.mend_links();
        for at in 0..self.servers.len() {
            if self.servers[at].broken.take().is_some() {
                self.heal(at)?;
            }
        }
        Ok(())
    }

    /// Is it one of those that have to go on?
    pub(crate) fn is_core(&self, at: usize) -> bool {
        self.servers[at].broken.is_none() && !self.is_lost(at)
    }

    fn is_lost(&self, at: usize) -> bool {
        self.servers[at].health == Health::Lost
    }

    /// A server whose disk has decayed is turned off and on until that is known: either it has all that it
    /// should have, perhaps after some mending, or it begins anew, or it is lost.
    fn look_after(&mut self, at: usize) -> Checked {
        while self.servers[at].health == Health::Decayed {
            self.take_down(at, Down::Kill)?;
            self.heal(at)?;
        }
        Ok(())
    }

    /// The places of those that have to go on.
    pub(crate) fn core(&self) -> impl Iterator<Item = usize> {
        (0..self.servers.len()).filter(|&at| self.is_core(at))
    }

    fn mend_links(&mut self) {
        self.net.mend(self.now);
        self.net.set_links(LinkOptions::default());
    }

    fn break_for_good(&mut self, at: usize, how: Broken) -> Checked {
        let host = self.servers[at].host;
        self.trace.line(self.now, host.0.into(), || format!("stays broken: {how:?}"));
        match how {
            Broken::Dark => self.take_down(at, Down::PowerLoss)?,
            Broken::Killed => self.take_down(at, Down::Kill)?,
            Broken::Isolated => self.cut_off(&Shape::Isolate(host)),
            Broken::Deaf => self.cut_off(&Shape::Deaf(host)),
            Broken::Mute => self.cut_off(&Shape::Mute(host)),
            Broken::Paused => {
                self.heal(at)?;
                self.servers[at].paused_until = u64::MAX;
            }
            Broken::DiskHung => {
                self.heal(at)?;
                self.servers[at].drive.stall(self.now + FOREVER_NS);
            }
        }
        if matches!(how, Broken::Isolated | Broken::Deaf | Broken::Mute) {
            self.heal(at)?;
        }
        self.servers[at].broken = Some(how);
        Ok(())
    }

    pub(crate) fn cut_off(&mut self, shape: &Shape) {
        let hosts: Vec<_> = self.servers.iter().map(|server| server.host).collect();
        self.net.partition(&shape.blocked(&hosts));
    }

    /// A server without faults; only its clock goes on to differ.
    fn heal(&mut self, at: usize) -> Checked {
        if self.servers[at].process.as_ref().is_some_and(|process| process.is_ending) {
            // It would end later, when nothing may be in the way any more.
            self.take_down(at, Down::Kill)?;
        }
        let server = &mut self.servers[at];
        server.paused_until = 0;
        for happening in std::mem::take(&mut server.parked) {
            self.queue.plan(self.now, happening);
        }
        server.drive.heal();
        let done = server.drive.end();
        if done > self.now + nanos(self.options.raft.disk_timeout) {
            // The disk is well, and what it was asked for before is still under way, perhaps for
            // ever. Somebody turns the server off and on.
            self.take_down(at, Down::PowerLoss)?;
        }
        self.start(at)
    }
}
