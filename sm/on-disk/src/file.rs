//! The file: rows, records of calls, and which call it is as of, all in one transaction.

use std::fmt;
use std::path::Path;

use quorate_sm::Index;
use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction,
};
use serde::{Deserialize, Serialize};

use crate::context::Record;
use crate::rows::{RowError, Rows, View};

pub(crate) const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");
/// What came of calls, by entry and number in it.
pub(crate) const RECORDS: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("records");
const MARKS: TableDefinition<'_, &str, (u64, u64)> = TableDefinition::new("marks");

/// The last call that is in the file.
const APPLIED: &str = "applied";
/// Of all calls after this entry there are records.
const KEPT_AFTER: &str = "kept after";
/// A snapshot was made as of this entry, and may be what the log begins with.
const CAPTURED: &str = "captured";

/// A call of a machine: the entry, and how many calls in it came before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) index: u64,
    pub(crate) nth: u64,
}

impl Call {
    /// The next call, in this entry.
    pub(crate) fn next(self, index: Index) -> Self {
        let nth = if self.index == index.0 { self.nth + 1 } else { 0 };
        Self { index: index.0, nth }
    }

    const fn key(self) -> (u64, u64) {
        (self.index, self.nth)
    }

    const fn of((index, nth): (u64, u64)) -> Self {
        Self { index, nth }
    }
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is none, or another process has it, or the system said no.
    #[error(transparent)]
    Database(#[from] redb::DatabaseError),
    /// It cannot be read or written.
    #[error(transparent)]
    Rows(#[from] RowError),
}

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct StateFile(Database);

impl StateFile {
    pub(crate) fn open(path: &Path, cache_bytes: usize) -> Result<Self, OpenError> {
        let file = Self(Database::builder().set_cache_size(cache_bytes).create(path)?);
        file.change(true, |change| change.ensure_tables())?;
        Ok(file)
    }

    /// Changes all of it or nothing; durably, or as soon as something is durable.
    pub(crate) fn change<T>(
        &self,
        is_durable: bool,
        work: impl FnOnce(&Change) -> Result<T, RowError>,
    ) -> Result<T, RowError> {
        let change = self.begin(is_durable)?;
        let done = work(&change)?;
        change.commit()?;
        Ok(done)
    }

    /// A change that is nothing until it is committed. Another has to wait for its end.
    pub(crate) fn begin(&self, is_durable: bool) -> Result<Change, RowError> {
        let mut transaction = self.0.begin_write()?;
        let durability = if is_durable { Durability::Immediate } else { Durability::None };
        transaction.set_durability(durability)?;
        Ok(Change(transaction))
    }

    pub(crate) fn view(&self) -> Result<View, RowError> {
        Ok(View(self.0.begin_read()?.open_table(ROWS)?))
    }

    fn mark(&self, name: &str) -> Result<(u64, u64), RowError> {
        let marks = self.0.begin_read()?.open_table(MARKS)?;
        Ok(marks.get(name)?.map(|mark| mark.value()).unwrap_or_default())
    }

    pub(crate) fn applied(&self) -> Result<Call, RowError> {
        self.mark(APPLIED).map(Call::of)
    }

    /// The entry after which every call has a record.
    pub(crate) fn kept_after(&self) -> Result<u64, RowError> {
        Ok(self.mark(KEPT_AFTER)?.0)
    }

    pub(crate) fn record(&self, call: Call) -> Result<Option<Record>, RowError> {
        let records = self.0.begin_read()?.open_table(RECORDS)?;
        let bytes = records.get(call.key())?;
        Ok(bytes.and_then(|bytes| postcard::from_bytes(bytes.value()).ok()))
    }

    /// The records of the calls after this one, which are few or none.
    pub(crate) fn records_after(&self, call: Call) -> Result<Vec<(Call, Record)>, RowError> {
        let records = self.0.begin_read()?.open_table(RECORDS)?;
        let mut later = Vec::new();
        for record in records.range(Call { nth: call.nth + 1, ..call }.key()..)? {
            let (key, bytes) = record?;
            later.extend(
                postcard::from_bytes(bytes.value()).ok().map(|it| (Call::of(key.value()), it)),
            );
        }
        Ok(later)
    }
}

/// A change of the file.
pub(crate) struct Change(WriteTransaction);

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Change")
    }
}

impl Change {
    fn ensure_tables(&self) -> Result<(), RowError> {
        self.0.open_table(ROWS)?;
        self.0.open_table(RECORDS)?;
        self.0.open_table(MARKS)?;
        Ok(())
    }

    pub(crate) fn commit(self) -> Result<(), RowError> {
        Ok(self.0.commit()?)
    }

    pub(crate) fn rows(&self) -> Result<Rows<'_>, RowError> {
        Ok(Rows(self.0.open_table(ROWS)?))
    }

    fn set_mark(&self, name: &str, mark: (u64, u64)) -> Result<(), RowError> {
        self.0.open_table(MARKS)?.insert(name, mark)?;
        Ok(())
    }

    /// The call is in the file from now on, and this came of it.
    pub(crate) fn done(&self, call: Call, record: &Record) -> Result<(), RowError> {
        self.record(call, record)?;
        self.set_mark(APPLIED, call.key())
    }

    fn record(&self, call: Call, record: &Record) -> Result<(), RowError> {
        let bytes = postcard::to_allocvec(record).expect("a record can be encoded");
        self.0.open_table(RECORDS)?.insert(call.key(), &bytes[..])?;
        Ok(())
    }

    /// A snapshot is made as of an entry. The log may begin with the one before for a while, or with this one:
    /// what was recorded up to the one before will not be asked for. Unless that one was lost with a crash, and
    /// the log is given out from further back.
    pub(crate) fn capture(&self, index: u64) -> Result<(), RowError> {
        let before = {
            let marks = self.0.open_table(MARKS)?;
            marks.get(CAPTURED)?.map(|mark| mark.value().0).unwrap_or_default().min(index)
        };
        self.0.open_table(RECORDS)?.retain_in(..=(before, u64::MAX), |_, _| false)?;
        self.set_mark(KEPT_AFTER, (before, 0))?;
        self.set_mark(CAPTURED, (index, 0))
    }

    /// Nothing is left.
    pub(crate) fn clear(&self) -> Result<(), RowError> {
        self.0.delete_table(ROWS)?;
        self.0.delete_table(RECORDS)?;
        self.0.delete_table(MARKS)?;
        self.ensure_tables()
    }

    /// What a snapshot says of calls.
    pub(crate) fn begin_with(
        &self,
        (current, applied): (Call, Call),
        records: &[(Call, Record)],
    ) -> Result<(), RowError> {
        records.iter().try_for_each(|(call, record)| self.record(*call, record))?;
        self.set_mark(APPLIED, applied.key())?;
        self.set_mark(KEPT_AFTER, (current.index, 0))?;
        self.set_mark(CAPTURED, (current.index, 0))
    }
}
