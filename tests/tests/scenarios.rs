//! Conformance: rows of facts about Raft, run against the core; see `quorate_tests::scenarios`.

use std::path::PathBuf;

use quorate_tests::scenarios::{Reasons, Verdict, run_directory, run_row};

fn data(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "data", name].iter().collect()
}

fn reasons() -> Reasons {
    let table = std::fs::read_to_string(data("not_applicable.txt")).expect("the table is there");
    Reasons::parse(&table).unwrap_or_else(|error| panic!("{error}"))
}

/// `QUORATE_SCENARIOS=DIR cargo test scenarios -- --nocapture` runs those of another directory.
#[test]
fn scenarios() {
    let directory = std::env::var_os("QUORATE_SCENARIOS");
    let directory = directory.map_or_else(
        || data("scenarios"),
        |name| {
            // Tests run in their package's directory; people name a path from the one above.
            let here = PathBuf::from(name);
            let above = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(&here);
            if here.exists() { here } else { above }
        },
    );
    let summary = run_directory(&directory, &reasons())
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    println!("{summary}");
    let failed: Vec<_> = summary.failures().map(|outcome| outcome.id.as_str()).collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert!(!summary.outcomes.is_empty(), "no rows in {}", directory.display());
}

/// Our own rows are either run, or the table says why not.
#[test]
fn scenarios_of_ours_are_all_known() {
    let reasons = reasons();
    let summary = run_directory(&data("scenarios"), &reasons).expect("rows can be read");
    for outcome in &summary.outcomes {
        if let Verdict::NotApplicable(why) = &outcome.verdict {
            assert!(!why.starts_with("unknown"), "{}: {why}", outcome.id);
        }
    }
    let ids: Vec<_> = summary.outcomes.iter().map(|outcome| outcome.id.as_str()).collect();
    assert!(reasons.names("id").all(|id| ids.contains(&id)), "a reason for a row that is gone");
}

/// A row that passes, until something in it is changed.
const ROW: &str = r#"{"id": "X-1", "topic": "x", "kind": "node", "given": {"id": 1,
    "members": {"voters": [1, 2, 3]}, "term": 1, "log": [[1, 1]], "role": "leader"},
    "when": [{"propose": 1}, {"recv": {"type": "append_resp", "from": 2, "term": 1, "ok": true,
    "match": 2}}], "then": {"commit": 2, "role": "leader", "sent": [{"type": "heartbeat_req",
    "to": 2, "commit": 2}], "progress": {"2": {"match": 2, "state": "replicate"}}}}"#;

/// The row passes, and fails if one of these places in it says something else.
fn each_fails(row: &str, changes: &[(&str, &str)]) {
    let verdict = |row: &str| run_row(row, "x", &reasons()).verdict;
    assert_eq!(verdict(row), Verdict::Pass);
    for (right, wrong) in changes {
        assert_eq!(row.matches(right).count(), 1, "{right}");
        let verdict = verdict(&row.replace(right, wrong));
        assert!(matches!(verdict, Verdict::Fail(_)), "{wrong}: {verdict:?}");
    }
}

#[test]
fn scenarios_that_expect_something_else_fail() {
    let wrong = [
        (r#""then": {"commit": 2"#, r#""then": {"commit": 1"#),
        (r#""role": "leader", "sent""#, r#""role": "follower", "sent""#),
        (r#""to": 2, "commit": 2"#, r#""to": 2, "commit": 1"#),
        (r#"{"2": {"match": 2"#, r#"{"2": {"match": 1"#),
        (r#""then": {"#, r#""then": {"log": [[1, 1]], "#),
        (r#""then": {"#, r#""then": {"term": 2, "#),
        (r#""then": {"#, r#""then": {"vote": 2, "#),
        (r#""then": {"#, r#""then": {"leader": 0, "#),
        (r#""then": {"#, r#""then": {"panic": true, "#),
        (r#""then": {"#, r#""then": {"members": {"voters": [1]}, "#),
        (r#""then": {"#, r#""then": {"sent_count": {"append_req": 7}, "#),
        (r#""then": {"#, r#""then": {"not_sent": [{"type": "heartbeat_req"}], "#),
        (r#""then": {"#, r#""then": {"reads": [["a", 1]], "#),
        (r#""then": {"#, r#""then": {"proposal_dropped": true, "#),
    ];
    each_fails(ROW, &wrong);
}

/// A row of a table that passes, until something in it is changed.
const CHANGE: &str = r#"{"id": "X-2", "op": "enter_joint", "given": {"voters": [1, 2]},
    "changes": [["remove", 2], ["add_voter", 3]], "expect": {"config": {"voters": [1, 3],
    "outgoing": [1, 2]}, "tracked": [1, 2, 3], "kept_progress": [1, 2]}}"#;

#[test]
fn scenarios_that_expect_other_members_fail() {
    let wrong = [
        (r#""config": {"voters": [1, 3]"#, r#""config": {"voters": [1]"#),
        (r#""outgoing": [1, 2]}, "#, r#""outgoing": [1]}, "#),
        (r#""outgoing": [1, 2]}, "#, r#""outgoing": [1, 2], "learners": [4]}, "#),
        (r#""tracked": [1, 2, 3]"#, r#""tracked": [1, 3]"#),
        (r#""expect": {"config""#, r#""expect": {"error": "already_joint", "config""#),
        (r#""op": "enter_joint""#, r#""op": "simple""#),
        (r#"["add_voter", 3]"#, r#"["add_learner", 3]"#),
    ];
    each_fails(CHANGE, &wrong);
}

#[test]
fn scenarios_that_make_no_sense_are_set_aside() {
    let strange = [
        ("", "not JSON"),
        (ROW, "[1, 2]"),
        (r#""kind": "node""#, r#""kind": "dance""#),
        (r#""propose": 1"#, r#""propose": "much""#),
        (r#""propose": 1"#, r#""juggle": 1"#),
        (r#""propose": 1"#, r#""propose": 1, "tick": 2"#),
        (r#""type": "append_resp""#, r#""type": "love_letter""#),
        (r#""from": 2"#, r#""from": 0"#),
        (r#""ok": true"#, r#""ok": true, "mood": 3"#),
        (r#""voters": [1, 2, 3]"#, r#""voters": []"#),
        (r#""voters": [1, 2, 3]"#, r#""voters": [1, 1]"#),
        (r#""term": 1, "log""#, r#""term": 0, "log""#),
        (r#""log": [[1, 1]]"#, r#""log": [[1, 1], [3, 1]]"#),
        (r#""log": [[1, 1]]"#, r#""log": [[1]]"#),
        (r#""then": {"#, r#""then": {"weather": "fine", "#),
        (r#""role": "leader"}"#, r#""role": "leader", "config": {"colour": 1}}"#),
        (r#""role": "leader"}"#, r#""role": "leader", "config": {"heartbeat_ticks": 99}}"#),
    ];
    for (right, strange) in strange {
        let row = if right.is_empty() { strange.to_owned() } else { ROW.replace(right, strange) };
        let verdict = run_row(&row, "x", &Reasons::default()).verdict;
        assert!(matches!(verdict, Verdict::NotApplicable(_)), "{strange}: {verdict:?}");
    }
}
