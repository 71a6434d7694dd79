//! The demo judges by what its callers saw, and is not to be fooled.

use crate::support::{Scratch, quorate};

#[test]
fn the_demo_notices_a_write_that_vanishes() {
    let scratch = Scratch::new();
    let directory = scratch.at("demo");
    let demo = quorate(&["demo", "--seconds", "15", "--dir", &directory, "--lie"]).ends_with(8);
    let parts = [
        "act 1",
        "act 5",
        "BAD  acknowledged writes lost: 1 of",
        "ok   increments applied twice: 0",
        "NOT LINEARIZABLE",
    ];
    for part in parts {
        assert!(demo.stdout.contains(part), "{part:?} is missing in {demo:#?}");
    }
    let history = format!("{directory}/history.jsonl");
    let judged = quorate(&["check", "history", &history]).ends_with(8);
    assert!(judged.stdout.contains("violation"), "{judged:#?}");
}

#[test]
fn the_demo_removes_nothing_that_it_has_not_made() {
    let scratch = Scratch::new();
    let precious = scratch.file("thesis.txt", "years of work");
    let directory = scratch.path().display().to_string();
    quorate(&["demo", "--dir", &directory]).ends_with(3).says(&["no demo has made it"]);
    assert!(std::path::Path::new(&precious).exists());
}
