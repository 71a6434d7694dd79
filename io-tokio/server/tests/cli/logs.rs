//! Logs of servers that do not run.

use std::fs;

use serde_json::Value;

use crate::support::{Scratch, Server, contents, quorate};

/// A directory whose server has acknowledged two values and was killed.
fn written(scratch: &Scratch) -> String {
    let path = scratch.data("n1");
    let server = Server::start(&path);
    server.ask(&["put", "first", "needle-one"]).ends_with(0);
    server.ask(&["put", "second", "needle-two"]).ends_with(0);
    server.kill();
    path
}

#[test]
fn a_sound_log_is_called_good_and_left_alone() {
    let scratch = Scratch::new();
    let path = written(&scratch);
    let before = contents(&path);
    let ran = quorate(&["wal", "verify", &path]).ends_with(0);
    assert!(ran.stdout.contains(": good: "), "{ran:?}");
    let object = quorate(&["wal", "verify", &path, "--format", "json"]).ends_with(0).json();
    assert_eq!(object["verdict"], "good");
    assert!(object["records"].as_u64() >= Some(3), "{object}");
    assert_eq!(contents(&path), before);
}

#[test]
fn a_dump_shows_every_part_and_commands_only_when_asked() {
    let scratch = Scratch::new();
    let path = written(&scratch);
    let before = contents(&path);
    let dump = quorate(&["wal", "dump", &path]).ends_with(0).stdout;
    for part in
        ["ident    server 1 of cluster", "state    0 good", "segment  seg-", "command index"]
    {
        assert!(dump.contains(part), "{part:?} is missing in {dump}");
    }
    assert!(!dump.contains("needle"), "{dump}");
    let bodies = quorate(&["wal", "dump", &path, "--bodies"]).ends_with(0).stdout;
    assert!(bodies.contains("needle-two"), "{bodies}");

    let lines =
        quorate(&["wal", "dump", &path, "--format", "json", "--bodies"]).ends_with(0).stdout;
    let findings: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    assert!(findings.iter().all(|finding| finding["v"] == 1));
    let commands = findings.iter().filter(|finding| finding["kind"] == "command");
    assert!(commands.count() >= 2, "{lines}");
    assert!(findings.iter().any(|finding| !finding["body"].is_null()), "{lines}");
    assert_eq!(contents(&path), before);
}

#[test]
fn a_log_that_lost_what_was_acknowledged_is_refused_with_advice_and_not_touched() {
    let scratch = Scratch::new();
    let path = written(&scratch);
    let (file, mut bytes) = contents(&path)
        .into_iter()
        .find(|(name, bytes)| name.ends_with(".qrw") && find(bytes, b"needle-one").is_some())
        .expect("the value is in the log");
    let place = find(&bytes, b"needle-one").expect("the value is in the log");
    bytes[place] ^= 1;
    fs::write(format!("{path}/{file}"), bytes).expect("damaged");

    let before = contents(&path);
    let ran = quorate(&["serve", &path]).ends_with(6);
    ran.says(&["error[Q0315]", "cause: a batch", &file, "rejoin as a new member"]);
    let ran = quorate(&["wal", "verify", &path]).ends_with(6);
    assert!(ran.stdout.is_empty(), "{ran:?}");
    ran.says(&["error[Q0315]", &file]);
    let dump = quorate(&["wal", "dump", &path]).ends_with(0).stdout;
    assert!(dump.contains("wrong-records"), "{dump}");
    assert_eq!(contents(&path), before, "nothing was changed");
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}
