//! What came of an exploration.

use core::fmt;

use super::options::Options;
use super::search::Choice;
use crate::judge::Violation;

/// How much was explored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Distinct states that were found.
    pub states: u64,
    /// Actions that were carried out, each in a state and to a state.
    pub transitions: u64,
    /// Of them, those that led out of the bounds.
    pub beyond: u64,
    /// The most actions that the nearest way to a state has.
    pub depth: u32,
    /// The most states that are equally far from the first.
    pub widest: u64,
    /// Was every state within the bounds found?
    pub is_complete: bool,
    /// Distinct states of single servers.
    pub servers: usize,
    /// Distinct messages.
    pub messages: usize,
    /// Distinct histories.
    pub histories: usize,
    /// Steps of a real server. All others are known from these.
    pub steps: usize,
    /// States in which a server has just been elected, counted by the ways there.
    pub elections: u64,
    /// In which more was just committed than ever before.
    pub commits: u64,
    /// In which entries were just cut from a disk.
    pub cuts: u64,
    /// In which a read was just answered.
    pub reads: u64,
    /// In which a log has just forgotten what a snapshot covers.
    pub compactions: u64,
    /// In which a state machine has just begun anew from another server's snapshot.
    pub restores: u64,
    /// Bytes that the set of all states, the ways to them and the states of two levels take.
    pub bytes: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, transitions, beyond, depth, widest, servers, .. } = self;
        let Self { messages, histories, steps, elections, commits, cuts, reads, bytes, .. } = self;
        let Self { compactions, restores, .. } = self;
        let whole = if self.is_complete { "complete" } else { "not complete" };
        writeln!(f, "{states} states, {transitions} transitions, depth {depth}, {whole}")?;
        writeln!(f, "{beyond} transitions left the bounds; the widest level has {widest} states")?;
        write!(f, "elections {elections}, commits {commits}, cuts {cuts}, reads {reads}")?;
        writeln!(f, ", compactions {compactions}, restores {restores}")?;
        write!(
            f,
            "{servers} states of single servers, {messages} messages, {histories} histories, \
             {steps} steps of a core; {} MB for states",
            bytes >> 20
        )
    }
}

/// A state in which something does not hold, and the shortest way there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// What does not hold.
    pub violation: Violation,
    /// In which world.
    pub options: Options,
    /// What was chosen each time, for [`replay`](super::replay()).
    pub choices: Vec<Choice>,
    /// A line for each.
    pub trace: Vec<String>,
    /// How much had been explored.
    pub report: Report,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.violation)?;
        for line in &self.trace {
            writeln!(f, "{line}")?;
        }
        let choices = self.choices.iter().map(|(action, loss)| match loss {
            0 => action.to_string(),
            _ => format!("{action}-{loss}"),
        });
        let choices: Vec<_> = choices.collect();
        writeln!(f, "after {} states, in {:?}", self.report.states, self.options)?;
        write!(f, "replay {}", choices.join("."))
    }
}

impl core::error::Error for Failure {}
