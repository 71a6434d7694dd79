//! Reading rows. Whatever a row says that we do not know makes it unfit, never a panic.

use std::fmt;

use quorate_core::{Index, LogId, NodeId, Term};
use serde_json::{Map, Value};

/// Why a row was not run to its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It asks for something that is not there.
    Unfit {
        /// A feature's kind: event, message, key, ...
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// Something came out otherwise.
    Wrong(String),
}

pub(crate) type Run<T = ()> = Result<T, Stop>;

pub(crate) fn unfit<T>(what: &'static str, name: impl Into<String>) -> Run<T> {
    Err(Stop::Unfit { what, name: name.into() })
}

pub(crate) fn wrong<T>(text: impl Into<String>) -> Run<T> {
    Err(Stop::Wrong(text.into()))
}

/// Equal, or in words what is not.
pub(crate) fn expect<T: PartialEq + fmt::Debug>(what: &str, got: &T, wanted: &T) -> Run {
    if got == wanted { Ok(()) } else { wrong(format!("{what} is {got:?}, not {wanted:?}")) }
}

/// An object of a row.
#[derive(Clone, Copy)]
pub(crate) struct Object<'a>(pub(crate) &'a Map<String, Value>);

impl<'a> Object<'a> {
    pub(crate) fn of(value: &'a Value) -> Run<Self> {
        value.as_object().map_or_else(|| odd("object", value), |map| Ok(Self(map)))
    }

    /// There are no other keys than these.
    pub(crate) fn has_only(self, keys: &[&str]) -> Run {
        match self.0.keys().find(|key| !keys.contains(&key.as_str())) {
            Some(key) => unfit("key", key),
            None => Ok(()),
        }
    }

    pub(crate) fn get(self, key: &str) -> Option<&'a Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    pub(crate) fn need(self, key: &str) -> Run<&'a Value> {
        self.get(key).map_or_else(|| unfit("missing key", key), Ok)
    }

    /// The value, if there is one, as something.
    pub(crate) fn map<T>(self, key: &str, read: impl Fn(&'a Value) -> Run<T>) -> Run<Option<T>> {
        self.get(key).map(read).transpose()
    }

    pub(crate) fn flag(self, key: &str) -> Run<bool> {
        Ok(self.map(key, flag)?.unwrap_or(false))
    }

    pub(crate) fn number(self, key: &str, default: u64) -> Run<u64> {
        Ok(self.map(key, number)?.unwrap_or(default))
    }

    pub(crate) fn text(self, key: &str) -> &'a str {
        self.get(key).and_then(Value::as_str).unwrap_or_default()
    }
}

pub(crate) fn odd<T>(wanted: &str, value: &Value) -> Run<T> {
    unfit("value", format!("{value}, where a row has {wanted}"))
}

pub(crate) fn number(value: &Value) -> Run<u64> {
    value.as_u64().map_or_else(|| odd("a number", value), Ok)
}

pub(crate) fn flag(value: &Value) -> Run<bool> {
    value.as_bool().map_or_else(|| odd("true or false", value), Ok)
}

pub(crate) fn text(value: &Value) -> Run<&str> {
    value.as_str().map_or_else(|| odd("text", value), Ok)
}

pub(crate) fn list(value: &Value) -> Run<&[Value]> {
    value.as_array().map_or_else(|| odd("a list", value), |list| Ok(list.as_slice()))
}

pub(crate) fn index(value: &Value) -> Run<Index> {
    number(value).map(Index)
}

/// A server.
pub(crate) fn node(value: &Value) -> Run<NodeId> {
    NodeId::new(number(value)?).map_or_else(|| odd("a server", value), Ok)
}

/// A server, or 0 for nobody.
pub(crate) fn node_or_nobody(value: &Value) -> Run<Option<NodeId>> {
    number(value).map(NodeId::new)
}

pub(crate) fn nodes(value: &Value) -> Run<Vec<NodeId>> {
    list(value)?.iter().map(node).collect()
}

/// `[index, term]`.
pub(crate) fn log_id(value: &Value) -> Run<LogId> {
    match list(value)? {
        [index, term] => Ok(LogId { term: Term(number(term)?), index: Index(number(index)?) }),
        _ => odd("[index, term]", value),
    }
}

pub(crate) fn log(value: &Value) -> Run<Vec<LogId>> {
    list(value)?.iter().map(log_id).collect()
}
