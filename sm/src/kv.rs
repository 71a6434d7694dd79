//! A key-value store: byte strings in order, each with the version of its last change, some of them for a
//! while only; whoever watches is told what becomes of them.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::ops::Bound;
use core::time::Duration;

use bytes::Bytes;
use quorate_core::Index;
use serde::{Deserialize, Serialize};

use crate::capture::{Capture, Items};
use crate::codec;
use crate::context::Context;
use crate::events::EventLimits;
use crate::machine::StateMachine;
use crate::timers::TimerId;

/// The longest key; a key may be empty.
pub const KEY_BYTES_MAX: usize = 1024;
/// The most rows that one query lists.
pub const LIST_ROWS_MAX: u32 = 1000;
/// The most bytes of keys and values that one query lists, beyond its first row.
pub const LIST_BYTES_MAX: usize = 1 << 20;

/// The most conditions, and the most writes on either side, of a transaction.
pub const TRANSACTION_MAX: usize = 128;
/// The most keys that one query gets, of [`LIST_BYTES_MAX`] bytes of values together.
pub const GET_KEYS_MAX: usize = 128;

/// The most changes that are kept for those who are late, unless the store was [made otherwise](Kv::keeping).
pub const EVENTS_MAX: u32 = 4096;
/// The most bytes of changes that are kept, see [`EVENTS_MAX`].
pub const EVENT_BYTES_MAX: u64 = 1 << 20;

/// A key-value store.
///
/// A version is the [`Index`] of the entry that wrote a value: it grows with every change and never
/// comes back, not even for a key that was deleted in between. One transaction writes one version.
///
/// Every change is an event, a [`Change`], whose topic is the key: readers can ask for those of a key, or of
/// all keys with a prefix.
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
    rows: BTreeMap<Bytes, Stored>,
    /// What a log begins with; from then on the replica knows it.
    #[serde(skip)]
    events: KeptEvents,
}

/// How many changes are kept, for a store that is made anew.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct KeptEvents(EventLimits);

impl Default for KeptEvents {
    fn default() -> Self {
        Self(EventLimits { events_max: EVENTS_MAX, bytes_max: EVENT_BYTES_MAX })
    }
}

/// A value, and what takes it away.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Stored {
    found: Versioned,
    expiry: Option<TimerId>,
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
    /// Sets a key for a while. What writes it again before that, other than an
    /// [`Increment`](Self::Increment), makes it stay.
    PutFor {
        /// The key.
        key: Bytes,
        /// Its new value.
        value: Bytes,
        /// For how long, in replicated time.
        ttl: Duration,
    },
    /// Changes several keys at once, or others.
    Transact(Transaction),
}

/// Writes that are done if some keys are as expected, and others that are done if not: all at once.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Transaction {
    /// What all must be, at most [`TRANSACTION_MAX`] of them.
    pub conditions: Vec<(Bytes, Expected)>,
    /// What is done then, in this order; at most [`TRANSACTION_MAX`] of them.
    pub then: Vec<Write>,
    /// What is done if not; as many.
    pub otherwise: Vec<Write>,
}

/// A write of a [`Transaction`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Write {
    /// Sets a key.
    Put {
        /// The key.
        key: Bytes,
        /// Its new value.
        value: Bytes,
        /// For how long, if not for ever.
        ttl: Option<Duration>,
    },
    /// Removes a key.
    Delete {
        /// The key.
        key: Bytes,
    },
}

/// What became of a key: the body of an event. Its entry is the version that was written.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Change {
    /// It has this value now.
    Put {
        /// The value.
        value: Bytes,
    },
    /// It was removed.
    Deleted,
    /// Its time was up.
    Expired,
}

/// What a [`Command::CompareAndSwap`] or a [`Transaction`] expects.
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
    /// The transaction is done.
    Transacted {
        /// Was everything as expected?
        is_met: bool,
        /// For each write that was done, the version that the key had before it.
        previous: Vec<Option<Index>>,
    },
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
    /// A transaction has more than [`TRANSACTION_MAX`] conditions or writes, or a query more than
    /// [`GET_KEYS_MAX`] keys.
    #[error("{count} conditions, writes or keys exceed the limit of {count_max}")]
    TooMany {
        /// How many there are.
        count: u64,
        /// The limit.
        count_max: u64,
    },
    /// The values that a query gets are more than [`LIST_BYTES_MAX`].
    #[error("values of {bytes} bytes exceed the limit of {bytes_max}")]
    TooLarge {
        /// How many bytes they have.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
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
    /// The values of several keys, as of one moment; at most [`GET_KEYS_MAX`] of them.
    GetAll {
        /// The keys.
        keys: Vec<Bytes>,
    },
}

/// What a query is answered with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum QueryAnswer {
    /// To [`Query::Get`]: the value, if there is one.
    Value(Option<Versioned>),
    /// To [`Query::List`].
    Page(Page),
    /// To [`Query::GetAll`]: the value of each, if there is one; or why not.
    Values(Result<Vec<Option<Versioned>>, Refused>),
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
    const NEEDS_TIME: bool = true;

    fn apply(&mut self, cx: &mut Context, command: Command) -> Answer {
        let done = match command {
            Command::Put { key, value } => self.put(cx, key, value, None),
            Command::PutFor { key, value, ttl } => self.put(cx, key, value, Some(ttl)),
            Command::Delete { key } => Ok(self.delete(cx, &key)),
            Command::CompareAndSwap { key, expected, value } => {
                self.compare_and_swap(cx, key, &expected, value)
            }
            Command::Increment { key, by } => self.increment(cx, key, by),
            Command::Transact(transaction) => self.transact(cx, transaction),
        };
        done.unwrap_or_else(Answer::Refused)
    }

    fn query(&self, query: Query) -> QueryAnswer {
        match query {
            Query::Get { key } => QueryAnswer::Value(self.get(&key).cloned()),
            Query::GetAll { keys } => QueryAnswer::Values(self.get_all(&keys)),
            Query::List { prefix, after, rows_max } => {
                QueryAnswer::Page(self.list(&prefix, after.as_deref(), rows_max))
            }
        }
    }

    fn fire(&mut self, cx: &mut Context, key: &[u8]) {
        if let Some((key, _)) = self.rows.remove_entry(key) {
            cx.publish(key, body(&Change::Expired));
        }
    }

    fn event_limits(&self) -> EventLimits {
        self.events.0
    }

    // Keys and values are shared with the copy.
    fn capture(&self) -> Box<dyn Capture> {
        Box::new(Items::of(self.rows.clone()))
    }
}

impl Kv {
    /// A store that keeps another number of changes for those who are late, as of the first entry of its log;
    /// the same on all servers. They are part of every snapshot.
    pub fn keeping(events: EventLimits) -> Self {
        Self { events: KeptEvents(events), ..Self::default() }
    }

    fn get(&self, key: &[u8]) -> Option<&Versioned> {
        self.rows.get(key).map(|row| &row.found)
    }

    fn get_all(&self, keys: &[Bytes]) -> Result<Vec<Option<Versioned>>, Refused> {
        check_count(keys.len(), GET_KEYS_MAX)?;
        let found: Vec<_> = keys.iter().map(|key| self.get(key).cloned()).collect();
        let bytes = found.iter().flatten().map(|row| row.value.len() as u64).sum();
        let bytes_max = LIST_BYTES_MAX as u64;
        if bytes <= bytes_max { Ok(found) } else { Err(Refused::TooLarge { bytes, bytes_max }) }
    }

    fn put(
        &mut self,
        cx: &mut Context,
        key: Bytes,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<Answer, Refused> {
        check_key(&key)?;
        let version = cx.index();
        Ok(Answer::Written { version, previous: self.write(cx, key, value, ttl) })
    }

    fn write(
        &mut self,
        cx: &mut Context,
        key: Bytes,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Option<Index> {
        cx.publish(key.clone(), body(&Change::Put { value: value.clone() }));
        let expiry = ttl.map(|ttl| cx.arm(ttl, key.clone()));
        let found = Versioned { value, version: cx.index() };
        release(cx, self.rows.insert(key, Stored { found, expiry }))
    }

    fn delete(&mut self, cx: &mut Context, key: &[u8]) -> Answer {
        Answer::Removed { previous: self.remove(cx, key) }
    }

    fn remove(&mut self, cx: &mut Context, key: &[u8]) -> Option<Index> {
        let (key, row) = self.rows.remove_entry(key)?;
        cx.publish(key, body(&Change::Deleted));
        release(cx, Some(row))
    }

    fn is_as(&self, key: &[u8], expected: &Expected) -> bool {
        match (expected, self.get(key)) {
            (Expected::Absent, None) => true,
            (Expected::Value(value), Some(row)) => row.value == *value,
            (Expected::Version(version), Some(row)) => row.version == *version,
            _ => false,
        }
    }

    fn compare_and_swap(
        &mut self,
        cx: &mut Context,
        key: Bytes,
        expected: &Expected,
        value: Option<Bytes>,
    ) -> Result<Answer, Refused> {
        match value {
            _ if !self.is_as(&key, expected) => {
                Ok(Answer::Conflict { current: self.get(&key).cloned() })
            }
            Some(value) => self.put(cx, key, value, None),
            None => Ok(self.delete(cx, &key)),
        }
    }

    fn increment(&mut self, cx: &mut Context, key: Bytes, by: i64) -> Result<Answer, Refused> {
        check_key(&key)?;
        let value = match self.get(&key) {
            Some(row) => number(&row.value).ok_or(Refused::NotANumber)?,
            None => 0,
        };
        let value = value.checked_add(by).ok_or(Refused::Overflow { value, by })?;
        let (text, version): (Bytes, _) = (value.to_string().into(), cx.index());
        cx.publish(key.clone(), body(&Change::Put { value: text.clone() }));
        let found = Versioned { value: text, version };
        match self.rows.get_mut(&key) {
            Some(row) => row.found = found,
            None => drop(self.rows.insert(key, Stored { found, expiry: None })),
        }
        Ok(Answer::Number { value, version })
    }

    fn transact(&mut self, cx: &mut Context, transaction: Transaction) -> Result<Answer, Refused> {
        let Transaction { conditions, then, otherwise } = transaction;
        for count in [conditions.len(), then.len(), otherwise.len()] {
            check_count(count, TRANSACTION_MAX)?;
        }
        let written = then.iter().chain(&otherwise).map(Write::key);
        written.chain(conditions.iter().map(|(key, _)| key)).try_for_each(|key| check_key(key))?;
        let is_met = conditions.iter().all(|(key, expected)| self.is_as(key, expected));
        let writes = if is_met { then } else { otherwise };
        let done = writes.into_iter().map(|write| match write {
            Write::Put { key, value, ttl } => self.write(cx, key, value, ttl),
            Write::Delete { key } => self.remove(cx, &key),
        });
        Ok(Answer::Transacted { is_met, previous: done.collect() })
    }

    fn list(&self, prefix: &[u8], after: Option<&[u8]>, rows_max: u32) -> Page {
        let rows_max = rows_max.min(LIST_ROWS_MAX) as usize;
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let mut page = Page::default();
        let mut bytes = 0;
        for (key, Stored { found, .. }) in self.rows.range::<[u8], _>((from, Bound::Unbounded)) {
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

impl Write {
    fn key(&self) -> &Bytes {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }
}

/// A value is gone, and so is what would have taken it away.
fn release(cx: &mut Context, row: Option<Stored>) -> Option<Index> {
    let row = row?;
    row.expiry.map(|timer| cx.disarm(timer));
    Some(row.found.version)
}

fn body(change: &Change) -> Bytes {
    let mut bytes = Vec::new();
    codec::encode(change, &mut bytes);
    bytes.into()
}

fn check_count(count: usize, count_max: usize) -> Result<(), Refused> {
    let (count, count_max) = (count as u64, count_max as u64);
    if count <= count_max { Ok(()) } else { Err(Refused::TooMany { count, count_max }) }
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
