//! Who is to lead, of those that can.
//!
//! Each server has a [priority](crate::Config::priority). One of a low priority waits longer before
//! it seeks election; if it leads all the same, because nobody else could, it hands over once a
//! server of a higher priority is there for good and has all that is committed. That is a transfer as
//! an operator asks for it (thesis 3.10), with all that protects those, and never costs more than one.
//!
//! A server says its priority first on each of its links, unless it has the highest there is. It has one for as
//! long as it runs: what is known of it lasts until it has started anew, whatever becomes of connections.

use core::cmp::Reverse;
use core::time::Duration;

use super::Node;
use super::disks::DiskName;
use super::io::{Note, Output, Outputs};
use super::requests::Origin;
use crate::config::Config;
use crate::raft::Progress;
use crate::types::NodeId;

/// For how many election timeouts a server must have been there before it is trusted with leadership,
/// and one that leads goes on at least.
const STEADY_TIMEOUTS: u32 = 10;

/// What a peer has said of its priority.
#[derive(Clone, Copy, Debug)]
pub(super) struct Priority {
    /// In this of its lives.
    life: DiskName,
    priority: u8,
}

impl Node {
    /// A peer shakes hands.
    pub(super) fn expect_priority(&mut self, from: NodeId, life: DiskName) {
        let unsaid = Priority { life, priority: Config::PRIORITY_MAX };
        let known = self.priorities.entry(from).or_insert(unsaid);
        if known.life != life {
            *known = unsaid;
        }
    }

    /// A peer that has shaken hands says its priority.
    pub(super) fn handle_priority(&mut self, from: NodeId, priority: u8) {
        if let Some(known) = self.priorities.get_mut(&from) {
            known.priority = priority;
        }
    }

    fn priority_of(&self, id: NodeId) -> u8 {
        self.priorities.get(&id).map_or(Config::PRIORITY_MAX, |known| known.priority)
    }

    /// Leadership is given away no more often than this, whatever becomes of it.
    pub(super) fn lead_for_a_while(&mut self) {
        self.yield_at = self.now.after(self.steady());
    }

    fn steady(&self) -> Duration {
        self.config.raft.election_timeout.saturating_mul(STEADY_TIMEOUTS)
    }

    /// Hands over to a server of a higher priority, if this one leads and nothing else is under way.
    pub(super) fn yield_leadership(&mut self, out: &mut Outputs) {
        let own = self.config.raft.priority;
        let status = self.raft.status();
        if own == Config::PRIORITY_MAX
            || !self.leads_unchanged()
            || self.now < self.yield_at
            || status.transferring_to.is_some()
        {
            return;
        }
        let can_lead = |peer: &&Progress| {
            status.membership.voters().contains(&peer.id())
                && !peer.is_forgetful()
                && peer.match_index() >= status.commit
                && self.is_steady(peer)
        };
        let higher = status.peers.iter().filter(can_lead).map(|peer| peer.id());
        let first = higher.max_by_key(|&id| (self.priority_of(id), Reverse(id)));
        let Some(to) = first.filter(|&id| self.priority_of(id) > own) else { return };
        self.lead_for_a_while();
        out.push(Output::Note(Note::Yielding(to)));
        self.transfer_leadership(Origin::Node, Some(to));
    }

    /// Is it heard from, and has it been reached for a while?
    fn is_steady(&self, peer: &Progress) -> bool {
        let (timeout, steady) = (self.config.raft.election_timeout, self.steady());
        let mut links = self.links.iter().filter(|(id, _)| id.peer == peer.id());
        self.now < peer.heard().after(timeout)
            && links.all(|(_, link)| link.up_since().is_some_and(|at| at.after(steady) <= self.now))
    }
}
