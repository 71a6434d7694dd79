//! The network's chance: a stream for each concern.

use crate::rng::{Rng, Stream};

/// Each fault draws from a stream of its own, so that one that is switched off, or strikes more
/// often, leaves the draws of all others as they were.
pub(super) struct Chance {
    pub(super) latency: Rng,
    pub(super) spike: Rng,
    pub(super) loss: Rng,
    pub(super) cut: Rng,
    pub(super) coalesce: Rng,
    pub(super) corrupt: Rng,
    pub(super) reset: Rng,
    pub(super) stall: Rng,
    pub(super) kill: Rng,
    pub(super) lose: Rng,
    pub(super) duplicate: Rng,
    pub(super) reorder: Rng,
    pub(super) replay: Rng,
}

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        let mut root = Rng::new(seed, Stream::Network);
        let mut stream = || Rng::new(root.next(), Stream::Network);
        Self {
            latency: stream(),
            spike: stream(),
            loss: stream(),
            cut: stream(),
            coalesce: stream(),
            corrupt: stream(),
            reset: stream(),
            stall: stream(),
            kill: stream(),
            lose: stream(),
            duplicate: stream(),
            reorder: stream(),
            replay: stream(),
        }
    }
}

/// True so many times in a million.
pub(super) fn strikes(rng: &mut Rng, ppm: u32) -> bool {
    ppm > 0 && rng.below(1_000_000) < u64::from(ppm)
}
