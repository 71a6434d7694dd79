//! What decays under a log is never taken for something else.

use quorate_core::wal::{OpenError, WalError};
use quorate_io_sim::disk::{Class, Decay, DiskOptions, Drive, Extent, Fates, Files, expendable};

use crate::naive::{CAREFUL, Found, Habits, NaiveLog, RECORD, records};
use crate::support::{entries, fill, formatted, kept_or_refused, open, opened, write};

const LOSING: DiskOptions = DiskOptions { fates: Fates::ALL_LOST, ..DiskOptions::INSTANT };

/// What is counted when this has happened.
fn class(decay: Decay) -> Class {
    match decay {
        Decay::FlippedBit | Decay::Noise | Decay::Zeros => Class::Rot,
        Decay::StaleSector => Class::StaleSector,
        Decay::LostWrite => Class::LostWrite,
        Decay::MisdirectedWrite => Class::MisdirectedWrite,
    }
}

/// A disk on which forty commands were acknowledged, in two lives and several segments.
fn grown(seed: u64) -> Drive {
    let drive = formatted(seed, LOSING);
    fill(&mut opened(&drive), 20, 3000);
    drive.lose_power(0);
    fill(&mut opened(&drive), 20, 3000);
    drive
}

/// In all files, as often as there is such a place, before and after the process ends.
#[test]
fn whatever_decays_the_log_has_everything_or_refuses() {
    let files = [Files::Segments, Files::State, Files::Ident];
    for (decay, files) in Decay::ALL.iter().flat_map(|&it| files.iter().map(move |of| (it, of))) {
        let (mut struck, mut refused) = (0, 0);
        for seed in 0..24 {
            let drive = grown(seed);
            if seed % 2 == 0 {
                drive.lose_power(0);
            }
            let Some(hit) = drive.decay(0, decay, files) else { continue };
            struck += 1;
            assert!(drive.struck().of(class(decay)) > 0, "{decay:?}: {hit:?}");
            drive.kill(0);
            match kept_or_refused(&drive, 40, 3000) {
                Ok(_) => {}
                Err(OpenError::Damaged(_)) => refused += 1,
                Err(why) => panic!("{decay:?} at {hit:?}: {why}"),
            }
        }
        println!("{decay:?} in {files:?}: {struck} of 24 struck, {refused} refused");
        match (decay, files) {
            (Decay::LostWrite, Files::State | Files::Ident) => assert_eq!(struck, 0),
            (Decay::StaleSector, Files::Ident) => assert_eq!(struck, 0, "it is written once"),
            (Decay::MisdirectedWrite, _) => assert!(refused > 20, "it is missing where it belongs"),
            (_, Files::Segments) => assert!(refused > 0, "nothing is noticed"),
            _ => assert!(struck > 0 && refused == 0, "there is another copy"),
        }
    }
}

/// However often: what is decayed does not make the log forget what else was promised.
#[test]
fn decay_upon_decay_is_no_other_case() {
    for seed in 0..60 {
        let drive = grown(seed);
        for at in 0..30 {
            let how = Decay::ALL[(seed as usize + at) % Decay::ALL.len()];
            drive.decay(0, how, &[Files::Any, Files::Segments, Files::State][at % 3]);
        }
        drive.lose_power(0);
        let found = kept_or_refused(&drive, 40, 3000).map(|_| ());
        let is_typed =
            matches!(&found, Ok(()) | Err(OpenError::Damaged(_) | OpenError::IdentLost { .. }));
        assert!(is_typed, "seed {seed}: {found:?}");
    }
}

/// Where the last batch stands of a log of five commands.
fn last_batch() -> Extent {
    let drive = formatted(1, LOSING);
    let mut wal = opened(&drive);
    fill(&mut wal, 5, 3000);
    let before = expendable(&drive.durable_view(0)).batches;
    wal.idle().expect("a mark");
    let mut after = expendable(&drive.durable_view(0)).batches;
    after.retain(|batch| !before.contains(batch));
    assert_eq!((before.len(), after.len()), (4, 1), "the mark promises the last batch");
    after.remove(0)
}

/// Why the last batch is left alone: nothing on the disk says that it was durable.
#[test]
fn nobody_misses_a_last_batch_that_nothing_promises() {
    let drive = formatted(1, LOSING);
    fill(&mut opened(&drive), 5, 3000);
    assert!(drive.lose_write(&[last_batch()]).is_some());
    drive.kill(0);
    let mut wal = opened(&drive);
    assert_eq!(entries(&mut wal).expect("readable").len(), 4, "five were acknowledged");

    let drive = formatted(1, LOSING);
    let mut wal = opened(&drive);
    fill(&mut wal, 5, 3000);
    wal.idle().expect("a mark");
    assert!(drive.lose_write(&[last_batch()]).is_some());
    drive.kill(0);
    assert!(matches!(open(&drive), Err(OpenError::Damaged(_))), "the mark promises it");
}

#[test]
fn rot_is_read_at_once_and_a_lost_write_by_the_next_process() {
    let grown = || {
        let drive = formatted(1, LOSING);
        let mut wal = opened(&drive);
        fill(&mut wal, 9, 3000);
        (drive, wal)
    };
    let segments = Files::Segments;
    let is_read = (0..20).any(|_| {
        let (drive, mut wal) = grown();
        (0..9).for_each(|_| drop(drive.decay(0, Decay::Zeros, &segments)));
        matches!(entries(&mut wal), Err(WalError::Damaged(_)))
    });
    assert!(is_read);
    let (drive, mut wal) = grown();
    assert!(drive.decay(0, Decay::LostWrite, &segments).is_some());
    assert_eq!(entries(&mut wal).expect("the page cache has them").len(), 9);
    assert!(write(&mut wal, 3000).is_ok());
    drive.kill(0);
    assert!(matches!(open(&drive), Err(OpenError::Damaged(_))));
}

/// The negative control.
#[test]
fn a_log_that_cuts_off_what_is_damaged_loses_what_it_acknowledged() {
    let extent = |at: usize| Extent { file: "log".to_owned(), start: at * RECORD, bytes: RECORD };
    let naive = || {
        let drive = Drive::new(1, DiskOptions::INSTANT);
        let mut log = NaiveLog::create(drive.mount(), CAREFUL);
        (0..5).for_each(|_| log.append().expect("acknowledged"));
        drive
    };
    let found = |drive: &Drive, habits| {
        drive.kill(0);
        NaiveLog::recover(&drive.mount(), habits).expect("read")
    };
    let drive = naive();
    assert!(drive.lose_write(&[extent(2)]).is_some());
    assert_eq!(found(&drive, CAREFUL), records(2), "five were acknowledged");
    assert_eq!(drive.struck().of(Class::LostWrite), 1);

    let drive = naive();
    assert!(drive.misdirect_write(&[extent(3)], &[extent(1)]).is_some());
    assert_eq!(found(&drive, CAREFUL), records(1));
    let careless = Habits { checksums: false, positions: false, ..CAREFUL };
    let four = Found::Record(4);
    let misled = [Found::Record(1), four, Found::Record(3), Found::Garbage, Found::Record(5)];
    assert_eq!(found(&drive, careless), misled);
    assert_eq!(drive.struck().of(Class::MisdirectedWrite), 1);
    assert!(drive.misdirect_write(&[extent(0)], &[extent(0)]).is_none(), "there is no other place");
    assert!(drive.lose_write(&[extent(7)]).is_none(), "nothing is there");
}
