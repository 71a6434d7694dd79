//! What a machine sees of its file: rows of bytes, in order of their keys.

use bytes::Bytes;
use redb::{ReadOnlyTable, ReadableTable, Table};

/// The rows of a machine in a transaction.
#[derive(Debug)]
pub struct Rows<'t>(pub(crate) Table<'t, &'static [u8], &'static [u8]>);

/// The rows of a machine as of a moment.
#[derive(Debug)]
pub struct View(pub(crate) ReadOnlyTable<&'static [u8], &'static [u8]>);

/// The file cannot be read or written: nothing has changed, and the server ends.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct RowError(#[from] redb::Error);

macro_rules! from_errors {
    ($($error:ident),*) => {$(
        impl From<redb::$error> for RowError {
            fn from(error: redb::$error) -> Self {
                Self(error.into())
            }
        }
    )*};
}

from_errors!(StorageError, TableError, TransactionError, CommitError, SetDurabilityError);

/// A row: key and value.
pub(crate) type Row = (Bytes, Bytes);

fn get(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &[u8],
) -> Result<Option<Bytes>, RowError> {
    Ok(table.get(key)?.map(|value| Bytes::copy_from_slice(value.value())))
}

/// Rows whose keys begin so, from one on.
fn list(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    prefix: &[u8],
    from: &[u8],
    rows_max: usize,
) -> Result<Vec<Row>, RowError> {
    let from = from.max(prefix);
    let mut rows = Vec::new();
    for row in table.range(from..)? {
        let (key, value) = row?;
        if rows.len() >= rows_max || !key.value().starts_with(prefix) {
            break;
        }
        let copied = |bytes| Bytes::copy_from_slice(bytes);
        rows.push((copied(key.value()), copied(value.value())));
    }
    Ok(rows)
}

impl Rows<'_> {
    /// A row.
    ///
    /// # Errors
    /// See [`RowError`]; a machine hands it on.
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>, RowError> {
        get(&self.0, key)
    }

    /// The first rows whose keys begin so, from one on.
    ///
    /// # Errors
    /// See [`RowError`]; a machine hands it on.
    pub fn list(
        &self,
        prefix: &[u8],
        from: &[u8],
        rows_max: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, RowError> {
        list(&self.0, prefix, from, rows_max)
    }

    /// Writes a row; says whether there was one.
    ///
    /// # Errors
    /// See [`RowError`]; a machine hands it on.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<bool, RowError> {
        Ok(self.0.insert(key, value)?.is_some())
    }

    /// Removes a row; says whether there was one.
    ///
    /// # Errors
    /// See [`RowError`]; a machine hands it on.
    pub fn remove(&mut self, key: &[u8]) -> Result<bool, RowError> {
        Ok(self.0.remove(key)?.is_some())
    }
}

impl View {
    /// A row.
    ///
    /// # Errors
    /// See [`RowError`]; a machine hands it on.
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>, RowError> {
        get(&self.0, key)
    }

    /// The first rows whose keys begin so, from one on.
    ///
    /// # Errors
    /// See [`RowError`]; a machine hands it on.
    pub fn list(
        &self,
        prefix: &[u8],
        from: &[u8],
        rows_max: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, RowError> {
        list(&self.0, prefix, from, rows_max)
    }
}
