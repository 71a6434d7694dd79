//! Disks that fail, lie, or have no room.

use quorate_core::wal::{
    self, Disk, DiskError, DiskErrorKind, Fate, MemDisk, Row, SpareStep, Wal, WalError,
};
use quorate_core::{Index, LogId};

use crate::support::{
    OPTIONS, append, append_in_term, batches, entries, fill, five, formatted, forty, hard_state,
    id, newest_segment, opened, row,
};

/// A disk that says that it synced.
struct Lying<'d>(&'d MemDisk);

impl Disk for Lying<'_> {
    type File = <MemDisk as Disk>::File;

    fn list(&self) -> Result<Vec<String>, DiskError> {
        self.0.list()
    }
    fn create(&self, name: &str) -> Result<Self::File, DiskError> {
        self.0.create(name)
    }
    fn open(&self, name: &str) -> Result<Self::File, DiskError> {
        self.0.open(name)
    }
    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.0.rename(from, to)
    }
    fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.0.remove(name)
    }
    fn sync_dir(&self) -> Result<(), DiskError> {
        self.0.sync_dir()
    }
    fn length(&self, file: &Self::File) -> Result<u64, DiskError> {
        self.0.length(file)
    }
    fn set_length(&self, file: &Self::File, bytes: u64) -> Result<(), DiskError> {
        self.0.set_length(file, bytes)
    }
    fn read_at(&self, file: &Self::File, offset: u64, into: &mut [u8]) -> Result<(), DiskError> {
        self.0.read_at(file, offset, into)
    }
    fn write_at(&self, file: &Self::File, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        // Honest about headers and the state, so that the log can be opened at all.
        self.0.write_at(file, offset, bytes)?;
        if offset < 8192 { self.0.sync(file) } else { Ok(()) }
    }
    fn sync(&self, _: &Self::File) -> Result<(), DiskError> {
        Ok(())
    }
}

/// FAULTS W30: an acknowledgement before the sync would be caught, for this disk shows it.
#[test]
fn an_acknowledgement_without_a_sync_loses_entries() {
    let disk = formatted();
    drop(opened(&disk));
    let (mut wal, _) = Wal::open(Lying(&disk), OPTIONS, 1).expect("opened");
    for file in disk.list().expect("names") {
        disk.sync(&disk.open(&file).expect("there")).expect("synced");
    }
    wal.write(&[append_in_term(1, LogId::ZERO, 1, &[b"acknowledged"])]).expect("so it says");
    disk.crash(|_| Fate::Lost);
    let (mut wal, _) = opened(&disk);
    assert!(entries(&mut wal).expect("readable").is_empty());
}

/// FAULTS D01, D02: the next sync would succeed, and would have forgotten.
#[test]
fn a_failed_sync_is_the_end_and_never_tried_again() {
    let disk = five();
    let (mut wal, _) = opened(&disk);
    disk.fail_after(4, DiskErrorKind::Io);
    let error = wal.write(&[append_in_term(1, id(1, 5), 2, &[b"lost"])]).expect_err("sync failed");
    assert!(matches!(error, WalError::Disk(_)), "{error}");
    let operations = disk.operations();
    let write = append(2, id(2, 6), 2, &[b"later"]);
    assert!(matches!(wal.write(&[write]), Err(WalError::Poisoned { .. })));
    assert!(matches!(wal.idle(), Err(WalError::Poisoned { .. })));
    assert!(matches!(wal.prepare_spare(), Err(WalError::Poisoned { .. })));
    assert!(matches!(wal.read(Index(1), 1), Err(WalError::Poisoned { .. })));
    assert!(matches!(wal.purge(Index(1)), Err(WalError::Poisoned { .. })));
    assert!(matches!(wal.close(), Err(WalError::Poisoned { .. })));
    assert_eq!(disk.operations(), operations, "the disk is left alone");
    disk.crash(|_| Fate::Kept);
    let (mut wal, after) = opened(&disk);
    assert_eq!(entries(&mut wal).expect("readable").len(), 5);
    assert_eq!(after.recovered.hard_state, hard_state(2, 1));
}

/// FAULTS D03, D04, W28: every operation of a write fails once, in every way.
#[test]
fn after_any_error_of_a_write_the_acknowledged_log_is_there() {
    for kind in [DiskErrorKind::Full, DiskErrorKind::Io, DiskErrorKind::Denied] {
        for operation in 0.. {
            let disk = formatted();
            let (mut wal, _) = opened(&disk);
            fill(&mut wal, 12, 3000);
            disk.fail_after(operation, kind);
            let write = append_in_term(13, id(1, 12), 2, &[&[1; 9000]]);
            let written = wal.write(&[write]).is_ok();
            drop(wal);
            disk.lose_power(operation);
            let (mut wal, _) = opened(&disk);
            let found = entries(&mut wal).expect("readable").len();
            assert!(found == 13 || (found == 12 && !written), "operation {operation}: {found}");
            if written {
                assert!(operation > 10, "it came to a rotation");
                break;
            }
        }
    }
}

/// FAULTS D04: the next segment cannot be prepared; the current one goes on.
#[test]
fn a_spare_that_finds_no_space_poisons_nothing() {
    let disk = formatted();
    let (mut wal, _) = opened(&disk);
    for operation in 0..3 {
        disk.fail_after(operation, DiskErrorKind::Full);
        let error = wal.prepare_spare().expect_err("no space");
        assert!(matches!(&error, WalError::Disk(error) if error.kind == DiskErrorKind::Full));
        fill(&mut wal, 1, 100);
    }
    while wal.prepare_spare().expect("space again") == SpareStep::Working {}
    fill(&mut wal, 40, 3000);
    assert!(wal.segments() > 2);
}

/// FAULTS D21, R8: what the disk cannot read is damage at a start, and an error at a read.
#[test]
fn what_cannot_be_read_is_not_taken_for_the_end() {
    let disk = forty();
    let (mut wal, _) = opened(&disk);
    let batch = batches(&disk)[3].clone();
    disk.make_unreadable(&batch.file, batch.info.offset / 512);
    assert!(matches!(wal.read(batch.info.last.index, 1), Err(WalError::Disk(_))));
    assert_eq!(wal.read(batch.info.last.index.next(), 1).expect("the rest is fine").len(), 1);
    drop(wal);
    assert_eq!(row(&disk), Row::Unreadable);
    let (_, unreadable) = looks(&disk);
    assert_eq!(unreadable, 1, "the inspector goes on");

    let disk = five();
    disk.make_unreadable(&newest_segment(&disk), 8192 / 512 + 90);
    assert_eq!(row(&disk), Row::Unreadable, "behind the end too");
}

/// How many batches and unreadable regions the inspector sees.
fn looks(disk: &MemDisk) -> (usize, usize) {
    let (mut batches, mut unreadable) = (0, 0);
    wal::inspect(disk, |finding| match finding {
        wal::Finding::Batch(_) => batches += 1,
        wal::Finding::Region { look: wal::Look::Unreadable, .. } => unreadable += 1,
        _ => {}
    })
    .expect("inspected");
    (batches, unreadable)
}
