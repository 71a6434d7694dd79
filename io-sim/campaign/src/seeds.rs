//! Which seeds are run, and which of them here.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// A range of seeds, written `7` or `0..1000`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seeds(pub Range<u64>);

/// Text that is no range of seeds.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is neither a seed, as 7, nor a range of seeds, as 0..1000")]
pub struct BadSeeds(String);

impl FromStr for Seeds {
    type Err = BadSeeds;

    fn from_str(text: &str) -> Result<Self, BadSeeds> {
        let bad = || BadSeeds(text.to_owned());
        let number = |text: &str| text.parse::<u64>().map_err(|_| bad());
        let range = match text.split_once("..") {
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
        write!(f, "{}..{}", self.0.start, self.0.end)
    }
}

/// One of several parts of a campaign, written `2/16`, the first being 0. `/16` takes the number
/// from the environment of the batch system that started this part.
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
    /// Neither form.
    #[error("{0:?} is neither a part, as 2/16, nor a number of parts, as /16")]
    Malformed(String),
    /// There is no such part.
    #[error("there is no part {index} of {count}: the first is 0")]
    Beyond {
        /// The part.
        index: u64,
        /// The number of parts.
        count: u64,
    },
    /// No batch system says which part this is.
    #[error("neither {} says which part this is; write it as 2/{count}", Shard::VARIABLES.join(" nor "))]
    Unnamed {
        /// The number of parts.
        count: u64,
    },
}

impl Shard {
    /// The whole.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// What batch systems call the number of a part: Kubernetes' Indexed Jobs, and Slurm's arrays.
    pub const VARIABLES: [&str; 2] = ["JOB_COMPLETION_INDEX", "SLURM_ARRAY_TASK_ID"];

    /// Reads a part, and its number from `variable` if the text does not have it.
    ///
    /// # Errors
    /// If there is no such part.
    pub fn parse(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, BadShard> {
        let malformed = || BadShard::Malformed(text.to_owned());
        let (index, count) = text.split_once('/').ok_or_else(malformed)?;
        let count: u64 = count.parse().map_err(|_| malformed())?;
        let index: u64 = if index.is_empty() {
            let named = Self::VARIABLES.iter().find_map(|name| variable(name));
            let named = named.ok_or(BadShard::Unnamed { count })?;
            named.parse().map_err(|_| BadShard::Malformed(format!("{named}{text}")))?
        } else {
            index.parse().map_err(|_| malformed())?
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
        for bad in ["", "x", "3..", "9..3", "3..3", "-1", "18446744073709551615"] {
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
    fn a_part_without_a_number_asks_the_batch_system() {
        let slurm = |name: &str| (name == "SLURM_ARRAY_TASK_ID").then(|| "3".to_owned());
        assert_eq!(Shard::parse("/16", slurm), Ok(Shard { index: 3, count: 16 }));
        assert_eq!(Shard::parse("2/16", slurm), Ok(Shard { index: 2, count: 16 }));
        assert_eq!(Shard::parse("/2", slurm), Err(BadShard::Beyond { index: 3, count: 2 }));
        assert_eq!(Shard::parse("/2", |_| None), Err(BadShard::Unnamed { count: 2 }));
        for bad in ["", "1", "1/", "/", "a/2", "1/b", "1/2/3"] {
            assert_eq!(Shard::parse(bad, slurm), Err(BadShard::Malformed(bad.to_owned())));
        }
        assert_eq!(Shard::parse("0/0", slurm), Err(BadShard::Beyond { index: 0, count: 0 }));
    }
}
