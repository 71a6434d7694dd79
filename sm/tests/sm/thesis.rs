//! The rules of Ongaro's thesis about clients, section 6.3 (linearizable semantics by sessions) and what
//! of 6.4 is a state machine's. The other chapters are in `core/tests/thesis`.

use bytes::Bytes;
use quorate_core::Index;
use quorate_sm::{
    Applied, Envelope, MachineId, Outcome, Rejection, Sequence, SessionId, SessionLimits, Stamp,
};

use crate::support::{Note, Recorder, Replica, records, run_of};

const LIMITS: SessionLimits = SessionLimits { sessions_max: 2, window: 8, answer_bytes_max: 4096 };

fn replica() -> Replica {
    Replica::new(Recorder::default(), LIMITS)
}

/// A command of a session; the client has the answers to all below `acknowledged`.
fn send(session: SessionId, sequence: u64, acknowledged: u64) -> Bytes {
    let (sequence, acknowledged_below) = (Sequence(sequence), Sequence(acknowledged));
    let stamp = Stamp { session, sequence, acknowledged_below, ..Stamp::default() };
    let note = Note { tag: sequence.0, padding: 0 };
    let command = &postcard::to_allocvec(&note).expect("encodes");
    Envelope::Apply { stamp, machine: MachineId::FIRST, command }.encode()
}

fn tags(replica: &Replica) -> Vec<u64> {
    records(&replica.applier).iter().map(|record| record.tag).collect()
}

#[test]
fn s6_3_a_session_is_named_by_the_entry_that_opened_it() {
    let mut replica = replica();
    replica.noop();
    assert_eq!(replica.open(7), SessionId(Index(2)));
}

#[test]
fn s6_3_a_command_that_was_applied_is_answered_from_memory() {
    let mut replica = replica();
    let session = replica.open(7);
    let first = replica.commit_bytes(send(session, 0, 0));
    assert_eq!(replica.commit_bytes(send(session, 0, 0)), first, "the same bytes");
    assert_eq!(tags(&replica), [0], "and applied once");
}

#[test]
fn s6_3_commands_of_one_session_may_be_in_flight_together() {
    let mut replica = replica();
    let session = replica.open(7);
    let second = replica.commit_bytes(send(session, 1, 0));
    replica.commit_bytes(send(session, 0, 0));
    assert_eq!(replica.commit_bytes(send(session, 1, 0)), second, "each has an answer of its own");
    assert_eq!(tags(&replica), [1, 0]);
}

#[test]
fn s6_3_answers_are_kept_until_the_client_has_them() {
    let mut replica = replica();
    let session = replica.open(7);
    replica.commit_bytes(send(session, 0, 0));
    replica.commit_bytes(send(session, 1, 1));
    let again = Outcome::decode(&replica.commit_bytes(send(session, 0, 0)));
    let below = Sequence(1);
    assert_eq!(again, Ok(Outcome::Rejected(Rejection::AlreadyAcknowledged { below })));
    assert_eq!(tags(&replica), [0, 1], "forgotten, and not applied again");
}

#[test]
fn s6_3_sessions_beyond_the_limit_end_and_the_least_recently_used_first() {
    let mut replica = replica();
    let sessions = [1, 2].map(|nonce| replica.open(nonce));
    replica.commit_bytes(send(sessions[0], 0, 0));
    replica.open(3);
    let expired = Ok(Outcome::Rejected(Rejection::SessionExpired));
    assert_eq!(Outcome::decode(&replica.commit_bytes(send(sessions[1], 0, 0))), expired);
    assert!(Outcome::decode(&replica.commit_bytes(send(sessions[0], 1, 0))) != expired);
}

#[test]
fn s6_3_a_command_of_a_session_that_ended_is_an_error_and_is_not_applied() {
    let mut replica = replica();
    let session = replica.open(7);
    replica.commit_bytes(send(session, 0, 0));
    replica.commit(&Envelope::ExpireSession { session, last_active: Index(2) });
    let expired = Ok(Outcome::Rejected(Rejection::SessionExpired));
    assert_eq!(Outcome::decode(&replica.commit_bytes(send(session, 0, 0))), expired);
    assert_eq!(tags(&replica), [0]);
}

/// When a session ends is in the log, and not on anybody's clock.
#[test]
fn s6_3_all_replicas_end_sessions_alike() {
    let mut one = replica();
    let sessions = [1, 2, 3].map(|nonce| one.open(nonce));
    for sequence in 0..3 {
        sessions.iter().for_each(|&session| drop(one.commit_bytes(send(session, sequence, 0))));
    }
    one.commit(&Envelope::ExpireSession { session: sessions[2], last_active: Index(12) });
    let mut other = replica();
    other
        .applier
        .apply(&run_of(one.log.clone()), &mut Applied::default())
        .expect("nothing is lacking");
    assert_eq!(one.applier.digest(), other.applier.digest());
}

#[test]
fn s6_3_a_sign_of_life_keeps_a_session() {
    let mut replica = replica();
    let sessions = [1, 2].map(|nonce| replica.open(nonce));
    replica.commit(&Envelope::KeepAlive { session: sessions[0], acknowledged_below: Sequence(0) });
    replica.open(3);
    let answer = Outcome::decode(&replica.commit_bytes(send(sessions[0], 0, 0)));
    assert!(matches!(answer, Ok(Outcome::Applied(_))), "{answer:?}");
}

/// Step 4 of section 6.4 is tested in `applier`: `a_read_waits_for_its_index_and_no_longer`.
#[test]
fn s6_4_a_query_changes_nothing() {
    let mut replica = replica();
    let session = replica.open(7);
    replica.commit_bytes(send(session, 0, 0));
    let before = replica.applier.digest();
    assert_eq!(tags(&replica), [0]);
    assert_eq!(replica.applier.digest(), before);
}
