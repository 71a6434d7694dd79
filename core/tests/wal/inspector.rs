//! The inspector names what lies on a disk, sound or not, and changes nothing.

use quorate_core::LogId;
use quorate_core::wal::{self, Block, Finding, IdentError, Look, MemDisk, Worth};

use crate::support::{append, append_in_term, batches, formatted, id, opened};

/// Everything below the level of files, in short.
fn story(disk: &MemDisk) -> Vec<String> {
    let mut story = Vec::new();
    wal::inspect(disk, |finding| match finding {
        Finding::Batch(batch) => story.push(format!("batch {} {:?}", batch.lsn, batch.worth)),
        Finding::Record(record) => {
            let (index, sound) = (record.id.index.0, if record.intact { "sound" } else { "bad" });
            story.push(format!("{index} {sound}"));
        }
        Finding::Region { look, .. } => story.push(format!("{look:?}")),
        Finding::Segment { .. } => story.push("segment".to_owned()),
        Finding::Ident(_) | Finding::Slot { .. } => {}
    })
    .expect("inspected");
    story
}

fn three_batches() -> MemDisk {
    let disk = formatted();
    let (mut wal, _) = opened(&disk);
    wal.write(&[append_in_term(1, LogId::ZERO, 1, &[b"one", b"two", b"three"])]).expect("written");
    wal.write(&[append(2, id(1, 3), 1, &[b"four"])]).expect("written");
    wal.write(&[append(3, id(1, 4), 1, &[b"five"])]).expect("written");
    drop(wal);
    disk
}

#[test]
fn a_sound_log_is_told_from_front_to_back() {
    let disk = three_batches();
    let before = disk.contents("IDENT");
    assert_eq!(
        story(&disk),
        [
            "segment",
            "batch 1 Good",
            "1 sound",
            "2 sound",
            "3 sound",
            "batch 2 Good",
            "4 sound",
            "batch 3 Good",
            "5 sound",
            "Blank"
        ]
    );
    assert_eq!(disk.contents("IDENT"), before);
    let mut good = 0;
    wal::inspect(&disk, |finding| {
        let is_good = match finding {
            Finding::Ident(ident) => ident.is_ok(),
            Finding::Slot { slot, .. } => matches!(slot, Block::Good(_)),
            Finding::Segment { header: Block::Good(header), bad_copies: 0, bytes, .. } => {
                header.seq == 1 && header.first_lsn == 1 && bytes == 64 << 10
            }
            _ => false,
        };
        good += u32::from(is_good);
    })
    .expect("inspected");
    assert_eq!(good, 6, "the identity, four slots and a segment");
}

#[test]
fn a_damaged_entry_is_named_among_sound_ones() {
    let disk = three_batches();
    let batch = batches(&disk)[0].clone();
    let second = batch.info.offset as usize + 80 + 48 + 40;
    disk.corrupt(&batch.file, |bytes| bytes[second] ^= 1);
    assert_eq!(
        story(&disk)[..6],
        ["segment", "batch 1 WrongRecords", "1 sound", "2 bad", "3 sound", "batch 2 Good"]
    );
}

#[test]
fn what_follows_a_hole_is_still_shown() {
    let disk = three_batches();
    let batch = batches(&disk)[1].clone();
    let at = batch.info.offset as usize;
    disk.corrupt(&batch.file, |bytes| bytes[at..at + 8].fill(0xEE));
    assert_eq!(story(&disk)[5..], ["Garbage", "batch 3 Detached", "5 sound", "Blank"]);
}

#[test]
fn a_tail_that_was_cut_off_is_void() {
    let disk = three_batches();
    let file = batches(&disk)[0].file.clone();
    let first = batches(&disk)[0].info;
    // The second batch never reached the disk, and nothing promises it.
    let (start, stop) = (first.offset as usize + 4096, first.offset as usize + 8192);
    disk.corrupt(&file, |bytes| {
        bytes[start..stop].fill(0);
        bytes[stop..].fill(0);
    });
    let whole = three_batches().contents(&file).expect("there");
    drop(opened(&disk));
    disk.put(&file, &whole);
    let salts_agree = story(&disk)[..2] == ["segment", "batch 1 Good"];
    assert!(salts_agree, "the same seed at the same operation");
    assert_eq!(
        story(&disk)[5..10],
        ["batch 2 Void", "4 sound", "batch 3 Void", "5 sound", "Blank"]
    );
}

#[test]
fn a_directory_that_was_never_formatted_is_no_error() {
    let disk = MemDisk::new();
    let mut findings = 0;
    wal::inspect(&disk, |finding| {
        assert!(matches!(finding, Finding::Ident(Err(IdentError::NotFormatted))));
        findings += 1;
    })
    .expect("inspected");
    assert_eq!(findings, 1);
}

#[test]
fn a_batch_that_was_never_written_whole_looks_so() {
    let disk = formatted();
    let (mut wal, _) = opened(&disk);
    wal.write(&[append_in_term(1, LogId::ZERO, 1, &[&[1; 3000]])]).expect("written");
    let batch = batches(&disk)[0].clone();
    let at = batch.info.offset as usize;
    disk.corrupt(&batch.file, |bytes| bytes[at + 1024..at + 1536].fill(0));
    assert_eq!(story(&disk)[1], format!("batch 1 {:?}", Worth::SectorsMissing));
    disk.corrupt(&batch.file, |bytes| bytes[at..at + 512].fill(0));
    assert_eq!(story(&disk)[1..], [format!("{:?}", Look::Garbage), format!("{:?}", Look::Blank)]);
}
