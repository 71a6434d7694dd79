//! The time of a leader: what the log knows of clocks (thesis 6.3).
//!
//! State machines may not look at a clock, since each replica would see another time. So a leader
//! writes into the log for how long it has led, by its own clock: ahead of commands, unless it did so
//! a moment ago, and when it is told to. What state machines make of it is theirs; to add up what the
//! leaders of the log have said gives a time that never runs backwards, and that no clock can set.
//!
//! It is not true time. It stands still while nobody leads, and a leader that slept, or whose clock
//! jumped, counts no more of that than an election timeout: for longer than that it might not have led.

use core::time::Duration;

use super::Raft;
use super::role::Role;
use crate::entry::{Entry, LeaderTime, Payload, System};
use crate::types::Instant;

/// For how long a leader has led.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeLed {
    led: Duration,
    /// Until when that counts.
    until: Instant,
    /// What it last wrote down.
    written: Option<Duration>,
}

impl TimeLed {
    /// It leads from `now` on.
    pub(super) fn since(now: Instant) -> Self {
        Self { led: Duration::ZERO, until: now, written: None }
    }

    /// For how long it has led at `now`, if no more than `stride` counts since it last looked.
    fn at(&self, now: Instant, stride: Duration) -> Duration {
        self.led.saturating_add(now.since(self.until).min(stride))
    }
}

impl Raft {
    /// For how long this server has led in its term; `None` if it does not lead, or writes no time
    /// down ([`Config::time_resolution`](crate::Config::time_resolution_ms)).
    pub fn led(&self) -> Option<Duration> {
        let Role::Leader(leader) = &self.role else { return None };
        Some(leader.time.as_ref()?.at(self.now, self.config.election_timeout))
    }

    /// Looks at the clock: often, so that no time is lost that a leader has led.
    pub(super) fn keep_time(&mut self) {
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(time) = &mut leader.time else { return };
        time.led = time.at(self.now, self.config.election_timeout);
        time.until = self.now;
    }

    /// Writes the time down ahead of what else a leader appends, unless it did so a moment ago.
    pub(super) fn write_time_if_due(&mut self) {
        let Some(resolution) = self.config.time_resolution_ms else { return };
        let resolution = Duration::from_millis(resolution.get().into());
        self.keep_time();
        if let Role::Leader(leader) = &self.role
            && let Some(TimeLed { led, written, .. }) = leader.time.as_deref()
            && written.is_none_or(|written| *led >= written.saturating_add(resolution))
        {
            self.write_time();
        }
    }

    /// The state machine waits for the time.
    pub(super) fn handle_write_time(&mut self) {
        self.keep_time();
        self.write_time();
    }

    fn write_time(&mut self) {
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(time) = &mut leader.time else { return };
        // thesis 3.10: what is appended now, the successor would have to catch up with.
        if leader.transfer.is_some() {
            return;
        }
        time.written = Some(time.led);
        let payload = Payload::System(System::Time(LeaderTime::new(time.led)));
        leader.unsettled_bytes += payload.len_bytes() + Entry::OVERHEAD_BYTES;
        self.log.propose(self.hard_state.term, payload);
    }
}
