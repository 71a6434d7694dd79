//! Whatever a scenario can say strikes, passes, and leaves a cluster that works.

#[path = "support/strikes.rs"]
mod support;

use quorate_io_sim::direct::Report;
use quorate_io_sim::scenario::Scenario;
use support::{FELT_AT_ONCE, FELT_LATER, LASTING};

/// Five servers, and this strikes.
fn run(actions: &str) -> Report {
    let calm = "format = 'quorate-scenario/1'\nmembership = 5\nchaos = '3s'\ncallers = 3\nseed = 7";
    let text = format!("{calm}\nactions = [{actions}]");
    let scenario = Scenario::parse(&text).unwrap_or_else(|why| panic!("{actions}: {why}"));
    scenario.run().unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn whoever_is_to_stand_for_election_is_waited_for() {
    let ambush = "{ at = '1s', do = 'mute', who = 'candidate', for = '1s' }";
    assert_eq!(run(ambush).strikes, 0, "nobody stands");
    let fall = "{ at = '1s 200ms', do = 'kill', who = 'leader', down = '1s' }";
    assert_eq!(run(&format!("{ambush}, {fall}")).strikes, 2);
}

#[test]
fn every_kind_of_strike_makes_another_run_of_it() {
    let calm = run("");
    for strike in FELT_AT_ONCE {
        let struck = run(&format!("{{ at = '1s', {strike} }}"));
        assert_ne!(struck.digest, calm.digest, "nothing comes of {strike}");
        assert_eq!((struck.strikes, struck.undecided), (1, 0), "{strike}");
    }
    let restart = "{ at = '1s 500ms', do = 'kill', who = 1, down = '100ms' }";
    let restarted = run(restart);
    for strike in FELT_LATER {
        let struck = run(&format!("{{ at = '1s', {strike} }}, {restart}"));
        assert_ne!(struck.digest, restarted.digest, "nothing comes of {strike}");
    }
}

#[test]
fn what_strikes_for_a_while_passes() {
    for strike in LASTING {
        let [short, long] = ["100ms", "2s"]
            .map(|lasts| run(&format!("{{ at = '500ms', {strike}, for = '{lasts}' }}")).answered);
        assert!(short > long * 5 / 4, "{strike} for a while: {short} answers, or {long}");
    }
}
