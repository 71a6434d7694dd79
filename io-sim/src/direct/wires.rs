//! Which end of a connection a process knows by which name.

use std::collections::BTreeMap;

use quorate_core::node::ConnectionId;

use crate::net::End;

/// The connections of one process.
#[derive(Default)]
pub(crate) struct Wires {
    ends: BTreeMap<ConnectionId, End>,
    names: BTreeMap<End, ConnectionId>,
    accepted: u64,
}

impl Wires {
    /// Somebody connected.
    pub(crate) fn accept(&mut self, end: End) -> ConnectionId {
        let name = ConnectionId::accepted(self.accepted);
        self.accepted += 1;
        self.join(name, end);
        name
    }

    pub(crate) fn join(&mut self, name: ConnectionId, end: End) {
        self.ends.insert(name, end);
        self.names.insert(end, name);
    }

    pub(crate) fn end(&self, name: ConnectionId) -> Option<End> {
        self.ends.get(&name).copied()
    }

    pub(crate) fn name(&self, end: End) -> Option<ConnectionId> {
        self.names.get(&end).copied()
    }

    /// The connection is not mentioned again.
    pub(crate) fn part(&mut self, name: ConnectionId) -> Option<End> {
        let end = self.ends.remove(&name)?;
        self.names.remove(&end);
        Some(end)
    }
}
