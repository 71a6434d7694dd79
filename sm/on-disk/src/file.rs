//! The file: rows, records of calls, and which call it is as of, all in one transaction.

use std::fmt;
use std::path::Path;

use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, TableError,
    WriteTransaction,
};

use crate::context::Record;
use crate::history::{Call, History};
use crate::rows::{RowError, Rows, View};

pub(crate) const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");
/// What came of calls, by entry and number in it.
pub(crate) const RECORDS: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("records");
/// Histories: the last call, the origin and the digest.
const MARKS: TableDefinition<'_, &str, ((u64, u64), u64, u64)> = TableDefinition::new("marks");
/// Which version of all this it is.
const FORMAT: TableDefinition<'_, (), u64> = TableDefinition::new("quorate state");
const VERSION: u64 = 1;

/// What is in the file.
const APPLIED: &str = "applied";
/// Of all calls after this entry there are records.
const KEPT_AFTER: &str = "kept after";
/// A snapshot was made as of this, and may be what the log begins with.
const CAPTURED: &str = "captured";

const fn key(call: Call) -> (u64, u64) {
    (call.index, call.nth)
}

const fn call((index, nth): (u64, u64)) -> Call {
    Call { index, nth }
}

fn history((last, origin, digest): ((u64, u64), u64, u64)) -> History {
    History { last: call(last), origin, digest }
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
    /// It is a database of something else.
    #[error("the file is a database, and not one of a machine: give the machine another path")]
    NotOfAMachine,
    /// Another version of this program has made it.
    #[error(
        "the file has format {found}, and this program knows {VERSION}: run the program that made it, or move it \
         away, and the state is made anew from the log"
    )]
    OtherFormat {
        /// Its format.
        found: u64,
    },
}

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct StateFile(Database);

impl StateFile {
    pub(crate) fn open(path: &Path, cache_bytes: usize) -> Result<Self, OpenError> {
        let file = Self(Database::builder().set_cache_size(cache_bytes).create(path)?);
        match file.format()? {
            Some(VERSION) => Ok(file),
            Some(found) => Err(OpenError::OtherFormat { found }),
            None if file.has_tables()? => Err(OpenError::NotOfAMachine),
            None => {
                file.change(true, Change::found)?;
                Ok(file)
            }
        }
    }

    fn format(&self) -> Result<Option<u64>, RowError> {
        match self.0.begin_read()?.open_table(FORMAT) {
            Ok(format) => Ok(format.get(())?.map(|version| version.value())),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn has_tables(&self) -> Result<bool, RowError> {
        Ok(self.0.begin_read()?.list_tables()?.next().is_some())
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

    fn mark(&self, name: &str) -> Result<History, RowError> {
        let marks = self.0.begin_read()?.open_table(MARKS)?;
        Ok(marks.get(name)?.map(|mark| history(mark.value())).unwrap_or_default())
    }

    pub(crate) fn applied(&self) -> Result<History, RowError> {
        self.mark(APPLIED)
    }

    /// Every call after the entry of its last one has a record.
    pub(crate) fn kept_after(&self) -> Result<History, RowError> {
        self.mark(KEPT_AFTER)
    }

    /// Is that how this one began?
    pub(crate) fn has(&self, past: History) -> Result<bool, RowError> {
        if past == self.kept_after()? {
            return Ok(true);
        }
        Ok(self.record(past.last)?.is_some_and(|record| record.digest == past.digest))
    }

    pub(crate) fn record(&self, call: Call) -> Result<Option<Record>, RowError> {
        let records = self.0.begin_read()?.open_table(RECORDS)?;
        let bytes = records.get(key(call))?;
        Ok(bytes.and_then(|bytes| postcard::from_bytes(bytes.value()).ok()))
    }

    /// The records of the calls after this one, which are few or none.
    pub(crate) fn records_after(&self, last: Call) -> Result<Vec<(Call, Record)>, RowError> {
        let records = self.0.begin_read()?.open_table(RECORDS)?;
        let mut later = Vec::new();
        for record in records.range((last.index, last.nth + 1)..)? {
            let (key, bytes) = record?;
            later
                .extend(postcard::from_bytes(bytes.value()).ok().map(|it| (call(key.value()), it)));
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
    fn found(&self) -> Result<(), RowError> {
        self.0.open_table(FORMAT)?.insert((), VERSION)?;
        self.ensure_tables()
    }

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

    fn set_mark(&self, name: &str, mark: History) -> Result<(), RowError> {
        let mark = (key(mark.last), mark.origin, mark.digest);
        self.0.open_table(MARKS)?.insert(name, mark)?;
        Ok(())
    }

    /// The last call is in the file from now on, and this came of it.
    pub(crate) fn done(&self, applied: History, record: &Record) -> Result<(), RowError> {
        self.record(applied.last, record)?;
        self.set_mark(APPLIED, applied)
    }

    fn record(&self, call: Call, record: &Record) -> Result<(), RowError> {
        let bytes = postcard::to_allocvec(record).expect("a record can be encoded");
        self.0.open_table(RECORDS)?.insert(key(call), &bytes[..])?;
        Ok(())
    }

    /// A snapshot is made as of now. The log may begin with the one before for a while, or with this one: what
    /// was recorded up to the one before will not be asked for. Unless that one was lost with a crash, and
    /// the log is given out from further back.
    pub(crate) fn capture(&self, now: History) -> Result<(), RowError> {
        let before = {
            let marks = self.0.open_table(MARKS)?;
            marks.get(CAPTURED)?.map(|mark| history(mark.value())).unwrap_or_default()
        };
        let before = if before.last < now.last { before } else { now };
        self.0.open_table(RECORDS)?.retain_in(..=(before.last.index, u64::MAX), |_, _| false)?;
        self.set_mark(KEPT_AFTER, before)?;
        self.set_mark(CAPTURED, now)
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
        (current, applied): (History, History),
        records: &[(Call, Record)],
    ) -> Result<(), RowError> {
        records.iter().try_for_each(|(call, record)| self.record(*call, record))?;
        self.set_mark(APPLIED, applied)?;
        self.set_mark(KEPT_AFTER, current)?;
        self.set_mark(CAPTURED, current)
    }
}
