//! Rows about one rule. The rules have no functions of their own that tests could call; a core is
//! put into a state in which the rule decides, and what it does is the answer.

use std::collections::BTreeMap;

use quorate_core::quorum::{VoteResult, majority_value, vote_result};
use quorate_core::{AppendOutcome, Index, LogId, Membership, NodeId, RoleKind, Rpc, Term};
use serde_json::{Value, json};

use super::bench::Bench;
use super::confchange;
use super::event::Happening;
use super::given::{Given, Tuning, node_key};
use super::json::{
    Object, Run, expect, index, list, log, log_id, nodes, number, text, unfit, wrong,
};
use super::message::{Body, Letter, entries, is_of_type};
use super::setup::set_up;

pub(crate) fn run(row: Object<'_>) -> Run {
    row.has_only(&[
        "id", "topic", "kind", "title", "source", "paper", "note", "given", "fn", "then",
    ])?;
    let given = Object::of(row.need("given")?)?;
    let got = match row.text("fn") {
        "up_to_date" => up_to_date(given)?,
        "find_conflict" => find_conflict(given)?,
        "find_conflict_by_term" => find_conflict_by_term(given)?,
        "is_quorum" => is_quorum(given)?,
        "commit_index" => commit_index(given)?,
        "progress_paused" => progress_paused(given)?,
        "progress_ack" => progress_ack(given)?,
        "inflights" => inflights(given)?,
        "next_configuration" => confchange::next(given)?,
        "may_follow" => confchange::may_follow(given)?,
        other => return unfit("fn", other),
    };
    expect("result", &got, Object::of(row.need("then")?)?.need("result")?)
}

fn id(id: u64) -> NodeId {
    NodeId::new(id).expect("above zero")
}

fn of_voters(voters: impl IntoIterator<Item = NodeId>) -> Run<Membership> {
    Membership::of_voters(voters).or_else(|error| unfit("membership", error.to_string()))
}

/// A follower with the log of the row, in a term that allows for `newest`.
fn follower(given: Object<'_>, newest: Term) -> Run<(Given, Bench)> {
    let mut state = Given::follower(id(1), of_voters([id(1), id(2), id(3)])?, newest);
    state.snapshot = given.map("snap", log_id)?.unwrap_or_default();
    state.log = log(given.need("log")?)?;
    state.commit = state.snapshot.index;
    state.term = state.last().term.max(newest);
    let bench = set_up(&state)?;
    Ok((state, bench))
}

/// Would it vote for a candidate whose log ends so?
fn up_to_date(given: Object<'_>) -> Run<Value> {
    given.has_only(&["log", "snap", "candidate_last"])?;
    let last = log_id(given.need("candidate_last")?)?;
    let (state, mut bench) = follower(given, last.term)?;
    let term = Term(state.term.0 + 1);
    bench.receive(&Letter { from: id(2), to: None, term, body: Body::Vote { last } })?;
    Ok((bench.raft.status().hard_state.vote == Some(id(2))).into())
}

/// From where on does it write what a leader sends?
fn find_conflict(given: Object<'_>) -> Run<Value> {
    given.has_only(&["log", "snap", "entries"])?;
    let entries = entries(log(given.need("entries")?)?)?;
    let (Some(first), Some(last)) = (entries.first_index(), entries.last_id()) else {
        return Ok(0.into());
    };
    let (state, mut bench) = follower(given, last.term)?;
    let prev = if first.prev() == Index(0) { LogId::ZERO } else { state.id_at(first.prev())? };
    bench.is_disk_slow = true;
    let body = Body::Append { prev, entries, commit: Index(0) };
    bench.receive(&Letter { from: id(2), to: None, term: state.term, body })?;
    Ok(bench.first_pending().unwrap_or_default().0.into())
}

/// What does it answer a leader whose log has `at`?
fn find_conflict_by_term(given: Object<'_>) -> Run<Value> {
    given.has_only(&["log", "snap", "at"])?;
    let at = log_id(given.need("at")?)?;
    let (state, mut bench) = follower(given, at.term)?;
    if at.index < state.snapshot.index || (at.index == Index(0) && at.term > Term(0)) {
        return unfit("state", "a position that no leader names");
    }
    let body = Body::Append { prev: at, entries: entries(Vec::new())?, commit: Index(0) };
    bench.receive(&Letter { from: id(2), to: None, term: state.term, body })?;
    let answer = bench.sent.iter().find_map(|message| match &message.rpc {
        Rpc::AppendEntriesReply(reply) => Some(reply.outcome),
        _ => None,
    });
    match answer {
        Some(AppendOutcome::Match(index)) => Ok(index.0.into()),
        Some(AppendOutcome::Mismatch { hint, .. }) => Ok(hint.index.0.into()),
        other => wrong(format!("{at:?} is answered by {other:?}")),
    }
}

fn is_quorum(given: Object<'_>) -> Run<Value> {
    given.has_only(&["sets", "ids"])?;
    let sets: Vec<_> = list(given.need("sets")?)?.iter().map(nodes).collect::<Run<_>>()?;
    let (voters, outgoing) = match sets.as_slice() {
        [voters] => (voters.clone(), Vec::new()),
        [voters, outgoing] => (voters.clone(), outgoing.clone()),
        _ => return unfit("state", "more than two majorities"),
    };
    let membership = Membership::new(voters, outgoing, [])
        .or_else(|error| unfit("membership", error.to_string()))?;
    // 0 is nobody.
    let ids = list(given.need("ids")?)?.iter().map(number);
    let ids: Vec<_> = ids.collect::<Run<_>>()?;
    let vote = |id: NodeId| ids.contains(&id.get()).then_some(true);
    Ok((vote_result(&membership, vote) == VoteResult::Won).into())
}

/// A leader with such acknowledgements, its own among them: what has it committed?
fn commit_index(given: Object<'_>) -> Run<Value> {
    given.has_only(&["voters", "acked", "term_start"])?;
    let voters = nodes(given.need("voters")?)?;
    let acked = Object::of(given.need("acked")?)?.0.iter();
    let acked = acked.map(|(id, value)| Ok((node_key(id)?, index(value)?)));
    let acked: BTreeMap<_, _> = acked.collect::<Run<_>>()?;
    let has = |id: &NodeId| acked.get(id).copied().unwrap_or_default();
    // The one with the longest log leads; the others cannot have acknowledged more.
    let Some(&leader) = voters.iter().max_by_key(|id| has(id)) else {
        return Ok(majority_value(&[], |_| 0).unwrap_or(0).into());
    };
    let noop = Index(given.number("term_start", 0)?.max(1));
    let is_noop_durable = has(&leader) >= noop;
    if !is_noop_durable && has(&leader) != noop.prev() {
        return unfit("state", "a leader whose disk is behind its own election");
    }
    let mut state = Given::follower(leader, of_voters(voters.iter().copied())?, Term(2));
    state.role = RoleKind::Candidate;
    state.log = (1..noop.0).map(|index| LogId { term: Term(1), index: Index(index) }).collect();
    let mut bench = set_up(&state)?;
    bench.is_disk_slow = true;
    let from = |id: NodeId, body| Letter { from: id, to: None, term: Term(2), body };
    let others = voters.iter().copied().filter(|&id| id != leader);
    for id in others.clone() {
        bench.receive(&from(id, Body::VoteReply { granted: true }))?;
    }
    bench.happen(&Happening::Propose(has(&leader).0.saturating_sub(noop.0)))?;
    if is_noop_durable {
        bench.sync();
    }
    for id in others {
        bench.receive(&from(id, Body::Match(has(&id))))?;
    }
    Ok(bench.raft.status().commit.0.into())
}

/// A leader of two, whose peer has acknowledged the first entry if it streams.
fn leader(tuning: Tuning, streams: bool) -> Run<Bench> {
    let mut state = Given::follower(id(1), of_voters([id(1), id(2)])?, Term(1));
    state.tuning = tuning;
    state.role = RoleKind::Leader;
    state.log = vec![LogId { term: Term(1), index: Index(1) }];
    let mut bench = set_up(&state)?;
    if streams {
        acknowledge(&mut bench, Index(1))?;
    }
    bench.sent.clear();
    Ok(bench)
}

/// A leader of two, whose log starts after what its peer lacks.
fn lagged(tuning: Tuning) -> Run<Bench> {
    let mut state = Given::follower(id(1), of_voters([id(1), id(2)])?, Term(1));
    state.tuning = tuning;
    state.role = RoleKind::Leader;
    state.snapshot = LogId { term: Term(0), index: Index(5) };
    state.log = vec![LogId { term: Term(1), index: Index(6) }];
    state.lagging = vec![id(2)];
    set_up(&state)
}

fn acknowledge(bench: &mut Bench, upto: Index) -> Run {
    let term = bench.term();
    bench.receive(&Letter { from: id(2), to: None, term, body: Body::Match(upto) })
}

fn appends(bench: &Bench) -> usize {
    bench.sent.iter().filter(|message| is_of_type(message, "append_req")).count()
}

/// Does a leader hold a proposal back?
fn progress_paused(given: Object<'_>) -> Run<Value> {
    given.has_only(&["state", "flow_paused"])?;
    let is_paused = given.flag("flow_paused")?;
    let tuning = Tuning { max_inflight: Some(1), ..Tuning::DEFAULT };
    let mut bench = match (text(given.need("state")?)?, is_paused) {
        ("probe", true) => leader(tuning, false)?,
        ("replicate", false) => leader(tuning, true)?,
        ("replicate", true) => {
            let mut bench = leader(tuning, true)?;
            bench.happen(&Happening::Propose(1))?;
            bench
        }
        ("probe", false) => return unfit("state", "a probe that was not sent"),
        ("snapshot", _) => lagged(tuning)?,
        (other, _) => return unfit("state", other),
    };
    bench.sent.clear();
    bench.happen(&Happening::Propose(1))?;
    Ok((appends(&bench) == 0).into())
}

/// What does a leader make of an acknowledgement?
fn progress_ack(given: Object<'_>) -> Run<Value> {
    given.has_only(&["match", "next", "acked"])?;
    let [matched, next, acked] = ["match", "next", "acked"].map(|key| given.number(key, 0));
    let (matched, next, acked) = (matched?, next?, acked?);
    let under_way = next.saturating_sub(matched + 1);
    if matched < 1 || next <= matched || (under_way == 0 && acked >= next) {
        return unfit("state", "a peer that was not sent what it acknowledges");
    }
    let window = u32::try_from(under_way.max(1)).unwrap_or(u32::MAX);
    let mut bench = leader(Tuning { max_inflight: Some(window), ..Tuning::DEFAULT }, true)?;
    for index in 2..=matched {
        bench.happen(&Happening::Propose(1))?;
        acknowledge(&mut bench, Index(index))?;
    }
    bench.happen(&Happening::Propose(under_way + acked.saturating_sub(next - 1)))?;
    let view = |bench: &Bench| {
        let peer = &bench.raft.status().peers[0];
        (peer.match_index().0, peer.next_index().0)
    };
    expect("set-up", &view(&bench), &(matched, next))?;
    acknowledge(&mut bench, Index(acked))?;
    let (now, next) = view(&bench);
    Ok(json!({"match": now, "next": next, "advanced": now > matched}))
}

/// How many messages does a leader send into a window, before and after some are acknowledged?
fn inflights(given: Object<'_>) -> Run<Value> {
    given.has_only(&["size", "max_bytes", "full_after", "free_up_to"])?;
    let size = u32::try_from(given.number("size", 0)?).unwrap_or(u32::MAX);
    let bytes = given.number("max_bytes", 0)?;
    let tuning = Tuning {
        max_inflight: Some(size),
        max_inflight_bytes: Some(if bytes == 0 { u64::MAX } else { bytes }),
        max_message_bytes: Some(1),
        ..Tuning::DEFAULT
    };
    let mut bench = leader(tuning, true)?;
    // Message i costs 100 + i bytes, and carries the entry i + 2.
    for i in 0..200 {
        let overhead = usize::try_from(quorate_core::Entry::OVERHEAD_BYTES).expect("small");
        bench.happen(&Happening::ProposeBytes(100 + i - overhead))?;
    }
    expect("full after", &(appends(&bench) as u64), &given.number("full_after", 0)?)?;
    acknowledge(&mut bench, Index(given.number("free_up_to", 0)? + 2))?;
    Ok(json!({"full_again_at": appends(&bench)}))
}
