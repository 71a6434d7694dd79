//! A disk that is slow, and a disk that hangs: `Config::disk_timeout`.

use std::time::Duration;

use quorate_core::{
    Cause, Config, Effect, Effects, Event, Index, Instant, LogId, Membership, Message, PreVote,
    PreVoteReply, Raft, Recovered, Refusal, RequestId, RequestVote, RequestVoteReply, RoleKind,
    Rpc, Term, Ticket,
};

use crate::bench::{Bench, id, node, propose, role_change, sent, sent_to};

const SECOND: Duration = Duration::from_secs(1);

impl Bench {
    /// Lets time pass while the peers answer and have got no further than `index`.
    fn pass(&mut self, span: Duration, index: u64) -> Vec<Effect> {
        let until = self.now.after(span);
        let mut all = Vec::new();
        while self.raft.deadline().is_some_and(|deadline| deadline <= until) {
            all.extend(self.time_out());
            if self.raft.status().role == RoleKind::Leader {
                self.acknowledge(2, index);
                self.acknowledge(3, index);
            }
        }
        self.now = until;
        all
    }
}

fn cause(effects: &[Effect]) -> Option<Cause> {
    effects.iter().find_map(|effect| match effect {
        Effect::RoleChanged(change) => Some(change.cause),
        _ => None,
    })
}

#[test]
fn a_long_queue_is_no_hanging_disk_as_long_as_it_moves() {
    let mut bench = Bench::settled_leader(|_| {});
    let before = bench.newest_ticket().0;
    for id in 1..=9 {
        bench.propose(id, 1);
    }
    for landed in 1..=9 {
        // Nine seconds for the last of them.
        assert_eq!(cause(&bench.pass(SECOND, 1)), None, "after {landed} s");
        bench.step(Event::Persisted(Ticket(before + landed)));
    }
    assert_eq!(bench.raft.status().role, RoleKind::Leader);
}

#[test]
fn a_queue_that_no_longer_moves_is_a_hanging_disk() {
    let mut bench = Bench::settled_leader(|_| {});
    let before = bench.newest_ticket().0;
    for id in 1..=3 {
        bench.propose(id, 1);
    }
    bench.pass(SECOND, 1);
    bench.step(Event::Persisted(Ticket(before + 1)));
    assert_eq!(cause(&bench.pass(SECOND * 2 - Duration::from_millis(1), 1)), None);
    // What is said a second time is no news.
    bench.step(Event::Persisted(Ticket(before + 1)));
    assert_eq!(cause(&bench.pass(Duration::from_millis(1), 1)), Some(Cause::DiskHung));
}

#[test]
fn a_disk_that_had_nothing_to_do_has_its_time_from_the_first_order_on() {
    let mut bench = Bench::settled_leader(|_| {});
    bench.pass(SECOND * 60, 1);
    bench.propose(1, 1);
    assert_eq!(cause(&bench.pass(SECOND * 2 - Duration::from_millis(1), 1)), None);
    assert_eq!(cause(&bench.pass(Duration::from_millis(1), 1)), Some(Cause::DiskHung));
}

#[test]
fn a_leader_accepts_no_more_than_waits_for_its_own_disk_though_its_peers_commit() {
    let mut bench = Bench::settled_leader(|config| config.uncommitted_bytes_max = 300);
    bench.propose(1, 250);
    bench.acknowledge(2, 2);
    bench.acknowledge(3, 2);
    assert_eq!(bench.raft.status().commit, Index(2));
    let busy = Effect::Refused { id: RequestId(2), why: Refusal::Busy };
    assert!(bench.propose(2, 100).contains(&busy), "its log waits for its disk");
    bench.persist();
    assert!(!bench.propose(3, 100).iter().any(|effect| matches!(effect, Effect::Refused { .. })));
}

/// The first of `count` voters, which leads, with its no-op written and nothing else done.
fn leader_of(count: u64) -> (Raft, Instant, Ticket) {
    let founders = Membership::of_voters((1..=count).map(node)).expect("voters");
    let config = Config { check_quorum: false, ..Config::new(node(1)) };
    let mut raft = Raft::new(config, Recovered::genesis(founders), Instant(0)).expect("a server");
    let now = raft.deadline().expect("it loses patience");
    let mut effects = Effects::default();
    raft.step(now, Event::Timeout, &mut effects);
    let promise = Rpc::PreVoteReply(PreVoteReply { next_term: Term(1), granted: true });
    hear_all(&mut raft, now, count, Term(0), &promise);
    raft.step(now, Event::Persisted(Ticket(1)), &mut effects);
    let vote = Rpc::RequestVoteReply(RequestVoteReply { granted: true });
    hear_all(&mut raft, now, count, Term(1), &vote);
    raft.step(now, Event::Persisted(Ticket(2)), &mut effects);
    assert_eq!(raft.status().role, RoleKind::Leader);
    (raft, now, Ticket(2))
}

fn hear_all(raft: &mut Raft, now: Instant, count: u64, term: Term, rpc: &Rpc) {
    for peer in 2..=count {
        let message = Message { from: node(peer), to: node(1), term, rpc: rpc.clone() };
        raft.step(now, Event::Receive(message), &mut Effects::default());
    }
}

/// Nobody could lead in its place: it waits for its disk, says nothing that is not durable, and
/// carries on when the disk does.
#[test]
fn a_leader_without_which_nobody_can_be_elected_leads_on_while_its_disk_hangs() {
    for count in [1, 2] {
        let (mut raft, mut now, newest) = leader_of(count);
        let mut effects = Effects::default();
        let committed = raft.status().commit;
        raft.step(now, propose(1, 1), &mut effects);
        let end = now.after(SECOND * 10);
        let mut steps = 0;
        while now < end {
            let deadline = raft.deadline().expect("it runs");
            assert!(deadline > now, "it asks for time and does nothing with it");
            now = deadline;
            raft.step(now, Event::Timeout, &mut effects);
            steps += 1;
        }
        assert!(steps <= 201, "a heartbeat every 50 ms: {steps}");
        let status = raft.status();
        assert_eq!((status.role, status.commit), (RoleKind::Leader, committed));
        raft.step(now, Event::Persisted(Ticket(newest.0 + 1)), &mut effects);
        let last = raft.status().last.index;
        assert_eq!((raft.status().role, raft.status().durable), (RoleKind::Leader, last));
        if count == 1 {
            assert_eq!(raft.status().commit, last);
        }
    }
}

#[test]
fn a_leader_that_two_others_can_replace_gives_way_when_its_disk_hangs() {
    let (mut raft, now, _) = leader_of(3);
    let mut effects = Effects::default();
    raft.step(now, propose(1, 1), &mut effects);
    raft.step(now.after(SECOND * 2), Event::Timeout, &mut effects);
    assert_eq!(raft.status().role, RoleKind::Follower);
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
