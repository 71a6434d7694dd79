//! The commands on the store, against a group of one server.

use std::ffi::OsStr;
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt as _;

use serde_json::{Value, json};

use crate::support::{Scratch, Server, command, quorate};

#[test]
fn values_are_set_read_changed_and_removed() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.data("n1"));
    let no = server.ask(&["get", "lock"]).ends_with(1);
    assert!(no.stdout.is_empty(), "{no:?}");
    server.ask(&["cas", "lock", "--absent", "me"]).ends_with(0);
    server.ask(&["cas", "lock", "--absent", "you"]).ends_with(1).says(&["is me"]);
    server.ask(&["cas", "lock", "me", "you"]).ends_with(0);
    assert_eq!(server.ask(&["get", "lock"]).ends_with(0).stdout, "you\n");
    assert_eq!(server.ask(&["get", "lock", "--at", "stale"]).ends_with(0).stdout, "you\n");
    assert_eq!(server.ask(&["get", "lock", "--at", "lease"]).ends_with(0).stdout, "you\n");
    assert_eq!(server.ask(&["incr", "count"]).ends_with(0).stdout, "1\n");
    assert_eq!(server.ask(&["incr", "count", "-5"]).ends_with(0).stdout, "-4\n");
    server.ask(&["incr", "lock"]).ends_with(1).says(&["error[Q0203]", "no number"]);
    assert_eq!(server.ask(&["list"]).ends_with(0).stdout, "count\t-4\nlock\tyou\n");
    assert_eq!(server.ask(&["list", "", "--limit", "1"]).stdout, "count\t-4\n");
    assert_eq!(server.ask(&["list", "lo"]).stdout, "lock\tyou\n");
    server.ask(&["del", "lock"]).ends_with(0);
    server.ask(&["del", "lock"]).ends_with(1).says(&["no key lock"]);
}

#[test]
fn a_key_may_be_there_for_a_while_and_whoever_watches_is_told() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.data("n1"));
    let version = |text: &str| text.trim_start_matches("version ").trim().to_owned();
    let first = version(&server.ask(&["put", "a/1", "x"]).ends_with(0).stdout);
    let mortal = server.ask(&["put", "a/2", "y z", "--ttl", "300ms"]).ends_with(0).stdout;
    server.ask(&["put", "b", "-"]).ends_with(0);
    server.ask(&["del", "a/1"]).ends_with(0);
    let since = (first.parse::<u64>().unwrap() - 1).to_string();
    let told = server.ask(&["watch", "a/", "--prefix", "--since", &since, "--count", "4"]);
    let told = told.ends_with(0);
    let lines: Vec<Vec<_>> = told.stdout.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(lines[0], [&first, "put", "a/1", "x"]);
    assert_eq!(lines[1], [&version(&mortal), "put", "a/2", "y z"]);
    assert_eq!(lines[2][1..], ["deleted", "a/1"]);
    assert_eq!(lines[3][1..], ["expired", "a/2"]);
    server.ask(&["get", "a/2"]).ends_with(1);

    let json = ["watch", "b", "--since", &since, "--count", "1", "--format", "json"];
    let told = server.ask(&json).ends_with(0).json();
    assert_eq!((&told["change"], &told["value"]), (&json!("put"), &json!("-")));
    assert_eq!(server.ask(&["get", "b", "--at", "stale=10s"]).ends_with(0).stdout, "-\n");
    server.ask(&["get", "b", "--at", "fresh"]).ends_with(2).says(&["stale=500ms"]);
}

/// Three entries a command: its session, the command, and the end of the session.
#[test]
fn a_command_leaves_no_session_behind() {
    let scratch = Scratch::new();
    let data = scratch.data("n1");
    let settings = format!("{data}/quorate.toml");
    let text = std::fs::read_to_string(&settings).expect("there are settings");
    // The time is written down once, with the first command.
    let text = text.replace("#time_resolution_ms = 10", "time_resolution_ms = 3600000");
    std::fs::write(settings, text).expect("settings can be written");
    let server = Server::start(&data);
    let commit = || {
        let status = server.ask(&["status", "--format", "json"]).ends_with(0).json();
        status["servers"][0]["commit"].as_u64().expect("a number")
    };
    let reaches = |index: u64| (0..100).any(|_| commit() == index);
    server.ask(&["get", "k"]).ends_with(1);
    let before = commit();
    server.ask(&["put", "k", "0"]).ends_with(0);
    assert!(reaches(before + 4), "{} entries", commit() - before);
    let before = before + 4;
    server.ask(&["put", "k", "1"]).ends_with(0);
    assert!(reaches(before + 3), "{} entries", commit() - before);
    server.ask(&["put", "k", "2"]).ends_with(0);
    assert!(reaches(before + 6), "{} entries", commit() - before);
}

#[test]
fn only_what_was_asked_for_is_said() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.data("n1"));
    let loud = server.ask(&["get", "k"]).ends_with(1);
    loud.says(&["there is no key k"]);
    let quiet = server.ask(&["--quiet", "get", "k"]).ends_with(1);
    assert_eq!((&quiet.stdout[..], &quiet.stderr[..]), ("", ""));
    server.ask(&["get", "-vv", "k"]).ends_with(1).says(&[
        "DEBUG",
        "a server was reached",
        "there is no key k",
    ]);
    quorate(&["get", "-q", "-v", "k"]).ends_with(2);
}

#[test]
fn answers_are_objects_for_programs() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.data("n1"));
    let ask = |args: &[&str]| server.ask(&[args, &["--format", "json"]].concat());
    let version = ask(&["put", "k", "v"]).ends_with(0).json()["version"].clone();
    let row = json!({ "v": 1, "key": "k", "value": "v", "version": version });
    assert_eq!(ask(&["get", "k"]).ends_with(0).json(), row);
    assert_eq!(ask(&["list"]).ends_with(0).json(), row);
    assert_eq!(ask(&["get", "x"]).ends_with(1).json()["absent"], true);
    let lost = ask(&["cas", "k", "other", "new"]).ends_with(1).json();
    assert_eq!((&lost["swapped"], &lost["current"]["value"]), (&json!(false), &json!("v")));
    assert_eq!(ask(&["incr", "n", "3"]).ends_with(0).json()["value"], 3);

    let mut put = command(&["put", "bytes", "--servers", &server.address]);
    put.arg(OsStr::from_bytes(b"\xff\xfe"));
    assert!(put.output().expect("the binary can be run").status.success());
    assert_eq!(ask(&["get", "bytes"]).ends_with(0).json()["value"], json!({ "b64": "//4=" }));
    let output = command(&["get", "bytes", "--servers", &server.address]).output();
    assert_eq!(output.expect("the binary can be run").stdout, b"\xff\xfe\n");
}

#[test]
fn the_servers_may_stand_in_the_environment() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.data("n1"));
    let put = command(&["put", "k", "v"]).env("QUORATE_SERVERS", &server.address).output();
    assert!(put.expect("the binary can be run").status.success());
}

#[test]
fn without_a_server_nothing_is_changed_and_that_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("an address").to_string();
    drop(listener);
    let ask =
        |args: &[&str]| quorate(&[args, &["--servers", &address, "--timeout", "300ms"]].concat());
    ask(&["put", "k", "v"]).ends_with(3).says(&["error[Q0201]", "cause: ", "help: "]);
    ask(&["get", "k"]).ends_with(3).says(&["error[Q0201]"]);
    ask(&["status"]).ends_with(3).says(&["error[Q0201]"]);
}

#[test]
fn the_status_of_a_group_says_what_it_can_lose() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.data("n1"));
    server.ask(&["put", "k", "v"]).ends_with(0);
    let table = server.ask(&["status"]).ends_with(0).stdout;
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[0].ends_with("can lose no more servers"), "{table}");
    assert!(lines[1].starts_with("node  role    term  commit  applied  behind"), "{table}");
    assert!(lines[2].starts_with("1     leader  1"), "{table}");
    let object: Value = server.ask(&["status", "--format", "json"]).ends_with(0).json();
    assert_eq!((&object["leader"], &object["can_lose"]), (&json!(1), &json!(0)));
    assert_eq!(object["servers"][0]["address"], server.address.as_str());
}
