//! Whatever a scenario can say strikes here too.
#![cfg(madsim)]

#[path = "../../tests/support/strikes.rs"]
mod support;

use std::time::Duration;

use quorate_io_sim::direct::Point;
use quorate_io_sim::scenario::{Options, Scenario, Strike};
use quorate_madsim::{Report, run_scenario};
use support::{DECAYS, FELT_AT_ONCE, FELT_LATER, Fate, LASTING};

/// Five servers, and this strikes.
fn run(actions: &str) -> Report {
    run_for("2s", actions)
}

/// The same, where the time of faults is as long as this.
fn run_for(chaos: &str, actions: &str) -> Report {
    let calm = "format = 'quorate-scenario/1'\nmembership = 5\ncallers = 3\nseed = 7\n\
                calling.pause_max = '100ms'";
    let text = format!("{calm}\nchaos = '{chaos}'\nactions = [{actions}]");
    let scenario = Scenario::parse(&text).unwrap_or_else(|why| panic!("{actions}: {why}"));
    run_scenario(&scenario).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn every_kind_of_strike_makes_another_run_of_it() {
    let calm = run("");
    assert_eq!((calm.strikes(), calm.missed), (0, 0));
    for strike in FELT_AT_ONCE {
        let struck = run(&format!("{{ at = '1s', {strike} }}"));
        assert_ne!(struck.digest, calm.digest, "nothing comes of {strike}");
        assert_eq!((struck.strikes(), struck.missed), (1, 0), "{strike}");
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
        let report = run(&format!("{down}, {rot}"));
        assert_eq!(report.reached.has(Point::DecayRefused), fate == Fate::Refuses, "{decay}");
        assert_eq!(report.reached.has(Point::DecayOutlived), fate == Fate::Starts, "{decay}");
        assert_eq!(report.missed, u64::from(fate == Fate::Untouched), "{decay}");
    }
}

#[test]
fn whoever_is_to_stand_for_election_is_waited_for() {
    let ambush = "{ at = '1s', do = 'mute', who = 'candidate', for = '500ms' }";
    let nobody = run(ambush);
    assert_eq!((nobody.strikes(), nobody.missed), (0, 1), "nobody stands");
    let fall = "{ at = '1s 200ms', do = 'kill', who = 'leader', down = '300ms' }";
    let somebody = run(&format!("{ambush}, {fall}"));
    assert_eq!((somebody.strikes(), somebody.missed), (2, 0), "{:?}", somebody.struck);
}

/// All classes of faults together draw all kinds, and all kinds meet somebody.
#[test]
fn whatever_is_drawn_strikes() {
    let mut sum = Report::default();
    for seed in 0..6 {
        let mut options = Options { chaos: Duration::from_secs(4), ..Options::from_seed(seed) };
        let text = options.to_text();
        let names = text.lines().filter_map(|line| line.split_once(" = "));
        let spans = ["nemesis.every", "nemesis.lasting_max"];
        for (class, _) in names.filter(|(name, _)| name.starts_with("nemesis.")) {
            // Where members change, no disk rots.
            if class == "nemesis.reconfigure" {
                let weight = if seed % 2 == 0 { 0 } else { 9 };
                options.set(&format!("{class}={weight}")).expect("it makes sense");
            } else if !spans.contains(&class) {
                options.set(&format!("{class}=1")).expect("it makes sense");
            }
        }
        for change in ["membership=5", "nemesis.every=600ms", "nemesis.lasting_max=200ms"] {
            options.set(change).expect("it makes sense");
        }
        sum += quorate_madsim::run(&options).unwrap_or_else(|failure| panic!("{failure}"));
    }
    println!("{sum:?}");
    assert_eq!(sum.struck.len(), Strike::NAMES.len(), "what never meets anybody: {:?}", sum.struck);
}

/// A process that stands still, or starts while it should, goes on when its time has come, and its
/// clock is put back by what it has missed if it was frozen.
#[test]
fn what_strikes_for_a_while_passes() {
    for strike in LASTING {
        let [short, long] = ["100ms", "4s 400ms"].map(|lasts| {
            let strike = format!("{{ at = '500ms', {strike}, for = '{lasts}' }}");
            let killed = "{ at = '550ms', do = 'kill', who = 2, down = '20ms' }";
            run_for("5s", &format!("{strike}, {killed}")).answered
        });
        assert!(short > long * 6 / 5, "{strike} for a while: {short} answers, or {long}");
    }
}

/// Whoever is down when something strikes processes is not met, and that is counted.
#[test]
fn what_meets_nobody_is_counted() {
    let down = "{ at = '1s', do = 'kill', who = 1, down = '500ms' }";
    let again = "{ at = '1s 100ms', do = 'kill', who = 1, down = '100ms' }";
    let stop = "{ at = '1s 200ms', do = 'stop', who = 1, down = '100ms' }";
    let report = run(&format!("{down}, {again}, {stop}"));
    assert_eq!((report.strikes(), report.missed), (1, 2));
}
