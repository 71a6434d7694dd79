//! A disk that is slow, and a disk that hangs: `Config::disk_timeout`.

use std::time::Duration;

use quorate_core::{
    Cause, Config, Effect, Effects, Event, Index, Instant, Membership, Message, PreVoteReply, Raft,
    Recovered, Refusal, RequestId, RequestVoteReply, RoleKind, Rpc, Term, Ticket,
};

use crate::bench::{Bench, node, propose};

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
