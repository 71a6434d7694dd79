//! Which directories a server starts from, and which it refuses.

use std::fs;

use crate::support::{Scratch, Server, command, contents, in_shell, quorate, run};

#[test]
fn a_missing_directory_is_refused_and_not_made() {
    let scratch = Scratch::new();
    for verb in [&["serve"][..], &["wal", "verify"], &["wal", "dump"]] {
        let path = scratch.at("n1");
        let ran = quorate(&[verb, &[&path]].concat()).ends_with(7);
        ran.says(&["error[Q0301]", &path, "quorate init"]);
        assert!(!fs::exists(&path).expect("a path"), "{verb:?}");
    }
}

#[test]
fn an_empty_directory_is_refused_and_stays_empty() {
    let scratch = Scratch::new();
    let path = scratch.path().to_str().expect("UTF-8");
    quorate(&["serve", path]).ends_with(7).says(&["error[Q0312]", "quorate init"]);
    assert!(contents(path).is_empty() && !fs::exists(scratch.at("LOCK")).expect("a path"));
}

#[test]
fn a_directory_that_is_not_empty_is_not_made_one() {
    let scratch = Scratch::new();
    let note = scratch.file("note", "mine");
    let path = scratch.path().to_str().expect("UTF-8");
    let ran = quorate(&["init", path, "--node", "1", "--peers", "1=a:1", "--cluster", "c"]);
    ran.ends_with(7).says(&["error[Q0313]", "not empty"]);
    assert_eq!(fs::read_to_string(note).expect("still there"), "mine");
    assert_eq!(contents(path).len(), 1);
}

#[test]
fn an_empty_directory_is_made_one_and_only_once() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.at("n1")).expect("a directory");
    let path = scratch.data("n1");
    let made = contents(&path);
    let names: Vec<_> = made.keys().map(String::as_str).collect();
    assert_eq!(names, ["IDENT", "quorate.toml", "state.qrs"]);
    let again = quorate(&["init", &path, "--node", "1", "--peers", "1=a:1", "--cluster", "c"]);
    again.ends_with(7).says(&["error[Q0313]"]);
    assert_eq!(contents(&path), made);
    let nothing_else = contents_names(&scratch);
    assert_eq!(nothing_else, ["n1"], "no temporary stays behind");
}

#[test]
fn members_must_make_sense() {
    let scratch = Scratch::new();
    let path = scratch.at("n1");
    let init =
        |node, peers| quorate(&["init", &path, "--cluster", "c", "--node", node, "--peers", peers]);
    init("3", "1=a:1,2=a:2").ends_with(2).says(&["error[Q0102]", "server 3"]);
    init("1", "1=a:1,1=a:2").ends_with(2).says(&["error[Q0102]", "twice"]);
    assert!(contents_names(&scratch).is_empty());
}

#[test]
fn the_directory_of_another_server_is_refused() {
    let scratch = Scratch::new();
    let (mine, other) = (scratch.data("mine"), scratch.data("other"));
    fs::copy(format!("{other}/state.qrs"), format!("{mine}/state.qrs")).expect("a copy");
    let before = contents(&mine);
    let ran = quorate(&["serve", &mine]).ends_with(7);
    ran.says(&["error[Q0314]", "state.qrs belongs to", "put back"]);
    quorate(&["wal", "verify", &mine]).ends_with(7).says(&["error[Q0314]"]);
    assert_eq!(contents(&mine), before);
}

#[test]
fn a_directory_in_use_is_refused_to_everybody() {
    let scratch = Scratch::new();
    let path = scratch.data("n1");
    let server = Server::start(&path);
    for verb in [&["serve"][..], &["wal", "verify"], &["wal", "dump"]] {
        let ran = quorate(&[verb, &[&path]].concat()).ends_with(7);
        assert!(ran.stdout.is_empty(), "{ran:?}");
        ran.says(&["error[Q0311]", "another process", "stop that process"]);
    }
    server.ask(&["put", "still", "there"]).ends_with(0);
}

#[test]
fn misspelled_settings_are_refused_with_their_line() {
    let scratch = Scratch::new();
    let path = scratch.data("n1");
    let settings = format!("{path}/quorate.toml");
    let text = fs::read_to_string(&settings).expect("there are settings");
    fs::write(&settings, text.replace("listen", "lissten")).expect("written");
    quorate(&["serve", &path]).ends_with(2).says(&["error[Q0320]", "line 4", "lissten"]);
}

/// With as few files as these, one step after the other would fail.
#[test]
fn a_server_that_may_open_hardly_any_file_says_so_and_changes_nothing() {
    let scratch = Scratch::new();
    let path = scratch.data("n1");
    let before = contents(&path);
    for files in [8, 13, 63] {
        let mut command = in_shell(&format!("ulimit -n {files}; exec \"$0\" \"$@\""));
        let ran = run(command.args(["serve", &path])).ends_with(3);
        ran.says(&["error[Q0405]", &format!("{files} open files"), "at least 64"]);
        assert_eq!(contents(&path), before);
    }
}

/// Shells and service managers often set a low limit that a process may raise.
#[test]
fn a_server_takes_as_many_files_as_it_may_open() {
    let scratch = Scratch::new();
    let path = scratch.data("n1");
    let mut command = in_shell("ulimit -Hn 512; ulimit -Sn 16; exec \"$0\" \"$@\"");
    command.args(["serve", &path, "--log-format", "json"]);
    let server = Server::run(command);
    server.ask(&["put", "k", "v"]).ends_with(0);
}

/// Everything is there: locks, renames, syncs; only not for long.
#[test]
fn a_directory_in_memory_is_warned_of_and_used() {
    let scratch = Scratch::within(std::path::Path::new("/dev/shm"));
    let path = scratch.data("n1");
    let mut server = Server::spawn(command(&["serve", &path, "--log-format", "json"]));
    let warning = server.wait_for("the data directory is in memory: a power cut loses it");
    assert_eq!(warning["level"], "WARN");
    server.listens();
    server.ask(&["put", "k", "v"]).ends_with(0);
    server.kill();
    let server = Server::start(&path);
    assert_eq!(server.ask(&["get", "k"]).ends_with(0).stdout, "v\n");
}

/// A group of one has nobody who would know better; no group does as yet.
#[test]
fn an_old_backup_that_is_put_back_is_not_noticed() {
    let scratch = Scratch::new();
    let path = scratch.data("n1");
    let put = |value: &str| {
        let server = Server::start(&path);
        server.ask(&["put", "k", value]).ends_with(0);
        server.signal("TERM");
        assert_eq!(server.wait().0, Some(0));
    };
    put("old");
    let backup = contents(&path);
    put("new");
    fs::remove_dir_all(&path).expect("removed");
    fs::create_dir(&path).expect("a directory");
    for (name, bytes) in backup {
        fs::write(format!("{path}/{name}"), bytes).expect("written");
    }
    let server = Server::start(&path);
    assert_eq!(server.ask(&["get", "k"]).ends_with(0).stdout, "old\n");
}

#[test]
fn each_setting_is_shown_with_where_it_comes_from() {
    let scratch = Scratch::new();
    let path = scratch.data("n1");
    let mut show =
        command(&["config", "show", &path, "--http", "localhost:80", "--format", "json"]);
    let shown = run(show.env("QUORATE_LISTEN", "127.0.0.1:9")).ends_with(0).json();
    let setting = |key: &str| {
        let setting = &shown["settings"][key];
        (setting["value"].clone(), setting["from"].as_str().expect("text").to_owned())
    };
    let file = format!("{path}/quorate.toml");
    assert_eq!(setting("listen"), ("127.0.0.1:9".into(), "QUORATE_LISTEN".to_owned()));
    assert_eq!(setting("http"), ("localhost:80".into(), "--http".to_owned()));
    assert_eq!(setting("peers.1"), ("127.0.0.1:0".into(), file.clone()));
    assert_eq!(setting("tuning.segment_mib"), (1.into(), file.clone()));
    assert_eq!(setting("tuning.request_timeout_ms"), (5000.into(), "default".to_owned()));
    let table = quorate(&["config", "show", &path]).ends_with(0).stdout;
    assert!(table.contains("tuning.segment_mib") && table.contains(&file), "{table}");
    quorate(&["config", "show", &scratch.at("none")]).ends_with(2).says(&["error[Q0320]"]);
}

fn contents_names(scratch: &Scratch) -> Vec<String> {
    let entries = fs::read_dir(scratch.path()).expect("a directory");
    entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect()
}
