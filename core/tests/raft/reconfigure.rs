//! The membership changes: thesis 4.

use std::time::Duration;

use crate::bench::{Bench, entries_in, id, node, refusals, sent_to};
use quorate_core::{
    AppendEntries, AppendOutcome, Cause, Config, Effect, Entries, Entry, Event, Index, Membership,
    MembershipRecord, Payload, PreVoteReply, Refusal, ReplicationId, RequestId, RoleKind, Round,
    Rpc, Stopped, System, Term,
};

fn of(voters: &[u64]) -> Membership {
    with_learners(voters, &[])
}

fn with_learners(voters: &[u64], learners: &[u64]) -> Membership {
    let ids = |ids: &[u64]| ids.iter().map(|&id| node(id)).collect::<Vec<_>>();
    Membership::new(ids(voters), [], ids(learners)).expect("a membership")
}

fn joint(voters: &[u64], outgoing: &[u64], learners: &[u64]) -> Membership {
    let ids = |ids: &[u64]| ids.iter().map(|&id| node(id)).collect::<Vec<_>>();
    Membership::new(ids(voters), ids(outgoing), ids(learners)).expect("a membership")
}

fn change(id: u64, target: Membership) -> Event {
    Event::Reconfigure { id: RequestId(id), target, expected: None, force: false }
}

fn reconfigure(bench: &mut Bench, id: u64, target: Membership) -> Vec<Effect> {
    bench.step(change(id, target))
}

fn rules(bench: &Bench) -> Membership {
    bench.raft.status().membership.clone()
}

/// Who belonged to the cluster since which index, as far as the log goes back.
fn since_when(bench: &Bench) -> Vec<(u64, Membership)> {
    let all = bench.raft.memberships().iter();
    all.map(|(at, membership)| (at.index.0, membership.clone())).collect()
}

fn stopped(effects: &[Effect]) -> Vec<(u64, Stopped)> {
    let stopped = |effect: &Effect| match effect {
        Effect::ReconfigurationStopped { id, why } => Some((id.0, *why)),
        _ => None,
    };
    effects.iter().filter_map(stopped).collect()
}

fn done(effects: &[Effect]) -> Vec<(u64, u64)> {
    let done = |effect: &Effect| match effect {
        Effect::Reconfigured { id, at } => Some((id.0, at.0)),
        _ => None,
    };
    effects.iter().filter_map(done).collect()
}

/// Everything in the leader's log is durable, and acknowledged by these.
fn all_have_all(bench: &mut Bench, peers: &[u64]) -> Vec<Effect> {
    let mut effects = bench.persist();
    let last = bench.raft.status().last.index.0;
    for &peer in peers {
        effects.extend(bench.acknowledge(peer, last));
    }
    effects
}

/// A membership in an entry of a leader.
fn says(membership: &Membership, term: u64, index: u64) -> Entry {
    let record = System::Membership(MembershipRecord::of(membership));
    Entry { id: id(term, index), payload: Payload::System(record) }
}

/// thesis 4.1: a single server joins.
#[test]
fn a_newcomer_learns_first_and_votes_once_it_has_caught_up() {
    let mut bench = Bench::settled_leader(|_| {});
    let effects = reconfigure(&mut bench, 1, of(&[1, 2, 3, 4]));
    assert_eq!(rules(&bench), with_learners(&[1, 2, 3], &[4]), "rules at once, not committed");
    assert!(effects.contains(&Effect::MembershipChanged(Index(2))), "{effects:?}");
    assert!(!sent_to(&effects, 4).is_empty(), "the newcomer is sent the log");
    all_have_all(&mut bench, &[2, 3]);
    assert_eq!(rules(&bench), with_learners(&[1, 2, 3], &[4]), "committed, and not caught up");
    bench.acknowledge(4, 2);
    assert_eq!(rules(&bench), of(&[1, 2, 3, 4]));
    let effects = all_have_all(&mut bench, &[2]);
    assert_eq!(done(&effects), [], "two of four are no majority");
    let effects = bench.acknowledge(4, 3);
    assert_eq!(done(&effects), [(1, 3)]);
}

/// thesis 4.2.1: a newcomer that gets what it lacks too slowly gets no vote.
#[test]
fn a_newcomer_that_is_slow_in_every_round_does_not_become_a_voter() {
    let mut bench = Bench::settled_leader(|_| {});
    reconfigure(&mut bench, 1, of(&[1, 2, 3, 4]));
    all_have_all(&mut bench, &[2, 3]);
    let mut ends = Vec::new();
    for round in 0..10 {
        assert_eq!(ends, [], "round {round}");
        let goal = bench.raft.status().last.index.0;
        bench.propose(100 + round, 8);
        // Longer than an election timeout, in which the others are heard from.
        for _ in 0..8 {
            bench.time_out();
            all_have_all(&mut bench, &[2, 3]);
        }
        ends = stopped(&bench.acknowledge(4, goal));
    }
    assert_eq!(ends, [(1, Stopped::CannotCatchUp(node(4)))]);
    assert_eq!(rules(&bench), with_learners(&[1, 2, 3], &[4]), "it stays a learner");
}

/// thesis 4.2.1: the last round must be over within an election timeout, whatever came in meanwhile.
#[test]
fn a_newcomer_votes_if_a_round_took_less_than_an_election_timeout() {
    for (early, votes) in [(1, true), (0, false)] {
        let mut bench = Bench::settled_leader(|config| config.check_quorum = false);
        reconfigure(&mut bench, 1, of(&[1, 2, 3, 4]));
        all_have_all(&mut bench, &[2, 3]);
        let goal = bench.raft.status().last.index.0;
        bench.propose(100, 8);
        let timeout = Config::new(node(1)).election_timeout - Duration::from_nanos(early);
        bench.now = bench.now.after(timeout);
        all_have_all(&mut bench, &[2, 3]);
        bench.acknowledge(4, goal);
        let expected = if votes { of(&[1, 2, 3, 4]) } else { with_learners(&[1, 2, 3], &[4]) };
        assert_eq!(rules(&bench), expected, "{early} ns early");
    }
}

/// The next round would bring it nothing, so nothing has to happen first.
#[test]
fn a_newcomer_that_took_long_and_has_all_there_is_votes_at_once() {
    let mut bench = Bench::settled_leader(|_| {});
    reconfigure(&mut bench, 1, of(&[1, 2, 3, 4]));
    for _ in 0..8 {
        bench.time_out();
        all_have_all(&mut bench, &[2, 3]);
    }
    bench.acknowledge(4, 2);
    assert_eq!(rules(&bench), of(&[1, 2, 3, 4]));
}

#[test]
fn a_newcomer_that_is_never_heard_from_is_given_up() {
    let mut bench = Bench::settled_leader(|_| {});
    reconfigure(&mut bench, 1, of(&[1, 2, 3, 4]));
    let began = bench.now;
    let mut ends = Vec::new();
    while ends.is_empty() {
        ends = stopped(&bench.time_out());
        all_have_all(&mut bench, &[2, 3]);
        assert!(bench.now.since(began) < Duration::from_secs(10), "for ever");
    }
    assert_eq!(ends, [(1, Stopped::CannotCatchUp(node(4)))]);
}

/// thesis 4.3: several voters change by way of two majorities.
#[test]
fn several_voters_change_while_two_majorities_rule() {
    let mut bench = Bench::settled_leader(|_| {});
    reconfigure(&mut bench, 1, of(&[1, 4, 5]));
    all_have_all(&mut bench, &[2, 3]);
    bench.acknowledge(4, 2);
    bench.acknowledge(5, 2);
    assert_eq!(rules(&bench), joint(&[1, 4, 5], &[1, 2, 3], &[]));
    bench.persist();
    bench.acknowledge(2, 3);
    bench.acknowledge(3, 3);
    assert_eq!(bench.raft.status().commit, Index(2), "a majority of the old half is not enough");
    bench.acknowledge(4, 3);
    assert_eq!(bench.raft.status().commit, Index(3));
    assert_eq!(rules(&bench), of(&[1, 4, 5]), "and the old half is left at once");
    bench.persist();
    bench.acknowledge(2, 4);
    bench.acknowledge(3, 4);
    assert_eq!(bench.raft.status().commit, Index(3), "the old half counts no more");
    assert_eq!(done(&bench.acknowledge(5, 4)), [(1, 4)]);
}

/// thesis 4.3: a new leader ends what another began, and a change needs no request for that.
#[test]
fn a_leader_that_finds_two_majorities_ends_them() {
    let both = joint(&[1, 2], &[1, 2, 3], &[]);
    let mut bench = Bench::of_entries(1, vec![says(&both, 1, 1)]);
    assert_eq!(rules(&bench), both, "after a restart too");
    bench.become_leader();
    bench.persist();
    assert_eq!(
        refusals(&reconfigure(&mut bench, 1, of(&[1]))),
        [(RequestId(1), Refusal::ChangeUnderWay)]
    );
    bench.acknowledge(2, 2);
    assert_eq!(rules(&bench), of(&[1, 2]));
}

/// BUGS R16, thesis 4.1: no change before the leader has committed an entry of its own term.
#[test]
fn a_new_leader_changes_nothing_before_its_first_commit() {
    let mut bench = Bench::leader(1, &[(1, 1)], |_| {});
    reconfigure(&mut bench, 1, of(&[1, 2]));
    assert_eq!(rules(&bench), of(&[1, 2, 3]));
    bench.acknowledge(2, 2);
    assert_eq!(rules(&bench), of(&[1, 2]));
}

/// thesis 4.1: one change at a time.
#[test]
fn a_change_waits_for_the_commit_of_the_one_before() {
    let mut bench = Bench::settled_leader(|_| {});
    reconfigure(&mut bench, 1, of(&[1, 2]));
    assert_eq!(rules(&bench), of(&[1, 2]));
    let effects = reconfigure(&mut bench, 2, of(&[1]));
    assert_eq!(stopped(&effects), [(1, Stopped::Superseded)]);
    assert_eq!(rules(&bench), of(&[1, 2]), "index 2 is not committed");
    bench.persist();
    bench.acknowledge(2, 2);
    assert_eq!(rules(&bench), of(&[1]));
    assert_eq!(done(&bench.persist()), [(2, 3)], "alone");
}

#[test]
fn a_target_that_rules_already_cancels_what_is_under_way() {
    let mut bench = Bench::settled_leader(|_| {});
    reconfigure(&mut bench, 1, of(&[1, 2, 3, 4]));
    all_have_all(&mut bench, &[2, 3]);
    let effects = reconfigure(&mut bench, 2, with_learners(&[1, 2, 3], &[4]));
    assert_eq!(stopped(&effects), [(1, Stopped::Superseded)]);
    assert_eq!(done(&effects), [(2, 2)]);
    bench.acknowledge(4, 2);
    assert_eq!(rules(&bench), with_learners(&[1, 2, 3], &[4]));
}

#[test]
fn a_change_of_another_membership_than_was_expected_is_refused() {
    let mut bench = Bench::settled_leader(|_| {});
    let expecting = |id, at| Event::Reconfigure {
        id: RequestId(id),
        target: of(&[1, 2]),
        expected: Some(Index(at)),
        force: false,
    };
    let why = Refusal::MembershipIs { at: Index(0) };
    assert_eq!(refusals(&bench.step(expecting(1, 1))), [(RequestId(1), why)]);
    assert_eq!(refusals(&bench.step(expecting(2, 0))), []);
    assert_eq!(rules(&bench), of(&[1, 2]));
    assert_eq!(bench.raft.status().membership_index, Index(2));
}

#[test]
fn what_is_no_target_is_refused() {
    let mut bench = Bench::settled_leader(|_| {});
    let effects = reconfigure(&mut bench, 1, joint(&[1], &[2], &[]));
    assert_eq!(refusals(&effects), [(RequestId(1), Refusal::JointTarget)]);
    let mut bench = Bench::follower(1, &[]);
    let effects = reconfigure(&mut bench, 1, of(&[1]));
    assert_eq!(refusals(&effects), [(RequestId(1), Refusal::NotLeader { leader: None })]);
}

/// FAULTS M09.
#[test]
fn a_change_that_would_lose_the_quorum_needs_force() {
    let silent = |bench: &mut Bench| {
        // Server 3 is not heard from for an election timeout.
        for _ in 0..8 {
            bench.time_out();
            bench.acknowledge(2, 1);
        }
    };
    let mut bench = Bench::settled_leader(|_| {});
    silent(&mut bench);
    let effects = reconfigure(&mut bench, 1, of(&[1, 3]));
    assert_eq!(stopped(&effects), [(1, Stopped::QuorumAtRisk)]);
    assert_eq!(rules(&bench), of(&[1, 2, 3]));
    let (id, target) = (RequestId(2), of(&[1, 3]));
    bench.step(Event::Reconfigure { id, target, expected: None, force: true });
    assert_eq!(rules(&bench), of(&[1, 3]));
}

/// Or it would step down before anybody could have answered.
#[test]
fn a_new_majority_has_an_election_timeout_to_be_heard_from() {
    let mut bench = Bench::settled_leader(|_| {});
    for _ in 0..8 {
        bench.time_out();
        bench.acknowledge(2, 1);
    }
    let (id, target) = (RequestId(1), of(&[1, 3]));
    bench.step(Event::Reconfigure { id, target, expected: None, force: true });
    assert!(bench.raft.deadline() > Some(bench.now), "server 3 was silent for long");
    bench.now = bench.now.after(Duration::from_millis(299));
    bench.step(Event::Timeout);
    assert_eq!(bench.raft.status().role, RoleKind::Leader);
    bench.now = bench.now.after(Duration::from_millis(1));
    bench.step(Event::Timeout);
    assert_eq!(bench.raft.status().role, RoleKind::Follower);
}

/// It rules as soon as it is there, so what the majority of it has needs nothing more.
#[test]
fn what_a_new_majority_has_is_committed_at_once() {
    let mut bench = Bench::settled_leader(|_| {});
    reconfigure(&mut bench, 1, of(&[1, 2]));
    all_have_all(&mut bench, &[2]);
    bench.propose(2, 8);
    bench.persist();
    assert_eq!(bench.raft.status().commit, Index(2), "one of two");
    let effects = reconfigure(&mut bench, 3, of(&[1]));
    assert_eq!(crate::bench::handed_out(&effects), Some(Index(3)), "one of one");
    assert_eq!(bench.step(Event::Timeout), [], "nothing is left to do");
}

/// thesis 4.2.2: it leads until its successors can do without it, and counts for nothing until then.
#[test]
fn a_leader_that_removes_itself_steps_down_once_that_is_committed() {
    let mut bench = Bench::settled_leader(|_| {});
    reconfigure(&mut bench, 1, of(&[2, 3]));
    bench.persist();
    bench.acknowledge(2, 2);
    assert_eq!(bench.raft.status().commit, Index(1), "one of two, and the leader is none of them");
    assert_eq!(bench.raft.status().role, RoleKind::Leader);
    let effects = bench.acknowledge(3, 2);
    assert_eq!(bench.raft.status().commit, Index(2));
    assert_eq!(bench.raft.status().role, RoleKind::Follower);
    let is_removed = |effect: &Effect| matches!(effect, Effect::RoleChanged(change) if change.cause == Cause::Removed);
    assert!(effects.iter().any(is_removed), "{effects:?}");
    assert_eq!(done(&effects), [(1, 2)], "whoever asked is told");
    let told = [2, 3].map(|peer| sent_to(&effects, peer).contains(&&Rpc::TimeoutNow));
    assert!(told[0] ^ told[1], "one of them is told to take over: {effects:?}");
    bench.time_out();
    assert_eq!(bench.raft.status().role, RoleKind::Follower, "it disturbs nobody");
}

/// thesis 4.1: a membership that is cut off rules no more.
#[test]
fn a_membership_that_is_cut_off_gives_way_to_the_one_before() {
    let mut bench = Bench::of_entries(2, vec![crate::bench::entry(1, 1), says(&of(&[1]), 2, 2)]);
    assert_eq!(rules(&bench), of(&[1]));
    let effects = bench.append((2, 3), id(1, 1), &[(3, 2)], 0);
    assert_eq!(rules(&bench), of(&[1, 2, 3]));
    assert!(effects.contains(&Effect::MembershipChanged(Index(0))), "{effects:?}");
}

#[test]
fn a_membership_that_takes_the_place_of_another_at_its_index_is_told() {
    let mut bench = Bench::of_entries(2, vec![crate::bench::entry(1, 1), says(&of(&[1]), 2, 2)]);
    let request = AppendEntries {
        replication: ReplicationId(9),
        round: Round(9),
        prev: id(1, 1),
        entries: Entries::new([says(&of(&[2, 3]), 4, 2)]).expect("a run"),
        commit: Index(0),
    };
    let effects = bench.hear(3, 4, Rpc::AppendEntries(request));
    assert_eq!(rules(&bench), of(&[2, 3]));
    assert!(effects.contains(&Effect::MembershipChanged(Index(2))), "{effects:?}");
}

/// A node links to whom any of these names, and tells whoever was in an older one that it has left.
#[test]
fn who_belonged_since_when_is_told_until_a_snapshot_covers_it() {
    let mut bench = Bench::settled_leader(|_| {});
    reconfigure(&mut bench, 1, of(&[1, 2]));
    assert_eq!(since_when(&bench), [(0, of(&[1, 2, 3])), (2, of(&[1, 2]))], "committed or not");
    all_have_all(&mut bench, &[2]);
    reconfigure(&mut bench, 2, with_learners(&[1, 2], &[3]));
    let newest = (3, with_learners(&[1, 2], &[3]));
    assert_eq!(since_when(&bench), [(0, of(&[1, 2, 3])), (2, of(&[1, 2])), newest.clone()]);
    all_have_all(&mut bench, &[2]);
    bench.step(Event::SnapshotTaken(Index(2)));
    assert_eq!(since_when(&bench), [(2, of(&[1, 2])), newest], "as of the snapshot, and later");
}

/// BUGS R9: what a server said before it was removed is void once it is back.
#[test]
fn an_acknowledgement_from_before_a_removal_is_void_after_the_return() {
    let mut bench = Bench::settled_leader(|_| {});
    let (old, round) = bench.told(3);
    reconfigure(&mut bench, 1, of(&[1, 2]));
    all_have_all(&mut bench, &[2]);
    reconfigure(&mut bench, 2, with_learners(&[1, 2], &[3]));
    all_have_all(&mut bench, &[2]);
    assert!(bench.told(3).0 > old, "another replication");
    let outcome = AppendOutcome::Match(Index(3));
    let late = quorate_core::AppendEntriesReply { replication: old, round, outcome };
    bench.hear(3, 1, Rpc::AppendEntriesReply(late));
    let peers = bench.raft.status().peers;
    let matched: Vec<_> = peers.iter().map(|peer| (peer.id(), peer.match_index())).collect();
    assert_eq!(matched, [(node(2), Index(3)), (node(3), Index(0))]);
}

/// thesis 4.2.2: a server that left learns so from its log, and is then left alone.
#[test]
fn a_server_that_left_is_told_that_it_did() {
    let mut bench = Bench::settled_leader(|_| {});
    let effects = reconfigure(&mut bench, 1, of(&[1, 2]));
    let entries: Vec<_> = sent_to(&effects, 3).into_iter().filter_map(entries_in).collect();
    assert_eq!(entries, [1], "the entry that says so");
    bench.persist();
    bench.acknowledge(3, 2);
    assert_eq!(bench.raft.status().commit, Index(1), "its acknowledgement counts for nothing");
    let effects = bench.acknowledge(2, 2);
    let commits = sent_to(&effects, 3).into_iter().filter_map(|rpc| match rpc {
        Rpc::Heartbeat(heartbeat) => Some(heartbeat.commit),
        _ => None,
    });
    assert_eq!(commits.collect::<Vec<_>>(), [Index(2)], "and that it is committed");
    assert_eq!(bench.raft.status().peers.len(), 1);
    assert_eq!(sent_to(&bench.time_out(), 3), Vec::<&Rpc>::new());
}

#[test]
fn a_server_that_left_and_is_silent_is_forgotten() {
    let mut bench = Bench::settled_leader(|_| {});
    reconfigure(&mut bench, 1, of(&[1, 2]));
    let (began, patience) = (bench.now, 10 * Config::new(node(1)).election_timeout);
    while bench.raft.status().peers.len() > 1 {
        bench.time_out();
        all_have_all(&mut bench, &[2]);
        assert!(bench.now.since(began) < 2 * patience, "for ever");
    }
    assert!(bench.now.since(began) >= patience, "it may only be slow to come back");
}

#[test]
fn a_change_ends_with_the_leadership() {
    let mut bench = Bench::settled_leader(|_| {});
    reconfigure(&mut bench, 1, of(&[1, 2, 3, 4]));
    let effects = bench.heartbeat((2, 9), 1);
    assert_eq!(stopped(&effects), [(1, Stopped::LeadershipLost)]);
}

#[test]
fn a_voter_becomes_a_learner_and_goes_on_to_learn() {
    let mut bench = Bench::settled_leader(|_| {});
    let (old, _) = bench.told(3);
    reconfigure(&mut bench, 1, with_learners(&[1, 2], &[3]));
    assert_eq!(done(&all_have_all(&mut bench, &[2])), [(1, 2)]);
    assert_eq!(bench.told(3).0, old, "it was never away");
}

#[test]
fn no_change_begins_while_leadership_is_handed_over() {
    let mut bench = Bench::settled_leader(|_| {});
    let within = Duration::from_millis(300);
    bench.step(Event::TransferLeadership { id: RequestId(1), to: None, within });
    let effects = reconfigure(&mut bench, 2, of(&[1]));
    assert_eq!(refusals(&effects), [(RequestId(2), Refusal::Transferring)]);
}

/// thesis 4.2.2: nobody else's log may say so, nor be as long.
#[test]
fn a_server_that_left_stands_until_that_is_known_to_be_committed() {
    let mut bench = Bench::of_entries(1, vec![says(&of(&[2, 3]), 1, 1)]);
    bench.time_out();
    assert_eq!(bench.raft.status().role, RoleKind::PreCandidate);
    let granted = |next_term: u64| {
        Rpc::PreVoteReply(PreVoteReply { next_term: Term(next_term), granted: true })
    };
    bench.hear(2, 1, granted(2));
    assert_eq!(bench.raft.status().role, RoleKind::PreCandidate, "its own vote does not count");
    bench.hear(3, 1, granted(2));
    assert_eq!(bench.raft.status().role, RoleKind::Candidate);
    bench.append((2, 3), id(1, 1), &[(3, 2)], 1);
    bench.time_out();
    assert_eq!(bench.raft.status().role, RoleKind::Follower, "it knows now");
}
