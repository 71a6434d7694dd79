//! Many worlds of bare cores, each from a seed; see `quorate_io_sim::lab`.

use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use quorate_io_sim::lab::{self, Failure, Options, Property, Report, Sabotage};

/// `LAB_SEEDS=100000` runs more, `LAB_FIRST=7000` others.
const SEEDS: u64 = 2000;

#[test]
fn thousands_of_worlds_keep_rafts_promises() {
    let (first, count) = (number("LAB_FIRST").unwrap_or(0), number("LAB_SEEDS").unwrap_or(SEEDS));
    let (sum, failure) = run_all(first..first + count, |options| options, |_| true);
    if let Some(failure) = failure {
        panic!("{failure}");
    }
    println!("{count} seeds from {first}: {sum:#?}");
    // Chaos that never strikes proves nothing.
    let struck = [
        ("elections", sum.elections as u64),
        ("reads", sum.reads),
        ("refused", sum.refused),
        ("truncations", sum.truncations),
        ("fetches", sum.fetches),
        ("crashes", sum.crashes),
        ("partitions", sum.partitions),
    ];
    for (what, times) in struck {
        assert!(times > count / 2, "{what}: {times} times in {count} worlds");
    }
    // In about half of the worlds nobody asks for another leader or another membership.
    for (what, times) in [("transfers", sum.transfers), ("changes", sum.changes)] {
        assert!(times > count / 4, "{what}: {times} times in {count} worlds");
    }
    assert!(sum.lost_disks > count / 4, "disks lost: {} in {count} worlds", sum.lost_disks);
    // Nor does any disk hang; and some leaders nobody could replace, more of them where few are left
    // to vote.
    assert!(sum.hung > count / 6, "leaders with a hung disk: {} in {count} worlds", sum.hung);
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..30 {
        let options = Options::from_seed(seed);
        let [first, second] = [lab::run(&options), lab::run(&options)]
            .map(|report| report.unwrap_or_else(|failure| panic!("{failure}")));
        assert_eq!(first, second);
        let other = lab::run(&Options::from_seed(seed + 1));
        assert_ne!(first.digest, other.unwrap_or_else(|failure| panic!("{failure}")).digest);
    }
}

/// Whatever breaks its promise to the servers, the checks notice, and say which property fell.
#[test]
fn every_sabotage_is_noticed() {
    for sabotage in Sabotage::ALL.into_iter().filter(|&it| it != Sabotage::DeafServer) {
        expect_notice(400, |options| Options { sabotage: Some(sabotage), ..options });
    }
}

/// One server hears nothing, for ever: nothing false is ever said, and no progress is made.
#[test]
fn a_cluster_that_does_not_heal_is_noticed() {
    let is_alone = |options: &Options| options.membership.members().len() == 1;
    for seed in (0..30).filter(|&seed| !is_alone(&Options::from_seed(seed))) {
        let sabotage = Some(Sabotage::DeafServer);
        // Offers of snapshots need no answer: by them even a deaf leader gets on.
        let options = Options { sabotage, snapshots_permille: 0, ..Options::from_seed(seed) };
        let failure = lab::run(&options);
        let property = failure.map_err(|failure| failure.violation.property);
        assert_eq!(property, Err(Property::Liveness), "seed {seed}");
    }
}

/// As above, but nobody looks into the disks: the consequences must show in what servers do.
#[test]
fn what_is_lost_shows_without_a_look_at_the_disks() {
    for sabotage in [Sabotage::LyingDisks, Sabotage::LostTails, Sabotage::ForgedAcknowledgements] {
        expect_notice(400, |options| Options {
            sabotage: Some(sabotage),
            blind_to_disks: true,
            ..options
        });
    }
}

fn expect_notice(worlds: u64, change: impl Fn(Options) -> Options + Sync) {
    // That servers in a broken world stand still or give up is no news.
    let expected = [Property::Liveness, Property::ServersRun];
    let matters = |failure: &Failure| !expected.contains(&failure.violation.property);
    let (_, failure) = run_all(0..worlds, &change, matters);
    let sabotage = change(Options::from_seed(0)).sabotage.expect("something is broken");
    let failure = failure.unwrap_or_else(|| panic!("nobody noticed {sabotage:?}"));
    println!("{sabotage:?}, seed {}: {}", failure.options.seed, failure.violation);
}

/// Seeds that found bugs; `TESTING.md` says which.
#[test]
fn seeds_that_found_bugs_find_none_any_more() {
    for seed in [103, 1129, 1767, 109_506, 300_174] {
        if let Err(failure) = lab::run(&Options::from_seed(seed)) {
            panic!("{failure}");
        }
    }
}

/// Shows a run: `LAB_SEED=123 cargo test -p quorate-tests lab_replays_one_seed -- --nocapture`.
#[test]
fn lab_replays_one_seed() {
    let seed = number("LAB_SEED").unwrap_or(0);
    match lab::run(&Options::from_seed(seed)) {
        Ok(report) => println!("seed {seed}: {report:#?}"),
        Err(failure) => panic!("{failure}"),
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// All seeds on all cores, until one fails in a way that matters.
fn run_all(
    seeds: std::ops::Range<u64>,
    change: impl Fn(Options) -> Options + Sync,
    matters: impl Fn(&Failure) -> bool + Sync,
) -> (Report, Option<Box<Failure>>) {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut sum = Report::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return (sum, None);
            }
            match lab::run(&change(Options::from_seed(seed))) {
                Ok(report) => sum += report,
                Err(failure) if !matters(&failure) => {}
                Err(failure) => {
                    next.store(seeds.end, Ordering::Relaxed);
                    return (sum, Some(failure));
                }
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut sum = Report::default();
        let mut failure = None;
        for worker in workers {
            let (part, failed) = worker.join().expect("the lab catches panics");
            sum += part;
            failure = failure.or(failed);
        }
        (sum, failure)
    })
}
