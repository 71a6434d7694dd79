//! The production pump and client in simulated worlds.
#![cfg(madsim)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use quorate_io_sim::direct::Point;
use quorate_io_sim::lab::Property;
use quorate_io_sim::scenario::{Options, Sabotage, Scenario, minimize};
use quorate_madsim::{Report, run, run_scenario, violation};

/// For how long faults strike in these worlds: tasks cost more than the direct engine's steps.
/// `cargo sim run --engine madsim` has them whole.
const CHAOS_MAX: Duration = Duration::from_secs(3);

/// Nor do callers call without a pause.
const PAUSE_MAX_MIN: Duration = Duration::from_millis(10);

/// `MADSIM_FIRST=5000 MADSIM_SEEDS=10000` choose others.
fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first = number("MADSIM_FIRST").unwrap_or(0);
    first..first + number("MADSIM_SEEDS").unwrap_or(100)
}

fn drawn(seed: u64) -> Options {
    let mut options = Options::from_seed(seed);
    options.chaos = options.chaos.min(CHAOS_MAX);
    options.calling.pause_max = options.calling.pause_max.max(PAUSE_MAX_MIN);
    options
}

#[test]
fn the_pump_keeps_its_promises_in_many_worlds() {
    let mut sum = Report::default();
    let seeds = seeds();
    for seed in seeds.clone() {
        match run(&drawn(seed)) {
            Ok(report) => sum += report,
            Err(failure) => panic!("{failure}"),
        }
    }
    println!("{sum:?}");
    assert_eq!(sum.undecided, 0);
    if seeds.end - seeds.start < 100 {
        return;
    }
    let happened = [
        sum.crashes,
        sum.torn,
        sum.disk_failures,
        sum.stopped,
        sum.partitions,
        sum.abandoned,
        sum.renewed,
        sum.held_back,
        sum.accepts_failed,
        sum.surveys,
        sum.missed,
    ];
    assert!(happened.iter().all(|&count| count > 0), "what never happens: {sum:?}");
    assert_eq!(sum.reached.missing(&Point::COMMON), []);
    // Of what is rare, this is what a hundred worlds come to.
    let seldom = [Point::LeaderStopped, Point::LeaderAsked, Point::DecayRefused];
    assert_eq!(sum.reached.missing(&seldom), []);
    if seeds.end - seeds.start >= 1000 {
        assert_eq!(sum.reached.missing(&Point::RARE), []);
    }
    assert!(sum.answered > 10_000 && sum.elections > 100, "nothing happens: {sum:?}");
    assert!(sum.belated * 20 < sum.messages, "hardly anything is heard in time: {sum:?}");
}

/// Alone, beside others at the same time, and after others: always the same.
#[test]
fn one_seed_is_one_run() {
    let digest = |seed| run(&drawn(seed)).expect("it passes").digest;
    let alone: Vec<_> = (3..9).map(digest).collect();
    let beside = std::thread::scope(|scope| {
        let threads: Vec<_> = (3..9).map(|seed| scope.spawn(move || digest(seed))).collect();
        let ended = threads.into_iter().map(|thread| thread.join().expect("it does not panic"));
        ended.collect::<Vec<_>>()
    });
    assert_eq!(alone, beside);
    assert!(alone.windows(2).all(|pair| pair[0] != pair[1]));
}

/// Drawn from a seed, or written down and read: the same run.
#[test]
fn one_seed_is_one_run_and_so_is_its_text() {
    for seed in [1, 11] {
        let drawn = Scenario::of(&drawn(seed));
        let written = Scenario::parse(&drawn.to_text()).expect("it was just written");
        let digests = [drawn, written].map(|it| run_scenario(&it).expect("it passes").digest);
        assert_eq!(digests[0], digests[1], "seed {seed}");
    }
}

/// In a world of several servers with this lie: what is noticed.
fn noticed(lie: Sabotage, seed: u64) -> Option<Property> {
    let mut options = Options { sabotage: lie, ..drawn(seed) };
    // Elections that several servers stand for, and restarts in the middle of them.
    for change in [
        "membership=5",
        "raft.pre_vote=false",
        "raft.election_jitter=20ms",
        "nemesis.every=500ms",
        "nemesis.lasting_max=50ms",
        "nemesis.crash_loop=2",
        "nemesis.leader=2",
    ] {
        options.set(change).expect("it makes sense");
    }
    violation(&Scenario::of(&options)).map(|violation| violation.property)
}

/// The negative controls: a world that lies is noticed, by the check whose business it is.
#[test]
fn a_world_that_lies_is_noticed() {
    for (lie, property) in [
        (Sabotage::LyingDisks, Property::ServersStart),
        (Sabotage::ForgottenVotes, Property::EffectsAreWellFormed),
        (Sabotage::AlteredAnswers, Property::HistoryIsLinearizable),
        (Sabotage::ForgottenWrites, Property::HistoryIsLinearizable),
        (Sabotage::Forgets, Property::StatesAgree),
        (Sabotage::NeverHeals, Property::Liveness),
        (Sabotage::NeverHealsTheRest, Property::Liveness),
        (Sabotage::Regicide, Property::LeadershipIsStable),
    ] {
        let mut found = (0..40).map(|seed| noticed(lie, seed));
        let seed = found.position(|found| found == Some(property));
        println!("{lie:?}: seed {seed:?}");
        assert!(seed.is_some(), "nobody notices {lie:?}");
    }
}

/// What was kept of the direct engine's worlds goes well here too.
#[test]
fn what_was_kept_stays_well() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/regressions");
    let mut kept = 0;
    for entry in fs::read_dir(folder).expect("there is a folder") {
        let path = entry.expect("it can be read").path();
        let text = fs::read_to_string(&path).expect("it can be read");
        let scenario = Scenario::parse(&text).unwrap_or_else(|why| panic!("{path:?}: {why}"));
        if let Err(failure) = run_scenario(&scenario) {
            panic!("{failure}{}", path.display());
        }
        kept += 1;
    }
    assert!(kept > 0);
}

/// A failure tells how it is run again, and is made smaller as it would be on the direct engine.
#[test]
fn a_failure_is_replayed_from_its_files_and_made_small() {
    let mut options = Options { sabotage: Sabotage::LyingDisks, ..Options::calm() };
    for change in ["chaos=2s", "nemesis.power=4", "nemesis.pause=4", "nemesis.shut=4"] {
        options.set(change).expect("it makes sense");
    }
    let found = (0..20).find_map(|seed| run(&Options { seed, ..options.clone() }).err());
    let failure = found.expect("lost writes are noticed");
    assert!(failure.history.is_some());
    let block = failure.block("min.scn");
    assert!(block.contains("cargo sim replay --engine madsim min.scn"), "{block}");
    let written = Scenario::parse(&failure.scenario.to_text()).expect("it was just written");
    let again = run_scenario(&written).expect_err("it fails again");
    assert_eq!((again.digest, again.event), (failure.digest, failure.event));
    let property = failure.violation.property;
    let mut violated = |scenario: &Scenario| violation(scenario).map(|found| found.property);
    let small = minimize(&written, property, &mut violated, &mut |so_far| so_far.runs < 30);
    println!("{small:?}");
    assert!(small.after.actions < small.before.actions);
    assert_eq!(violated(&small.scenario), Some(property));
}
