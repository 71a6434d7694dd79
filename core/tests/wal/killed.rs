//! Killed at every single operation of the disk, and what the machine makes of it afterwards.

use quorate_core::wal::{self, Disk, Fate, IdentError, MemDisk, OpenError, Unsynced, Wal};
use quorate_core::{Entry, HardState, LogId, SnapshotChange, Write};

use crate::support::{
    OPTIONS, append, append_in_term, batches, entries, formatted, genesis, hard_state, id,
    identity, newest_segment, of_snapshot, open, opened, segments, snapshot_at,
};

/// Runs `step` on copies of a disk, killed after no operation, after one, and so on until it gets
/// through; after each, `check` sees the disk as each of several crashes leaves it. The flag says
/// whether the step came to its end.
fn killed_everywhere(
    disk: &MemDisk,
    step: impl Fn(&MemDisk) -> Result<(), String>,
    check: impl Fn(&MemDisk, Done, &str),
) {
    for operations in 0.. {
        let killed = disk.clone();
        killed.stop_after(operations);
        let done = if step(&killed).is_ok() { Done::Wholly } else { Done::Partly };
        killed.revive();
        for crash in 0..8_u64 {
            let after = killed.clone();
            match crash {
                0 => {}
                1 => after.crash(|_| Fate::Lost),
                2 => after.crash(|_| Fate::Kept),
                // Names and contents need not survive together.
                3 => after.crash(|what| match what {
                    Unsynced::Name(_) => Fate::Kept,
                    _ => Fate::Lost,
                }),
                4 => after.crash(|what| match what {
                    Unsynced::Name(_) => Fate::Lost,
                    _ => Fate::Kept,
                }),
                seed => after.lose_power(seed),
            }
            check(&after, done, &format!("after {operations} operations, crash {crash}"));
        }
        if done == Done::Wholly {
            return;
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Done {
    Wholly,
    Partly,
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Opens, or fails with the place.
fn recovered(disk: &MemDisk, place: &str) -> (HardState, Vec<Entry>) {
    let (mut wal, opened) = open(disk).unwrap_or_else(|error| panic!("{place}: {error}"));
    let log = entries(&mut wal).unwrap_or_else(|error| panic!("{place}: {error}"));
    assert_eq!(opened.recovered.last, log.last().map_or(LogId::ZERO, |entry| entry.id), "{place}");
    (opened.recovered.hard_state, log)
}

fn bodies(count: u8) -> Vec<Vec<u8>> {
    (1..=count).map(|at| vec![at; 3000]).collect()
}

fn write_of(ticket: u64, prev: LogId, term: u64, bodies: &[Vec<u8>]) -> Write {
    let bodies: Vec<&[u8]> = bodies.iter().map(Vec::as_slice).collect();
    append_in_term(ticket, prev, term, &bodies)
}

/// A disk with one acknowledged write of four entries of term 1.
fn with_a_log() -> (MemDisk, Vec<Entry>) {
    let disk = formatted();
    let (mut wal, _) = opened(&disk);
    wal.write(&[write_of(1, LogId::ZERO, 1, &bodies(4))]).expect("written");
    let log = entries(&mut wal).expect("readable");
    drop(wal);
    (disk, log)
}

/// FAULTS W12.
#[test]
fn a_directory_is_formatted_or_can_be_formatted_again() {
    let format = |disk: &MemDisk| wal::format(disk, &identity(), 77, &genesis()).map_err(text);
    killed_everywhere(&MemDisk::new(), format, |disk, done, place| {
        match wal::read_ident(disk) {
            Ok(ident) => {
                assert_eq!((ident.identity, ident.created), (identity(), 77), "{place}");
                assert_eq!(ident.genesis, genesis(), "{place}");
            }
            Err(IdentError::NotFormatted) => {
                assert_eq!(done, Done::Partly, "{place}");
                assert_eq!(open(disk).err(), Some(OpenError::NotFormatted), "{place}");
                format(disk).unwrap_or_else(|error| panic!("{place}: {error}"));
            }
            Err(error) => panic!("{place}: {error}"),
        }
        let (_, opened) = opened(disk);
        let genesis = quorate_core::Recovered::genesis(genesis());
        assert_eq!(opened.recovered, genesis, "{place}");
    });
}

/// FAULTS W10, W13: the first start, and any other, ten times in a row.
#[test]
fn a_start_that_is_killed_changes_nothing() {
    for (disk, log) in [(formatted(), Vec::new()), with_a_log()] {
        let start = |disk: &MemDisk| open(disk).map(|_| ()).map_err(text);
        killed_everywhere(&disk, start, |disk, _, place| {
            assert_eq!(recovered(disk, place).1, log, "{place}");
            // Again, from what this start has left.
            for operations in 0..10 {
                disk.stop_after(4 * operations);
                let _: Result<(), String> = start(disk);
                disk.lose_power(operations);
            }
            assert_eq!(recovered(disk, place).1, log, "{place}, ten times");
            assert!(segments(disk).len() < 15, "{place}: {:?}", segments(disk));
        });
    }
}

/// FAULTS W13: the space that starts take is bounded, however often they fail.
#[test]
fn starts_that_fail_again_and_again_do_not_fill_the_disk() {
    let (disk, _) = with_a_log();
    for seed in 0..200 {
        disk.stop_after(seed % 40);
        let _: Result<(), String> = open(&disk).map(|_| ()).map_err(text);
        disk.revive();
    }
    let bytes = |name: &String| disk.contents(name).map_or(0, |bytes| bytes.len());
    let total: usize = disk.list().expect("names").iter().map(bytes).sum();
    let started = segments(&disk).len() * 8192;
    assert!(total < started + 4 * OPTIONS.segment_bytes as usize, "{total} bytes");
}

/// FAULTS W01, W15: a vote, a truncation and entries in one write.
#[test]
fn a_write_is_there_whole_or_not_at_all() {
    let (disk, log) = with_a_log();
    let old = (hard_state(1, 1), log.clone());
    let write = write_of(1, id(1, 2), 2, &bodies(3));
    let mut new = (hard_state(2, 1), log[..2].to_vec());
    new.1.extend_from_slice(&write.append.as_ref().expect("entries").entries);
    // The hard state is durable first.
    let between = (new.0, old.1.clone());

    let (disk, write) = (&disk, &write);
    let step = |disk: &MemDisk| {
        let (mut wal, _) = open(disk).map_err(text)?;
        wal.write(std::slice::from_ref(write)).map(|_| ()).map_err(text)
    };
    killed_everywhere(disk, step, |disk, done, place| {
        let found = recovered(disk, place);
        match done {
            Done::Wholly => assert_eq!(found, new, "{place}"),
            Done::Partly => {
                assert!([&old, &between, &new].contains(&&found), "{place}");
            }
        }
    });
}

/// FAULTS W14: cutting the log off, without entries.
#[test]
fn a_truncation_is_there_or_not() {
    let (disk, log) = with_a_log();
    let write = append_in_term(1, id(1, 1), 2, &[]);
    let step = |disk: &MemDisk| {
        let (mut wal, _) = open(disk).map_err(text)?;
        wal.write(std::slice::from_ref(&write)).map(|_| ()).map_err(text)
    };
    killed_everywhere(&disk, step, |disk, done, place| {
        let (_, found) = recovered(disk, place);
        let cut = found == log[..1];
        assert!(cut || (done == Done::Partly && found == log), "{place}");
    });
}

/// FAULTS W10, W11, W19: the segment is full, with and without a spare at hand.
#[test]
fn a_rotation_that_is_killed_leaves_no_gap() {
    let (disk, log) = with_a_log();
    for spares in 0..2 {
        let step = |disk: &MemDisk| -> Result<(), String> {
            let (mut wal, _) = open(disk).map_err(text)?;
            for _ in 0..spares {
                wal.prepare_spare().map_err(text)?;
            }
            for ticket in 1..=5 {
                let last = wal.last();
                wal.write(&[write_of(ticket, last, 1, &bodies(4))]).map_err(text)?;
            }
            assert_eq!(wal.segments(), 3, "it came to a rotation");
            Ok(())
        };
        killed_everywhere(&disk, step, |disk, done, place| {
            let (_, found) = recovered(disk, place);
            assert!(found.starts_with(&log), "{place}");
            assert_eq!(found.len() % 4, 0, "{place}: writes are whole");
            assert!(done == Done::Partly || found.len() == 24, "{place}");
        });
    }
}

/// FAULTS W16: a snapshot, and the segments before it.
#[test]
fn a_purge_that_is_killed_loses_nothing_behind_the_snapshot() {
    let disk = formatted();
    let (mut wal, _) = opened(&disk);
    for ticket in 1..=12 {
        let last = wal.last();
        wal.write(&[write_of(ticket, last, 1, &bodies(4))]).expect("written");
    }
    let log = entries(&mut wal).expect("readable");
    assert_eq!((wal.segments(), log.len()), (3, 48));
    drop(wal);
    let snapshot = snapshot_at(id(1, 40));

    let step = |disk: &MemDisk| {
        let (mut wal, _) = open(disk).map_err(text)?;
        let covers = SnapshotChange::Covers(snapshot.clone());
        wal.write(&[of_snapshot(1, covers)]).map_err(text)?;
        assert_eq!(wal.purge(id(1, 40).index).map_err(text)?, 2);
        Ok(())
    };
    killed_everywhere(&disk, step, |disk, done, place| {
        let (mut wal, opened) = open(disk).unwrap_or_else(|error| panic!("{place}: {error}"));
        let found = entries(&mut wal).expect("readable");
        assert!(log.ends_with(&found) && found.len() >= 8, "{place}: {}", found.len());
        let taken = opened.recovered.snapshot == snapshot;
        assert!(taken || (done == Done::Partly && found.len() == 48), "{place}");
    });
}

/// Thesis 5.3: a snapshot from the leader takes the place of the log.
#[test]
fn an_installed_snapshot_replaces_the_log_or_does_not() {
    let (disk, log) = with_a_log();
    let snapshot = snapshot_at(id(3, 90));
    let step = |disk: &MemDisk| {
        let (mut wal, _) = open(disk).map_err(text)?;
        let voted = Write {
            hard_state: Some(hard_state(3, 0)),
            append: None,
            ..append(1, id(1, 1), 1, &[])
        };
        let replaces = Some(Box::new(SnapshotChange::Replaces(snapshot.clone())));
        let install = Write { snapshot: replaces, ..append(2, id(3, 90), 3, &[b"behind it"]) };
        wal.write(&[voted, install]).map(|_| ()).map_err(text)
    };
    killed_everywhere(&disk, step, |disk, done, place| {
        let (mut wal, opened) = open(disk).unwrap_or_else(|error| panic!("{place}: {error}"));
        let found = entries(&mut wal).expect("readable");
        if opened.recovered.snapshot == snapshot {
            let ids: Vec<_> = found.iter().map(|entry| entry.id).collect();
            assert!(ids.is_empty() || ids == [id(3, 91)], "{place}: {ids:?}");
            assert!(done == Done::Partly || !ids.is_empty(), "{place}");
        } else {
            assert_eq!((done, found), (Done::Partly, log.clone()), "{place}");
        }
    });
}

/// FAULTS W02, W23: what a killed process left unsynced, and a start has seen, stays.
#[test]
fn what_a_start_has_seen_survives_the_next_power_loss() {
    let disk = formatted();
    let (mut wal, _) = opened(&disk);
    wal.write(&[append_in_term(1, LogId::ZERO, 1, &[b"acknowledged"])]).expect("written");
    // The batch is written, the sync is not reached.
    disk.stop_after(1);
    wal.write(&[append(2, id(1, 1), 1, &[b"in the page cache"])]).expect_err("killed");
    disk.revive();
    let (_, seen) = recovered(&disk, "after the kill");
    assert_eq!(seen.len(), 2);
    disk.crash(|_| Fate::Lost);
    assert_eq!(recovered(&disk, "after the power loss").1, seen);
}

/// FAULTS W03, W06, W07, W08: every subset of the sectors of a batch that was under way.
#[test]
fn a_batch_with_any_sector_missing_is_torn_and_a_whole_one_is_there() {
    let disk = formatted();
    let options = wal::WalOptions { align_bytes: 512, ..OPTIONS };
    let (mut wal, _) = Wal::open(&disk, options, 1).expect("formatted");
    wal.write(&[append_in_term(1, LogId::ZERO, 1, &[b"acknowledged"])]).expect("written");
    // Seven sectors: the first holds the header, the last one ends in padding.
    disk.stop_after(1);
    wal.write(&[append(2, id(1, 1), 1, &[&[7; 3300]])]).expect_err("killed");
    disk.revive();
    let torn = batches(&disk).pop().expect("a batch");
    assert_eq!((torn.info.lsn, torn.info.used_bytes.div_ceil(512)), (2, 7));

    for subset in 0..1_u64 << 7 {
        let crashed = disk.clone();
        crashed.crash(|what| match what {
            Unsynced::Sector { sector, .. } => {
                let bit = sector - torn.info.offset / 512;
                if subset >> bit & 1 == 1 { Fate::Kept } else { Fate::Lost }
            }
            _ => Fate::Kept,
        });
        let (mut wal, opened) = opened(&crashed);
        let whole = subset == (1 << 7) - 1;
        assert_eq!(entries(&mut wal).expect("readable").len(), if whole { 2 } else { 1 });
        let cut = opened.report.cut;
        assert_eq!(cut.is_some(), !whole && subset != 0, "{subset:b}: {cut:?}");
        assert!(cut.is_none_or(|cut| cut.lsn == 2 && cut.file == torn.file));
    }
}

/// FAULTS W04: the disk wrote a later batch of a group and not an earlier one.
#[test]
fn a_later_batch_without_an_earlier_one_is_cut_off() {
    let disk = formatted();
    let (mut wal, _) = opened(&disk);
    wal.write(&[append_in_term(1, LogId::ZERO, 1, &[b"acknowledged"])]).expect("written");
    // Two writes, too long for one batch.
    let (first, second) = (vec![1; 12_000], vec![2; 12_000]);
    let group = [append(2, id(1, 1), 1, &[&first]), append(3, id(1, 2), 1, &[&second])];
    disk.stop_after(2);
    wal.write(&group).expect_err("killed before the sync");
    disk.revive();
    let found = batches(&disk);
    let lost = found[found.len() - 2].info;
    disk.crash(|what| match what {
        Unsynced::Sector { sector, .. }
            if (lost.offset..lost.offset + 12_288).contains(&(sector * 512)) =>
        {
            Fate::Lost
        }
        _ => Fate::Kept,
    });
    let (mut wal, opened) = opened(&disk);
    assert_eq!(entries(&mut wal).expect("readable").len(), 1);
    assert_eq!(opened.report.cut.map(|cut| (cut.lsn, cut.later)), Some((2, 1)));
    assert_eq!(newest_segment(&disk), segments(&disk)[1]);
}
