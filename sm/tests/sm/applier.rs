//! Applying: in order, once, the same on every replica; and reads that wait for it.

use bytes::Bytes;
use proptest::prelude::*;
use quorate_core::{Entry, Index, LogId, Payload, RequestId, Term};
use quorate_sm::kv::{Command, Expected, Query, QueryAnswer, Versioned};
use quorate_sm::{
    Applied, Applier, Envelope, Kv, MachineId, Order, Outcome, ReadRefusal, Rejection, Sequence,
    SessionId, SessionLimits, Stamp, client,
};

use crate::support::{Replica, entry, run_of};

const LIMITS: SessionLimits = SessionLimits { sessions_max: 3, window: 8, answer_bytes_max: 1000 };

fn kv_command() -> impl Strategy<Value = Command> {
    let key = || (0..8_u8).prop_map(|key| Bytes::from(vec![key]));
    let value = || (0..3_u8).prop_map(|value| Bytes::from(vec![value]));
    prop_oneof![
        (key(), value()).prop_map(|(key, value)| Command::Put { key, value }),
        key().prop_map(|key| Command::Delete { key }),
        (key(), value(), value()).prop_map(|(key, expected, value)| Command::CompareAndSwap {
            key,
            expected: Expected::Value(expected),
            value: Some(value),
        }),
    ]
}

/// What may stand in a log: a no-op, everything a client or a leader may say, and noise.
fn payload() -> impl Strategy<Value = Option<Bytes>> {
    let session = || (1..20_u64).prop_map(|index| SessionId(Index(index)));
    let stamp = (session(), 0..10_u64, 0..4_u64).prop_map(|(session, sequence, below)| Stamp {
        session,
        sequence: Sequence(sequence),
        acknowledged_below: Sequence(below),
        order: Order::Any,
    });
    prop_oneof![
        1 => Just(None),
        3 => (0..5_u128).prop_map(|nonce| Some(client::open_session(nonce))),
        1 => session().prop_map(|session| Some(client::close_session(session))),
        1 => (session(), 0..40_u64).prop_map(|(session, index)| {
            let last_active = Index(index);
            Some(Envelope::ExpireSession { session, last_active }.encode())
        }),
        8 => (stamp, kv_command()).prop_map(|(stamp, command)| {
            Some(client::apply::<Kv>(stamp, MachineId::FIRST, &command))
        }),
        4 => kv_command()
            .prop_map(|command| Some(client::sessionless::<Kv>(MachineId::FIRST, &command))),
        1 => prop::collection::vec(any::<u8>(), 0..20).prop_map(|noise| Some(noise.into())),
    ]
}

/// Applies the log in runs of the lengths given, over and over.
fn replay(log: &[Entry], lengths: &[usize]) -> (Applied, u64) {
    let mut applier = Applier::new(Kv::default(), LIMITS);
    let mut applied = Applied::default();
    let mut rest = log;
    for length in lengths.iter().cycle() {
        let (run, after) = rest.split_at((*length).min(rest.len()));
        applier.apply(&run_of(run.iter().cloned()), &mut applied).expect("nothing is lacking");
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    (applied, applier.digest())
}

proptest! {
    #[test]
    fn replicas_agree_however_the_log_is_cut(
        payloads in prop::collection::vec(payload(), 1..80),
        lengths in prop::collection::vec(1..9_usize, 1..5),
    ) {
        let log: Vec<_> = (1..).zip(payloads).map(|(index, p)| entry(index, p)).collect();
        let one_by_one = replay(&log, &[1]);
        prop_assert_eq!(&one_by_one, &replay(&log, &lengths));
        prop_assert_eq!(&one_by_one, &replay(&log, &[log.len()]));
        prop_assert_eq!(one_by_one.0.answers.len(), log.len());
    }
}

fn put(key: &'static str, value: &'static str) -> Bytes {
    let put = Command::Put { key: key.into(), value: value.into() };
    client::sessionless::<Kv>(MachineId::FIRST, &put)
}

fn get(key: &'static str) -> Bytes {
    client::query::<Kv>(MachineId::FIRST, &Query::Get { key: key.into() })
}

fn value_of(outcome: &Bytes) -> Option<Versioned> {
    match client::query_answer::<Kv>(outcome) {
        Ok(QueryAnswer::Value(found)) => found,
        other => panic!("{other:?}"),
    }
}

fn kv() -> Replica {
    Replica::new(Kv::default(), LIMITS)
}

#[test]
fn the_digest_sees_the_machine_the_sessions_and_the_position() {
    let digest = |limits, commands: &[Bytes]| {
        let mut replica = Replica::new(Kv::default(), limits);
        replica.noop();
        commands.iter().for_each(|command| drop(replica.commit_bytes(command.clone())));
        replica.applier.digest()
    };
    let stamp = Stamp { session: SessionId(Index(2)), ..Stamp::default() };
    let delete = Command::Delete { key: "k".into() };
    let deleted = client::apply::<Kv>(stamp, MachineId::FIRST, &delete);
    let open = client::open_session(1);
    let digests = [
        digest(LIMITS, &[]),
        digest(LIMITS, &[Bytes::new()]), // rejected: only the position moves
        digest(LIMITS, &[put("k", "v")]),
        digest(LIMITS, &[put("k", "w")]),
        digest(LIMITS, std::slice::from_ref(&open)),
        digest(LIMITS, &[open.clone(), deleted]),
        digest(LIMITS, &[open, put("k", "v")]),
        digest(SessionLimits { window: 9, ..LIMITS }, &[]),
    ];
    for (at, digest) in digests.iter().enumerate() {
        assert!(!digests[..at].contains(digest), "state {at} looks like an earlier one");
    }
}

#[test]
fn a_no_op_moves_the_index_and_has_an_empty_answer() {
    let mut applier = Applier::new(Kv::default(), LIMITS);
    let mut applied = Applied::default();
    applier
        .apply(&run_of([entry(1, None), entry(2, Some(put("k", "v")))]), &mut applied)
        .expect("nothing is lacking");
    assert_eq!(applier.last_applied(), LogId { term: Term(1), index: Index(2) });
    assert!(applied.answers[0].outcome.is_empty());
    assert!(!applied.answers[1].outcome.is_empty());
}

#[test]
fn a_run_of_nothing_does_nothing() {
    let mut applier = Applier::new(Kv::default(), LIMITS);
    let mut applied = Applied::default();
    applier.apply(&run_of([]), &mut applied).expect("nothing is lacking");
    assert_eq!((applier.last_applied(), applied), (LogId::ZERO, Applied::default()));
}

#[test]
#[should_panic(expected = "a gap in what is applied")]
fn a_gap_is_refused() {
    let mut replica = kv();
    replica.noop();
    replica
        .applier
        .apply(&run_of([entry(3, None)]), &mut Applied::default())
        .expect("nothing is lacking");
}

#[test]
#[should_panic(expected = "a gap in what is applied")]
fn a_repetition_is_refused() {
    let mut replica = kv();
    replica.noop();
    replica
        .applier
        .apply(&run_of([entry(1, None)]), &mut Applied::default())
        .expect("nothing is lacking");
}

#[test]
#[should_panic(expected = "after")]
fn an_older_term_is_refused() {
    let mut replica = kv();
    replica.noop();
    let id = LogId { term: Term(0), index: Index(2) };
    let older = Entry { id, payload: Payload::NOOP };
    replica.applier.apply(&run_of([older]), &mut Applied::default()).expect("nothing is lacking");
}

#[test]
fn a_command_that_does_not_decode_is_answered_and_changes_nothing() {
    let mut replica = kv();
    let envelope = Envelope::Sessionless { machine: MachineId::FIRST, command: b"\xff" };
    assert_eq!(replica.commit(&envelope), Outcome::Rejected(Rejection::Undecodable));
    let query = client::query::<Kv>(MachineId(3), &Query::Get { key: "k".into() });
    let machine = MachineId(3);
    let nobody = Outcome::Rejected(Rejection::NoSuchMachine { machine });
    assert_eq!(Outcome::decode(&replica.applier.query(&query)), Ok(nobody));
}

#[test]
fn a_read_waits_for_its_index_and_no_longer() {
    let mut replica = kv();
    let mut applied = Applied::default();
    let applier = &mut replica.applier;
    // Asked for in another order than they fall due, three of them at the same index.
    for (id, index) in [(1, 3), (2, 2), (3, 3), (5, 3)] {
        applier.query_at(Index(index), RequestId(id), get("k"), &mut applied).expect("room");
    }
    applier
        .apply(&run_of([entry(1, Some(put("k", "old")))]), &mut applied)
        .expect("nothing is lacking");
    assert!(applied.reads.is_empty(), "index 1 is not enough");

    applier.apply(&run_of([entry(2, None)]), &mut applied).expect("nothing is lacking");
    applier.query_at(Index(2), RequestId(4), get("k"), &mut applied).expect("at once");
    applier
        .apply(&run_of([entry(3, Some(put("k", "new")))]), &mut applied)
        .expect("nothing is lacking");
    let seen: Vec<_> = applied
        .reads
        .iter()
        .map(|read| (read.id.0, value_of(&read.outcome).expect("written").value))
        .collect();
    assert_eq!(
        seen,
        [(2, "old"), (4, "old"), (1, "new"), (3, "new"), (5, "new")].map(|(id, v)| (id, v.into()))
    );
}

#[test]
fn reads_that_would_wait_are_refused_when_too_many_do() {
    let mut replica = kv();
    let applier = &mut replica.applier;
    let mut applied = Applied::default();
    let reads = Applier::READS_WAITING_MAX;
    for id in 0..reads as u64 {
        applier.query_at(Index(1), RequestId(id), Bytes::new(), &mut applied).expect("room");
    }
    let refused = applier.query_at(Index(1), RequestId(0), Bytes::new(), &mut applied);
    assert_eq!(refused, Err(ReadRefusal::Busy { reads, bytes: 0 }));

    applier.cancel_read(RequestId(17));
    applier.query_at(Index(1), RequestId(9), Bytes::new(), &mut applied).expect("room again");
    applier.apply(&run_of([entry(1, None)]), &mut applied).expect("nothing is lacking");
    assert_eq!(applied.reads.len(), reads);
    assert!(applied.reads.iter().all(|read| read.id != RequestId(17)), "it was cancelled");
}

#[test]
fn reads_that_would_wait_are_refused_when_they_take_too_much() {
    let mut replica = kv();
    let applier = &mut replica.applier;
    let mut applied = Applied::default();
    let bytes = Applier::READS_WAITING_BYTES_MAX;
    let half = Bytes::from(vec![0; usize::try_from(bytes / 2).expect("it fits into memory")]);
    let mut ask = |applier: &mut Applier, id| {
        applier.query_at(Index(1), RequestId(id), half.clone(), &mut applied)
    };
    ask(applier, 1).expect("room");
    ask(applier, 2).expect("room");
    assert_eq!(ask(applier, 3), Err(ReadRefusal::Busy { reads: 2, bytes }));
    applier.cancel_read(RequestId(1));
    ask(applier, 4).expect("room again");
}
