//! Who belongs to a group, as its leader sees it.

use quorate_core::node::{NodeStatus, PeerStatus};
use quorate_core::{Membership, NodeId, RoleKind};
use quorate_io_tokio::client::KvClient;
use serde_json::{Value, json};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::output;

/// What the leader says about itself and the others.
pub(super) struct Roster {
    pub(super) status: NodeStatus,
}

impl Roster {
    /// Asks the servers, and the leader that they name.
    pub(super) async fn ask(kv: &KvClient, servers: &[String]) -> Result<Self, Box<Diagnostic>> {
        let mut statuses = Vec::new();
        let mut named = Vec::new();
        for server in servers {
            if let Ok(status) = kv.status_of(server).await {
                named.extend(status.leader_address.as_ref().map(ToString::to_string));
                statuses.push(status);
            }
        }
        named.dedup();
        named.retain(|leader| !servers.contains(leader));
        for leader in named {
            statuses.extend(kv.status_of(&leader).await.ok());
        }
        let leads = |status: &NodeStatus| status.role == RoleKind::Leader;
        let leader = statuses.into_iter().filter(leads).max_by_key(|status| status.term);
        leader.map(|status| Self { status }).ok_or_else(|| {
            Diagnostic::new(codes::NOT_APPLIED, "no leader has answered")
                .why("who belongs to the group is for its leader to say")
                .help("`quorate status` shows which servers are up")
        })
    }

    /// Are the members these, for good?
    pub(super) fn is(&self, target: &Membership) -> bool {
        let Membershape { voters, learners, outgoing, reserves } = self.shape();
        let is_so = voters == target.voters()
            && learners == target.learners()
            && reserves == target.reserves();
        is_so && outgoing.is_empty() && self.status.membership_index <= self.status.commit
    }

    pub(super) fn shape(&self) -> Membershape<'_> {
        let NodeStatus { voters, learners, outgoing, reserves, .. } = &self.status;
        Membershape { voters, learners, outgoing, reserves }
    }

    /// How many entries each of these is behind, of those that the leader knows.
    pub(super) fn behind(&self, of: impl Fn(NodeId) -> bool) -> Vec<(NodeId, Option<u64>)> {
        let behind = |peer: &PeerStatus| {
            peer.matched
                .filter(|_| peer.is_linked)
                .map(|matched| self.status.last.0.saturating_sub(matched.0))
        };
        let peers = self.status.peers.iter().filter(|peer| of(peer.id));
        peers.map(|peer| (peer.id, behind(peer))).collect()
    }

    fn rows(&self) -> Vec<Row> {
        let Membershape { voters, learners, outgoing, reserves } = self.shape();
        let mut ids: Vec<NodeId> =
            [voters, learners, outgoing, reserves].into_iter().flatten().copied().collect();
        ids.sort_unstable();
        ids.dedup();
        let row = |node: NodeId| {
            let vote = match (voters.contains(&node), outgoing.contains(&node)) {
                (true, _) => "yes",
                (false, true) => "until the change is complete",
                (false, false) => "no",
            };
            let address = self.status.addresses.iter().find(|known| known.0 == node);
            Row {
                node,
                is_leader: node == self.status.id,
                stands_by: reserves.contains(&node) && !outgoing.contains(&node),
                vote,
                is_linked: self.status.peers.iter().any(|peer| peer.id == node && peer.is_linked),
                behind: self.behind(|id| id == node).first().and_then(|peer| peer.1),
                address: address.map(|known| known.1.to_string()),
            }
        };
        ids.into_iter().map(row).collect()
    }

    pub(super) fn table(&self) -> String {
        let header = ["node", "role", "vote", "link", "behind", "address"].map(str::to_owned);
        let mut lines = vec![header];
        lines.extend(self.rows().iter().map(Row::cells));
        let under_way = if self.status.is_changing { ", a change is under way" } else { "" };
        let index = self.status.membership_index.0;
        format!("members of entry {index}{under_way}\n{}", output::aligned(&lines))
    }

    pub(super) fn object(&self) -> Value {
        json!({
            "v": 1,
            "index": self.status.membership_index.0,
            "changing": self.status.is_changing,
            "leader": self.status.id,
            "voters": self.status.voters,
            "outgoing": self.status.outgoing,
            "learners": self.status.learners,
            "reserves": self.status.reserves,
            "members": self.rows().iter().map(Row::object).collect::<Vec<_>>(),
        })
    }
}

/// The four lists.
pub(super) struct Membershape<'a> {
    pub(super) reserves: &'a [NodeId],
    pub(super) voters: &'a [NodeId],
    pub(super) learners: &'a [NodeId],
    pub(super) outgoing: &'a [NodeId],
}

struct Row {
    node: NodeId,
    is_leader: bool,
    stands_by: bool,
    vote: &'static str,
    is_linked: bool,
    behind: Option<u64>,
    address: Option<String>,
}

impl Row {
    fn cells(&self) -> [String; 6] {
        let dash = || "-".to_owned();
        let link = match (self.is_leader || self.stands_by, self.is_linked) {
            (true, _) => "-",
            (false, true) => "up",
            (false, false) => "down",
        };
        [
            self.node.to_string(),
            self.role().to_owned(),
            self.vote.to_owned(),
            link.to_owned(),
            self.behind.map_or_else(dash, |behind| behind.to_string()),
            self.address.clone().unwrap_or_else(dash),
        ]
    }

    fn role(&self) -> &'static str {
        match (self.is_leader, self.stands_by) {
            (true, _) => "leader",
            (_, true) => "reserve",
            _ => "follower",
        }
    }

    fn object(&self) -> Value {
        json!({
            "node": self.node,
            "role": self.role(),
            "leader": self.is_leader,
            "vote": self.vote != "no",
            "linked": self.is_leader || self.is_linked,
            "behind": self.behind,
            "address": self.address,
        })
    }
}
