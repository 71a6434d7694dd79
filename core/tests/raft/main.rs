//! One server, step by step: the rules that only show when disk, peers and clock are played by hand.

mod bench;
mod disk_timeout;

use std::time::Duration;

use bench::{Bench, handed_out, id, node, outcome, propose, run, sent, sent_to};
use quorate_core::{
    AppendEntries, AppendOutcome, Cause, Effect, Event, Index, LogId, PeerMode, PreVote,
    PreVoteReply, Refusal, ReplicationId, RequestId, RequestVote, RequestVoteReply, RoleKind,
    Round, Rpc, Term, Ticket, Violation,
};

fn is_vote_request(rpc: &Rpc) -> bool {
    matches!(rpc, Rpc::RequestVote(_))
}

fn entries_in(rpc: &Rpc) -> Option<usize> {
    match rpc {
        Rpc::AppendEntries(request) => Some(request.entries.len()),
        _ => None,
    }
}

fn refusals(effects: &[Effect]) -> Vec<(RequestId, Refusal)> {
    let refusal = |effect: &Effect| match effect {
        Effect::Refused { id, why } => Some((*id, *why)),
        _ => None,
    };
    effects.iter().filter_map(refusal).collect()
}

fn reads(effects: &[Effect]) -> Vec<(u64, u64)> {
    let ready = |effect: &Effect| match effect {
        Effect::ReadReady { id, index } => Some((id.0, index.0)),
        _ => None,
    };
    effects.iter().filter_map(ready).collect()
}

/// thesis 3.8: vote and term are on disk before anybody hears of them.
#[test]
fn a_vote_leaves_once_it_is_durable() {
    let mut bench = Bench::follower(1, &[]);
    let request = RequestVote { last: id(1, 1) };
    let effects = bench.hear(2, 2, Rpc::RequestVote(request));
    assert_eq!(sent(&effects).len(), 0);
    let effects = bench.persist();
    let granted = Rpc::RequestVoteReply(RequestVoteReply { granted: true });
    assert_eq!(sent_to(&effects, 2), [&granted]);
}

/// A candidate that crashes before its vote for itself is durable may vote for another.
#[test]
fn a_candidate_asks_for_votes_and_counts_its_own_once_that_is_durable() {
    let mut bench = Bench::with(1, &[], |config| config.pre_vote = false);
    let effects = bench.time_out();
    assert!(!sent(&effects).iter().any(|message| is_vote_request(&message.rpc)));
    let granted = Rpc::RequestVoteReply(RequestVoteReply { granted: true });
    bench.hear(2, 2, granted.clone());
    bench.hear(3, 2, granted.clone());
    assert_eq!(bench.raft.status().role, RoleKind::Candidate, "nobody was asked yet");
    let effects = bench.persist();
    assert!(sent(&effects).iter().any(|message| is_vote_request(&message.rpc)));
    assert_eq!(bench.raft.status().role, RoleKind::Candidate, "one durable vote of three");
    bench.hear(2, 2, granted);
    assert_eq!(bench.raft.status().role, RoleKind::Leader);
}

/// In one batch a leader takes a proposal and is deposed by a leader whose entries follow it.
#[test]
fn entries_may_follow_a_proposal_of_the_same_batch() {
    let mut bench = Bench::settled_leader(|_| {});
    let request = quorate_core::AppendEntries {
        replication: ReplicationId(1),
        round: Round(1),
        prev: id(1, 2),
        entries: run(&[(2, 3)]),
        commit: Index(0),
    };
    let message = quorate_core::Message {
        from: node(2),
        to: node(1),
        term: Term(2),
        rpc: Rpc::AppendEntries(request),
    };
    bench.step_batch(vec![propose(1, 1), Event::Receive(message)]);
    assert_eq!(bench.raft.status().last, id(2, 3));
}

#[test]
fn the_vote_of_an_older_term_is_not_sent_in_a_newer_one() {
    let mut bench = Bench::follower(1, &[]);
    bench.hear(2, 2, Rpc::RequestVote(RequestVote { last: id(1, 1) }));
    let first = bench.newest_ticket();
    bench.hear(3, 3, Rpc::RequestVote(RequestVote { last: id(1, 1) }));
    assert_eq!(
        sent(&bench.step(Event::Persisted(first))).len(),
        0,
        "the vote of term 3 is not durable"
    );
    assert_eq!(sent(&bench.persist()).iter().map(|m| m.to).collect::<Vec<_>>(), [node(3)]);
}

#[test]
fn an_acknowledgement_leaves_once_the_entries_are_durable() {
    let mut bench = Bench::follower(1, &[]);
    bench.append((2, 1), LogId::ZERO, &[(1, 1), (1, 2)], 0);
    let first = bench.newest_ticket();
    let effects = bench.append((2, 1), id(1, 2), &[(1, 3)], 0);
    assert_eq!(outcome(&effects), None);
    assert_eq!(outcome(&bench.step(Event::Persisted(first))), Some(AppendOutcome::Match(Index(2))));
    assert_eq!(outcome(&bench.persist()), Some(AppendOutcome::Match(Index(3))));
}

/// A leader ignores answers in the name of a replication that is over.
#[test]
fn a_late_message_of_an_older_replication_does_not_bring_it_back() {
    let mut bench = Bench::follower(1, &[]);
    let append = |replication, round, prev, entries| {
        let (replication, round) = (ReplicationId(replication), Round(round));
        let (entries, commit) = (run(entries), Index(0));
        Rpc::AppendEntries(AppendEntries { replication, round, prev, entries, commit })
    };
    let answer = |effects: &[Effect]| {
        sent(effects).iter().find_map(|message| match &message.rpc {
            Rpc::AppendEntriesReply(reply) => Some((reply.replication, reply.outcome)),
            _ => None,
        })
    };
    bench.hear(2, 1, append(2, 5, LogId::ZERO, &[(1, 1), (1, 2)]));
    bench.hear(2, 1, append(1, 3, LogId::ZERO, &[(1, 1)]));
    let expected = Some((ReplicationId(2), AppendOutcome::Match(Index(2))));
    assert_eq!(answer(&bench.persist()), expected);
    let refused = bench.hear(2, 1, append(1, 4, id(1, 7), &[]));
    assert!(
        matches!(answer(&refused), Some((ReplicationId(1), AppendOutcome::Mismatch { .. }))),
        "what is refused is refused in its own name"
    );
    // The next one begins without any acknowledgement.
    let effects = bench.hear(2, 1, append(3, 6, id(1, 2), &[]));
    assert_eq!(answer(&effects), Some((ReplicationId(3), AppendOutcome::Match(Index(2)))));
}

/// The same index is written twice; the first ticket says nothing of the second entry.
#[test]
fn an_acknowledgement_never_speaks_of_an_entry_that_was_replaced() {
    let mut bench = Bench::follower(1, &[(1, 1)]);
    bench.append((2, 1), id(1, 1), &[(1, 2), (1, 3)], 0);
    let first = bench.newest_ticket();
    bench.append((3, 2), id(1, 1), &[(2, 2)], 0);
    let effects = bench.step(Event::Persisted(first));
    assert_eq!(outcome(&effects), None, "neither the term nor the entry is durable");
    assert_eq!(outcome(&bench.persist()), Some(AppendOutcome::Match(Index(2))));
}

#[test]
fn a_heartbeat_is_answered_at_once_with_what_is_durable() {
    let mut bench = Bench::follower(1, &[]);
    bench.append((2, 1), LogId::ZERO, &[(1, 1)], 0);
    let effects = bench.heartbeat((2, 1), 2);
    assert_eq!(outcome(&effects), Some(AppendOutcome::Match(Index(0))));
    assert_eq!(outcome(&bench.heartbeat((2, 1), 2)), None, "the round has its answer");
}

/// thesis 10.2.1: the leader's own disk is one of the majority, or not.
#[test]
fn a_leader_counts_itself_once_its_entry_is_durable() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.propose(1, 1);
    bench.acknowledge(2, 2);
    assert_eq!(bench.raft.status().commit, Index(1), "one durable copy of three");
    bench.persist();
    assert_eq!(bench.raft.status().commit, Index(2));
}

#[test]
fn what_is_committed_is_handed_out_once_it_is_durable_here() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.propose(1, 1);
    bench.acknowledge(2, 2);
    let effects = bench.acknowledge(3, 2);
    assert_eq!(bench.raft.status().commit, Index(2), "two other copies are a majority");
    assert_eq!(handed_out(&effects), None);
    assert_eq!(handed_out(&bench.persist()), Some(Index(2)));
}

/// thesis 3.6.2, Figure 3.7.
#[test]
fn entries_of_older_terms_are_not_committed_by_counting() {
    let mut bench = Bench::leader(2, &[(1, 1), (2, 2)], |_| {});
    bench.acknowledge(2, 2);
    bench.acknowledge(3, 2);
    assert_eq!(bench.raft.status().commit, Index(0));
    bench.acknowledge(2, 3);
    assert_eq!(bench.raft.status().commit, Index(3), "the no-op commits all before it");
}

/// thesis 6.4, step 1.
#[test]
fn a_read_waits_for_the_first_commit_of_the_term() {
    let mut bench = Bench::leader(1, &[(1, 1)], |_| {});
    bench.read(1);
    bench.time_out();
    let effects = bench.acknowledge(2, 1);
    assert_eq!(reads(&effects), [], "entry 1 may or may not be the newest commit");
    let effects = bench.acknowledge(2, 2);
    assert_eq!(reads(&effects), [], "asked for from here on");
    assert_eq!(reads(&bench.acknowledge(2, 2)), [(1, 2)]);
}

/// An answer that was under way when the read came in proves nothing about the time after.
#[test]
fn an_answer_to_an_earlier_round_confirms_no_later_read() {
    let mut bench = Bench::settled_leader(|_| {});
    let (replication, round) = bench.told(2);
    bench.read(1);
    assert!(bench.told(2).1 > round, "a round of its own");
    let late = quorate_core::AppendEntriesReply {
        replication,
        round,
        outcome: AppendOutcome::Match(Index(1)),
    };
    assert_eq!(reads(&bench.hear(2, 1, Rpc::AppendEntriesReply(late))), []);
    assert_eq!(reads(&bench.acknowledge(3, 1)), [(1, 1)]);
}

#[test]
fn reads_of_one_batch_share_a_round() {
    let mut bench = Bench::settled_leader(|_| {});
    let batch = (1..=3).map(|id| Event::Read { id: RequestId(id) }).collect();
    let effects = bench.step_batch(batch);
    assert_eq!(sent(&effects).len(), 2, "one heartbeat to each peer");
    assert_eq!(reads(&bench.acknowledge(2, 1)), [(1, 1), (2, 1), (3, 1)]);
}

#[test]
fn a_deposed_leader_refuses_its_reads() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.read(1);
    let effects = bench.heartbeat((2, 5), 1);
    assert_eq!(refusals(&effects), [(RequestId(1), Refusal::LeadershipLost)]);
}

/// thesis 6.2
#[test]
fn a_leader_that_no_majority_answers_steps_down() {
    let mut bench = Bench::settled_leader(|_| {});
    let mut last = Vec::new();
    for _ in 0..20 {
        if bench.raft.status().role != RoleKind::Leader {
            break;
        }
        last = bench.time_out();
    }
    assert_eq!(role_change(&last), Some((RoleKind::Follower, Cause::QuorumLost)));
    assert_eq!(bench.raft.status().hard_state.term, Term(1), "without a new term");
}

fn role_change(effects: &[Effect]) -> Option<(RoleKind, Cause)> {
    effects.iter().find_map(|effect| match effect {
        Effect::RoleChanged(change) => Some((change.role, change.cause)),
        _ => None,
    })
}

/// FAULTS O05: its peers answer, and might wait for its entries for ever.
#[test]
fn a_leader_whose_disk_hangs_steps_down_and_stands_again_once_it_answers() {
    let mut bench = Bench::settled_leader(|_| {});
    let began = bench.now;
    bench.propose(1, 1);
    let mut last = Vec::new();
    for id in 2..100 {
        if bench.raft.status().role != RoleKind::Leader {
            break;
        }
        bench.propose(id, 1);
        bench.acknowledge(2, id);
        last = bench.time_out();
    }
    assert_eq!(bench.now, began.after(Duration::from_secs(2)), "when its disk's time is up");
    assert_eq!(role_change(&last), Some((RoleKind::Follower, Cause::DiskHung)));
    for _ in 0..10 {
        assert_eq!(sent(&bench.time_out()).len(), 0, "it asks nobody for a vote");
        assert_eq!(bench.raft.status().role, RoleKind::Follower);
    }
    bench.persist();
    bench.time_out();
    assert_eq!(bench.raft.status().role, RoleKind::PreCandidate);
}

#[test]
fn a_leader_whose_disk_is_slow_but_answers_leads_on() {
    let mut bench = Bench::settled_leader(|_| {});
    let end = bench.now.after(Duration::from_secs(20));
    for id in 0.. {
        bench.propose(id, 1);
        let ticket = bench.newest_ticket();
        // A write is always under way, for up to 1.8 seconds.
        let asked = bench.now;
        bench.propose(id, 1);
        while bench.now < asked.after(Duration::from_millis(900)) {
            bench.time_out();
            bench.acknowledge(2, 1);
        }
        bench.step(Event::Persisted(ticket));
        if bench.now > end {
            break;
        }
    }
    assert_eq!(bench.raft.status().role, RoleKind::Leader);
}

/// thesis 3.8: a vote that does not reach the disk is never cast, and a promise of one is empty.
#[test]
fn a_server_whose_disk_hangs_votes_for_nobody() {
    let mut bench = Bench::follower(1, &[]);
    bench.append((2, 1), LogId::ZERO, &[(1, 1)], 0);
    bench.now = bench.now.after(Duration::from_secs(2));
    let (next_term, last) = (Term(2), id(1, 1));
    let ask = Rpc::PreVote(PreVote { next_term, last });
    let answer = |granted| Rpc::PreVoteReply(PreVoteReply { next_term, granted });
    assert_eq!(sent_to(&bench.hear(3, 1, ask.clone()), 3), [&answer(false)]);
    bench.hear(3, 2, Rpc::RequestVote(RequestVote { last }));
    assert_eq!(bench.raft.status().hard_state.vote, None);
    bench.persist();
    let ask = Rpc::PreVote(PreVote { next_term: Term(3), last });
    let granted = Rpc::PreVoteReply(PreVoteReply { next_term: Term(3), granted: true });
    assert_eq!(sent_to(&bench.hear(3, 2, ask), 3), [&granted]);
    bench.hear(3, 2, Rpc::RequestVote(RequestVote { last }));
    assert_eq!(bench.raft.status().hard_state.vote, Some(node(3)));
}

/// thesis 3.4, 9.6: whoever votes for another gives it the time to win.
#[test]
fn a_pre_candidate_that_votes_for_another_stands_no_more() {
    let mut bench = Bench::follower(1, &[]);
    bench.time_out();
    assert_eq!(bench.raft.status().role, RoleKind::PreCandidate);
    let effects = bench.hear(3, 1, Rpc::RequestVote(RequestVote { last: id(1, 1) }));
    assert_eq!(role_change(&effects), Some((RoleKind::Follower, Cause::VoteGranted)));
    let granted = PreVoteReply { next_term: Term(2), granted: true };
    bench.hear(2, 1, Rpc::PreVoteReply(granted));
    let status = bench.raft.status();
    assert_eq!((status.role, status.hard_state.term), (RoleKind::Follower, Term(1)));
    assert_eq!(status.hard_state.vote, Some(node(3)));
}

#[test]
fn one_peer_is_a_majority_with_the_leader() {
    let mut bench = Bench::settled_leader(|_| {});
    for _ in 0..20 {
        bench.time_out();
        bench.acknowledge(2, 1);
    }
    assert_eq!(bench.raft.status().role, RoleKind::Leader);
}

#[test]
fn a_batch_is_one_write_and_one_message_to_each_peer() {
    let mut bench = Bench::settled_leader(|_| {});
    let effects = bench.step_batch((1..=64).map(|id| propose(id, 16)).collect());
    let writes = effects.iter().filter(|effect| matches!(effect, Effect::Write(_)));
    assert_eq!(writes.count(), 1);
    for peer in [2, 3] {
        let sent = sent_to(&effects, peer);
        assert_eq!(sent.iter().map(|rpc| entries_in(rpc)).collect::<Vec<_>>(), [Some(64)]);
    }
}

#[test]
fn messages_keep_to_their_limit_and_a_large_entry_goes_alone() {
    let mut bench = Bench::settled_leader(|config| config.message_bytes_max = 100);
    let sizes = [10, 10, 10, 500, 10];
    let batch = (1..).zip(sizes).map(|(id, bytes)| propose(id, bytes)).collect();
    let effects = bench.step_batch(batch);
    let counts: Vec<_> = sent_to(&effects, 2).into_iter().filter_map(entries_in).collect();
    assert_eq!(counts, [2, 1, 1, 1]);
}

#[test]
fn the_window_closes_and_opens_with_acknowledgements() {
    let mut bench = Bench::settled_leader(|config| config.inflight_messages_max = 2);
    let counts =
        |effects: &[Effect]| sent_to(effects, 2).into_iter().filter_map(entries_in).count();
    assert_eq!(counts(&bench.propose(1, 1)), 1);
    assert_eq!(counts(&bench.propose(2, 1)), 1);
    assert_eq!(counts(&bench.propose(3, 1)), 0);
    assert_eq!(bench.raft.status().peers[0].inflight_messages(), 2);
    assert_eq!(counts(&bench.acknowledge(2, 2)), 1);
}

#[test]
fn commands_beyond_the_quota_are_refused_until_some_are_committed() {
    let mut bench = Bench::settled_leader(|config| config.uncommitted_bytes_max = 300);
    let batch = (1..=4).map(|id| propose(id, 100)).collect();
    let effects = bench.step_batch(batch);
    assert_eq!(refusals(&effects), [(RequestId(3), Refusal::Busy), (RequestId(4), Refusal::Busy)]);
    assert_eq!(refusals(&bench.propose(5, 100)), [(RequestId(5), Refusal::Busy)]);
    bench.persist();
    bench.acknowledge(2, 3);
    assert_eq!(refusals(&bench.propose(6, 100)), []);
}

/// FAULTS W25
#[test]
fn a_command_at_the_limit_passes_and_one_beyond_it_is_too_large() {
    let mut bench = Bench::settled_leader(|config| config.command_bytes_max = 10);
    assert_eq!(refusals(&bench.propose(1, 10)), []);
    let why = Refusal::TooLarge { bytes: 11, bytes_max: 10 };
    assert_eq!(refusals(&bench.propose(2, 11)), [(RequestId(2), why)]);
}

#[test]
fn a_message_that_was_lost_is_sent_again() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.propose(1, 1);
    bench.propose(2, 1);
    bench.time_out();
    let effects = bench.acknowledge(2, 1);
    assert_eq!(sent_to(&effects, 2).into_iter().filter_map(entries_in).collect::<Vec<_>>(), [0]);
    let hint = id(1, 1);
    let effects = bench.answer(2, AppendOutcome::Mismatch { rejected: Index(3), hint });
    assert_eq!(sent_to(&effects, 2).into_iter().filter_map(entries_in).collect::<Vec<_>>(), [2]);
}

/// thesis 3.5 and 10.2.1: a peer with a slow disk answers heartbeats, and the probe much later; it
/// needs its entries once.
#[test]
fn a_probe_that_is_repeated_carries_no_entries() {
    let mut bench = Bench::with(1, &[(1, 1)], |_| {});
    let effects = bench.become_leader();
    let probes = |effects: &[Effect]| {
        sent_to(effects, 2).into_iter().filter_map(entries_in).collect::<Vec<_>>()
    };
    assert_eq!(probes(&effects), [1], "the no-op, in case that the logs match");
    bench.persist();
    for _ in 0..3 {
        bench.time_out();
        let effects = bench.acknowledge(2, 0);
        assert_eq!(probes(&effects), [0], "where do the logs part?");
    }
    let hint = id(1, 0);
    let effects = bench.answer(2, AppendOutcome::Mismatch { rejected: Index(1), hint });
    assert_eq!(probes(&effects), [2], "an answer: from elsewhere");
    bench.time_out();
    assert_eq!(probes(&bench.acknowledge(2, 0)), [2], "the logs match, and entries stream");
}

#[test]
fn a_peer_that_lost_what_it_acknowledged_is_replicated_anew() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.propose(1, 1);
    bench.persist();
    bench.acknowledge(2, 2);
    let before = bench.told(2).0;
    bench.step(Event::Unreachable(node(2)));
    let lost = AppendOutcome::Mismatch { rejected: Index(2), hint: LogId::ZERO };
    let effects = bench.answer(2, lost);
    assert_eq!(bench.raft.status().peers[0].match_index(), Index(0));
    assert_ne!(bench.told(2).0, before, "what it says of its earlier log is void");
    assert_eq!(sent_to(&effects, 2).into_iter().filter_map(entries_in).collect::<Vec<_>>(), [2]);
    assert_eq!(bench.raft.status().commit, Index(2), "what is committed stays so");
}

#[test]
fn a_refusal_that_was_overtaken_changes_nothing() {
    let mut bench = Bench::settled_leader(|_| {});
    let (replication, round) = bench.told(2);
    bench.propose(1, 1);
    bench.acknowledge(2, 2);
    let overtaken = quorate_core::AppendEntriesReply {
        replication,
        round,
        outcome: AppendOutcome::Mismatch { rejected: Index(1), hint: LogId::ZERO },
    };
    bench.hear(2, 1, Rpc::AppendEntriesReply(overtaken));
    let peer = &bench.raft.status().peers[0];
    assert_eq!((peer.match_index(), peer.mode()), (Index(2), PeerMode::Replicate));
}

#[test]
fn an_answer_of_another_replication_is_void() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.propose(1, 1);
    let (replication, round) = bench.told(2);
    let foreign = quorate_core::AppendEntriesReply {
        replication: ReplicationId(replication.0 + 9),
        round,
        outcome: AppendOutcome::Match(Index(2)),
    };
    bench.hear(2, 1, Rpc::AppendEntriesReply(foreign));
    assert_eq!(bench.raft.status().peers[0].match_index(), Index(1));
}

fn fetch(effects: &[Effect]) -> Option<u64> {
    effects.iter().find_map(|effect| match effect {
        Effect::Fetch { first, .. } => Some(first.0),
        _ => None,
    })
}

/// A leader of term 3 whose log is not in memory, and a peer that has its first entry only.
fn cold_leader() -> (Bench, Vec<Effect>) {
    let log = [(1, 1), (1, 2), (2, 3), (2, 4)];
    let mut bench = Bench::leader(2, &log, |config| config.cached_bytes_max = 0);
    bench.acknowledge(3, 5);
    // Everything is durable and committed: one more step lets memory go.
    bench.time_out();
    let hint = id(1, 1);
    let effects = bench.answer(2, AppendOutcome::Mismatch { rejected: Index(4), hint });
    assert_eq!(fetch(&effects), None, "where the logs part is found out without the disk");
    let effects = bench.acknowledge(2, 1);
    (bench, effects)
}

#[test]
fn a_cold_peer_is_served_from_the_log() {
    let (mut bench, effects) = cold_leader();
    assert_eq!(fetch(&effects), Some(2));
    let entries = run(&[(1, 2), (2, 3)]);
    let effects = bench.step(Event::Fetched { to: node(2), entries });
    assert_eq!(sent_to(&effects, 2).into_iter().filter_map(entries_in).collect::<Vec<_>>(), [2]);
    assert_eq!(fetch(&effects), Some(4), "and what follows");
}

#[test]
fn one_fetch_for_a_peer_is_under_way_at_a_time() {
    let (mut bench, _) = cold_leader();
    bench.step(Event::Unreachable(node(2)));
    let effects = bench.acknowledge(2, 2);
    assert_eq!(fetch(&effects), None, "the first one is not answered");
    assert_eq!(bench.raft.status().peers[0].mode(), PeerMode::Fetching);
    let effects = bench.step(Event::Fetched { to: node(2), entries: run(&[(1, 2), (2, 3)]) });
    assert_eq!(sent_to(&effects, 2).into_iter().filter_map(entries_in).count(), 0);
    assert_eq!(fetch(&effects), Some(3), "now what is missing is asked for");
}

/// An acknowledgement that was late arrives together with the entries that it makes superfluous.
#[test]
fn what_was_fetched_is_cut_to_what_is_still_missing() {
    let (mut bench, _) = cold_leader();
    let (replication, round) = bench.told(2);
    let late = quorate_core::AppendEntriesReply {
        replication,
        round,
        outcome: AppendOutcome::Match(Index(2)),
    };
    let message = quorate_core::Message {
        from: node(2),
        to: node(1),
        term: Term(3),
        rpc: Rpc::AppendEntriesReply(late),
    };
    let entries = run(&[(1, 2), (2, 3)]);
    let effects =
        bench.step_batch(vec![Event::Fetched { to: node(2), entries }, Event::Receive(message)]);
    let sent = sent_to(&effects, 2);
    let appends: Vec<_> = sent
        .iter()
        .filter_map(|rpc| match rpc {
            Rpc::AppendEntries(request) => Some((request.prev, request.entries.len())),
            _ => None,
        })
        .collect();
    assert_eq!(appends, [(id(1, 2), 1)]);
}

#[test]
fn what_is_not_in_the_log_is_not_sent() {
    for wrong in [&[(1, 3), (2, 4)][..], &[(2, 2)], &[]] {
        let (mut bench, _) = cold_leader();
        let effects = bench.step(Event::Fetched { to: node(2), entries: run(wrong) });
        assert_eq!(sent(&effects).len(), 0, "{wrong:?}");
        assert_eq!(bench.raft.status().peers[0].mode(), PeerMode::Probe);
    }
}

/// A leader that was deposed and elected again waits for what it asked for in its earlier term.
#[test]
fn a_leader_that_is_elected_again_asks_once_its_earlier_question_is_answered() {
    let (mut bench, _) = cold_leader();
    bench.heartbeat((2, 4), 1);
    bench.now = bench.now.after(Duration::from_secs(1));
    bench.become_leader();
    let hint = id(1, 2);
    let effects = bench.answer(2, AppendOutcome::Mismatch { rejected: Index(5), hint });
    assert_eq!(fetch(&effects), None);
    let effects = bench.acknowledge(2, 2);
    assert_eq!(fetch(&effects), None, "one read is under way");
    let effects = bench.step(Event::Fetched { to: node(2), entries: run(&[(1, 2)]) });
    assert_eq!(fetch(&effects), Some(3));
}

#[test]
fn a_deposed_leader_forgets_its_fetches() {
    let (mut bench, _) = cold_leader();
    bench.heartbeat((2, 9), 1);
    let effects = bench.step(Event::Fetched { to: node(2), entries: run(&[(1, 2)]) });
    assert_eq!(effects, []);
}

/// thesis Figure 3.2, Election Safety.
#[test]
fn a_server_that_sees_two_leaders_in_a_term_halts() {
    let mut bench = Bench::follower(1, &[]);
    bench.heartbeat((2, 1), 1);
    let effects = bench.heartbeat((3, 1), 1);
    let (term, first, second) = (Term(1), node(2), node(3));
    let halt = Effect::Halt(Violation::TwoLeaders { term, first, second });
    assert!(effects.contains(&halt), "{effects:?}");
    assert_eq!(refusals(&bench.propose(1, 1)), [(RequestId(1), Refusal::Halted)]);
    assert_eq!(bench.heartbeat((2, 1), 2), [], "it says nothing more");
}

#[test]
fn a_server_whose_committed_entry_is_contradicted_halts() {
    let mut bench = Bench::follower(1, &[]);
    bench.append((2, 1), LogId::ZERO, &[(1, 1), (1, 2)], 2);
    bench.persist();
    let effects = bench.append((3, 2), id(1, 1), &[(2, 2)], 0);
    let halt = Effect::Halt(Violation::CommittedConflict { index: Index(2) });
    assert!(effects.contains(&halt), "{effects:?}");
}

/// What a snapshot covers is committed, and hence the same everywhere (thesis 5.1, 3.5).
#[test]
fn entries_that_a_snapshot_covers_are_there_already() {
    let log = [(2, 6), (3, 7)];
    let mut bench = Bench::with_snapshot(id(2, 5), 3, &log, |_| {});
    let below = bench.append((2, 3), id(1, 1), &[(1, 2), (1, 3)], 0);
    assert_eq!(outcome(&below), Some(AppendOutcome::Match(Index(5))));
    let across = [(1, 4), (2, 5), (2, 6), (3, 7), (3, 8)];
    bench.append((2, 3), id(1, 3), &across, 8);
    assert_eq!(outcome(&bench.persist()), Some(AppendOutcome::Match(Index(8))));
    assert_eq!(bench.raft.status().commit, Index(8));
    let before_the_log = bench.append((2, 3), LogId::ZERO, &[], 0);
    assert_eq!(outcome(&before_the_log), None, "nothing new");
}

#[test]
fn a_server_whose_snapshot_is_contradicted_halts() {
    for log in [&[][..], &[(2, 6)]] {
        let mut bench = Bench::with_snapshot(id(2, 5), 3, log, |_| {});
        let effects = bench.append((2, 3), id(1, 3), &[(1, 4), (1, 5), (1, 6)], 0);
        let halt = Effect::Halt(Violation::CommittedConflict { index: Index(5) });
        assert!(effects.contains(&halt), "{effects:?}");
    }
}

/// FAULTS N10: all of the log's arithmetic, for all places where an append can lie.
#[test]
fn no_append_around_a_snapshot_makes_a_server_panic() {
    for log in [&[][..], &[(2, 6), (3, 7)]] {
        for (prev, changes_at, len) in every_append() {
            let entries: Vec<_> = (0..len)
                .map(|at| (prev.term.0 + u64::from(at >= changes_at), prev.index.0 + 1 + at))
                .collect();
            let mut bench = Bench::with_snapshot(id(2, 5), 4, log, |_| {});
            bench.append((2, 4), prev, &entries, 9);
            bench.persist();
        }
    }
}

/// All positions before, at and after index 5, all terms, and all places where the term rises.
fn every_append() -> impl Iterator<Item = (LogId, u64, u64)> {
    let prevs = (0..10).flat_map(|index| (0..4).map(move |term| id(term, index)));
    prevs.flat_map(|prev| (0..5).flat_map(move |len| (0..=len).map(move |at| (prev, at, len))))
}

/// The entries that the peer lacks are in the snapshot, and even if the disk still has some of them,
/// what comes before them is not known any more.
#[test]
fn what_a_snapshot_covers_is_not_read_for_a_peer() {
    for matched in 0..5 {
        let mut bench = Bench::with_snapshot(id(2, 5), 3, &[(2, 6), (3, 7)], |config| {
            config.cached_bytes_max = 0;
        });
        bench.become_leader();
        bench.persist();
        let hint = id(1, matched);
        for rejected in [Index(7), Index(5)] {
            bench.answer(2, AppendOutcome::Mismatch { rejected, hint });
        }
        let effects = bench.acknowledge(2, matched);
        assert_eq!(fetch(&effects), None);
        bench.step(Event::Fetched { to: node(2), entries: run(&[(2, 5), (2, 6)]) });
        bench.time_out();
        bench.acknowledge(2, matched);
    }
}

/// thesis Figure 3.2, Leader Append-Only.
#[test]
fn a_server_whose_leader_replaces_its_own_entry_halts() {
    let mut bench = Bench::follower(2, &[]);
    bench.append((2, 2), LogId::ZERO, &[(1, 1), (1, 2)], 0);
    let effects = bench.append((2, 2), id(1, 1), &[(2, 2)], 0);
    let halt = Effect::Halt(Violation::LeaderRewrote { leader: node(2), index: Index(2) });
    assert!(effects.contains(&halt), "{effects:?}");
}

/// FAULTS N10
#[test]
fn messages_that_no_server_could_have_sent_are_ignored_and_counted() {
    let mut bench = Bench::settled_leader(|_| {});
    let far = 1 + (1 << 33);
    let vote = RequestVote { last: LogId::ZERO };
    assert_eq!(bench.hear(2, far, Rpc::RequestVote(vote)), [], "a term from nowhere");
    let vote = RequestVote { last: id(9, 1) };
    assert_eq!(bench.hear(2, 1, Rpc::RequestVote(vote)), [], "an entry of a term to come");
    assert_eq!(bench.append((2, 1), id(1, 3), &[(1, 5)], 0), [], "a gap");
    assert_eq!(bench.append((2, 1), id(1, 1), &[(2, 2)], 0), [], "an entry of a term to come");
    assert_eq!(bench.append((2, 2), id(2, 1), &[(1, 2)], 0), [], "terms that decrease");
    assert_eq!(bench.append((2, 1), id(1, 0), &[], 0), [], "a term before the log");
    assert_eq!(
        bench.hear(1, 1, Rpc::RequestVote(RequestVote { last: id(1, 1) })),
        [],
        "from itself"
    );
    assert_eq!(bench.acknowledge(2, 99), [], "more than there is");
    let (replication, round) = bench.told(2);
    let round = Round(round.0 + 1);
    let early = quorate_core::AppendEntriesReply {
        replication,
        round,
        outcome: AppendOutcome::Match(Index(1)),
    };
    assert_eq!(bench.hear(2, 1, Rpc::AppendEntriesReply(early)), [], "a round to come");
    let status = bench.raft.status();
    assert_eq!((status.ignored_messages, status.role), (9, RoleKind::Leader));
}

#[test]
fn a_ticket_from_nowhere_and_a_timeout_too_early_do_nothing() {
    let mut bench = Bench::settled_leader(|_| {});
    assert_eq!(bench.step(Event::Persisted(Ticket(99))), []);
    assert_eq!(bench.step(Event::Timeout), []);
    assert_eq!(bench.step(Event::Unreachable(node(9))), []);
}

#[test]
fn time_that_runs_backwards_stands_still() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.now = bench.now.after(Duration::from_millis(10));
    bench.propose(1, 1);
    let deadline = bench.raft.deadline();
    bench.now = quorate_core::Instant(0);
    bench.step(Event::Timeout);
    assert_eq!(bench.raft.deadline(), deadline);
}

/// thesis 4.2.3
#[test]
fn a_follower_that_hears_its_leader_helps_nobody_to_unseat_it() {
    let mut bench = Bench::follower(1, &[]);
    bench.heartbeat((2, 1), 1);
    let effects = bench.hear(3, 7, Rpc::RequestVote(RequestVote { last: id(1, 9) }));
    assert_eq!(effects, []);
    assert_eq!(bench.raft.status().hard_state.term, Term(1));
    bench.now = bench.now.after(Duration::from_millis(300));
    bench.hear(3, 7, Rpc::RequestVote(RequestVote { last: id(1, 9) }));
    assert_eq!(bench.raft.status().hard_state.vote, Some(node(3)), "once it hears nothing more");
}

/// thesis 3.4: a server with a fast clock and an old log would otherwise keep the others from ever
/// standing for election. Found by the lab (seed 300174).
#[test]
fn a_newer_term_does_not_restart_the_wait() {
    let mut bench = Bench::follower(1, &[(1, 1)]);
    let deadline = bench.raft.deadline();
    bench.now = bench.now.after(Duration::from_millis(200));
    bench.hear(2, 2, Rpc::RequestVote(RequestVote { last: LogId::ZERO }));
    assert_eq!(bench.raft.status().hard_state.term, Term(2));
    assert_eq!(bench.raft.deadline(), deadline, "no vote was granted");
    bench.hear(3, 3, Rpc::RequestVote(RequestVote { last: id(1, 1) }));
    assert!(bench.raft.deadline() > deadline, "a vote was granted");
}

/// The leader of an earlier term would otherwise never learn that its time is over.
#[test]
fn a_leader_of_an_earlier_term_is_told() {
    let mut bench = Bench::follower(5, &[]);
    assert_eq!(outcome(&bench.heartbeat((2, 3), 1)), Some(AppendOutcome::StaleTerm));
}
