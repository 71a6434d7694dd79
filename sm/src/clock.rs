//! The time that all replicas agree on.

use core::time::Duration;

use quorate_core::{Entry, Payload, System, Term};
use serde::{Deserialize, Serialize};

/// A moment of replicated time, in nanoseconds since the log began: how long its leaders have led,
/// all together, as far as they wrote it down (thesis 6.3).
///
/// It is the same on every replica that has applied the same entries, and never runs backwards. It
/// stands still while nobody leads, so it is behind the clocks on the wall, by more and more; spans
/// of it are never longer than true ones, but for the drift of the leader's clock.
///
/// ```
/// use core::time::Duration;
/// use quorate_sm::Time;
/// let later = Time::ZERO.after(Duration::from_secs(5));
/// assert_eq!(later.since(Time::ZERO), Duration::from_secs(5));
/// assert_eq!(Time::ZERO.since(later), Duration::ZERO);
/// ```
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct Time(u64);

impl Time {
    /// The beginning of the log.
    pub const ZERO: Self = Self(0);

    /// The moment so long after the beginning of the log.
    pub fn of(span: Duration) -> Self {
        Self::ZERO.after(span)
    }

    /// The moment a span later; the last one, 584 years after the first, stays.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }

    /// How much later this is than `earlier`; nothing if it is not.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A leader, and for how long it has led.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Led {
    pub(crate) term: Term,
    pub(crate) time: Duration,
}

/// Adds up what leaders write down.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Clock {
    now: Time,
    /// Whose time it is that counts.
    term: Term,
    /// When that leader was elected.
    since: Time,
}

impl Clock {
    /// The time as of the last entry.
    pub(crate) const fn now(&self) -> Time {
        self.now
    }

    /// Takes in an entry. The first of each term is of its leader (thesis 3.6.2), however little of the
    /// time before it was written down.
    pub(crate) fn advance(&mut self, entry: &Entry) {
        if entry.id.term > self.term {
            (self.term, self.since) = (entry.id.term, self.now);
        }
        if let Payload::System(System::Time(time)) = entry.payload {
            self.now = self.now.max(self.since.after(time.led()));
        }
    }

    /// What time it will be if that leader writes it down now. What it has not begun with, nobody
    /// knows.
    pub(crate) fn estimate(&self, led: Led) -> Time {
        match led.term == self.term {
            true => self.now.max(self.since.after(led.time)),
            false => self.now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_core::{Index, LeaderTime, LogId};

    fn entry(term: u64, millis: Option<u64>) -> Entry {
        let time = |ms| System::Time(LeaderTime::new(Duration::from_millis(ms)));
        let payload = Payload::System(millis.map_or(System::Noop, time));
        Entry { id: LogId { term: Term(term), index: Index(1) }, payload }
    }

    #[test]
    fn the_times_of_leaders_add_up_and_never_run_backwards() {
        let mut clock = Clock::default();
        let mut then = |term, millis| {
            clock.advance(&entry(term, millis));
            clock.now().since(Time::ZERO).as_millis()
        };
        assert_eq!(then(1, None), 0);
        assert_eq!(then(1, Some(70)), 70);
        assert_eq!(then(1, Some(60)), 70, "no honest leader says that");
        assert_eq!(then(4, None), 70, "nobody has led for how long?");
        assert_eq!(then(4, Some(5)), 75);
        assert_eq!(then(4, Some(6)), 76);
        assert_eq!(then(5, Some(100)), 176, "without a no-op");
    }

    #[test]
    fn the_end_of_time_is_no_overflow() {
        let mut clock = Clock::default();
        for term in [1, 2] {
            clock.advance(&entry(term, Some(u64::MAX / 2)));
        }
        assert_eq!(clock.now(), Time(u64::MAX));
    }

    #[test]
    fn a_leader_can_tell_what_time_it_is_once_its_first_entry_is_applied() {
        let mut clock = Clock::default();
        clock.advance(&entry(1, Some(70)));
        let led = |term, ms| Led { term: Term(term), time: Duration::from_millis(ms) };
        let at = |ms| Time::of(Duration::from_millis(ms));
        assert_eq!(clock.estimate(led(1, 80)), at(80));
        assert_eq!(clock.estimate(led(1, 10)), at(70));
        assert_eq!(clock.estimate(led(2, 80)), at(70), "not yet");
        clock.advance(&entry(2, None));
        assert_eq!(clock.estimate(led(2, 80)), at(150));
    }
}
