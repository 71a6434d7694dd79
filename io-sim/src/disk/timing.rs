//! When the operations of a disk begin and end.

use super::options::{DiskOptions, Span};
use super::struck::{Class, Struck};
use crate::rng::{Rng, Stream};

/// One operation after the other. All times are the world's, in nanoseconds.
#[derive(Debug)]
pub(super) struct Timing {
    /// The newest moment that the world told of.
    pub(super) now: u64,
    /// The end of all operations so far: at or after `now`, unless nothing is under way.
    pub(super) cursor: u64,
    pub(super) stalled_until: u64,
    chance: Rng,
}

/// What an operation costs.
#[derive(Clone, Copy)]
pub(super) enum Cost {
    /// Nobody waits for the medium.
    Free,
    /// A read of so many bytes.
    Read(usize),
    /// A write of so many bytes.
    Write(usize),
    /// A sync.
    Sync,
}

impl Timing {
    pub(super) fn new(seed: u64) -> Self {
        let chance = Rng::new(seed, Stream::DiskLatency);
        Self { now: 0, cursor: 0, stalled_until: 0, chance }
    }

    /// It is `now`. Time does not go back.
    pub(super) fn reach(&mut self, now: u64) -> u64 {
        self.now = self.now.max(now);
        self.now
    }

    /// An operation begins at the moment that is the answer; the cursor moves to its end.
    pub(super) fn spend(&mut self, cost: Cost, options: &DiskOptions, struck: &mut Struck) -> u64 {
        let asked_at = self.cursor.max(self.now);
        let nanos = self.nanos(cost, options, struck);
        let mut start = asked_at;
        if start < self.stalled_until && !matches!(cost, Cost::Free) {
            start = self.stalled_until;
            struck.note(Class::Stall);
        }
        let nanos = u128::from(nanos) * u128::from(options.slowness_percent) / 100;
        self.cursor = start.saturating_add(u64::try_from(nanos).unwrap_or(u64::MAX));
        asked_at
    }

    fn nanos(&mut self, cost: Cost, options: &DiskOptions, struck: &mut Struck) -> u64 {
        let transfer = |bytes: usize| options.kib_ns * bytes.div_ceil(1024) as u64;
        match cost {
            Cost::Free => 0,
            Cost::Read(bytes) => options.read_ns + transfer(bytes),
            Cost::Write(bytes) => options.write_ns + transfer(bytes),
            Cost::Sync => {
                let Span { min, max } = options.sync_ns;
                let nanos = if min == 0 { 0 } else { self.chance.log_within(min, max) };
                let hiccups = options.spikes_per_million;
                if hiccups > 0 && self.chance.below(1_000_000) < hiccups {
                    struck.note(Class::Spike);
                    return nanos + options.spike_ns;
                }
                nanos
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_follow_one_another_and_wait_for_a_disk_that_hangs() {
        let (mut timing, mut struck) = (Timing::new(1), Struck::default());
        let options = DiskOptions { write_ns: 10, kib_ns: 1, ..DiskOptions::INSTANT };
        let slow = DiskOptions { slowness_percent: 300, ..options };
        timing.reach(100);
        assert_eq!(timing.spend(Cost::Write(4096), &options, &mut struck), 100);
        assert_eq!(timing.spend(Cost::Write(0), &slow, &mut struck), 114);
        timing.stalled_until = 500;
        assert_eq!(timing.spend(Cost::Free, &options, &mut struck), 144);
        assert_eq!(timing.spend(Cost::Write(0), &options, &mut struck), 144);
        assert_eq!((timing.cursor, struck.of(Class::Stall)), (510, 1));
    }
}
