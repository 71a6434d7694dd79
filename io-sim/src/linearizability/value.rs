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
    Named(u32),
}

/// Numbers the values that are not small.
#[derive(Debug, Default)]
pub(super) struct Values {
    names: BTreeMap<String, u32>,
}

impl Values {
    /// `json`, so that two are equal if and only if their JSON is.
    pub(super) fn value(&mut self, json: &Json) -> Value {
        match json {
            Json::Null => Value::Null,
            Json::Number(number) if let Some(int) = number.as_i64() => Value::Int(int),
            _ => Value::Named(self.name(json.to_string())),
        }
    }

    /// All of a list.
    pub(super) fn list(&mut self, json: &[Json]) -> Vec<Value> {
        json.iter().map(|json| self.value(json)).collect()
    }

    /// The number of a name.
    pub(super) fn name(&mut self, name: String) -> u32 {
        let fresh = u32::try_from(self.names.len()).expect("names fit in memory");
        *self.names.entry(name).or_insert(fresh)
    }
}
