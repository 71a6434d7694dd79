//! What is to happen later.

use alloc::collections::BTreeMap;
use core::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::clock::Time;

/// Names a timer of one machine; never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct TimerId {
    // First, so that timers are sorted by when they fire.
    due: Time,
    number: u64,
}

impl TimerId {
    /// When it fires, in replicated time: not before then.
    pub const fn due(self) -> Time {
        self.due
    }
}

/// The timers of one machine: part of the replicated state.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Timers {
    armed: BTreeMap<TimerId, Bytes>,
    /// How many there were so far.
    count: u64,
}

impl Timers {
    pub(crate) fn arm(&mut self, now: Time, after: Duration, what: Bytes) -> TimerId {
        let id = TimerId { due: now.after(after), number: self.count };
        self.count += 1;
        self.armed.insert(id, what);
        id
    }

    pub(crate) fn disarm(&mut self, id: TimerId) -> bool {
        self.armed.remove(&id).is_some()
    }

    /// The next timer that is due.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<Bytes> {
        let first = self.armed.first_entry()?;
        (first.key().due <= now).then(|| first.remove())
    }

    /// When the next one fires.
    pub(crate) fn due(&self) -> Option<Time> {
        self.armed.first_key_value().map(|(id, _)| id.due)
    }

    pub(crate) fn len(&self) -> usize {
        self.armed.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_in_the_order_in_which_they_are_due_and_once() {
        let mut timers = Timers::default();
        let ms = Duration::from_millis;
        let mut arm = |at, what| timers.arm(Time::ZERO, ms(at), Bytes::from_static(what));
        let (_, late) = (arm(2, b"second"), arm(3, b"never"));
        let (_, _) = (arm(1, b"first"), arm(2, b"third"));
        assert_eq!(late.due(), Time::of(ms(3)));
        assert!(timers.disarm(late));
        assert!(!timers.disarm(late), "once");

        assert_eq!(timers.due(), Some(Time::of(ms(1))));
        assert_eq!(timers.pop_due(Time::ZERO), None, "never early");
        let due = core::iter::from_fn(|| timers.pop_due(Time::of(ms(9))));
        let due: alloc::vec::Vec<_> = due.collect();
        assert_eq!(due, [&b"first"[..], b"second", b"third"]);
        assert_eq!((timers.due(), timers.len()), (None, 0));
    }
}
