//! How long a search may go on.

use std::fmt;

use serde::Serialize;

/// Limits of a check. The search itself knows no clock: whoever has one stops it through
/// [`keep_going`](Self::keep_going).
///
/// ```
/// use quorate_io_sim::linearizability::Budget;
/// let mut questions = 0;
/// let mut keep_going = || { questions += 1; questions < 1000 };
/// let budget = Budget { keep_going: Some(&mut keep_going), ..Budget::new() };
/// assert!(budget.steps_max > 0);
/// ```
pub struct Budget<'a> {
    /// Steps of the model that the search of one part may take.
    pub steps_max: u64,
    /// Bytes that the search of one part may remember, roughly.
    pub bytes_max: usize,
    /// Steps that may be spent, once a violation is proven, on an order that gets further and on a
    /// culprit that is more to the point.
    pub picture_steps_max: u64,
    /// Asked now and then, every few thousand steps; ends the whole check when it answers no.
    pub keep_going: Option<&'a mut dyn FnMut() -> bool>,
}

impl Budget<'_> {
    /// A hundred million steps, a gibibyte, a hundred thousand steps for a picture, and no clock.
    pub const fn new() -> Self {
        Self {
            steps_max: 100_000_000,
            bytes_max: 1 << 30,
            picture_steps_max: 100_000,
            keep_going: None,
        }
    }
}

impl Default for Budget<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Budget<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("steps_max", &self.steps_max)
            .field("bytes_max", &self.bytes_max)
            .field("picture_steps_max", &self.picture_steps_max)
            .field("keep_going", &self.keep_going.is_some())
            .finish()
    }
}

/// Why a search ended without a verdict.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Undecided {
    /// [`Budget::steps_max`] was reached.
    Steps,
    /// [`Budget::bytes_max`] was reached.
    Bytes,
    /// [`Budget::keep_going`] said no.
    Stopped,
}

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Steps => "out of steps",
            Self::Bytes => "out of memory",
            Self::Stopped => "stopped",
        })
    }
}

/// Steps between two questions to [`Budget::keep_going`].
const STEPS_PER_QUESTION: u64 = 4096;

/// Counts what one search spends.
pub(super) struct Meter<'b> {
    steps_max: u64,
    bytes_max: usize,
    keep_going: Option<&'b mut dyn FnMut() -> bool>,
    /// Steps that were taken.
    pub(super) steps: u64,
    question_at: u64,
}

impl<'b> Meter<'b> {
    /// For one search of the many that may share a budget.
    pub(super) fn new(budget: &'b mut Budget<'_>) -> Self {
        let keep_going: Option<&mut dyn FnMut() -> bool> = match &mut budget.keep_going {
            Some(keep_going) => Some(&mut **keep_going),
            None => None,
        };
        let Budget { steps_max, bytes_max, .. } = *budget;
        Self { steps_max, bytes_max, keep_going, steps: 0, question_at: STEPS_PER_QUESTION }
    }

    /// For the search for a better picture.
    pub(super) fn for_picture(budget: &'b mut Budget<'_>) -> Self {
        let steps_max = budget.picture_steps_max;
        Self { steps_max, ..Self::new(budget) }
    }

    /// May a search that remembers so many bytes go on?
    pub(super) fn allows(&mut self, bytes: usize) -> Result<(), Undecided> {
        if self.steps > self.steps_max {
            return Err(Undecided::Steps);
        }
        if bytes > self.bytes_max {
            return Err(Undecided::Bytes);
        }
        if self.steps >= self.question_at {
            self.question_at = self.steps + STEPS_PER_QUESTION;
            if let Some(keep_going) = &mut self.keep_going
                && !keep_going()
            {
                return Err(Undecided::Stopped);
            }
        }
        Ok(())
    }
}
