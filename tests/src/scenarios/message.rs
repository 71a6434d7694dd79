//! Messages, as rows write them and as the core does.

use quorate_core::{
    AppendEntriesReply, AppendOutcome, Entries, Entry, Index, LogId, Membership, Message, NodeId,
    Payload, Rpc, Term,
};
use serde_json::{Map, Value, json};

use super::given::membership;
use super::json::{Object, Run, flag, index, log, log_id, node, number, text, unfit};

/// A message of a row. What the core needs beside it, the bench adds.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) from: NodeId,
    pub(crate) to: Option<NodeId>,
    pub(crate) term: Term,
    pub(crate) body: Body,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    PreVote { last: LogId },
    PreVoteReply { granted: bool },
    Vote { last: LogId },
    TransferVote { last: LogId },
    VoteReply { granted: bool },
    TimeoutNow,
    Append { prev: LogId, entries: Entries, commit: Index },
    Match(Index),
    Mismatch { rejected: Index, hint: LogId },
    Heartbeat { commit: Index },
    HeartbeatReply,
    Snapshot { last: LogId, membership: Membership },
}

impl Letter {
    pub(crate) fn read(value: &Value) -> Run<Self> {
        let object = Object::of(value)?;
        let kind = text(object.need("type")?)?;
        let body = match kind {
            "vote_req" => vote_request(object)?,
            "vote_resp" => vote_reply(object)?,
            "append_req" => append_request(object)?,
            "append_resp" => append_reply(object)?,
            "heartbeat_req" => {
                has_only(object, &["commit"])?;
                Body::Heartbeat { commit: Index(object.number("commit", 0)?) }
            }
            "timeout_now" => {
                has_only(object, &[])?;
                Body::TimeoutNow
            }
            "snapshot_req" => {
                has_only(object, &["last", "members"])?;
                let last = log_id(object.need("last")?)?;
                Body::Snapshot { last, membership: membership(object.need("members")?)? }
            }
            "heartbeat_resp" => {
                has_only(object, &[])?;
                Body::HeartbeatReply
            }
            other => return unfit("message", other),
        };
        let term = Term(number(object.need("term")?)?);
        // A server cannot have an entry of a later term than its own.
        let newest = match &body {
            Body::Vote { last } | Body::TransferVote { last } => last.term,
            Body::Snapshot { last, .. } => last.term,
            Body::Append { prev, entries, .. } => entries.last_id().unwrap_or(*prev).term,
            _ => Term(0),
        };
        if newest > term {
            return unfit("message", "from a server whose log is ahead of its term");
        }
        let from = node(object.need("from")?)?;
        Ok(Self { from, to: object.map("to", node)?, term, body })
    }
}

fn has_only(object: Object<'_>, keys: &[&str]) -> Run {
    object.has_only(&[&["type", "from", "to", "term"], keys].concat())
}

fn vote_request(object: Object<'_>) -> Run<Body> {
    has_only(object, &["last", "pre", "transfer"])?;
    let last = log_id(object.need("last")?)?;
    Ok(match (object.flag("pre")?, object.flag("transfer")?) {
        (true, _) => Body::PreVote { last },
        (false, true) => Body::TransferVote { last },
        (false, false) => Body::Vote { last },
    })
}

fn vote_reply(object: Object<'_>) -> Run<Body> {
    has_only(object, &["granted", "pre"])?;
    let granted = flag(object.need("granted")?)?;
    Ok(if object.flag("pre")? {
        Body::PreVoteReply { granted }
    } else {
        Body::VoteReply { granted }
    })
}

fn append_request(object: Object<'_>) -> Run<Body> {
    has_only(object, &["prev", "entries", "commit"])?;
    Ok(Body::Append {
        prev: log_id(object.need("prev")?)?,
        entries: entries(log(object.need("entries")?)?)?,
        commit: Index(object.number("commit", 0)?),
    })
}

fn append_reply(object: Object<'_>) -> Run<Body> {
    has_only(object, &["ok", "match", "rejected", "hint"])?;
    if flag(object.need("ok")?)? {
        return Ok(Body::Match(index(object.need("match")?)?));
    }
    let rejected = object.map("rejected", index)?.unwrap_or_default();
    let hint = object.map("hint", log_id)?.unwrap_or_default();
    // A hint lies before what it is for; beyond that its form is free.
    let hint = LogId { index: hint.index.min(rejected), ..hint };
    Ok(Body::Mismatch { rejected, hint })
}

/// Entries of which only the names matter.
pub(crate) fn entries(log: Vec<LogId>) -> Run<Entries> {
    let entries = log.into_iter().map(|id| Entry { id, payload: Payload::NOOP });
    Entries::new(entries).or_else(|error| unfit("entries", error.to_string()))
}

/// What a row may ask about a message that was sent.
const ASKED: [&str; 14] = [
    "type",
    "from",
    "to",
    "term",
    "last",
    "pre",
    "granted",
    "prev",
    "entries",
    "n_entries",
    "commit",
    "ok",
    "match",
    "rejected",
];
const TYPES: [&str; 8] = [
    "vote_req",
    "vote_resp",
    "append_req",
    "append_resp",
    "heartbeat_req",
    "heartbeat_resp",
    "timeout_now",
    "snapshot_req",
];

/// A message that a row expects, or expects not to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(Map<String, Value>);

impl Pattern {
    pub(crate) fn read(value: &Value) -> Run<Self> {
        let object = Object::of(value)?;
        object.has_only(&ASKED)?;
        known_type(text(object.need("type")?)?)?;
        let mut asked = object.0.clone();
        // A vote is no pre-vote unless the row says so.
        if asked["type"].as_str().is_some_and(|kind| kind.starts_with("vote")) {
            asked.entry("pre").or_insert(false.into());
        }
        Ok(Self(asked))
    }

    pub(crate) fn matches(&self, message: &Message) -> bool {
        let sent = render(message);
        self.0.iter().all(|(key, wanted)| match key.as_str() {
            "type" => wanted.as_str().is_some_and(|kind| is_of_type(message, kind)),
            _ => sent.get(key) == Some(wanted),
        })
    }
}

pub(crate) fn known_type(kind: &str) -> Run {
    if TYPES.contains(&kind) { Ok(()) } else { unfit("message", kind) }
}

/// What rows call a message of the core.
pub(crate) fn is_of_type(message: &Message, kind: &str) -> bool {
    match &message.rpc {
        Rpc::PreVote(_) | Rpc::RequestVote(_) | Rpc::RequestVoteInTransfer(_) => kind == "vote_req",
        Rpc::TimeoutNow => kind == "timeout_now",
        Rpc::InstallSnapshot(_) => kind == "snapshot_req",
        Rpc::PreVoteReply(_) | Rpc::RequestVoteReply(_) => kind == "vote_resp",
        Rpc::AppendEntries(_) => kind == "append_req",
        Rpc::Heartbeat(_) => kind == "heartbeat_req",
        // Heartbeats are answered like empty appends.
        Rpc::AppendEntriesReply(_) => ["append_resp", "heartbeat_resp"].contains(&kind),
        // No row knows these.
        Rpc::ForgetfulReply(_) | Rpc::Vouch(_) | Rpc::Doubt => false,
    }
}

fn render(message: &Message) -> Map<String, Value> {
    let pair = |id: LogId| json!([id.index.0, id.term.0]);
    let mut fields = match &message.rpc {
        Rpc::PreVote(ask) => {
            json!({"pre": true, "last": pair(ask.last), "term": ask.next_term.0})
        }
        Rpc::PreVoteReply(reply) => {
            let term = if reply.granted { reply.next_term } else { message.term };
            json!({"pre": true, "granted": reply.granted, "term": term.0})
        }
        Rpc::TimeoutNow | Rpc::ForgetfulReply(_) | Rpc::Vouch(_) | Rpc::Doubt => json!({}),
        Rpc::InstallSnapshot(install) => json!({"last": pair(install.snapshot.last_included)}),
        Rpc::RequestVote(ask) | Rpc::RequestVoteInTransfer(ask) => {
            json!({"pre": false, "last": pair(ask.last)})
        }
        Rpc::RequestVoteReply(reply) => json!({"pre": false, "granted": reply.granted}),
        Rpc::AppendEntries(append) => json!({
            "prev": pair(append.prev),
            "entries": append.entries.iter().map(|entry| pair(entry.id)).collect::<Vec<_>>(),
            "n_entries": append.entries.len(),
            "commit": append.commit.0,
        }),
        Rpc::Heartbeat(heartbeat) => json!({"commit": heartbeat.commit.0}),
        Rpc::AppendEntriesReply(AppendEntriesReply { outcome, .. }) => match outcome {
            AppendOutcome::Match(index) => json!({"ok": true, "match": index.0}),
            AppendOutcome::Mismatch { rejected, .. } => {
                json!({"ok": false, "rejected": rejected.0})
            }
            AppendOutcome::StaleTerm => json!({"ok": false}),
        },
    };
    let fields = fields.as_object_mut().expect("made above");
    let mut fields = std::mem::take(fields);
    fields.insert("from".into(), message.from.get().into());
    fields.insert("to".into(), message.to.get().into());
    fields.entry("term").or_insert(message.term.0.into());
    fields
}
