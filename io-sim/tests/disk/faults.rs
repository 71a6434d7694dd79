//! What wears out or says no: each fault fires, a naive log falls for it, and the real one keeps
//! what it acknowledged or refuses to start.

use quorate_core::wal::{Disk, DiskErrorKind, OpenError, Row, WalError};
use quorate_io_sim::disk::{Class, DiskOptions, Drive, Fates, Fault, Files, Place, Rot};

use crate::naive::{CAREFUL, Found, Habits, NaiveLog, records};
use crate::support::{fill, formatted, kept_or_refused, open, opened, write};

const LOSING: DiskOptions = DiskOptions { fates: Fates::ALL_LOST, ..DiskOptions::INSTANT };
const ALL: Place = Place::In(Files::Any);
const CARELESS: Habits = Habits { checksums: false, positions: false, ..CAREFUL };

/// A naive log with so many records.
fn naive(seed: u64, count: u64) -> (Drive, NaiveLog<quorate_io_sim::disk::SimDisk>) {
    let drive = Drive::new(seed, LOSING);
    let mut log = NaiveLog::create(drive.mount(), CAREFUL);
    (0..count).for_each(|_| log.append().expect("acknowledged"));
    (drive, log)
}

/// A real one with forty commands in several segments.
fn real(seed: u64) -> Drive {
    let drive = formatted(seed, LOSING);
    fill(&mut opened(&drive), 40, 3000);
    drive.kill(0);
    drive
}

fn row(error: &OpenError) -> Row {
    match error {
        OpenError::Damaged(damage) => damage.row,
        error => panic!("{error}"),
    }
}

/// D6.
#[test]
fn a_read_fails_once_or_for_good() {
    let (drive, log) = naive(1, 3);
    drive.arm(Fault::ReadError, Files::Named("log".into()));
    assert!(NaiveLog::recover(&log.disk, CAREFUL).is_err());
    assert_eq!(NaiveLog::recover(&log.disk, CAREFUL), Ok(records(3)));
    drive.make_unreadable(&ALL).expect("there is something");
    assert!(NaiveLog::recover(&log.disk, CAREFUL).is_err());
    assert!(NaiveLog::recover(&log.disk, CAREFUL).is_err());
    log.disk.write_at(&log.file, 0, &[1; 3 * 4096]).expect("written");
    assert!(NaiveLog::recover(&log.disk, CARELESS).is_ok(), "written anew");
    let struck = drive.struck();
    assert_eq!((struck.of(Class::ReadError), struck.of(Class::UnreadableSector)), (1, 1));

    for place in [Place::SegmentMiddle, Place::SegmentTail] {
        let drive = real(1);
        drive.make_unreadable(&place).expect("there is something");
        let refused = kept_or_refused(&drive, 40, 3000).expect_err("it cannot be read");
        assert_eq!(row(&refused), Row::Unreadable);
    }
    let drive = real(1);
    drive.arm(Fault::ReadError, Files::Segments);
    assert!(open(&drive).is_err());
    assert!(kept_or_refused(&drive, 40, 3000).is_ok(), "it was only once");
}

/// D7.
#[test]
fn a_failed_write_leaves_an_unknown_part() {
    let parts: Vec<_> = (0..20)
        .map(|seed| {
            let (drive, mut log) = naive(seed, 1);
            drive.arm(Fault::WriteError, Files::Any);
            log.append().expect_err("the write fails");
            assert_eq!(drive.struck().of(Class::WriteError), 1);
            log.disk.length(&log.file).expect("a length")
        })
        .collect();
    assert!(parts.contains(&4096) && parts.iter().any(|&length| length > 4096), "{parts:?}");

    for seed in 0..20 {
        let drive = formatted(seed, LOSING);
        let mut wal = opened(&drive);
        fill(&mut wal, 5, 3000);
        drive.arm(Fault::WriteError, Files::Segments);
        write(&mut wal, 3000).expect_err("the write fails");
        assert!(matches!(write(&mut wal, 3000), Err(WalError::Poisoned { .. })));
        drive.kill(0);
        assert!(kept_or_refused(&drive, 5, 3000).is_ok());
    }
}

/// FAULTS D05.
#[test]
fn names_that_cannot_be_changed_stay_as_they_were() {
    let drive = Drive::new(1, LOSING);
    let disk = drive.mount();
    drive.arm(Fault::NameError, Files::Any);
    disk.create("a").expect_err("it fails");
    disk.create("a").expect("only once");
    drive.arm(Fault::NameError, Files::Any);
    disk.rename("a", "b").expect_err("it fails");
    assert_eq!(disk.list(), Ok(vec!["a".into()]));
    assert_eq!(drive.struck().of(Class::NameError), 2);

    let drive = real(1);
    drive.arm(Fault::NameError, Files::Named("spare.tmp".into()));
    assert!(matches!(open(&drive), Err(OpenError::Disk(_))));
    assert!(kept_or_refused(&drive, 40, 3000).is_ok());
}

/// D8.
#[test]
fn a_full_disk_takes_what_fits_and_has_room_again_later() {
    let (drive, mut log) = naive(1, 3);
    drive.tune(|options| options.capacity_bytes = Some(3 * 4096 + 1000));
    let error = log.append().expect_err("no space");
    assert_eq!(error.kind, DiskErrorKind::Full);
    assert_eq!(log.disk.length(&log.file), Ok(3 * 4096 + 1000), "a part is written");
    log.disk.write_at(&log.file, 0, &[1; 4096]).expect("that space is taken already");
    log.disk.set_length(&log.file, 4096).expect("shorter is fine");
    log.disk.write_at(&log.file, 8192, &[1; 4096]).expect("there is room again");
    let other = log.disk.create("other").expect("created");
    assert!(log.disk.write_at(&other, 0, &[1; 4096]).is_err());
    log.disk.remove("log").expect("removed");
    assert!(log.disk.write_at(&other, 0, &[1; 4096]).is_err(), "it is still open");
    let disk = log.disk.clone();
    drop(log);
    disk.write_at(&other, 0, &[1; 4096]).expect("now there is room");
    assert_eq!(drive.struck().of(Class::Full), 3);

    let drive = formatted(1, LOSING);
    let mut wal = opened(&drive);
    fill(&mut wal, 5, 3000);
    drive.tune(|options| options.capacity_bytes = Some(100 << 10));
    let mut count = 5;
    while write(&mut wal, 3000).is_ok() {
        count += 1;
    }
    assert!((10..40).contains(&count), "until the segment is full: {count}");
    drop(wal);
    drive.kill(0);
    assert!(
        matches!(open(&drive), Err(OpenError::Disk(error)) if error.kind == DiskErrorKind::Full)
    );
    drive.tune(|options| options.capacity_bytes = None);
    assert!(kept_or_refused(&drive, count, 3000).is_ok());
}

/// D9.
#[test]
fn rot_is_returned_by_a_log_without_checksums() {
    for rot in [Rot::FlipBits(1), Rot::Zero, Rot::Garble] {
        let (drive, log) = naive(1, 3);
        let hit = drive.rot(&ALL, rot).expect("there is something");
        let found = NaiveLog::recover(&log.disk, CARELESS).expect("read");
        assert!(found.contains(&Found::Garbage), "{hit:?}");
        assert_eq!(drive.struck().of(Class::Rot), 1);
        drive.lose_power(0);
        assert_eq!(NaiveLog::recover(&drive.mount(), CARELESS), Ok(found), "it is on the medium");
    }
    let (drive, log) = naive(1, 0);
    assert_eq!(drive.rot(&ALL, Rot::Zero), None, "there is nothing");
    assert_eq!(
        (drive.struck().of(Class::Rot), NaiveLog::recover(&log.disk, CAREFUL)),
        (0, Ok(vec![]))
    );
}

/// D9, in every place that matters.
#[test]
fn rot_of_the_real_log_is_mended_or_refused() {
    let kept = |place: &Place| {
        let rots = [Rot::FlipBits(1), Rot::FlipBits(9), Rot::Zero, Rot::Garble];
        let outcomes = (0..20).map(|seed| {
            let drive = real(seed);
            drive.rot(place, rots[seed as usize % 4]).expect("there is something");
            u32::from(kept_or_refused(&drive, 40, 3000).is_ok())
        });
        outcomes.sum::<u32>()
    };
    for with_a_twin in [Place::SegmentHeader, Place::In(Files::State), Place::In(Files::Ident)] {
        assert_eq!(kept(&with_a_twin), 20, "{with_a_twin:?}");
    }
    // Nobody checks the padding behind a batch.
    assert!(kept(&Place::SegmentMiddle) < 10);
    // The last block is promised by nobody until the log is idle or closed.
    let refused = (0..20).filter(|&seed| {
        let drive = formatted(seed, LOSING);
        let mut wal = opened(&drive);
        fill(&mut wal, 5, 3000);
        wal.close().expect("closed");
        drive.rot(&Place::SegmentTail, Rot::Garble).expect("there is something");
        kept_or_refused(&drive, 5, 3000).is_err()
    });
    assert!(refused.count() > 0, "all but one sector of the last block is padding");
}

/// D10.
#[test]
fn a_lost_write_shortens_a_log_that_promises_nothing() {
    let (drive, mut log) = naive(1, 2);
    drive.arm(Fault::LostWrite, Files::Any);
    log.append().expect("acknowledged");
    log.append().expect("acknowledged");
    assert_eq!(NaiveLog::recover(&log.disk, CAREFUL), Ok(records(4)), "nothing is to be seen");
    assert_eq!(drive.struck().of(Class::LostWrite), 1);
    drive.kill(0);
    let found = NaiveLog::recover(&drive.mount(), CAREFUL);
    assert_eq!(found, Ok(records(2)), "four were acknowledged");

    let drive = formatted(1, LOSING);
    let mut wal = opened(&drive);
    fill(&mut wal, 2, 3000);
    drive.arm(Fault::LostWrite, Files::Segments);
    fill(&mut wal, 2, 3000);
    drive.kill(0);
    let refused = kept_or_refused(&drive, 4, 3000).expect_err("the fourth promises the third");
    assert_eq!(row(&refused), Row::Promised);
}

/// D11.
#[test]
fn a_reader_without_position_checks_accepts_a_misdirected_write() {
    let misled = (0..20).filter(|&seed| {
        let (drive, mut log) = naive(seed, 4);
        drive.arm(Fault::MisdirectedWrite, Files::Any);
        log.append().expect("acknowledged");
        assert_eq!(drive.struck().of(Class::MisdirectedWrite), 1);
        drive.kill(0);
        let disk = drive.mount();
        let found = NaiveLog::recover(&disk, Habits { positions: false, ..CAREFUL }).expect("read");
        assert_eq!(found.iter().filter(|found| **found == Found::Record(5)).count(), 1);
        let careful = NaiveLog::recover(&disk, CAREFUL).expect("read");
        assert!(records(4).starts_with(&careful) && careful.len() < 4);
        found != records(found.len() as u64)
    });
    assert_eq!(misled.count(), 20);

    for seed in 0..50 {
        let drive = formatted(seed, LOSING);
        let mut wal = opened(&drive);
        fill(&mut wal, 5, 3000);
        drive.arm(Fault::MisdirectedWrite, Files::Segments);
        fill(&mut wal, 3, 3000);
        drive.kill(0);
        assert_eq!(drive.struck().of(Class::MisdirectedWrite), 1);
        kept_or_refused(&drive, 8, 3000).expect_err("a batch is missing where it should be");
    }
}

/// D12.
#[test]
fn a_stale_sector_brings_an_old_value_back() {
    let drive = Drive::new(1, LOSING);
    let disk = drive.mount();
    let file = disk.create("vote").expect("created");
    disk.sync_dir().expect("synced");
    for vote in [1, 2] {
        disk.write_at(&file, 0, &[vote; 512]).expect("written");
        disk.sync(&file).expect("synced");
    }
    assert!(drive.make_stale(&ALL).is_some());
    let mut bytes = [0; 512];
    disk.read_at(&file, 0, &mut bytes).expect("read");
    assert_eq!((bytes, drive.struck().of(Class::StaleSector)), ([1; 512], 1));

    // Batches behind blanks, and the hard state behind its older generations.
    let refused = (0..20).filter(|&seed| {
        let drive = real(seed);
        drive.make_stale(&Place::SegmentMiddle).expect("an old version");
        kept_or_refused(&drive, 40, 3000).is_err()
    });
    assert!(refused.count() > 10, "blanks where batches were; some of them in the padding");
    let mut mended = 0;
    for seed in 0..20 {
        let drive = real(seed);
        drive.make_stale(&Place::In(Files::State)).expect("an old version");
        mended += u32::from(kept_or_refused(&drive, 40, 3000).is_ok());
    }
    assert_eq!(mended, 20, "each generation has a twin");
}

/// D16.
#[test]
fn a_new_disk_is_empty_and_nobody_is_taken_in() {
    let (drive, log) = naive(1, 3);
    drive.replace();
    assert!(log.disk.list().is_err());
    let afresh = NaiveLog::create(drive.mount(), CAREFUL);
    assert_eq!(NaiveLog::recover(&afresh.disk, CAREFUL), Ok(vec![]), "three were acknowledged");

    let drive = real(1);
    drive.replace();
    assert_eq!(open(&drive).err(), Some(OpenError::NotFormatted));
    assert_eq!(drive.struck().of(Class::Replaced), 1);
}

/// D17.
#[test]
fn an_old_image_forgets_and_its_starts_are_counted_anew() {
    let drive = formatted(1, LOSING);
    let mut wal = opened(&drive);
    fill(&mut wal, 5, 3000);
    let image = drive.snapshot_image(0);
    fill(&mut wal, 5, 3000);
    drive.kill(0);
    let (_, before) = open(&drive).expect("opened");
    assert_eq!(before.recovered.last.index.0, 10);
    drive.restore_image(&image);
    let (_, after) = open(&drive).expect("opened");
    assert_eq!(after.recovered.last.index.0, 5);
    assert_eq!((before.boot_epoch, after.boot_epoch), (2, 2), "a peer has seen this number");
    assert_eq!(drive.struck().of(Class::Restored), 1);
}
