//! Operations, each with its beginning and its end.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The kind of object that a history is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelName {
    /// One value: `read`, `write v`, `cas [from, to]` that answers whether it wrote.
    CasRegister,
    /// A value for each key, `null` when absent: `get`, `put v`, `delete`, `cas [from, to]`, and
    /// `incr v` that answers the sum, an absent value counting as 0. `list` is not checked.
    Kv,
    /// A string for each key: `get`, `put v`, `append v`.
    KvAppend,
    /// Named values: `txn` of `["r", name, value]` and `["w", name, value]`; a read of `null`
    /// constrains nothing.
    MultiRegister,
    /// Held or free: `acquire`, `release`; anybody may release.
    Mutex,
    /// First in, first out: `enqueue v`, `dequeue` that answers a value, or `null` when empty.
    Queue,
    /// `append v` answers the position, from 1; `read` answers the whole list.
    Log,
    /// `add v` answers the sum; `read`.
    Counter,
    /// `add v`; `read` answers the members, in any order, each once.
    Set,
}

impl ModelName {
    /// The name in a history's header.
    ///
    /// ```
    /// assert_eq!(quorate_io_sim::history::ModelName::CasRegister.as_str(), "cas-register");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CasRegister => "cas-register",
            Self::Kv => "kv",
            Self::KvAppend => "kv-append",
            Self::MultiRegister => "multi-register",
            Self::Mutex => "mutex",
            Self::Queue => "queue",
            Self::Log => "log",
            Self::Counter => "counter",
            Self::Set => "set",
        }
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a process asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// The operation's name, a word of its [`ModelName`].
    pub function: String,
    /// The key, where the model has keys.
    pub key: Option<String>,
    /// The argument, where the operation takes one.
    pub argument: Option<Value>,
}

impl Call {
    /// An operation without key and argument.
    ///
    /// ```
    /// use quorate_io_sim::history::Call;
    /// let call = Call::new("cas").key("x").argument(serde_json::json!([1, 2]));
    /// assert_eq!(call.to_string(), r#"cas "x" [1,2]"#);
    /// ```
    pub fn new(function: &str) -> Self {
        Self { function: function.to_owned(), key: None, argument: None }
    }

    /// The same on this key.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self }
    }

    /// The same with this argument.
    #[must_use]
    pub fn argument(self, argument: impl Into<Value>) -> Self {
        Self { argument: Some(argument.into()), ..self }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.function)?;
        if let Some(key) = &self.key {
            write!(f, " {key:?}")?;
        }
        match &self.argument {
            Some(argument) => write!(f, " {argument}"),
            None => Ok(()),
        }
    }
}

/// How an operation ended. `at` is the event's number; event `n` is line `n + 1` of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It happened.
    Ok {
        /// What came back, where the operation answers.
        answer: Option<Value>,
        /// When.
        at: u64,
    },
    /// It certainly did not happen.
    Failed {
        /// When that was known.
        at: u64,
    },
    /// Nobody knows: it may have happened, may yet happen, or never.
    Unknown {
        /// When the process gave up; absent when it still waited at the end.
        at: Option<u64>,
    },
}

/// One operation of a history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operation {
    /// Who asked.
    pub process: u64,
    /// For what.
    pub call: Call,
    /// The number of the event of the invocation, from 1.
    pub invoked: u64,
    /// How it ended.
    pub outcome: Outcome,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.call)?;
        match &self.outcome {
            Outcome::Ok { answer: Some(answer), .. } => write!(f, " -> {answer}")?,
            Outcome::Ok { answer: None, .. } => f.write_str(" -> ok")?,
            Outcome::Failed { .. } => f.write_str(" -> failed")?,
            Outcome::Unknown { .. } => f.write_str(" -> ?")?,
        }
        write!(f, " by process {}", self.process)
    }
}

/// A history, complete: every operation that was invoked, in the order of the invocations.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct History {
    /// What the operations mean.
    pub model: ModelName,
    /// The object's value before the first operation; for models with keys, that of each key.
    pub init: Value,
    /// In the order of [`Operation::invoked`].
    pub operations: Vec<Operation>,
}
