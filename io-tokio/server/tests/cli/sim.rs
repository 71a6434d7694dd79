//! Simulated worlds, from the binary that everybody has.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Ran, Scratch, command, quorate, run};

/// Short worlds of three servers that lie to their clients.
const LIE: [&str; 10] = [
    "--set",
    "membership=3",
    "--set",
    "chaos=1s",
    "--set",
    "nemesis.every=1s",
    "--set",
    "nemesis.power=1",
    "--set",
    "sabotage=lying-disks",
];

/// The value of a line of a name and a value.
fn value<'a>(ran: &'a Ran, name: &str) -> &'a str {
    let line = ran.stdout.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("{name:?} is missing in {ran:#?}")).trim()
}

fn summary(folder: &str) -> Value {
    let text = fs::read_to_string(format!("{folder}/summary.json")).expect("there is a summary");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn worlds_hold_and_each_is_the_same_again() {
    let scratch = Scratch::new();
    let out = scratch.at("out");
    let ran = quorate(&["sim", "run", "--seeds", "0..3", "--set", "chaos=1s", "--out", &out]);
    let ran = ran.ends_with(0);
    assert!(ran.stdout.contains("3 ran, 0 failed, 0 undecided"), "{ran:#?}");
    assert_eq!(summary(&out)["ran"], 3);
    let replay = || quorate(&["sim", "replay", "2", "--set", "chaos=1s"]).ends_with(0);
    let (first, second) = (replay(), replay());
    assert_eq!(value(&first, "holds"), "everything");
    assert_eq!(value(&first, "trace"), value(&second, "trace"));
}

#[test]
fn a_lie_is_told_in_one_block_whose_replay_is_the_same_run() {
    let scratch = Scratch::new();
    let out = scratch.at("out");
    let args = ["sim", "run", "--seeds", "0..40", "--jobs", "1", "--out", &out];
    let ran = quorate(&[&args[..], &LIE].concat()).ends_with(8);
    assert!(value(&ran, "violated").starts_with("ServersStart: "), "{ran:#?}");
    for name in ["evidence", "event", "seed", "scenario", "engine", "files"] {
        assert!(!value(&ran, name).is_empty(), "{name}");
    }
    let replay = value(&ran, "replay").strip_prefix("quorate ").expect("a command of this program");
    let words: Vec<_> = replay.split(' ').collect();
    let folder = value(&ran, "files");
    for again in [&words[..], &["sim", "replay", folder]] {
        let again = quorate(again).ends_with(8);
        assert_eq!(value(&again, "trace"), value(&ran, "trace"));
        assert_eq!(value(&again, "event"), value(&ran, "event"));
    }
    for name in ["scenario.scn", "trace.txt", "failure.txt", "history.jsonl"] {
        assert!(fs::exists(format!("{folder}/{name}")).is_ok_and(|is_there| is_there), "{name}");
    }
    let page = scratch.at("bad.html");
    quorate(&["sim", "show", folder, "--out", &page]).ends_with(8).says(&["ServersStart"]);
    let page = fs::read_to_string(page).expect("it was drawn");
    assert!(page.starts_with("<!doctype html>") && page.contains("Violated: ServersStart"));
    let lines = quorate(&["sim", "show", folder, "--format", "ascii"]).ends_with(8);
    assert!(lines.stdout.contains("what happened"), "{lines:?}");
    let until = ["sim", "show", folder, "--format", "ascii", "--until", "10ms"];
    let some = quorate(&until).ends_with(8);
    assert!(some.stdout.len() < lines.stdout.len() / 2 && lines.stdout.contains("serves"));
    let json = quorate(&["sim", "show", folder, "--format", "jsonl"]).ends_with(8).stdout;
    assert!(json.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
}

#[test]
fn what_makes_no_sense_is_a_usage_error_and_no_counterexample() {
    let scratch = Scratch::new();
    let out = scratch.at("out");
    let sim = |args: &[&str]| quorate(&[&["sim", "run", "--out", &out], args].concat());
    let ran = sim(&["--set", "net.link.los_ppm=0"]).ends_with(2);
    assert!(ran.stdout.is_empty(), "{ran:#?}");
    ran.says(&["error[Q0104]", "did you mean net.link.loss_ppm", "help:"]);
    for (args, word) in [
        (&["--seeds", "9..3"][..], "0..1000"),
        (&["--seeds", "7.."], "--budget"),
        (&["--fresh", "2", "--shard", "0/2"], "--seeds"),
        (&["--engine", "madsim"], "there is direct"),
        (&["--shard", "2"], "2/16"),
        (&["--shard", "2/2", "--seeds", "0..9"], "the first is 0"),
        (&["--profile", "chaos"], "almost-healthy"),
    ] {
        sim(args).ends_with(2).says(&[word]);
    }
    quorate(&["sim", "replay", "nowhere"])
        .ends_with(2)
        .says(&["nowhere", "the folder of a failure"]);
    assert!(!fs::exists(format!("{out}/summary.json")).expect("it can be seen"));
}

#[test]
fn a_campaign_that_is_told_to_end_says_what_it_has_found() {
    let scratch = Scratch::new();
    let out = scratch.at("out");
    let args = ["sim", "run", "--fresh", "1000000", "--jobs", "1", "--out", &out];
    let mut campaign = command(&args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary can be run");
    let mut line = String::new();
    let stderr = campaign.stderr.as_mut().expect("it is piped");
    BufReader::new(stderr).read_line(&mut line).expect("a line");
    assert!(line.starts_with("seeds "), "{line}");
    kill_process(Pid::from_child(&campaign), Signal::TERM).expect("it runs");
    let output = campaign.wait_with_output().expect("it ends");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("of 1000000 ran, 0 failed"), "{stdout}");
    assert_eq!(output.status.code(), Some(9));
    assert!(summary(&out)["ran"].as_u64() > Some(0));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let mut show = command(&["sim", "show", "0", "--set", "chaos=100ms", "--format", "ascii"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary can be run");
    drop(show.stdout.take());
    let output = show.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), &output.stderr[..]), (Some(0), &b""[..]));
}

#[test]
fn a_batch_system_says_which_part_it_is() {
    let scratch = Scratch::new();
    let part = |variables: &[(&str, &str)], shard: &str, name: &str| {
        let out = scratch.at(name);
        let args = ["sim", "run", "-q", "--seeds", "0..5", "--set", "chaos=100ms"];
        let mut command = command(&[&args[..], &["--shard", shard, "--out", &out]].concat());
        for name in ["JOB_COMPLETION_INDEX", "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT"] {
            command.env_remove(name);
        }
        (run(command.envs(variables.iter().copied())), out)
    };
    let (ran, out) = part(&[("JOB_COMPLETION_INDEX", "1")], "/2", "kubernetes");
    ran.ends_with(0);
    assert_eq!((&summary(&out)["parts"][0], &summary(&out)["ran"]), (&"1/2".into(), &2.into()));
    let slurm = [
        ("SLURM_ARRAY_TASK_ID", "1"),
        ("SLURM_ARRAY_TASK_MIN", "1"),
        ("SLURM_ARRAY_TASK_COUNT", "2"),
    ];
    let (ran, out) = part(&slurm, "auto", "slurm");
    ran.ends_with(0);
    assert_eq!((&summary(&out)["parts"][0], &summary(&out)["ran"]), (&"0/2".into(), &3.into()));
    let (ran, _) = part(&[], "/2", "none");
    ran.ends_with(2).says(&["JOB_COMPLETION_INDEX", "SLURM_ARRAY_TASK_ID"]);
    let (ran, _) = part(&[("JOB_COMPLETION_INDEX", "1")], "auto", "uncounted");
    ran.ends_with(2).says(&["/16"]);
}
