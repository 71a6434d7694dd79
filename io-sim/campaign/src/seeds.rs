//! Which seeds are run, and which of them here.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// A range of seeds, written `7` or `0..1000`; `7..` has no end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seeds(pub Range<u64>);

/// Text that is no range of seeds.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is neither a seed, as 7, nor a range of seeds, as 0..1000, or 7.. without an end")]
pub struct BadSeeds(String);

impl FromStr for Seeds {
    type Err = BadSeeds;

    fn from_str(text: &str) -> Result<Self, BadSeeds> {
        let bad = || BadSeeds(text.to_owned());
        let number = |text: &str| text.parse::<u64>().map_err(|_| bad());
        let range = match text.split_once("..") {
            Some((first, "")) => number(first)?..u64::MAX,
            Some((first, end)) => number(first)?..number(end)?,
            None => {
                let seed = number(text)?;
                seed..seed.checked_add(1).ok_or_else(bad)?
            }
        };
        if range.is_empty() { Err(bad()) } else { Ok(Self(range)) }
    }
}

impl fmt::Display for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Range { start, end } = self.0;
        if self.is_open() { write!(f, "{start}..") } else { write!(f, "{start}..{end}") }
    }
}

impl Seeds {
    /// Is there no end?
    pub const fn is_open(&self) -> bool {
        self.0.end == u64::MAX
    }
}

/// One of several parts of a campaign, written `2/16`, the first being 0. `/16` takes the number
/// from the environment of the batch system that started this part, and `auto` the number of parts
/// too, if the batch system says that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shard {
    /// Which part.
    pub index: u64,
    /// Of how many.
    pub count: u64,
}

/// Text that names no part.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadShard {
    /// None of the forms.
    #[error("{0:?} is neither a part, as 2/16, nor a number of parts, as /16, nor auto")]
    Malformed(String),
    /// There is no such part.
    #[error("there is no part {index} of {count}: the first is 0, and the last {count} - 1")]
    Beyond {
        /// The part.
        index: u64,
        /// The number of parts.
        count: u64,
    },
    /// No batch system says which part this is.
    #[error("neither {KUBERNETES} nor {SLURM} says which part this is; write it, as 2/16")]
    Unnamed,
    /// The batch system does not say how many parts there are.
    #[error(
        "{KUBERNETES} says which part this is, but nobody how many there are; write that, as /16"
    )]
    Uncounted,
    /// What a batch system says is no number that makes sense.
    #[error("{variable} is {value:?}, and no number of a part")]
    Variable {
        /// The name.
        variable: &'static str,
        /// What it is.
        value: String,
    },
}

/// What Kubernetes' Indexed Jobs call the number of a part.
const KUBERNETES: &str = "JOB_COMPLETION_INDEX";
/// The same for Slurm's arrays, which need not begin with 0.
const SLURM: &str = "SLURM_ARRAY_TASK_ID";
const SLURM_FIRST: &str = "SLURM_ARRAY_TASK_MIN";
const SLURM_STEP: &str = "SLURM_ARRAY_TASK_STEP";
const SLURM_COUNT: &str = "SLURM_ARRAY_TASK_COUNT";

impl Shard {
    /// The whole.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// Reads a part, and what the text does not say from the variables of a batch system.
    ///
    /// # Errors
    /// If there is no such part.
    pub fn parse(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, BadShard> {
        let malformed = || BadShard::Malformed(text.to_owned());
        let number = |variable_name| read(variable_name, &variable);
        let (index, count) = if text == "auto" {
            let index = index(&number)?;
            (index, number(SLURM_COUNT)?.ok_or(BadShard::Uncounted)?)
        } else {
            let (named, count) = text.split_once('/').ok_or_else(malformed)?;
            let count = count.parse().map_err(|_| malformed())?;
            let named = (!named.is_empty()).then(|| named.parse().map_err(|_| malformed()));
            (named.unwrap_or_else(|| index(&number))?, count)
        };
        if index < count {
            Ok(Self { index, count })
        } else {
            Err(BadShard::Beyond { index, count })
        }
    }

    /// Is a seed of this part? Every seed is of exactly one.
    pub const fn has(self, seed: u64) -> bool {
        seed % self.count == self.index
    }

    /// How many seeds of a range are of this part.
    pub fn count_in(self, seeds: &Range<u64>) -> u64 {
        let below = |end: u64| end / self.count + u64::from(end % self.count > self.index);
        below(seeds.end) - below(seeds.start)
    }
}

type Number<'a> = &'a dyn Fn(&'static str) -> Result<Option<u64>, BadShard>;

/// Which part the batch system says this is, counted from 0.
fn index(number: Number<'_>) -> Result<u64, BadShard> {
    if let Some(index) = number(KUBERNETES)? {
        return Ok(index);
    }
    let named = number(SLURM)?.ok_or(BadShard::Unnamed)?;
    let first = number(SLURM_FIRST)?.unwrap_or(0);
    let step = number(SLURM_STEP)?.unwrap_or(1).max(1);
    Ok(named.saturating_sub(first) / step)
}

fn read(
    name: &'static str,
    variable: &impl Fn(&str) -> Option<String>,
) -> Result<Option<u64>, BadShard> {
    let Some(value) = variable(name) else { return Ok(None) };
    let number = value.parse().map_err(|_| BadShard::Variable { variable: name, value });
    number.map(Some)
}

impl FromStr for Shard {
    type Err = BadShard;

    fn from_str(text: &str) -> Result<Self, BadShard> {
        Self::parse(text, |name| std::env::var(name).ok())
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_range_of_one() {
        assert_eq!("7".parse(), Ok(Seeds(7..8)));
        assert_eq!("3..9".parse(), Ok(Seeds(3..9)));
        let open: Seeds = "3..".parse().expect("a range");
        assert!(open.is_open() && open.to_string() == "3..");
        for bad in ["", "x", "..", "..3", "9..3", "3..3", "-1", "18446744073709551615"] {
            assert_eq!(bad.parse::<Seeds>(), Err(BadSeeds(bad.to_owned())));
        }
    }

    #[test]
    fn every_seed_is_of_exactly_one_part() {
        let parts: Vec<Shard> = (0..5).map(|index| Shard { index, count: 5 }).collect();
        for seed in 0..100 {
            assert_eq!(parts.iter().filter(|part| part.has(seed)).count(), 1, "seed {seed}");
        }
        assert!((0..100).all(|seed| Shard::WHOLE.has(seed)));
    }

    #[test]
    fn the_seeds_of_a_part_are_counted() {
        for part in (0..5).map(|index| Shard { index, count: 5 }) {
            for seeds in [0..0, 0..1, 3..17, 4..5, 5..6, 10..100] {
                let counted = seeds.clone().filter(|&seed| part.has(seed)).count() as u64;
                assert_eq!(part.count_in(&seeds), counted, "{part} of {seeds:?}");
            }
        }
    }

    fn parse(text: &str, variables: &[(&str, &str)]) -> Result<Shard, BadShard> {
        let found = |name: &str| variables.iter().find(|variable| variable.0 == name);
        Shard::parse(text, |name| found(name).map(|variable| variable.1.to_owned()))
    }

    #[test]
    fn a_part_without_a_number_asks_the_batch_system() {
        let part = |index, count| Ok(Shard { index, count });
        let kubernetes = [("JOB_COMPLETION_INDEX", "3")];
        assert_eq!(parse("/16", &kubernetes), part(3, 16));
        assert_eq!(parse("2/16", &kubernetes), part(2, 16));
        assert_eq!(parse("/2", &kubernetes), Err(BadShard::Beyond { index: 3, count: 2 }));
        assert_eq!(parse("auto", &kubernetes), Err(BadShard::Uncounted));
        let slurm = [("SLURM_ARRAY_TASK_ID", "3"), ("SLURM_ARRAY_TASK_COUNT", "8")];
        assert_eq!(parse("/16", &slurm), part(3, 16));
        assert_eq!(parse("auto", &slurm), part(3, 8));
        let odd = [
            ("SLURM_ARRAY_TASK_ID", "7"),
            ("SLURM_ARRAY_TASK_MIN", "1"),
            ("SLURM_ARRAY_TASK_STEP", "2"),
            ("SLURM_ARRAY_TASK_COUNT", "4"),
        ];
        assert_eq!(parse("auto", &odd), part(3, 4), "1,3,5,7 are four parts");
        assert_eq!(parse("/2", &[]), Err(BadShard::Unnamed));
        assert_eq!(parse("auto", &[]), Err(BadShard::Unnamed));
        let (variable, value) = ("JOB_COMPLETION_INDEX", "x".to_owned());
        assert_eq!(parse("/2", &[(variable, "x")]), Err(BadShard::Variable { variable, value }));
        for bad in ["", "1", "1/", "/", "a/2", "1/b", "1/2/3"] {
            assert_eq!(parse(bad, &slurm), Err(BadShard::Malformed(bad.to_owned())));
        }
        assert_eq!(parse("0/0", &slurm), Err(BadShard::Beyond { index: 0, count: 0 }));
    }
}
