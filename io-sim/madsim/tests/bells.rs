//! Time, timers, events and sequential reads, with the production pump and its clients.
#![cfg(madsim)]

use std::num::NonZeroU32;

use quorate_io_sim::scenario::Options;
use quorate_io_sim::workload::BellWorkload;

#[test]
fn bells_ring_in_time_and_are_heard_in_order_by_real_clients_too() {
    let mut answered = 0;
    for seed in 0..8 {
        let mut options = Options::from_seed(seed);
        options.raft.time_resolution_ms = NonZeroU32::new(10);
        let report = quorate_madsim::run_with(&options, BellWorkload::default);
        answered += report.unwrap_or_else(|failure| panic!("{failure}")).answered;
    }
    assert!(answered > 500, "{answered}");
}
