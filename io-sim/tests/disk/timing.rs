//! Nothing is durable before its time.

use quorate_core::wal::{self, Disk};
use quorate_io_sim::disk::{Class, DiskOptions, Drive, Fates, Span};

use crate::naive::{CAREFUL, NaiveLog, records};
use crate::support::{fill, formatted, kept_or_refused, opened};

const STEADY: DiskOptions = DiskOptions {
    read_ns: 0,
    write_ns: 10,
    kib_ns: 1,
    sync_ns: Span { min: 1000, max: 1000 },
    fates: Fates::ALL_LOST,
    ..DiskOptions::INSTANT
};

/// A log that exists, at some time.
fn naive() -> (Drive, NaiveLog<quorate_io_sim::disk::SimDisk>, u64) {
    let drive = Drive::new(1, STEADY);
    let log = NaiveLog::create(drive.mount(), CAREFUL);
    let now = drive.end();
    drive.begin(now);
    (drive, log, now)
}

#[test]
fn work_takes_as_long_as_its_operations() {
    let (drive, mut log, now) = naive();
    log.append().expect("acknowledged");
    assert_eq!(drive.end() - now, 10 + 4 + 1000);
    drive.tune(|options| options.slowness_percent = 1000);
    log.append().expect("acknowledged");
    assert_eq!(drive.end() - now, 11 * (10 + 4 + 1000));
    drive.tune(|options| (options.spikes_per_million, options.spike_ns) = (1_000_000, 5000));
    log.append().expect("acknowledged");
    assert_eq!(drive.end() - now, 21 * (10 + 4 + 1000) + 50_000);
    assert_eq!(drive.struck().of(Class::Spike), 1);
}

/// D14.
#[test]
fn a_disk_that_hangs_answers_afterwards() {
    let (drive, mut log, now) = naive();
    drive.stall(now + 1_000_000);
    log.append().expect("acknowledged");
    assert_eq!(drive.end(), now + 1_000_000 + 1014);
    assert!(drive.struck().of(Class::Stall) > 0);
    drive.lose_power(now + 1_000_500);
    assert_eq!(NaiveLog::recover(&drive.mount(), CAREFUL), Ok(vec![]), "it was not there yet");
}

#[test]
fn an_engine_that_answers_at_the_beginning_of_a_sync_loses_what_it_acknowledged() {
    for (early, left) in [(1, 0), (0, 1)] {
        let (drive, mut log, _) = naive();
        log.append().expect("acknowledged");
        drive.lose_power(drive.end() - early);
        assert_eq!(NaiveLog::recover(&drive.mount(), CAREFUL), Ok(records(left)));
    }
}

/// The second of two records exists only after the sync of the first.
#[test]
fn what_was_asked_for_after_the_moment_of_a_crash_never_happened() {
    for is_killed in [false, true] {
        for moment in 0..2 * 1014 {
            let (drive, mut log, now) = naive();
            drive.tune(|options| options.fates = Fates::ALL_KEPT);
            log.append().expect("acknowledged");
            log.append().expect("acknowledged");
            if is_killed {
                drive.kill(now + moment);
            } else {
                drive.lose_power(now + moment);
            }
            let found = NaiveLog::recover(&drive.mount(), CAREFUL).expect("read");
            let asked = if moment < 1014 { 1 } else { 2 };
            assert_eq!(found, records(asked), "after {moment} ns");
            assert_eq!(drive.struck().of(Class::Undone), u64::from(moment < 1014));
        }
    }
}

#[test]
fn a_sync_that_a_killed_process_asked_for_goes_on() {
    let (drive, mut log, now) = naive();
    log.append().expect("asked for");
    drive.kill(now + 500);
    drive.begin(now + 2000);
    drive.lose_power(now + 2000);
    assert_eq!(NaiveLog::recover(&drive.mount(), CAREFUL), Ok(records(1)));
}

/// The write comes 14 ns before the sync; the process is gone in between.
#[test]
fn a_sync_that_a_killed_process_did_not_come_to_never_happened() {
    let (drive, mut log, now) = naive();
    log.append().expect("asked for");
    drive.kill(now + 13);
    assert_eq!(drive.end(), now + 13, "nothing is under way");
    drive.lose_power(now + 5000);
    assert_eq!(NaiveLog::recover(&drive.mount(), CAREFUL), Ok(vec![]));
}

#[test]
fn a_name_is_durable_when_the_sync_of_the_directory_ends() {
    for (early, names) in [(1, 0), (0, 1)] {
        let drive = Drive::new(1, STEADY);
        let disk = drive.mount();
        disk.create("a").and_then(|_| disk.sync_dir()).expect("created");
        drive.lose_power(drive.end() - early);
        assert_eq!(drive.mount().list().expect("a list").len(), names);
    }
}

#[test]
fn a_look_shows_what_is_durable_by_then_and_leaves_no_trace() {
    let (drive, mut log, now) = naive();
    log.append().expect("acknowledged");
    let end = drive.end();
    let early = NaiveLog::recover(&drive.durable_view(end - 1), CAREFUL);
    assert_eq!(early, Ok(vec![]));
    assert!(end > now && drive.snapshot_image(end - 1).files().all(|(_, bytes)| bytes.is_empty()));
    let operations = drive.operations();
    assert_eq!(NaiveLog::recover(&drive.durable_view(end), CAREFUL), Ok(records(1)));
    assert_eq!(NaiveLog::recover(&drive.snapshot_image(end).to_disk(), CAREFUL), Ok(records(1)));
    assert_eq!(drive.operations(), operations);
    assert!(drive.durable_view(end).create("b").is_err());
}

#[test]
fn the_real_log_can_be_judged_by_a_look() {
    let drive = formatted(1, STEADY);
    let mut wal = opened(&drive);
    let mut now = drive.end();
    for count in 1..=40 {
        drive.begin(now);
        fill(&mut wal, 1, 3000);
        now = drive.end();
        let seen = wal::verify(&drive.durable_view(now)).expect("a log that can be opened");
        assert_eq!(seen.records, count);
    }
    assert_eq!(drive.pending_bytes(), 0, "what is durable is folded");
    drive.lose_power(now);
    assert!(kept_or_refused(&drive, 40, 3000).is_ok());
}
