//! The only source of chance: SplitMix64 (Steele, Lea and Flood, 2014). By hand, because its
//! stream is part of what a seed means and must never change.

use core::time::Duration;

use crate::types::Instant;

#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// `least` after `now`, and evenly from zero to `spread` later, both included. In nanoseconds all
    /// the way: each message of a leader asks.
    pub(crate) fn later(&mut self, now: Instant, least: Duration, spread: Duration) -> Instant {
        let nanos = Instant::default().after(spread).0;
        let scaled = (u128::from(self.next()) * (u128::from(nanos) + 1)) >> 64;
        let scaled = u64::try_from(scaled).unwrap_or(nanos);
        Instant(now.after(least).0.saturating_add(scaled))
    }
}
