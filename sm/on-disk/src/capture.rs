//! The rows as of a moment, written down little by little while others are written.

use std::sync::{Arc, OnceLock};

use quorate_sm::Capture;
use redb::OwnedRange;
use serde::{Deserialize, Serialize};

use crate::context::Record;
use crate::file::Call;
use crate::rows::{Row, RowError, View};

/// Why a file is of no use any more; shared by all that use it.
pub(crate) type Failure = Arc<OnceLock<String>>;

/// What stands before the rows.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    /// The last call as of the snapshot.
    pub(crate) current: Call,
    /// The last one that is in the rows: a later one, if a server was restarted and was given the log again
    /// up to `current` only.
    pub(crate) applied: Call,
    /// What came of the calls in between.
    pub(crate) records: Vec<(Call, Record)>,
}

/// ```text
/// state:  head | some rows, each as one of key and value | none
/// ```
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
                Some(Ok((key, value))) => encode(&Some((key.value(), value.value())), into),
                Some(Err(error)) => {
                    // There is no end to it, so that nobody takes it for a state.
                    self.failure.get_or_init(|| error.to_string());
                    return true;
                }
                None => {
                    encode(&None::<(&[u8], &[u8])>, into);
                    return true;
                }
            }
        }
        false
    }
}

/// Head and rows of a state; `None` if it is none.
pub(crate) fn read(state: &[u8]) -> Option<(Head, Vec<Row>)> {
    let (head, mut rest) = postcard::take_from_bytes(state).ok()?;
    let mut rows = Vec::new();
    loop {
        let (row, after): (Option<Row>, _) = postcard::take_from_bytes(rest).ok()?;
        rest = after;
        match row {
            Some(row) => rows.push(row),
            None => return rest.is_empty().then_some((head, rows)),
        }
    }
}

fn encode<T: Serialize>(value: &T, into: &mut Vec<u8>) {
    let bytes = postcard::to_allocvec(value).expect("postcard can encode it");
    into.extend_from_slice(&bytes);
}
