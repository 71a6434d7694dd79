//! How the program ends: numbers that scripts can tell apart.

use std::process::ExitCode;

/// Why the program ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Yes, or done.
    Done = 0,
    /// A clean no.
    No = 1,
    /// The question makes no sense.
    Usage = 2,
    /// Nothing was changed, and trying again is safe.
    NotApplied = 3,
    /// Nobody knows whether it happened.
    Unknown = 4,
    /// Permission is missing.
    Denied = 5,
    /// Something is damaged, or contradicts what must always hold.
    Damaged = 6,
    /// Refused, because it would be unsafe.
    Unsafe = 7,
    /// A check found a counterexample.
    Counterexample = 8,
    /// A check ran out of budget.
    Undecided = 9,
    /// The disk failed.
    Disk = 74,
    /// Told twice to stop.
    Interrupted = 130,
}

impl Exit {
    /// All of them, in order.
    pub(crate) const ALL: [Self; 12] = [
        Self::Done,
        Self::No,
        Self::Usage,
        Self::NotApplied,
        Self::Unknown,
        Self::Denied,
        Self::Damaged,
        Self::Unsafe,
        Self::Counterexample,
        Self::Undecided,
        Self::Disk,
        Self::Interrupted,
    ];

    /// The number.
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }

    /// What it means, in half a line.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "yes, or done",
            Self::No => "a clean no: the key is absent, the swap lost, the group cannot decide",
            Self::Usage => "the arguments or a file make no sense",
            Self::NotApplied => "not applied: nothing was changed, trying again is safe",
            Self::Unknown => "unknown: it may have been applied, or may yet be",
            Self::Denied => "permission is missing",
            Self::Damaged => "damage was found, or a property that must always hold is broken",
            Self::Unsafe => "refused as unsafe",
            Self::Counterexample => "a check found a counterexample",
            Self::Undecided => "a check ran out of its budget before it had a verdict",
            Self::Disk => "the disk failed",
            Self::Interrupted => "interrupted",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The table for `--help`.
pub(crate) fn table() -> String {
    let mut table = String::from("Exit codes:\n");
    for exit in Exit::ALL {
        table.push_str(&format!("  {:>3}  {}\n", exit.code(), exit.meaning()));
    }
    table
}
