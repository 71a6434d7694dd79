//! The state that a row starts from.

use core::time::Duration;

use quorate_core::{Config, Index, Lease, LogId, Membership, NodeId, RoleKind, Term};
use serde_json::Value;

use super::json::{
    Object, Run, index, log, log_id, node, node_or_nobody, nodes, number, odd, text, unfit,
};

/// A server of a row.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) id: NodeId,
    pub(crate) membership: Membership,
    pub(crate) snapshot: LogId,
    pub(crate) log: Vec<LogId>,
    pub(crate) term: Term,
    pub(crate) vote: Option<NodeId>,
    pub(crate) commit: Index,
    pub(crate) role: RoleKind,
    pub(crate) leader: Option<NodeId>,
    pub(crate) tuning: Tuning,
    /// What a leader knows of its peers to match.
    pub(crate) matched: Vec<(NodeId, Index)>,
    /// Whom a leader offers a snapshot.
    pub(crate) lagging: Vec<NodeId>,
}

/// The tuning of a row, in ticks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tuning {
    pub(crate) election_ticks: u32,
    pub(crate) heartbeat_ticks: u32,
    pub(crate) pre_vote: bool,
    pub(crate) check_quorum: bool,
    pub(crate) max_inflight: Option<u32>,
    pub(crate) max_inflight_bytes: Option<u64>,
    pub(crate) max_message_bytes: Option<u64>,
    pub(crate) max_uncommitted_bytes: Option<u64>,
    pub(crate) reads_by_lease: bool,
}

/// What one tick is.
pub(crate) const TICK: Duration = Duration::from_millis(10);

impl Given {
    /// A follower of a cluster of these voters.
    pub(crate) fn follower(id: NodeId, membership: Membership, term: Term) -> Self {
        Self {
            id,
            membership,
            snapshot: LogId::ZERO,
            log: Vec::new(),
            term,
            vote: None,
            commit: Index(0),
            role: RoleKind::Follower,
            leader: None,
            tuning: Tuning::DEFAULT,
            matched: Vec::new(),
            lagging: Vec::new(),
        }
    }

    pub(crate) fn read(value: &Value, tuning: Tuning) -> Run<Self> {
        let object = Object::of(value)?;
        object.has_only(&[
            "id", "members", "snap", "log", "term", "vote", "commit", "role", "leader", "config",
            "progress",
        ])?;
        let snapshot = object.map("snap", log_id)?.unwrap_or_default();
        Ok(Self {
            id: node(object.need("id")?)?,
            membership: membership(object.need("members")?)?,
            snapshot,
            log: object.map("log", log)?.unwrap_or_default(),
            term: Term(number(object.need("term")?)?),
            vote: object.map("vote", node_or_nobody)?.flatten(),
            commit: object.map("commit", index)?.unwrap_or(snapshot.index),
            role: object.map("role", role)?.unwrap_or(RoleKind::Follower),
            leader: object.map("leader", node_or_nobody)?.flatten(),
            tuning: tuning.read(object.get("config"))?,
            matched: object.map("progress", matched)?.unwrap_or_default(),
            lagging: object.map("progress", lagging)?.unwrap_or_default(),
        })
    }

    /// The end of the log.
    pub(crate) fn last(&self) -> LogId {
        self.log.last().copied().unwrap_or(self.snapshot)
    }

    /// The entry at `index`, if it can be named.
    pub(crate) fn id_at(&self, index: Index) -> Run<LogId> {
        let found = [self.snapshot].into_iter().chain(self.log.iter().copied());
        let found = found.into_iter().find(|id| id.index == index);
        found.map_or_else(|| unfit("state", "a commit index beyond the log"), Ok)
    }
}

impl Tuning {
    pub(crate) const DEFAULT: Self = Self {
        election_ticks: 10,
        heartbeat_ticks: 1,
        pre_vote: false,
        check_quorum: false,
        max_inflight: None,
        max_inflight_bytes: None,
        max_message_bytes: None,
        max_uncommitted_bytes: None,
        reads_by_lease: false,
    };

    /// Changed by what a row says.
    pub(crate) fn read(mut self, value: Option<&Value>) -> Run<Self> {
        let Some(value) = value else { return Ok(self) };
        for (key, value) in Object::of(value)?.0 {
            let small = || number(value).map(|it| u32::try_from(it).unwrap_or(u32::MAX));
            let flag = || super::json::flag(value);
            match key.as_str() {
                "election_ticks" => self.election_ticks = small()?,
                "heartbeat_ticks" => self.heartbeat_ticks = small()?,
                "pre_vote" => self.pre_vote = flag()?,
                "check_quorum" => self.check_quorum = flag()?,
                "max_inflight" => self.max_inflight = Some(small()?),
                "max_inflight_bytes" => self.max_inflight_bytes = Some(number(value)?),
                "max_message_bytes" => self.max_message_bytes = Some(number(value)?),
                "max_uncommitted_bytes" => self.max_uncommitted_bytes = Some(number(value)?),
                "read" if text(value)? == "safe" => self.reads_by_lease = false,
                "read" if text(value)? == "lease" => self.reads_by_lease = true,
                "read" => return unfit("config", format!("read={}", text(value)?)),
                other => return unfit("config", other),
            }
        }
        Ok(self)
    }

    /// For the core: election timeouts are exact.
    pub(crate) fn config(self, id: NodeId) -> Config {
        let calm = Config::new(id);
        Config {
            election_timeout: TICK * self.election_ticks,
            election_jitter: Duration::ZERO,
            heartbeat_interval: TICK * self.heartbeat_ticks,
            pre_vote: self.pre_vote,
            // A lease needs it.
            check_quorum: self.check_quorum || self.reads_by_lease,
            lease: self.reads_by_lease.then_some(Lease { drift_ppm: 0 }),
            inflight_messages_max: self.max_inflight.unwrap_or(calm.inflight_messages_max),
            inflight_bytes_max: self.max_inflight_bytes.unwrap_or(calm.inflight_bytes_max),
            message_bytes_max: self.max_message_bytes.unwrap_or(calm.message_bytes_max),
            uncommitted_bytes_max: self.max_uncommitted_bytes.unwrap_or(calm.uncommitted_bytes_max),
            retained_entries_max: 0,
            ..calm
        }
    }

    pub(crate) fn with(self, key: &str, value: Value) -> Run<Self> {
        self.read(Some(&serde_json::json!({ key: value })))
    }

    pub(crate) fn heartbeat(self) -> Duration {
        TICK * self.heartbeat_ticks
    }

    pub(crate) fn with_pre_vote(self) -> Self {
        Self { pre_vote: true, ..self }
    }
}

pub(crate) fn role(value: &Value) -> Run<RoleKind> {
    Ok(match text(value)? {
        "follower" => RoleKind::Follower,
        "pre_candidate" => RoleKind::PreCandidate,
        "candidate" => RoleKind::Candidate,
        "leader" => RoleKind::Leader,
        _ => return odd("a role", value),
    })
}

pub(crate) fn membership(value: &Value) -> Run<Membership> {
    let object = Object::of(value)?;
    object.has_only(&["voters", "outgoing", "learners", "learners_next", "auto_leave"])?;
    // Whether two majorities are left without being told to: a leader of ours always does so.
    object.flag("auto_leave")?;
    let ids = |key| Ok(object.map(key, nodes)?.unwrap_or_default());
    let (voters, outgoing): (Vec<_>, Vec<_>) = (ids("voters")?, ids("outgoing")?);
    // Those who are about to become learners stand among them, and still vote with the old half.
    let learners = [ids("learners")?, ids("learners_next")?].concat();
    Membership::new(voters, outgoing, learners)
        .or_else(|error| unfit("membership", error.to_string()))
}

fn matched(value: &Value) -> Run<Vec<(NodeId, Index)>> {
    let peers = Object::of(value)?.0.iter().map(|(id, progress)| {
        let progress = Object::of(progress)?;
        progress.has_only(&["match", "next", "state", "pending_snapshot"])?;
        Ok((node_key(id)?, Index(progress.number("match", 0)?)))
    });
    peers.collect()
}

fn lagging(value: &Value) -> Run<Vec<NodeId>> {
    let peers = Object::of(value)?.0.iter();
    let lags = peers.filter(|(_, progress)| {
        progress.get("state").and_then(Value::as_str).is_some_and(|state| state == "snapshot")
    });
    lags.map(|(id, _)| node_key(id)).collect()
}

/// A server as the key of an object.
pub(crate) fn node_key(key: &str) -> Run<NodeId> {
    let id = key.parse().ok().and_then(NodeId::new);
    id.map_or_else(|| unfit("value", format!("{key}, where a row has a server")), Ok)
}
