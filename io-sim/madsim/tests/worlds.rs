//! The production pump and client in simulated worlds.
#![cfg(madsim)]

use quorate_io_sim::lab::Property;
use quorate_madsim::{Options, Report, run};

/// `MADSIM_FIRST=5000 MADSIM_SEEDS=10000` choose others.
fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first = number("MADSIM_FIRST").unwrap_or(0);
    first..first + number("MADSIM_SEEDS").unwrap_or(100)
}

#[test]
fn the_pump_keeps_its_promises_in_many_worlds() {
    let mut sum = Report::default();
    let seeds = seeds();
    for seed in seeds.clone() {
        match run(&Options::from_seed(seed)) {
            Ok(report) => sum += report,
            Err(failure) => panic!("{failure}"),
        }
    }
    println!("{sum:?}");
    assert_eq!(sum.undecided, 0);
    if seeds.end - seeds.start < 100 {
        return;
    }
    let struck = [
        sum.crashes,
        sum.torn,
        sum.disk_failures,
        sum.stopped,
        sum.pauses,
        sum.stalls,
        sum.partitions,
        sum.abandoned,
        sum.renewed,
        sum.held_back,
        sum.accepts_failed,
        sum.surveys,
    ];
    assert!(struck.iter().all(|&count| count > 0), "what never happens: {sum:?}");
    assert!(sum.answered > 10_000 && sum.elections > 100, "nothing happens: {sum:?}");
}

/// Alone, beside others at the same time, and after others: always the same.
#[test]
fn one_seed_is_one_run() {
    let digest = |seed| run(&Options::from_seed(seed)).expect("it passes").digest;
    let alone: Vec<_> = (3..9).map(digest).collect();
    let beside = std::thread::scope(|scope| {
        let threads: Vec<_> = (3..9).map(|seed| scope.spawn(move || digest(seed))).collect();
        let ended = threads.into_iter().map(|thread| thread.join().expect("it does not panic"));
        ended.collect::<Vec<_>>()
    });
    assert_eq!(alone, beside);
    assert!(alone.windows(2).all(|pair| pair[0] != pair[1]));
}

/// The negative control: a disk whose syncs lie loses what was acknowledged, and that is noticed.
#[test]
fn a_disk_that_lies_is_noticed() {
    let noticed = (0..10).filter_map(|seed| {
        let mut options = Options::from_seed(seed);
        options.world.disk.rates.lost_write = 100_000;
        options.world.nemesis.power = 4;
        run(&options).err().map(|failure| failure.violation.property)
    });
    let properties: Vec<_> = noticed.collect();
    assert!(properties.contains(&Property::ServersStart), "{properties:?}");
}
