//! A run as a text that people read and review, and that outlives changes of the code: what is drawn
//! from a seed may change with every version, what is written here does not.
//!
//! ```toml
//! format = "quorate-scenario/1"
//! seed = 7
//! membership = 5
//! net.link.loss_ppm = 1000
//! actions = [
//!     { at = "1s 200ms", do = "isolate", who = "leader", for = "800ms" },
//!     { at = "1s 500ms", do = "power", who = 2, down = "1s" },
//! ]
//! ```
//!
//! Options that are not named are those of [`Options::calm`]. The seed is left for what is not worth
//! writing down: latencies, which of a thousand frames is lost, what clients ask for.

use serde::{Deserialize, Serialize};
use toml::Value;

use super::action::{Action, Strike};
use super::names::{Leaves, NameError, syntax};
use super::nemesis_options::NemesisOptions;
use super::options::{Options, OptionsError};
use super::parts::ActionError;
use super::plan::Plan;
use crate::digest::Digest;
use crate::direct::{self, Failure, Report};
use crate::judge::Violation;

/// The only format there is.
const FORMAT: &str = "quorate-scenario/1";

/// The most actions that are read.
const ACTIONS_MAX: usize = 100_000;

/// A run: options, and what strikes when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scenario {
    /// What the run is made of. Its nemesis is [`NemesisOptions::CALM`]: the plan was drawn.
    pub options: Options,
    /// What strikes.
    pub plan: Plan,
}

/// Why a text is no scenario.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ScenarioError {
    /// See [`NameError`].
    #[error(transparent)]
    Options(#[from] NameError),
    /// Written for something else, or by a version that this one does not know.
    #[error("the format is {found}, not {FORMAT:?}")]
    Format {
        /// What it says.
        found: String,
    },
    /// It cannot be read.
    #[error("action {number}: {why}")]
    Unreadable {
        /// Which, counted from 1.
        number: usize,
        /// What is wrong.
        why: String,
    },
    /// It cannot be done.
    #[error("action {number}: {why}")]
    Impossible {
        /// Which, counted from 1.
        number: usize,
        /// What is wrong.
        why: ActionError,
    },
    /// More than anybody could review.
    #[error("{count} actions exceed the limit of {ACTIONS_MAX}")]
    TooMany {
        /// How many.
        count: usize,
    },
}

impl Scenario {
    /// Draws the plan that the options ask for.
    pub fn of(options: &Options) -> Self {
        let plan = Plan::draw(options);
        Self { options: Options { nemesis: NemesisOptions::CALM, ..options.clone() }, plan }
    }

    /// The run of a seed.
    pub fn from_seed(seed: u64) -> Self {
        Self::of(&Options::from_seed(seed))
    }

    /// Reads a scenario.
    ///
    /// # Errors
    /// See [`ScenarioError`].
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let mut table = syntax(text)?;
        match table.remove("format") {
            Some(Value::String(format)) if format == FORMAT => {}
            found => {
                let found = found.map_or_else(|| "not said".to_owned(), |found| found.to_string());
                return Err(ScenarioError::Format { found });
            }
        }
        let actions = match table.remove("actions") {
            Some(Value::Array(actions)) => actions,
            None => Vec::new(),
            Some(_) => {
                let why = "actions are a list".to_owned();
                return Err(ScenarioError::Unreadable { number: 1, why });
            }
        };
        if actions.len() > ACTIONS_MAX {
            return Err(ScenarioError::TooMany { count: actions.len() });
        }
        let options = Options::read(&table)?;
        let read = |(number, action): (usize, Value)| {
            Action::deserialize(action)
                .map_err(|why| ScenarioError::Unreadable { number, why: why.message().to_owned() })
        };
        let actions = (1..).zip(actions).map(read).collect::<Result<Vec<_>, _>>()?;
        possible(&actions, &options)?;
        Ok(Self { options, plan: Plan::of(actions) })
    }

    /// Writes it, so that [`parse`](Self::parse) reads it.
    ///
    /// # Panics
    /// If the options fail their [`check`](Options::check).
    pub fn to_text(&self) -> String {
        let leaves = self.differences().without("nemesis.");
        let mut text = format!("format = {FORMAT:?}\n");
        text.extend(leaves.lines());
        text.push_str("actions = [\n");
        for action in self.plan.actions() {
            text.push_str("    ");
            let written = action.serialize(toml::ser::ValueSerializer::new(&mut text));
            written.expect("an action can be written as text");
            text.push_str(",\n");
        }
        text.push_str("]\n");
        text
    }

    /// Tells scenarios apart.
    ///
    /// # Panics
    /// As [`to_text`](Self::to_text).
    pub fn digest(&self) -> u64 {
        let mut digest = Digest::EMPTY;
        digest.bytes(self.to_text().as_bytes());
        digest.value()
    }

    /// Runs whole servers through it.
    ///
    /// # Errors
    /// The first property that did not hold, with the last of what happened before.
    ///
    /// # Panics
    /// If it fails its [`check`](Self::check).
    pub fn run(&self) -> Result<Report, Box<Failure>> {
        direct::play(self)
    }

    /// What does not hold, from a single run without words.
    ///
    /// # Panics
    /// If it fails its [`check`](Self::check).
    pub fn violation(&self) -> Option<Violation> {
        direct::violation(self)
    }

    /// Does it make sense?
    ///
    /// # Errors
    /// The first thing that does not.
    pub fn check(&self) -> Result<(), ScenarioError> {
        let nonsense = |why: OptionsError| ScenarioError::Options(why.into());
        self.options.check().map_err(nonsense)?;
        possible(self.plan.actions(), &self.options)
    }

    /// May other servers belong to the cluster in the end than in the beginning?
    pub fn changes_members(&self) -> bool {
        let mut actions = self.plan.actions().iter();
        self.options.spares > 0
            || actions.any(|action| matches!(action.what, Strike::Reconfigure { .. }))
    }

    /// The options that are not as in [`Options::calm`].
    pub(super) fn differences(&self) -> Leaves {
        Leaves::of(&self.options).beyond(&Leaves::of(&Options::calm()))
    }
}

/// Can all of this be done where these options hold?
fn possible(actions: &[Action], options: &Options) -> Result<(), ScenarioError> {
    (1..).zip(actions).try_for_each(|(number, action)| {
        let possible = action.check(options.servers());
        possible.map_err(|why| ScenarioError::Impossible { number, why })
    })
}

impl Strike {
    /// The names of all kinds in a scenario's text, see [`name`](Self::name).
    pub const NAMES: [&str; 31] = [
        "isolate",
        "deaf",
        "mute",
        "split",
        "bridge",
        "ring",
        "chain",
        "star",
        "one-way",
        "flap",
        "clog",
        "filter",
        "slow-link",
        "lag",
        "shut",
        "reroute",
        "kill",
        "stop",
        "transfer",
        "reconfigure",
        "power",
        "torn",
        "pause",
        "freeze",
        "jump",
        "slow-cpu",
        "stall",
        "slow-disk",
        "disk-error",
        "rot",
        "full",
    ];

    /// Its name in a scenario's text.
    pub fn name(&self) -> String {
        let value = Value::try_from(self).expect("a strike can be written as text");
        value.get("do").and_then(Value::as_str).expect("it says what it does").to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_strike_has_its_name() {
        let text = syntax("do = 'nothing'").expect("a table");
        let unknown = Strike::deserialize(Value::Table(text));
        let known = unknown.expect_err("there is no such strike").message().to_owned();
        let known: Vec<_> = known.split('`').skip(3).step_by(2).collect();
        assert_eq!(known, Strike::NAMES);
    }
}
