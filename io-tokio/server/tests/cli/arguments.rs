//! What is said about arguments.

use crate::support::{Scratch, contents, quorate};

#[test]
fn an_unknown_flag_is_a_usage_error_with_a_suggestion() {
    let ran = quorate(&["serve", "somewhere", "--lissten", "a:1"]).ends_with(2);
    assert!(ran.stdout.is_empty(), "{ran:?}");
    ran.says(&["--lissten", "--listen"]);
}

#[test]
fn nonsense_in_an_argument_is_named() {
    let init = ["init", "somewhere", "--cluster", "c", "--node", "1", "--peers"];
    quorate(&[&init[..], &["1=nowhere"]].concat()).ends_with(2).says(&["HOST:PORT"]);
    quorate(&[&init[..], &["0=a:1"]].concat()).ends_with(2).says(&["from 1"]);
    quorate(&["get", "k", "--timeout", "10"]).ends_with(2).says(&["unit"]);
    quorate(&["cas", "k", "old"]).ends_with(2);
    quorate(&["cas", "k", "old", "new", "--absent"]).ends_with(2);
}

#[test]
fn the_help_has_the_exit_codes_and_every_command_an_example() {
    let help = quorate(&["--help"]).ends_with(0).stdout;
    for line in ["  0  yes, or done", "  9  a check ran out", " 74  the disk failed"] {
        assert!(help.contains(line), "{line:?} is missing in {help}");
    }
    let commands = [
        "init",
        "serve",
        "dev",
        "put",
        "get",
        "del",
        "cas",
        "incr",
        "list",
        "status",
        "wal dump",
        "wal verify",
        "check history",
        "demo",
        "sim run",
        "sim replay",
        "sim show",
        "config show",
        "explain",
        "completions",
        "man",
    ];
    for command in commands {
        let path: Vec<_> = command.split(' ').chain(["--help"]).collect();
        let help = quorate(&path).ends_with(0).stdout;
        assert!(help.contains(&format!("Example: quorate {command}")), "{help}");
    }
}

#[test]
fn shells_and_readers_of_manuals_find_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = quorate(&["completions", shell]).ends_with(0).stdout;
        assert!(script.contains("completions") && script.contains("verify"), "{shell}: {script}");
    }
    let page = quorate(&["man"]).ends_with(0).stdout;
    assert!(page.contains(".TH quorate") && page.contains("Exit codes"), "{page}");
    let scratch = Scratch::new();
    let path = scratch.path().to_str().expect("UTF-8");
    quorate(&["man", "--dir", path]).ends_with(0);
    assert!(contents(path).contains_key("quorate-wal-verify.1"), "{:?}", contents(path).keys());
    quorate(&["man", "--dir", &scratch.at("none")]).ends_with(74).says(&["error[Q0103]"]);
}

#[test]
fn errors_have_colours_if_they_are_wanted() {
    let error = |when: &[&str]| quorate(&[when, &["explain", "Q9999"]].concat()).stderr;
    assert!(error(&["--color", "always"]).starts_with("\x1b[1;31merror[Q0101]\x1b[0m: "));
    for when in [&[][..], &["--color", "auto"], &["--color", "never"]] {
        assert!(error(when).starts_with("error[Q0101]: "), "{when:?}: it is no terminal");
    }
}

#[test]
fn an_error_is_explained_by_its_code() {
    let ran = quorate(&["explain", "Q0312"]).ends_with(0);
    assert!(ran.stdout.starts_with("Q0312: ") && ran.stdout.contains("Exit code 7"), "{ran:?}");
    assert_eq!(quorate(&["explain", "q0312"]).stdout, ran.stdout);
    quorate(&["explain", "Q9999"]).ends_with(2).says(&["error[Q0101]", "Q9999"]);
}
