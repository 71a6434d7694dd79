//! A client of a cluster: finds the leader, keeps at it until the answer is there, and never has a
//! command applied twice.
//!
//! What it decides is a [`Courier`], which does no I/O; `pump` moves its bytes.

mod kv;
mod pump;
mod register;
mod services;
mod typed;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use quorate_core::node::NodeStatus;
use quorate_core::wire::{Consistency, decode_entries};
use quorate_core::{Entries, EntryRange, Index, Membership, NodeId};
use quorate_sm::{MachineId, StateMachine};
use tokio::sync::{mpsc, oneshot, watch};

use crate::env::Env;
use pump::Pump;
use quorate_sm::courier::{Courier, Input, NewCall};

pub use kv::{Changes, KvClient, KvError, Swap};
pub use quorate_sm::courier::{
    Answered, Ask, CallError, ClientConfig, Doubt, Reason, Routing, Standing,
};
pub use register::NotRegistered;
pub(crate) use services::Here;
pub use typed::NoSuchClient;

/// Where the answer to a call goes.
type Reply = oneshot::Sender<Result<Answered, CallError>>;

/// A client of a cluster. Cheap to clone: all clones share one session, and one connection to each
/// server that they use.
///
/// Every call ends in one of three ways: an answer; [`CallError::NotApplied`], which is definite;
/// or [`CallError::Unknown`]. A command is tried again under the same number until its time is up,
/// so it takes effect at most once, and exactly once if there is an answer. A call whose future is
/// dropped goes on.
#[derive(Clone, Debug)]
pub struct Client {
    calls: mpsc::UnboundedSender<Input<Reply>>,
    /// How many watches there were so far, of all clones.
    watches: Arc<AtomicU64>,
    /// The last entry that any answer reflects.
    seen: Arc<AtomicU64>,
    standing: watch::Receiver<Standing>,
    timeout: Duration,
    /// What its own process offers.
    here: Option<Arc<Here>>,
    /// Nothing comes of it but its end, which is that of the last clone.
    ended: watch::Receiver<()>,
}

impl Client {
    /// A client of the cluster that servers at these addresses, `host:port`, belong to. Connects
    /// when it is first called; ends when all its clones are dropped.
    pub fn connect<E: Env>(env: E, addresses: Vec<String>, config: ClientConfig) -> Self {
        let timeout = config.call_timeout;
        let nonce = u128::from(env.random()) << 64 | u128::from(env.random());
        let courier = Courier::new(addresses, config, env.random(), nonce, env.now());
        let (calls, called) = mpsc::unbounded_channel();
        let (running, ended) = watch::channel(());
        let (stands, standing) = watch::channel(Standing::Unopened);
        let pump = Pump::new(env.clone(), courier, called, stands);
        env.spawn(async move {
            pump.run().await;
            drop(running);
        });
        let (watches, seen) = (Arc::default(), Arc::default());
        Self { calls, watches, seen, standing, timeout, here: None, ended }
    }

    /// The same client, in a process that offers something itself.
    pub(crate) fn with_services(self, here: Here) -> Self {
        Self { here: Some(Arc::new(here)), ..self }
    }

    /// Waits until all other clones are dropped and the servers have been told that the session is
    /// over, if they can be told within a moment. Before the runtime ends this saves them from
    /// keeping the session until it expires.
    pub async fn close(self) {
        let Self { calls, mut ended, .. } = self;
        drop(calls);
        // Nothing else can come of it.
        let _ = ended.changed().await;
    }

    /// How its session stands.
    pub fn standing(&self) -> Standing {
        *self.standing.borrow()
    }

    /// Waits until its session stands otherwise than when this was last asked of this clone; what is over
    /// again by then is not told.
    pub async fn standing_changed(&mut self) -> Standing {
        // Whoever asks has a clone, so the client has not ended.
        let _ = self.standing.changed().await;
        *self.standing.borrow_and_update()
    }

    /// The same client, with another time for each call.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// Carries out a command of the state machine, exactly once.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn command<M: StateMachine>(
        &self,
        command: &M::Command,
    ) -> Result<M::Answer, CallError> {
        let bytes = postcard::to_allocvec(command).expect("a command that postcard can encode");
        let answered = self.apply(MachineId::FIRST, bytes.into()).await?;
        decode(&answered.answer).ok_or(CallError::Unknown(Doubt::BadAnswer))
    }

    /// Asks the state machine.
    ///
    /// # Errors
    /// [`CallError::NotApplied`] only: a query has no effect.
    pub async fn query<M: StateMachine>(
        &self,
        consistency: Consistency,
        query: &M::Query,
    ) -> Result<M::QueryAnswer, CallError> {
        let query = quorate_sm::client::query::<M>(MachineId::FIRST, query);
        let answered = self.ask(consistency, query).await?;
        decode(&answered.answer).ok_or(CallError::NotApplied(Reason::BadAnswer))
    }

    /// Carries out a command of a state machine, in its own encoding, exactly once.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn apply(&self, machine: MachineId, command: Bytes) -> Result<Answered, CallError> {
        self.call(Ask::Command(machine, command), None).await
    }

    /// How the server at an address, `host:port`, sees itself and its group. Not tried again.
    ///
    /// # Errors
    /// [`CallError::NotApplied`] only.
    pub async fn status_of(&self, address: &str) -> Result<NodeStatus, CallError> {
        let answered = self.call(Ask::Status, Some(address.to_owned())).await?;
        decode(&answered.answer).ok_or(CallError::NotApplied(Reason::BadAnswer))
    }

    /// Entries of the log of the server at an address, `host:port`: the first ones of the range. Not tried
    /// again.
    ///
    /// # Errors
    /// [`CallError::NotApplied`] only; it says [`NotInLog`](quorate_core::wire::NotApplied::NotInLog) if the
    /// server's log is another one, or begins later.
    pub async fn entries_of(&self, address: &str, range: EntryRange) -> Result<Entries, CallError> {
        let answered = self.call(Ask::Entries(range), Some(address.to_owned())).await?;
        decode_entries(range.after.index, &answered.answer)
            .map_err(|_| CallError::NotApplied(Reason::BadAnswer))
    }

    /// Changes who belongs to the group (thesis 4): the entry that says so, once it is committed.
    /// Tried again until a leader takes it, and not any more after that.
    ///
    /// # Errors
    /// See [`CallError`]; [`Reason::Stopped`] if it goes no further, and newcomers may have become
    /// learners.
    pub async fn reconfigure(
        &self,
        target: Membership,
        expected: Option<Index>,
        force: bool,
    ) -> Result<Index, CallError> {
        let answered = self.call(Ask::Reconfigure { target, expected, force }, None).await?;
        Ok(answered.index)
    }

    /// Makes the leader hand over (thesis 3.10), to this server if one is named.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn transfer_leadership(&self, to: Option<NodeId>) -> Result<(), CallError> {
        self.call(Ask::Transfer(to), None).await.map(|_| ())
    }

    /// Asks the state machine, in its own encoding.
    ///
    /// # Errors
    /// [`CallError::NotApplied`] only: a query has no effect.
    pub async fn ask(&self, consistency: Consistency, query: Bytes) -> Result<Answered, CallError> {
        self.call(Ask::Query(consistency, query), None).await
    }

    /// Asks whatever a client can ask, of the server at an address, or else of any.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call(&self, ask: Ask, to: Option<String>) -> Result<Answered, CallError> {
        let (token, answer) = oneshot::channel();
        let call = NewCall { ask, to, timeout: self.timeout, token };
        if self.calls.send(Input::Call(call)).is_err() {
            return Err(CallError::NotApplied(Reason::Closed));
        }
        let answered = answer.await.unwrap_or(Err(CallError::Unknown(Doubt::Closed)));
        if let Ok(answered) = &answered {
            self.seen.fetch_max(answered.index.0, Ordering::Relaxed);
        }
        answered
    }
}

fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Some(value),
        Ok(_) | Err(_) => None,
    }
}
