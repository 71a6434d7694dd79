//! The bytes of version 1, for ever: logs on disks and answers in snapshots are made of them.

use std::fmt::Debug;
use std::time::Duration;

use bytes::Bytes;
use quorate_core::Index;
use quorate_sm::{
    Envelope, EnvelopeError, Kv, MachineId, Order, Outcome, Registration, Rejection, Sequence,
    SessionId, Stamp, client, kv,
};

const ENVELOPES: &str = include_str!("../golden/envelopes.txt");
const OUTCOMES: &str = include_str!("../golden/outcomes.txt");
const KV: &str = include_str!("../golden/kv.txt");

/// The bytes of a name; each line has a name, and bytes in hex after it.
fn golden(file: &str, name: &str) -> Vec<u8> {
    let line = file.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let digits = line.unwrap_or_default().trim().as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[track_caller]
fn check<T: Debug + PartialEq>(
    file: &str,
    name: &str,
    value: &T,
    bytes: &[u8],
    decode: impl FnOnce(Bytes) -> T,
) {
    let golden = golden(file, name);
    assert_eq!(hex(&golden), hex(bytes), "{name} is written differently");
    assert_eq!(decode(golden.into()), *value, "{name} is read differently");
}

fn check_envelope(name: &str, envelope: &Envelope<'_>) {
    let golden = golden(ENVELOPES, name);
    assert_eq!(hex(&golden), hex(&envelope.encode()), "{name} is written differently");
    assert_eq!(Envelope::decode(&golden).as_ref(), Ok(envelope), "{name} is read differently");
}

#[test]
fn envelopes() {
    let session = SessionId(Index(300));
    let acknowledged_below = Sequence(129);
    let stamp =
        Stamp { session, sequence: Sequence(130), acknowledged_below, order: Order::InSequence };
    let (machine, command) = (MachineId(2), &b"\xc0\xff\xee"[..]);
    check_envelope("open_session", &Envelope::OpenSession { nonce: 0x0123_4567_89ab_cdef });
    check_envelope("keep_alive", &Envelope::KeepAlive { session, acknowledged_below });
    check_envelope("close_session", &Envelope::CloseSession { session });
    let last_active = Index(70_000);
    check_envelope("expire_session", &Envelope::ExpireSession { session, last_active });
    check_envelope("apply", &Envelope::Apply { stamp, machine, command });
    check_envelope("sessionless", &Envelope::Sessionless { machine, command });
    let (name, schema) = ("kv".to_owned(), "command 0 put() -> ()\n".to_owned());
    let machines = vec![Registration { id: machine, name, schema }];
    check_envelope("register", &Envelope::Register { founds: true, machines });
}

#[test]
fn outcomes() {
    let session = SessionId(Index(300));
    let rejections = [
        ("no_envelope_empty", Rejection::NoEnvelope(EnvelopeError::Empty)),
        (
            "no_envelope_version",
            Rejection::NoEnvelope(EnvelopeError::UnknownVersion { version: 7 }),
        ),
        ("no_envelope_malformed", Rejection::NoEnvelope(EnvelopeError::Malformed)),
        ("no_envelope_trailing", Rejection::NoEnvelope(EnvelopeError::Trailing { bytes: 5 })),
        ("no_such_machine", Rejection::NoSuchMachine { machine: MachineId(9) }),
        ("undecodable", Rejection::Undecodable),
        ("session_expired", Rejection::SessionExpired),
        ("already_acknowledged", Rejection::AlreadyAcknowledged { below: Sequence(129) }),
        ("out_of_window", Rejection::OutOfWindow { limit: Sequence(1024) }),
        ("out_of_order", Rejection::OutOfOrder { next: Sequence(3) }),
        (
            "too_many_answer_bytes",
            Rejection::TooManyAnswerBytes { bytes: 300_000, bytes_max: 262_144 },
        ),
        ("session_active", Rejection::SessionActive { last_active: Index(70_000) }),
        ("too_many_watches", Rejection::TooManyWatches),
        ("already_founded", Rejection::AlreadyFounded),
        ("registered_otherwise", Rejection::RegisteredOtherwise { machine: MachineId(9) }),
    ];
    let mut outcomes = vec![
        ("applied", Outcome::Applied(Bytes::from_static(b"\xc0\xff\xee"))),
        ("opened", Outcome::Opened { session, window: 1024 }),
        ("done", Outcome::Done),
    ];
    outcomes.extend(rejections.map(|(name, why)| (name, Outcome::Rejected(why))));
    for (name, outcome) in outcomes {
        let decode = |bytes: Bytes| Outcome::decode(&bytes).expect("an outcome");
        check(OUTCOMES, name, &outcome, &outcome.encode(), decode);
    }
}

#[test]
fn key_value_commands_and_queries() {
    let key = Bytes::from_static(b"key");
    let value = Bytes::from_static(b"value");
    let ttl = Duration::new(300, 7);
    let conditions = vec![(key.clone(), kv::Expected::Absent)];
    let then = vec![kv::Write::Put { key: key.clone(), value: value.clone(), ttl: Some(ttl) }];
    let otherwise = vec![kv::Write::Delete { key: key.clone() }];
    let swap = |expected, value| kv::Command::CompareAndSwap { key: key.clone(), expected, value };
    let commands = [
        ("put", kv::Command::Put { key: key.clone(), value: value.clone() }),
        ("delete", kv::Command::Delete { key: key.clone() }),
        ("swap_absent", swap(kv::Expected::Absent, Some(value.clone()))),
        ("swap_value", swap(kv::Expected::Value(value.clone()), None)),
        ("swap_version", swap(kv::Expected::Version(Index(300)), Some(value))),
        ("increment", kv::Command::Increment { key: key.clone(), by: -2 }),
        ("put_for", kv::Command::PutFor { key: key.clone(), value: "value".into(), ttl }),
        ("transact", kv::Command::Transact(kv::Transaction { conditions, then, otherwise })),
    ];
    for (name, command) in commands {
        let bytes = client::sessionless::<Kv>(MachineId::FIRST, &command);
        let decode = |bytes: Bytes| match Envelope::decode(&bytes) {
            Ok(Envelope::Sessionless { command, .. }) => postcard::from_bytes(command).unwrap(),
            other => panic!("{other:?}"),
        };
        check(KV, name, &command, &bytes, decode);
    }
    let list = kv::Query::List { prefix: "k".into(), after: Some(key.clone()), rows_max: 200 };
    let get_all = kv::Query::GetAll { keys: vec![key.clone()] };
    for (name, query) in [("get", kv::Query::Get { key }), ("list", list), ("get_all", get_all)] {
        let bytes = client::query::<Kv>(MachineId::FIRST, &query);
        check(KV, name, &query, &bytes, |bytes| postcard::from_bytes(&bytes[2..]).unwrap());
    }
}

#[test]
fn key_value_answers() {
    let (version, previous) = (Index(300), Some(Index(299)));
    let current = Some(kv::Versioned { value: "value".into(), version });
    let too_long = kv::Refused::KeyTooLong { bytes: 1025, bytes_max: 1024 };
    let overflow = kv::Refused::Overflow { value: i64::MAX, by: 1 };
    let answers = [
        ("written", kv::Answer::Written { version, previous }),
        ("removed", kv::Answer::Removed { previous: None }),
        ("conflict", kv::Answer::Conflict { current: current.clone() }),
        ("number", kv::Answer::Number { value: -40, version }),
        ("key_too_long", kv::Answer::Refused(too_long)),
        ("not_a_number", kv::Answer::Refused(kv::Refused::NotANumber)),
        ("overflow", kv::Answer::Refused(overflow)),
        ("too_many", kv::Answer::Refused(kv::Refused::TooMany { count: 129, count_max: 128 })),
        ("transacted", kv::Answer::Transacted { is_met: true, previous: vec![None, previous] }),
    ];
    for (name, answer) in answers {
        let bytes = postcard::to_allocvec(&answer).unwrap();
        check(KV, name, &answer, &bytes, |bytes| postcard::from_bytes(&bytes).unwrap());
    }
    let found = kv::Versioned { value: "value".into(), version };
    let rows = vec![kv::Row { key: "key".into(), found }];
    let page = kv::QueryAnswer::Page(kv::Page { rows, next: Some("key".into()) });
    let values = kv::QueryAnswer::Values(Ok(vec![None, current.clone()]));
    let too_large = kv::Refused::TooLarge { bytes: 1_048_577, bytes_max: 1_048_576 };
    for (name, answer) in [
        ("value", kv::QueryAnswer::Value(current)),
        ("page", page),
        ("values", values),
        ("too_large", kv::QueryAnswer::Values(Err(too_large))),
    ] {
        let bytes = postcard::to_allocvec(&answer).unwrap();
        check(KV, name, &answer, &bytes, |bytes| postcard::from_bytes(&bytes).unwrap());
    }
}

#[test]
fn key_value_changes() {
    let changes = [
        ("change_put", kv::Change::Put { value: "value".into() }),
        ("change_deleted", kv::Change::Deleted),
        ("change_expired", kv::Change::Expired),
    ];
    for (name, change) in changes {
        let bytes = postcard::to_allocvec(&change).unwrap();
        check(KV, name, &change, &bytes, |bytes| postcard::from_bytes(&bytes).unwrap());
    }
}
