//! The writes under way to the disk.

use alloc::collections::VecDeque;

use crate::types::{Index, Instant, Ticket};

/// Which part of the log is durable.
///
/// A ticket's `last` is the newest entry that is durable *and still in the log* once the ticket
/// is. A truncation lowers it: entries that are cut and written again at the same index wait for
/// the ticket of the second write.
#[derive(Clone, Debug)]
pub(crate) struct Flights {
    newest: Ticket,
    persisted: Ticket,
    durable: Index,
    under_way: VecDeque<Flight>,
    /// When a write was last found to be done.
    landed: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Flight {
    ticket: Ticket,
    last: Index,
    started: Instant,
}

impl Flights {
    /// No write is under way, and the log is durable up to `durable`.
    pub(crate) fn new(durable: Index) -> Self {
        let (newest, persisted) = (Ticket(0), Ticket(0));
        Self { newest, persisted, durable, under_way: VecDeque::new(), landed: Instant(0) }
    }

    /// A write starts; `last` is the end of the log that it makes.
    pub(crate) fn start(&mut self, last: Index, now: Instant) -> Ticket {
        self.newest.0 += 1;
        self.under_way.push_back(Flight { ticket: self.newest, last, started: now });
        self.newest
    }

    /// All writes up to `ticket` are done. A ticket that was never issued means nothing.
    pub(crate) fn land(&mut self, ticket: Ticket, now: Instant) {
        if ticket > self.newest {
            return;
        }
        while let Some(flight) = self.under_way.pop_front_if(|flight| flight.ticket <= ticket) {
            self.persisted = flight.ticket;
            self.durable = flight.last;
            self.landed = now;
        }
    }

    /// The log was cut after `index`.
    pub(crate) fn truncate(&mut self, index: Index) {
        self.durable = self.durable.min(index);
        for flight in &mut self.under_way {
            flight.last = flight.last.min(index);
        }
    }

    /// Since when the disk has had something to do and has not finished anything. A disk that works
    /// off a long queue lets each write wait for long, and yet it works.
    pub(crate) fn waits_since(&self) -> Option<Instant> {
        self.under_way.front().map(|flight| flight.started.max(self.landed))
    }

    /// The newest ticket that is done.
    pub(crate) fn persisted(&self) -> Ticket {
        self.persisted
    }

    /// The log is durable up to here.
    pub(crate) fn durable(&self) -> Index {
        self.durable
    }
}
