//! Histories of others, and their verdicts.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Instant;

use quorate_io_sim::history::{History, ModelName, Outcome};
use quorate_io_sim::linearizability::{Budget, Undecided, Verdict, Word, check, check_file};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::naive;

#[derive(Deserialize)]
struct Line {
    id: String,
    events: PathBuf,
    model: ModelName,
    linearizable: bool,
    ops: usize,
    fail: usize,
}

#[test]
fn every_history_gets_the_verdict_of_its_manifest() {
    let mut wrong = Vec::new();
    for line in manifest() {
        #[expect(clippy::disallowed_methods, reason = "a failure shows how long it took")]
        let start = Instant::now();
        let file = BufReader::new(File::open(path(&line)).unwrap());
        let report = check_file(file, Budget::new()).unwrap();
        let right = if line.linearizable { Word::Linearizable } else { Word::Violation };
        if (report.verdict, report.operations) != (right, line.ops - line.fail) {
            wrong.push(format!("{}: {report}, after {:?}", line.id, start.elapsed()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_order_that_is_found_explains_its_history() {
    for line in manifest() {
        let history = history(&line);
        match check(&history, Budget::new()).unwrap().verdict {
            Verdict::Linearizable(orders) => {
                let mut answered: Vec<_> = (0..history.operations.len())
                    .filter(|&at| matches!(history.operations[at].outcome, Outcome::Ok { .. }))
                    .collect();
                for order in &orders {
                    assert!(naive::explains(&history, &order.operations), "{}", line.id);
                    answered.retain(|at| !order.operations.contains(at));
                }
                assert!(answered.is_empty(), "{}", line.id);
            }
            Verdict::Violation(violation) => {
                assert!(naive::explains(&history, &violation.prefix), "{}", line.id);
            }
            Verdict::Undecided(why) => panic!("{}: {why}", line.id),
        }
    }
}

#[test]
fn an_answer_that_nothing_could_give_is_flagged_wherever_it_is() {
    for line in manifest().into_iter().filter(|line| line.linearizable) {
        let history = history(&line);
        let answers: Vec<_> =
            (0..history.operations.len()).filter(|&at| absurd(&history, at).is_some()).collect();
        let spots = [answers.first(), answers.get(answers.len() / 2), answers.last()];
        for &at in spots.into_iter().flatten() {
            let mut history = history.clone();
            let absurd = absurd(&history, at);
            let Outcome::Ok { answer, .. } = &mut history.operations[at].outcome else {
                panic!("an answer")
            };
            *answer = absurd;
            match check(&history, Budget::new()).unwrap().verdict {
                // What is not taken from a queue, or not added, is missed elsewhere.
                Verdict::Violation(violation) => {
                    let reads = ["read", "get"].contains(&&*history.operations[at].call.function);
                    assert!(violation.culprit == at || !reads, "{}", line.id);
                }
                other => panic!("{}, answer {at}: {other:?}", line.id),
            }
        }
    }
}

#[test]
fn writing_what_was_read_gives_the_same_bytes() {
    for line in manifest() {
        let mut written = Vec::new();
        history(&line).write_to(&mut written).unwrap();
        assert!(written == std::fs::read(path(&line)).unwrap(), "{}", line.id);
    }
}

#[test]
fn a_budget_ends_a_search() {
    let line = manifest().into_iter().find(|line| line.id == "gen-cas-register-10p60-2-mut");
    let history = history(&line.unwrap());
    let undecided = |budget| match check(&history, budget).unwrap().verdict {
        Verdict::Undecided(why) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(undecided(Budget { steps_max: 1000, ..Budget::new() }), Undecided::Steps);
    assert_eq!(undecided(Budget { bytes_max: 1000, ..Budget::new() }), Undecided::Bytes);
    let mut stop = || false;
    let budget = Budget { keep_going: Some(&mut stop), ..Budget::new() };
    assert_eq!(undecided(budget), Undecided::Stopped);
}

/// An answer to the operation that no order explains, if it is one that tells of the state.
fn absurd(history: &History, at: usize) -> Option<Value> {
    let operation = &history.operations[at];
    let Outcome::Ok { answer: Some(answer), .. } = &operation.outcome else { return None };
    match (operation.call.function.as_str(), answer) {
        ("read" | "get" | "dequeue", Value::Array(list)) => {
            let mut list = list.clone();
            list.push(json!("absurd"));
            Some(json!(list))
        }
        ("read" | "add", _) if history.model == ModelName::Counter => Some(json!(-987_654)),
        ("read" | "get" | "dequeue", _) => Some(json!("absurd")),
        _ => None,
    }
}

fn manifest() -> Vec<Line> {
    let manifest = std::fs::read_to_string(data().join("manifest.jsonl")).unwrap();
    let lines: Vec<Line> =
        manifest.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 199);
    lines
}

fn history(line: &Line) -> History {
    let history = History::read_from(BufReader::new(File::open(path(line)).unwrap())).unwrap();
    assert_eq!(history.model, line.model, "{}", line.id);
    history
}

fn path(line: &Line) -> PathBuf {
    data().join(&line.events)
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/histories")
}
