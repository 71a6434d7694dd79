//! Counters, and ids that are never given twice.

use alloc::collections::BTreeMap;
use alloc::string::String;

use quorate_sm::machine;
use serde::{Deserialize, Serialize};

use crate::names::{self, NameTooLong};

/// Numbers by name, which begin with 0; and ids by name, which begin with 1.
#[machine(brief, schema = "schemas/counters.schema")]
pub trait Counters {
    /// Adds to a counter; the sum.
    fn add(&mut self, cx: &mut CountersCx, name: String, by: i64) -> Result<i64, NotCounted>;
    /// Sets a counter if it has this value; what it was.
    fn set(
        &mut self,
        cx: &mut CountersCx,
        name: String,
        from: i64,
        to: i64,
    ) -> Result<i64, NotCounted>;
    /// Gives away so many ids, from the one that is answered on: nobody gets any of them again, not even if this
    /// answer is lost. A client that takes many at once asks seldom.
    fn draw(&mut self, cx: &mut CountersCx, name: String, count: u32) -> Result<u64, NotCounted>;
    /// What a counter is.
    fn value(&self, name: String) -> i64;
    /// How many ids were given away.
    fn drawn(&self, name: String) -> u64;
    /// A counter has this value from now on.
    fn changed(name: String) -> i64;
}

/// Why nothing was counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
pub enum NotCounted {
    /// The sum does not fit into 64 bits, or the ids are used up.
    #[error("adding to {value} overflows")]
    Overflow {
        /// What it is; for ids, the last one.
        value: i64,
    },
    /// The name.
    #[error(transparent)]
    Name(#[from] NameTooLong),
}

/// What was counted.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Tallies {
    counters: BTreeMap<String, i64>,
    /// The last id of each name.
    ids: BTreeMap<String, u64>,
}

/// Ids are kept below what any language's integers hold.
const ID_MAX: u64 = i64::MAX as u64;

impl Tallies {
    fn write(&mut self, cx: &mut CountersCx, name: String, value: i64) {
        cx.emit_changed(&name, value);
        match value {
            0 => drop(self.counters.remove(&name)),
            _ => drop(self.counters.insert(name, value)),
        }
    }
}

impl Counters for Tallies {
    fn add(&mut self, cx: &mut CountersCx, name: String, by: i64) -> Result<i64, NotCounted> {
        names::check(&name)?;
        let value = self.value(name.clone());
        let sum = value.checked_add(by).ok_or(NotCounted::Overflow { value })?;
        if sum != value {
            self.write(cx, name, sum);
        }
        Ok(sum)
    }

    fn set(
        &mut self,
        cx: &mut CountersCx,
        name: String,
        from: i64,
        to: i64,
    ) -> Result<i64, NotCounted> {
        names::check(&name)?;
        let value = self.value(name.clone());
        if value == from && to != from {
            self.write(cx, name, to);
        }
        Ok(value)
    }

    fn draw(&mut self, _: &mut CountersCx, name: String, count: u32) -> Result<u64, NotCounted> {
        names::check(&name)?;
        let last = self.drawn(name.clone());
        let next = last + u64::from(count);
        if next > ID_MAX {
            return Err(NotCounted::Overflow { value: last.cast_signed() });
        }
        if count > 0 {
            self.ids.insert(name, next);
        }
        Ok(last + 1)
    }

    fn value(&self, name: String) -> i64 {
        self.counters.get(&name).copied().unwrap_or_default()
    }

    fn drawn(&self, name: String) -> u64 {
        self.ids.get(&name).copied().unwrap_or_default()
    }
}
