//! Verdicts over files.

use std::fmt::Write as _;

use crate::support::{Scratch, quorate};

const GOOD: &str = r#"{"format":"lin-history/1","model":"cas-register","init":0}
{"p":1,"e":"invoke","f":"write","v":5}
{"p":1,"e":"ok"}
{"p":2,"e":"invoke","f":"read"}
{"p":2,"e":"ok","r":5}
"#;

/// Many writes at once, and reads that see one value, another, and the first again: every order
/// of the writes has to be tried.
fn hard() -> String {
    let mut text = String::from(r#"{"format":"lin-history/1","model":"cas-register","init":0}"#);
    let writers = 1..=22;
    for writer in writers.clone() {
        let _ =
            write!(text, "\n{{\"p\":{writer},\"e\":\"invoke\",\"f\":\"write\",\"v\":{writer}}}");
    }
    for read in [1, 2, 1] {
        let _ = write!(text, "\n{{\"p\":99,\"e\":\"invoke\",\"f\":\"read\"}}");
        let _ = write!(text, "\n{{\"p\":99,\"e\":\"ok\",\"r\":{read}}}");
    }
    for writer in writers {
        let _ = write!(text, "\n{{\"p\":{writer},\"e\":\"ok\"}}");
    }
    text
}

#[test]
fn each_file_has_a_verdict_and_the_worst_decides() {
    let scratch = Scratch::new();
    let good = scratch.file("good", GOOD);
    let bad = scratch.file("bad", &GOOD.replace("\"r\":5", "\"r\":7"));
    let no_json = scratch.file("no-json", &GOOD.replace("\"r\":5}", "\"r\":5"));
    let hard = scratch.file("hard", &hard());
    let check =
        |files: &[&str]| quorate(&[&["check", "history", "--budget", "0ms"][..], files].concat());

    let ran = check(&[&good]).ends_with(0);
    assert!(ran.stdout.starts_with(&format!("{good}: linearizable")), "{ran:?}");
    let ran = check(&[&bad]).ends_with(8);
    assert!(ran.stdout.contains(": violation") && ran.stdout.contains("line 5"), "{ran:?}");
    let ran = check(&[&hard]).ends_with(9);
    assert!(ran.stdout.contains(": undecided"), "{ran:?}");
    check(&[&no_json]).ends_with(2).says(&["error[Q0501]", &no_json, "line 5"]);
    check(&[&scratch.at("none")]).ends_with(2).says(&["error[Q0501]", "No such file"]);

    let ran = check(&[&good, &no_json, &bad, &hard]).ends_with(8);
    assert_eq!(ran.stdout.lines().count(), 3, "all files are looked at: {ran:?}");
    check(&[&hard, &no_json, &good]).ends_with(2);
    check(&[&good, &hard]).ends_with(9);
}

#[test]
fn verdicts_are_objects_for_programs() {
    let scratch = Scratch::new();
    let bad = scratch.file("bad", &GOOD.replace("\"r\":5", "\"r\":7"));
    let object = quorate(&["check", "history", &bad, "--format", "json"]).ends_with(8).json();
    assert_eq!(object["verdict"], "violation");
    assert_eq!(object["file"], bad.as_str());
    assert_eq!(object["stuck"]["answered_line"], 5);
    assert!(object["elapsed_ms"].is_number(), "{object}");
}
