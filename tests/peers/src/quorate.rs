//! The subject: the core of this project, in the driver that also counts its allocations.

use bytes::Bytes;
use quorate_core::Entry;

use crate::lockstep::Lockstep;
use crate::{Cluster, KEPT};

/// A cluster for commands of this length.
pub(crate) fn start(command_bytes: usize) -> Lockstep {
    Lockstep::new(KEPT as u64 * (command_bytes as u64 + Entry::OVERHEAD_BYTES))
}

impl Cluster for Lockstep {
    fn commit(&mut self, command: &Bytes, count: usize) {
        Self::commit(self, command, count);
    }

    fn applied_bytes(&self) -> [u64; 3] {
        Self::applied_bytes(self)
    }
}
