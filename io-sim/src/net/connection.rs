//! Connections and their names.

use super::host::HostId;
use super::pipe::Pipe;

/// Names a connection; never reused by one network.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnId {
    pub(super) generation: u32,
    pub(super) slot: u32,
}

/// One end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct End {
    /// Of which connection.
    pub connection: ConnId,
    /// Which one.
    pub side: Side,
}

impl End {
    pub(super) const fn new(connection: ConnId, side: Side) -> Self {
        Self { connection, side }
    }

    /// The end at the other side.
    #[must_use]
    pub const fn other(self) -> Self {
        Self { connection: self.connection, side: self.side.other() }
    }
}

/// Who made a connection and who took it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Side {
    /// Whoever connected.
    Dialer,
    /// Whoever listened.
    Acceptor,
}

impl Side {
    pub(super) const BOTH: [Self; 2] = [Self::Dialer, Self::Acceptor];

    pub(super) const fn other(self) -> Self {
        match self {
            Self::Dialer => Self::Acceptor,
            Self::Acceptor => Self::Dialer,
        }
    }
}

/// What a host knows of its end.
///
/// ```text
///   Unborn ──► Open ──► Closed ──► Gone
///      └─────────┴───────────────────┘
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// Nothing yet; the dialer waits for an answer.
    Unborn,
    Open,
    /// Its process is done with it; what it sent is still on its way.
    Closed,
    /// Nothing any more.
    Gone,
}

pub(super) struct Connection {
    pub(super) hosts: [HostId; 2],
    pub(super) states: [State; 2],
    /// By whoever speaks.
    pub(super) pipes: [Pipe; 2],
    /// When the attempt to connect is given up.
    pub(super) deadline: u64,
    /// How often it was tried.
    pub(super) tries: u32,
}

impl Connection {
    pub(super) const fn host(&self, side: Side) -> HostId {
        self.hosts[side as usize]
    }

    pub(super) const fn state(&self, side: Side) -> State {
        self.states[side as usize]
    }

    pub(super) const fn is_over(&self) -> bool {
        matches!(self.states, [State::Gone, State::Gone])
    }
}

/// All connections, by name.
pub(super) struct Connections {
    slots: Vec<(u32, Option<Connection>)>,
    free: Vec<u32>,
}

impl Connections {
    pub(super) const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    pub(super) fn insert(&mut self, connection: Connection) -> ConnId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push((0, None));
            u32::try_from(self.slots.len() - 1).expect("connections are fewer than 2^32")
        });
        let entry = &mut self.slots[slot as usize];
        entry.1 = Some(connection);
        ConnId { generation: entry.0, slot }
    }

    pub(super) fn get(&self, id: ConnId) -> Option<&Connection> {
        let (generation, connection) = self.slots.get(id.slot as usize)?;
        connection.as_ref().filter(|_| *generation == id.generation)
    }

    pub(super) fn get_mut(&mut self, id: ConnId) -> Option<&mut Connection> {
        let (generation, connection) = self.slots.get_mut(id.slot as usize)?;
        connection.as_mut().filter(|_| *generation == id.generation)
    }

    pub(super) fn remove(&mut self, id: ConnId) {
        if self.get(id).is_some() {
            let (generation, connection) = &mut self.slots[id.slot as usize];
            *connection = None;
            *generation += 1;
            self.free.push(id.slot);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The names of all, in an order that only depends on what was done.
    pub(super) fn ids(&self) -> Vec<ConnId> {
        let slots = (0..).zip(&self.slots);
        slots
            .filter(|(_, (_, connection))| connection.is_some())
            .map(|(slot, &(generation, _))| ConnId { generation, slot })
            .collect()
    }
}
