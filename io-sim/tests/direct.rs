//! Whole servers in simulated worlds.

use quorate_io_sim::direct::{self, Point, Report};
use quorate_io_sim::lab::Property;
use quorate_io_sim::scenario::{Options, Sabotage, Scenario};

/// `DIRECT_FIRST=5000 DIRECT_SEEDS=10000` choose others.
fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first = number("DIRECT_FIRST").unwrap_or(0);
    first..first + number("DIRECT_SEEDS").unwrap_or(30)
}

#[test]
fn whole_servers_keep_their_promises_in_many_worlds() {
    let mut sum = Report::default();
    let mut failures = Vec::new();
    for seed in seeds() {
        match direct::run(&Options::from_seed(seed)) {
            Ok(report) => sum += report,
            Err(failure) => failures.push(failure),
        }
    }
    let properties =
        failures.iter().map(|failure| (failure.scenario.options.seed, &failure.violation));
    let properties: Vec<_> =
        properties.map(|(seed, violation)| (seed, violation.property)).collect();
    assert!(failures.is_empty(), "{}\nall failures: {properties:?}", failures[0]);
    println!("{sum:?}");
    assert_eq!(sum.undecided, 0);
    if seeds().count() < 30 {
        // A few worlds, to be looked at.
        return;
    }
    let struck = [sum.crashes, sum.torn, sum.disk_failures, sum.partitions, sum.stops, sum.strikes];
    assert!(struck.iter().all(|&count| count > 0), "faults that never strike: {sum:?}");
    let missing = sum.reached.missing(&Point::COMMON);
    assert!(missing.is_empty(), "never came to {missing:?}");
    if seeds().count() >= 1000 {
        assert_eq!(sum.reached.missing(&Point::RARE), []);
    }
    assert!(sum.answered > 1000 && sum.elections > 30, "nothing happens: {sum:?}");
}

/// Drawn from a seed, or written down and read: the same run.
#[test]
fn one_seed_is_one_run_and_so_is_its_text() {
    for seed in [3, 11] {
        let text = Scenario::from_seed(seed).to_text();
        let written = Scenario::parse(&text).expect("it was just written");
        let digest = written.run().expect("it passes").digest;
        let drawn = direct::run(&Options::from_seed(seed)).expect("it passes");
        assert_eq!(digest, drawn.digest, "seed {seed}");
        assert!(drawn.strikes > 0 || seed == 3, "nothing struck: {drawn:?}");
    }
}

/// The negative controls: a world that lies is noticed, by the check whose business it is.
#[test]
fn a_world_that_lies_is_noticed() {
    for (lie, noticed_by) in [
        (Sabotage::LyingDisks, Property::ServersStart),
        (Sabotage::ForgottenVotes, Property::EffectsAreWellFormed),
        (Sabotage::AlteredAnswers, Property::HistoryIsLinearizable),
        (Sabotage::ForgottenWrites, Property::HistoryIsLinearizable),
    ] {
        let noticed = (0..10).find_map(|seed| {
            let mut options = Options { sabotage: lie, ..Options::from_seed(seed) };
            for change in ["membership=3", "chaos=4s", "nemesis.every=1s", "nemesis.power=1"] {
                options.set(change).expect("it makes sense");
            }
            let violation = direct::run(&options).err()?.violation;
            let is_history = noticed_by == Property::HistoryIsLinearizable;
            let place = "history.jsonl: no order gets past line ";
            let tells_where = !is_history || violation.evidence.starts_with(place);
            (violation.property == noticed_by && tells_where).then_some(seed)
        });
        assert!(noticed.is_some(), "nobody notices {lie:?}");
    }
}

/// What leases rest on: a leader that stood still and does not know it reads what is not the newest
/// any more, unless its clock went on (thesis 6.4.1).
#[test]
fn a_lease_on_a_clock_that_stands_still_is_noticed() {
    let broken = |strike: &str| {
        let violated = |seed| {
            let text = format!(
                "format = 'quorate-scenario/1'\nchaos = '4s'\ncallers = 6\nseed = {seed}\n\
                 membership = 3\nraft.lease = 1000\nactions = [\
                 {{ at = '1s', do = 'lag', who = 'leader', by = '900ms', for = '1s' }},\
                 {{ at = '1s 100ms', do = '{strike}', who = 'leader', for = '1s' }}]"
            );
            let scenario = Scenario::parse(&text).unwrap_or_else(|why| panic!("{why}"));
            scenario.run().err().map(|failure| failure.violation.property)
        };
        (0..20).find_map(violated)
    };
    assert_eq!(broken("freeze"), Some(Property::ReadsAreLinearizable));
    assert_eq!(broken("pause"), None);
}

/// Is this noticed in one of the first worlds that several servers share, if they are broken so?
fn is_noticed(sabotage: Sabotage, property: Property) -> bool {
    let shared = (0..).map(Options::from_seed);
    let shared = shared.filter(|options| options.membership.voters().len() > 1);
    let mut noticed = shared.take(10).filter_map(|mut options| {
        options.sabotage = sabotage;
        options.chaos = options.chaos.min(core::time::Duration::from_secs(5));
        direct::run(&options).err().map(|failure| failure.violation.property)
    });
    noticed.any(|noticed| noticed == property)
}

/// The negative controls: where no server ever hears another, nothing is done.
#[test]
fn a_world_that_never_heals_is_noticed() {
    assert!(is_noticed(Sabotage::NeverHeals, Property::Liveness));
    assert!(is_noticed(Sabotage::NeverHealsTheRest, Property::Liveness));
}

#[test]
fn a_leader_that_is_lost_without_need_is_noticed() {
    assert!(is_noticed(Sabotage::Regicide, Property::LeadershipIsStable));
}

#[test]
fn a_state_machine_that_forgets_is_noticed() {
    assert!(is_noticed(Sabotage::Forgets, Property::StatesAgree));
}
