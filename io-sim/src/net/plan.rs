//! What the network will do, in order of time; of two things at one moment, the one planned first.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::connection::{ConnId, Side};

/// Something to look at later.
#[derive(Clone, Copy)]
pub(super) enum Event {
    /// The front of what this side says.
    Wire(ConnId, Side),
    /// Frames of this side that were put aside.
    Aside(ConnId, Side),
    /// An attempt to connect reaches its host, or is given up.
    Knock(ConnId),
    /// The answer to one reaches the dialer: yes.
    Welcome(ConnId),
    /// The answer to one reaches the dialer: no.
    Refusal(ConnId),
}

struct Planned {
    at: u64,
    number: u64,
    event: Event,
}

impl Ord for Planned {
    /// The soonest is the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Planned {}

pub(super) struct Plan {
    planned: BinaryHeap<Planned>,
    count: u64,
}

impl Plan {
    pub(super) fn new() -> Self {
        Self { planned: BinaryHeap::new(), count: 0 }
    }

    pub(super) fn add(&mut self, at: u64, event: Event) {
        self.count += 1;
        self.planned.push(Planned { at, number: self.count, event });
    }

    pub(super) fn next_at(&self) -> Option<u64> {
        self.planned.peek().map(|planned| planned.at)
    }

    /// The next thing, if its time has come.
    pub(super) fn pop(&mut self, now: u64) -> Option<(u64, Event)> {
        if self.next_at()? > now {
            return None;
        }
        self.planned.pop().map(|planned| (planned.at, planned.event))
    }
}
