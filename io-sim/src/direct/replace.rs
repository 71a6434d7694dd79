//! A disk that is of no use any more is replaced, as an operator would do it: the server comes back
//! with an empty one, which says that it began without a say.

use quorate_core::Membership;
use quorate_core::wal::Origin;

use super::world::World;
use crate::boot;
use crate::health::Health;
use crate::judge::{Image, Point};

impl World<'_> {
    /// Some disks are replaced, and the others' servers stay down.
    pub(crate) fn may_replace_disk(&mut self, at: usize) {
        // Nothing else is drawn for a server that is lost.
        if !self.life_rngs[at].chance(700) {
            return;
        }
        let seed = self.life_rngs[at].next();
        let id = self.servers[at].id;
        let others = self.options.membership.members().into_iter().filter(|&other| other != id);
        let others = Membership::of_voters(others).expect("a quorum of others is whole");
        let joins = (Origin::Joining, self.now);
        let server = &mut self.servers[at];
        server.drive = boot::formatted(id, seed, &self.options, &others, joins);
        server.health = Health::Replaced;
        server.ledger.lose(Image::default());
        server.written_bytes = Default::default();
        self.properties.forgets(id);
        self.reach(Point::DiskReplaced);
        self.trace.line(self.now, at as u64 + 1, || "gets another disk".to_owned());
        self.tell_noted(at, || "gets another disk".to_owned());
        self.plan_restart(at);
    }

    /// Is there a server that has no say yet?
    pub(crate) fn is_anybody_forgetful(&self) -> bool {
        self.servers.iter().any(|server| server.ledger.durable().hard_state.is_forgetful)
    }
}
