//! Processes come and go; a disk belongs to one of them.

use quorate_core::wal::Disk;
use quorate_io_sim::disk::{Class, DeathMode, DiskOptions, Drive, Fates};

use crate::naive::{CAREFUL, NaiveLog, records};
use crate::support::{fill, formatted, kept_or_refused, open, opened, write};

const LOSING: DiskOptions = DiskOptions { fates: Fates::ALL_LOST, ..DiskOptions::INSTANT };

/// I14, I15.
#[test]
fn calls_of_a_process_that_is_gone_change_nothing_and_are_counted() {
    let ends: [fn(&Drive); 4] = [
        |drive| drive.kill(0),
        |drive| drive.lose_power(0),
        |drive| drop(drive.mount()),
        |drive| drive.replace(),
    ];
    for end in ends {
        let drive = Drive::new(1, LOSING);
        let mut log = NaiveLog::create(drive.mount(), CAREFUL);
        log.append().expect("acknowledged");
        assert_eq!(drive.late_calls(), 0);
        end(&drive);
        let before = drive.digest();
        let disk = log.disk.clone();
        assert!(log.append().is_err() && disk.sync(&log.file).is_err());
        assert!(disk.create("b").is_err() && disk.rename("log", "b").is_err());
        assert!(disk.remove("log").is_err() && disk.list().is_err() && disk.sync_dir().is_err());
        assert!(disk.set_length(&log.file, 0).is_err() && disk.length(&log.file).is_err());
        assert_eq!(drive.late_calls(), 9);
        assert_ne!(drive.digest(), before, "the calls are counted");
        assert!(drive.mount().list().is_ok(), "the next one has the disk for itself");
    }
}

/// P1, P3: at every operation of some work.
#[test]
fn a_process_can_die_at_every_operation() {
    for mode in [DeathMode::Kill, DeathMode::PowerLoss] {
        let mut deaths = 0;
        for at in 1.. {
            let drive = formatted(at, LOSING);
            let Ok((mut wal, _)) = open(&drive) else { panic!("opened") };
            drive.die_after(at, mode);
            let mut acked = 0;
            while acked < 20 && write(&mut wal, 3000).is_ok() {
                acked += 1;
            }
            drop(wal);
            let Some(death) = drive.death() else { break };
            assert_eq!(death.mode, mode);
            assert_eq!(drive.late_calls(), 0, "who dies in the middle does not know it");
            deaths += 1;
            assert!(kept_or_refused(&drive, acked, 3000).is_ok(), "{mode:?} at {at}");
            assert!(!drive.is_dead(), "a new life");
        }
        assert!(deaths > 40, "{deaths}");
    }
}

#[test]
fn the_last_operation_happens_or_happens_in_part_and_no_other() {
    let lengths: Vec<_> = (0..30)
        .map(|seed| {
            let drive = Drive::new(seed, LOSING);
            let mut log = NaiveLog::create(drive.mount(), CAREFUL);
            drive.die_after(1, DeathMode::Kill);
            log.append().expect_err("it dies");
            let disk = drive.mount();
            let file = disk.open("log").expect("there");
            disk.length(&file).expect("a length")
        })
        .collect();
    assert!(lengths.iter().any(|&length| length > 0 && length < 4096), "{lengths:?}");
    assert!(lengths.iter().all(|length| length.is_multiple_of(512)));

    // A sync that is the last operation is carried out, and nobody hears of it.
    let drive = Drive::new(1, LOSING);
    let mut log = NaiveLog::create(drive.mount(), CAREFUL);
    drive.die_after(2, DeathMode::PowerLoss);
    log.append().expect_err("it dies");
    assert_eq!(NaiveLog::recover(&drive.mount(), CAREFUL), Ok(records(1)));
    assert_eq!(drive.struck().of(Class::PowerLoss), 1);
}

#[test]
fn a_file_without_a_name_stays_while_it_is_open() {
    let drive = Drive::new(1, LOSING);
    let mut log = NaiveLog::create(drive.mount(), CAREFUL);
    log.append().expect("acknowledged");
    log.disk.remove("log").and_then(|()| log.disk.sync_dir()).expect("removed");
    let mut bytes = [0; 8];
    log.disk.read_at(&log.file, 0, &mut bytes).expect("still open");
    assert_eq!(bytes, 1u64.to_le_bytes());
    assert!(log.disk.open("log").is_err());
}

/// A handle can be used from another thread: production code is hosted by tasks.
#[test]
fn the_real_log_moves_between_threads() {
    let drive = formatted(1, LOSING);
    let mut wal = opened(&drive);
    let worker = std::thread::spawn(move || fill(&mut wal, 5, 3000));
    worker.join().expect("written");
    drive.lose_power(0);
    assert!(kept_or_refused(&drive, 5, 3000).is_ok());
}
