//! A server's clock: it has an epoch and a speed of its own. And what all engines count time in.

use core::time::Duration;

use quorate_core::Instant;

/// Clocks begin so far from zero, in nanoseconds, that they can be put back.
pub const EPOCH_NS: u64 = 1 << 43;

/// Turns the world's time, in nanoseconds, into the server's and back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Clock {
    /// What it shows at the beginning of the world, in nanoseconds.
    pub offset: u64,
    /// What it counts in a thousand of the world's nanoseconds.
    pub permille: u64,
}

impl Clock {
    /// What it shows at this time of the world.
    pub const fn read(self, now: u64) -> Instant {
        Instant(self.offset + now * self.permille / 1000)
    }

    /// The first moment of the world at which the clock shows `at`.
    pub const fn when(self, at: Instant) -> u64 {
        (at.0.saturating_sub(self.offset).saturating_mul(1000)).div_ceil(self.permille)
    }
}

/// A span in nanoseconds.
///
/// # Panics
/// If it is longer than 584 years.
pub fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).expect("a run is short")
}

#[cfg(test)]
mod tests {
    use super::Clock;

    #[test]
    fn a_timer_is_never_early() {
        for permille in [750, 999, 1000, 1001, 1250] {
            let clock = Clock { offset: 77, permille };
            for now in 0..5000 {
                let shown = clock.read(now);
                assert!(clock.when(shown) <= now);
                assert!(clock.read(clock.when(shown)) >= shown);
            }
        }
    }
}
