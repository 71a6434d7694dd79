//! The largest, the smallest, the most: and what a start is told.

use std::cell::Cell;
use std::rc::Rc;

use quorate_core::wal::{Disk, DiskError, MemDisk, SpareStep, Wal, WalError, WalOptions};
use quorate_core::{Index, LogId};

use crate::support::{
    OPTIONS, append, append_in_term, entries, fill, five, formatted, forty, id, node, opened,
};

/// FAULTS W25.
#[test]
fn the_longest_command_fits_and_one_byte_more_is_refused_without_harm() {
    for align_bytes in [512, 4096] {
        let disk = formatted();
        let options = WalOptions { align_bytes, ..OPTIONS };
        let (mut wal, _) = Wal::open(&disk, options, 1).expect("formatted");
        let limit = options.entry_bytes_max() as usize;
        wal.write(&[append_in_term(1, LogId::ZERO, 1, &[b"short"])]).expect("written");
        let too_long = append_in_term(2, LogId::ZERO, 2, &[&vec![1; limit + 1]]);
        let error = wal.write(&[too_long]).expect_err("too long");
        assert!(matches!(error, WalError::TooLarge { .. }), "{error}");
        // With a truncation in the same batch.
        let longest = append_in_term(2, LogId::ZERO, 2, &[&vec![2; limit]]);
        wal.write(&[longest]).expect("fits");
        wal.write(&[append(3, id(2, 1), 2, &[&vec![3; limit]])]).expect("fits");
        let written = entries(&mut wal).expect("readable");
        drop(wal);
        let (mut wal, after) = opened(&disk);
        assert_eq!(after.recovered.last, id(2, 2));
        assert_eq!(entries(&mut wal).expect("readable"), written);
    }
}

/// A write that is longer than a segment is split between entries.
#[test]
fn a_write_longer_than_a_segment_spans_several() {
    let disk = formatted();
    let (mut wal, _) = opened(&disk);
    let bodies: Vec<Vec<u8>> = (0..50).map(|at| vec![at; 5000]).collect();
    let bodies: Vec<&[u8]> = bodies.iter().map(Vec::as_slice).collect();
    wal.write(&[append_in_term(1, LogId::ZERO, 1, &bodies)]).expect("written");
    assert!(wal.segments() > 4);
    let written = entries(&mut wal).expect("readable");
    drop(wal);
    let (mut wal, _) = opened(&disk);
    assert_eq!(entries(&mut wal).expect("readable"), written);
}

/// A disk that counts the files that are open, and the bytes that are written.
struct Counting<'d> {
    disk: &'d MemDisk,
    open: Rc<()>,
    most: Cell<usize>,
    written: Cell<u64>,
}

struct Counted {
    file: <MemDisk as Disk>::File,
    _open: Rc<()>,
}

impl<'d> Counting<'d> {
    fn new(disk: &'d MemDisk) -> Self {
        Self { disk, open: Rc::new(()), most: Cell::new(0), written: Cell::new(0) }
    }

    fn counted(&self, file: <MemDisk as Disk>::File) -> Counted {
        let counted = Counted { file, _open: Rc::clone(&self.open) };
        self.most.set(self.most.get().max(Rc::strong_count(&self.open) - 1));
        counted
    }
}

impl Disk for Counting<'_> {
    type File = Counted;

    fn list(&self) -> Result<Vec<String>, DiskError> {
        self.disk.list()
    }
    fn create(&self, name: &str) -> Result<Counted, DiskError> {
        self.disk.create(name).map(|file| self.counted(file))
    }
    fn open(&self, name: &str) -> Result<Counted, DiskError> {
        self.disk.open(name).map(|file| self.counted(file))
    }
    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.disk.rename(from, to)
    }
    fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.disk.remove(name)
    }
    fn sync_dir(&self) -> Result<(), DiskError> {
        self.disk.sync_dir()
    }
    fn length(&self, file: &Counted) -> Result<u64, DiskError> {
        self.disk.length(&file.file)
    }
    fn set_length(&self, file: &Counted, bytes: u64) -> Result<(), DiskError> {
        self.disk.set_length(&file.file, bytes)
    }
    fn read_at(&self, file: &Counted, offset: u64, into: &mut [u8]) -> Result<(), DiskError> {
        self.disk.read_at(&file.file, offset, into)
    }
    fn write_at(&self, file: &Counted, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.written.set(self.written.get() + bytes.len() as u64);
        self.disk.write_at(&file.file, offset, bytes)
    }
    fn sync(&self, file: &Counted) -> Result<(), DiskError> {
        self.disk.sync(&file.file)
    }
}

/// FAULTS W26: one entry fills a segment; the number of open files stays small.
#[test]
fn many_segments_need_few_files() {
    let disk = formatted();
    let options = WalOptions { segment_bytes: 32 << 10, ..OPTIONS };
    let counting = Counting::new(&disk);
    let (mut wal, _) = Wal::open(&counting, options, 1).expect("formatted");
    let body = vec![9; options.entry_bytes_max() as usize];
    for ticket in 1..=60 {
        wal.write(&[append_in_term(ticket, wal.last(), 1, &[&body])]).expect("written");
        while wal.prepare_spare().expect("space") == SpareStep::Working {}
    }
    for index in 1..=60 {
        assert_eq!(wal.read(Index(index), 1).expect("readable").len(), 1);
    }
    assert!(wal.segments() >= 60);
    drop(wal);
    Wal::open(&counting, options, 2).expect("opened again");
    assert!(counting.most.get() <= 5, "{} files", counting.most.get());
}

/// Whoever prepares the next segment when it is due finds it ready when this one is full, even if
/// there was no idle moment.
#[test]
fn a_spare_that_is_prepared_when_due_is_never_waited_for() {
    let disk = formatted();
    let counting = Counting::new(&disk);
    let options = WalOptions { segment_bytes: 32 << 20, ..WalOptions::DEFAULT };
    let (mut wal, _) = Wal::open(&counting, options, 1).expect("formatted");
    let body = vec![9; 1 << 20];
    for ticket in 1..=80 {
        counting.written.set(0);
        wal.write(&[append_in_term(ticket, wal.last(), 1, &[&body])]).expect("written");
        assert!(counting.written.get() < 2 << 20, "write {ticket} filled a segment with zeros");
        if wal.is_spare_due() {
            wal.prepare_spare().expect("space");
        }
    }
    assert!(wal.segments() >= 3);
}

/// A start waits until its segment is filled with zeros. What does not fit in there finds room.
#[test]
fn the_first_segment_of_a_run_is_short_and_the_next_ones_grow() {
    let disk = formatted();
    let counting = Counting::new(&disk);
    let (mut wal, _) = Wal::open(&counting, WalOptions::DEFAULT, 1).expect("formatted");
    assert!(counting.written.get() < 5 << 20, "{} bytes", counting.written.get());
    let long = vec![9; 15 << 20];
    wal.write(&[append_in_term(1, wal.last(), 1, &[&long])]).expect("room");
    assert_eq!(wal.segments(), 3, "of 4, 8 and 16 MiB, two of them empty");
    let last = wal.last();
    drop(wal);
    let (_, opened) = Wal::open(&counting, WalOptions::DEFAULT, 2).expect("opened again");
    assert_eq!(opened.recovered.last, last);
}

/// FAULTS W26: a million tiny entries.
#[test]
fn a_million_tiny_entries_rotate_and_come_back() {
    const ENTRIES: u64 = if cfg!(debug_assertions) { 50_000 } else { 1_000_000 };
    let disk = formatted();
    let options = WalOptions { segment_bytes: 1 << 20, tail_bytes_max: 1000, ..OPTIONS };
    let (mut wal, _) = Wal::open(&disk, options, 1).expect("formatted");
    let bodies = [&b"tiny"[..]; 1000];
    for ticket in 1..=ENTRIES / 1000 {
        wal.write(&[append_in_term(ticket, wal.last(), 1, &bodies)]).expect("written");
    }
    assert!(wal.segments() > 2);
    drop(wal);
    let (_, after) = Wal::open(&disk, options, 2).expect("opened");
    assert_eq!(after.recovered.last, id(1, ENTRIES));
    assert_eq!(after.report.records, ENTRIES);
    assert_eq!(after.recovered.tail.len(), 1000 / 36);
}

/// What others keep in the same directory stays.
#[test]
fn files_of_others_are_left_alone() {
    let disk = five();
    for name in ["LOCK", "00042.snap", "00042.snap.tmp", "seg-0.qrw.bak"] {
        disk.put(name, b"not ours");
    }
    disk.put("spare.tmp", b"ours");
    drop(opened(&disk));
    let names = disk.list().expect("names");
    assert_eq!(
        names.iter().filter(|name| disk.contents(name).as_deref() == Some(b"not ours")).count(),
        4
    );
    assert!(!names.iter().any(|name| name == "spare.tmp"));
}

/// Recovery hands the core what it needs, and a commit index that needs no leader.
#[test]
fn a_start_knows_what_was_committed() {
    let disk = formatted();
    let (mut wal, _) = opened(&disk);
    fill(&mut wal, 3, 10);
    wal.note_commit(Index(2));
    fill(&mut wal, 1, 10);
    drop(wal);
    let (_, after) = opened(&disk);
    assert_eq!(after.commit, Index(2));
    assert_eq!(after.boot_epoch, 2);
    assert_eq!(after.recovered.term_starts, [id(1, 1)]);
    assert_eq!(after.recovered.tail.len(), 4);
    assert_eq!(after.recovered.hard_state.vote, Some(node(1)));
}

/// Reads are bounded, start anywhere, and say what they cannot give.
#[test]
fn reads_are_bounded_and_never_empty() {
    let disk = forty();
    let (mut wal, _) = opened(&disk);
    for first in 1..=40 {
        let run = wal.read(Index(first), 10_000).expect("readable");
        let expected = (40 - first + 1).min(3);
        assert_eq!((run.first_index(), run.len() as u64), (Some(Index(first)), expected));
        assert_eq!(wal.read(Index(first), 0).expect("readable").len(), 1);
    }
    for index in [0, 41, u64::MAX] {
        let error = wal.read(Index(index), 1).expect_err("not there");
        let (first, last) = (Index(1), Index(40));
        assert_eq!(error, WalError::NotInLog { index: Index(index), first, last });
    }
}
