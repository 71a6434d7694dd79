//! What everybody is asked for, and what is measured.

use std::time::Duration;

/// The length of every value.
pub(crate) const VALUE_BYTES: usize = 256;

/// As many keys as a client uses in turn.
const KEYS_PER_CLIENT: u64 = 16;

/// What a client does, over and over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Work {
    /// Sets a key.
    Write,
    /// Reads a key, linearizably.
    Read,
}

/// The key that a client uses in its `call`-th call.
pub(crate) fn key(client: usize, call: u64) -> String {
    format!("bench/{client}/{}", call % KEYS_PER_CLIENT)
}

/// How long a cluster warms up before it is measured for `span`.
pub(crate) fn warm_up(span: Duration) -> Duration {
    span / 6
}

/// How long each call took, in microseconds.
#[derive(Default)]
pub(crate) struct Latencies(Vec<u32>);

impl Latencies {
    pub(crate) fn add(&mut self, latency: Duration) {
        self.0.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    pub(crate) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// The latency that `percent` of the calls did not exceed; 0 if there were none.
    pub(crate) fn percentile_us(&mut self, percent: usize) -> u32 {
        self.0.sort_unstable();
        let rank = (self.0.len() * percent).div_ceil(100).saturating_sub(1);
        self.0.get(rank).copied().unwrap_or(0)
    }

    /// Of calls that were all made within `span`.
    pub(crate) fn figures(mut self, span: Duration) -> Figures {
        Figures {
            per_second: self.0.len() as f64 / span.as_secs_f64(),
            p50_us: self.percentile_us(50),
            p99_us: self.percentile_us(99),
        }
    }
}

/// What was measured.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    pub(crate) p50_us: u32,
    pub(crate) p99_us: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_latencies_that_occurred() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentile_us(50), 0);
        for us in (1..=201).rev() {
            latencies.add(Duration::from_micros(us));
        }
        let figures = latencies.figures(Duration::from_secs(2));
        assert_eq!(figures, Figures { per_second: 100.5, p50_us: 101, p99_us: 199 });
    }
}
