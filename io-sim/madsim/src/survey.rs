//! What would be left if the power failed now.

use quorate_io_sim::engine::{Checked, examine};

use crate::world::Sim;

/// One of so many reports of a lane that something is durable is looked into; fewer and fewer, since
/// logs grow.
const LOOK_INTO_ONE_OF: u64 = 200;

impl Sim {
    /// Now and then: what a server has just been told to be durable would survive.
    pub(crate) fn survey(&mut self, at: usize) -> Checked {
        if self.survey_rng.below(LOOK_INTO_ONE_OF * (self.report.surveys + 1)) > 0 {
            return Ok(());
        }
        self.report.surveys += 1;
        let server = &self.servers[at];
        let (wal, health) = (self.options.wal, server.health);
        examine(&server.drive, health, self.now, &server.ledger, wal, &mut self.survey_rng)
    }
}
