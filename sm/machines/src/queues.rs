//! Queues of work.

use alloc::collections::BTreeMap;
use alloc::string::String;
use core::time::Duration;

use bytes::Bytes;
use quorate_sm::{SessionId, TimerId, machine};
use serde::{Deserialize, Serialize};

use crate::names::{self, NameTooLong};

/// Items by name of the queue, in order. Whoever takes one has to say in time that it is done: otherwise, or
/// when its session ends, somebody else gets it, before all others. So each item is done at least once;
/// that it is done by one only, the number of the attempt has to see to.
#[machine(brief, schema = "schemas/queues.schema")]
pub trait Queues {
    /// Appends an item; its number.
    fn push(&mut self, cx: &mut QueuesCx, queue: String, item: Bytes) -> Result<u64, NotPushed>;
    /// Takes the first item that nobody has, for so long.
    fn take(&mut self, cx: &mut QueuesCx, queue: String, lease: Duration) -> Option<Taken>;
    /// The item is done, and gone; says whether it was still this attempt's.
    fn done(&mut self, cx: &mut QueuesCx, queue: String, number: u64, attempt: u64) -> bool;
    /// The item goes back, and is the first again; says whether it was still this attempt's.
    fn give_back(&mut self, cx: &mut QueuesCx, queue: String, number: u64, attempt: u64) -> bool;
    /// Whoever has it did not say in time that it is done.
    #[timer]
    fn overdue(&mut self, cx: &mut QueuesCx, queue: String, number: u64);
    #[session_ended]
    fn gone(&mut self, cx: &mut QueuesCx, session: SessionId);
    /// How many items there are, those that somebody has included.
    fn length(&self, queue: String) -> u64;
    /// How many of them somebody has.
    fn taken(&self, queue: String) -> u64;
    /// There is an item to take that was not there before: its number.
    fn ready(queue: String) -> u64;
}

/// An item that somebody has for a while.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Taken {
    /// Its number: grows with every item that is pushed to any queue.
    pub number: u64,
    /// What was pushed.
    pub item: Bytes,
    /// Grows whenever any item is taken: a fencing token.
    pub attempt: u64,
    /// How often this item was taken before.
    pub retries: u32,
}

/// Why an item was not pushed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
pub enum NotPushed {
    /// There are [`LENGTH_MAX`] items already.
    #[error("{length} items are in the queue already")]
    Full {
        /// How many there are.
        length: u64,
    },
    /// The name.
    #[error(transparent)]
    Name(#[from] NameTooLong),
}

/// The most items in one queue.
pub const LENGTH_MAX: u64 = 1_000_000;

/// All queues.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Lines {
    queues: BTreeMap<String, Line>,
    /// What sessions have.
    held: BTreeMap<(SessionId, u64), String>,
    numbers: u64,
    attempts: u64,
}

#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Line {
    /// Those that nobody has.
    ready: BTreeMap<u64, Item>,
    taken: BTreeMap<u64, (Item, Lease)>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Item {
    bytes: Bytes,
    retries: u32,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Lease {
    attempt: u64,
    session: Option<SessionId>,
    timer: TimerId,
}

impl Line {
    fn length(&self) -> u64 {
        (self.ready.len() + self.taken.len()) as u64
    }
}

impl Lines {
    /// An item is not taken any more.
    fn end_lease(
        &mut self,
        cx: &mut QueuesCx,
        queue: &str,
        number: u64,
        attempt: Option<u64>,
    ) -> Option<Item> {
        let taken = &mut self.queues.get_mut(queue)?.taken;
        let is_it = |lease: &Lease| attempt.is_none_or(|attempt| lease.attempt == attempt);
        taken.get(&number).filter(|(_, lease)| is_it(lease))?;
        let (item, lease) = taken.remove(&number)?;
        cx.cancel(lease.timer);
        lease.session.map(|session| self.held.remove(&(session, number)));
        Some(item)
    }

    fn put_back(&mut self, cx: &mut QueuesCx, queue: String, number: u64, item: Item) {
        cx.emit_ready(&queue, number);
        let item = Item { retries: item.retries.saturating_add(1), ..item };
        self.queues.entry(queue).or_default().ready.insert(number, item);
    }
}

impl Queues for Lines {
    fn push(&mut self, cx: &mut QueuesCx, queue: String, item: Bytes) -> Result<u64, NotPushed> {
        names::check(&queue)?;
        let length = self.length(queue.clone());
        if length >= LENGTH_MAX {
            return Err(NotPushed::Full { length });
        }
        self.numbers += 1;
        let number = self.numbers;
        cx.emit_ready(&queue, number);
        let item = Item { bytes: item, retries: 0 };
        self.queues.entry(queue).or_default().ready.insert(number, item);
        Ok(number)
    }

    fn take(&mut self, cx: &mut QueuesCx, queue: String, lease: Duration) -> Option<Taken> {
        let line = self.queues.get_mut(&queue)?;
        let (number, item) = line.ready.pop_first()?;
        self.attempts += 1;
        let (attempt, session) = (self.attempts, cx.session());
        let timer = cx.overdue_after(lease, queue.clone(), number);
        let taken = Taken { number, item: item.bytes.clone(), attempt, retries: item.retries };
        line.taken.insert(number, (item, Lease { attempt, session, timer }));
        self.held.extend(session.map(|session| ((session, number), queue)));
        Some(taken)
    }

    fn done(&mut self, cx: &mut QueuesCx, queue: String, number: u64, attempt: u64) -> bool {
        let is_done = self.end_lease(cx, &queue, number, Some(attempt)).is_some();
        if self.queues.get(&queue).is_some_and(|line| line.length() == 0) {
            self.queues.remove(&queue);
        }
        is_done
    }

    fn give_back(&mut self, cx: &mut QueuesCx, queue: String, number: u64, attempt: u64) -> bool {
        let item = self.end_lease(cx, &queue, number, Some(attempt));
        item.map(|item| self.put_back(cx, queue, number, item)).is_some()
    }

    fn overdue(&mut self, cx: &mut QueuesCx, queue: String, number: u64) {
        if let Some(item) = self.end_lease(cx, &queue, number, None) {
            self.put_back(cx, queue, number, item);
        }
    }

    fn gone(&mut self, cx: &mut QueuesCx, session: SessionId) {
        let theirs = self.held.range((session, 0)..=(session, u64::MAX));
        let theirs: alloc::vec::Vec<_> =
            theirs.map(|((_, number), queue)| (*number, queue.clone())).collect();
        for (number, queue) in theirs {
            self.overdue(cx, queue, number);
        }
    }

    fn length(&self, queue: String) -> u64 {
        self.queues.get(&queue).map_or(0, Line::length)
    }

    fn taken(&self, queue: String) -> u64 {
        self.queues.get(&queue).map_or(0, |line| line.taken.len() as u64)
    }
}
