//! A disk whose log is damaged: what is missing is had from another server, or the log is set aside, both as
//! real servers do it; or the disk is replaced, as an operator would do it. But for the first, the server
//! comes back with nothing, and says that it began without a say.

use quorate_core::wal::{self, Healed, Mending, OpenError, Origin};
use quorate_core::{LogId, Membership};

use super::world::World;
use crate::boot;
use crate::disk::{DiskOptions, SimDisk};
use crate::health::Health;
use crate::judge::{Checked, Image, Point, Property, hold};

impl World<'_> {
    /// Some servers begin anew, and the others stay down.
    pub(crate) fn may_begin_anew(&mut self, at: usize, why: OpenError) -> Checked {
        // Nothing else is drawn for a server that is lost.
        let draw = self.life_rngs[at].below(1000);
        if draw >= 200 && self.mend_log(at, &why) {
            self.reach(Point::LogMended);
            self.tell_anew(at, "has what was missing from another server");
            self.servers[at].ledger.mend();
            // There may be more of it.
            self.servers[at].health = Health::Decayed;
            self.plan_restart(at);
            return Ok(());
        }
        match draw {
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

    /// Asks all that run. How they answer is tried elsewhere.
    fn mend_log(&mut self, at: usize, why: &OpenError) -> bool {
        let OpenError::Damaged(damage) = why else { return false };
        let Some(hole) = &damage.hole else { return false };
        let mut mending = Mending::of((**hole).clone());
        let others = self.servers.iter().filter(|other| other.process.is_some());
        for other in others {
            let log = other.ledger.written();
            let has = |id: LogId| log.term(id.index) == Some(id.term);
            loop {
                let wanted = mending.wanted();
                if !(has(wanted.after) && has(wanted.anchor)) {
                    break;
                }
                let answer = log.read(wanted.after.index.next(), 1000);
                match mending.take(&answer) {
                    Ok(true) => {
                        return self.undisturbed(at, |disk| mending.write(&disk).is_ok());
                    }
                    Ok(false) => {}
                    Err(_) => break,
                }
            }
        }
        false
    }

    fn heal_log(&mut self, at: usize, why: OpenError) -> Option<Healed> {
        self.undisturbed(at, |disk| wal::heal(&disk, why).ok())
    }

    /// What interrupts it is tried elsewhere, disk operation by disk operation.
    fn undisturbed<T>(&self, at: usize, work: impl FnOnce(SimDisk) -> T) -> T {
        let drive = &self.servers[at].drive;
        let mut before = DiskOptions::INSTANT;
        drive.tune(|tuned| core::mem::swap(tuned, &mut before));
        drive.begin(self.now);
        let done = work(drive.mount());
        drive.tune(|tuned| *tuned = before);
        done
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
