//! Whatever a scenario can say strikes, passes, and leaves a cluster that works.

use quorate_io_sim::direct::Report;
use quorate_io_sim::scenario::Scenario;

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
    for strike in [
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
        "do = 'power', who = 'all', down = '100ms'",
        "do = 'torn', who = 'leader', after = 2, by = 'kill', down = '100ms'",
        "do = 'pause', who = 'leader', for = '1s'",
        "do = 'freeze', who = 'leader', for = '1s'",
        "do = 'jump', who = 'all', by = '10s'",
        "do = 'slow-cpu', who = 'leader', by = '20ms', for = '1s'",
        "do = 'stall', who = 'leader', for = '1s'",
        "do = 'slow-disk', who = 'leader', percent = 5000, for = '1s'",
        "do = 'disk-error', who = 'leader', fault = 'sync-error', files = 'any'",
    ] {
        let struck = run(&format!("{{ at = '1s', {strike} }}"));
        assert_ne!(struck.digest, calm.digest, "nothing comes of {strike}");
        assert_eq!((struck.strikes, struck.undecided), (1, 0), "{strike}");
    }
    // These are felt by who connects, or needs space.
    let restart = "{ at = '1s 500ms', do = 'kill', who = 1, down = '100ms' }";
    let restarted = run(restart);
    for strike in [
        "do = 'reroute', from = 1, to = 5, for = '1s'",
        "do = 'full', who = 1, for = '1s'",
        "do = 'kill', who = 1, down = '100ms', limits = { message_bytes_max = 1, \
         inflight_messages_max = 1, cached_bytes_max = 0, batch_bytes_max = 512 }",
    ] {
        let struck = run(&format!("{{ at = '1s', {strike} }}, {restart}"));
        assert_ne!(struck.digest, restarted.digest, "nothing comes of {strike}");
    }
}

#[test]
fn what_strikes_for_a_while_passes() {
    for strike in [
        "do = 'isolate', who = 'all'",
        "do = 'shut', who = 'all'",
        "do = 'filter', who = 'all', kinds = 'entries', lose_ppm = 1000000",
        "do = 'pause', who = 'all'",
        "do = 'freeze', who = 'all'",
        "do = 'slow-cpu', who = 'all', by = '100ms'",
        "do = 'stall', who = 'all'",
        "do = 'slow-disk', who = 'all', percent = 20000",
    ] {
        let [short, long] = ["100ms", "2s"]
            .map(|lasts| run(&format!("{{ at = '500ms', {strike}, for = '{lasts}' }}")).answered);
        assert!(short > long * 5 / 4, "{strike} for a while: {short} answers, or {long}");
    }
}
