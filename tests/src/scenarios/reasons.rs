//! Why a row may not apply to this core.

use std::fmt;

/// The table of `tests/data/not_applicable.txt`: a line names a feature by its kind and name, and
/// says why rows that need it do not apply.
#[derive(Clone, Debug, Default)]
pub struct Reasons {
    lines: Vec<Reason>,
}

#[derive(Clone, Debug)]
struct Reason {
    what: String,
    name: String,
    why: String,
}

/// A line of the table that is not `kind | name | reason`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadLine(pub String);

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a reason: {}", self.0)
    }
}

impl std::error::Error for BadLine {}

impl Reasons {
    /// Reads the table. Empty lines and those that begin with `#` are skipped.
    ///
    /// # Errors
    /// The first line that is not `kind | name | reason`.
    pub fn parse(text: &str) -> Result<Self, BadLine> {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let lines = lines.map(|line| {
            let mut parts = line.splitn(3, '|').map(|part| part.trim().to_owned());
            match (parts.next(), parts.next(), parts.next()) {
                (Some(what), Some(name), Some(why)) => Ok(Reason { what, name, why }),
                _ => Err(BadLine(line.to_owned())),
            }
        });
        Ok(Self { lines: lines.collect::<Result<_, _>>()? })
    }

    /// The names of one kind.
    pub fn names<'a>(&'a self, what: &'a str) -> impl Iterator<Item = &'a str> {
        self.lines.iter().filter(move |line| line.what == what).map(|line| line.name.as_str())
    }

    pub(crate) fn of(&self, what: &str, name: &str) -> Option<&str> {
        let line = self.lines.iter().find(|line| line.what == what && line.name == name);
        line.map(|line| line.why.as_str())
    }
}
