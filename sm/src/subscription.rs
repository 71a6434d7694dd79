//! Events as they come to a client.

use alloc::collections::VecDeque;
use core::marker::PhantomData;

use bytes::Bytes;
use quorate_core::Index;
use serde::de::DeserializeOwned;

use crate::caller::Caller;
use crate::codec;
use crate::courier::{CallError, Reason};
use crate::envelope::MachineId;
use crate::events::{Event, Filter, Gap, Position, Since};
use crate::watches::{Watch, Watched};

/// Events of one kind, in order, each once: across lost connections, other servers, other leaders. What
/// was forgotten before it came here is a [gap](Lost::Gap), and never silence.
#[derive(Debug)]
pub struct Subscription<T, C> {
    caller: C,
    machine: MachineId,
    filter: Filter,
    since: Since,
    ready: VecDeque<Event>,
    kind: PhantomData<fn() -> T>,
}

/// What has happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice<T> {
    /// The event.
    pub event: T,
    /// The entry that made it happen.
    pub index: Index,
    /// Whoever begins there later gets what comes after it.
    pub resume: Position,
}

/// Why there is no event.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Lost {
    /// Some were forgotten: read the state anew. What comes next is complete again.
    #[error(transparent)]
    Gap(#[from] Gap),
    /// No server could be asked. Nothing is lost by asking again.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl<T: DeserializeOwned, C: Caller> Subscription<T, C> {
    /// What happens from now on.
    ///
    /// # Errors
    /// [`CallError::NotApplied`] only.
    pub async fn from_now(caller: C, machine: MachineId, topic: Bytes) -> Result<Self, CallError> {
        let since = Since::Entry(caller.latest().await?);
        Ok(Self::since(caller, machine, Filter::Topic(topic), since))
    }

    /// What has happened since then, and what happens from now on.
    pub fn since(caller: C, machine: MachineId, filter: Filter, since: Since) -> Self {
        let (ready, kind) = (VecDeque::new(), PhantomData);
        Self { caller, machine, filter, since, ready, kind }
    }

    /// The next event, when there is one. Nothing is lost if the future is dropped.
    ///
    /// # Errors
    /// See [`Lost`]; the next call goes on.
    pub async fn next(&mut self) -> Result<Notice<T>, Lost> {
        while self.ready.is_empty() {
            let (machine, filter) = (self.machine, self.filter.clone());
            let watch = Watch { machine, filter, since: self.since, until: None };
            match self.caller.watch(watch).await? {
                Watched::Events { events, next } => {
                    self.since = Since::Position(next);
                    self.ready = events.into();
                }
                Watched::Gap(gap) => {
                    self.since = Since::Position(gap.resume);
                    return Err(gap.into());
                }
            }
        }
        let event = self.ready.pop_front().expect("one is there");
        let (index, resume) = (event.index, event.next());
        let event = codec::decode(&event.body);
        let event = event.ok_or(CallError::NotApplied(Reason::BadAnswer))?;
        Ok(Notice { event, index, resume })
    }
}
