//! What must have come of a row. Only what a row names is compared.

use quorate_core::{Index, LogId, Membership, NodeId, PeerMode, Refusal, RoleKind, Term};
use serde_json::Value;

use super::bench::Bench;
use super::given::{node_key, role};
use super::json::{
    Object, Run, expect, flag, index, list, log, log_id, node_or_nobody, nodes, number, odd, text,
    unfit, wrong,
};
use super::message::{Pattern, is_of_type, known_type};

/// Expectations of one server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Then {
    roles: Option<Vec<RoleKind>>,
    term: Option<Term>,
    vote: Option<Option<NodeId>>,
    leader: Option<Option<NodeId>>,
    successor: Option<Option<NodeId>>,
    commit: Option<Index>,
    log: Option<Vec<LogId>>,
    log_prefix: Option<Vec<LogId>>,
    last: Option<LogId>,
    snapshot: Option<LogId>,
    members: Vec<(String, Vec<NodeId>)>,
    progress: Vec<(NodeId, Peer)>,
    reads: Option<Vec<(String, Index)>>,
    is_proposal_dropped: Option<bool>,
    gives_up: Option<bool>,
    sent: Vec<Pattern>,
    not_sent: Vec<Pattern>,
    sent_count: Vec<(String, u64)>,
}

/// Expectations of a leader's view of a peer.
#[derive(Clone, Debug)]
struct Peer {
    matched: Option<Index>,
    next: Option<Index>,
    /// As rows call it.
    state: Option<String>,
    /// The last entry of the snapshot that it is offered.
    offered: Option<Index>,
}

impl Then {
    pub(crate) fn read(value: &Value) -> Run<Self> {
        let object = Object::of(value)?;
        object.has_only(&[
            "role",
            "role_any",
            "term",
            "vote",
            "leader",
            "commit",
            "log",
            "log_prefix",
            "last",
            "snap",
            "members",
            "progress",
            "reads",
            "proposal_dropped",
            "panic",
            "sent",
            "not_sent",
            "sent_count",
            "note",
            "transferee",
        ])?;
        let one = object.map("role", |it| Ok(vec![role(it)?]))?;
        let any = object.map("role_any", |it| list(it)?.iter().map(role).collect())?;
        let patterns = |value| list(value)?.iter().map(Pattern::read).collect::<Run<Vec<_>>>();
        Ok(Self {
            roles: one.or(any),
            term: object.map("term", number)?.map(Term),
            vote: object.map("vote", node_or_nobody)?,
            leader: object.map("leader", node_or_nobody)?,
            successor: object.map("transferee", node_or_nobody)?,
            commit: object.map("commit", index)?,
            log: object.map("log", log)?,
            log_prefix: object.map("log_prefix", log)?,
            last: object.map("last", log_id)?,
            snapshot: object.map("snap", log_id)?,
            members: object.map("members", members)?.unwrap_or_default(),
            progress: object.map("progress", progress)?.unwrap_or_default(),
            reads: object.map("reads", reads)?,
            is_proposal_dropped: object.map("proposal_dropped", flag)?,
            gives_up: object.map("panic", flag)?,
            sent: object.map("sent", patterns)?.unwrap_or_default(),
            not_sent: object.map("not_sent", not_sent)?.unwrap_or_default(),
            sent_count: object.map("sent_count", counts)?.unwrap_or_default(),
        })
    }

    pub(crate) fn check(&self, bench: &Bench) -> Run {
        self.check_state(bench)?;
        self.check_log(bench)?;
        self.check_progress(bench)?;
        self.check_answers(bench)?;
        self.check_sent(bench)
    }

    fn check_state(&self, bench: &Bench) -> Run {
        let status = bench.raft.status();
        let has_given_up = status.role == RoleKind::Halted;
        if has_given_up != self.gives_up.unwrap_or(false) {
            return wrong(format!("it has given up: {:?}", status.violation));
        }
        if let Some(roles) = self.roles.as_ref().filter(|_| !has_given_up)
            && !roles.contains(&status.role)
        {
            return wrong(format!("role is {:?}, not of {roles:?}", status.role));
        }
        let same = |what, got: &dyn Fn() -> u64, wanted: Option<u64>| match wanted {
            Some(wanted) => expect(what, &got(), &wanted),
            None => Ok(()),
        };
        let number = |id: Option<NodeId>| id.map_or(0, NodeId::get);
        same("term", &|| status.hard_state.term.0, self.term.map(|it| it.0))?;
        same("vote", &|| number(status.hard_state.vote), self.vote.map(number))?;
        same("leader", &|| number(status.leader), self.leader.map(number))?;
        same("successor", &|| number(status.transferring_to), self.successor.map(number))?;
        same("commit", &|| status.commit.0, self.commit.map(|it| it.0))?;
        for (key, wanted) in &self.members {
            expect(key, &list_of(status.membership, key).to_vec(), wanted)?;
        }
        Ok(())
    }

    fn check_log(&self, bench: &Bench) -> Run {
        let status = bench.raft.status();
        let indexes = (status.snapshot.index.0 + 1..=status.last.index.0).map(Index);
        let log: Vec<_> = indexes
            .filter_map(|index| Some(LogId { term: bench.raft.term(index)?, index }))
            .collect();
        if let Some(wanted) = &self.log {
            expect("log", &log, wanted)?;
        }
        if let Some(wanted) = &self.log_prefix {
            expect("start of the log", &log[..wanted.len().min(log.len())].to_vec(), wanted)?;
        }
        if let Some(wanted) = &self.last {
            expect("end of the log", &status.last, wanted)?;
        }
        if let Some(wanted) = &self.snapshot {
            expect("snapshot", &status.snapshot, wanted)?;
        }
        Ok(())
    }

    fn check_progress(&self, bench: &Bench) -> Run {
        for (id, wanted) in &self.progress {
            let peers = bench.raft.status().peers;
            let Some(peer) = peers.iter().find(|peer| peer.id() == *id) else {
                return wrong(format!("{id:?} is no peer"));
            };
            if let Some(matched) = &wanted.matched {
                expect("match", &peer.match_index(), matched)?;
            }
            if let Some(next) = &wanted.next {
                expect("next", &peer.next_index(), next)?;
            }
            if let Some(state) = &wanted.state {
                expect("state", &state_of(peer.mode()), state)?;
            }
            if let Some(offered) = &wanted.offered {
                expect("snapshot", &peer.offered().map_or(Index(0), |it| it.index), offered)?;
            }
        }
        Ok(())
    }

    fn check_answers(&self, bench: &Bench) -> Run {
        if let Some(wanted) = &self.reads {
            let is_wanted = |name: &String| wanted.iter().any(|(wanted, _)| wanted == name);
            if bench.refused.iter().any(|(name, why)| is_wanted(name) && is_elsewhere(*why)) {
                return unfit("behaviour", "forwarding");
            }
            expect("answered reads", &bench.reads, wanted)?;
        }
        if let Some(wanted) = &self.is_proposal_dropped {
            let dropped = bench.refused.iter().any(|(name, _)| name == "proposal");
            expect("proposal dropped", &dropped, wanted)?;
        }
        Ok(())
    }

    fn check_sent(&self, bench: &Bench) -> Run {
        let sent = &bench.sent;
        for wanted in &self.sent {
            if !sent.iter().any(|message| wanted.matches(message)) {
                return wrong(format!("{wanted:?} was not sent, but {sent:?}"));
            }
        }
        for unwanted in &self.not_sent {
            if sent.iter().any(|message| unwanted.matches(message)) {
                return wrong(format!("{unwanted:?} was sent: {sent:?}"));
            }
        }
        for (kind, wanted) in &self.sent_count {
            let count = sent.iter().filter(|message| is_of_type(message, kind)).count();
            let text = format!("count of {kind} in {sent:?}");
            expect(&text, &(count as u64), wanted)?;
        }
        Ok(())
    }
}

/// Refused, because somebody else is to be asked.
pub(crate) fn is_elsewhere(why: Refusal) -> bool {
    matches!(why, Refusal::NotLeader { leader: Some(_) })
}

/// What rows call it.
fn state_of(mode: PeerMode) -> String {
    let name = match mode {
        PeerMode::Probe => "probe",
        PeerMode::Replicate | PeerMode::Fetching => "replicate",
        PeerMode::Snapshot => "snapshot",
    };
    name.to_owned()
}

fn list_of<'a>(membership: &'a Membership, key: &str) -> &'a [NodeId] {
    match key {
        "voters" => membership.voters(),
        "outgoing" => membership.outgoing(),
        _ => membership.learners(),
    }
}

fn members(value: &Value) -> Run<Vec<(String, Vec<NodeId>)>> {
    let lists = Object::of(value)?.0.iter().map(|(key, value)| match key.as_str() {
        "voters" | "outgoing" | "learners" => {
            let mut ids = nodes(value)?;
            ids.sort_unstable();
            Ok((key.clone(), ids))
        }
        other => unfit("key", format!("members.{other}")),
    });
    lists.collect()
}

fn progress(value: &Value) -> Run<Vec<(NodeId, Peer)>> {
    let peers = Object::of(value)?.0.iter().map(|(id, value)| {
        let object = Object::of(value)?;
        object.has_only(&["match", "next", "state", "pending_snapshot"])?;
        let offered = object.map("pending_snapshot", index)?;
        let state = object.map("state", |state| match text(state)? {
            known @ ("probe" | "replicate" | "snapshot") => Ok(known.to_owned()),
            _ => odd("a state", state),
        })?;
        let matched = object.map("match", index)?;
        let next = object.map("next", index)?;
        Ok((node_key(id)?, Peer { matched, next, state, offered }))
    });
    peers.collect()
}

fn reads(value: &Value) -> Run<Vec<(String, Index)>> {
    let pairs = list(value)?.iter().map(|pair| match list(pair)? {
        [name, at] => Ok((text(name)?.to_owned(), index(at)?)),
        _ => odd("[name, index]", pair),
    });
    pairs.collect()
}

fn not_sent(value: &Value) -> Run<Vec<Pattern>> {
    list(value)?.iter().map(Pattern::read).collect()
}

fn counts(value: &Value) -> Run<Vec<(String, u64)>> {
    let counts = Object::of(value)?.0.iter().map(|(kind, count)| {
        known_type(kind)?;
        Ok((kind.clone(), number(count)?))
    });
    counts.collect()
}
