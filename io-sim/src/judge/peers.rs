//! I11: what a leader believes of its peers.

use quorate_core::{Index, NodeId, Raft};

use super::glance::{Glance, Witness};
use super::point::{Point, Reached};
use super::properties::Properties;
use super::violation::{Checked, Property, hold};

impl Properties {
    /// A server has stepped. If it leads, it commits what it may, and what it believes of its peers
    /// is true.
    ///
    /// # Errors
    /// What does not hold.
    pub fn watch_leader(
        &self,
        at: usize,
        (was, is): (Glance, Glance),
        raft: &Raft,
        servers: &[impl Witness],
        reached: &mut Reached,
    ) -> Checked {
        if was.hard_state.is_forgetful && !is.hard_state.is_forgetful {
            reached.note(Point::Remembered);
        }
        if !is.leads() {
            return Ok(());
        }
        Self::counts_its_own(was, is, servers[at].ledger())?;
        if is.commit > was.commit && raft.term(was.commit.next()) < Some(is.term()) {
            reached.note(Point::CommittedIndirectly);
        }
        for peer in raft.status().peers {
            self.believes(at, is, (peer.id(), peer.match_index()), servers)?;
        }
        let mut all = servers.iter().filter_map(Witness::glance);
        if all.any(|other| other.leads() && other.term() != is.term()) {
            reached.note(Point::TwoLeaders);
        }
        Ok(())
    }

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
        let mut images = disk.images().chain([disk.written()]);
        if !self.looks_into_disks || images.any(|image| image.hard_state.term > is.term()) {
            return Ok(());
        }
        let own = servers[at].ledger().written().digest(matched);
        // Of a disk that was lost the leader may not have heard.
        let is_there = own.is_some_and(|own| disk.vouches_for(matched, own));
        hold(is_there, Property::PeersMatch, || {
            format!(
                "{:?} believes that {peer:?} matches up to {matched:?}; its disk ends at {:?}",
                servers[at].id(),
                disk.durable().last()
            )
        })
    }
}
