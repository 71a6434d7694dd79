//! What is said about arguments.

use crate::support::quorate;

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
        "explain",
    ];
    for command in commands {
        let path: Vec<_> = command.split(' ').chain(["--help"]).collect();
        let help = quorate(&path).ends_with(0).stdout;
        assert!(help.contains(&format!("Example: quorate {command}")), "{help}");
    }
}

#[test]
fn an_error_is_explained_by_its_code() {
    let ran = quorate(&["explain", "Q0312"]).ends_with(0);
    assert!(ran.stdout.starts_with("Q0312: ") && ran.stdout.contains("Exit code 7"), "{ran:?}");
    assert_eq!(quorate(&["explain", "q0312"]).stdout, ran.stdout);
    quorate(&["explain", "Q9999"]).ends_with(2).says(&["error[Q0101]", "Q9999"]);
}
