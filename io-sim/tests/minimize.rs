//! Scenarios that fail are made small, written down, and kept.

use std::fs;
use std::path::{Path, PathBuf};

use quorate_io_sim::history::History;
use quorate_io_sim::lab::Property;
use quorate_io_sim::scenario::{
    Minimized, Options, PromoteError, Sabotage, Scenario, minimize, promote,
};

/// Many faults, and disks that lie.
fn planted() -> Scenario {
    let mut options = Options { sabotage: Sabotage::LyingDisks, ..Options::calm() };
    for change in [
        "seed=20",
        "membership=5",
        "chaos=6s",
        "callers=4",
        "clock_drift_permille=50",
        "stir_max=2ms",
        "apply_max=5ms",
        "disk.sync.max=20ms",
        "net.link.loss_ppm=5000",
        "net.link.spike_ppm=5000",
        "net.link.stream.cut_ppm=100000",
        "net.link.frames.reorder.ppm=20000",
        "wal.segment_bytes=65536",
        "raft.message_bytes_max=1000",
        "nemesis.every=1s",
        "nemesis.partition=2",
        "nemesis.lonely=2",
        "nemesis.kill=1",
        "nemesis.power=1",
        "nemesis.pause=2",
        "nemesis.filter=2",
        "nemesis.slow_disk=2",
    ] {
        options.set(change).expect("it makes sense");
    }
    Scenario::of(&options)
}

fn minimized(scenario: &Scenario, runs_max: u64) -> Minimized {
    let property = scenario.violation().expect("a planted bug is found").property;
    let mut violated = |scenario: &Scenario| Some(scenario.violation()?.property);
    minimize(scenario, property, &mut violated, &mut |progress| progress.runs < runs_max)
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("an old folder of this test can be removed");
    }
    folder
}

#[test]
fn a_planted_bug_is_left_with_hardly_anything_around_it() {
    let scenario = planted();
    let small = minimized(&scenario, 400);
    println!("{small:?}\n{}", small.scenario.to_text());
    assert!(small.is_done);
    assert!(small.after.actions * 10 <= small.before.actions, "{:?}", small.after);
    assert!(small.after.options < small.before.options / 2, "{:?}", small.after);
    assert!(small.after.chaos < small.before.chaos && small.after.servers < 5);
    let again = Scenario::parse(&small.scenario.to_text()).expect("it was just written");
    assert_eq!(again.violation().map(|violation| violation.property), Some(Property::ServersStart));
}

#[test]
fn who_has_no_time_gets_the_best_so_far() {
    let scenario = planted();
    let small = minimized(&scenario, 0);
    assert_eq!((small.scenario, small.runs, small.is_done), (scenario, 0, false));
}

#[test]
fn a_failure_leaves_all_that_is_needed_to_see_it_again() {
    let scenario = planted();
    let failure = scenario.run().expect_err("a planted bug is found");
    let folder = folder("failure");
    failure.write_to(&folder).expect("a folder for tests takes files");
    let read = |name: &str| fs::read_to_string(folder.join(name)).expect("it was written");
    let again = Scenario::parse(&read("scenario.scn")).expect("it was written by us");
    let second = again.run().expect_err("it fails again");
    assert_eq!((second.digest, second.event), (failure.digest, failure.event));
    assert_eq!(second.violation, failure.violation);
    let block = read("failure.txt");
    for word in ["violated  ServersStart", "seed      20", "cargo sim replay", "scenario.scn"] {
        assert!(block.contains(word), "{block}");
    }
    assert_eq!(read("trace.txt").lines().count(), failure.trace.len());
    let history = History::read_from(read("history.jsonl").as_bytes()).expect("ours");
    assert_eq!(Some(history), failure.history);
    assert!(failure.to_string().contains(&scenario.to_text()), "it is no plain seed");
}

#[test]
fn scenarios_are_kept_under_a_number_and_a_name() {
    let (folder, scenario) = (folder("kept"), Scenario::from_seed(3));
    let keep = |name: &str| promote(&scenario, &folder, name, "What it shows.", "Why it is kept.");
    assert!(keep("first").expect("a good name").ends_with("0001-first.scn"));
    let path = keep("and-2nd").expect("a good name");
    assert!(path.ends_with("0002-and-2nd.scn"));
    let text = fs::read_to_string(path).expect("it was written");
    assert!(text.starts_with("# What it shows.\n#\n# Why it is kept.\nformat = "), "{text}");
    assert_eq!(Scenario::parse(&text), Ok(scenario.clone()));
    for bad in ["", "../up", "Upper", "a b"] {
        assert!(matches!(keep(bad), Err(PromoteError::Name(_))), "{bad}");
    }
}

/// All that was ever kept: each is a story that once went wrong, or might.
#[test]
fn what_was_kept_stays_well() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/regressions");
    let mut kept = 0;
    for entry in fs::read_dir(folder).expect("there is a folder") {
        let path = entry.expect("it can be read").path();
        let text = fs::read_to_string(&path).expect("it can be read");
        let scenario = Scenario::parse(&text).unwrap_or_else(|why| panic!("{path:?}: {why}"));
        if let Err(failure) = scenario.run() {
            panic!("{failure}{}", path.display());
        }
        kept += 1;
    }
    assert!(kept > 0);
}
