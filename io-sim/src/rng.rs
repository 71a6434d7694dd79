//! Chance, from a seed.

use crate::digest::Digest;

/// What a stream of chance is for. Each has its own, so that a change in how one concern draws
/// leaves the draws of all others as they were.
#[derive(Clone, Copy)]
pub enum Stream {
    /// What a run is like.
    Options = 1,
    /// The network.
    Network = 2,
    /// The disks.
    Disk = 3,
    /// When and where faults strike.
    Nemesis = 4,
    /// Clients.
    Clients = 5,
    /// Servers.
    Servers = 6,
    /// Lies told on purpose.
    Sabotage = 7,
    /// What is asked for.
    Commands = 8,
    /// Seeds of a server's lives.
    Lives = 9,
    /// How fast servers go.
    Pace = 10,
    /// Whom peace leaves out.
    Peace = 11,
    /// How long a disk takes.
    DiskLatency = 31,
    /// What a power loss leaves.
    DiskFate = 32,
    /// When a disk fails.
    DiskFaults = 33,
    /// Where bytes rot.
    DiskRot = 34,
}

/// `SplitMix64`: a counter, well mixed. Every seed is a good seed.
#[derive(Debug)]
pub struct Rng(u64);

impl Rng {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

    /// The stream of a seed.
    pub fn new(seed: u64, stream: Stream) -> Self {
        Self(mix(seed).wrapping_add(mix((stream as u64).wrapping_mul(Self::STEP))))
    }

    /// The stream of one concern among those of its kind: it depends on the name, and not on how
    /// many others there are.
    pub(crate) fn named(seed: u64, stream: Stream, name: &str) -> Self {
        let mut digest = Digest::EMPTY;
        digest.bytes(name.as_bytes());
        Self::new(mix(seed) ^ digest.value(), stream)
    }

    /// The next number.
    #[expect(clippy::should_implement_trait, reason = "chance is no list of numbers")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(Self::STEP);
        mix(self.0)
    }

    /// Evenly from `0..bound`.
    ///
    /// # Panics
    /// If `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "nothing is below zero");
        // Multiplying by a random fraction; the bias is below 2^-32 for the bounds used here.
        let product = u128::from(self.next()) * u128::from(bound);
        (product >> 64) as u64
    }

    /// Evenly from `lo..=hi`.
    ///
    /// # Panics
    /// If the range is empty.
    pub fn within(&mut self, lo: u64, hi: u64) -> u64 {
        assert!(lo <= hi, "an empty range: {lo}..={hi}");
        lo + self.below(hi - lo + 1)
    }

    /// Small values as often as large ones: evenly in the number of binary digits.
    ///
    /// # Panics
    /// If the range is empty or holds zero.
    pub fn log_within(&mut self, lo: u64, hi: u64) -> u64 {
        assert!(0 < lo && lo <= hi, "no logarithm in {lo}..={hi}");
        let octave = self.within(u64::from(lo.ilog2()), u64::from(hi.ilog2()));
        let from = (1 << octave).max(lo);
        let to = ((2 << octave) - 1).min(hi);
        self.within(from, to)
    }

    /// True so often in a thousand times.
    pub fn chance(&mut self, permille: u64) -> bool {
        self.below(1000) < permille
    }

    /// One of the items.
    ///
    /// # Panics
    /// If there are none.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.index(items.len())]
    }

    /// One of the items, each as often as its weight says; `None` if all weights are zero.
    pub fn weighted<T: Copy>(&mut self, items: &[(u64, T)]) -> Option<T> {
        let sum = items.iter().map(|(weight, _)| weight).sum();
        if sum == 0 {
            return None;
        }
        let mut drawn = self.below(sum);
        let mut items = items.iter();
        items.find_map(|&(weight, item)| match drawn.checked_sub(weight) {
            Some(rest) => {
                drawn = rest;
                None
            }
            None => Some(item),
        })
    }

    /// Puts the items in any order, each as often as any other.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.index(at + 1));
        }
    }

    /// A position in a list of this length.
    ///
    /// # Panics
    /// If the list is empty.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).expect("below a usize")
    }
}

const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::{Rng, Stream};

    #[test]
    fn a_seed_fixes_a_stream_and_streams_differ() {
        let draw = |seed, stream| {
            let mut rng = Rng::new(seed, stream);
            [rng.next(), rng.next(), rng.next()]
        };
        assert_eq!(draw(7, Stream::Network), draw(7, Stream::Network));
        assert_ne!(draw(7, Stream::Network), draw(7, Stream::Disk));
        assert_ne!(draw(7, Stream::Network), draw(8, Stream::Network));
        let named = |name| Rng::named(7, Stream::Nemesis, name).next();
        assert_eq!(named("kill"), named("kill"));
        assert_ne!(named("kill"), named("power"));
    }

    #[test]
    fn draws_stay_in_their_range_and_reach_its_ends() {
        let mut rng = Rng::new(1, Stream::Options);
        let even: Vec<_> = (0..1000).map(|_| rng.within(3, 6)).collect();
        let log: Vec<_> = (0..1000).map(|_| rng.log_within(3, 900)).collect();
        assert_eq!((even.iter().min(), even.iter().max()), (Some(&3), Some(&6)));
        assert!(log.iter().all(|value| (3..=900).contains(value)));
        assert!(log.iter().any(|&value| value < 8) && log.iter().any(|&value| value > 500));
        assert!(!rng.chance(0) && rng.chance(1000));
    }

    #[test]
    fn what_weighs_nothing_is_never_drawn_and_the_rest_by_its_weight() {
        let mut rng = Rng::new(1, Stream::Options);
        let mut drawn = [0; 3];
        for _ in 0..1000 {
            drawn[rng.weighted(&[(1, 0), (0, 1), (3, 2)]).expect("weights")] += 1;
        }
        assert!(drawn[1] == 0 && (200..300).contains(&drawn[0]), "{drawn:?}");
        assert_eq!(rng.weighted(&[(0, ())]), None);
    }

    #[test]
    fn every_order_comes_up() {
        let mut rng = Rng::new(1, Stream::Options);
        let orders = (0..100).map(|_| {
            let mut items = [1, 2, 3];
            rng.shuffle(&mut items);
            items
        });
        assert_eq!(orders.collect::<std::collections::BTreeSet<_>>().len(), 6);
    }
}
