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
    /// What it is about, in the machine's own encoding.
    pub topic: Bytes,
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
            self.ask(None).await?;
        }
        let event = self.ready.pop_front().expect("one is there");
        notice(event)
    }

    /// The next event that happened no later than anything that this client was answered; none if there
    /// are no more. Once there are none, all that came of the client's own commands is told.
    ///
    /// # Errors
    /// See [`Lost`]; the next call goes on.
    pub async fn next_seen(&mut self) -> Result<Option<Notice<T>>, Lost> {
        let seen = self.caller.seen();
        if self.ready.is_empty() {
            self.ask(Some(seen)).await?;
        }
        let is_seen = |event: &mut Event| event.index <= seen;
        self.ready.pop_front_if(is_seen).map(notice).transpose()
    }

    /// Asks a server, which answers when there are events or it has applied an entry.
    async fn ask(&mut self, until: Option<Index>) -> Result<(), Lost> {
        let (machine, filter) = (self.machine, self.filter.clone());
        let watch = Watch { machine, filter, since: self.since, until };
        match self.caller.watch(watch).await? {
            Watched::Events { events, next } => {
                self.since = Since::Position(next);
                self.ready = events.into();
                Ok(())
            }
            Watched::Gap(gap) => {
                self.since = Since::Position(gap.resume);
                Err(gap.into())
            }
        }
    }
}

fn notice<T: DeserializeOwned>(event: Event) -> Result<Notice<T>, Lost> {
    let (index, resume) = (event.index, event.next());
    let Event { topic, body, .. } = event;
    let event = codec::decode(&body).ok_or(CallError::NotApplied(Reason::BadAnswer))?;
    Ok(Notice { event, index, topic, resume })
}
