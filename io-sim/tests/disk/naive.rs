//! A log with bad habits: for showing that a fault bites.

use quorate_core::wal::{Disk, DiskError};

/// What a log takes care of.
#[derive(Clone, Copy)]
pub(crate) struct Habits {
    /// Syncs before it acknowledges.
    pub(crate) syncs: bool,
    /// Syncs the directory when it makes its file.
    pub(crate) syncs_names: bool,
    /// Tries a failed sync again, and believes the answer.
    pub(crate) retries: bool,
    /// Notices records that are not whole.
    pub(crate) checksums: bool,
    /// Notices records that stand in the wrong place.
    pub(crate) positions: bool,
}

/// One that has all of them.
pub(crate) const CAREFUL: Habits =
    Habits { syncs: true, syncs_names: true, retries: false, checksums: true, positions: true };

pub(crate) const RECORD: usize = 4096;

/// Records of 4096 bytes that hold their number, a checksum, and the number over and over.
pub(crate) struct NaiveLog<D: Disk> {
    pub(crate) disk: D,
    pub(crate) file: D::File,
    habits: Habits,
    count: u64,
}

/// A record that was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    Record(u64),
    Garbage,
}

impl<D: Disk> NaiveLog<D> {
    pub(crate) fn create(disk: D, habits: Habits) -> Self {
        let file = disk.create("log").expect("created");
        if habits.syncs_names {
            disk.sync_dir().expect("synced");
        }
        Self { disk, file, habits, count: 0 }
    }

    /// Acknowledges by returning.
    pub(crate) fn append(&mut self) -> Result<(), DiskError> {
        let number = self.count + 1;
        self.disk.write_at(&self.file, self.count * RECORD as u64, &record(number))?;
        if self.habits.syncs
            && let Err(error) = self.disk.sync(&self.file)
        {
            if !self.habits.retries {
                return Err(error);
            }
            self.disk.sync(&self.file)?;
        }
        self.count = number;
        Ok(())
    }

    /// What a new process finds.
    pub(crate) fn recover(disk: &D, habits: Habits) -> Result<Vec<Found>, DiskError> {
        let file = disk.open("log")?;
        let length = disk.length(&file)?;
        let mut found = Vec::new();
        for at in 0..length / RECORD as u64 {
            let mut bytes = [0; RECORD];
            disk.read_at(&file, at * RECORD as u64, &mut bytes)?;
            let number = u64::from_le_bytes(*bytes.first_chunk().expect("long enough"));
            let is_whole = bytes == record(number) && number > 0;
            if habits.checksums && !is_whole || habits.positions && number != at + 1 {
                break;
            }
            found.push(if is_whole { Found::Record(number) } else { Found::Garbage });
        }
        Ok(found)
    }
}

pub(crate) fn record(number: u64) -> [u8; RECORD] {
    let mut bytes = [number as u8; RECORD];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// Records 1 to `count`.
pub(crate) fn records(count: u64) -> Vec<Found> {
    (1..=count).map(Found::Record).collect()
}
