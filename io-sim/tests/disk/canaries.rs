//! What a crash does: each fault fires, a naive log falls for it, and the real one does not.

use quorate_core::wal::Disk;
use quorate_io_sim::disk::{Class, DiskOptions, Drive, Fates, Fault, Files, Tearing};

use crate::naive::{CAREFUL, Found, Habits, NaiveLog, record, records};
use crate::support::{fill, formatted, kept_or_refused, opened, write};

const LOSING: DiskOptions = DiskOptions { fates: Fates::ALL_LOST, ..DiskOptions::INSTANT };
const SUBSETS: DiskOptions = DiskOptions { fates: Fates::ANY_SUBSET, ..DiskOptions::INSTANT };

/// Appends `count` records with these habits, loses power, and says what is left.
fn after_power_loss(drive: &Drive, habits: Habits, count: u64) -> Vec<Found> {
    let mut log = NaiveLog::create(drive.mount(), habits);
    (0..count).for_each(|_| log.append().expect("acknowledged"));
    drive.lose_power(0);
    NaiveLog::recover(&drive.mount(), habits).unwrap_or_default()
}

/// D1.
#[test]
fn a_log_that_acknowledges_before_the_sync_loses_what_it_acknowledged() {
    let drive = Drive::new(1, LOSING);
    assert_eq!(after_power_loss(&drive, Habits { syncs: false, ..CAREFUL }, 5), []);
    assert_eq!(drive.struck().of(Class::LostChange), 5);
    assert_eq!(after_power_loss(&Drive::new(1, LOSING), CAREFUL, 5), records(5));

    let drive = formatted(1, LOSING);
    fill(&mut opened(&drive), 40, 3000);
    drive.lose_power(0);
    assert!(kept_or_refused(&drive, 40, 3000).is_ok());
}

/// D3.
#[test]
fn a_log_that_never_syncs_the_directory_loses_its_file() {
    let drive = Drive::new(1, LOSING);
    assert_eq!(after_power_loss(&drive, Habits { syncs_names: false, ..CAREFUL }, 5), []);
    assert_eq!(drive.struck().of(Class::LostName), 1);
}

/// D1: a later write without an earlier one.
#[test]
fn a_log_without_checksums_takes_a_gap_for_a_record() {
    let careless = Habits { syncs: false, checksums: false, positions: false, ..CAREFUL };
    let runs: Vec<_> = (0..20)
        .map(|seed| {
            let drive = Drive::new(seed, DiskOptions { tearing: Tearing::Never, ..SUBSETS });
            (after_power_loss(&drive, careless, 5), drive.struck().of(Class::Reordered))
        })
        .collect();
    assert!(runs.iter().any(|(found, reordered)| {
        *reordered == 1 && found.first() == Some(&Found::Garbage) && found.len() > 1
    }));
    for seed in 0..20 {
        let found = after_power_loss(&Drive::new(seed, SUBSETS), CAREFUL, 5);
        assert_eq!(found, records(5), "seed {seed}: synced before");
    }
}

/// D2.
#[test]
fn a_log_without_checksums_returns_torn_records_of_each_kind() {
    let careless = Habits { syncs: false, checksums: false, positions: false, ..CAREFUL };
    for tearing in [Tearing::Bytes, Tearing::Sectors] {
        let torn = (0..40).filter(|&seed| {
            let drive = Drive::new(seed, DiskOptions { tearing, ..SUBSETS });
            let found = after_power_loss(&drive, careless, 3);
            drive.struck().of(Class::TornWrite) > 0 && found.contains(&Found::Garbage)
        });
        assert!(torn.count() > 5, "{tearing:?}");
    }
    for (unit, tearing) in [(512, Tearing::Sectors), (4096, Tearing::Blocks)] {
        for seed in 0..40 {
            let drive = Drive::new(seed, DiskOptions { tearing, torn_permille: 1000, ..SUBSETS });
            let disk = drive.mount();
            let file = disk.create("log").expect("created");
            disk.write_at(&file, 0, &[1; 16384]).expect("written");
            disk.sync(&file).and_then(|()| disk.sync_dir()).expect("synced");
            disk.write_at(&file, 0, &[2; 16384]).expect("written");
            drive.lose_power(0);
            let disk = drive.mount();
            let mut bytes = [0; 16384];
            disk.read_at(&disk.open("log").expect("there"), 0, &mut bytes).expect("read");
            assert!(bytes.chunks(unit).all(|unit| unit.iter().all(|byte| *byte == unit[0])));
        }
    }
}

/// D18: the length is there, the bytes are not.
#[test]
fn a_log_that_believes_the_length_returns_zeros() {
    let careless = Habits { syncs: false, checksums: false, positions: false, ..CAREFUL };
    let bare = (0..40).filter(|&seed| {
        let drive = Drive::new(seed, DiskOptions { torn_permille: 0, ..SUBSETS });
        let found = after_power_loss(&drive, careless, 1);
        (found == [Found::Garbage]) && drive.struck().of(Class::BareLength) == 1
    });
    assert!(bare.count() > 5);
}

/// D4.
#[test]
fn a_log_that_tries_a_failed_sync_again_believes_it_is_durable() {
    let drive = Drive::new(1, LOSING);
    let habits = Habits { retries: true, ..CAREFUL };
    let mut log = NaiveLog::create(drive.mount(), habits);
    log.append().expect("acknowledged");
    drive.arm(Fault::SyncError, Files::Any);
    log.append().expect("acknowledged, wrongly");
    let seen = NaiveLog::recover(&log.disk, habits);
    assert_eq!(seen, Ok(records(2)), "the process sees what it wrote");
    drive.lose_power(0);
    assert_eq!(NaiveLog::recover(&drive.mount(), habits), Ok(records(1)));
    let struck = drive.struck();
    assert_eq!((struck.of(Class::SyncError), struck.of(Class::DroppedChange)), (1, 1));

    let drive = formatted(1, LOSING);
    let mut wal = opened(&drive);
    fill(&mut wal, 5, 3000);
    drive.arm(Fault::SyncError, Files::Segments);
    write(&mut wal, 3000).expect_err("the sync fails");
    write(&mut wal, 3000).expect_err("nothing is tried again");
    drive.lose_power(0);
    assert!(kept_or_refused(&drive, 5, 3000).is_ok());
}

/// What a failed sync dropped may be seen by the next process too, until memory is needed.
#[test]
fn what_a_failed_sync_dropped_lingers_if_a_start_is_warm() {
    for cold_starts in [true, false] {
        let drive = Drive::new(1, DiskOptions { cold_starts, ..LOSING });
        let mut log = NaiveLog::create(drive.mount(), CAREFUL);
        drive.arm(Fault::SyncError, Files::Named("log".into()));
        log.append().expect_err("the sync fails");
        drive.kill(0);
        let found = NaiveLog::recover(&drive.mount(), CAREFUL).expect("read");
        assert_eq!(found, records(u64::from(!cold_starts)));

        let drive = formatted(1, DiskOptions { cold_starts, ..LOSING });
        let mut wal = opened(&drive);
        fill(&mut wal, 5, 3000);
        drive.arm(Fault::SyncError, Files::Segments);
        write(&mut wal, 3000).expect_err("the sync fails");
        drive.kill(0);
        // A warm start takes six for durable, and says so; what it said is not there later.
        let wal = kept_or_refused(&drive, 5, 3000).expect("as after any kill");
        assert_eq!(wal.last().index.0, 6 - u64::from(cold_starts));
        drop(wal);
        drive.lose_power(0);
        assert_eq!(kept_or_refused(&drive, 5, 3000).is_ok(), cold_starts, "lost, and noticed");
    }
}

/// FAULTS W23: a killed process leaves unsynced bytes that the next one sees.
#[test]
fn a_log_that_believes_what_it_reads_after_a_kill_loses_it() {
    let drive = Drive::new(1, LOSING);
    let mut log = NaiveLog::create(drive.mount(), Habits { syncs: false, ..CAREFUL });
    log.append().expect("written");
    drive.kill(0);
    let disk = drive.mount();
    assert_eq!(NaiveLog::recover(&disk, CAREFUL), Ok(records(1)), "nothing is lost by a kill");
    drive.lose_power(0);
    assert_eq!(NaiveLog::recover(&drive.mount(), CAREFUL), Ok(vec![]));
    assert_eq!(drive.struck().of(Class::Kill), 1);
}

/// FAULTS W05.
#[test]
fn a_sector_under_way_may_turn_to_noise() {
    let noisy = DiskOptions { garbled_permille: 1000, fates: Fates::ALL_KEPT, ..LOSING };
    let drive = Drive::new(1, noisy);
    let careless = Habits { syncs: false, checksums: false, positions: false, ..CAREFUL };
    assert_eq!(after_power_loss(&drive, careless, 1), [Found::Garbage]);
    assert_eq!(drive.struck().of(Class::GarbledSector), 1);

    for seed in 0..50 {
        let drive = formatted(seed, noisy);
        let mut wal = opened(&drive);
        fill(&mut wal, 5, 3000);
        drive.die_after(1, quorate_io_sim::disk::DeathMode::PowerLoss);
        write(&mut wal, 3000).expect_err("power fails");
        if let Err(error) = kept_or_refused(&drive, 5, 3000) {
            assert!(error.to_string().contains("entries after index 5"), "{error}");
        }
    }
}

/// The same calls with the same seed give the same bytes.
#[test]
fn a_seed_decides_everything() {
    let run = |seed| {
        let options = DiskOptions { sync_ns: DiskOptions::default().sync_ns, ..SUBSETS };
        let drive = formatted(seed, options);
        drive.tune(|options| options.rates.misdirected_write = 50_000);
        for _ in 0..3 {
            if let Ok((mut wal, _)) = crate::support::open(&drive) {
                drive.die_after(20, quorate_io_sim::disk::DeathMode::PowerLoss);
                while write(&mut wal, 3000).is_ok() {}
            }
        }
        (drive.digest(), drive.struck())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).0, run(2).0);
}

/// What the naive log writes is what it says it writes.
#[test]
fn a_record_is_told_from_every_other() {
    assert_ne!(record(1), record(2));
    assert_eq!(record(7)[8..], [7; 4088]);
}
