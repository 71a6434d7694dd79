//! I11: what a leader believes of its peers.

use quorate_core::{Index, NodeId};

use super::glance::{Glance, Witness};
use super::properties::Properties;
use super::violation::{Checked, Property, hold};

impl Properties {
    /// A leader counts on a peer up to `matched`: so far, the peer's disk holds the leader's log,
    /// for as long as the peer has heard of no newer term.
    pub(crate) fn believes(
        &self,
        at: usize,
        is: Glance,
        (peer, matched): (NodeId, Index),
        servers: &[impl Witness],
    ) -> Checked {
        let Some(other) = servers.iter().find(|server| server.id() == peer) else { return Ok(()) };
        let disk = other.ledger();
        if !self.looks_into_disks || disk.written().hard_state.term > is.term() {
            return Ok(());
        }
        let own = servers[at].ledger().written().digest(matched);
        let its = disk.durable().digest(matched);
        hold(own.is_some() && own == its, Property::PeersMatch, || {
            format!(
                "{:?} believes that {peer:?} matches up to {matched:?}; its disk ends at {:?}",
                servers[at].id(),
                disk.durable().last()
            )
        })
    }
}
