//! What a machine's operations are, in words: what logs and clients rely on.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// The operations of a machine, a line each: kind, number, name and types. The bytes in a log hold the
/// number and the values; what they mean, only the program knows. So a number keeps its line for ever,
/// and what is new gets new numbers.
///
/// Types are known by their names: a change *within* a type of yours is not seen here, and is as bad.
///
/// ```
/// use quorate_sm::Schema;
/// const OLD: Schema = Schema::new(&["command 0 put(key: String) -> ()"]);
/// const NEW: Schema =
///     Schema::new(&["command 0 put(key: String) -> ()", "command 1 delete(key: String) -> ()"]);
/// assert_ne!(OLD.hash(), NEW.hash());
/// assert!(NEW.compare(&OLD.text()).unwrap_err().is_extension());
/// assert!(!OLD.compare(&NEW.text()).unwrap_err().is_extension(), "logs may hold a `delete`");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Schema {
    lines: &'static [&'static str],
}

/// How a machine's operations differ from those that were kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SchemaChange {
    /// There are new ones, and all old ones are as they were.
    Extended {
        /// The new lines.
        added: Vec<String>,
    },
    /// Old bytes mean something else now, or nothing.
    Broken {
        /// A line that was kept and is there no more.
        lost: String,
        /// What has its number now, if anything.
        now: Option<String>,
    },
}

impl Schema {
    /// Of a machine that was written by hand: nobody knows.
    pub const UNKNOWN: Self = Self::new(&[]);

    /// What `#[machine]` writes down.
    pub const fn new(lines: &'static [&'static str]) -> Self {
        Self { lines }
    }

    /// As it stands in a file.
    pub fn text(&self) -> String {
        self.lines.iter().flat_map(|line| [*line, "\n"]).collect()
    }

    /// The numbers of the commands in a text, in order.
    pub(crate) fn commands(text: &str) -> Vec<u32> {
        let number = |line: &str| line.strip_prefix("command ")?.split(' ').next()?.parse().ok();
        let mut numbers: Vec<_> = text.lines().filter_map(number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// A number for all of it.
    pub const fn hash(&self) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325;
        let mut line = 0;
        while line < self.lines.len() {
            let bytes = self.lines[line].as_bytes();
            let mut at = 0;
            while at < bytes.len() {
                hash = step(hash, bytes[at]);
                at += 1;
            }
            hash = step(hash, b'\n');
            line += 1;
        }
        hash
    }

    /// Does a machine whose schema is this text understand all that these operations say?
    ///
    /// # Errors
    /// If it does not: the first operation that it lacks.
    pub fn is_served_by(&self, text: &str) -> Result<(), SchemaChange> {
        let serves = |line: &str| text.lines().any(|served| served == line);
        match self.lines.iter().find(|line| !serves(line)) {
            Some(&lost) => {
                let place = place_of(lost);
                let now = text.lines().find(|now| place_of(now) == place).map(ToOwned::to_owned);
                Err(SchemaChange::Broken { lost: lost.to_owned(), now })
            }
            None => Ok(()),
        }
    }

    /// The other way round: does this machine understand all that these lines say? Nobody knows of one that
    /// was written by hand.
    ///
    /// # Errors
    /// If it does not: the first operation that it lacks.
    pub fn serves(&self, text: &str) -> Result<(), SchemaChange> {
        match self.compare(text) {
            Err(change) if !self.lines.is_empty() && !change.is_extension() => Err(change),
            _ => Ok(()),
        }
    }

    /// Is it what was kept?
    ///
    /// # Errors
    /// If it is not: how it differs.
    pub fn compare(&self, kept: &str) -> Result<(), SchemaChange> {
        let kept = || kept.lines().map(str::trim_end).filter(|line| !line.is_empty());
        for line in kept() {
            if !self.lines.contains(&line) {
                let now = self.lines.iter().find(|now| place_of(now) == place_of(line));
                let now = now.map(|&now| now.to_owned());
                return Err(SchemaChange::Broken { lost: line.to_owned(), now });
            }
        }
        let is_new = |line: &&&str| !kept().any(|kept| kept == **line);
        let added: Vec<_> = self.lines.iter().filter(is_new).map(|&line| line.to_owned()).collect();
        if added.is_empty() { Ok(()) } else { Err(SchemaChange::Extended { added }) }
    }
}

/// Kind and number.
fn place_of(line: &str) -> Option<&str> {
    let (kind, rest) = line.split_once(' ')?;
    let number = rest.split(' ').next()?;
    line.get(..kind.len() + 1 + number.len())
}

const fn step(hash: u64, byte: u8) -> u64 {
    (hash ^ byte as u64).wrapping_mul(0x0000_0100_0000_01b3)
}

impl SchemaChange {
    /// Do all old bytes mean what they meant?
    pub const fn is_extension(&self) -> bool {
        matches!(self, Self::Extended { .. })
    }
}

impl fmt::Display for SchemaChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Extended { added } => {
                write!(f, "not kept yet: {}; set UPDATE=1 to keep it, for ever", added.join("; "))
            }
            Self::Broken { lost, now: Some(now) } => write!(
                f,
                "logs on disks know `{lost}`, which is `{now}` now: append what is new at the end, or pin \
                 the numbers by `#[op(n)]`"
            ),
            Self::Broken { lost, now: None } => {
                write!(
                    f,
                    "logs on disks may hold `{lost}`, which is gone: an operation stays for ever"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    const KEPT: &str = "command 0 put(key: String) -> ()\nquery 0 get(key: String) -> Bytes\n";

    #[test]
    fn what_is_kept_stays_and_what_is_new_has_new_numbers() {
        let same =
            Schema::new(&["command 0 put(key: String) -> ()", "query 0 get(key: String) -> Bytes"]);
        assert_eq!(same.text(), KEPT);
        assert_eq!(same.compare(KEPT), Ok(()));

        let reordered = Schema::new(&[
            "command 0 delete(key: String) -> ()",
            "command 1 put(key: String) -> ()",
            "query 0 get(key: String) -> Bytes",
        ]);
        let change = reordered.compare(KEPT).unwrap_err();
        assert!(!change.is_extension());
        assert_eq!(
            change.to_string(),
            "logs on disks know `command 0 put(key: String) -> ()`, which is `command 0 delete(key: \
             String) -> ()` now: append what is new at the end, or pin the numbers by `#[op(n)]`"
        );

        let gone = Schema::new(&["command 0 put(key: String) -> ()"]);
        let change = gone.compare(KEPT).unwrap_err();
        assert!(change.to_string().contains("an operation stays for ever"), "{change}");

        let new = Schema::new(&[
            "command 0 put(key: String) -> ()",
            "command 1 delete(key: String) -> ()",
            "query 0 get(key: String) -> Bytes",
        ]);
        let added = ["command 1 delete(key: String) -> ()".to_owned()].into();
        assert_eq!(new.compare(KEPT), Err(SchemaChange::Extended { added }));
    }
}
