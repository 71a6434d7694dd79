//! What runs one world.

use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

use quorate_io_sim::direct::Failure;
use quorate_io_sim::lab::Violation;
use quorate_io_sim::scenario::Scenario;

use crate::CampaignError;
use crate::coverage::Coverage;
use crate::draw::Draw;

/// What came of a world.
pub type Outcome = Result<Passed, Box<Failed>>;

/// An engine: runs one world to its end.
pub trait Engine: Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// Runs the world of a seed.
    ///
    /// # Errors
    /// If the options that were set make no sense with those that this seed draws.
    fn run(&self, seed: u64, draw: &Draw) -> Result<Outcome, CampaignError>;

    /// Runs what a file says.
    ///
    /// # Errors
    /// If this engine cannot.
    fn play(&self, scenario: &Scenario) -> Result<Outcome, CampaignError> {
        let _ = scenario;
        Err(CampaignError::Unable { engine: self.name(), what: "runs seeds, and no files" })
    }

    /// What does not hold in what a file says, from a single run without words.
    ///
    /// # Errors
    /// If this engine cannot run it.
    fn violation(&self, scenario: &Scenario) -> Result<Option<Violation>, CampaignError> {
        let _ = scenario;
        Err(CampaignError::Unable { engine: self.name(), what: "runs seeds, and no files" })
    }

    /// Runs so many servers for so long that nobody asks for anything, and nothing is in the way.
    fn idle(&self, servers: u64, span: Duration) -> Outcome;
}

/// A world in which everything held.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Passed {
    /// Hash of everything that happened.
    pub digest: u64,
    /// Time that passed in the world.
    pub simulated: Duration,
    /// What nodes took in.
    pub events: u64,
    /// Histories that could not be judged in time.
    pub undecided: u64,
    /// What else was counted.
    pub counts: Vec<(&'static str, u64)>,
    /// What it came to, and what struck.
    pub coverage: Coverage,
}

/// Writes all that is known of a failure to a folder, which is made if it is not there.
pub type Keep = Box<dyn Fn(&Path) -> io::Result<()> + Send>;

/// A world in which something did not.
pub struct Failed {
    /// The property.
    pub property: String,
    /// Hash of everything that had happened.
    pub digest: u64,
    /// All that a person needs to know first, in lines of a name and a value.
    pub facts: String,
    /// The last that happened.
    pub trace: Vec<String>,
    /// Writes all that is known of it to a folder.
    pub keep: Keep,
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        // The last line says how to run it again, which depends on the program.
        let block = failure.block("");
        let facts = block.trim_end().rsplit_once('\n').map_or("", |lines| lines.0);
        Self {
            property: format!("{:?}", failure.violation.property),
            digest: failure.digest,
            facts: format!("{facts}\n"),
            trace: failure.trace.clone(),
            keep: Box::new(move |folder| failure.write_to(folder)),
        }
    }
}

impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.facts)
    }
}
