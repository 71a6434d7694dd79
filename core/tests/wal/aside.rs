//! What becomes of the files of a log that was set aside, half or whole.

use quorate_core::wal::{self, Disk, Finding, MemDisk, heal};

use crate::support::{entries, five, forty, newest_segment, open, opened, refused, segments};

/// All that a directory's log holds, sound or not.
fn look(disk: &MemDisk) -> Vec<String> {
    let mut all = Vec::new();
    wal::inspect(disk, |finding| match finding {
        Finding::Ident(_) | Finding::Slot { .. } => {}
        finding => all.push(format!("{finding:?}")),
    })
    .expect("inspected");
    all
}

/// A crash may leave some segments under their names. Those that can be opened are the beginning of
/// the log that was: whatever was set aside first, or is lost in the disk's cache, leaves no gap.
#[test]
fn what_is_left_of_a_log_by_a_crash_is_its_beginning_and_has_no_say() {
    let whole = entries(&mut opened(&forty()).0).expect("readable");
    let mut lengths = Vec::new();
    for seed in 0..20 {
        for operations in 0.. {
            let disk = forty();
            // Where the first batch of the newest segment but one begins.
            let damaged = &segments(&disk)[2];
            disk.corrupt(damaged, |bytes| bytes[8200] ^= 1);
            let why = refused(&disk);
            disk.stop_after(operations);
            let is_done = heal(&disk, why).is_ok();
            disk.revive();
            disk.lose_power(seed);
            if let Ok((mut wal, opened)) = open(&disk) {
                assert!(opened.recovered.hard_state.is_forgetful);
                let left = entries(&mut wal).expect("readable");
                assert!(whole.starts_with(&left), "seed {seed}, after {operations}: {left:?}");
                lengths.push(left.len());
            }
            if is_done {
                break;
            }
        }
    }
    lengths.sort_unstable();
    lengths.dedup();
    assert_eq!(lengths.first(), Some(&0), "in the end");
    assert!(lengths.len() > 2, "a crash in between leaves more: {lengths:?}");
}

/// Under their old names, and with no others, the files say what they said before.
#[test]
fn what_was_set_aside_can_still_be_looked_at() {
    let disk = five();
    disk.corrupt(&newest_segment(&disk), |bytes| bytes[9000] ^= 1);
    let before = look(&disk);
    heal(&disk, refused(&disk)).expect("healed");
    drop(opened(&disk));
    assert_ne!(look(&disk), before);

    segments(&disk).iter().for_each(|name| disk.lose(name));
    let names = disk.list().expect("a list");
    for name in names.iter().filter(|name| name.ends_with(".damaged")) {
        let (old, _boot) = name
            .strip_suffix(".damaged")
            .and_then(|it| it.rsplit_once('.'))
            .expect("it has a start's number");
        disk.rename(name, old).expect("renamed");
    }
    assert_eq!(look(&disk), before);
}
