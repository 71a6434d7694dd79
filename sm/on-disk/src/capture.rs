//! The rows as of a moment, written down little by little while others are written, and read back so.

use std::sync::{Arc, OnceLock};

use quorate_sm::{Capture, Undecodable};
use redb::OwnedRange;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::context::Record;
use crate::history::{Call, History};
use crate::rows::{RowError, View};

/// Why a file is of no use any more; shared by all that use it.
pub(crate) type Failure = Arc<OnceLock<String>>;

/// What stands before the rows.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    /// The last call as of the snapshot.
    pub(crate) current: History,
    /// The last one that is in the rows: a later one, if a server was restarted and was given the log again
    /// up to `current` only.
    pub(crate) applied: History,
    /// What came of the calls in between.
    pub(crate) records: Vec<(Call, Record)>,
}

/// ```text
/// state:  head | rows, each as key and value | 0 u32
/// ```
/// Head and rows have their length (u32) before them.
pub(crate) struct RowsCapture {
    head: Option<Head>,
    rows: OwnedRange<&'static [u8], &'static [u8]>,
    failure: Failure,
}

impl RowsCapture {
    pub(crate) fn of(head: Head, view: &View, failure: Failure) -> Result<Self, RowError> {
        let rows = view.0.range_owned::<&[u8]>(..)?;
        Ok(Self { head: Some(head), rows, failure })
    }
}

impl Capture for RowsCapture {
    fn write(&mut self, into: &mut Vec<u8>, bytes_max: usize) -> bool {
        let stop = into.len() + bytes_max;
        if let Some(head) = self.head.take() {
            encode(&head, into);
        }
        while into.len() < stop {
            match self.rows.next() {
                Some(Ok((key, value))) => encode(&(key.value(), value.value()), into),
                Some(Err(error)) => {
                    // There is no end to it, so that nobody takes it for a state.
                    self.failure.get_or_init(|| error.to_string());
                    return true;
                }
                None => {
                    into.extend_from_slice(&[0; LENGTH_BYTES]);
                    return true;
                }
            }
        }
        false
    }
}

fn encode<T: Serialize>(value: &T, into: &mut Vec<u8>) {
    let bytes = postcard::to_allocvec(value).expect("postcard can encode it");
    let length = u32::try_from(bytes.len()).expect("a row is far below 4 GiB");
    into.extend_from_slice(&length.to_le_bytes());
    into.extend_from_slice(&bytes);
}

const LENGTH_BYTES: usize = 4;

/// Takes what [`RowsCapture`] wrote apart, however it is cut. Holds one row at most.
#[derive(Debug, Default)]
pub(crate) struct StateReader {
    /// The beginning of a head or a row, with its length.
    rest: Vec<u8>,
    is_over: bool,
}

impl StateReader {
    /// Takes the next head or row off `part`; `None` if that is used up, or the end came.
    ///
    /// # Errors
    /// If it is none, or something follows the end.
    pub(crate) fn next<T: DeserializeOwned>(
        &mut self,
        part: &mut &[u8],
    ) -> Result<Option<T>, Undecodable> {
        if self.is_over && !part.is_empty() {
            return Err(Undecodable);
        }
        self.take(LENGTH_BYTES, part);
        let Some(length) = self.rest.first_chunk() else { return Ok(None) };
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Undecodable)?;
        let whole = LENGTH_BYTES.saturating_add(length);
        self.take(whole, part);
        if self.rest.len() < whole {
            return Ok(None);
        }
        self.is_over = length == 0;
        let item = (length > 0).then(|| decode(&self.rest[LENGTH_BYTES..])).transpose();
        self.rest.clear();
        item
    }

    /// Has the end come?
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    fn take(&mut self, length: usize, part: &mut &[u8]) {
        let missing = length.saturating_sub(self.rest.len()).min(part.len());
        self.rest.extend_from_slice(&part[..missing]);
        *part = &part[missing..];
    }
}

/// Reads a value that fills `bytes`.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Undecodable> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok(_) | Err(_) => Err(Undecodable),
    }
}
