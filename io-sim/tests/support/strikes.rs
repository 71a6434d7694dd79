//! Strikes as scenarios say them, for the tests of all engines.

/// Each of these makes another run of a calm one, and meets somebody.
pub(crate) const FELT_AT_ONCE: [&str; 30] = [
    "do = 'isolate', who = 'leader', for = '1s'",
    "do = 'isolate', who = 'all', for = '1s'",
    "do = 'deaf', who = 'leader', for = '1s'",
    "do = 'mute', who = 'leader', for = '1s'",
    "do = 'split', sides = [[1, 2], [3, 4]], for = '1s'",
    "do = 'bridge', hub = 1, sides = [[2, 3], [4, 5]], for = '1s'",
    "do = 'ring', order = [2, 1, 4, 3, 5], for = '1s'",
    "do = 'chain', order = [2, 1, 4, 3, 5], for = '1s'",
    "do = 'star', hub = 1, for = '1s'",
    "do = 'one-way', from = [1, 2], to = [3, 4, 5], for = '1s'",
    "do = 'flap', between = [1, 2], stretch = '100ms', for = '1s'",
    "do = 'clog', who = 'leader', for = '200ms'",
    "do = 'filter', who = 'all', kinds = 'acknowledgements', lose_ppm = 500000, for = '1s'",
    "do = 'slow-link', from = 1, to = 2, by = '100ms', for = '1s'",
    "do = 'lag', who = 'leader', by = '50ms', for = '1s'",
    "do = 'shut', who = 'all', for = '1s'",
    "do = 'kill', who = 'leader', down = '100ms'",
    "do = 'stop', who = 'leader', down = '100ms'",
    "do = 'reconfigure', who = 'leader', voters = [1, 2, 3], learners = [4]",
    "do = 'reconfigure', who = 'leader', voters = [5]",
    "do = 'power', who = 'all', down = '100ms'",
    "do = 'torn', who = 'leader', after = 2, by = 'kill', down = '100ms'",
    "do = 'pause', who = 'leader', for = '1s'",
    "do = 'freeze', who = 'leader', for = '1s'",
    "do = 'jump', who = 'all', by = '10s'",
    "do = 'slow-cpu', who = 'leader', by = '20ms', for = '1s'",
    "do = 'stall', who = 'leader', for = '1s'",
    "do = 'slow-disk', who = 'leader', percent = 5000, for = '1s'",
    "do = 'disk-error', who = 'leader', fault = 'sync-error', files = 'any'",
    "do = 'rot', who = 2, how = 'zeros', files = 'segments'",
];

/// These are felt by who connects, or needs space.
pub(crate) const FELT_LATER: [&str; 3] = [
    "do = 'reroute', from = 1, to = 5, for = '1s'",
    "do = 'full', who = 1, for = '1s'",
    "do = 'kill', who = 1, down = '100ms', limits = { message_bytes_max = 1, \
     inflight_messages_max = 1, cached_bytes_max = 0, batch_bytes_max = 512 }",
];

/// What becomes of a server whose disk decays while it is down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// It refuses to start.
    Refuses,
    /// It starts, and has everything.
    Starts,
    /// There is nothing that could decay so.
    Untouched,
}

/// What decays, and what becomes of its server.
pub(crate) const DECAYS: [(&str, Fate); 8] = [
    ("how = 'lost-write', files = 'segments'", Fate::Refuses),
    ("how = 'misdirected-write', files = 'segments'", Fate::Refuses),
    ("how = 'misdirected-write', files = 'state'", Fate::Refuses),
    ("how = 'misdirected-write', files = 'ident'", Fate::Refuses),
    ("how = 'flipped-bit', files = 'ident'", Fate::Starts),
    ("how = 'noise', files = 'state'", Fate::Starts),
    ("how = 'stale-sector', files = 'ident'", Fate::Untouched),
    ("how = 'lost-write', files = 'state'", Fate::Untouched),
];

/// What strikes for a while; for how long is left open.
pub(crate) const LASTING: [&str; 8] = [
    "do = 'isolate', who = 'all'",
    "do = 'shut', who = 'all'",
    "do = 'filter', who = 'all', kinds = 'entries', lose_ppm = 1000000",
    "do = 'pause', who = 'all'",
    "do = 'freeze', who = 'all'",
    "do = 'slow-cpu', who = 'all', by = '100ms'",
    "do = 'stall', who = 'all'",
    "do = 'slow-disk', who = 'all', percent = 100000",
];
