//! Time, timers, events and sequential reads, with the production pump and its clients.
#![cfg(madsim)]

use quorate_io_sim::scenario::Options;

#[test]
fn bells_ring_in_time_and_are_heard_in_order_by_real_clients_too() {
    let mut answered = 0;
    // In the last two somebody looks again, and is told of less, after having begun anew.
    for seed in (0..6).chain([41, 45]) {
        let mut options = Options::from_seed(seed);
        for change in ["calling.workload=bells", "raft.time_resolution_ms=10"] {
            options.set(change).expect("there is such an option");
        }
        let report = quorate_madsim::run(&options);
        answered += report.unwrap_or_else(|failure| panic!("{failure}")).answered;
    }
    assert!(answered > 500, "{answered}");
}
