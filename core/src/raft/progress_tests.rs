//! What a leader knows of a peer, against a naive account: a list of what is under way, and a peer
//! that really has a log.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::progress::{PeerMode, Progress};
use crate::types::{Index, Instant, NodeId, ReplicationId, Round};

#[derive(Clone, Debug)]
enum Step {
    /// A message with so many entries of this cost goes out, if the window is open.
    Ship(u64, u64),
    /// A probe goes out, with so many entries of this cost.
    Probe(u64, u64),
    /// So many of the oldest messages under way arrive at the peer.
    Arrive(usize),
    /// The peer says how much of the leader's log it has, in a new round or in the one before.
    Acknowledge(bool),
    /// An answer of long ago comes in again: the peer once had so much.
    AcknowledgeAgain(u64),
    /// The logs part so many entries before what is sent next, or so it seems.
    Mismatch(u64),
    /// The connection is lost, and what was under way.
    Lose,
    /// The peer has lost its log.
    StartOver,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1..4_u64, 1..50_u64).prop_map(|(count, cost)| Step::Ship(count, cost)),
        3 => (1..4_u64, 1..50_u64).prop_map(|(count, cost)| Step::Probe(count, cost)),
        4 => (1..4_usize).prop_map(Step::Arrive),
        4 => any::<bool>().prop_map(Step::Acknowledge),
        1 => (0..100_u64).prop_map(Step::AcknowledgeAgain),
        1 => (0..9_u64).prop_map(Step::Mismatch),
        1 => Just(Step::Lose),
        1 => Just(Step::StartOver),
    ];
    prop::collection::vec(step, 1..80)
}

const MESSAGES_MAX: u32 = 3;
const BYTES_MAX: u64 = 100;

/// The account, kept as simply as can be.
struct Naive {
    is_probe: bool,
    matched: u64,
    next: u64,
    /// Last index and cost of each message, oldest first.
    under_way: Vec<(u64, u64)>,
    /// What went with a probe: its round, its last entry, and its cost.
    tried: Option<(u64, u64, u64)>,
    /// What the peer has of the leader's log.
    peer_has: u64,
    round: u64,
    match_round: u64,
    replication: u64,
}

impl Naive {
    fn cost(&self) -> u64 {
        self.under_way.iter().map(|message| message.1).sum()
    }

    fn has_room(&self) -> bool {
        let is_full = self.under_way.len() >= MESSAGES_MAX as usize || self.cost() >= BYTES_MAX;
        self.under_way.is_empty() || !is_full
    }

    fn acknowledge(&mut self, index: u64, round: u64) {
        if index >= self.matched {
            self.match_round = self.match_round.max(round);
        }
        if index > self.matched {
            self.matched = index;
            self.under_way.retain(|message| message.0 > index);
            self.next = self.next.max(index + 1);
        }
        if self.is_probe && index + 1 >= self.next {
            self.is_probe = false;
            self.next = self.matched + 1;
            // The answer to the probe itself: what went with it arrived.
            let arrived = self.tried.take().filter(|tried| tried.0 == round);
            if let Some((_, last, cost)) = arrived.filter(|tried| tried.1 > self.matched) {
                self.under_way.push((last, cost));
                self.next = last + 1;
            }
        }
    }

    fn probe_from(&mut self, next: u64) {
        self.is_probe = true;
        self.tried = None;
        self.next = next.max(self.matched + 1);
        self.under_way.clear();
    }
}

fn apply(peer: &mut Progress, naive: &mut Naive, step: &Step) {
    match *step {
        Step::Ship(count, cost) => {
            assert_eq!(peer.inflight.has_room(MESSAGES_MAX, BYTES_MAX), naive.has_room());
            if peer.mode() == PeerMode::Replicate && naive.has_room() {
                let last = naive.next + count - 1;
                peer.inflight.start(Index(last), cost);
                peer.next_index = Index(last).next();
                naive.under_way.push((last, cost));
                naive.next = last + 1;
            }
        }
        Step::Probe(count, cost) => {
            if peer.mode() == PeerMode::Probe && peer.probed_in.is_none() {
                naive.round += 1;
                let last = naive.next + count - 1;
                peer.probed_in = Some(Round(naive.round));
                peer.inflight.start(Index(last), cost);
                naive.tried = Some((naive.round, last, cost));
            }
        }
        Step::Arrive(count) => {
            let arrived = naive.under_way.iter().take(count).next_back();
            naive.peer_has = naive.peer_has.max(arrived.map_or(0, |message| message.0));
        }
        Step::Acknowledge(is_new_round) => {
            naive.round += u64::from(is_new_round);
            let (index, round) = (naive.peer_has, naive.round);
            peer.acknowledge(Index(index), Round(round), Index(0));
            naive.acknowledge(index, round);
        }
        Step::AcknowledgeAgain(had) => {
            let index = had.min(naive.peer_has);
            peer.acknowledge(Index(index), Round(naive.round), Index(0));
            naive.acknowledge(index, naive.round);
        }
        Step::Mismatch(back) => {
            let next = naive.next.saturating_sub(back).max(1);
            peer.become_probe(Index(next));
            naive.probe_from(next);
        }
        Step::Lose => {
            peer.become_probe(peer.match_index().next());
            naive.probe_from(naive.matched + 1);
        }
        Step::StartOver => {
            naive.replication += 1;
            peer.round = Round(naive.round);
            peer.start_over(ReplicationId(naive.replication), Index(1));
            (naive.peer_has, naive.matched) = (0, 0);
            naive.match_round = naive.round;
            naive.probe_from(1);
        }
    }
}

proptest! {
    #[test]
    fn a_leaders_account_of_a_peer_is_a_naive_one(steps in steps(), last in 0..20_u64) {
        let id = NodeId::new(2).expect("not zero");
        let mut peer = Progress::new(id, ReplicationId(1), Index(last + 1), Instant(0));
        let mut naive = Naive {
            is_probe: true,
            matched: 0,
            next: last + 1,
            under_way: Vec::new(),
            tried: None,
            peer_has: 0,
            round: 0,
            match_round: 0,
            replication: 1,
        };
        for step in &steps {
            apply(&mut peer, &mut naive, step);
            let mode = if naive.is_probe { PeerMode::Probe } else { PeerMode::Replicate };
            prop_assert_eq!(peer.mode(), mode, "after {:?}", step);
            prop_assert_eq!(peer.match_index(), Index(naive.matched));
            prop_assert_eq!(peer.next_index(), Index(naive.next));
            prop_assert_eq!(peer.inflight_messages(), naive.under_way.len());
            prop_assert_eq!(peer.inflight_bytes(), naive.cost());
            prop_assert_eq!(peer.match_round, Round(naive.match_round));
            prop_assert!(naive.matched <= naive.peer_has, "never more than the peer has");
            prop_assert!(peer.match_index() < peer.next_index());
            prop_assert!(peer.mode() != PeerMode::Probe || peer.inflight_messages() == 0);
        }
    }

    /// A look for what was lost: only if something is under way, and once between two heartbeats.
    #[test]
    fn loss_is_suspected_once_a_heartbeat(answers in 1..5_usize, is_under_way in any::<bool>()) {
        let id = NodeId::new(2).expect("not zero");
        let mut peer = Progress::new(id, ReplicationId(1), Index(1), Instant(0));
        peer.acknowledge(Index(0), Round(0), Index(0));
        if is_under_way {
            peer.inflight.start(Index(1), 8);
            peer.next_index = Index(2);
        }
        let mut looks = 0;
        for _ in 0..answers {
            peer.suspect_loss();
            looks += usize::from(core::mem::take(&mut peer.suspects_loss));
        }
        prop_assert_eq!(looks, usize::from(is_under_way));
        peer.may_suspect_loss = true;
        peer.suspect_loss();
        prop_assert_eq!(peer.suspects_loss, is_under_way, "a heartbeat later");
    }
}

#[test]
fn a_replication_is_that_of_one_peer_until_it_starts_over() {
    let of = |id, replication| {
        let id = NodeId::new(id).expect("not zero");
        Progress::new(id, ReplicationId(replication), Index(1), Instant(0))
    };
    let mut peer = of(2, 1);
    assert!(peer.is_same_replication(&of(2, 1)));
    assert!(!peer.is_same_replication(&of(3, 1)) && !peer.is_same_replication(&of(2, 2)));
    peer.start_over(ReplicationId(2), Index(1));
    assert!(!peer.is_same_replication(&of(2, 1)));
}
