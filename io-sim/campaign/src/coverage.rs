//! What worlds came to, and what struck in them: what never happens is not tested.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use quorate_io_sim::direct::{Point, Reached};
use quorate_io_sim::scenario::{Options, Plan, Profile, Strike};
use serde::{Deserialize, Serialize};

/// What some worlds came to, and what struck in them.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// In how many worlds it came to each situation, see [`Point`].
    points: BTreeMap<String, u64>,
    /// How often each kind of strike was planned, see [`Strike`].
    strikes: BTreeMap<String, u64>,
    /// In how many worlds each option was a fault, see [`Options::faults`].
    faults: BTreeMap<String, u64>,
}

/// Below so many worlds nobody can expect what is [`Point::COMMON`].
const COMMON_WORLDS: u64 = 30;
/// The same for [`Point::RARE`].
const RARE_WORLDS: u64 = 1000;

impl Coverage {
    /// That of one world. An engine that notices no situations has none.
    pub fn of(options: &Options, plan: &Plan, reached: Option<Reached>) -> Self {
        let mut coverage = Self::default();
        for action in plan.actions() {
            *coverage.strikes.entry(action.what.name()).or_default() += 1;
        }
        coverage.faults = options.faults().into_iter().map(|name| (name, 1)).collect();
        if let Some(reached) = reached {
            let named = |point| (format!("{point:?}"), u64::from(reached.has(point)));
            coverage.points = points().map(named).collect();
        }
        coverage
    }

    /// Adds that of other worlds.
    pub fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.points, &other.points),
            (&mut self.strikes, &other.strikes),
            (&mut self.faults, &other.faults),
        ];
        for (sum, other) in pairs {
            for (name, count) in other {
                *sum.entry(name.clone()).or_default() += count;
            }
        }
    }

    /// The situations that so many worlds should have come to, and did not.
    pub fn missing(&self, worlds: u64) -> Vec<String> {
        let never = |point: &Point| self.points.get(&format!("{point:?}")) == Some(&0);
        let common = Point::COMMON.iter().filter(|_| worlds >= COMMON_WORLDS);
        let rare = Point::RARE.iter().filter(|_| worlds >= RARE_WORLDS);
        common.chain(rare).filter(|point| never(point)).map(|point| format!("{point:?}")).collect()
    }

    /// A table of all there is, with what never happened.
    pub fn table(&self, worlds: u64) -> String {
        let mut text = String::new();
        if self.points.is_empty() {
            text.push_str("situations: this engine does not notice any\n");
        } else {
            let head = format!("situations: in how many of {worlds} worlds it came to each");
            let _ = writeln!(text, "{head}");
            for (list, word) in [(&Point::COMMON[..], ""), (&Point::RARE[..], "  rare")] {
                for point in list {
                    let name = format!("{point:?}");
                    row(&mut text, &name, self.points.get(&name).copied(), word);
                }
            }
        }
        if self.strikes.is_empty() {
            text.push_str("\nstrikes: none was planned\n");
        } else {
            text.push_str("\nstrikes: how often each was planned\n");
            for name in Strike::NAMES {
                row(&mut text, name, self.strikes.get(name).copied(), "");
            }
        }
        let _ = writeln!(text, "\nfaults: in how many of {worlds} worlds each option was one");
        let mut faults: BTreeMap<String, u64> = all_faults().map(|name| (name, 0)).collect();
        faults.extend(self.faults.iter().map(|(name, count)| (name.clone(), *count)));
        for (name, count) in &faults {
            row(&mut text, name, Some(*count), "");
        }
        text
    }
}

fn row(text: &mut String, name: &str, count: Option<u64>, word: &str) {
    let count = count.unwrap_or(0);
    let count = if count == 0 { "never".to_owned() } else { count.to_string() };
    let _ = writeln!(text, "  {name:<32}{count:>9}{word}");
}

fn points() -> impl Iterator<Item = Point> {
    Point::COMMON.into_iter().chain(Point::RARE)
}

/// All options that can be faults, from some worlds that have them all: some may be drawn healthy.
fn all_faults() -> impl Iterator<Item = String> {
    (0..4).flat_map(|seed| Options::of_profile(seed, Profile::Everything).faults())
}

#[cfg(test)]
mod tests {
    use quorate_io_sim::scenario::Scenario;

    use super::*;

    fn coverage(seed: u64, reached: Option<Reached>) -> Coverage {
        let options = Options::from_seed(seed);
        Coverage::of(&options, &Scenario::of(&options).plan, reached)
    }

    #[test]
    fn what_never_happened_is_in_the_table_and_missed_where_it_could_be_expected() {
        let mut sum = Coverage::default();
        (0..30).for_each(|seed| sum.add(&coverage(seed, Some(Reached::default()))));
        assert_eq!(sum.missing(29), Vec::<String>::new(), "too few worlds to say");
        assert_eq!(sum.missing(30).len(), Point::COMMON.len());
        assert_eq!(sum.missing(1000).len(), Point::COMMON.len() + Point::RARE.len());
        let table = sum.table(30);
        let has = |words: &[&str]| {
            table.lines().any(|it| it.split_whitespace().eq(words.iter().copied()))
        };
        assert!(has(&["DisloyaltyAsked", "never"]), "{table}");
        assert!(table.contains("DiskFull") && !has(&["isolate", "never"]), "{table}");
        assert!(table.contains("net.link.loss_ppm"), "{table}");
    }

    #[test]
    fn an_engine_that_notices_no_situations_misses_none() {
        let blind = coverage(7, None);
        assert_eq!(blind.missing(5000), Vec::<String>::new());
        assert!(blind.table(1).contains("does not notice any"));
    }
}
