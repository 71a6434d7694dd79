//! What one run is made of, drawn from its seed.

use std::time::Duration;

use quorate_io_sim::direct;
use quorate_io_sim::engine::{Rng, Stream};
use quorate_io_sim::scenario::CallingOptions;

/// Everything that a run depends on: equal options, equal runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// The seed, the cluster, its disks and its network: what the direct engine runs.
    pub world: direct::Options,
    /// What only tasks and sockets do.
    pub habits: Habits,
}

/// What only tasks and sockets do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Habits {
    /// How often a read or a write moves only a part of what it could, in thousandths.
    pub short_permille: u64,
    /// How often a connection cannot be accepted, in thousandths.
    pub accept_fails_permille: u64,
    /// How often a caller does not wait for the answer, in thousandths.
    pub abandon_permille: u64,
    /// How often a caller closes its client and goes on with a new one, in thousandths.
    pub renew_permille: u64,
}

impl Options {
    /// Draws a run. The world is the one that the direct engine draws from this seed, for a shorter
    /// time, and sometimes with less room on the way.
    pub fn from_seed(seed: u64) -> Self {
        let mut world = direct::Options::from_seed(seed);
        let timeout = world.raft.election_timeout;
        let mut rng = Rng::new(seed, Stream::Commands);
        let mut coin = |value: u64| if rng.chance(500) { value } else { 0 };
        let (short_permille, accept_fails_permille) = (coin(200), coin(20));
        let (abandon_permille, renew_permille) = (coin(30), coin(20));
        let habits =
            Habits { short_permille, accept_fails_permille, abandon_permille, renew_permille };
        if rng.chance(300) {
            // So little room that writers wait.
            world.net.window_bytes = rng.log_within(64, 16 << 10);
        }
        let timeout_ms = u64::try_from(timeout.as_millis()).expect("a short time");
        // Tasks cost ten times what the direct engine's steps do.
        world.chaos = world.chaos.min(Duration::from_secs(rng.within(3, 10)));
        world.calling = CallingOptions {
            keys: rng.within(1, 5),
            pause_max: Duration::from_millis(rng.log_within(1, timeout_ms)),
            timeout: timeout * u32::try_from(rng.within(2, 20)).expect("a small number"),
            value_bytes_max: rng.log_within(8, 6000),
            calls_max: None,
        };
        Self { world, habits }
    }
}
