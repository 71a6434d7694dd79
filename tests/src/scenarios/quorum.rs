//! Tables about majorities, and about memberships in snapshots.

use quorate_core::quorum::{VoteResult, committed, majority_value, majority_vote, vote_result};
use quorate_core::{HardState, Index, LogId, Membership, NodeId, SnapshotMeta, Term};
use serde_json::Value;

use super::bench::{Bench, Disk};
use super::given::{Tuning, membership, node_key};
use super::json::{Object, Run, expect, flag, nodes, number, unfit};

pub(crate) fn run(row: Object<'_>) -> Run {
    match row.text("fn") {
        "commit_index" => {
            let wanted = row.map("expect", number)?;
            let acked = by_node(row, "acked", number)?;
            let index = |id| find(&acked, id).unwrap_or(0);
            in_both_orders(row, |voters, outgoing| {
                if voters.is_empty() {
                    let nobody = majority_value(&voters, index);
                    return expect("commit index", &nobody, &wanted);
                }
                let membership = of(voters, outgoing)?;
                let got = committed(&membership, |id| Index(index(id)));
                expect("commit index", &Some(got.0), &wanted)
            })
        }
        "vote_result" => {
            let votes = by_node(row, "votes", flag)?;
            let vote = |id| find(&votes, id);
            in_both_orders(row, |voters, outgoing| {
                let got = if voters.is_empty() {
                    majority_vote(&voters, vote)
                } else {
                    vote_result(&of(voters, outgoing)?, vote)
                };
                expect("result", &name(got), &row.text("expect"))
            })
        }
        "config_from_snapshot_roundtrip" => round_trip(row.need("config")?),
        other => unfit("fn", other),
    }
}

/// The halves of a joint membership can be exchanged; one that rules alone is the incoming one.
fn in_both_orders(row: Object<'_>, check: impl Fn(Vec<NodeId>, Vec<NodeId>) -> Run) -> Run {
    row.has_only(&[
        "id", "topic", "fn", "incoming", "outgoing", "joint", "acked", "votes", "expect", "source",
        "note",
    ])?;
    let half = |key| Ok(row.map(key, nodes)?.unwrap_or_default());
    let (incoming, outgoing): (Vec<_>, Vec<_>) = (half("incoming")?, half("outgoing")?);
    if outgoing.is_empty() {
        return check(incoming, outgoing);
    }
    if !incoming.is_empty() {
        check(incoming.clone(), outgoing.clone())?;
    }
    check(outgoing, incoming)
}

/// A server that starts from a snapshot belongs to the membership that stands there.
fn round_trip(config: &Value) -> Run {
    let wanted = membership(config)?;
    let last_included = LogId { term: Term(1), index: Index(10) };
    let disk = Disk {
        hard_state: HardState { term: Term(1), vote: None, is_forgetful: false },
        snapshot: SnapshotMeta {
            last_included,
            membership_at: LogId::ZERO,
            membership: wanted.clone(),
        },
        log: Vec::new(),
    };
    let bench = Bench::start(wanted.voters()[0], Tuning::DEFAULT, disk)?;
    expect("membership", bench.raft.status().membership, &wanted)
}

fn of(voters: Vec<NodeId>, outgoing: Vec<NodeId>) -> Run<Membership> {
    Membership::new(voters, outgoing, []).or_else(|error| unfit("membership", error.to_string()))
}

fn name(result: VoteResult) -> &'static str {
    match result {
        VoteResult::Won => "won",
        VoteResult::Lost => "lost",
        VoteResult::Pending => "pending",
    }
}

fn by_node<T>(row: Object<'_>, key: &str, read: fn(&Value) -> Run<T>) -> Run<Vec<(NodeId, T)>> {
    let Some(value) = row.get(key) else { return Ok(Vec::new()) };
    let pairs = Object::of(value)?.0.iter();
    pairs.map(|(id, value)| Ok((node_key(id)?, read(value)?))).collect()
}

fn find<T: Copy>(pairs: &[(NodeId, T)], id: NodeId) -> Option<T> {
    pairs.iter().find(|(of, _)| *of == id).map(|&(_, value)| value)
}
