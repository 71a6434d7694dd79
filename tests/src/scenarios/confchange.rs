//! Tables of changes: a membership, what is ordered, and what rules then.

use std::collections::BTreeMap;

use quorate_core::{Index, Membership, NodeId, Refusal};
use serde_json::{Value, json};

use super::bench::Bench;
use super::change::{Change, leader};
use super::given::membership;
use super::json::{Object, Run, expect, list, node, nodes, text, unfit, wrong};

/// A row of a table.
pub(crate) fn run(row: Object<'_>) -> Run {
    row.has_only(&[
        "id",
        "topic",
        "seq",
        "step",
        "last_index",
        "given",
        "op",
        "changes",
        "auto_leave",
        "expect",
        "source",
        "note",
    ])?;
    let given = membership(row.need("given")?)?;
    let changes = Change::read_all(row.need("changes")?)?;
    let wanted = Object::of(row.need("expect")?)?;
    let op = row.text("op");
    let mut bench = leader(&given, &changes)?;
    if let Some(error) = wanted.get("error") {
        return refuses(&mut bench, &changes, text(error)?);
    }
    let config = membership(wanted.need("config")?)?;
    bench.ruled.push(given);
    match op {
        // Whoever leads while two majorities rule leaves that by itself.
        "leave_joint" => bench.everybody_agrees(),
        "simple" | "enter_joint" => {
            let before = progress(&bench);
            bench.take_effect(&changes)?;
            let kept = wanted.map("kept_progress", nodes)?.unwrap_or_default();
            keeps(&bench, &before, &kept)?;
        }
        other => return unfit("op", other),
    }
    expect("tracked", &config.members(), &wanted.map("tracked", nodes)?.unwrap_or_default())?;
    match op {
        "enter_joint" => has_ruled(&bench, &config),
        _ => expect("membership", bench.raft.status().membership, &config),
    }
}

/// Two majorities that rule are left before anything else begins.
fn refuses(bench: &mut Bench, changes: &[Change], error: &str) -> Run {
    if !["already_joint", "simple_in_joint"].contains(&error) {
        return unfit("error", error);
    }
    let before = bench.raft.status().membership.clone();
    bench.order(changes)?;
    expect("membership", bench.raft.status().membership, &before)?;
    match bench.refused.last() {
        Some((_, Refusal::ChangeUnderWay)) => Ok(()),
        other => wrong(format!("it is answered by {other:?}")),
    }
}

fn progress(bench: &Bench) -> BTreeMap<NodeId, Index> {
    let peers = bench.raft.status().peers.iter();
    peers.map(|peer| (peer.id(), peer.match_index())).collect()
}

/// Nothing that they acknowledged is forgotten, unless they have left since.
fn keeps(bench: &Bench, before: &BTreeMap<NodeId, Index>, kept: &[NodeId]) -> Run {
    let now = progress(bench);
    let belongs = |id| bench.raft.status().membership.is_member(id);
    let is_lost = |id: &&NodeId| {
        belongs(**id) && before.get(id).is_some_and(|&before| now.get(id) < Some(&before))
    };
    match kept.iter().find(is_lost) {
        Some(id) => wrong(format!("the progress of {id:?} is lost")),
        None => Ok(()),
    }
}

fn has_ruled(bench: &Bench, wanted: &Membership) -> Run {
    match bench.ruled.contains(wanted) {
        true => Ok(()),
        false => wrong(format!("{wanted:?} is not among {:?}", bench.ruled)),
    }
}

/// What one change of a membership comes to.
pub(crate) fn next(given: Object<'_>) -> Run<Value> {
    given.has_only(&["current", "cmd", "id"])?;
    let current = membership(given.need("current")?)?;
    let changes = [Change::new(given.text("cmd"), Some(node(given.need("id")?)?))?];
    let mut bench = leader(&current, &changes)?;
    bench.take_effect(&changes)?;
    let now = bench.raft.status().membership;
    let ids = |list: &[NodeId]| list.iter().map(|id| id.get()).collect::<Vec<_>>();
    Ok(json!({"voters": ids(now.voters()), "learners": ids(now.learners())}))
}

/// Does a leader go from one set of voters to two, of which it is one?
pub(crate) fn may_follow(given: Object<'_>) -> Run<Value> {
    given.has_only(&["from", "to"])?;
    let sets = |key| list(given.need(key)?)?.iter().map(nodes).collect::<Run<Vec<_>>>();
    let (from, to) = (sets("from")?, sets("to")?);
    let (old, new) = match (&from[..], &to[..]) {
        ([old], [one, new] | [new, one]) if old == one => (old, new),
        _ => return unfit("state", "a step that is not from one majority to two"),
    };
    let of = |voters: &[NodeId], outgoing: &[NodeId]| {
        Membership::new(voters.iter().copied(), outgoing.iter().copied(), [])
            .or_else(|error| unfit("membership", error.to_string()))
    };
    let change = |what, ids: &[NodeId]| {
        ids.iter().map(|&id| Change::new(what, Some(id))).collect::<Run<Vec<_>>>()
    };
    let changes = [change("remove", old)?, change("add_voter", new)?].concat();
    let mut bench = leader(&of(old, &[])?, &changes)?;
    bench.take_effect(&changes)?;
    let joint = of(new, old)?;
    let place = bench.ruled.iter().position(|it| *it == joint);
    let before = place.and_then(|place| bench.ruled.get(place.checked_sub(1)?));
    Ok(before.is_some_and(|before| before.voters() == old && !before.is_joint()).into())
}
