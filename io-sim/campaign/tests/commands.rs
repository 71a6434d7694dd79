//! The commands, as a program has them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{CommandFactory, Parser};
use quorate_campaign::{
    CampaignError, Command, Coverage, Direct, Draw, Engine, Failed, Found, Outcome, Passed,
    Program, Summary, command,
};
use quorate_io_sim::scenario::{Options, Plan, Scenario};

#[derive(Parser)]
#[command(name = "cargo sim")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// An engine whose worlds cost nothing: those of seeds that end in 7 fail.
struct Cheap;

impl Engine for Cheap {
    fn name(&self) -> &'static str {
        "cheap"
    }

    fn run(&self, seed: u64, draw: &Draw) -> Result<Outcome, CampaignError> {
        let options = draw.options(seed)?;
        if seed % 10 == 7 {
            return Ok(Err(Box::new(Failed {
                property: "Sevens".to_owned(),
                digest: seed,
                facts: format!("violated  Sevens\nseed      {seed}\n"),
                trace: Vec::new(),
                keep: Box::new(|folder| fs::create_dir_all(folder)),
            })));
        }
        let coverage = Coverage::of(&options, &Plan::default(), None);
        let simulated = Duration::from_secs(seed);
        let counts = vec![("calls", seed)];
        Ok(Ok(Passed {
            digest: seed * seed,
            simulated,
            events: seed,
            undecided: 0,
            counts,
            coverage,
        }))
    }

    fn idle(&self, _: u64, simulated: Duration) -> Outcome {
        Ok(Passed { simulated, ..Passed::default() })
    }
}

fn sim(line: &str) -> Result<Found, CampaignError> {
    let words = ["cargo sim"].into_iter().chain(line.split_whitespace());
    let cli = Cli::try_parse_from(words).unwrap_or_else(|why| panic!("{line}: {why}"));
    let program = Program { name: "cargo sim", engines: &[&Direct, &Cheap] };
    command(&cli.command, &program)
}

/// A folder for one test, empty.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("an old folder of this test can be removed");
    }
    fs::create_dir_all(&folder).expect("a folder can be made");
    folder
}

/// Short worlds of three servers whose disks lie, which is noticed at once.
const LIE: &str = "--set membership=3 --set chaos=2s --set nemesis.every=1s \
                   --set nemesis.power=1 --set sabotage=lying-disks";

#[test]
fn every_command_has_an_example_and_arguments_that_fit_together() {
    let mut cli = Cli::command();
    cli.clone().debug_assert();
    cli.build();
    for command in cli.get_subcommands_mut().filter(|command| command.get_name() != "help") {
        let help = command.render_long_help().to_string();
        assert!(help.contains("Example: cargo sim "), "{help}");
        assert!(help.contains(&format!("cargo sim {}", command.get_name())), "{help}");
    }
}

#[test]
fn worlds_that_hold_are_added_up() {
    let out = folder("holds");
    let found = sim(&format!("run --seeds 0..3 --set chaos=1s --out {}", out.display()));
    assert_eq!(found.expect("it runs"), Found::Nothing);
    let summary = Summary::read(&out).expect("it was written");
    assert_eq!((summary.ran, summary.asked(), summary.failures.len()), (3, Some(3), 0));
    assert!(summary.digest != 0 && summary.counts["committed"] > 0, "{summary:?}");
}

#[test]
fn what_fails_is_kept_and_the_line_that_runs_it_again_is_told() {
    let out = folder("fails");
    let found = sim(&format!("run --seeds 0..40 --jobs 1 {LIE} --out {}", out.display()));
    assert_eq!(found.expect("it runs"), Found::Counterexample);
    let summary = Summary::read(&out).expect("it was written");
    let fallen = summary.failures.first().expect("a lie is noticed");
    let kept = PathBuf::from(fallen.artefact.as_ref().expect("it is kept"));
    let block = fs::read_to_string(kept.join("failure.txt")).expect("it is kept");
    for name in
        ["violated", "evidence", "event", "seed", "scenario", "trace", "engine", "replay", "files"]
    {
        assert!(block.lines().any(|line| line.starts_with(name)), "{name}: {block}");
    }
    let scenario = Scenario::parse(&fs::read_to_string(kept.join("scenario.scn")).expect("kept"));
    let again = scenario.expect("ours").run().expect_err("it fails again");
    assert!(block.contains(&format!("trace     {:016x}", again.digest)), "{block}");
    let replay = block.lines().find_map(|line| line.strip_prefix("replay    cargo sim "));
    let replay = replay.expect("it is told");
    assert_eq!(sim(replay).expect("it replays"), Found::Counterexample, "{replay}");
    let folder = format!("replay {}", kept.display());
    assert_eq!(sim(&folder).expect("it replays"), Found::Counterexample);
}

#[test]
fn an_engine_that_is_not_the_first_is_named_in_the_line() {
    let out = folder("cheap");
    let found = sim(&format!("run --engine cheap --seeds 0..10 --out {}", out.display()));
    assert_eq!(found.expect("it runs"), Found::Counterexample);
    let block = fs::read_to_string(out.join("cheap-7/failure.txt")).expect("it is kept");
    assert!(block.contains("replay    cargo sim replay 7 --engine cheap\n"), "{block}");
    assert_eq!(sim("replay 7 --engine cheap").expect("it replays"), Found::Counterexample);
    assert_eq!(sim("replay 8 --engine cheap").expect("it replays"), Found::Nothing);
}

/// What all parts together and the whole must agree on.
fn sum(summary: Summary) -> Summary {
    let (elapsed, processor) = Default::default();
    Summary { elapsed, processor, parts: Vec::new(), ..summary }
}

#[test]
fn parts_run_every_seed_once_and_add_up_to_the_whole() {
    let out = folder("parts");
    let at = |name: &str| out.join(name).display().to_string();
    let campaign = "run --engine cheap --seeds 3..100 --keep-going --profile disk --set chaos=1s";
    sim(&format!("{campaign} --out {}", at("same"))).expect("it runs");
    for index in 0..5 {
        let part = sim(&format!("{campaign} --shard {index}/5 --out {}", at(&index.to_string())));
        part.expect("it runs");
    }
    let parts: Vec<_> =
        (0..5).map(|index| Summary::read(&out.join(index.to_string())).expect("written")).collect();
    assert!(parts.iter().all(|part| part.ran == part.asked().expect("an end") && part.ran > 15));
    let merged = Summary::merge(parts).expect("one campaign");
    assert_eq!((merged.ran, merged.missing()), (97, Vec::<String>::new()));
    let whole = Summary::read(&out.join("same")).expect("written");
    let place = |mut summary: Summary| {
        summary.failures.iter_mut().for_each(|fallen| fallen.artefact = None);
        sum(summary)
    };
    assert_eq!(place(merged), place(whole));

    let report = |parts: &str| {
        let folders: String = parts.split(' ').map(|part| format!(" {}", at(part))).collect();
        sim(&format!("report{folders}"))
    };
    assert_eq!(report("0 1 2 3 4").expect("one campaign"), Found::Counterexample);
    assert!(matches!(report("0 0"), Err(CampaignError::Merge(_))));
    assert!(matches!(report("0 same"), Err(CampaignError::Merge(_))));
    assert!(matches!(report("nowhere"), Err(CampaignError::Unread { .. })));
}

#[test]
fn a_campaign_with_parts_that_are_missing_or_short_is_not_decided() {
    let out = folder("short");
    let at = |name: &str| out.join(name).display().to_string();
    let campaign = "run --engine cheap --seeds 10..17";
    let part = |index: u64| {
        let found = sim(&format!("{campaign} --shard {index}/2 --out {}", at(&index.to_string())));
        found.expect("it runs")
    };
    assert_eq!(part(0), Found::Nothing);
    assert_eq!(sim(&format!("report {}", at("0"))).expect("a part"), Found::Undecided);
    assert_eq!(part(1), Found::Nothing);
    let whole = Summary::read(&out.join("1")).expect("written");
    let short = Summary { ran: whole.ran - 1, ..whole };
    short.write(&out.join("1")).expect("a folder of ours");
    let both = || sim(&format!("report {} {}", at("0"), at("1"))).expect("one campaign");
    assert_eq!(both(), Found::Undecided);
    assert_eq!(part(1), Found::Nothing);
    assert_eq!(both(), Found::Nothing);
    // None of these seeds ends in 7, and there is no time for all of them.
    let hasty = "run --engine cheap --seeds 0..1000000000000 --shard 0/10 --budget 0s";
    let hasty = sim(&format!("{hasty} --out {}", at("hasty")));
    assert_eq!(hasty.expect("it runs"), Found::Undecided);
    let timed =
        format!("run --engine cheap --seeds 10.. --shard 0/10 --budget 0s --out {}", at("timed"));
    assert_eq!(
        sim(&timed).expect("it runs"),
        Found::Nothing,
        "a time was asked for, and no number"
    );
}

#[test]
fn what_makes_no_sense_is_no_counterexample() {
    let out = folder("nonsense");
    let run = |arguments: &str| sim(&format!("run --out {} {arguments}", out.display()));
    for (arguments, word) in [
        ("--set net.link.los_ppm=0", "net.link.loss_ppm"),
        ("--set membership=none", "membership"),
        ("--set chaos", "equals"),
        ("--engine none", "direct and cheap"),
        ("--seeds 7..", "--budget"),
        ("--fresh 10 --shard 0/2", "--seeds"),
    ] {
        let error = run(arguments).expect_err(arguments).to_string();
        assert!(error.contains(word), "{arguments}: {error}");
    }
    assert!(!Summary::is_in(&out), "nothing was run");
    // Fits the first seed, and not every one that comes later.
    let error =
        run("--engine cheap --keep-going --seeds 0..200 --set raft.heartbeat_interval=200ms");
    assert!(matches!(error, Err(CampaignError::Option { .. })), "{error:?}");
    for (line, word) in [
        ("replay nowhere.scn", "nowhere.scn"),
        ("replay 7 --engine none", "direct and cheap"),
        ("minimize 3 --set chaos=1s", "everything holds"),
        ("minimize 3 --out -", "stdout"),
        ("show 3 --from 1s", "ascii"),
        ("bench --idle 2h", "an hour"),
    ] {
        let error = sim(line).expect_err(line).to_string();
        assert!(error.contains(word), "{line}: {error}");
    }
    let file = out.join("a.scn");
    fs::write(&file, "format = 'quorate-scenario/1'").expect("a file");
    let error = |line: &str| sim(&format!("{line} {}", file.display())).expect_err(line);
    assert!(matches!(error("replay --engine cheap"), CampaignError::Unable { .. }));
    assert!(matches!(error("minimize --engine cheap"), CampaignError::Unable { .. }));
    assert!(matches!(error("replay --profile disk"), CampaignError::Arguments { .. }));
    for bad in
        ["--seeds 9..3", "--shard 3/3", "--fresh 0", "--profile none", "--jobs 0", "--budget 5"]
    {
        let words = ["cargo sim", "run"].into_iter().chain(bad.split(' '));
        assert_eq!(Cli::try_parse_from(words).err().map(|why| why.exit_code()), Some(2), "{bad}");
    }
}

#[test]
fn a_folder_that_takes_nothing_is_told_and_not_passed_over() {
    let out = folder("full").join("file");
    fs::write(&out, "in the way").expect("a file");
    let error = sim(&format!("run --engine cheap --seeds 0..9 --out {}", out.display()));
    assert!(matches!(error, Err(CampaignError::Unwritten { .. })), "{error:?}");
    let out = folder("full");
    fs::write(out.join("cheap-7"), "in the way").expect("a file");
    let run = format!("run --engine cheap --seeds 0..30 --keep-going --out {}", out.display());
    let error = sim(&run).expect_err("it cannot be kept").to_string();
    assert!(error.contains("cheap-7"), "the first is told: {error}");
}

#[test]
fn a_failure_is_made_small_drawn_and_what_holds_is_promoted() {
    let out = folder("small");
    let at = |name: &str| out.join(name).display().to_string();
    let more = "--set nemesis.kill=2 --set nemesis.pause=2 --set net.link.loss_ppm=1000";
    let found = sim(&format!("minimize 1 {LIE} {more} --budget 20s --out {}", at("min.scn")));
    assert_eq!(found.expect("it fails"), Found::Counterexample);
    let small = Scenario::parse(&fs::read_to_string(out.join("min.scn")).expect("written"));
    let small = small.expect("ours");
    let mut options = Options::from_seed(1);
    for set in format!("{LIE} {more}").split("--set").skip(1) {
        options.set(set.trim()).expect("it makes sense");
    }
    let (before, after) = (Scenario::of(&options).plan.actions().len(), small.plan.actions().len());
    assert!(after * 2 <= before && before > 3, "{after} of {before}");

    for (format, begins) in [("html", "<!doctype html>"), ("ascii", "     seconds"), ("jsonl", "{")]
    {
        let file = at(format);
        let line = format!("show {} --format {format} --out {file}", at("min.scn"));
        assert_eq!(sim(&line).expect("it is drawn"), Found::Counterexample);
        let text = fs::read_to_string(&file).expect("written");
        assert!(text.starts_with(begins) && text.lines().count() > 5, "{format}: {text:.300}");
    }

    let line = format!("show {} --format ascii --until 1ms --out -", at("min.scn"));
    assert_eq!(sim(&line).expect("it is drawn"), Found::Counterexample);
    assert!(!Path::new("-").exists(), "it is drawn on stdout");

    let promote = |world: &str| {
        let name = ["--name", "a-story", "--what", "What it shows.", "--why", "Why it is kept."];
        let (folder, words) = (at("kept"), ["cargo sim", "promote", world, "--folder"]);
        let words = words.into_iter().chain([folder.as_str()]).chain(name);
        let cli = Cli::try_parse_from(words).expect("arguments");
        command(&cli.command, &Program { name: "cargo sim", engines: &[&Direct] })
    };
    let error = promote(&at("min.scn")).expect_err("it can never pass").to_string();
    assert!(error.contains("sabotage"), "{error}");
    assert_eq!(promote("3").expect("it passes"), Found::Nothing);
    // As the test does that runs all that was kept.
    let text = fs::read_to_string(out.join("kept/0001-a-story.scn")).expect("written");
    assert!(text.starts_with("# What it shows.\n#\n# Why it is kept.\n"), "{text}");
    let kept = Scenario::parse(&text).expect("ours");
    assert_eq!(kept, Scenario::from_seed(3));
    assert_eq!(kept.violation(), None);
}

#[test]
fn what_worlds_come_to_is_counted_and_engines_are_measured() {
    assert_eq!(sim("coverage --seeds 0..2 --set chaos=1s").expect("it runs"), Found::Nothing);
    let cheap = sim("coverage --engine cheap --seeds 0..40 --json").expect("it runs");
    assert_eq!(cheap, Found::Counterexample, "the sevens");
    // Nothing strikes a world without faults, so much of what is common never comes.
    let calm = sim("coverage --seeds 0..30 --profile almost-healthy --set chaos=100ms");
    assert_eq!(calm.expect("it runs"), Found::Undecided);
    assert_eq!(sim("bench --seeds 0..2 --idle 1s").expect("it runs"), Found::Nothing);
    assert_eq!(sim("bench --engine cheap --seeds 0..2 --json").expect("it runs"), Found::Nothing);
    let open = sim("bench --seeds 0..");
    assert!(matches!(open, Err(CampaignError::Arguments { .. })), "{open:?}");
}
