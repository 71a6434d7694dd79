//! The session table, against a model that is too simple to be wrong.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use quorate_core::Index;
use quorate_sm::{
    Envelope, MachineId, Order, Outcome, Rejection, Sequence, SessionId, SessionLimits, Stamp,
};

use crate::support::{Note, Noted, Record, Recorder, Replica, records};

const LIMITS: SessionLimits = SessionLimits { sessions_max: 3, window: 4, answer_bytes_max: 300 };

/// What stands in the log. Sessions are named by the order in which they were opened.
#[derive(Clone, Debug)]
enum Op {
    Noop,
    Open { nonce: u128 },
    KeepAlive { session: usize, acknowledged_below: u64 },
    Close { session: usize },
    Expire { session: usize, known: u64 },
    Apply(Apply),
    Sessionless { tag: u64 },
}

#[derive(Clone, Debug)]
struct Apply {
    session: usize,
    sequence: u64,
    acknowledged_below: u64,
    order: Order,
    machine: u16,
    padding: u16,
    decodable: bool,
}

fn op() -> impl Strategy<Value = Op> {
    let apply = (
        0..6_usize,
        0..9_u64,
        prop_oneof![4 => Just(0_u64), 3 => 0..5_u64, 1 => 0..9_u64],
        prop_oneof![3 => Just(Order::Any), 1 => Just(Order::InSequence)],
        prop_oneof![9 => Just(0_u16), 1 => Just(1_u16)],
        prop_oneof![3 => Just(0_u16), 1 => Just(100_u16)],
        prop::bool::weighted(0.9),
    )
        .prop_map(
            |(session, sequence, acknowledged_below, order, machine, padding, decodable)| Apply {
                session,
                sequence,
                acknowledged_below,
                order,
                machine,
                padding,
                decodable,
            },
        );
    prop_oneof![
        1 => Just(Op::Noop),
        4 => (0..5_u128).prop_map(|nonce| Op::Open { nonce }),
        2 => (0..6_usize, 0..6_u64)
            .prop_map(|(session, acknowledged_below)| Op::KeepAlive { session, acknowledged_below }),
        1 => (0..6_usize).prop_map(|session| Op::Close { session }),
        1 => (0..6_usize, 0..60_u64).prop_map(|(session, known)| Op::Expire { session, known }),
        24 => apply.prop_map(Op::Apply),
        1 => any::<u64>().prop_map(|tag| Op::Sessionless { tag }),
    ]
}

#[derive(Default)]
struct Model {
    sessions: Vec<ModelSession>,
    records: Vec<Record>,
}

struct ModelSession {
    id: SessionId,
    nonce: u128,
    last_active: Index,
    floor: u64,
    answers: BTreeMap<u64, Outcome>,
}

impl ModelSession {
    fn acknowledge(&mut self, below: u64) {
        self.floor = self.floor.max(below);
        self.answers.retain(|sequence, _| *sequence >= below);
    }

    fn answer_bytes(&self) -> u64 {
        self.answers.values().map(|answer| answer.encode().len() as u64 + 64).sum()
    }
}

impl Model {
    fn find(&mut self, id: SessionId) -> Result<&mut ModelSession, Outcome> {
        let expired = Outcome::Rejected(Rejection::SessionExpired);
        self.sessions.iter_mut().find(|session| session.id == id).ok_or(expired)
    }

    fn remove(&mut self, id: SessionId) {
        self.sessions.retain(|session| session.id != id);
    }

    fn open(&mut self, at: Index, nonce: u128) -> Outcome {
        let window = LIMITS.window;
        if let Some(open) = self.sessions.iter_mut().find(|session| session.nonce == nonce) {
            open.last_active = at;
            return Outcome::Opened { session: open.id, window };
        }
        if self.sessions.len() == LIMITS.sessions_max as usize {
            self.sessions.sort_by_key(|session| session.last_active);
            self.sessions.remove(0);
        }
        let id = SessionId(at);
        let answers = BTreeMap::new();
        self.sessions.push(ModelSession { id, nonce, last_active: at, floor: 0, answers });
        Outcome::Opened { session: id, window }
    }

    fn expire(&mut self, id: SessionId, known: Index) -> Result<Outcome, Outcome> {
        let last_active = self.find(id)?.last_active;
        if last_active > known {
            return Err(Outcome::Rejected(Rejection::SessionActive { last_active }));
        }
        self.remove(id);
        Ok(Outcome::Done)
    }

    fn note(&mut self, at: Index, session: Option<SessionId>, note: &Note) -> Outcome {
        let record = Record { tag: note.tag, at, session };
        self.records.push(record);
        let answer = Noted { record, padding: vec![0; note.padding.into()].into() };
        Outcome::Applied(postcard::to_allocvec(&answer).expect("encodes").into())
    }

    fn apply(&mut self, at: Index, id: SessionId, apply: &Apply) -> Result<Outcome, Outcome> {
        let rejected = |why| Err(Outcome::Rejected(why));
        let session = self.find(id)?;
        session.last_active = at;
        session.acknowledge(apply.acknowledged_below);
        let (sequence, below) = (apply.sequence, session.floor);
        if sequence < below {
            return rejected(Rejection::AlreadyAcknowledged { below: Sequence(below) });
        }
        if let Some(answer) = session.answers.get(&sequence) {
            return Ok(answer.clone());
        }
        let limit = below + u64::from(LIMITS.window);
        if sequence >= limit {
            return rejected(Rejection::OutOfWindow { limit: Sequence(limit) });
        }
        let gap = (below..).find(|number| !session.answers.contains_key(number));
        let next = gap.expect("the window is finite");
        if apply.order == Order::InSequence && next != sequence {
            return rejected(Rejection::OutOfOrder { next: Sequence(next) });
        }

        let (bytes, bytes_max) = (session.answer_bytes(), LIMITS.answer_bytes_max);
        let outcome = if bytes >= bytes_max {
            Outcome::Rejected(Rejection::TooManyAnswerBytes { bytes, bytes_max })
        } else if apply.machine != 0 {
            let machine = MachineId(apply.machine);
            Outcome::Rejected(Rejection::NoSuchMachine { machine })
        } else if !apply.decodable {
            Outcome::Rejected(Rejection::Undecodable)
        } else {
            self.note(at, Some(id), &Note { tag: sequence, padding: apply.padding })
        };
        self.find(id)?.answers.insert(sequence, outcome.clone());
        Ok(outcome)
    }
}

fn command_bytes(note: &Note, decodable: bool) -> Vec<u8> {
    let mut bytes = postcard::to_allocvec(note).expect("encodes");
    if !decodable {
        bytes.push(0);
    }
    bytes
}

/// Puts one entry into the replica and into the model, and compares.
fn step(replica: &mut Replica, model: &mut Model, ids: &mut Vec<SessionId>, op: &Op) {
    let at = replica.next();
    let id = |nth: usize| ids.get(nth).copied().unwrap_or(SessionId(Index(999)));
    let (got, expected) = match op {
        Op::Noop => return replica.noop(),
        Op::Open { nonce } => {
            let got = replica.commit(&Envelope::OpenSession { nonce: *nonce });
            let expected = model.open(at, *nonce);
            if expected == (Outcome::Opened { session: SessionId(at), window: LIMITS.window }) {
                ids.insert(0, SessionId(at));
            }
            (got, expected)
        }
        &Op::KeepAlive { session, acknowledged_below: below } => {
            let (session, acknowledged_below) = (id(session), Sequence(below));
            let kept = model.find(session).map(|session| {
                session.last_active = at;
                session.acknowledge(below);
                Outcome::Done
            });
            let got = replica.commit(&Envelope::KeepAlive { session, acknowledged_below });
            (got, kept.unwrap_or_else(|rejected| rejected))
        }
        &Op::Close { session } => {
            let session = id(session);
            let closed = model.find(session).map(|_| Outcome::Done);
            model.remove(session);
            let got = replica.commit(&Envelope::CloseSession { session });
            (got, closed.unwrap_or_else(|rejected| rejected))
        }
        &Op::Expire { session, known } => {
            let (session, last_active) = (id(session), Index(known));
            let got = replica.commit(&Envelope::ExpireSession { session, last_active });
            (got, model.expire(session, last_active).unwrap_or_else(|rejected| rejected))
        }
        Op::Apply(apply) => {
            let stamp = Stamp {
                session: id(apply.session),
                sequence: Sequence(apply.sequence),
                acknowledged_below: Sequence(apply.acknowledged_below),
                order: apply.order,
            };
            let note = Note { tag: apply.sequence, padding: apply.padding };
            let command = &command_bytes(&note, apply.decodable);
            let machine = MachineId(apply.machine);
            let got = replica.commit(&Envelope::Apply { stamp, machine, command });
            let expected = model.apply(at, stamp.session, apply);
            (got, expected.unwrap_or_else(|rejected| rejected))
        }
        &Op::Sessionless { tag } => {
            let note = Note { tag, padding: 0 };
            let command = &command_bytes(&note, true);
            let got = replica.commit(&Envelope::Sessionless { machine: MachineId::FIRST, command });
            (got, model.note(at, None, &note))
        }
    };
    assert_eq!(got, expected, "{op:?} at {at:?}");
}

fn assert_each_applied_at_most_once(records: &[Record]) {
    let mut applied: Vec<_> =
        records.iter().filter_map(|r| r.session.map(|session| (session, r.tag))).collect();
    let all = applied.len();
    applied.sort_unstable();
    applied.dedup();
    assert_eq!(applied.len(), all, "a command was applied twice");
}

proptest! {
    #[test]
    fn the_session_table_agrees_with_a_naive_model(ops in prop::collection::vec(op(), 1..120)) {
        let mut replica = Replica::new(Recorder::default(), LIMITS);
        let (mut model, mut ids) = (Model::default(), Vec::new());
        for op in &ops {
            step(&mut replica, &mut model, &mut ids, op);

            let mut live: Vec<_> = model.sessions.iter().map(|s| (s.id, s.last_active)).collect();
            live.sort_unstable();
            prop_assert_eq!(replica.applier.sessions().activity().collect::<Vec<_>>(), live);
        }
        let records = records(&replica.applier);
        assert_each_applied_at_most_once(&records);
        prop_assert_eq!(records, model.records);
    }
}

/// A session with one command in flight, ready to be sent again.
fn one_command(replica: &mut Replica) -> (SessionId, Bytes) {
    let session = replica.open(7);
    let stamp = Stamp { session, ..Stamp::default() };
    let command = &command_bytes(&Note { tag: 0, padding: 0 }, true);
    (session, Envelope::Apply { stamp, machine: MachineId::FIRST, command }.encode())
}

fn recorder() -> Replica {
    Replica::new(Recorder::default(), LIMITS)
}

#[test]
fn a_retry_gets_the_same_bytes_and_changes_nothing() {
    let mut replica = recorder();
    let (_, command) = one_command(&mut replica);
    let first = replica.commit_bytes(command.clone());
    let second = replica.commit_bytes(command);
    assert_eq!(first, second);
    assert_eq!(records(&replica.applier).len(), 1);
}

#[test]
fn a_retry_after_eviction_is_not_applied() {
    let mut replica = recorder();
    let (_, command) = one_command(&mut replica);
    replica.commit_bytes(command.clone());
    (100..103).for_each(|nonce| {
        replica.open(nonce);
    });
    let outcome = Outcome::decode(&replica.commit_bytes(command));
    assert_eq!(outcome, Ok(Outcome::Rejected(Rejection::SessionExpired)));
    assert_eq!(records(&replica.applier).len(), 1);
}

#[test]
fn eviction_spares_the_recently_active() {
    let mut replica = recorder();
    let sessions = [1, 2, 3].map(|nonce| replica.open(nonce));
    let alive = Envelope::KeepAlive { session: sessions[0], acknowledged_below: Sequence(0) };
    replica.commit(&alive);
    let newest = replica.open(4);
    let live: Vec<_> = replica.applier.sessions().activity().map(|(id, _)| id).collect();
    assert_eq!(live, [sessions[0], sessions[2], newest]);
}

#[test]
fn a_lost_open_is_repeated_without_a_second_session() {
    let mut replica = recorder();
    let (first, again) = (replica.open(5), replica.open(5));
    assert_eq!(first, again);
    replica.commit(&Envelope::CloseSession { session: first });
    assert_ne!(replica.open(5), first, "only while the session lives");
}

#[test]
fn the_log_decides_between_expiry_and_a_sign_of_life() {
    let mut replica = recorder();
    let session = replica.open(1);
    let expire = Envelope::ExpireSession { session, last_active: session.0 };
    let alive = Envelope::KeepAlive { session, acknowledged_below: Sequence(0) };
    let last_active = replica.next();
    assert_eq!(replica.commit(&alive), Outcome::Done);
    let active = Outcome::Rejected(Rejection::SessionActive { last_active });
    assert_eq!(replica.commit(&expire), active, "the sign of life came first");

    let expire = Envelope::ExpireSession { session, last_active };
    assert_eq!(replica.commit(&expire), Outcome::Done);
    let expired = Outcome::Rejected(Rejection::SessionExpired);
    assert_eq!(replica.commit(&alive), expired, "the expiry came first");
}

#[test]
fn a_command_refused_for_lack_of_room_is_refused_for_good() {
    let mut replica = recorder();
    let session = replica.open(1);
    let mut send = |sequence, below| {
        let (sequence, acknowledged_below) = (Sequence(sequence), Sequence(below));
        let stamp = Stamp { session, sequence, acknowledged_below, order: Order::Any };
        let command = &command_bytes(&Note { tag: sequence.0, padding: 300 }, true);
        replica.commit(&Envelope::Apply { stamp, machine: MachineId::FIRST, command })
    };
    assert!(matches!(send(0, 0), Outcome::Applied(_)));
    let refused = send(1, 0);
    assert!(matches!(refused, Outcome::Rejected(Rejection::TooManyAnswerBytes { .. })));
    assert_eq!(send(1, 1), refused, "though there is room again");
    assert!(matches!(send(2, 1), Outcome::Applied(_)));
}
