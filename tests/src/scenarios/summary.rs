//! What came of the rows.

use std::collections::BTreeMap;
use std::fmt;

/// What came of one row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// As the row says.
    Pass,
    /// Not as the row says, and how.
    Fail(String),
    /// The row does not apply, and why.
    NotApplicable(String),
}

/// One row and what came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The row.
    pub id: String,
    /// What it is about.
    pub topic: String,
    /// What came of it.
    pub verdict: Verdict,
}

/// All rows of a directory. Prints as a table, after all failures and reasons.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// In the order of the files.
    pub outcomes: Vec<Outcome>,
}

impl Summary {
    /// The rows that came out otherwise.
    pub fn failures(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(|outcome| matches!(outcome.verdict, Verdict::Fail(_)))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut topics: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
        for Outcome { id, topic, verdict } in &self.outcomes {
            let column = match verdict {
                Verdict::Pass => 0,
                Verdict::Fail(how) => {
                    writeln!(f, "FAIL {id} ({topic}): {how}")?;
                    1
                }
                Verdict::NotApplicable(why) => {
                    reasons.entry(why).or_default().push(id);
                    2
                }
            };
            topics.entry(topic).or_default()[column] += 1;
        }
        for (why, ids) in reasons {
            writeln!(f, "n/a: {why}: {}", ids.join(" "))?;
        }
        let mut sums = [0; 3];
        writeln!(f, "\n{:26} {:>5} {:>5} {:>5}", "topic", "pass", "fail", "n/a")?;
        for (topic, counts) in topics {
            let [pass, fail, not_applicable] = counts;
            writeln!(f, "{topic:26} {pass:5} {fail:5} {not_applicable:5}")?;
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        let [pass, fail, not_applicable] = sums;
        write!(f, "{:26} {pass:5} {fail:5} {not_applicable:5}", "all")
    }
}
