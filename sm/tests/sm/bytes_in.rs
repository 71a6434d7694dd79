//! Bytes that come from outside: envelopes survive the way, and nothing else does harm.

use bytes::Bytes;
use proptest::prelude::*;
use quorate_core::Index;
use quorate_sm::{
    Envelope, EnvelopeError, Kv, MachineId, Order, Outcome, OutcomeError, Rejection, Sequence,
    SessionId, SessionLimits, Stamp, VERSION,
};

use crate::support::Replica;

fn envelope(command: &[u8]) -> impl Strategy<Value = Envelope<'_>> {
    let session = || any::<u64>().prop_map(|index| SessionId(Index(index)));
    let sequence = || any::<u64>().prop_map(Sequence);
    let order = prop_oneof![Just(Order::Any), Just(Order::InSequence)];
    let stamp = (session(), sequence(), sequence(), order).prop_map(
        |(session, sequence, acknowledged_below, order)| Stamp {
            session,
            sequence,
            acknowledged_below,
            order,
        },
    );
    let machine = || any::<u16>().prop_map(MachineId);
    prop_oneof![
        any::<u128>().prop_map(|nonce| Envelope::OpenSession { nonce }),
        (session(), sequence()).prop_map(|(session, acknowledged_below)| Envelope::KeepAlive {
            session,
            acknowledged_below
        }),
        session().prop_map(|session| Envelope::CloseSession { session }),
        (session(), any::<u64>()).prop_map(|(session, last_active)| Envelope::ExpireSession {
            session,
            last_active: Index(last_active)
        }),
        (stamp, machine()).prop_map(move |(stamp, machine)| Envelope::Apply {
            stamp,
            machine,
            command
        }),
        machine().prop_map(move |machine| Envelope::Sessionless { machine, command }),
    ]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..64)
}

/// Bytes that look like a version that we know, with kinds that we mostly know.
fn plausible() -> impl Strategy<Value = Vec<u8>> {
    (0..8_u8, bytes()).prop_map(|(kind, mut rest)| {
        rest.splice(0..0, [VERSION, kind]);
        rest
    })
}

proptest! {
    #[test]
    fn an_envelope_comes_back_as_it_was(
        envelope in envelope(b"a command"),
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = envelope.encode();
        prop_assert_eq!(Envelope::decode(&bytes), Ok(envelope.clone()));

        // Cut short within its header it is an error; within the command it is another envelope.
        let short = &bytes[..cut.index(bytes.len())];
        prop_assert_ne!(Envelope::decode(short), Ok(envelope));
    }

    #[test]
    fn any_bytes_are_answered_and_panic_nobody(
        noise in prop::collection::vec(prop_oneof![bytes(), plausible()], 1..20),
    ) {
        let mut replica = Replica::new(Kv::default(), SessionLimits::default());
        for noise in noise.into_iter().map(Bytes::from) {
            let is_envelope = Envelope::decode(&noise);
            let outcome = Outcome::decode(&replica.commit_bytes(noise.clone()));
            match is_envelope {
                Ok(_) => prop_assert!(outcome.is_ok()),
                Err(why) => {
                    let rejected = Outcome::Rejected(Rejection::NoEnvelope(why));
                    prop_assert_eq!(outcome, Ok(rejected));
                }
            }
            prop_assert!(Outcome::decode(&replica.applier.query(&noise)).is_ok());
            drop(Outcome::decode(&noise));
        }
    }
}

#[test]
fn what_is_no_envelope_is_told_apart() {
    let close = Envelope::CloseSession { session: SessionId(Index(1)) }.encode();
    let trailing: Vec<u8> = close.iter().copied().chain([0, 0]).collect();
    assert_eq!(Envelope::decode(&[]), Err(EnvelopeError::Empty));
    assert_eq!(Envelope::decode(&[9, 0]), Err(EnvelopeError::UnknownVersion { version: 9 }));
    assert_eq!(Envelope::decode(&[VERSION, 99]), Err(EnvelopeError::Malformed));
    assert_eq!(Envelope::decode(&[VERSION]), Err(EnvelopeError::Malformed));
    assert_eq!(Envelope::decode(&trailing), Err(EnvelopeError::Trailing { bytes: 2 }));
}

#[test]
fn what_is_no_outcome_is_told_apart() {
    let decode = |bytes: &'static [u8]| Outcome::decode(&Bytes::from_static(bytes));
    assert_eq!(decode(&[]), Err(OutcomeError::Empty));
    assert_eq!(decode(&[9]), Err(OutcomeError::UnknownVersion { version: 9 }));
    assert_eq!(decode(&[VERSION]), Err(OutcomeError::Malformed));
    assert_eq!(decode(&[VERSION, 2, 0]), Err(OutcomeError::Malformed), "bytes after the end");
}

#[test]
fn the_command_is_a_slice_of_its_envelope() {
    let bytes = Envelope::Sessionless { machine: MachineId::FIRST, command: b"command" }.encode();
    let Ok(Envelope::Sessionless { command, .. }) = Envelope::decode(&bytes) else { panic!() };
    assert!(bytes.as_ptr_range().contains(&command.as_ptr()));
}

#[test]
fn only_an_expiry_must_come_from_a_leader() {
    let session = SessionId(Index(1));
    assert!(Envelope::ExpireSession { session, last_active: Index(1) }.is_from_leader());
    assert!(!Envelope::CloseSession { session }.is_from_leader());
}
