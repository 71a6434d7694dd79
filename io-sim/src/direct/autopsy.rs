//! I12, and the ground under I7: what a power loss would leave right now can be recovered, and holds
//! what was acknowledged; once more, to the same; and after an interruption, to the same.

use quorate_core::wal::{Disk, OpenError, Opened, Wal, WalOptions};

use super::reconcile::{Found, explains, read_all};
use super::world::World;
use crate::disk::{self, DeathMode, DiskOptions, Drive, Fates, SimDisk};
use crate::health::Health;
use crate::judge::{Checked, Ledger, Property, Violation, hold};
use crate::rng::Rng;

/// Looks at what the disk of a server would be after a power loss, and leaves it as it is.
///
/// # Errors
/// If it cannot be recovered, to the same each time; if something is missing. A disk that has decayed
/// may be refused instead, and is then left as it was.
pub fn examine(
    drive: &Drive,
    health: Health,
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
    let drive = copy();
    let first = match open(&drive, wal, seed) {
        Err(why) if health.excuses(&why) => {
            return is_refused_for_good(&why, &drive, &image, || open(&drive, wal, seed).err());
        }
        opened => read(opened)?,
    };
    hold(health != Health::Lost, Property::RecoveryIsStable, || {
        "what was refused before can be recovered now".to_owned()
    })?;
    explains(ledger, &first).map(drop)?;
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
        let (wal, health) = (self.options.wal, server.health);
        examine(&server.drive, health, self.now, &server.ledger, wal, &mut self.peace_rng)
    }
}

/// As a server starts: with the log, and with the snapshot that it begins with.
fn open(
    drive: &Drive,
    options: WalOptions,
    seed: u64,
) -> Result<(Wal<SimDisk>, Opened), OpenError> {
    let (wal, opened) = Wal::open(drive.mount(), options, seed)?;
    wal.snapshots(|_| ())?;
    Ok((wal, opened))
}

fn recover(drive: &Drive, options: WalOptions, seed: u64) -> Checked<Found> {
    read(open(drive, options, seed))
}

fn read<D: Disk>(opened: Result<(Wal<D>, Opened), OpenError>) -> Checked<Found> {
    let (mut wal, opened) = opened.map_err(|why| cannot(&why))?;
    read_all(&opened.recovered, &mut wal)
}

/// A log that cannot be opened is left as it was. One that can has a new segment by the time its
/// snapshot is read; it is refused for that snapshot whenever it is tried.
fn is_refused_for_good(
    why: &OpenError,
    drive: &Drive,
    image: &disk::Image,
    again: impl FnOnce() -> Option<OpenError>,
) -> Checked {
    if let OpenError::Snapshot(_) = why {
        let again = again();
        return hold(again.as_ref() == Some(why), Property::RecoveryIsStable, || {
            format!("the start was refused: {why}; and once more: {again:?}")
        });
    }
    hold(is_untouched(&drive.mount(), image), Property::RecoveryIsStable, || {
        format!("something was changed, although the start was refused: {why}")
    })
}

/// Does a disk hold what it held at first?
fn is_untouched(disk: &impl Disk, image: &disk::Image) -> bool {
    let is_same = |(name, bytes): (&str, Vec<u8>)| {
        let mut held = vec![0; bytes.len()];
        let read = disk.open(name).and_then(|file| {
            disk.read_at(&file, 0, &mut held)?;
            disk.length(&file)
        });
        read == Ok(bytes.len() as u64) && held == bytes
    };
    let names = disk.list().map(|names| names.len());
    names == Ok(image.files().count()) && image.files().all(is_same)
}

fn cannot(why: &OpenError) -> Violation {
    Violation { property: Property::RecoveryIsStable, evidence: why.to_string() }
}

fn is_same(first: &Found, second: &Found) -> Checked {
    hold(first == second, Property::RecoveryIsStable, || {
        let sum = |found: &Found| (found.base, found.last(), found.hard_state);
        format!("recovered {:?} and then {:?}", sum(first), sum(second))
    })
}

#[cfg(test)]
mod tests {
    use quorate_core::snapshot::StoreError;
    use quorate_core::{HardState, LogId, Membership, NodeId, SnapshotMeta, Term};

    use super::*;

    #[test]
    fn a_recovery_that_comes_to_something_else_is_noticed() {
        let founders = Membership::of_voters(NodeId::new(1)).expect("one voter");
        let first = Found {
            hard_state: HardState::default(),
            base: LogId::ZERO,
            snapshot: SnapshotMeta::genesis(founders),
            entries: Vec::new(),
        };
        let mut second = first.clone();
        assert_eq!(is_same(&first, &second), Ok(()));
        second.hard_state = HardState { term: Term(1), vote: None, is_forgetful: false };
        let violation = is_same(&first, &second).expect_err("another term");
        assert_eq!(violation.property, Property::RecoveryIsStable);
    }

    #[test]
    fn a_refusal_for_a_snapshot_that_does_not_last_is_noticed() {
        let drive = Drive::new(1, DiskOptions::INSTANT);
        let image = drive.snapshot_image(0);
        let why = OpenError::Snapshot(StoreError::Missing { id: LogId::ZERO });
        // The log was opened by then.
        let made = drive.mount().create("a segment");
        made.expect("a disk without faults");
        let refused = |again| is_refused_for_good(&why, &drive, &image, || again);
        assert_eq!(refused(Some(why.clone())), Ok(()));
        for again in [None, Some(OpenError::NotFormatted)] {
            let violation = refused(again).expect_err("something else");
            assert_eq!(violation.property, Property::RecoveryIsStable);
        }
        let log = OpenError::HardStateLost;
        let violation = is_refused_for_good(&log, &drive, &image, || None);
        assert!(violation.expect_err("a file is new").evidence.contains("was changed"));
    }
}
