//! Clients behind a network that loses, repeats and reorders what they say and what they hear.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use quorate_sm::client::{self, AnswerError, SessionState};
use quorate_sm::{
    Context, MachineId, Order, Rejection, Sequence, SessionLimits, Stamp, StateMachine,
};
use serde::{Deserialize, Serialize};

use crate::support::Replica;

const CLIENTS: usize = 3;
/// This client's commands overtake nothing; it asks so of the replicas.
const IN_SEQUENCE: usize = 0;
const LIMITS: SessionLimits =
    SessionLimits { sessions_max: 3, window: 4, answer_bytes_max: 1 << 20 };

/// Answers each command with how many there were.
#[derive(Default, Serialize, Deserialize)]
struct Counter(u64);

impl StateMachine for Counter {
    type Command = ();
    type Answer = u64;
    type Query = ();
    type QueryAnswer = u64;

    fn apply(&mut self, _: &mut Context, (): ()) -> u64 {
        self.0 += 1;
        self.0
    }

    fn query(&self, (): ()) -> u64 {
        self.0
    }
}

/// One thing that happens; numbers pick whom or what it happens to.
#[derive(Clone, Debug)]
enum Happens {
    Begin { client: usize },
    Retry { client: usize, which: usize },
    Commit { which: usize, copy_stays: bool, answer_lost: bool },
    RequestLost { which: usize },
    Answered { which: usize, copy_stays: bool },
}

fn happens() -> impl Strategy<Value = Happens> {
    let any_one = || 0..1000_usize;
    prop_oneof![
        4 => (0..CLIENTS).prop_map(|client| Happens::Begin { client }),
        3 => (0..CLIENTS, any_one()).prop_map(|(client, which)| Happens::Retry { client, which }),
        6 => (any_one(), any::<bool>(), any::<bool>()).prop_map(
            |(which, copy_stays, answer_lost)| Happens::Commit { which, copy_stays, answer_lost }
        ),
        1 => any_one().prop_map(|which| Happens::RequestLost { which }),
        4 => (any_one(), any::<bool>())
            .prop_map(|(which, copy_stays)| Happens::Answered { which, copy_stays }),
    ]
}

struct Client {
    session: SessionState,
    pending: Vec<Sequence>,
    answers: BTreeMap<Sequence, u64>,
}

/// Whose message it is, to which command, and what it says.
type Message = (usize, Sequence, Bytes);

struct World {
    replica: Replica,
    clients: Vec<Client>,
    requests: Vec<Message>,
    answers: Vec<Message>,
    begun: u64,
}

impl World {
    fn new() -> Self {
        let mut replica = Replica::new(Counter::default(), LIMITS);
        let clients = (0..CLIENTS as u128).map(|nonce| {
            let opened = replica.commit_bytes(client::open_session(nonce));
            let session = client::opened(&opened).expect("a session");
            Client { session, pending: Vec::new(), answers: BTreeMap::new() }
        });
        let clients = clients.collect();
        Self { replica, clients, requests: Vec::new(), answers: Vec::new(), begun: 0 }
    }

    fn happens(&mut self, what: &Happens) {
        match *what {
            Happens::Begin { client } => self.begin(client),
            Happens::Retry { client, which } => {
                if let Some(&sequence) = pick(&self.clients[client].pending, which) {
                    self.send(client, sequence);
                }
            }
            Happens::Commit { which, copy_stays, answer_lost } => {
                if let Some(request) = take(&mut self.requests, which, copy_stays) {
                    let answer = self.commit(request);
                    self.answers.extend((!answer_lost).then_some(answer));
                }
            }
            Happens::RequestLost { which } => drop(take(&mut self.requests, which, false)),
            Happens::Answered { which, copy_stays } => {
                if let Some(answer) = take(&mut self.answers, which, copy_stays) {
                    self.hear(answer);
                }
            }
        }
    }

    fn begin(&mut self, client: usize) {
        if let Some(sequence) = self.clients[client].session.begin() {
            self.begun += 1;
            self.clients[client].pending.push(sequence);
            self.send(client, sequence);
        }
    }

    fn send(&mut self, client: usize, sequence: Sequence) {
        let order = if client == IN_SEQUENCE { Order::InSequence } else { Order::Any };
        let stamp = Stamp { order, ..self.clients[client].session.stamp(sequence) };
        let request = client::apply::<Counter>(stamp, MachineId::FIRST, &());
        self.requests.push((client, sequence, request));
    }

    fn commit(&mut self, (client, sequence, request): Message) -> Message {
        (client, sequence, self.replica.commit_bytes(request))
    }

    fn hear(&mut self, (client, sequence, outcome): Message) {
        let client_is_in_sequence = client == IN_SEQUENCE;
        let client = &mut self.clients[client];
        let waits = client.pending.contains(&sequence);
        match client::answer::<Counter>(&outcome) {
            Ok(count) => {
                let known = *client.answers.entry(sequence).or_insert(count);
                assert_eq!(count, known, "two answers to {sequence:?}");
                client.pending.retain(|pending| *pending != sequence);
                client.session.answered(sequence);
            }
            Err(AnswerError::Rejected(Rejection::AlreadyAcknowledged { .. })) => {
                assert!(!waits, "{sequence:?} was never acknowledged");
            }
            Err(AnswerError::Rejected(Rejection::OutOfOrder { next })) => {
                assert!(client_is_in_sequence && next < sequence);
            }
            Err(other) => panic!("{other}"),
        }
    }

    /// The network heals, and every client asks until it has its answers.
    fn settle(&mut self) {
        for _ in 0..LIMITS.window {
            for client in 0..CLIENTS {
                for sequence in self.clients[client].pending.clone() {
                    self.send(client, sequence);
                }
            }
            while let Some(request) = self.requests.pop() {
                let answer = self.commit(request);
                self.hear(answer);
            }
        }
        while let Some(answer) = self.answers.pop() {
            self.hear(answer);
        }
    }

    fn assert_exactly_once(&self) {
        assert!(self.clients.iter().all(|client| client.pending.is_empty()), "unanswered");
        let mut counts: Vec<_> =
            self.clients.iter().flat_map(|client| client.answers.values().copied()).collect();
        counts.sort_unstable();
        assert!(counts.into_iter().eq(1..=self.begun), "each command counted exactly once");

        let in_sequence: Vec<_> = self.clients[IN_SEQUENCE].answers.values().collect();
        assert!(in_sequence.is_sorted(), "first in, first out: {in_sequence:?}");
    }
}

fn pick<T>(from: &[T], which: usize) -> Option<&T> {
    from.get(which.checked_rem(from.len())?)
}

fn take(from: &mut Vec<Message>, which: usize, copy_stays: bool) -> Option<Message> {
    let at = which.checked_rem(from.len())?;
    Some(if copy_stays { from[at].clone() } else { from.swap_remove(at) })
}

proptest! {
    #[test]
    fn every_command_of_a_session_takes_effect_exactly_once(
        story in prop::collection::vec(happens(), 1..150),
    ) {
        let mut world = World::new();
        story.iter().for_each(|what| world.happens(what));
        world.settle();
        world.assert_exactly_once();
    }
}

#[test]
fn a_command_that_was_given_up_is_not_applied_later() {
    let mut world = World::new();
    world.begin(1);
    let late = world.requests.pop().expect("sent");
    world.clients[1].session.answered(late.1);
    world.begin(1);
    let fence = world.requests.pop().expect("sent");
    world.commit(fence);
    let (_, _, outcome) = world.commit(late);
    let Err(AnswerError::Rejected(why)) = client::answer::<Counter>(&outcome) else { panic!() };
    assert_eq!(why, Rejection::AlreadyAcknowledged { below: Sequence(1) });
}

#[test]
fn an_answer_that_comes_twice_or_to_nothing_moves_no_acknowledgement() {
    let mut world = World::new();
    let session = &mut world.clients[1].session;
    let first = session.begin().expect("room");
    session.answered(Sequence(7));
    session.answered(first);
    session.answered(first);
    assert_eq!(session.acknowledged_below(), Sequence(1));
    assert_eq!(session.in_flight(), 0);
}
