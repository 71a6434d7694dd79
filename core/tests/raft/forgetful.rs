//! A server that may have forgotten what it promised has no say, until a leader vouches for it.

use crate::bench::{Bench, id, node, refusals, sent, sent_to};
use quorate_core::{
    AppendEntries, AppendEntriesReply, AppendOutcome, Config, Effect, Effects, Entries, Entry,
    Event, ForgetfulReply, HardState, Heartbeat, Index, Instant, LifeId, LogId, Membership,
    MembershipRecord, Message, Payload, PreVote, PreVoteReply, Raft, Recovered, Refusal,
    ReplicationId, RequestId, RequestVote, RequestVoteReply, RoleKind, Round, Rpc, StartError,
    System, Term, Ticket, Vouch,
};
use std::collections::BTreeSet;
use std::time::Duration;

/// What it answered to the last that it heard, and in which life.
fn forgetful_reply(effects: &[Effect]) -> Option<(LifeId, AppendOutcome)> {
    sent(effects).iter().rev().find_map(|message| match &message.rpc {
        Rpc::ForgetfulReply(told) => Some((told.life, told.reply.outcome)),
        _ => None,
    })
}

fn is_granted(effects: &[Effect]) -> Option<bool> {
    sent(effects).iter().find_map(|message| match &message.rpc {
        Rpc::RequestVoteReply(RequestVoteReply { granted })
        | Rpc::PreVoteReply(PreVoteReply { granted, .. }) => Some(*granted),
        _ => None,
    })
}

#[test]
fn it_does_not_vote_and_would_not() {
    let mut bench = Bench::forgetful(3, &[(1, 1)]);
    let vote = Rpc::RequestVote(RequestVote { last: id(3, 9) });
    bench.hear(2, 4, vote);
    assert_eq!(is_granted(&bench.persist()), Some(false));
    assert_eq!(bench.raft.status().hard_state.vote, None);
    let pre_vote = Rpc::PreVote(PreVote { next_term: Term(5), last: id(3, 9) });
    assert_eq!(is_granted(&bench.hear(2, 4, pre_vote)), Some(false));
}

#[test]
fn it_does_not_stand_not_even_when_its_leader_asks() {
    let mut bench = Bench::forgetful(3, &[]);
    bench.time_out();
    assert_eq!(bench.raft.status().role, RoleKind::Follower);
    assert_eq!(bench.raft.status().hard_state.term, Term(3));
    bench.heartbeat((2, 3), 1);
    bench.hear(2, 3, Rpc::TimeoutNow);
    assert_eq!(bench.raft.status().role, RoleKind::Follower);
}

/// A forgetful follower of leader 2 in term 3, with entries 1 and 2, which are durable; and its life.
fn follower() -> (Bench, LifeId) {
    let mut bench = Bench::forgetful(0, &[]);
    bench.append((2, 3), id(0, 0), &[(1, 1), (3, 2)], 1);
    let effects = bench.persist();
    let (life, outcome) = forgetful_reply(&effects).expect("an answer");
    assert_eq!(outcome, AppendOutcome::Match(Index(2)));
    (bench, life)
}

fn vouch(life: LifeId, upto: u64) -> Rpc {
    Rpc::Vouch(Vouch { life, upto: Index(upto) })
}

#[test]
fn it_has_a_say_again_once_a_leader_vouches_for_it_and_votes_for_nobody_else_in_that_term() {
    let (mut bench, life) = follower();
    let effects = bench.hear(2, 3, vouch(life, 2));
    let remembers = HardState { term: Term(3), vote: Some(node(2)), is_forgetful: false };
    let is_written = |effect: &Effect| matches!(effect, Effect::Write(write) if write.hard_state == Some(remembers));
    assert!(effects.iter().any(is_written), "{effects:?}");
    assert_eq!(
        sent(&effects),
        Vec::<&quorate_core::Message>::new(),
        "nothing before it is durable"
    );
    let effects = bench.persist();
    let answer = |effect: &&Rpc| {
        matches!(
            effect,
            Rpc::AppendEntriesReply(AppendEntriesReply {
                outcome: AppendOutcome::Match(Index(2)),
                ..
            })
        )
    };
    assert!(sent_to(&effects, 2).iter().any(answer), "{effects:?}");
    let effects = bench.hear(3, 3, Rpc::RequestVote(RequestVote { last: id(3, 9) }));
    assert_eq!(is_granted(&effects), Some(false));
    bench.time_out();
    assert_eq!(bench.raft.status().role, RoleKind::PreCandidate, "it may stand again");
}

/// What is said to a server in one life must mean nothing to it in the next.
#[test]
fn every_life_has_a_name_of_its_own() {
    let lives = [0, 1, 2, 3].map(|seed: u64| {
        let members = Membership::of_voters([1, 2, 3].map(node)).expect("three voters");
        let hard_state = HardState { is_forgetful: true, ..HardState::default() };
        let recovered = Recovered { hard_state, ..Recovered::genesis(members) };
        let config = Config { seed: seed << 32, ..Config::new(node(1)) };
        let mut raft = Raft::new(config, recovered, Instant(0)).expect("a server");
        let mut effects = Effects::default();
        let heartbeat = Rpc::Heartbeat(Heartbeat {
            replication: ReplicationId(1),
            round: Round(1),
            matched: LogId::ZERO,
            commit: Index(0),
        });
        let message = Message { from: node(3), to: node(1), term: Term(1), rpc: heartbeat };
        raft.step(Instant(0), Event::Receive(message), &mut effects);
        raft.step(Instant(0), Event::Persisted(Ticket(1)), &mut effects);
        forgetful_reply(&effects.drain().collect::<Vec<_>>()).expect("an answer").0
    });
    assert_eq!(
        lives.iter().map(|life| life.0).collect::<BTreeSet<_>>().len(),
        lives.len(),
        "{lives:?}"
    );
    assert!(!lives.contains(&LifeId::default()), "{lives:?}");
}

#[test]
fn what_it_lacks_or_what_is_not_durable_keeps_it_forgetful() {
    let (mut bench, life) = follower();
    bench.hear(2, 3, vouch(life, 3));
    assert!(bench.raft.status().hard_state.is_forgetful, "it lacks entry 3");
    bench.append((2, 3), id(3, 2), &[(3, 3)], 1);
    bench.hear(2, 3, vouch(life, 3));
    assert!(bench.raft.status().hard_state.is_forgetful, "entry 3 is not durable");
    bench.persist();
    assert!(bench.raft.status().hard_state.is_forgetful);
    bench.hear(2, 3, vouch(life, 3));
    assert!(!bench.raft.status().hard_state.is_forgetful);
}

#[test]
fn what_was_said_to_another_life_or_by_another_than_its_leader_is_void() {
    let (mut bench, life) = follower();
    bench.hear(2, 3, vouch(LifeId(life.0 + 1), 2));
    bench.hear(3, 3, vouch(life, 2));
    bench.hear(2, 2, vouch(life, 2));
    assert!(bench.raft.status().hard_state.is_forgetful);
    bench.hear(3, 4, Rpc::RequestVote(RequestVote { last: id(3, 9) }));
    bench.now = bench.now.after(Duration::from_secs(1));
    bench.hear(3, 4, Rpc::RequestVote(RequestVote { last: id(3, 9) }));
    bench.hear(2, 3, vouch(life, 2));
    assert!(bench.raft.status().hard_state.is_forgetful, "the term of leader 2 is over");
}

#[test]
fn a_vote_that_an_old_copy_has_kept_stays() {
    let mut bench = Bench::copy_put_back(2, Some(node(3)), &[]);
    bench.append((2, 2), id(0, 0), &[(2, 1)], 0);
    let (life, _) = forgetful_reply(&bench.persist()).expect("an answer");
    bench.hear(2, 2, vouch(life, 1));
    bench.persist();
    let HardState { vote, is_forgetful, .. } = bench.raft.status().hard_state;
    assert_eq!((vote, is_forgetful), (Some(node(3)), false), "3 was not elected");
}

#[test]
fn a_server_alone_is_told_that_nobody_can_help_it() {
    let membership = Membership::of_voters([node(1)]).expect("one voter");
    let hard_state = HardState { is_forgetful: true, ..HardState::default() };
    let recovered = Recovered { hard_state, ..Recovered::genesis(membership) };
    let started = Raft::new(Config::new(node(1)), recovered, Instant(0)).map(drop);
    assert_eq!(started, Err(StartError::ForgetfulAndAlone(node(1))));
}

// The leader's side: server 1 leads 2 and 3 in term 1; its no-op is entry 1, and committed.

const LIFE: LifeId = LifeId(7);

/// Peer `from` answers in a life in which it may have forgotten.
fn forgets(bench: &mut Bench, from: u64, life: LifeId, outcome: AppendOutcome) -> Vec<Effect> {
    let (replication, round) = bench.told(from);
    let reply = AppendEntriesReply { replication, round, outcome };
    bench.hear(from, 1, Rpc::ForgetfulReply(ForgetfulReply { life, reply }))
}

/// Peer 3 has been heard of as forgetful, and has everything, the marker included: entry 2.
fn leader_of_a_forgetful_one() -> Bench {
    let mut bench = Bench::settled_leader(|_| {});
    bench.time_out();
    forgets(&mut bench, 3, LIFE, AppendOutcome::Match(Index(1)));
    assert_eq!(bench.raft.status().last, id(1, 2), "the marker");
    bench.persist();
    forgets(&mut bench, 3, LIFE, AppendOutcome::Match(Index(2)));
    assert_eq!(bench.raft.status().last, id(1, 2), "one marker for a life");
    bench
}

fn vouched(effects: &[Effect], peer: u64) -> Vec<Vouch> {
    let vouch = |rpc: &Rpc| match rpc {
        Rpc::Vouch(vouch) => Some(*vouch),
        _ => None,
    };
    sent_to(effects, peer).into_iter().filter_map(vouch).collect()
}

#[test]
fn its_acknowledgements_commit_nothing() {
    let mut bench = leader_of_a_forgetful_one();
    assert_eq!(bench.raft.status().commit, Index(1));
    bench.acknowledge(2, 2);
    assert_eq!(bench.raft.status().commit, Index(2), "the others do");
}

#[test]
fn what_it_acknowledged_before_is_void() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.propose(1, 10);
    bench.time_out();
    let (replication, round) = bench.told(3);
    forgets(&mut bench, 3, LIFE, AppendOutcome::Match(Index(0)));
    bench.persist();
    let reply = AppendEntriesReply { replication, round, outcome: AppendOutcome::Match(Index(2)) };
    bench.hear(3, 1, Rpc::AppendEntriesReply(reply));
    assert_eq!(bench.raft.status().commit, Index(1), "an answer of the life before came late");
}

#[test]
fn its_answers_confirm_no_read_and_keep_no_leader_in_office() {
    let mut bench = leader_of_a_forgetful_one();
    let read = bench.read(1);
    let is_ready =
        |effects: &[Effect]| effects.iter().any(|it| matches!(it, Effect::ReadReady { .. }));
    assert!(!is_ready(&read));
    let effects = forgets(&mut bench, 3, LIFE, AppendOutcome::Match(Index(2)));
    assert!(!is_ready(&effects));
    assert!(is_ready(&bench.acknowledge(2, 2)));
    while bench.raft.status().role == RoleKind::Leader {
        bench.time_out();
        forgets(&mut bench, 3, LIFE, AppendOutcome::Match(Index(2)));
        assert!(bench.now < Instant(0).after(Duration::from_secs(2)), "it hears no majority");
    }
}

#[test]
fn nobody_hands_over_to_it() {
    let mut bench = leader_of_a_forgetful_one();
    let (id, within) = (RequestId(1), Duration::from_secs(1));
    let effects = bench.step(Event::TransferLeadership { id, to: Some(node(3)), within });
    assert_eq!(refusals(&effects), [(id, Refusal::NoSuccessor)]);
}

#[test]
fn it_is_vouched_for_once_the_others_have_committed_the_marker_and_then_counts() {
    let mut bench = leader_of_a_forgetful_one();
    assert_eq!(vouched(&bench.time_out(), 3), [], "the marker is not committed");
    bench.acknowledge(2, 2);
    let effects = bench.time_out();
    assert_eq!(vouched(&effects, 3), [Vouch { life: LIFE, upto: Index(2) }]);
    assert_eq!(vouched(&effects, 2), []);
    bench.acknowledge(3, 2);
    assert_eq!(vouched(&bench.time_out(), 3), [], "it remembers");
    bench.propose(1, 10);
    bench.persist();
    bench.acknowledge(3, 3);
    assert_eq!(bench.raft.status().commit, Index(3), "and counts");
}

#[test]
fn another_life_begins_all_over() {
    let mut bench = leader_of_a_forgetful_one();
    bench.acknowledge(2, 2);
    bench.time_out();
    let before = [2, 3].map(|peer| bench.told(peer).0);
    forgets(&mut bench, 3, LifeId(8), AppendOutcome::Match(Index(0)));
    assert_eq!(bench.raft.status().last, id(1, 3), "a marker of its own");
    bench.persist();
    let replication = bench.told(3).0;
    assert!(before.iter().all(|&it| replication > it), "{replication:?} after {before:?}");
    assert_eq!(vouched(&bench.time_out(), 3), []);
    bench.acknowledge(2, 3);
    assert_eq!(vouched(&bench.time_out(), 3), [Vouch { life: LifeId(8), upto: Index(3) }]);
}

#[test]
fn a_learner_gets_no_vote_before_it_remembers() {
    let mut bench = Bench::settled_leader(|_| {});
    let target = Membership::of_voters([1, 2, 3, 4].map(node)).expect("four voters");
    let (id, expected) = (RequestId(1), None);
    bench.step(Event::Reconfigure { id, target: target.clone(), expected, force: false });
    bench.persist();
    bench.acknowledge(2, 2);
    forgets(&mut bench, 4, LIFE, AppendOutcome::Match(Index(0)));
    bench.persist();
    bench.acknowledge(2, 3);
    forgets(&mut bench, 4, LIFE, AppendOutcome::Match(Index(3)));
    assert_ne!(*bench.raft.status().membership, target);
    bench.time_out();
    bench.acknowledge(4, 3);
    assert_eq!(*bench.raft.status().membership, target);
}

/// FAULTS D09: its disk has lost what it acknowledged, and nothing on it says so.
#[test]
fn a_peer_that_denies_what_it_acknowledged_is_told_and_counts_for_nothing() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.step(Event::Unreachable(node(3)));
    bench.answer(3, AppendOutcome::Mismatch { rejected: Index(1), hint: id(0, 0) });
    assert!(bench.raft.status().peers[1].is_forgetful());
    bench.propose(1, 10);
    bench.persist();
    bench.acknowledge(3, 2);
    assert_eq!(bench.raft.status().commit, Index(1), "it does not know that it has forgotten");
    assert!(sent_to(&bench.time_out(), 3).contains(&&Rpc::Doubt));
    bench.acknowledge(3, 2);
    assert!(sent_to(&bench.time_out(), 3).contains(&&Rpc::Doubt), "it may be lost");
    forgets(&mut bench, 3, LIFE, AppendOutcome::Match(Index(2)));
    assert_eq!(bench.raft.status().last, id(1, 3), "the marker");
    assert!(!sent_to(&bench.time_out(), 3).contains(&&Rpc::Doubt), "now it knows");
}

#[test]
fn whoever_is_told_by_its_leader_that_it_has_forgotten_says_so_from_then_on() {
    let mut bench = Bench::follower(3, &[(1, 1)]);
    bench.append((2, 3), id(1, 1), &[(3, 2)], 1);
    bench.persist();
    bench.hear(3, 3, Rpc::Doubt);
    assert!(!bench.raft.status().hard_state.is_forgetful, "3 does not lead");
    let effects = bench.hear(2, 3, Rpc::Doubt);
    let is_written = |effect: &Effect| matches!(effect, Effect::Write(write) if write.hard_state.is_some_and(|it| it.is_forgetful));
    assert!(effects.iter().any(is_written), "{effects:?}");
    bench.heartbeat((2, 3), 9);
    assert!(forgetful_reply(&bench.persist()).is_some());
}

/// Whoever made it could only guess who founded the cluster.
#[test]
fn a_server_that_was_let_in_takes_no_snapshot_before_it_is_told_the_members() {
    let guess = Membership::of_voters([2, 3].map(node)).expect("two voters");
    let mut bench = Bench::member(guess, 1, &[]);
    bench.append((2, 1), id(0, 0), &[(1, 1)], 1);
    bench.persist();
    let members = Membership::of_voters([1, 2, 3].map(node)).expect("three voters");
    let record = System::Membership(MembershipRecord::of(&members));
    let told = Entry { id: id(1, 2), payload: Payload::System(record) };
    let (replication, round) = (ReplicationId(1), Round(2));
    let (prev, entries) = (id(1, 1), Entries::new([told]).expect("a run"));
    let append = AppendEntries { replication, round, prev, entries, commit: Index(2) };
    bench.hear(2, 1, Rpc::AppendEntries(append));
    bench.persist();
    assert_eq!(bench.raft.snapshot_as_of(Index(1)), None);
    let meta = bench.raft.snapshot_as_of(Index(2)).expect("it knows by now");
    assert_eq!(meta.membership, members);
}
