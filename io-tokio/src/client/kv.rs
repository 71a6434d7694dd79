//! The client of a key-value store.

use std::time::Duration;

use bytes::Bytes;
use quorate_core::Index;
use quorate_core::node::NodeStatus;
use quorate_core::wire::Consistency;
use quorate_sm::kv::{
    Answer, Change, Command, Expected, Page, Query, QueryAnswer, Refused, Transaction, Versioned,
};
use quorate_sm::{Caller as _, Filter, Kv, MachineId, Since, Subscription};

use super::{CallError, Client, Doubt, Reason};

/// A client of a group whose state machine is [`Kv`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct KvClient {
    client: Client,
    consistency: Consistency,
}

/// What becomes of keys.
pub type Changes = Subscription<Change, Client>;

const BAD_LOOK: CallError = CallError::NotApplied(Reason::BadAnswer);

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
            _ => Err(BAD_LOOK),
        }
    }

    /// The values of several keys, as of one moment.
    ///
    /// # Errors
    /// See [`KvError`].
    pub async fn get_all(&self, keys: Vec<Bytes>) -> Result<Vec<Option<Versioned>>, KvError> {
        match self.query(Query::GetAll { keys }).await? {
            QueryAnswer::Values(found) => Ok(found?),
            _ => Err(BAD_LOOK.into()),
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
            _ => Err(BAD_LOOK),
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

    /// Sets a key for a while; its new version. What writes it again, other than an increment, makes it
    /// stay.
    ///
    /// # Errors
    /// See [`KvError`].
    pub async fn put_for(
        &self,
        key: impl Into<Bytes>,
        value: impl Into<Bytes>,
        ttl: Duration,
    ) -> Result<Index, KvError> {
        let (key, value) = (key.into(), value.into());
        match self.command(Command::PutFor { key, value, ttl }).await? {
            Answer::Written { version, .. } => Ok(version),
            other => Err(refusal(other)),
        }
    }

    /// Changes several keys at once, if some are as expected, or others if not. Says whether they were, and
    /// the version that each key had before it was written.
    ///
    /// # Errors
    /// See [`KvError`].
    pub async fn transact(
        &self,
        transaction: Transaction,
    ) -> Result<(bool, Vec<Option<Index>>), KvError> {
        match self.command(Command::Transact(transaction)).await? {
            Answer::Transacted { is_met, previous } => Ok((is_met, previous)),
            other => Err(refusal(other)),
        }
    }

    /// What becomes of a key from now on: each change once, in order. The topic of a notice is the key, and
    /// its entry is the version.
    ///
    /// # Errors
    /// [`CallError::NotApplied`] only.
    pub async fn watch(&self, key: impl Into<Bytes>) -> Result<Changes, CallError> {
        Ok(self.changes(Filter::Topic(key.into()), Since::Entry(self.latest().await?)))
    }

    /// What becomes of all keys that begin so.
    ///
    /// # Errors
    /// [`CallError::NotApplied`] only.
    pub async fn watch_prefix(&self, prefix: impl Into<Bytes>) -> Result<Changes, CallError> {
        Ok(self.changes(Filter::Prefix(prefix.into()), Since::Entry(self.latest().await?)))
    }

    /// The last entry by now: what a watch begins after.
    ///
    /// # Errors
    /// [`CallError::NotApplied`] only.
    pub async fn latest(&self) -> Result<Index, CallError> {
        self.client.latest().await
    }

    /// What has become of keys since then, and what becomes of them from now on: to go on where an earlier
    /// watch was, or after a version that was read.
    pub fn changes(&self, filter: Filter, since: Since) -> Changes {
        Changes::since(self.client.clone(), MachineId::FIRST, filter, since)
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
