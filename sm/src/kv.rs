//! A key-value store: byte strings in order, each with the version of its last change.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, btree_map};
use alloc::string::ToString;
use alloc::vec::Vec;
use core::ops::Bound;

use bytes::Bytes;
use quorate_core::Index;
use serde::{Deserialize, Serialize};

use crate::capture::Capture;
use crate::codec;
use crate::context::Context;
use crate::machine::StateMachine;

/// The longest key; a key may be empty.
pub const KEY_BYTES_MAX: usize = 1024;
/// The most rows that one query lists.
pub const LIST_ROWS_MAX: u32 = 1000;
/// The most bytes of keys and values that one query lists, beyond its first row.
pub const LIST_BYTES_MAX: usize = 1 << 20;

/// A key-value store.
///
/// A version is the [`Index`] of the entry that wrote a value: it grows with every change and never
/// comes back, not even for a key that was deleted in between.
///
/// ```
/// use quorate_core::{Index, LogId, Term};
/// use quorate_sm::kv::{Answer, Command, Expected, Kv};
/// use quorate_sm::{Context, StateMachine};
///
/// let mut kv = Kv::default();
/// let mut apply = |index, command| {
///     let at = LogId { term: Term(1), index: Index(index) };
///     kv.apply(&mut Context::new(at, None), command)
/// };
/// let lock = |owner: &'static str| Command::CompareAndSwap {
///     key: "lock".into(),
///     expected: Expected::Absent,
///     value: Some(owner.into()),
/// };
/// assert_eq!(apply(1, lock("me")), Answer::Written { version: Index(1), previous: None });
/// let Answer::Conflict { current: Some(held) } = apply(2, lock("you")) else { panic!() };
/// assert_eq!(held.value, "me");
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Kv {
    rows: BTreeMap<Bytes, Versioned>,
}

/// A value, and when it was written.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Versioned {
    /// The value.
    pub value: Bytes,
    /// The entry that wrote it.
    pub version: Index,
}

/// What changes the store.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Command {
    /// Sets a key.
    Put {
        /// The key.
        key: Bytes,
        /// Its new value.
        value: Bytes,
    },
    /// Removes a key.
    Delete {
        /// The key.
        key: Bytes,
    },
    /// Changes a key if it is as expected.
    CompareAndSwap {
        /// The key.
        key: Bytes,
        /// What it must be.
        expected: Expected,
        /// Its new value; none removes it.
        value: Option<Bytes>,
    },
    /// Adds to a key whose value is a decimal number, without leading zeros or plus sign; an absent
    /// key counts as 0.
    Increment {
        /// The key.
        key: Bytes,
        /// What to add.
        by: i64,
    },
}

/// What a [`Command::CompareAndSwap`] expects.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Expected {
    /// There is no such key.
    Absent,
    /// The key has this value, whichever version.
    Value(Bytes),
    /// The key was not written since this version.
    Version(Index),
}

/// What a command is answered with. Previous values are named by their versions, which are as good
/// as the values to tell what happened, and small: answers are kept until they are acknowledged.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// The value stands.
    Written {
        /// The version of the new value.
        version: Index,
        /// The version that it replaced.
        previous: Option<Index>,
    },
    /// The key is absent.
    Removed {
        /// The version that was removed.
        previous: Option<Index>,
    },
    /// The key is not as expected; nothing has changed.
    Conflict {
        /// What it is.
        current: Option<Versioned>,
    },
    /// The number was added.
    Number {
        /// The sum.
        value: i64,
        /// Its version.
        version: Index,
    },
    /// The command cannot be carried out; nothing has changed.
    Refused(Refused),
}

/// Why a command cannot be carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
pub enum Refused {
    /// The key is longer than [`KEY_BYTES_MAX`].
    #[error("a key of {bytes} bytes exceeds the limit of {bytes_max}")]
    KeyTooLong {
        /// Its length.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// What shall be added to is no decimal number of 64 bits.
    #[error("the value is no number")]
    NotANumber,
    /// The sum does not fit into 64 bits.
    #[error("adding {by} to {value} overflows")]
    Overflow {
        /// The number as it is.
        value: i64,
        /// What was to be added.
        by: i64,
    },
}

/// What looks at the store.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Query {
    /// The value of a key.
    Get {
        /// The key.
        key: Bytes,
    },
    /// The keys with a prefix, in order, page by page.
    List {
        /// What the keys start with.
        prefix: Bytes,
        /// Where the page starts: none for the first, else the last page's [`Page::next`].
        after: Option<Bytes>,
        /// The most rows in the page: [`LIST_ROWS_MAX`] if it is more, and 1 if it is 0.
        rows_max: u32,
    },
}

/// What a query is answered with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum QueryAnswer {
    /// To [`Query::Get`]: the value, if there is one.
    Value(Option<Versioned>),
    /// To [`Query::List`].
    Page(Page),
}

/// Part of a listing. Each page shows the store of its own moment.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Page {
    /// In order of their keys.
    pub rows: Vec<Row>,
    /// Where the next page starts, if there is one.
    pub next: Option<Bytes>,
}

/// One key with its value.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Row {
    /// The key.
    pub key: Bytes,
    /// Its value and version.
    pub found: Versioned,
}

impl StateMachine for Kv {
    type Command = Command;
    type Answer = Answer;
    type Query = Query;
    type QueryAnswer = QueryAnswer;

    // Even a page of the list is bounded in rows and bytes.
    const BRIEF: bool = true;

    fn apply(&mut self, cx: &mut Context, command: Command) -> Answer {
        let done = match command {
            Command::Put { key, value } => self.put(cx.index(), key, value),
            Command::Delete { key } => Ok(self.delete(&key)),
            Command::CompareAndSwap { key, expected, value } => {
                self.compare_and_swap(cx.index(), key, &expected, value)
            }
            Command::Increment { key, by } => self.increment(cx.index(), key, by),
        };
        done.unwrap_or_else(Answer::Refused)
    }

    fn query(&self, query: Query) -> QueryAnswer {
        match query {
            Query::Get { key } => QueryAnswer::Value(self.rows.get(&key).cloned()),
            Query::List { prefix, after, rows_max } => {
                QueryAnswer::Page(self.list(&prefix, after.as_deref(), rows_max))
            }
        }
    }

    // Keys and values are shared with the copy.
    fn capture(&self) -> Box<dyn Capture> {
        let rows = self.rows.clone();
        Box::new(Rows { count: Some(rows.len()), rows: rows.into_iter() })
    }
}

/// The rows of a store that are still to be written down, as serde would.
struct Rows {
    count: Option<usize>,
    rows: btree_map::IntoIter<Bytes, Versioned>,
}

impl Capture for Rows {
    fn write(&mut self, into: &mut Vec<u8>, bytes_max: usize) -> bool {
        let stop = into.len() + bytes_max;
        if let Some(count) = self.count.take() {
            codec::encode(&count, into);
        }
        while into.len() < stop {
            match self.rows.next() {
                Some(row) => codec::encode(&row, into),
                None => return true,
            }
        }
        self.rows.len() == 0
    }
}

impl Kv {
    fn put(&mut self, version: Index, key: Bytes, value: Bytes) -> Result<Answer, Refused> {
        check_key(&key)?;
        let previous = self.rows.insert(key, Versioned { value, version });
        Ok(Answer::Written { version, previous: previous.map(|row| row.version) })
    }

    fn delete(&mut self, key: &[u8]) -> Answer {
        Answer::Removed { previous: self.rows.remove(key).map(|row| row.version) }
    }

    fn compare_and_swap(
        &mut self,
        version: Index,
        key: Bytes,
        expected: &Expected,
        value: Option<Bytes>,
    ) -> Result<Answer, Refused> {
        let current = self.rows.get(&key);
        let as_expected = match (expected, current) {
            (Expected::Absent, None) => true,
            (Expected::Value(value), Some(row)) => row.value == *value,
            (Expected::Version(version), Some(row)) => row.version == *version,
            _ => false,
        };
        match value {
            _ if !as_expected => Ok(Answer::Conflict { current: current.cloned() }),
            Some(value) => self.put(version, key, value),
            None => Ok(self.delete(&key)),
        }
    }

    fn increment(&mut self, version: Index, key: Bytes, by: i64) -> Result<Answer, Refused> {
        let value = match self.rows.get(&key) {
            Some(row) => number(&row.value).ok_or(Refused::NotANumber)?,
            None => 0,
        };
        let value = value.checked_add(by).ok_or(Refused::Overflow { value, by })?;
        self.put(version, key, value.to_string().into())?;
        Ok(Answer::Number { value, version })
    }

    fn list(&self, prefix: &[u8], after: Option<&[u8]>, rows_max: u32) -> Page {
        let rows_max = rows_max.min(LIST_ROWS_MAX) as usize;
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let mut page = Page::default();
        let mut bytes = 0;
        for (key, found) in self.rows.range::<[u8], _>((from, Bound::Unbounded)) {
            if !key.starts_with(prefix) {
                break;
            }
            bytes += key.len() + found.value.len();
            // Never before the first row: a page without rows would lead nowhere.
            let full = page.rows.len() >= rows_max || bytes > LIST_BYTES_MAX;
            if let Some(last) = page.rows.last().filter(|_| full) {
                page.next = Some(last.key.clone());
                break;
            }
            page.rows.push(Row { key: key.clone(), found: found.clone() });
        }
        page
    }
}

fn check_key(key: &[u8]) -> Result<(), Refused> {
    if key.len() > KEY_BYTES_MAX {
        let (bytes, bytes_max) = (key.len() as u64, KEY_BYTES_MAX as u64);
        return Err(Refused::KeyTooLong { bytes, bytes_max });
    }
    Ok(())
}

/// A number as [`Command::Increment`] writes it, and in no other spelling.
fn number(value: &[u8]) -> Option<i64> {
    let number: i64 = core::str::from_utf8(value).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == value).then_some(number)
}
