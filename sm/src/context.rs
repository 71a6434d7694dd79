//! What a command may know and do beside the state of its machine.

use core::time::Duration;

use bytes::Bytes;
use quorate_core::{Index, LogId, Term};
use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::envelope::SessionId;
use crate::events::{EventLimits, Events};
use crate::timers::{TimerId, Timers};

/// What a command may know and do beside the state: the same on every replica.
///
/// ```
/// use core::time::Duration;
/// use quorate_core::{Index, LogId, Term};
/// use quorate_sm::{Context, Time};
///
/// // What a replica makes for its machine; tests of a machine may, too.
/// let mut cx = Context::new(LogId { term: Term(1), index: Index(7) }, None);
/// let timer = cx.arm(Duration::from_secs(5), "wake up".into());
/// assert_eq!(timer.due(), cx.now().after(Duration::from_secs(5)));
/// assert!(cx.disarm(timer));
/// cx.publish("room 7".into(), "slept on".into());
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Context {
    at: LogId,
    session: Option<SessionId>,
    now: Time,
    /// How many random numbers were drawn for this entry.
    drawn: u64,
    pub(crate) desk: Desk,
}

/// What a machine has on record beside its state: part of the replicated state.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Desk {
    pub(crate) timers: Timers,
    pub(crate) events: Events,
}

impl Context {
    /// The context of the command in the entry `at`, at the beginning of time.
    pub fn new(at: LogId, session: Option<SessionId>) -> Self {
        Self { at, session, ..Self::of_machine(EventLimits::default()) }
    }

    /// Before the first command of a machine.
    pub(crate) fn of_machine(limits: EventLimits) -> Self {
        let desk = Desk { timers: Timers::default(), events: Events::new(limits) };
        Self { at: LogId::ZERO, session: None, now: Time::ZERO, drawn: 0, desk }
    }

    /// What follows is done in the entry `at`.
    pub(crate) fn enter(&mut self, at: LogId, now: Time, session: Option<SessionId>) {
        if self.at != at {
            self.drawn = 0;
        }
        (self.at, self.now, self.session) = (at, now, session);
    }

    /// The command's position in the log: grows with every command and is never used twice, hence
    /// a fine version number, name or fencing token. Timers that fire at once share theirs.
    pub const fn index(&self) -> Index {
        self.at.index
    }

    /// The term of the leader that took the command in.
    pub const fn term(&self) -> Term {
        self.at.term
    }

    /// The session that the command came in, if it came in one; the one that ended, where that is told.
    pub const fn session(&self) -> Option<SessionId> {
        self.session
    }

    /// The time, on all replicas. Behind a leader's clock by its
    /// [resolution](quorate_core::Config::time_resolution_ms) at most when it took the command in; if
    /// that has none, time stands still.
    pub const fn now(&self) -> Time {
        self.now
    }

    /// Has the machine's timer fire once so much time has passed, with these bytes: not before, and
    /// with a leader that works a moment later. A machine that wants to know more of it puts it into
    /// the bytes.
    pub fn arm(&mut self, after: Duration, what: Bytes) -> TimerId {
        self.desk.timers.arm(self.now, after, what)
    }

    /// The timer does not fire any more; says whether it would have.
    pub fn disarm(&mut self, timer: TimerId) -> bool {
        self.desk.timers.disarm(timer)
    }

    /// Tells whoever listens, now or later.
    pub fn publish(&mut self, topic: Bytes, body: Bytes) {
        self.desk.events.publish(self.at.index, topic, body);
    }

    /// A number that nobody could know before the entry had its place, and that is the same on every
    /// replica. Good for a choice among equals; no secret, since whoever knows the log can tell it.
    pub fn random(&mut self) -> u64 {
        self.drawn += 1;
        let seed = mix(self.at.index.0).wrapping_add(mix(self.at.term.0 ^ u64::MAX));
        mix(seed.wrapping_add(self.drawn.wrapping_mul(GOLDEN)))
    }
}

impl Default for Context {
    /// Before the first command of a machine.
    fn default() -> Self {
        Self::of_machine(EventLimits::default())
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Scatters numbers: the finalizer of SplitMix64.
const fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn random_numbers_differ_and_are_the_same_for_the_same_entry() {
        let numbers = |term, index| {
            let mut cx = Context::new(LogId { term: Term(term), index: Index(index) }, None);
            [cx.random(), cx.random(), cx.random()]
        };
        let drawn: BTreeSet<_> =
            (1..4).flat_map(|term| (1..100).flat_map(move |index| numbers(term, index))).collect();
        assert_eq!(drawn.len(), 3 * 99 * 3);
        assert_eq!(numbers(2, 5), numbers(2, 5));
        // The same with every version of the program, or replicas would differ while it is replaced.
        assert_eq!(
            numbers(2, 5),
            [0x8cc1_79cc_0f55_b1d4, 0x2399_b43d_620b_cefb, 0x5962_f539_402d_3ff6]
        );
    }

    #[test]
    fn what_happens_in_one_entry_draws_on_and_the_next_begins_anew() {
        let at = |index| LogId { term: Term(1), index: Index(index) };
        let mut cx = Context::new(at(1), None);
        let (first, second) = (cx.random(), cx.random());
        cx.enter(at(1), Time::ZERO, None);
        let third = cx.random();
        assert!(first != second && second != third && third != first);
        cx.enter(at(2), Time::ZERO, None);
        assert_eq!(cx.random(), Context::new(at(2), None).random());
    }
}
