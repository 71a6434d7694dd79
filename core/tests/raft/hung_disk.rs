//! A disk that answers late, or never.

use std::time::Duration;

use crate::bench::{Bench, id, node, role_change, sent, sent_to};
use quorate_core::{Cause, Event, LogId, PreVote, PreVoteReply, RequestVote, RoleKind, Rpc, Term};

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
