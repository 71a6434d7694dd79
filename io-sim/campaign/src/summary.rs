//! What came of a campaign, or of a part of one, as a file that can be merged with others.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::coverage::Coverage;
use crate::draw::Draw;
use crate::engine::Passed;
use crate::seeds::{Seeds, Shard};
use crate::{CampaignError, files};

/// The name of the file in the folder of a campaign.
const FILE: &str = "summary.json";

/// The version of the file.
const VERSION: u32 = 1;

/// What was run, and what came of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Of the file: 1.
    pub version: u32,
    /// Which engine ran the worlds.
    pub engine: String,
    /// Of which seeds; a fresh campaign that went on until its time was over has no end.
    pub seeds: String,
    /// What might strike.
    pub profile: String,
    /// Options that were set by name, as they were given.
    pub set: Vec<String>,
    /// Which parts: `2/16`.
    pub parts: Vec<String>,
    /// How many seeds were run.
    pub ran: u64,
    /// All digests of the traces together; order does not matter.
    pub digest: u64,
    /// Time that passed in the worlds.
    pub simulated: Duration,
    /// Time that passed here, that of parts added up.
    pub elapsed: Duration,
    /// Processor time.
    pub processor: Duration,
    /// What nodes took in.
    pub events: u64,
    /// Histories that could not be judged in time.
    pub undecided: u64,
    /// What else was counted, by name.
    pub counts: BTreeMap<String, u64>,
    /// What the worlds came to, and what struck.
    pub coverage: Coverage,
    /// The seeds that failed.
    pub failures: Vec<Fallen>,
}

/// A seed that failed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fallen {
    /// The seed.
    pub seed: u64,
    /// The property that did not hold.
    pub property: String,
    /// Where everything about it is, if it was written.
    pub artefact: Option<String>,
}

/// Summaries that do not belong together.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MergeError {
    /// There is nothing.
    #[error("there is no summary to merge")]
    Nothing,
    /// A file of a version that this build does not know.
    #[error("a summary of version {0}; this build knows version {VERSION}")]
    Version(u32),
    /// Of two campaigns.
    #[error("these are of two campaigns: ({0}) and ({1})")]
    Campaigns(String, String),
    /// A part twice.
    #[error("part {0} is there twice")]
    Twice(String),
}

impl Summary {
    /// Nothing has been run yet.
    pub fn new(engine: &str, seeds: &Seeds, part: Shard, draw: &Draw) -> Self {
        Self {
            version: VERSION,
            engine: engine.to_owned(),
            seeds: seeds.to_string(),
            profile: draw.profile().to_string(),
            set: draw.set().to_vec(),
            parts: vec![part.to_string()],
            ran: 0,
            digest: 0,
            simulated: Duration::ZERO,
            elapsed: Duration::ZERO,
            processor: Duration::ZERO,
            events: 0,
            undecided: 0,
            counts: BTreeMap::new(),
            coverage: Coverage::default(),
            failures: Vec::new(),
        }
    }

    /// Has this folder one?
    pub fn is_in(folder: &Path) -> bool {
        folder.join(FILE).is_file()
    }

    /// Reads that of a campaign's folder.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub fn read(folder: &Path) -> Result<Self, CampaignError> {
        let path = folder.join(FILE);
        let text = files::read(&path)?;
        serde_json::from_str(&text).map_err(|error| files::unread(&path, &error))
    }

    /// Writes it to the folder of its campaign.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write(&self, folder: &Path) -> Result<(), CampaignError> {
        let text = serde_json::to_string_pretty(self).expect("plain values");
        files::write(&folder.join(FILE), &(text + "\n"))
    }

    /// A seed held.
    pub fn passed(&mut self, passed: &Passed) {
        self.ran += 1;
        self.digest ^= passed.digest;
        self.simulated += passed.simulated;
        self.events += passed.events;
        self.undecided += passed.undecided;
        for (name, count) in &passed.counts {
            *self.counts.entry((*name).to_owned()).or_default() += count;
        }
        self.coverage.add(&passed.coverage);
    }

    /// A seed did not.
    pub fn failed(&mut self, fallen: Fallen) {
        self.ran += 1;
        self.failures.push(fallen);
    }

    /// Adds parts of one campaign up.
    ///
    /// # Errors
    /// If they are not of one campaign, or one is there twice.
    pub fn merge(parts: Vec<Self>) -> Result<Self, MergeError> {
        let mut parts = parts.into_iter();
        let mut whole = parts.next().ok_or(MergeError::Nothing)?;
        whole.check_version()?;
        for part in parts {
            part.check_version()?;
            whole.add(part)?;
        }
        whole.parts.sort();
        whole.failures.sort();
        Ok(whole)
    }

    fn check_version(&self) -> Result<(), MergeError> {
        if self.version == VERSION { Ok(()) } else { Err(MergeError::Version(self.version)) }
    }

    /// What must be equal in all parts of a campaign.
    fn campaign(&self) -> String {
        let parts = self.parts.first().and_then(|part| part.split_once('/'));
        let count = parts.map_or("1", |part| part.1);
        let Self { engine, seeds, profile, set, .. } = self;
        format!("{engine}, seeds {seeds} in {count}, {profile}, {set:?}")
    }

    fn add(&mut self, part: Self) -> Result<(), MergeError> {
        if self.campaign() != part.campaign() {
            return Err(MergeError::Campaigns(self.campaign(), part.campaign()));
        }
        if let Some(twice) = part.parts.iter().find(|part| self.parts.contains(part)) {
            return Err(MergeError::Twice(twice.clone()));
        }
        self.parts.extend(part.parts);
        self.ran += part.ran;
        self.digest ^= part.digest;
        self.simulated += part.simulated;
        self.elapsed += part.elapsed;
        self.processor += part.processor;
        self.events += part.events;
        self.undecided += part.undecided;
        for (name, count) in part.counts {
            *self.counts.entry(name).or_default() += count;
        }
        self.coverage.add(&part.coverage);
        self.failures.extend(part.failures);
        Ok(())
    }

    /// How many seeds these parts were to run; `None` if that was a question of time.
    pub fn asked(&self) -> Option<u64> {
        let seeds = self.seeds.parse::<Seeds>().ok().filter(|seeds| !seeds.is_open())?;
        let parts = self.parts.iter().map(|part| part.parse::<Shard>().ok());
        parts.map(|part| Some(part?.count_in(&seeds.0))).sum()
    }

    /// The parts of the campaign that are not among these.
    pub fn missing(&self) -> Vec<String> {
        let counts = self.parts.iter().filter_map(|part| part.split_once('/'));
        let count: u64 = counts.filter_map(|part| part.1.parse().ok()).max().unwrap_or(1);
        let all = (0..count).map(|index| format!("{index}/{count}"));
        all.filter(|part| !self.parts.contains(part)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(index: u64) -> Summary {
        let shard = Shard { index, count: 3 };
        let mut part = Summary::new("direct", &Seeds(0..9), shard, &Draw::default());
        part.passed(&Passed {
            digest: 1 << index,
            simulated: Duration::from_secs(2),
            events: 5,
            undecided: 0,
            counts: vec![("elections", 3)],
            coverage: Coverage::default(),
        });
        part.failed(Fallen { seed: index, property: "Liveness".to_owned(), artefact: None });
        part
    }

    #[test]
    fn parts_add_up_in_any_order() {
        let whole = Summary::merge(vec![part(0), part(1), part(2)]).expect("one campaign");
        assert_eq!(Summary::merge(vec![part(2), part(0), part(1)]), Ok(whole.clone()));
        assert_eq!((whole.ran, whole.digest, whole.events), (6, 0b111, 15));
        assert_eq!((whole.counts["elections"], whole.asked()), (9, Some(9)));
        assert_eq!(whole.missing(), Vec::<String>::new());
        assert_eq!(whole.failures.iter().map(|fallen| fallen.seed).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn what_is_missing_is_named() {
        let some = Summary::merge(vec![part(1)]).expect("one campaign");
        assert_eq!(some.missing(), ["0/3", "2/3"]);
        assert_eq!((some.ran, some.asked()), (2, Some(3)), "and so is what it left out");
        let timed = Summary { seeds: "0..".to_owned(), ..part(1) };
        assert_eq!(timed.asked(), None);
    }

    #[test]
    fn what_does_not_belong_together_is_not_merged() {
        assert_eq!(Summary::merge(Vec::new()), Err(MergeError::Nothing));
        let twice = Summary::merge(vec![part(1), part(1)]);
        assert_eq!(twice, Err(MergeError::Twice("1/3".to_owned())));
        let other = Summary { seeds: "9..12".to_owned(), ..part(2) };
        assert!(matches!(Summary::merge(vec![part(1), other]), Err(MergeError::Campaigns(..))));
        let newer = Summary { version: 2, ..part(1) };
        assert_eq!(Summary::merge(vec![newer]), Err(MergeError::Version(2)));
    }

    #[test]
    fn a_summary_is_read_back() {
        let text = serde_json::to_string(&part(1)).expect("plain values");
        assert_eq!(serde_json::from_str::<Summary>(&text).expect("its own"), part(1));
    }
}
