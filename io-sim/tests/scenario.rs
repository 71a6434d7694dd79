//! Options, plans and scenarios as texts.

use std::collections::BTreeSet;

use quorate_io_sim::scenario::{Action, NameError, Options, Plan, Scenario, ScenarioError, Strike};

#[test]
fn options_that_are_printed_and_read_are_the_same() {
    for seed in 0..1000 {
        let options = Options::from_seed(seed);
        assert_eq!(Options::parse(&options.to_text()), Ok(options), "seed {seed}");
    }
    let large = Options { seed: u64::MAX, ..Options::calm() };
    assert_eq!(Options::parse(&large.to_text()), Ok(large));
    assert_eq!(Options::parse(""), Ok(Options::calm()));
}

#[test]
fn one_option_is_changed_and_the_others_stay() {
    for seed in 0..50 {
        let before = Options::from_seed(seed);
        let mut after = before.clone();
        for change in
            ["net.link.loss_ppm=7", "chaos=5s", "membership=5", "disk.capacity_bytes=none"]
        {
            after.set(change).expect("it makes sense");
        }
        let lines = |options: &Options| -> BTreeSet<String> {
            options.to_text().lines().map(str::to_owned).collect()
        };
        let changed: Vec<_> = lines(&after).difference(&lines(&before)).cloned().collect();
        let allowed = ["chaos = \"5s\"", "membership = 5", "net.link.loss_ppm = 7"];
        assert!(changed.iter().all(|line| allowed.contains(&line.as_str())), "{changed:?}");
    }
}

#[test]
fn a_class_that_is_left_out_leaves_the_others_as_they_were() {
    let kinds = |plan: &Plan| -> Vec<Action> { plan.actions().to_vec() };
    let is_kill = |action: &Action| action.what.name() == "kill";
    for seed in 0..50 {
        let mut options = Options::from_seed(seed);
        options.set("nemesis.every=2s").expect("it makes sense");
        for change in ["nemesis.kill=2", "nemesis.crash_loop=0", "nemesis.rolling=0"] {
            options.set(change).expect("it makes sense");
        }
        for change in ["nemesis.leader=0", "nemesis.candidate=0"] {
            options.set(change).expect("it makes sense");
        }
        let all = kinds(&Plan::draw(&options));
        options.set("nemesis.kill=0").expect("it makes sense");
        let others = kinds(&Plan::draw(&options));
        assert!(all.iter().any(is_kill) && !others.iter().any(is_kill));
        let left: Vec<_> = all.iter().filter(|action| !is_kill(action)).cloned().collect();
        assert_eq!(left, others, "seed {seed}");
        // Fewer servers are struck at the same times.
        options.set("membership=1").expect("it makes sense");
        options.set("nemesis.swizzle=0").expect("it makes sense");
        let fewer: BTreeSet<_> =
            kinds(&Plan::draw(&options)).iter().map(|action| action.at).collect();
        let times: BTreeSet<_> = others.iter().map(|action| action.at).collect();
        assert!(fewer.is_subset(&times), "seed {seed}");
    }
}

#[test]
fn unknown_names_and_bad_values_are_refused_with_advice() {
    let mut options = Options::calm();
    let near = |error| match error {
        NameError::Unknown { near, .. } => near,
        other => panic!("{other:?}"),
    };
    let error = options.set("net.link.los_ppm=0").unwrap_err();
    assert!(near(error).contains(&"net.link.loss_ppm".to_owned()));
    let error = options.set("loss_ppm=0").unwrap_err();
    assert!(near(error).contains(&"net.link.loss_ppm".to_owned()));
    assert!(near(options.set("zzz=0").unwrap_err()).is_empty());
    for bad in [
        "chaos=5",
        "chaos=soon",
        "membership=0",
        "membership=none",
        "net.link.loss_ppm=-1",
        "net.link.frames.lose.kinds=votes+nonsense",
        "disk.tearing=bits",
        "disk.sync.min=1h",
        "sabotage=some",
    ] {
        let before = options.clone();
        let error = options.set(bad).unwrap_err();
        let is_typed = matches!(error, NameError::Value { .. } | NameError::Nonsense(_));
        assert!(is_typed, "{bad}: {error:?}");
        assert_eq!(options, before);
    }
    for nonsense in [
        "membership=10",
        "chaos=2h",
        "wal.align_bytes=1",
        "callers=101",
        "raft.election_timeout=1ms",
    ] {
        assert!(matches!(options.set(nonsense), Err(NameError::Nonsense(_))), "{nonsense}");
    }
    assert!(matches!(options.set("chaos"), Err(NameError::Syntax(_))));
}

#[test]
fn scenarios_that_are_written_and_read_are_the_same() {
    let mut kinds = BTreeSet::new();
    for seed in 0..150 {
        let scenario = Scenario::from_seed(seed);
        let text = scenario.to_text();
        assert_eq!(Scenario::parse(&text).as_ref(), Ok(&scenario), "seed {seed}\n{text}");
        kinds.extend(scenario.plan.actions().iter().map(|action| action.what.name()));
    }
    assert_eq!(
        kinds.len(),
        Strike::NAMES.len(),
        "kinds of strikes that are never drawn: {kinds:?}"
    );
}

#[test]
fn texts_that_are_no_scenarios_are_refused() {
    let read = |body: &str| Scenario::parse(&format!("format = 'quorate-scenario/1'\n{body}"));
    assert!(read("").is_ok());
    assert!(matches!(Scenario::parse("seed = 1"), Err(ScenarioError::Format { .. })));
    assert!(matches!(read("sed = 1"), Err(ScenarioError::Options(NameError::Unknown { .. }))));
    assert!(matches!(read("seed = "), Err(ScenarioError::Options(NameError::Syntax(_)))));
    for action in [
        "{}",
        "3",
        "{ at = '1s' }",
        "{ at = '1s', do = 'dance' }",
        "{ at = '1s', do = 'kill', who = 'nobody', down = '1s' }",
        "{ at = '1s', do = 'kill', who = 1, down = '1s', why = 'fun' }",
    ] {
        let error = read(&format!("actions = [{action}]")).unwrap_err();
        assert!(matches!(error, ScenarioError::Unreadable { number: 1, .. }), "{action}: {error}");
    }
    for action in [
        "{ at = '1s', do = 'kill', who = 4, down = '1s' }",
        "{ at = '1s', do = 'split', sides = [[0], [1, 2]], for = '1s' }",
        "{ at = '2h', do = 'kill', who = 1, down = '1s' }",
        "{ at = '1s', do = 'torn', who = 1, after = 0, by = 'kill', down = '1s' }",
    ] {
        let error = read(&format!("actions = [{action}]")).unwrap_err();
        assert!(matches!(error, ScenarioError::Impossible { number: 1, .. }), "{action}: {error}");
    }
}
