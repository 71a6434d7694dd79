//! Values of histories, small enough to be compared millions of times.

use std::collections::BTreeMap;

use serde_json::Value as Json;

/// A JSON value; texts and all that is not a small number go by a number that [`Values`] gave them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Value {
    /// Absent, or `null`.
    Null,
    /// A whole number.
    Int(i64),
    /// Anything else.
    Named(usize),
}

/// Numbers texts, and values by their texts, from 0.
#[derive(Debug, Default)]
pub(super) struct Values {
    numbers: BTreeMap<String, usize>,
}

impl Values {
    /// `json`, so that two are equal if and only if their JSON is.
    pub(super) fn value(&mut self, json: &Json) -> Value {
        match json {
            Json::Null => Value::Null,
            Json::Number(number) if let Some(int) = number.as_i64() => Value::Int(int),
            _ => Value::Named(self.number(json.to_string())),
        }
    }

    /// All of a list.
    pub(super) fn list(&mut self, json: &[Json]) -> Vec<Value> {
        json.iter().map(|json| self.value(json)).collect()
    }

    /// The number of a text.
    pub(super) fn number(&mut self, text: String) -> usize {
        let fresh = self.numbers.len();
        *self.numbers.entry(text).or_insert(fresh)
    }

    /// How many numbers there are.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }
}
