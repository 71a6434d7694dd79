//! Leadership is handed over: thesis 3.10.

use std::time::Duration;

use crate::bench::{Bench, id, node, refusals, sent, sent_to};
use quorate_core::{
    Cause, Config, Effect, Event, Index, Membership, Message, NodeId, Refusal, RequestId,
    RequestVote, RoleKind, Rpc, Term,
};

const WITHIN: Duration = Duration::from_millis(300);

fn transfer(bench: &mut Bench, id: u64, to: Option<u64>) -> Vec<Effect> {
    let to = to.map(node);
    bench.step(Event::TransferLeadership { id: RequestId(id), to, within: WITHIN })
}

/// Who is told to stand.
fn told(effects: &[Effect]) -> Vec<NodeId> {
    let told = sent(effects).into_iter().filter(|message| message.rpc == Rpc::TimeoutNow);
    told.map(|message| message.to).collect()
}

fn is_transferred(effects: &[Effect], id: u64) -> bool {
    effects.contains(&Effect::Transferred { id: RequestId(id) })
}

/// As long ago as an election timeout is too long.
#[test]
fn nobody_hands_over_to_a_peer_that_has_been_silent_for_an_election_timeout() {
    for (early, is_told) in [(0, false), (1, true)] {
        let mut bench = Bench::settled_leader(|config| config.check_quorum = false);
        let timeout = Config::new(node(1)).election_timeout - Duration::from_nanos(early);
        bench.now = bench.now.after(timeout);
        let effects = transfer(&mut bench, 1, None);
        assert_eq!(!told(&effects).is_empty(), is_told, "{effects:?}");
        let refused = [(RequestId(1), Refusal::NoSuccessor)];
        assert_eq!(refusals(&effects) == refused, !is_told, "{effects:?}");
    }
}

#[test]
fn a_successor_with_the_whole_log_is_told_at_once() {
    let mut bench = Bench::settled_leader(|_| {});
    let effects = transfer(&mut bench, 1, Some(3));
    assert_eq!(told(&effects), [node(3)]);
    assert_eq!(bench.raft.status().transferring_to, Some(node(3)));
    let asks = Rpc::RequestVoteInTransfer(RequestVote { last: id(1, 1) });
    let effects = bench.hear(3, 2, asks);
    assert!(is_transferred(&effects, 1), "{effects:?}");
    assert_eq!(bench.raft.status().role, RoleKind::Follower);
    assert_eq!(bench.raft.status().hard_state.vote, Some(node(3)), "the old leader votes for it");
}

#[test]
fn a_successor_that_is_behind_catches_up_first_while_nothing_new_comes_in() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.propose(1, 10);
    bench.persist();
    let effects = transfer(&mut bench, 2, Some(2));
    assert_eq!(told(&effects), []);
    assert_eq!(refusals(&bench.propose(3, 10)), [(RequestId(3), Refusal::Transferring)]);
    assert_eq!(told(&bench.acknowledge(3, 2)), [], "it is not this one that takes over");
    assert_eq!(told(&bench.acknowledge(2, 2)), [node(2)]);
    assert_eq!(told(&bench.acknowledge(2, 2)), [], "told once");
    let effects = bench.time_out();
    assert_eq!(told(&effects), [node(2)], "with each heartbeat once more: it may be lost");
}

#[test]
fn a_leader_whose_successor_does_not_take_over_in_time_leads_on() {
    // BUGS R2: and it accepts proposals again.
    let mut bench = Bench::settled_leader(|_| {});
    transfer(&mut bench, 1, Some(2));
    let end = bench.now.after(WITHIN);
    let mut effects = Vec::new();
    while bench.now < end {
        effects = bench.time_out();
        bench.acknowledge(2, 1);
        bench.acknowledge(3, 1);
    }
    assert_eq!(refusals(&effects), [(RequestId(1), Refusal::TransferTimedOut)]);
    assert_eq!(bench.raft.status().role, RoleKind::Leader);
    assert_eq!(bench.raft.status().transferring_to, None);
    assert_eq!(refusals(&bench.propose(2, 10)), []);
    assert_eq!(told(&bench.acknowledge(2, 2)), []);
}

#[test]
fn a_leader_that_is_deposed_before_anybody_was_told_has_not_handed_over() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.propose(1, 10);
    transfer(&mut bench, 2, Some(2));
    let effects = bench.heartbeat((3, 9), 1);
    assert_eq!(refusals(&effects), [(RequestId(2), Refusal::LeadershipLost)]);
}

/// BUGS R2: a transfer that ends with the leadership does not outlive it.
#[test]
fn a_leader_that_is_elected_again_accepts_proposals() {
    let mut bench = Bench::settled_leader(|_| {});
    transfer(&mut bench, 1, Some(2));
    let lost = bench.now.after(Duration::from_secs(1));
    bench.now = lost;
    let effects = bench.step(Event::Timeout);
    assert_eq!(refusals(&effects), [(RequestId(1), Refusal::LeadershipLost)]);
    bench.become_leader();
    assert_eq!(bench.raft.status().role, RoleKind::Leader);
    assert_eq!(refusals(&bench.propose(2, 10)), []);
}

#[test]
fn who_is_not_named_is_the_one_with_the_longest_log_that_is_heard_from() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.propose(1, 10);
    bench.persist();
    bench.acknowledge(3, 2);
    assert_eq!(told(&transfer(&mut bench, 2, None)), [node(3)]);
    assert_eq!(refusals(&transfer(&mut bench, 3, None)), [(RequestId(3), Refusal::Transferring)]);

    let mut bench = Bench::settled_leader(|config| config.check_quorum = false);
    bench.now = bench.now.after(Duration::from_secs(1));
    let effects = transfer(&mut bench, 1, None);
    assert_eq!(refusals(&effects), [(RequestId(1), Refusal::NoSuccessor)], "nobody is heard from");
}

#[test]
fn only_another_voter_can_take_over() {
    let mut bench = Bench::settled_leader(|_| {});
    for stranger in [1, 7] {
        let effects = transfer(&mut bench, 1, Some(stranger));
        assert_eq!(refusals(&effects), [(RequestId(1), Refusal::NoSuccessor)]);
    }
    let mut bench = Bench::follower(1, &[]);
    let refused = [(RequestId(1), Refusal::NotLeader { leader: None })];
    assert_eq!(refusals(&transfer(&mut bench, 1, Some(2))), refused);
}

#[test]
fn whom_its_leader_asks_stands_at_once_without_asking_whether_it_would_win() {
    let mut bench = Bench::follower(1, &[(1, 1)]);
    bench.heartbeat((2, 1), 1);
    assert_eq!(bench.hear(3, 1, Rpc::TimeoutNow), [], "this is not its leader");
    assert_eq!(bench.hear(2, 0, Rpc::TimeoutNow), [], "a leader of an earlier term");
    let effects = bench.hear(2, 1, Rpc::TimeoutNow);
    let asked = effects.iter().any(|effect| {
        matches!(effect, Effect::RoleChanged(change) if change.cause == Cause::LeaderAsked)
    });
    assert!(asked && bench.raft.status().role == RoleKind::Candidate, "{effects:?}");
    assert_eq!(sent(&effects), Vec::<&Message>::new(), "its vote is not durable");
    let effects = bench.persist();
    let asks = Rpc::RequestVoteInTransfer(RequestVote { last: id(1, 1) });
    assert_eq!(sent_to(&effects, 3), [&asks]);
    assert_eq!(bench.raft.status().hard_state.term, Term(2));
}

#[test]
fn a_voter_that_hears_its_leader_answers_a_candidate_whom_that_leader_asked() {
    // thesis 4.2.3: any other candidate gets no answer.
    let mut bench = Bench::follower(1, &[(1, 1)]);
    bench.heartbeat((2, 1), 1);
    let request = RequestVote { last: id(1, 1) };
    assert_eq!(bench.hear(3, 2, Rpc::RequestVote(request)), []);
    assert_eq!(bench.raft.status().hard_state.term, Term(1));
    bench.hear(3, 2, Rpc::RequestVoteInTransfer(request));
    assert_eq!(bench.raft.status().hard_state.vote, Some(node(3)));
}

#[test]
fn a_candidate_whom_a_leader_asked_needs_an_up_to_date_log_like_any_other() {
    let mut bench = Bench::follower(1, &[(1, 1), (1, 2)]);
    bench.heartbeat((2, 1), 1);
    let request = RequestVote { last: id(1, 1) };
    bench.hear(3, 2, Rpc::RequestVoteInTransfer(request));
    assert_eq!(bench.raft.status().hard_state.vote, None);
    let impossible = RequestVote { last: id(9, 9) };
    let ignored = bench.raft.status().ignored_messages;
    bench.hear(3, 3, Rpc::RequestVoteInTransfer(impossible));
    assert_eq!(bench.raft.status().ignored_messages, ignored + 1);
}

#[test]
fn a_learner_does_not_stand_whoever_asks() {
    let ids = [2, 3].map(node);
    let membership = Membership::new(ids, [], [node(1)]).expect("a learner");
    let mut bench = Bench::member(membership, 1, &[(1, 1)]);
    bench.heartbeat((2, 1), 1);
    assert_eq!(bench.hear(2, 1, Rpc::TimeoutNow), []);
    assert_eq!(bench.raft.status().last.index, Index(1));
    assert_eq!(bench.raft.status().role, RoleKind::Follower);
}
