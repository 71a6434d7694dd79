//! A disk that is slow, and a disk that hangs: `Config::disk_timeout`.

use std::time::Duration;

use quorate_core::{Cause, Effect, Event, Index, Refusal, RequestId, RoleKind, Ticket};

use crate::bench::Bench;

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
