//! Holes in the log are filled with what others have, and it is what it was before.

use quorate_core::wal::{self, Damage, Hole, MemDisk, MendError, Mending, NotMissing, OpenError};
use quorate_core::{
    Append, Entries, Entry, EntryRange, Index, LogId, MembershipRecord, Payload, SnapshotChange,
    System, Ticket, Write,
};

use crate::support::{
    Chance, append, append_in_term, batches, command, entries, fill, formatted, forty, genesis,
    hard_state, id, of_snapshot, open, opened, refused, segments, snapshot_at,
};

fn hole(disk: &MemDisk) -> Option<Hole> {
    match refused(disk) {
        OpenError::Damaged(Damage { hole, .. }) => hole.map(|hole| *hole),
        _ => None,
    }
}

/// What another server with this log answers.
fn answer(log: &[Entry], range: EntryRange) -> Entries {
    assert!(has(log, range));
    let is_wanted =
        |entry: &&Entry| entry.id.index > range.after.index && entry.id.index <= range.last;
    Entries::new(log.iter().filter(is_wanted).cloned()).expect("a run")
}

/// Does a log that begins with the first entry have the entries around these?
fn has(log: &[Entry], range: EntryRange) -> bool {
    let has = |id| id == LogId::ZERO || log.iter().any(|entry| entry.id == id);
    has(range.after) && has(range.anchor)
}

/// Fills all holes, one after the other, with what this log has. False if something cannot be filled.
fn mend_all(disk: &MemDisk, log: &[Entry]) -> bool {
    for holes in 0.. {
        if open(disk).is_ok() {
            break;
        }
        assert!(holes < 20, "what is filled is damaged again");
        let Some(hole) = hole(disk) else { return false };
        assert_eq!(*hole.members(), genesis());
        let mut mending = Mending::of(hole);
        // The log may have been cut back in the hole, or later to before its end.
        if !has(log, mending.wanted()) {
            return false;
        }
        // A few at a time.
        while !mending.take(&answer(log, mending.wanted()).take(3)).expect("what is missing") {}
        mending.write(disk).expect("written");
    }
    true
}

fn log_of(disk: &MemDisk) -> Vec<Entry> {
    entries(&mut opened(&disk.clone()).0).expect("readable")
}

/// FAULTS D06, D07: a bit flips in any batch, those that say a snapshot or nothing at all included.
#[test]
fn a_batch_that_rots_is_as_it_was_but_for_what_it_said_beside_entries() {
    let sound = forty();
    let log = log_of(&sound);
    let (mut mended, mut lost) = (0, Vec::new());
    for batch in batches(&sound) {
        for at in [0, 30, 80, 90, batch.info.used_bytes - 1] {
            let disk = sound.clone();
            let at = usize::try_from(batch.info.offset + at).expect("a place");
            disk.corrupt(&batch.file, |bytes| bytes[at] ^= 4);
            if open(&disk.clone()).is_ok() {
                continue; // Padding, or a mark at the end.
            }
            if !mend_all(&disk, &log) {
                lost.push((batch.info.lsn, at as u64));
                continue;
            }
            assert_eq!(log_of(&disk), log, "{batch:?}");
            mended += 1;
        }
    }
    assert!(mended > 150, "{mended}");
    // What the last batch was, its header alone says.
    let last = batches(&sound).pop().expect("a batch");
    let header = [0, 30].map(|at| (last.info.lsn, last.info.offset + at));
    assert_eq!(lost, header);
}

/// A log of small batches: no-ops, a membership, entries that were replaced, terms, a snapshot.
fn colourful() -> (MemDisk, Vec<Entry>) {
    let disk = formatted();
    {
        let (mut wal, _) = opened(&disk);
        fill(&mut wal, 6, 30);
        let record = System::Membership(MembershipRecord::of(&genesis()));
        let more = [
            Entry { id: id(2, 5), payload: Payload::NOOP },
            Entry { id: id(2, 6), payload: Payload::System(record) },
            command(id(2, 7), b"seven"),
        ];
        let (prev, entries) = (id(1, 4), Entries::new(more).expect("a run"));
        wal.write(&[Write {
            ticket: Ticket(7),
            snapshot: None,
            hard_state: Some(hard_state(2, 1)),
            append: Some(Append { prev, entries }),
        }])
        .expect("written");
        wal.write(&[append(8, id(2, 7), 2, &[b"eight", &[0; 3000], b"ten"])]).expect("written");
        wal.note_commit(Index(9));
        wal.write(&[of_snapshot(9, SnapshotChange::Covers(snapshot_at(id(1, 3))))])
            .expect("written");
        for ticket in 10..14 {
            wal.write(&[append(ticket, wal.last(), 2, &[b"small"])]).expect("written");
        }
    }
    let log = log_of(&disk);
    assert_eq!(log.len(), 14);
    (disk, log)
}

/// FAULTS D08, D12: sectors read as zeros or as noise, many of them at once.
#[test]
fn a_stretch_of_sectors_is_filled_whatever_it_held() {
    let (sound, log) = colourful();
    let mut chance = Chance::new(7);
    let file = segments(&sound).remove(0);
    let end = batches(&sound).iter().filter(|it| it.file == file).map(|it| it.info.offset).max();
    // Not the last batch: a tail of zeros was never written.
    let sectors = end.expect("batches") / 512 - 16 - 6;
    let (mut filled, mut refused) = (0, 0);
    for _ in 0..400 {
        let disk = sound.clone();
        for _ in 0..=chance.below(2) {
            let (start, count) = (16 + chance.below(sectors), 1 + chance.below(5));
            let noise = if chance.one_in(2) { 0 } else { 0xA5 };
            disk.corrupt(&file, |bytes| {
                let (start, stop) = (start as usize * 512, (start + count) as usize * 512);
                bytes[start..stop].fill(noise);
            });
        }
        if open(&disk.clone()).is_ok() {
            continue;
        }
        match mend_all(&disk, &log) {
            true => {
                assert_eq!(log_of(&disk), log);
                filled += 1;
            }
            false => refused += 1,
        }
    }
    assert!(filled > 100, "{filled} filled, {refused} not");
}

/// What is not there as a whole is damage, as before, and can be filled all over again.
#[test]
fn a_crash_while_a_hole_is_filled_leaves_a_hole() {
    let sound = forty();
    let log = log_of(&sound);
    let batch = batches(&sound).swap_remove(7);
    let mut interrupted = 0;
    for seed in 0..20 {
        for operations in 0..3 {
            let disk = sound.clone();
            let at = batch.info.offset as usize;
            disk.corrupt(&batch.file, |bytes| bytes[at..at + 3000].fill(0x11));
            let mut mending = Mending::of(hole(&disk).expect("a hole"));
            assert_eq!(mending.take(&answer(&log, mending.wanted())), Ok(true));
            disk.stop_after(operations);
            let done = mending.write(&disk);
            assert!(matches!(done, Err(MendError::Disk(_))), "{done:?}");
            disk.revive();
            disk.lose_power(seed);
            interrupted += u64::from(open(&disk.clone()).is_err());
            assert!(mend_all(&disk, &log));
            assert_eq!(log_of(&disk), log);
        }
    }
    assert!(interrupted > 30, "{interrupted}");
}

/// The log goes on after it was mended, also into the next segment, and stays readable.
#[test]
fn a_mended_log_is_written_to_and_opened_as_any_other() {
    let disk = forty();
    let log = log_of(&disk);
    let last = batches(&disk).pop().expect("a batch");
    for batch in [batches(&disk).swap_remove(20), last] {
        let at = batch.info.offset as usize + 90;
        disk.corrupt(&batch.file, |bytes| bytes[at] ^= 1);
    }
    assert!(mend_all(&disk, &log));
    fill(&mut opened(&disk).0, 20, 3000);
    assert_eq!(log_of(&disk)[..log.len()], log);
    assert_eq!(log_of(&disk).len(), log.len() + 20);
    wal::verify(&disk).expect("in order");
}

/// FAULTS D12: two in a row. What came next is known by the header of a record alone.
#[test]
fn a_batch_whose_successor_is_damaged_too_is_mended_first() {
    let disk = forty();
    let log = log_of(&disk);
    let neighbours = batches(&disk).into_iter().skip(7).take(2);
    for batch in neighbours {
        disk.corrupt(&batch.file, |bytes| bytes[batch.info.offset as usize + 200] ^= 1);
    }
    let unknown = disk.clone();
    assert!(mend_all(&disk, &log));
    assert_eq!(log_of(&disk), log);

    let second = batches(&unknown).swap_remove(8);
    unknown.corrupt(&second.file, |bytes| bytes[second.info.offset as usize + 100] ^= 1);
    assert_eq!(hole(&unknown), None, "what came next is not known");
}

/// Damage at the end: the header says what there was, or nothing does.
#[test]
fn a_tail_is_filled_only_if_its_header_tells_what_it_was() {
    let sound = formatted();
    fill(&mut opened(&sound).0, 5, 1000);
    let log = log_of(&sound);
    let batch = batches(&sound).pop().expect("a batch");
    let damaged = |at: u64| {
        let disk = sound.clone();
        let at = usize::try_from(batch.info.offset + at).expect("a place");
        disk.corrupt(&batch.file, |bytes| bytes[at] ^= 1);
        disk
    };
    let body = damaged(200);
    assert!(mend_all(&body, &log));
    assert_eq!(log_of(&body), log);
    assert_eq!(hole(&damaged(20)), None, "what was there is not known");
}

/// What was replaced in it can only be found out entry by entry.
#[test]
fn a_hole_in_which_the_log_was_cut_back_is_none() {
    let disk = formatted();
    {
        let (mut wal, _) = opened(&disk);
        fill(&mut wal, 6, 30);
        wal.write(&[append_in_term(7, id(1, 3), 2, &[b"four"])]).expect("written");
        wal.write(&[append(8, id(2, 4), 2, &[b"five"])]).expect("written");
    }
    let batch = batches(&disk).swap_remove(6);
    assert_eq!(batch.info.last, id(2, 4));
    disk.corrupt(&batch.file, |bytes| bytes[batch.info.offset as usize] ^= 1);
    assert_eq!(hole(&disk), None);
}

#[test]
fn only_what_is_missing_is_taken() {
    let disk = formatted();
    {
        let (mut wal, _) = opened(&disk);
        fill(&mut wal, 2, 30);
        wal.write(&[append(3, id(1, 2), 1, &[b"3", b"4", b"5"])]).expect("written");
        wal.write(&[append_in_term(4, id(1, 5), 2, &[b"6"])]).expect("written");
    }
    let log = log_of(&disk);
    let batch = batches(&disk).swap_remove(2);
    disk.corrupt(&batch.file, |bytes| bytes[batch.info.offset as usize] ^= 1);
    let mut mending = Mending::of(hole(&disk).expect("a hole"));
    let range = EntryRange { after: id(1, 2), last: Index(5), anchor: id(2, 6) };
    assert_eq!(mending.wanted(), range);
    let run = |ids: &[LogId]| Entries::new(ids.iter().map(|&id| command(id, b"x"))).expect("a run");
    for wrong in
        [&[][..], &[id(1, 2)], &[id(1, 4)], &[id(1, 3), id(3, 4)], &[id(0, 3)], &[id(2, 6)]]
    {
        assert_eq!(mending.take(&run(wrong)), Err(NotMissing), "{wrong:?}");
    }
    assert_eq!(mending.wanted(), range, "nothing was taken");
    assert_eq!(mending.take(&answer(&log, range).take(1)), Ok(false));
    assert_eq!(mending.wanted(), EntryRange { after: id(1, 3), ..range });
    let and_more = Entries::new(log[3..].to_vec()).expect("a run");
    assert_eq!(mending.take(&and_more), Ok(true), "what is beyond is not taken");

    let mut longer = Mending::of(hole(&disk).expect("a hole"));
    let body = vec![7; 5000];
    let long = Entries::new((3..6).map(|index| command(id(1, index), &body))).expect("a run");
    assert_eq!(longer.take(&long), Ok(true));
    let before = disk.contents(&batch.file);
    assert_eq!(longer.write(&disk), Err(MendError::TooLong));
    assert_eq!(disk.contents(&batch.file), before);
    mending.write(&disk).expect("written");
    assert_eq!(log_of(&disk), log);
}

/// The last entry of a hole is known by its name if the header of its batch survived.
#[test]
fn an_anchor_within_the_hole_must_be_met() {
    let disk = formatted();
    {
        let (mut wal, _) = opened(&disk);
        fill(&mut wal, 2, 30);
        wal.write(&[append_in_term(3, id(1, 2), 3, &[&[7; 1000]])]).expect("written");
    }
    let batch = batches(&disk).pop().expect("a batch");
    disk.corrupt(&batch.file, |bytes| bytes[batch.info.offset as usize + 200] ^= 1);
    let mut mending = Mending::of(hole(&disk).expect("a hole"));
    assert_eq!(mending.wanted().anchor, id(3, 3));
    let other = Entries::new([command(id(2, 3), b"")]).expect("a run");
    assert_eq!(mending.take(&other), Err(NotMissing));
}
