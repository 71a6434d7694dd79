//! What runs one world.

use std::time::Duration;

/// An engine: runs one world to its end, from a seed.
pub trait Engine: Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// Runs a world. `set` overrides options of the seed by name, as `net.link.loss_ppm=0`.
    ///
    /// # Errors
    /// What did not hold, with all that is needed to see it again.
    fn run(&self, seed: u64, set: &[String]) -> Result<Passed, Failed>;
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
}

/// A world in which something did not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failed {
    /// The property.
    pub property: String,
    /// All that a person needs to know first, in one block.
    pub block: String,
    /// Files that tell the rest, by name.
    pub files: Vec<(&'static str, String)>,
}
