//! What would be left if the power failed now.

use quorate_core::wal::Wal;
use quorate_io_sim::disk::{DiskOptions, Drive};
use quorate_io_sim::engine::{Checked, Property, Violation, explains, read_all};

use crate::world::Sim;

/// One of so many reports of a lane that something is durable is looked into; fewer and fewer, since
/// logs grow.
const LOOK_INTO_ONE_OF: u64 = 20;

impl Sim {
    /// Now and then: what a server has just been told to be durable would survive.
    pub(crate) fn survey(&mut self, at: usize) -> Checked {
        if self.survey_rng.below(LOOK_INTO_ONE_OF * (self.report.surveys + 1)) > 0 {
            return Ok(());
        }
        self.report.surveys += 1;
        let server = &self.servers[at];
        let spare = Drive::new(1, DiskOptions::INSTANT);
        spare.restore_image(&server.drive.snapshot_image(self.now));
        let opened = Wal::open(spare.mount(), self.options.wal, 1);
        let (mut wal, opened) = opened.map_err(|error| Violation {
            property: Property::ServersStart,
            evidence: format!("{:?} without power: {error}", server.id),
        })?;
        let found = read_all(&opened.recovered, &mut wal)?;
        explains(&server.ledger, &found)
    }
}
