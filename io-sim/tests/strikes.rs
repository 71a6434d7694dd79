//! Whatever a scenario can say strikes, passes, and leaves a cluster that works.

#[path = "support/strikes.rs"]
mod support;

use quorate_io_sim::direct::{Point, Report};
use quorate_io_sim::scenario::Scenario;
use support::{DECAYS, FELT_AT_ONCE, FELT_LATER, Fate, LASTING};

/// Five servers, and this strikes.
fn run(actions: &str) -> Report {
    run_of(5, actions)
}

fn run_of(servers: u16, actions: &str) -> Report {
    run_text(&format!("{}\nactions = [{actions}]", calm(servers)))
}

fn calm(servers: u16) -> String {
    let calm = "format = 'quorate-scenario/1'\nchaos = '3s'\ncallers = 3\nseed = 7";
    format!("{calm}\nmembership = {servers}")
}

fn run_text(text: &str) -> Report {
    let scenario = Scenario::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
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

/// What is there is all that it acknowledged, or else it stays down; the others go on.
#[test]
fn whoever_starts_from_a_disk_that_has_decayed_has_everything() {
    for (decay, fate) in DECAYS {
        let down = "{ at = '1s', do = 'power', who = 2, down = '400ms' }";
        let rot = format!("{{ at = '1s 200ms', do = 'rot', who = 2, {decay} }}");
        let reached = run(&format!("{down}, {rot}")).reached;
        assert_eq!(reached.has(Point::DecayRefused), fate == Fate::Refuses, "{decay}");
        assert_eq!(reached.has(Point::DecayOutlived), fate == Fate::Starts, "{decay}");
    }
}

/// A leader that holds nothing in memory, and reads what decays meanwhile for one that fell behind.
#[test]
fn whoever_reads_back_what_has_decayed_ends_and_stays_down() {
    let behind =
        "raft.cached_bytes_max = 1\nactions = [{ at = '1s', do = 'isolate', who = 3, for = '1s' }";
    let rot = ", { at = '1s 800ms', do = 'rot', who = 'leader', how = 'flipped-bit', files = 'segments' }";
    let mut reached = (0..60).map(|seed| {
        let calm = calm(3).replace("seed = 7", &format!("seed = {seed}"));
        run_text(&format!("{calm}\n{behind}{}]", rot.repeat(12))).reached
    });
    // One world in six comes to it.
    let end = reached.find(|reached| reached.has(Point::DecayReadBack));
    assert!(end.expect("nobody reads what has decayed").has(Point::DecayRefused));
}

/// No more servers than the others can do without, however many are meant and however often: the
/// others answer in the end.
#[test]
fn a_quorum_of_disks_never_decays() {
    let rot = "do = 'rot', who = 'all', how = 'lost-write', files = 'segments'";
    let down = "do = 'power', who = 'all', down = '100ms'";
    let actions =
        format!("{{ at = '1s', {rot} }}, {{ at = '2s', {down} }}, {{ at = '2s', {rot} }}");
    for servers in 1..=5 {
        let reached = run_of(servers, &actions).reached;
        assert_eq!(reached.has(Point::DecayRefused), servers > 2, "{servers} servers");
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
