//! When a leader writes the time down.

use core::time::Duration;

use crate::clock::Time;

/// Sees to it that timers fire, while its server leads.
///
/// Time passes for the replicas only where a leader writes it down: with commands, and for timers when
/// one is due. What a leader has led and not written down is lost when it is deposed. So it also writes
/// down now and then while timers wait: whenever a sixteenth of what is left has passed, but not more
/// often than each second. A timer is late by no more than that for each change of the leader.
#[derive(Clone, Debug, Default)]
pub(crate) struct TimerKeeper {
    leads: bool,
    /// The next timer, as far as that was taken into account.
    known: Option<Time>,
}

/// What is not written down is at most this, or a [`PART`] of what is left.
const UNWRITTEN_MIN: Duration = Duration::from_secs(1);
const PART: u32 = 16;

/// How long it takes at least until the time is written down and applied; asked for again then.
const PATIENCE: Duration = Duration::from_millis(50);

impl TimerKeeper {
    pub(crate) fn become_follower(&mut self) {
        *self = Self::default();
    }

    /// What time it is as far as it is written down, what time a leader makes it now, and when the next
    /// timer is due. Says whether the time shall be written down, and in how long to ask again.
    pub(crate) fn tend(
        &mut self,
        written: Time,
        now: Time,
        due: Option<Time>,
    ) -> (bool, Option<Duration>) {
        (self.leads, self.known) = (true, due);
        let Some(due) = due else { return (false, None) };
        let unwritten_max = (due.since(written) / PART).max(UNWRITTEN_MIN);
        let next = due.min(written.after(unwritten_max));
        match next.since(now) {
            Duration::ZERO => (true, Some(PATIENCE)),
            span => (false, Some(span)),
        }
    }

    /// Entries were applied, up to this time. Says in how long to ask, if it is earlier than before.
    pub(crate) fn handle_applied(&mut self, written: Time, due: Option<Time>) -> Option<Duration> {
        let is_known = self.known.is_some_and(|known| due.is_none_or(|due| due >= known));
        let due = due.filter(|&due| self.leads && (!is_known || due <= written))?;
        self.known = Some(due);
        Some(due.since(written))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::of(Duration::from_millis(ms))
    }

    fn ms(ms: u64) -> Option<Duration> {
        Some(Duration::from_millis(ms))
    }

    #[test]
    fn the_time_is_written_down_when_a_timer_is_due_and_no_earlier() {
        let mut keeper = TimerKeeper::default();
        assert_eq!(keeper.tend(at(0), at(100), None), (false, None));
        assert_eq!(keeper.tend(at(0), at(100), Some(at(400))), (false, ms(300)));
        assert_eq!(keeper.tend(at(0), at(399), Some(at(400))), (false, ms(1)));
        assert_eq!(keeper.tend(at(0), at(400), Some(at(400))), (true, Some(PATIENCE)));
    }

    #[test]
    fn little_is_lost_with_a_leader() {
        let mut keeper = TimerKeeper::default();
        // Sixteen minutes are left.
        let due = Some(at(960_000));
        assert_eq!(keeper.tend(at(0), at(59_000), due), (false, ms(1_000)));
        assert_eq!(keeper.tend(at(0), at(60_000), due), (true, Some(PATIENCE)));
        // Eight seconds are left.
        assert_eq!(keeper.tend(at(952_000), at(952_500), due), (false, ms(500)));
        assert_eq!(keeper.tend(at(952_000), at(953_000), due), (true, Some(PATIENCE)));
    }

    #[test]
    fn an_earlier_timer_is_news_and_a_later_one_is_not() {
        let mut keeper = TimerKeeper::default();
        assert_eq!(keeper.handle_applied(at(5), Some(at(9))), None, "a follower");
        keeper.tend(at(5), at(5), Some(at(90)));
        assert_eq!(keeper.handle_applied(at(5), Some(at(90))), None);
        assert_eq!(keeper.handle_applied(at(5), Some(at(95))), None);
        assert_eq!(keeper.handle_applied(at(5), Some(at(40))), ms(35));
        assert_eq!(keeper.handle_applied(at(6), Some(at(40))), None);
        assert_eq!(keeper.handle_applied(at(7), None), None);
        // More were due than fire in one entry.
        assert_eq!(keeper.handle_applied(at(99), Some(at(41))), ms(0));
        assert_eq!(keeper.handle_applied(at(99), Some(at(41))), ms(0));
        keeper.become_follower();
        assert_eq!(keeper.handle_applied(at(99), Some(at(41))), None);
    }
}
