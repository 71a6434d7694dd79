//! What disks and people do to a log that is at rest, one by one.

use quorate_core::wal::{
    self, Disk, Fate, FormatError, Identity, MemDisk, OpenError, Row, Unsupported, Wal, WalError,
    WalOptions,
};
use quorate_core::{Incarnation, Index, LogId, SnapshotChange, crc32c};

use crate::support::{
    OPTIONS, append, append_in_term, batches, entries, fill, five, formatted, forty, genesis,
    hard_state, id, identity, newest_segment, of_snapshot, open, opened, refused, row, segments,
    snapshot_at,
};

fn reseal(block: &mut [u8]) {
    let checksum = crc32c(&block[12..4096]);
    block[8..12].copy_from_slice(&checksum.to_le_bytes());
}

/// FAULTS W09: commands of zeros do not make rot look like a write that never came to its end.
#[test]
fn zeros_in_a_command_are_told_from_sectors_that_were_never_written() {
    let disk = formatted();
    let mut command = vec![0; 4000];
    command[3999] = 1;
    let (mut wal, _) = opened(&disk);
    wal.write(&[append_in_term(1, LogId::ZERO, 1, &[&command])]).expect("written");
    let batch = batches(&disk).pop().expect("a batch");
    disk.corrupt(&batch.file, |bytes| bytes[batch.info.offset as usize + 4119] ^= 1);
    assert_eq!(row(&disk), Row::WrongRecords);
}

/// FAULTS W09: a command that holds an exact copy of an earlier batch, at a place where batches
/// start, changes nothing.
#[test]
fn a_command_that_looks_like_a_batch_is_a_command() {
    let disk = formatted();
    let options = WalOptions { align_bytes: 512, ..OPTIONS };
    let (mut wal, _) = Wal::open(&disk, options, 1).expect("formatted");
    wal.write(&[append_in_term(1, LogId::ZERO, 1, &[b"genuine"])]).expect("written");
    let copy = disk.contents(&newest_segment(&disk)).expect("there")[8192..8704].to_vec();
    let mut command = vec![7; 512 - 80 - 40];
    command.extend_from_slice(&copy);
    command.extend_from_slice(&copy);
    disk.stop_after(1);
    wal.write(&[append(2, id(1, 1), 1, &[&command])]).expect_err("killed before the sync");
    disk.revive();
    for lost in 0..3 {
        let crashed = disk.clone();
        crashed.crash(|what| match what {
            wal::Unsynced::Sector { sector, .. } if sector == 17 + lost => Fate::Lost,
            _ => Fate::Kept,
        });
        let (mut wal, opened) = opened(&crashed);
        assert_eq!(entries(&mut wal).expect("readable").len(), 1, "sector {lost} lost");
        assert!(opened.report.cut.is_some());
    }
}

/// FAULTS W20.
#[test]
fn a_log_that_starts_behind_the_snapshot_is_refused() {
    let disk = forty();
    let (file, first) = (segments(&disk)[0].clone(), segments(&disk)[1].clone());
    disk.lose(&file);
    match refused(&disk) {
        OpenError::Gap { snapshot, first: found } => {
            assert_eq!(snapshot, LogId::ZERO);
            assert!(first.ends_with(&format!("{:020}.qrw", found.0)), "{first} {found:?}");
        }
        error => panic!("{error}"),
    }
}

/// FAULTS W20: the same, with a snapshot.
#[test]
fn a_snapshot_that_is_put_back_does_not_hide_a_gap() {
    let disk = forty();
    let (mut wal, _) = opened(&disk);
    let snapshot = snapshot_at(id(1, 20));
    let covers = SnapshotChange::Covers(snapshot.clone());
    wal.write(&[of_snapshot(1000, covers)]).expect("recorded");
    assert_eq!(wal.purge(Index(u64::MAX)).expect("purged"), 1);
    drop(wal);
    let (_, after) = opened(&disk);
    assert_eq!(after.recovered.snapshot, snapshot);
    disk.lose(&segments(&disk)[0]);
    assert!(matches!(refused(&disk), OpenError::Gap { .. }));
}

/// FAULTS W21, D11: an old copy of a segment was put back.
#[test]
fn an_old_copy_of_a_segment_is_noticed() {
    let disk = formatted();
    let (mut wal, _) = opened(&disk);
    fill(&mut wal, 3, 1000);
    let file = newest_segment(&disk);
    let old = disk.contents(&file).expect("there");
    fill(&mut wal, 3, 1000);
    wal.idle().expect("marked");
    wal.close().expect("closed");
    // The newest one: the state promises more.
    let newest = disk.clone();
    newest.put(&file, &old);
    assert_eq!(row(&newest), Row::Promised);
    // One that has a successor, which says where it ends.
    drop(opened(&disk));
    disk.put(&file, &old);
    assert_eq!(row(&disk), Row::Promised);
}

/// FAULTS W21: two segments of the same number.
#[test]
fn two_segments_of_one_number_are_refused() {
    let disk = forty();
    let file = &segments(&disk)[1];
    let twin = format!("{}{:020}.qrw", &file[..21], 7);
    disk.put(&twin, &disk.contents(file).expect("there"));
    assert_eq!(row(&disk), Row::Misplaced);
}

/// FAULTS D11: a segment that somebody renamed.
#[test]
fn a_segment_under_a_wrong_name_is_refused() {
    let disk = five();
    let file = newest_segment(&disk);
    let bytes = disk.contents(&file).expect("there");
    disk.lose(&file);
    for name in [file.replace("01-", "02-"), file.replace("1.qrw", "2.qrw")] {
        let renamed = disk.clone();
        renamed.put(&name, &bytes);
        assert_eq!(row(&renamed), Row::Misplaced, "{name}");
    }
}

/// FAULTS W21: another history of the same node, forked from a copy of its directory.
#[test]
fn a_segment_of_another_history_is_refused() {
    let disk = five();
    let fork = disk.clone();
    for (disk, body) in [(&disk, b"one"), (&fork, b"two")] {
        let (mut wal, _) = Wal::open(disk, OPTIONS, u64::from(body[0])).expect("opened");
        wal.write(&[append(1, id(1, 5), 1, &[body])]).expect("written");
        drop(wal);
        drop(opened(disk));
    }
    let file = segments(&disk)[1].clone();
    assert_eq!(file, segments(&fork)[1]);
    disk.put(&file, &fork.contents(&file).expect("there"));
    assert_eq!(row(&disk), Row::Misplaced);
}

/// FAULTS W21, D20: a batch that is sound in itself, and follows another one than the one before it.
#[test]
fn a_batch_of_another_history_of_the_same_segment_is_refused() {
    let history = |first: &[u8]| {
        let disk = formatted();
        let (mut wal, _) = Wal::open(&disk, OPTIONS, 1).expect("formatted");
        wal.write(&[append_in_term(1, LogId::ZERO, 1, &[first])]).expect("written");
        wal.write(&[append(2, id(1, 1), 1, &[b"the same"])]).expect("written");
        drop(wal);
        disk
    };
    let (disk, other) = (history(b"one"), history(b"two"));
    let second = batches(&disk)[1].clone();
    let at = second.info.offset as usize..second.info.offset as usize + 4096;
    let stray = other.contents(&second.file).expect("there")[at.clone()].to_vec();
    disk.corrupt(&second.file, |bytes| bytes[at].copy_from_slice(&stray));
    assert_eq!(row(&disk), Row::Misplaced);
}

/// FAULTS W29.
#[test]
fn every_byte_that_is_missing_after_a_clean_end_is_damage() {
    let disk = formatted();
    let (mut wal, _) = opened(&disk);
    fill(&mut wal, 3, 1000);
    wal.close().expect("closed");
    assert!(opened(&disk.clone()).1.report.closed);
    for batch in batches(&disk) {
        let damaged = disk.clone();
        damaged.corrupt(&batch.file, |bytes| bytes[batch.info.offset as usize..].fill(0));
        assert_eq!(row(&damaged), Row::Promised, "from batch {}", batch.info.lsn);
    }
}

/// FAULTS D06, D08: in the middle of the log, noticed at the next start and when it is read.
#[test]
fn damage_in_the_middle_is_named_and_never_handed_out() {
    for flip in [true, false] {
        let disk = forty();
        let (mut wal, _) = opened(&disk);
        let batch = batches(&disk)[4].clone();
        let at = batch.info.offset as usize + 1000;
        disk.corrupt(
            &batch.file,
            |bytes| {
                if flip { bytes[at] ^= 4 } else { bytes[at..at + 512].fill(0) }
            },
        );
        let first = batch.info.last.index;
        match wal.read(first, 10_000) {
            Err(WalError::Damaged(damage)) => {
                assert_eq!((damage.file, damage.offset), (batch.file.clone(), batch.info.offset));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(wal.read(first.next(), 1).expect("the rest is fine").len(), 1);
        fill(&mut wal, 1, 10);
        drop(wal);
        match refused(&disk) {
            OpenError::Damaged(damage) => {
                assert_eq!(damage.row, Row::Promised);
                assert_eq!((damage.file, damage.offset), (batch.file, batch.info.offset));
                assert_eq!(damage.after.index, first.prev());
                assert_eq!(damage.up_to, Some(batch.info.last));
            }
            error => panic!("{error}"),
        }
    }
}

/// FAULTS D07: in the last batch, before and after something promises it.
#[test]
fn damage_at_the_end_is_never_taken_for_a_torn_write() {
    for marked in [false, true] {
        let disk = formatted();
        let (mut wal, _) = opened(&disk);
        fill(&mut wal, 3, 1000);
        let batch = batches(&disk).pop().expect("a batch");
        if marked {
            wal.idle().expect("marked");
            wal.idle().expect("nothing to do");
            assert_eq!(wal.counters().batches, 4);
        }
        drop(wal);
        for at in 0..batch.info.used_bytes {
            let damaged = disk.clone();
            let at = (batch.info.offset + at) as usize;
            damaged.corrupt(&batch.file, |bytes| bytes[at] ^= 1);
            let row = row(&damaged);
            let expected = [Row::WrongRecords, Row::WrongHeader];
            assert!(row == Row::Promised || (!marked && expected.contains(&row)), "{row:?}");
        }
    }
}

/// FAULTS D11: a file is lost, cut, or another node's.
#[test]
fn a_file_that_is_lost_cut_or_foreign_is_refused() {
    let names = segments(&forty());
    for (at, name) in names.iter().enumerate() {
        let disk = forty();
        disk.lose(name);
        match refused(&disk) {
            OpenError::Gap { .. } => assert_eq!(at, 0),
            OpenError::Damaged(damage) => assert_eq!(damage.row, Row::SegmentMissing),
            error => panic!("{error}"),
        }
        for bytes in [0, 100, 8192, 12_000] {
            let disk = forty();
            disk.corrupt(name, |content| content.truncate(bytes));
            assert!(matches!(refused(&disk), OpenError::Damaged(_)), "{name} cut to {bytes}");
        }
    }

    let stranger = Identity { incarnation: Incarnation(0xBAD), ..identity() };
    let other = MemDisk::new();
    wal::format(&other, &stranger, 0, &genesis()).expect("formatted");
    fill(&mut opened(&other).0, 40, 3000);
    for name in ["IDENT", "state.qrs", &names[0], &names[1], names.last().expect("some")] {
        let disk = forty();
        disk.put(name, &other.contents(name).expect("there"));
        assert!(matches!(refused(&disk), OpenError::Foreign { .. }), "{name}");
    }
    let disk = forty();
    disk.lose("IDENT");
    assert!(matches!(refused(&disk), OpenError::IdentLost { .. }));
    let again = wal::format(&disk, &identity(), 0, &genesis());
    assert!(matches!(again, Err(FormatError::InUse { .. })), "data are not formatted away");
    let again = wal::format(&forty(), &identity(), 0, &genesis());
    assert_eq!(again, Err(FormatError::AlreadyFormatted));
}

/// FAULTS D16: every subset of the four slots, once the log names the newest generation.
#[test]
fn the_hard_state_survives_one_bad_copy_and_is_never_an_old_one() {
    let disk = five();
    let state = disk.contents("state.qrs").expect("there");
    let generation = |slot: usize| state[slot * 4096 + 64];
    let newest = (0..4).map(generation).max().expect("four");
    for subset in 0..1_u32 << 4 {
        let damaged = disk.clone();
        let bad = |slot: usize| subset >> slot & 1 == 1;
        damaged.corrupt("state.qrs", |bytes| {
            (0..4).filter(|&slot| bad(slot)).for_each(|slot| bytes[slot * 4096 + 80] ^= 0xFF);
        });
        let left = (0..4).filter(|&slot| !bad(slot)).map(generation).max();
        match (open(&damaged), left) {
            (Ok((_, after)), Some(left)) if left == newest => {
                assert_eq!(after.recovered.hard_state, hard_state(1, 1));
                assert_eq!(after.report.bad_copies, subset.count_ones());
            }
            (Err(OpenError::HardStateOld { found, seen }), Some(left)) if left < newest => {
                assert_eq!((found, seen), (u64::from(left), u64::from(newest)));
            }
            (Err(OpenError::HardStateLost), None) => {}
            (other, _) => panic!("{subset:04b}: {:?}", other.map(|_| ())),
        }
    }
    disk.lose("state.qrs");
    assert_eq!(refused(&disk), OpenError::HardStateLost);
}

/// FAULTS D19: a slot that the disk wrote to the place of another.
#[test]
fn a_misdirected_slot_does_not_count() {
    let disk = five();
    let state = disk.contents("state.qrs").expect("there");
    let newest = (0..4).max_by_key(|slot| state[slot * 4096 + 64]).expect("four");
    let wrong = (newest + 1) % 4;
    disk.corrupt("state.qrs", |bytes| {
        bytes.copy_within(newest * 4096..(newest + 1) * 4096, wrong * 4096);
    });
    assert_eq!(wal::verify(&disk).expect("in order").bad_copies, 1);
}

/// FAULTS D17: an old copy of the hard state was put back.
#[test]
fn a_hard_state_older_than_the_log_is_refused() {
    let disk = formatted();
    let (mut wal, _) = opened(&disk);
    let old = disk.contents("state.qrs").expect("there");
    wal.write(&[append_in_term(1, LogId::ZERO, 1, &[b"one"])]).expect("written");
    disk.put("state.qrs", &old);
    assert!(matches!(refused(&disk), OpenError::HardStateOld { found: 2, seen: 3 }));
}

/// FAULTS D17: a vote without an entry is pinned as soon as the log is idle.
#[test]
fn a_forgotten_vote_is_noticed_after_a_mark() {
    let disk = formatted();
    let (mut wal, _) = opened(&disk);
    let old = disk.contents("state.qrs").expect("there");
    let vote = quorate_core::Write { append: None, ..append_in_term(1, LogId::ZERO, 4, &[]) };
    wal.write(&[vote]).expect("written");
    wal.idle().expect("marked");
    disk.put("state.qrs", &old);
    assert!(matches!(refused(&disk), OpenError::HardStateOld { .. }));
}

/// FAULTS D19: the disk writes a batch to a wrong place.
#[test]
fn a_misdirected_batch_is_noticed() {
    // The last one, to a place behind its own.
    let disk = five();
    let batch = batches(&disk).pop().expect("a batch");
    let at = batch.info.offset as usize;
    disk.corrupt(&batch.file, |bytes| {
        bytes.copy_within(at..at + 4096, at + 8192);
        bytes[at..at + 4096].fill(0);
    });
    assert_eq!(row(&disk), Row::Misplaced);
    // One over another; and over the place of the next one.
    for to in [at, at + 4096] {
        let disk = five();
        disk.corrupt(&batch.file, |bytes| bytes.copy_within(at - 8192..at - 4096, to));
        assert_eq!(row(&disk), Row::Misplaced);
    }
    // Of another segment.
    let disk = forty();
    let (last, first) = (batches(&disk).pop().expect("a batch"), batches(&disk)[0].clone());
    let stray = disk.contents(&first.file).expect("there")[8192..12_288].to_vec();
    let at = last.info.offset as usize;
    disk.corrupt(&last.file, |bytes| bytes[at..at + 4096].copy_from_slice(&stray));
    assert_eq!(row(&disk), Row::WrongHeader, "the salt differs");
}

/// FAULTS D30, D32: newer versions, unknown flags, foreign keys: refused, not reported as rot, and
/// nothing is touched.
#[test]
fn what_this_version_does_not_know_is_refused_untouched() {
    let disk = five();
    let segment = newest_segment(&disk);
    let version = Unsupported::Version { format: 2, min_reader: 2 };
    let cases: [(&str, usize, &[u8], Option<Unsupported>); 8] = [
        ("IDENT", 12, &[2, 0, 2, 0], Some(version)),
        ("state.qrs", 12, &[2, 0, 2, 0], Some(version)),
        (&segment, 12, &[2, 0, 2, 0], Some(version)),
        ("IDENT", 16, &[2], Some(Unsupported::Flags(2))),
        ("state.qrs", 16, &[4], Some(Unsupported::Flags(4))),
        (&segment, 68, &[9], Some(Unsupported::Encrypted(9))),
        (&segment, 64, &[3], Some(Unsupported::Group(3))),
        // A newer writer that older readers understand.
        (&segment, 12, &[2, 0, 1, 0], None),
    ];
    for (name, at, bytes, expected) in cases {
        let changed = disk.clone();
        changed.corrupt(name, |content| {
            for block in content.chunks_exact_mut(4096).take(4) {
                if block[..2] == *b"QR" && block[..4] != *b"QRBF" {
                    block[at..at + bytes.len()].copy_from_slice(bytes);
                    reseal(block);
                }
            }
        });
        let before = contents(&changed);
        match (open(&changed), expected) {
            (Err(OpenError::Unsupported { file, what }), Some(expected)) => {
                assert_eq!((file.as_str(), what), (name, expected));
                assert_eq!(contents(&changed), before, "{name}: untouched");
            }
            (Ok(_), None) => {}
            (other, _) => panic!("{name} at {at}: {:?}", other.map(|_| ())),
        }
    }
}

fn contents(disk: &MemDisk) -> Vec<(String, Vec<u8>)> {
    let names = disk.list().expect("names");
    names.into_iter().map(|name| (name.clone(), disk.contents(&name).expect("there"))).collect()
}

/// No refusal changes anything.
#[test]
fn a_refusal_leaves_every_byte_as_it_is() {
    let disk = forty();
    let batch = batches(&disk)[4].clone();
    disk.corrupt(&batch.file, |bytes| bytes[batch.info.offset as usize + 100] ^= 1);
    disk.put("spare.tmp", b"left over");
    disk.put("somebody else's", b"data");
    let before = contents(&disk);
    refused(&disk);
    assert!(wal::verify(&disk).is_err());
    assert_eq!(contents(&disk), before);
}

/// One bad copy of anything that has two is no reason to stop.
#[test]
fn one_bad_copy_of_a_header_is_survived_and_reported() {
    let disk = forty();
    for name in segments(&disk) {
        disk.corrupt(&name, |bytes| bytes[100] ^= 1);
    }
    disk.corrupt("IDENT", |bytes| bytes[64] ^= 1);
    assert_eq!(wal::verify(&disk).expect("in order").bad_copies, 4);
    let (mut wal, _) = opened(&disk);
    assert_eq!(entries(&mut wal).expect("readable").len(), 40);

    let name = newest_segment(&disk);
    disk.corrupt(&name, |bytes| {
        bytes[100] ^= 1;
        bytes[4196] ^= 1;
    });
    assert_eq!(row(&disk), Row::WrongHeader);
}
