//! Clients that know the operations of their machine.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use quorate_core::Index;
use quorate_core::wire::Consistency;
use quorate_sm::{
    About, Caller, Level, MachineId, SchemaChange, TypedClient, Watch, Watched, client,
};

use tokio::sync::mpsc;

use super::{Answered, CallError, Client, Reason, Reply, decode};
use quorate_sm::courier::{Ask, Input};

/// Why a machine cannot be used as it is wanted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoSuchClient {
    /// No server could be asked.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The servers have none of this name, or nobody has [registered](Client::register) it.
    #[error(
        "there is no machine {name:?} on the log: once all servers run a program that has it, register it"
    )]
    NoMachine {
        /// The name.
        name: String,
    },
    /// The servers' machine does not know what this client would say.
    #[error("the servers' machine {name:?} is another one: {change}")]
    OtherSchema {
        /// The name.
        name: String,
        /// What it does not know.
        change: SchemaChange,
    },
}

impl Client {
    /// The typed client of the machine that the servers call so.
    ///
    /// # Errors
    /// If they have none, or another one, or cannot be asked.
    pub async fn machine<T: TypedClient<Self>>(&self, name: &str) -> Result<T, NoSuchClient> {
        let about = client::about(&About::Machine { name: name.to_owned() });
        let answered = self.ask(Consistency::Linearizable, about).await?;
        let found: Option<Option<(MachineId, String)>> = decode(&answered.answer);
        let found = found.ok_or(CallError::NotApplied(Reason::BadAnswer))?;
        let name = || name.to_owned();
        let (id, schema) = found.ok_or_else(|| NoSuchClient::NoMachine { name: name() })?;
        match T::SCHEMA.is_served_by(&schema) {
            Ok(()) => Ok(T::new(self.clone(), id)),
            Err(change) => Err(NoSuchClient::OtherSchema { name: name(), change }),
        }
    }
}

/// Takes a watch back for which nobody waits any longer; nothing if it has its answer.
struct TakenBack<'a> {
    calls: &'a mpsc::UnboundedSender<Input<Reply>>,
    name: u64,
}

impl Drop for TakenBack<'_> {
    fn drop(&mut self) {
        // The client has ended: nothing is under way any more.
        let _ = self.calls.send(Input::Forget(self.name));
    }
}

impl Caller for Client {
    async fn command(&self, machine: MachineId, command: Bytes) -> Result<Answered, CallError> {
        self.apply(machine, command).await
    }

    async fn query(
        &self,
        machine: MachineId,
        level: Level,
        query: Bytes,
    ) -> Result<Answered, CallError> {
        let query = client::query_bytes(machine, &query);
        let ask = match level {
            Level::Linearizable => Ask::Query(Consistency::Linearizable, query),
            Level::Lease => Ask::Query(Consistency::Lease, query),
            Level::Stale => Ask::Query(Consistency::Stale, query),
            Level::Bounded(age_max) => {
                let age_max_ms = u32::try_from(age_max.as_millis()).unwrap_or(u32::MAX);
                Ask::Query(Consistency::Bounded { age_max_ms }, query)
            }
            Level::Sequential => Ask::Sequential(query),
        };
        self.call(ask, None).await
    }

    async fn watch(&self, watch: Watch) -> Result<Watched, CallError> {
        let name = self.watches.fetch_add(1, Ordering::Relaxed);
        let watch = client::watch(&watch);
        let _taken_back = TakenBack { calls: &self.calls, name };
        let answered = self.call(Ask::Watch { name, watch }, None).await?;
        client::watched(&answered.answer).map_err(|why| {
            CallError::NotApplied(match why {
                client::AnswerError::Rejected(why) => why.into(),
                client::AnswerError::NoOutcome(_) | client::AnswerError::Mismatch => {
                    Reason::BadAnswer
                }
            })
        })
    }

    fn seen(&self) -> Index {
        Index(self.seen.load(Ordering::Relaxed))
    }

    async fn latest(&self) -> Result<Index, CallError> {
        let about = client::about(&About::Nothing);
        Ok(self.ask(Consistency::Linearizable, about).await?.index)
    }
}
