//! I12, and the ground under I7: what a power loss would leave right now can be recovered, and holds
//! what was acknowledged; once more, to the same; and after an interruption, to the same.

use quorate_core::wal::{OpenError, Wal, WalOptions};

use super::reconcile::{explains, read_all};
use super::world::World;
use crate::disk::{DeathMode, DiskOptions, Drive, Fates};
use crate::judge::{Checked, Image, Ledger, Property, Violation, hold};
use crate::rng::Rng;

/// Looks at what the disk of a server would be after a power loss, and leaves it as it is.
///
/// # Errors
/// If it cannot be recovered, to the same each time; if something is missing.
pub fn examine(
    drive: &Drive,
    now: u64,
    ledger: &Ledger,
    wal: WalOptions,
    rng: &mut Rng,
) -> Checked {
    let seed = rng.next();
    let image = drive.snapshot_image(now);
    let copy = || {
        let options = DiskOptions { fates: Fates::ANY_SUBSET, ..DiskOptions::INSTANT };
        let copy = Drive::new(seed, options);
        copy.restore_image(&image);
        copy
    };
    let first = recover(&copy(), wal, seed)?;
    explains(ledger, &first)?;
    is_same(&first, &recover(&copy(), wal, !seed)?)?;

    let spare = copy();
    let disk = spare.mount();
    spare.die_after(rng.within(1, 40), DeathMode::PowerLoss);
    let interrupted = Wal::open(disk, wal, seed);
    drop(interrupted);
    spare.lose_power(1);
    is_same(&first, &recover(&spare, wal, seed)?)
}

impl World<'_> {
    pub(crate) fn examine(&mut self, at: usize) -> Checked {
        let server = &self.servers[at];
        let wal = self.options.wal;
        examine(&server.drive, self.now, &server.ledger, wal, &mut self.peace_rng)
    }
}

fn recover(drive: &Drive, options: WalOptions, seed: u64) -> Checked<Image> {
    let (mut wal, opened) = Wal::open(drive.mount(), options, seed).map_err(|why| cannot(&why))?;
    read_all(&opened.recovered, &mut wal)
}

fn cannot(why: &OpenError) -> Violation {
    Violation { property: Property::RecoveryIsStable, evidence: why.to_string() }
}

fn is_same(first: &Image, second: &Image) -> Checked {
    let last = first.last().index;
    let is_same = first.last() == second.last()
        && first.digest(last) == second.digest(last)
        && first.hard_state == second.hard_state;
    hold(is_same, Property::RecoveryIsStable, || {
        let sum = |image: &Image| (image.last(), image.digest(last), image.hard_state);
        format!("recovered {:?} and then {:?}", sum(first), sum(second))
    })
}

#[cfg(test)]
mod tests {
    use quorate_core::{HardState, Term};

    use super::*;

    #[test]
    fn a_recovery_that_comes_to_something_else_is_noticed() {
        let (first, mut second) = (Image::default(), Image::default());
        assert_eq!(is_same(&first, &second), Ok(()));
        second.hard_state = HardState { term: Term(1), vote: None };
        let violation = is_same(&first, &second).expect_err("another term");
        assert_eq!(violation.property, Property::RecoveryIsStable);
    }
}
