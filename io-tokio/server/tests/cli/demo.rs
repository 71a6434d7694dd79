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
        "act 6  simulated, bare cores",
        "act 6  simulated, whole servers",
        "clients are told other values than there are",
        "noticed by HistoryIsLinearizable",
        "ok   planted lies: 8 of 8 noticed; without them the same worlds hold",
    ];
    for part in parts {
        assert!(demo.stdout.contains(part), "{part:?} is missing in {demo:#?}");
    }
    let page = std::fs::read_to_string(format!("{directory}/report/index.html"));
    let page = page.expect("there is a page");
    let parts = [
        "a promise was broken",
        "<svg",
        "kill -9 all three",
        "NOT LINEARIZABLE",
        "the simulation act",
        "noticed by",
        "href=bad-run.html",
    ];
    let page = page.to_lowercase();
    for part in parts {
        assert!(page.contains(&part.to_lowercase()), "{part:?} is missing in the page");
    }
    assert!(!page.contains("http"), "it needs nothing but itself");
    let picture = std::fs::read_to_string(format!("{directory}/report/bad-run.html"));
    let picture = picture.expect("there is a picture of a bad run");
    assert!(picture.contains("Violated: HistoryIsLinearizable") && picture.contains("knot"));
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
