//! `quorate status`: a group at a glance.

use std::collections::BTreeMap;

use clap::Args;
use quorate_core::node::NodeStatus;
use quorate_core::{NodeId, RoleKind};
use quorate_io_tokio::client::{CallError, KvClient};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::client::ClientArgs;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::exit::Exit;
use crate::output::{self, Format};

/// Shows the servers of a group, and how many more it can lose.
///
/// Asks the given servers, and the leader they name. Exit code 0: the group can decide. 1: it
/// cannot, or nobody asked knows a leader. 3: no server answered.
///
/// Example: quorate status --servers 10.0.0.1:7100,10.0.0.2:7100
#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) fn status(args: &StatusArgs) -> Result<Exit, Box<Diagnostic>> {
    let group = args.client.run(async |kv| Group::ask(&kv, args.client.addresses()).await)?;
    match args.client.format {
        Format::Text => output::print(&group.table())?,
        Format::Json => output::print_json(&group.object())?,
    }
    Ok(if group.can_lose().is_some() { Exit::Done } else { Exit::No })
}

/// What the servers of a group say about it.
struct Group {
    answers: BTreeMap<String, NodeStatus>,
    silent: BTreeMap<String, CallError>,
}

impl Group {
    async fn ask(kv: &KvClient, servers: Vec<String>) -> Result<Self, Box<Diagnostic>> {
        let mut group = Self { answers: BTreeMap::new(), silent: BTreeMap::new() };
        group.ask_all(kv, servers).await;
        let leaders: Vec<String> = group
            .answers
            .values()
            .filter_map(|status| Some(status.leader_address.as_ref()?.as_str().to_owned()))
            .filter(|leader| !group.has_asked(leader))
            .collect();
        group.ask_all(kv, leaders).await;
        match group.silent.values().next() {
            Some(error) if group.answers.is_empty() => {
                Err(Diagnostic::new(codes::NOT_APPLIED, "no server has answered")
                    .why(reason(error))
                    .help("do the servers run, and is --servers right?"))
            }
            _ => Ok(group),
        }
    }

    fn has_asked(&self, address: &str) -> bool {
        self.answers.contains_key(address) || self.silent.contains_key(address)
    }

    async fn ask_all(&mut self, kv: &KvClient, servers: Vec<String>) {
        let mut asked = JoinSet::new();
        for server in servers {
            let kv = kv.clone();
            asked.spawn(async move { (kv.status_of(&server).await, server) });
        }
        for (answer, server) in asked.join_all().await {
            match answer {
                Ok(status) => _ = self.answers.insert(server, status),
                Err(error) => _ = self.silent.insert(server, error),
            }
        }
    }

    /// The leader of the highest term.
    fn leader(&self) -> Option<&NodeStatus> {
        let leaders = self.answers.values().filter(|status| status.role == RoleKind::Leader);
        leaders.max_by_key(|status| status.term)
    }

    /// How many more servers may fail before the group cannot decide; `None` if it cannot now, or
    /// if nobody knows.
    fn can_lose(&self) -> Option<usize> {
        let leader = self.leader()?;
        let is_up = |voter: &&NodeId| {
            **voter == leader.id
                || leader.peers.iter().any(|peer| peer.id == **voter && peer.is_linked)
        };
        let up = leader.voters.iter().filter(is_up).count();
        up.checked_sub(leader.voters.len() / 2 + 1)
    }

    fn rows(&self) -> Vec<Row> {
        let commit = self.answers.values().map(|status| status.commit.0).max().unwrap_or(0);
        let mut rows: Vec<_> =
            self.answers.iter().map(|(at, status)| Row::answered(at, status, commit)).collect();
        rows.extend(self.silent.iter().map(|(at, error)| Row::silent(at, error)));
        let peers = self.leader().map_or(&[][..], |leader| &leader.peers);
        for peer in peers {
            if !self.answers.values().any(|status| status.id == peer.id) {
                let behind = peer.matched.map(|matched| commit.saturating_sub(matched.0));
                rows.push(Row::seen_by_leader(peer.id, peer.is_linked, behind));
            }
        }
        rows.sort_by_key(|row| row.node.map_or(u64::MAX, NodeId::get));
        rows
    }

    fn verdict(&self) -> String {
        match (self.can_lose(), self.leader()) {
            (Some(0), _) => "can lose no more servers".to_owned(),
            (Some(1), _) => "can lose 1 more server".to_owned(),
            (Some(count), _) => format!("can lose {count} more servers"),
            (None, Some(_)) => "cannot decide: too few servers are up".to_owned(),
            (None, None) => "no leader has answered: the group may be unable to decide".to_owned(),
        }
    }

    fn table(&self) -> String {
        let header = [
            "node", "role", "term", "commit", "applied", "behind", "snapshot", "linked", "address",
        ];
        let mut lines = vec![header.map(str::to_owned)];
        lines.extend(self.rows().iter().map(Row::cells));
        let cluster = self.answers.values().next().map(|status| status.cluster.to_string());
        format!(
            "cluster {}: {}\n{}",
            cluster.unwrap_or_default(),
            self.verdict(),
            output::aligned(&lines)
        )
    }

    fn object(&self) -> Value {
        json!({
            "v": 1,
            "cluster": self.answers.values().next().map(|status| status.cluster.to_string()),
            "leader": self.leader().map(|leader| leader.id),
            "can_lose": self.can_lose(),
            "servers": self.rows().iter().map(Row::object).collect::<Vec<_>>(),
        })
    }
}

/// One server, as far as it is known.
#[derive(Default)]
struct Row {
    node: Option<NodeId>,
    role: &'static str,
    term: Option<u64>,
    commit: Option<u64>,
    applied: Option<u64>,
    /// Entries that it has not applied, or of which the leader does not know that it has them.
    behind: Option<u64>,
    /// The last entry of its newest snapshot, and what its log starts after.
    snapshot: Option<(u64, u64)>,
    /// Peers that it is linked to, and how many there are.
    linked: Option<(usize, usize)>,
    address: Option<String>,
    error: Option<String>,
}

impl Row {
    fn answered(address: &str, status: &NodeStatus, commit: u64) -> Self {
        let linked = status.peers.iter().filter(|peer| peer.is_linked).count();
        Self {
            node: Some(status.id),
            role: role(status),
            term: Some(status.term.0),
            commit: Some(status.commit.0),
            applied: Some(status.applied.0),
            behind: Some(commit.saturating_sub(status.applied.0)),
            snapshot: Some((status.snapshot.0, status.log_start.0)),
            linked: Some((linked, status.peers.len())),
            address: Some(address.to_owned()),
            error: None,
        }
    }

    fn silent(address: &str, error: &CallError) -> Self {
        Self {
            role: "silent",
            address: Some(address.to_owned()),
            error: Some(reason(error)),
            ..Self::default()
        }
    }

    fn seen_by_leader(node: NodeId, is_linked: bool, behind: Option<u64>) -> Self {
        let role = if is_linked { "linked" } else { "away" };
        Self { node: Some(node), role, behind, ..Self::default() }
    }

    fn cells(&self) -> [String; 9] {
        let number = |number: Option<u64>| number.map_or_else(|| "-".into(), |n| n.to_string());
        let address = self.address.clone().unwrap_or_else(|| "-".to_owned());
        [
            number(self.node.map(NodeId::get)),
            self.role.to_owned(),
            number(self.term),
            number(self.commit),
            number(self.applied),
            number(self.behind),
            number(self.snapshot.map(|(snapshot, _)| snapshot)),
            self.linked.map_or_else(|| "-".to_owned(), |(up, all)| format!("{up}/{all}")),
            match &self.error {
                Some(error) => format!("{address} ({error})"),
                None => address,
            },
        ]
    }

    fn object(&self) -> Value {
        json!({
            "node": self.node,
            "role": self.role,
            "term": self.term,
            "commit": self.commit,
            "applied": self.applied,
            "behind": self.behind,
            "snapshot": self.snapshot.map(|(snapshot, _)| snapshot),
            "log_start": self.snapshot.map(|(_, start)| start),
            "linked": self.linked.map(|(up, _)| up),
            "peers": self.linked.map(|(_, all)| all),
            "address": self.address,
            "error": self.error,
        })
    }
}

fn role(status: &NodeStatus) -> &'static str {
    if status.is_removed {
        "removed"
    } else if status.is_forgetful {
        "forgetful"
    } else if status.learners.contains(&status.id) {
        "learner"
    } else {
        status.role.as_str()
    }
}

fn reason(error: &CallError) -> String {
    match error {
        CallError::NotApplied(why) => why.to_string(),
        CallError::Unknown(why) => why.to_string(),
    }
}
