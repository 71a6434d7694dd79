//! What clients have servers do beside the log, while servers die and networks fail: it is done once, if at
//! all, and whoever is told what came of it is told the truth.
#![cfg(madsim)]

use quorate_io_sim::scenario::Options;

#[test]
fn an_errand_is_run_once_if_at_all_and_whoever_is_told_is_told_the_truth() {
    let (mut errands, mut doubtful) = (0, 0);
    for seed in 0..20 {
        let mut options = Options::from_seed(seed);
        options.pump.errand_permille = 400;
        // Some servers find that a client has waited long enough when it has not.
        (options.clock_drift_permille, options.raft.lease) = (100, None);
        let report = quorate_madsim::run(&options).unwrap_or_else(|failure| panic!("{failure}"));
        errands += report.errands;
        doubtful += report.doubtful;
    }
    println!("{errands} errands, {doubtful} in doubt");
    assert!(errands > 1000 && doubtful > 100 && doubtful < errands / 2, "{errands}, {doubtful}");
}
