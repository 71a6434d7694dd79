//! What a check says to people and to programs.

use std::fmt;
use std::io::BufRead;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::budget::{Budget, Undecided};
use super::check::{Verdict, Violation, check};
use crate::history::{History, HistoryError, ModelName, Outcome};

/// The outcome of a check: one line of text, or one JSON object.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    /// What was found.
    pub verdict: Word,
    /// Of the history.
    pub model: ModelName,
    /// Operations that were looked at: those that may have happened.
    pub operations: usize,
    /// Parts that were looked at: keys, for models that have them.
    pub parts: usize,
    /// Steps that the search took.
    pub steps: u64,
    /// How long it took, if the caller, who has a clock, says so; in JSON in milliseconds.
    #[serde(
        rename = "elapsed_ms",
        serialize_with = "milliseconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub elapsed: Option<Duration>,
    /// Where a violation is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stuck: Option<Stuck>,
    /// Why there is no verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Undecided>,
}

/// A verdict in a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// Some order explains every answer.
    Linearizable,
    /// None does.
    Violation,
    /// Nobody knows: the budget ran out.
    Undecided,
}

/// The place beyond which no order explains a history.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Stuck {
    /// The key, for models that have them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Operations of this part.
    pub operations: usize,
    /// How many of them the longest order has that was found.
    pub placed: usize,
    /// The operation whose answer no order gets past.
    pub operation: String,
    /// The line of its invocation.
    pub invoked_line: u64,
    /// The line of its answer.
    pub answered_line: u64,
}

/// Reads `lin-history/1` and checks it.
///
/// # Errors
/// When it is not a history, or not one of its model.
pub fn check_file(reader: impl BufRead, budget: Budget<'_>) -> Result<Report, HistoryError> {
    let history = History::read_from(reader)?;
    let check = check(&history, budget)?;
    let (verdict, stuck, why) = match check.verdict {
        Verdict::Linearizable(_) => (Word::Linearizable, None, None),
        Verdict::Violation(violation) => {
            (Word::Violation, Some(Stuck::of(&history, &violation)), None)
        }
        Verdict::Undecided(why) => (Word::Undecided, None, Some(why)),
    };
    Ok(Report {
        verdict,
        model: history.model,
        operations: check.operations,
        parts: check.parts,
        steps: check.steps,
        elapsed: None,
        stuck,
        why,
    })
}

impl Stuck {
    /// Where a violation of a history is.
    ///
    /// # Panics
    /// When it is not one of this history.
    pub fn of(history: &History, violation: &Violation) -> Self {
        let operation = &history.operations[violation.culprit];
        let Outcome::Ok { at, .. } = operation.outcome else {
            panic!("an operation that must have a place has answered");
        };
        Self {
            key: operation.call.key.clone(),
            operations: violation.operations.len(),
            placed: violation.prefix.len(),
            operation: operation.to_string(),
            invoked_line: operation.invoked + 1,
            answered_line: at + 1,
        }
    }
}

/// ```
/// use quorate_io_sim::linearizability::{Budget, check_file};
/// let file = br#"{"format":"lin-history/1","model":"cas-register","init":0}
/// {"p":1,"e":"invoke","f":"read"}
/// {"p":1,"e":"ok","f":"read","r":5}"#;
/// let report = check_file(&file[..], Budget::new()).unwrap();
/// assert_eq!(
///     report.to_string(),
///     "violation     cas-register, 1 operation, 1 part: \
///      no order gets past line 3, read -> 5 by process 1; 0 of 1 placed"
/// );
/// ```
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.verdict {
            Word::Linearizable => "linearizable",
            Word::Violation => "violation",
            Word::Undecided => "undecided",
        };
        let (operations, parts) = (self.operations, self.parts);
        let (many_operations, many_parts) = (plural(operations), plural(parts));
        write!(f, "{word:13} {}, ", self.model)?;
        write!(f, "{operations} operation{many_operations}, {parts} part{many_parts}")?;
        if let Some(elapsed) = self.elapsed {
            write!(f, ", {:.1} ms", elapsed.as_secs_f64() * 1e3)?;
        }
        if let Some(stuck) = &self.stuck {
            write!(f, ": {stuck}")?;
        }
        match self.why {
            Some(why) => write!(f, ": {why} after {} steps", self.steps),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, answered_line, placed, operations, .. } = self;
        write!(f, "no order gets past line {answered_line}, ")?;
        match operation.char_indices().nth(OPERATION_CHARS_MAX) {
            Some((end, _)) => write!(f, "{}...", &operation[..end])?,
            None => f.write_str(operation)?,
        }
        write!(f, "; {placed} of {operations} placed")
    }
}

/// What a line of text shows of an operation, whose answer may be a long list.
const OPERATION_CHARS_MAX: usize = 100;

const fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn milliseconds<S: Serializer>(
    elapsed: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    elapsed.map(|elapsed| elapsed.as_secs_f64() * 1e3).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_in_json_names_key_operation_and_lines() {
        let file = br#"{"format":"lin-history/1","model":"kv","init":null}
{"p":1,"e":"invoke","f":"incr","k":"x","v":2}
{"p":2,"e":"invoke","f":"get","k":"y"}
{"p":1,"e":"ok","f":"incr","k":"x","r":3}
{"p":1,"e":"invoke","f":"list"}
"#;
        let mut report = check_file(&file[..], Budget::new()).unwrap();
        report.elapsed = Some(Duration::from_micros(1500));
        assert_eq!(
            serde_json::to_value(&report).unwrap(),
            serde_json::json!({
                "verdict": "violation",
                "model": "kv",
                "operations": 2,
                "parts": 2,
                "steps": report.steps,
                "elapsed_ms": 1.5,
                "stuck": {
                    "key": "x",
                    "operations": 1,
                    "placed": 0,
                    "operation": "incr \"x\" 2 -> 3 by process 1",
                    "invoked_line": 2,
                    "answered_line": 4,
                },
            })
        );
    }

    #[test]
    fn a_line_stays_short_and_says_why_nothing_was_decided() {
        let list = vec![7; 1000];
        let header = r#"{"format":"lin-history/1","model":"log","init":[]}"#;
        let read = r#"{"p":1,"e":"invoke","f":"read"}"#;
        let file = format!("{header}\n{read}\n{{\"p\":1,\"e\":\"ok\",\"r\":{list:?}}}");
        let mut report = check_file(file.as_bytes(), Budget::new()).unwrap();
        let line = report.to_string();
        assert!(line.len() < 250 && line.ends_with("7,7...; 0 of 1 placed"), "{line}");

        (report.verdict, report.stuck) = (Word::Undecided, None);
        (report.why, report.steps) = (Some(Undecided::Steps), 12);
        let line = "undecided     log, 1 operation, 1 part: out of steps after 12 steps";
        assert_eq!(report.to_string(), line);
    }
}
