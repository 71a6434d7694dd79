//! Which end of a connection somebody knows by which name.

use std::collections::BTreeMap;

use crate::net::End;

/// The connections of one process, or caller, under its names `N`.
pub(crate) struct Wires<N> {
    ends: BTreeMap<N, End>,
    names: BTreeMap<End, N>,
}

impl<N: Copy + Ord> Wires<N> {
    pub(crate) fn new() -> Self {
        Self { ends: BTreeMap::new(), names: BTreeMap::new() }
    }

    pub(crate) fn join(&mut self, name: N, end: End) {
        self.ends.insert(name, end);
        self.names.insert(end, name);
    }

    pub(crate) fn end(&self, name: N) -> Option<End> {
        self.ends.get(&name).copied()
    }

    pub(crate) fn name(&self, end: End) -> Option<N> {
        self.names.get(&end).copied()
    }

    /// No connection is mentioned again.
    pub(crate) fn part_all(&mut self) -> Vec<End> {
        self.names.clear();
        std::mem::take(&mut self.ends).into_values().collect()
    }

    /// The connection is not mentioned again.
    pub(crate) fn part(&mut self, name: N) -> Option<End> {
        let end = self.ends.remove(&name)?;
        self.names.remove(&end);
        Some(end)
    }
}
