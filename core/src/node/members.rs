//! Who the others are, and where: by the log, and by what else is heard.
//!
//! The log says who belongs to the group, and mostly where they can be reached. A server links to
//! the members of every membership that may rule: the newest that it knows to be committed, and all
//! that its log holds after it. Whoever they leave out may yet be needed, and may yet need to hear
//! that it is not.
//!
//! It also listens to servers that its log does not know, or says to have left, as long as it knows
//! no leader itself: it may have been away while others took over, or be new, and then whoever leads
//! is a stranger to it (thesis 4.1). That is safe. A stranger must know the cluster and name this
//! server, and what it can say is what any server may say whoever it is: Raft counts votes and
//! acknowledgements by the log, and not by who is linked. It costs nothing lasting, since strangers
//! are few, are not dialed before they have called, and are forgotten when they are gone. A server
//! that follows a leader knows better than a stranger who belongs to the group, or soon will, and
//! listens to none; one that was removed it tells so, as far as it remembers it.
//!
//! A server that belongs to no membership that may rule waits: it dials nobody but whoever leads it.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::Node;
use super::connection::Purpose;
use super::io::{ConnectionId, Note, Output, Outputs};
use super::link::{Lane, Link, LinkId, LinkState};
use crate::membership::Membership;
use crate::raft::Progress;
use crate::types::{LogId, NodeId};
use crate::wire::{Address, Reject};

/// Strangers that are listened to at one time.
const CALLERS_MAX: usize = 8;

impl Node {
    /// The memberships that may rule, oldest first.
    fn may_rule(&self) -> &[(LogId, Membership)] {
        let (all, commit) = (self.raft.memberships(), self.raft.status().commit);
        let committed = all.partition_point(|one| one.0.index <= commit);
        &all[committed.saturating_sub(1)..]
    }

    /// Does a membership that may rule name this server, or does this server lead and still has to
    /// tell it that it has left?
    fn is_acquaintance(&self, id: NodeId) -> bool {
        let is_told = self.raft.status().peers.iter().any(|peer| peer.id() == id);
        is_told || self.may_rule().iter().any(|one| one.1.is_member(id))
    }

    /// Did it belong to the group, and does no more?
    fn has_left(&self, id: NodeId) -> bool {
        let was_member = self.raft.memberships().iter().any(|one| one.1.is_member(id));
        was_member && !self.is_acquaintance(id)
    }

    /// Does this server belong to the group no more, as far as it knows or was told?
    pub(super) fn is_removed(&self) -> bool {
        self.is_told_removed || self.has_left(self.config.raft.id)
    }

    /// Is a peer of this name listened to?
    pub(super) fn know_peer(&self, from: NodeId) -> Result<(), Reject> {
        let leader = self.raft.status().leader;
        if from == self.config.raft.id {
            return Err(Reject::UnknownNode);
        }
        if leader.is_none() || self.is_acquaintance(from) || leader == Some(from) {
            return Ok(());
        }
        Err(if self.has_left(from) { Reject::Removed } else { Reject::UnknownNode })
    }

    /// Makes room for a stranger that has been let in: whoever came first has had its time to show
    /// that it leads.
    pub(super) fn make_room(&mut self, out: &mut Outputs) {
        let leader = self.raft.status().leader;
        let is_stranger = |&(_, id): &_| leader != Some(id) && !self.is_acquaintance(id);
        let strangers: Vec<_> = self.peer_connections().filter(is_stranger).collect();
        let names: BTreeSet<_> = strangers.iter().map(|one| one.1).collect();
        if names.len() > CALLERS_MAX {
            let first = strangers[0].1;
            for (id, _) in strangers.into_iter().filter(|one| one.1 == first) {
                self.close(id, out);
            }
        }
    }

    /// The links of others to us.
    fn peer_connections(&self) -> impl Iterator<Item = (ConnectionId, NodeId)> {
        self.connections.iter().filter_map(|(id, connection)| match connection.purpose {
            Purpose::Peer(peer) => Some((*id, peer)),
            _ => None,
        })
    }

    /// Those of whom a link to us stands.
    fn connected_peers(&self) -> BTreeSet<NodeId> {
        self.peer_connections().map(|one| one.1).collect()
    }

    /// Where a server can be reached: the newest membership that says it is believed, then the
    /// configuration, then the server itself.
    pub(super) fn address_of(&self, id: NodeId) -> Option<Address> {
        let newest_first = self.may_rule().iter().rev();
        let by_log = newest_first.filter_map(|one| one.1.address(id)).next();
        let configured = || self.config.addresses.iter().find(|known| known.0 == id);
        by_log
            .or_else(|| configured().map(|known| &known.1))
            .or_else(|| self.announced.get(&id))
            .cloned()
    }

    /// A peer says where it can be reached.
    pub(super) fn handle_reachable(&mut self, from: NodeId, address: Address) {
        self.announced.insert(from, address);
        self.is_membership_new = true;
    }

    /// Links to whom there should be links, and to nobody else; forgets whoever has left.
    pub(super) fn tend_membership(&mut self, out: &mut Outputs) {
        if !self.is_membership_new {
            return;
        }
        self.forget_removed();
        self.part_with_removed(out);
        let wanted = self.wanted_peers();
        let connected = self.connected_peers();
        self.announced.retain(|id, _| wanted.contains(id) || connected.contains(id));
        self.priorities.retain(|id, _| wanted.contains(id) || connected.contains(id));
        self.nowhere.retain(|id| wanted.contains(id));
        let linked = self.links.keys().copied().collect::<Vec<_>>();
        for id in linked.into_iter().filter(|id| !wanted.contains(&id.peer)) {
            self.drop_link(id, out);
        }
        for peer in wanted {
            self.link_to(peer, out);
        }
        // What may rule, and who is to be told, changes with what is committed.
        let status = self.raft.status();
        let is_leaving = status.peers.iter().any(Progress::is_leaving);
        self.is_membership_new = is_leaving || status.membership_index > status.commit;
    }

    fn wanted_peers(&self) -> BTreeSet<NodeId> {
        let own = self.config.raft.id;
        let mut wanted = self.connected_peers();
        if self.is_acquaintance(own) {
            wanted.extend(self.may_rule().iter().flat_map(|one| one.1.members()));
        } else {
            // Nobody needs the vote of a server that was not even told that it learns. Two that have
            // left would else keep each other's links up for ever.
            let leader = self.raft.status().leader;
            wanted.retain(|&id| leader == Some(id));
        }
        wanted.extend(self.raft.status().peers.iter().map(Progress::id));
        wanted.remove(&own);
        wanted
    }

    fn link_to(&mut self, peer: NodeId, out: &mut Outputs) {
        let Some(address) = self.address_of(peer) else {
            let is_linked = self.links.contains_key(&LinkId { peer, lane: Lane::Urgent });
            if !is_linked && self.nowhere.insert(peer) {
                out.push(Output::Note(Note::NoAddress(peer)));
            }
            return;
        };
        self.nowhere.remove(&peer);
        for lane in [Lane::Urgent, Lane::Bulk] {
            let id = LinkId { peer, lane };
            if self.links.get(&id).is_some_and(|link| link.address == address) {
                continue;
            }
            self.drop_link(id, out);
            self.links.insert(id, Link::new(address.clone(), self.now));
        }
    }

    fn drop_link(&mut self, id: LinkId, out: &mut Outputs) {
        match self.links.get(&id).map(|link| link.state) {
            None => return,
            Some(LinkState::Down { .. }) => {}
            Some(LinkState::Dialing { connection, .. }) => out.push(Output::Close(connection)),
            Some(LinkState::Greeting { connection, .. } | LinkState::Up { connection, .. }) => {
                self.close(connection, out);
            }
        }
        self.links.remove(&id);
        self.end_passed_to(id.peer, out);
    }

    /// A name is free once it is committed that its server has left. A vote that the server may have
    /// forgotten by then can elect nobody: whoever it was for needs another of those without whom
    /// the removal was not committed, and they refuse a log without it (thesis 3.6.1).
    fn forget_removed(&mut self) {
        let (all, commit) = (self.raft.memberships(), self.raft.status().commit);
        if all[0].0.index > self.removals_seen {
            // A snapshot took the place of who came and went: as after a restart.
            self.disks.retain(|_| false);
        }
        for pair in all.windows(2) {
            let since = pair[1].0.index;
            if self.removals_seen < since && since <= commit {
                self.disks.retain(|id| pair[1].1.is_member(id) || !pair[0].1.is_member(id));
            }
        }
        self.removals_seen = self.removals_seen.max(commit);
    }

    /// Ends the links of those who do not know yet that they have left, and tells them.
    fn part_with_removed(&mut self, out: &mut Outputs) {
        // Whoever follows nobody may have missed that it came back.
        let Some(leader) = self.raft.status().leader else { return };
        let is_removed = |&(_, id): &_| leader != id && self.has_left(id);
        let removed: Vec<_> = self.peer_connections().filter(is_removed).collect();
        for (id, _) in removed {
            self.refuse_link(id, Reject::Removed, out);
        }
    }

    /// The first founding member of whom nobody says where it is. A server that is to join a group
    /// need not know: its members call.
    pub(super) fn unknown_founder(&self) -> Option<NodeId> {
        let own = self.config.raft.id;
        let (since, founders) = self.raft.memberships().last()?;
        let is_founded = *since == LogId::ZERO && founders.is_member(own);
        let peers = founders.members().into_iter().filter(|&id| id != own);
        peers.into_iter().find(|&id| is_founded && self.address_of(id).is_none())
    }
}
