//! One directed link between two hosts.

use super::chance::{Chance, strikes};
use super::options::{LinkOptions, Tail};
use super::struck::Struck;
use crate::rng::Rng;

/// A link that is held, but not until a known moment.
pub(super) const FOREVER: u64 = u64::MAX;

/// How many old frames of a link can come back.
const OLD_MAX: usize = 32;
/// Larger ones cannot.
const OLD_BYTES_MAX: usize = 16 << 10;

/// What the network knows of a directed link.
pub(super) struct Link {
    pub(super) options: LinkOptions,
    pub(super) is_blocked: bool,
    /// Blocked every other span of this length.
    pub(super) flap_ns: u64,
    /// Nothing arrives before then; then everything at once.
    pub(super) held_until: u64,
    /// When all that was sent so far has been put on the wire.
    free_at: u64,
    /// Frames that can come back: when they were sent, and their bytes.
    old: Vec<(u64, Vec<u8>)>,
    remembered: u64,
}

impl Link {
    pub(super) const fn new(options: LinkOptions) -> Self {
        Self {
            options,
            is_blocked: false,
            flap_ns: 0,
            held_until: 0,
            free_at: 0,
            old: Vec::new(),
            remembered: 0,
        }
    }

    pub(super) const fn is_open(&self, now: u64) -> bool {
        let flaps = self.flap_ns > 0 && (now / self.flap_ns) % 2 == 1;
        !self.is_blocked && !flaps
    }

    /// Heals what was done to the link; its options stay.
    pub(super) const fn mend(&mut self) {
        self.is_blocked = false;
        self.flap_ns = 0;
        self.held_until = 0;
    }

    /// When so many bytes that leave now arrive, if none of them is lost.
    pub(super) fn arrival(
        &mut self,
        now: u64,
        bytes: usize,
        chance: &mut Chance,
        struck: &mut Struck,
    ) -> u64 {
        let mut departure = now;
        if self.options.bytes_per_second > 0 {
            let nanos = u128::from(bytes as u64) * 1_000_000_000;
            let nanos = nanos.div_ceil(u128::from(self.options.bytes_per_second));
            let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
            departure = now.max(self.free_at).saturating_add(nanos);
            self.free_at = departure;
        }
        departure.saturating_add(self.latency(chance, struck))
    }

    /// How long a transmission takes now: one draw, whatever the distribution.
    pub(super) fn latency(&self, chance: &mut Chance, struck: &mut Struck) -> u64 {
        let latency = self.options.latency;
        let extra = match latency.tail {
            Tail::Even => chance.latency.below(latency.spread_ns.saturating_add(1)),
            Tail::Exponential => exponential(latency.spread_ns, chance.latency.next()),
            Tail::Heavy => heavy(latency.spread_ns, chance.latency.next()),
        };
        let mut nanos = latency.min_ns + extra;
        if strikes(&mut chance.spike, self.options.spike_ppm) {
            struck.spikes += 1;
            nanos += chance.spike.within(0, self.options.spike_max_ns);
        }
        nanos
    }

    /// Keeps a frame, so that it can come back.
    pub(super) fn remember(&mut self, now: u64, frame: &[u8], rng: &mut Rng) {
        if frame.len() > OLD_BYTES_MAX {
            return;
        }
        self.remembered += 1;
        if self.old.len() < OLD_MAX {
            self.old.push((now, frame.to_vec()));
        } else if self.remembered.is_multiple_of(8) {
            // Not the oldest goes: some shall be very old.
            self.old[rng.index(OLD_MAX)] = (now, frame.to_vec());
        }
    }

    /// A frame that is at least this old, if the one that chance points at is.
    pub(super) fn recall(&self, now: u64, age_min: u64, rng: &mut Rng) -> Option<&[u8]> {
        if self.old.is_empty() {
            return None;
        }
        let (sent_at, frame) = &self.old[rng.index(self.old.len())];
        (now - sent_at >= age_min).then_some(frame)
    }
}

/// `-ln(u)` times the mean, `u` even in (0, 1): in whole numbers, so that it is the same on every
/// machine. The logarithm is straight between powers of two, which is off by a tenth at most.
fn exponential(mean: u64, bits: u64) -> u64 {
    let bits = bits | 1;
    let octave = u128::from(bits.leading_zeros());
    // How far below the next power of two, in 2^-32.
    let within = u128::from((bits << bits.leading_zeros() << 1) >> 32);
    let log2 = (octave << 32) + ((1 << 32) - within);
    // ln 2 is 0.6931; the straight lines add 8.6 % of an octave to the mean.
    nanos((u128::from(mean) * log2 * 6560 / 10_000) >> 32)
}

/// `1/u - 1` times the scale, `u` even in (0, 1), at most a thousand times.
fn heavy(scale: u64, bits: u64) -> u64 {
    let times = (1_u128 << 96) / (u128::from(bits) + 1);
    let times = times.saturating_sub(1 << 32).min(1000 << 32);
    nanos((u128::from(scale) * times) >> 32)
}

fn nanos(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{exponential, heavy};
    use crate::rng::{Rng, Stream};

    fn sorted(sample: fn(u64, u64) -> u64) -> Vec<u64> {
        let mut rng = Rng::new(1, Stream::Network);
        let mut all: Vec<_> = (0..100_000).map(|_| sample(1_000_000, rng.next())).collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn exponential_latencies_have_their_mean_and_their_tail() {
        let all = sorted(exponential);
        let mean = all.iter().sum::<u64>() / all.len() as u64;
        assert!((970_000..1_030_000).contains(&mean), "{mean}");
        assert!((620_000..760_000).contains(&all[50_000]), "median {}", all[50_000]);
        assert!((4_300_000..4_900_000).contains(&all[99_000]), "p99 {}", all[99_000]);
    }

    #[test]
    fn heavy_latencies_are_now_and_then_a_hundred_times_the_median() {
        let all = sorted(heavy);
        assert!((950_000..1_050_000).contains(&all[50_000]), "median {}", all[50_000]);
        assert!((90_000_000..110_000_000).contains(&all[99_000]), "p99 {}", all[99_000]);
        assert_eq!(heavy(1_000_000, 0), 1_000_000_000, "bounded");
    }
}
