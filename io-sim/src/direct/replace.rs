//! A disk that is of no use any more: its log is set aside, as real servers do it, or it is replaced, as
//! an operator would do it. Either way the server comes back with nothing, and says that it began
//! without a say.

use quorate_core::Membership;
use quorate_core::wal::{self, Healed, OpenError, Origin};

use super::world::World;
use crate::boot;
use crate::disk::DiskOptions;
use crate::health::Health;
use crate::judge::{Checked, Image, Point, Property, hold};

impl World<'_> {
    /// Some servers begin anew, and the others stay down.
    pub(crate) fn may_begin_anew(&mut self, at: usize, why: OpenError) -> Checked {
        // Nothing else is drawn for a server that is lost.
        match self.life_rngs[at].below(1000) {
            0..400 => match self.heal_log(at, why) {
                Some(healed) => self.has_healed(at, &healed)?,
                // Even that came to nothing: the disk is given up.
                None => self.replace_disk(at),
            },
            400..700 => self.replace_disk(at),
            _ => return Ok(()),
        }
        self.servers[at].health = Health::Anew;
        self.plan_restart(at);
        Ok(())
    }

    /// What interrupts it is tried elsewhere, disk operation by disk operation.
    fn heal_log(&mut self, at: usize, why: OpenError) -> Option<Healed> {
        let drive = &self.servers[at].drive;
        let mut before = DiskOptions::INSTANT;
        drive.tune(|tuned| core::mem::swap(tuned, &mut before));
        drive.begin(self.now);
        let healed = wal::heal(&drive.mount(), why).ok();
        drive.tune(|tuned| *tuned = before);
        healed
    }

    /// The vote that binds it is still there.
    fn has_healed(&mut self, at: usize, healed: &Healed) -> Checked {
        let ledger = &mut self.servers[at].ledger;
        let futures = ledger.futures()?;
        let known = |image: &Image| {
            let Image { hard_state, .. } = image;
            (hard_state.term, hard_state.vote) == (healed.hard_state.term, healed.hard_state.vote)
        };
        hold(futures.iter().any(|future| known(&future.1)), Property::ServersStart, || {
            format!("{:?} is not what was written", healed.hard_state)
        })?;
        ledger.lose(Image::bare(healed.hard_state));
        self.reach(Point::LogHealed);
        self.tell_anew(at, "sets its log aside");
        Ok(())
    }

    fn replace_disk(&mut self, at: usize) {
        let seed = self.life_rngs[at].next();
        let id = self.servers[at].id;
        let others = self.options.membership.members().into_iter().filter(|&other| other != id);
        let others = Membership::of_voters(others).expect("a quorum of others is whole");
        let joins = (Origin::Joining, self.now);
        let server = &mut self.servers[at];
        server.drive = boot::formatted(id, seed, &self.options, &others, joins);
        server.ledger.lose(Image::default());
        server.written_bytes = Default::default();
        self.properties.forgets(id);
        self.reach(Point::DiskReplaced);
        self.tell_anew(at, "gets another disk");
    }

    fn tell_anew(&mut self, at: usize, what: &'static str) {
        self.trace.line(self.now, at as u64 + 1, || what.to_owned());
        self.tell_noted(at, || what.to_owned());
    }

    /// Is there a server that has no say yet?
    pub(crate) fn is_anybody_forgetful(&self) -> bool {
        self.servers.iter().any(|server| server.ledger.durable().hard_state.is_forgetful)
    }
}
