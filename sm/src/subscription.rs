//! Events as they come to a client.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
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
///
/// `A` is what each of them is about, in a subscription [to all of a kind](Self::to_all).
#[derive(Debug)]
pub struct Subscription<T, C, A = ()> {
    caller: C,
    machine: MachineId,
    filter: Filter,
    since: Since,
    ready: VecDeque<Event>,
    /// Reads a topic.
    about: fn(&[u8]) -> Option<A>,
    kind: PhantomData<fn() -> T>,
}

/// What has happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice<T, A = ()> {
    /// The event.
    pub event: T,
    /// What it is about: the parameters of the event, unless the subscription says them.
    pub about: A,
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
    /// What has happened since then, and what happens from now on.
    pub fn since(caller: C, machine: MachineId, filter: Filter, since: Since) -> Self {
        Self::of(caller, machine, filter, since, |_| Some(()))
    }
}

impl<T: DeserializeOwned, C: Caller, A: DeserializeOwned> Subscription<T, C, A> {
    /// All events of the kind with this number, since then and from now on, of a machine that was made by
    /// [`#[machine]`](crate::machine).
    pub fn to_all(caller: C, machine: MachineId, kind: u32, since: Since) -> Self {
        let mut prefix = Vec::new();
        codec::encode(&kind, &mut prefix);
        let about = |topic: &[u8]| codec::decode::<(u32, A)>(topic).map(|(_, about)| about);
        Self::of(caller, machine, Filter::Prefix(prefix.into()), since, about)
    }
}

impl<T: DeserializeOwned, C: Caller, A> Subscription<T, C, A> {
    fn of(
        caller: C,
        machine: MachineId,
        filter: Filter,
        since: Since,
        about: fn(&[u8]) -> Option<A>,
    ) -> Self {
        let (ready, kind) = (VecDeque::new(), PhantomData);
        Self { caller, machine, filter, since, ready, about, kind }
    }

    /// The next event, when there is one. Nothing is lost if the future is dropped.
    ///
    /// # Errors
    /// See [`Lost`]; the next call goes on.
    pub async fn next(&mut self) -> Result<Notice<T, A>, Lost> {
        while self.ready.is_empty() {
            self.ask(None).await?;
        }
        let event = self.ready.pop_front().expect("one is there");
        self.notice(event)
    }

    /// The next event that happened no later than anything that this client was answered; none if there
    /// are no more. Once there are none, all that came of the client's own commands is told.
    ///
    /// # Errors
    /// See [`Lost`]; the next call goes on.
    pub async fn next_seen(&mut self) -> Result<Option<Notice<T, A>>, Lost> {
        let seen = self.caller.seen();
        if self.ready.is_empty() {
            self.ask(Some(seen)).await?;
        }
        let is_seen = |event: &mut Event| event.index <= seen;
        self.ready.pop_front_if(is_seen).map(|event| self.notice(event)).transpose()
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

    fn notice(&self, event: Event) -> Result<Notice<T, A>, Lost> {
        const STRANGE: CallError = CallError::NotApplied(Reason::BadAnswer);
        let (index, resume) = (event.index, event.next());
        let Event { topic, body, .. } = event;
        let about = (self.about)(&topic).ok_or(STRANGE)?;
        let event = codec::decode(&body).ok_or(STRANGE)?;
        Ok(Notice { event, about, index, topic, resume })
    }
}
