//! One line of a file.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;

use super::json::{Object, Run, Stop, unfit};
use super::reasons::Reasons;
use super::summary::{Outcome, Verdict};
use super::{cluster, confchange, interaction, node, pure, quorum};

/// Runs one row of a file. Whatever the line holds, it neither panics nor ends the process.
pub fn run_row(line: &str, file: &str, reasons: &Reasons) -> Outcome {
    let row = serde_json::from_str(line);
    let row: Value = row.unwrap_or_else(|error| Value::from(format!("not JSON: {error}")));
    let field = |key| row.get(key).and_then(Value::as_str);
    let id = field("id").unwrap_or("?").to_owned();
    let topic = field("topic").filter(|_| field("kind").is_some()).unwrap_or(file).to_owned();
    if let Some(why) = reasons.of("id", &id) {
        return Outcome { id, topic, verdict: Verdict::NotApplicable(why.to_owned()) };
    }
    // A core that panics has failed the row, and must not end the others.
    let ran = catch_unwind(AssertUnwindSafe(|| run_as_its_kind(&row)));
    let verdict = match ran {
        Ok(Ok(())) => Verdict::Pass,
        Ok(Err(Stop::Wrong(how))) => Verdict::Fail(how),
        Ok(Err(Stop::Unfit { what, name })) => {
            let why = reasons.of(what, &name).map(str::to_owned);
            Verdict::NotApplicable(why.unwrap_or_else(|| format!("unknown {what} {name}")))
        }
        Err(panic) => Verdict::Fail(format!("panicked: {}", said(&*panic))),
    };
    Outcome { id, topic, verdict }
}

fn run_as_its_kind(row: &Value) -> Run {
    let row = Object::of(row)?;
    match row.text("kind") {
        "node" => node::run(row),
        "cluster" => cluster::run(row),
        "pure" => pure::run(row),
        // Tables of one implementation, which have no kind.
        "" if row.get("op").is_some() => confchange::run(row),
        "" if row.get("steps").is_some() => interaction::run(row),
        "" if row.get("fn").is_some() => quorum::run(row),
        kind => unfit("kind", kind),
    }
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words")
}
