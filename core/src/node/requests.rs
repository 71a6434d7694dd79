//! The table of requests under way.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::io::ConnectionId;
use crate::entry::EntryRange;
use crate::rng::Rng;
use crate::types::{Instant, NodeId, RequestId};

/// A request under way.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) origin: Origin,
    pub(super) kind: Kind,
    /// The server that it was passed on to.
    pub(super) passed_to: Option<NodeId>,
    /// When it came.
    pub(super) since: Instant,
    /// When it ends for want of an answer.
    pub(super) deadline: Instant,
}

/// Who waits for the outcome.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    Client {
        connection: ConnectionId,
        id: u64,
    },
    Local {
        id: u64,
    },
    Peer {
        node: NodeId,
        id: u64,
    },
    /// The queries that one question to the leader serves.
    Queries(Vec<RequestId>),
    /// This node, which wants to stop.
    Node,
}

/// What is under way.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Propose,
    /// The query, until the state machine has it.
    Query(Bytes),
    /// The same, of a bounded age: of this one, once that is known.
    Bounded(Bytes, Duration),
    /// Only the index is wanted.
    ReadIndex,
    /// A transfer of leadership.
    Transfer,
    /// A change of the membership.
    Reconfigure,
    /// Entries, until the log has been read.
    Entries(EntryRange),
    /// The state machine has it, and answers when there is something to tell.
    Watch,
    /// A function, which is being carried out, with so many bytes of arguments.
    Call {
        bytes: u64,
    },
}

impl Kind {
    /// Is it over when whoever asked is gone?
    const fn needs_asker(&self) -> bool {
        matches!(self, Self::Watch | Self::Call { .. })
    }
}

/// The calls under way.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Calls {
    pub(super) count: usize,
    /// Of their arguments.
    pub(super) bytes: u64,
}

/// All requests under way. A name is never reused, so a late answer finds nothing.
#[derive(Clone, Debug)]
pub(super) struct Requests {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// How many of them are watches.
    watches: usize,
    calls: Calls,
    /// Where the generations of this life begin: peers may still answer what an earlier life asked.
    first_generation: u32,
}

#[derive(Clone, Debug)]
struct Slot {
    generation: u32,
    pending: Option<Pending>,
}

impl Requests {
    /// No requests; `life` differs from one start of the server to the next.
    pub(super) fn new(life: u64) -> Self {
        let mixed = Rng::new(life).next();
        let first_generation = u32::try_from(mixed >> 32).expect("half of it");
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            watches: 0,
            calls: Calls::default(),
            first_generation,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn watches(&self) -> usize {
        self.watches
    }

    pub(super) fn calls(&self) -> Calls {
        self.calls
    }

    /// How many are neither watches nor calls.
    pub(super) fn ordinary(&self) -> usize {
        self.len() - self.watches - self.calls.count
    }

    pub(super) fn insert(&mut self, pending: Pending) -> RequestId {
        match pending.kind {
            Kind::Watch => self.watches += 1,
            Kind::Call { bytes } => {
                self.calls.count += 1;
                self.calls.bytes += bytes;
            }
            _ => {}
        }
        let at = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: self.first_generation, pending: None });
            u32::try_from(self.slots.len() - 1).expect("requests are bounded")
        });
        let slot = &mut self.slots[at as usize];
        slot.pending = Some(pending);
        RequestId(u64::from(slot.generation) << 32 | u64::from(at))
    }

    pub(super) fn get_mut(&mut self, id: RequestId) -> Option<&mut Pending> {
        let (at, generation) = split(id);
        let slot = self.slots.get_mut(at)?;
        if slot.generation == generation { slot.pending.as_mut() } else { None }
    }

    /// Takes a request out: it has ended.
    pub(super) fn remove(&mut self, id: RequestId) -> Option<Pending> {
        self.get_mut(id)?;
        let (at, _) = split(id);
        let slot = &mut self.slots[at];
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(u32::try_from(at).expect("a slot's number"));
        let pending = slot.pending.take()?;
        match pending.kind {
            Kind::Watch => self.watches -= 1,
            Kind::Call { bytes } => {
                self.calls.count -= 1;
                self.calls.bytes -= bytes;
            }
            _ => {}
        }
        Some(pending)
    }

    /// All requests whose time is up.
    pub(super) fn expired(&self, now: Instant) -> Vec<RequestId> {
        self.ids(|pending| pending.deadline <= now)
    }

    /// All requests that were passed on to `peer`.
    pub(super) fn passed_to(&self, peer: NodeId) -> Vec<RequestId> {
        self.ids(|pending| pending.passed_to == Some(peer))
    }

    /// All queries that wait for an index, or for the state machine to reach it.
    pub(super) fn queries(&self) -> Vec<RequestId> {
        self.ids(|pending| matches!(pending.kind, Kind::Query(_) | Kind::Bounded(..)))
    }

    /// All watches.
    pub(super) fn all_watches(&self) -> Vec<RequestId> {
        self.ids(|pending| matches!(pending.kind, Kind::Watch))
    }

    /// What came over a connection, and is over when that is gone.
    pub(super) fn only_of(&self, connection: ConnectionId) -> Vec<RequestId> {
        self.ids(|pending| match pending.origin {
            Origin::Client { connection: it, .. } => it == connection && pending.kind.needs_asker(),
            _ => false,
        })
    }

    /// The watch that a client, or this process, knows by this name.
    pub(super) fn watch_of(&self, client: Option<ConnectionId>, name: u64) -> Option<RequestId> {
        let is_it = |pending: &Pending| match pending.origin {
            Origin::Client { connection, id } => client == Some(connection) && id == name,
            Origin::Local { id } => client.is_none() && id == name,
            _ => false,
        };
        self.ids(|pending| matches!(pending.kind, Kind::Watch) && is_it(pending)).pop()
    }

    /// All requests.
    pub(super) fn all(&self) -> Vec<RequestId> {
        self.ids(|_| true)
    }

    fn ids(&self, wanted: impl Fn(&Pending) -> bool) -> Vec<RequestId> {
        let slots = (0u64..).zip(&self.slots);
        slots
            .filter(|(_, slot)| slot.pending.as_ref().is_some_and(&wanted))
            .map(|(at, slot)| RequestId(u64::from(slot.generation) << 32 | at))
            .collect()
    }
}

fn split(id: RequestId) -> (usize, u32) {
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of a name")]
    let halves = (id.0 as u32 as usize, (id.0 >> 32) as u32);
    halves
}
