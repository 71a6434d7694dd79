//! A machine on trial with the production pump and its clients: queries at every level of consistency, with
//! leases and without.
#![cfg(madsim)]

use std::num::NonZeroU32;

use quorate_io_sim::scenario::Options;
use quorate_io_sim::workload::{Holds, Trial};
use quorate_sm::machine;
use serde::{Deserialize, Serialize};

/// Counts.
#[machine]
trait Count {
    /// Adds; what it is then.
    fn add(&mut self, cx: &mut CountCx, by: u8) -> u64;
    /// What it is.
    fn get(&self, plus: u8) -> u64;
    /// It is another.
    fn changed() -> u64;
}

#[derive(Default, Serialize, Deserialize)]
struct Counter {
    value: u64,
    changes: u64,
}

impl Count for Counter {
    fn add(&mut self, cx: &mut CountCx, by: u8) -> u64 {
        self.value += u64::from(by);
        self.changes += 1;
        cx.emit_changed(self.value);
        self.value
    }

    fn get(&self, plus: u8) -> u64 {
        self.value + u64::from(plus)
    }
}

struct AByteAtMost;

impl Holds<CountMachine<Counter>> for AByteAtMost {
    fn holds(machine: &CountMachine<Counter>) -> Result<(), String> {
        let Counter { value, changes } = machine.0;
        match value <= 255 * changes {
            true => Ok(()),
            false => Err(format!("{value} by {changes} changes")),
        }
    }
}

#[test]
fn every_level_of_consistency_keeps_its_word_to_real_clients() {
    let (mut answered, mut leases) = (0, 0);
    // In the last one a server that is cut off is asked for answers of a bounded age.
    for seed in (0..10).chain([115]) {
        let mut options = Options::from_seed(seed);
        options.raft.time_resolution_ms = NonZeroU32::new(10);
        leases += u32::from(options.raft.lease.is_some());
        let report = quorate_madsim::run_with(&options, Trial::<_, AByteAtMost>::default);
        answered += report.unwrap_or_else(|failure| panic!("{failure}")).answered;
    }
    assert!(answered > 1000, "{answered}");
    assert!((1..11).contains(&leases), "{leases}");
}
