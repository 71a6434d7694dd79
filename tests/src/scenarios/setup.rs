//! Brings a server into the state that a row starts from, by the ways that lead there.

use quorate_core::{Entries, HardState, Index, LogId, NodeId, RoleKind, SnapshotMeta, Term};

use super::bench::{Bench, Disk};
use super::event::Happening;
use super::given::Given;
use super::json::{Run, unfit};
use super::message::{Body, Letter, entries};

/// A server in the given state. What it sent on its way there is forgotten.
pub(crate) fn set_up(given: &Given) -> Run<Bench> {
    let mut bench = match given.role {
        RoleKind::Follower => follower(given)?,
        RoleKind::PreCandidate => {
            let mut bench = start(&with_pre_vote(given), given.term, &given.log)?;
            bench.campaign();
            bench
        }
        RoleKind::Candidate => candidate(given, &given.log)?,
        RoleKind::Leader => leader(given)?,
        RoleKind::Halted => return unfit("state", "halted"),
    };
    let status = bench.raft.status();
    let reached = (status.role, status.hard_state.term, status.last);
    if reached != (given.role, given.term, given.last()) {
        return unfit("state", format!("{reached:?}, where a row has {:?}", given.role));
    }
    bench.sent.clear();
    bench.reads.clear();
    bench.refused.clear();
    Ok(bench)
}

fn with_pre_vote(given: &Given) -> Given {
    Given { tuning: given.tuning.with_pre_vote(), ..given.clone() }
}

/// A server that was started in `term` with this log, and knows no leader.
fn start(given: &Given, term: Term, log: &[LogId]) -> Run<Bench> {
    let vote = if term == given.term { given.vote } else { None };
    let membership = given.membership.clone();
    let disk = Disk {
        hard_state: HardState { term, vote, is_forgetful: false },
        snapshot: SnapshotMeta {
            last_included: given.snapshot,
            membership_at: LogId::ZERO,
            membership,
        },
        log: entries(log.to_vec())?.to_vec(),
    };
    let mut bench = Bench::start(given.id, given.tuning, disk)?;
    if given.commit > given.snapshot.index && log.iter().any(|id| id.index == given.commit) {
        hear_leader(&mut bench, given, term, given.leader.unwrap_or_else(|| somebody_else(given)))?;
    }
    Ok(bench)
}

/// A leader tells what is committed.
fn hear_leader(bench: &mut Bench, given: &Given, term: Term, leader: NodeId) -> Run {
    let prev = given.id_at(given.commit)?;
    let body = Body::Append { prev, entries: Entries::EMPTY, commit: given.commit };
    bench.receive(&Letter { from: leader, to: None, term, body })
}

fn follower(given: &Given) -> Run<Bench> {
    if let Some(leader) = given.leader {
        let mut bench = start(given, given.term, &given.log)?;
        hear_leader(&mut bench, given, given.term, leader)?;
        return Ok(bench);
    }
    let before = Term(given.term.0.saturating_sub(1));
    let knows_commit = given.commit > given.snapshot.index;
    if !knows_commit || given.vote.is_some() || before < given.last().term {
        // Whoever told it what is committed is its leader now.
        return start(given, given.term, &given.log);
    }
    // What is committed it heard in the term before; in this one it knows nobody.
    let mut bench = start(given, before, &given.log)?;
    let body = Body::VoteReply { granted: false };
    bench.receive(&Letter { from: somebody_else(given), to: None, term: given.term, body })?;
    Ok(bench)
}

/// Started in the term before; its election timeout fires.
fn candidate(given: &Given, log: &[LogId]) -> Run<Bench> {
    let Some(before) = given.term.0.checked_sub(1).map(Term) else {
        return unfit("state", "a candidate of term 0");
    };
    let mut bench = start(given, before, log)?;
    bench.campaign();
    for from in others(given) {
        if bench.role() == RoleKind::PreCandidate {
            let body = Body::PreVoteReply { granted: true };
            bench.receive(&Letter { from, to: None, term: given.term, body })?;
        }
    }
    Ok(bench)
}

/// Wins an election with just enough votes. The first entry of its term is the one that it appends
/// then, the others are proposals.
fn leader(given: &Given) -> Run<Bench> {
    let own = given.log.iter().position(|id| id.term == given.term);
    let Some(own) = own.filter(|_| given.last().term == given.term) else {
        return unfit("state", "a leader without an entry of its own");
    };
    let (log, own) = given.log.split_at(own);
    let mut bench = candidate(given, log)?;
    for from in others(given) {
        if bench.role() == RoleKind::Candidate {
            let body = Body::VoteReply { granted: true };
            bench.receive(&Letter { from, to: None, term: given.term, body })?;
        }
    }
    bench.happen(&Happening::Propose(own.len() as u64 - 1))?;
    let acknowledge = |bench: &mut Bench, from, index| {
        bench.receive(&Letter { from, to: None, term: given.term, body: Body::Match(index) })
    };
    for &(from, matched) in &given.matched {
        if from != given.id && matched > Index(0) {
            acknowledge(&mut bench, from, matched)?;
        }
    }
    for &from in &given.lagging {
        let rejected = given.snapshot.index;
        let body = Body::Mismatch { rejected, hint: LogId::ZERO };
        bench.receive(&Letter { from, to: None, term: given.term, body })?;
    }
    for from in others(given) {
        let knows_commit = bench.raft.status().commit >= given.commit;
        if given.commit >= own[0].index && !knows_commit {
            acknowledge(&mut bench, from, given.commit)?;
        }
    }
    Ok(bench)
}

/// The other voters.
fn others(given: &Given) -> Vec<NodeId> {
    let voters = given.membership.members().into_iter();
    voters.filter(|&id| id != given.id && given.membership.is_voter(id)).collect()
}

/// Somebody who may have led before; in a cluster of one, a server that has left it.
fn somebody_else(given: &Given) -> NodeId {
    let stranger = NodeId::new(given.id.get() + 1000).expect("above zero");
    others(given).first().copied().unwrap_or(stranger)
}
