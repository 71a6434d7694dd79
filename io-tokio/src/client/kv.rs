//! The client of a key-value store.

use bytes::Bytes;
use quorate_core::Index;
use quorate_core::node::NodeStatus;
use quorate_core::wire::Consistency;
use quorate_sm::Kv;
use quorate_sm::kv::{Answer, Command, Expected, Page, Query, QueryAnswer, Refused, Versioned};

use super::{CallError, Client, Doubt, Reason};

/// A client of a group whose state machine is [`Kv`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct KvClient {
    client: Client,
    consistency: Consistency,
}

/// How a compare-and-swap ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Swap {
    /// The key has its new value, of this version; none if it was removed.
    Done(Option<Index>),
    /// The key is not as expected, but this; nothing has changed.
    Lost(Option<Versioned>),
}

/// Why an operation on the store has no answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KvError {
    /// The call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The store cannot do that; nothing has changed.
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl KvClient {
    /// The store behind `client`, read linearizably.
    pub const fn new(client: Client) -> Self {
        Self { client, consistency: Consistency::Linearizable }
    }

    /// The same client, whose reads are as fresh as this.
    #[must_use]
    pub fn reading(&self, consistency: Consistency) -> Self {
        Self { client: self.client.clone(), consistency }
    }

    /// See [`Client::close`].
    pub async fn close(self) {
        self.client.close().await;
    }

    /// The client underneath.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// The value of a key, if there is one.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn get(&self, key: impl Into<Bytes>) -> Result<Option<Versioned>, CallError> {
        match self.query(Query::Get { key: key.into() }).await? {
            QueryAnswer::Value(found) => Ok(found),
            QueryAnswer::Page(_) => Err(CallError::NotApplied(Reason::BadAnswer)),
        }
    }

    /// Part of the keys with a prefix, in order: from the first, or after [`Page::next`].
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn list(
        &self,
        prefix: impl Into<Bytes>,
        after: Option<Bytes>,
        rows_max: u32,
    ) -> Result<Page, CallError> {
        let prefix = prefix.into();
        match self.query(Query::List { prefix, after, rows_max }).await? {
            QueryAnswer::Page(page) => Ok(page),
            QueryAnswer::Value(_) => Err(CallError::NotApplied(Reason::BadAnswer)),
        }
    }

    /// Sets a key; its new version.
    ///
    /// # Errors
    /// See [`KvError`].
    pub async fn put(
        &self,
        key: impl Into<Bytes>,
        value: impl Into<Bytes>,
    ) -> Result<Index, KvError> {
        let (key, value) = (key.into(), value.into());
        match self.command(Command::Put { key, value }).await? {
            Answer::Written { version, .. } => Ok(version),
            other => Err(refusal(other)),
        }
    }

    /// Removes a key; the version that it had.
    ///
    /// # Errors
    /// See [`KvError`].
    pub async fn delete(&self, key: impl Into<Bytes>) -> Result<Option<Index>, KvError> {
        match self.command(Command::Delete { key: key.into() }).await? {
            Answer::Removed { previous } => Ok(previous),
            other => Err(refusal(other)),
        }
    }

    /// Changes a key if it is as expected; a value of none removes it.
    ///
    /// # Errors
    /// See [`KvError`].
    pub async fn compare_and_swap(
        &self,
        key: impl Into<Bytes>,
        expected: Expected,
        value: Option<Bytes>,
    ) -> Result<Swap, KvError> {
        match self.command(Command::CompareAndSwap { key: key.into(), expected, value }).await? {
            Answer::Written { version, .. } => Ok(Swap::Done(Some(version))),
            Answer::Removed { .. } => Ok(Swap::Done(None)),
            Answer::Conflict { current } => Ok(Swap::Lost(current)),
            other => Err(refusal(other)),
        }
    }

    /// Adds to a key that holds a decimal number; the sum.
    ///
    /// # Errors
    /// See [`KvError`].
    pub async fn increment(&self, key: impl Into<Bytes>, by: i64) -> Result<i64, KvError> {
        match self.command(Command::Increment { key: key.into(), by }).await? {
            Answer::Number { value, .. } => Ok(value),
            other => Err(refusal(other)),
        }
    }

    /// See [`Client::status_of`].
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn status_of(&self, address: &str) -> Result<NodeStatus, CallError> {
        self.client.status_of(address).await
    }

    async fn command(&self, command: Command) -> Result<Answer, CallError> {
        self.client.command::<Kv>(&command).await
    }

    async fn query(&self, query: Query) -> Result<QueryAnswer, CallError> {
        self.client.query::<Kv>(self.consistency, &query).await
    }
}

fn refusal(answer: Answer) -> KvError {
    match answer {
        Answer::Refused(why) => why.into(),
        // Applied, and answered with what is no answer to this command.
        _ => CallError::Unknown(Doubt::BadAnswer).into(),
    }
}
