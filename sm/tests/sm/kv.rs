//! The key-value store, against a list.

use bytes::Bytes;
use proptest::prelude::*;
use quorate_core::{Index, LogId, Term};
use quorate_sm::kv::{
    Answer, Command, Expected, KEY_BYTES_MAX, Kv, LIST_BYTES_MAX, LIST_ROWS_MAX, Page, Query,
    QueryAnswer, Refused, Row, Versioned,
};
use quorate_sm::{Context, StateMachine};

fn apply(kv: &mut Kv, index: u64, command: Command) -> Answer {
    let at = LogId { term: Term(1), index: Index(index) };
    kv.apply(&mut Context::new(at, None), command)
}

fn get(kv: &Kv, key: &Bytes) -> Option<Versioned> {
    match kv.query(Query::Get { key: key.clone() }) {
        QueryAnswer::Value(found) => found,
        other => panic!("{other:?}"),
    }
}

fn list(kv: &Kv, prefix: &Bytes, after: Option<Bytes>, rows_max: u32) -> Page {
    match kv.query(Query::List { prefix: prefix.clone(), after, rows_max }) {
        QueryAnswer::Page(page) => page,
        other => panic!("{other:?}"),
    }
}

fn list_all(kv: &Kv, prefix: &Bytes, rows_max: u32) -> Vec<Row> {
    let mut page = list(kv, prefix, None, rows_max);
    let mut rows = std::mem::take(&mut page.rows);
    while let Some(after) = page.next {
        page = list(kv, prefix, Some(after.clone()), rows_max);
        let goes_on = page.rows.first().is_some_and(|row| row.key > after);
        assert!(goes_on, "a page was promised after {after:?}");
        rows.append(&mut page.rows);
    }
    rows
}

/// Rows in no order.
#[derive(Default)]
struct Model(Vec<Row>);

impl Model {
    fn get(&self, key: &Bytes) -> Option<&Versioned> {
        self.0.iter().find(|row| row.key == *key).map(|row| &row.found)
    }

    fn set(&mut self, key: &Bytes, found: Option<Versioned>) -> Option<Index> {
        let previous = self.get(key).map(|found| found.version);
        self.0.retain(|row| row.key != *key);
        self.0.extend(found.map(|found| Row { key: key.clone(), found }));
        previous
    }

    fn write(&mut self, version: Index, key: &Bytes, value: Option<&Bytes>) -> Answer {
        let found = value.map(|value| Versioned { value: value.clone(), version });
        let previous = self.set(key, found);
        match value {
            Some(_) => Answer::Written { version, previous },
            None => Answer::Removed { previous },
        }
    }

    fn apply(&mut self, version: Index, command: &Command) -> Answer {
        match command {
            Command::Put { key, value } => self.write(version, key, Some(value)),
            Command::Delete { key } => self.write(version, key, None),
            Command::CompareAndSwap { key, expected, value } => {
                let current = self.get(key).cloned();
                let matches = match expected {
                    Expected::Absent => current.is_none(),
                    Expected::Value(v) => current.as_ref().map(|row| &row.value) == Some(v),
                    Expected::Version(v) => current.as_ref().map(|row| row.version) == Some(*v),
                };
                if matches {
                    self.write(version, key, value.as_ref())
                } else {
                    Answer::Conflict { current }
                }
            }
            Command::Increment { key, by } => {
                let text = self.get(key).map_or("0".into(), |row| row.value.clone());
                let text = str::from_utf8(&text).expect("the model's values are text");
                let plain = text.strip_prefix('-').unwrap_or(text);
                let is_number = plain.chars().all(|c| c.is_ascii_digit())
                    && (!plain.starts_with('0') || text == "0");
                let Some(value) = text.parse().ok().filter(|_| is_number) else {
                    return Answer::Refused(Refused::NotANumber);
                };
                let sum = i128::from(value) + i128::from(*by);
                let Ok(sum) = i64::try_from(sum) else {
                    return Answer::Refused(Refused::Overflow { value, by: *by });
                };
                self.write(version, key, Some(&sum.to_string().into()));
                Answer::Number { value: sum, version }
            }
        }
    }

    fn list(&self, prefix: &Bytes) -> Vec<Row> {
        let mut rows: Vec<_> =
            self.0.iter().filter(|row| row.key.starts_with(prefix)).cloned().collect();
        rows.sort_by(|a, b| a.key.cmp(&b.key));
        rows
    }
}

fn key() -> impl Strategy<Value = Bytes> {
    prop::sample::select(vec!["", "a", "a/", "a/b", "a/c", "a0", "b", "\u{ff}"])
        .prop_map(Bytes::from)
}

fn value() -> impl Strategy<Value = Bytes> {
    let texts = vec![
        "",
        "0",
        "1",
        "-1",
        "-0",
        "+1",
        "007",
        "-",
        "x",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
    ];
    prop::sample::select(texts).prop_map(Bytes::from)
}

fn command() -> impl Strategy<Value = Command> {
    let expected = prop_oneof![
        Just(Expected::Absent),
        value().prop_map(Expected::Value),
        (1..60_u64).prop_map(|version| Expected::Version(Index(version))),
    ];
    let by = prop_oneof![-2..3_i64, Just(i64::MAX), Just(i64::MIN)];
    prop_oneof![
        3 => (key(), value()).prop_map(|(key, value)| Command::Put { key, value }),
        1 => key().prop_map(|key| Command::Delete { key }),
        3 => (key(), expected, prop::option::of(value())).prop_map(
            |(key, expected, value)| Command::CompareAndSwap { key, expected, value }
        ),
        3 => (key(), by).prop_map(|(key, by)| Command::Increment { key, by }),
    ]
}

proptest! {
    #[test]
    fn the_store_agrees_with_a_list(
        commands in prop::collection::vec(command(), 1..60),
        prefix in key(),
        rows_max in 0..4_u32,
    ) {
        let (mut kv, mut model) = (Kv::default(), Model::default());
        for (index, command) in (1..).zip(commands) {
            let expected = model.apply(Index(index), &command);
            prop_assert_eq!(apply(&mut kv, index, command.clone()), expected, "{:?}", command);
        }
        for row in &model.0 {
            prop_assert_eq!(get(&kv, &row.key), Some(row.found.clone()));
        }
        prop_assert_eq!(get(&kv, &"never written".into()), None);
        prop_assert_eq!(list_all(&kv, &prefix, rows_max), model.list(&prefix));
    }
}

#[test]
fn a_key_beyond_the_limit_is_refused_by_every_command_that_writes() {
    let mut kv = Kv::default();
    let key = Bytes::from(vec![b'k'; KEY_BYTES_MAX + 1]);
    let refused = Answer::Refused(Refused::KeyTooLong {
        bytes: KEY_BYTES_MAX as u64 + 1,
        bytes_max: KEY_BYTES_MAX as u64,
    });
    let swap = Command::CompareAndSwap {
        key: key.clone(),
        expected: Expected::Absent,
        value: Some("v".into()),
    };
    let put = Command::Put { key: key.clone(), value: "v".into() };
    for command in [put, swap, Command::Increment { key: key.clone(), by: 1 }] {
        assert_eq!(apply(&mut kv, 1, command), refused);
    }
    assert_eq!(kv, Kv::default());

    let longest = Command::Put { key: key.slice(1..), value: "v".into() };
    assert!(matches!(apply(&mut kv, 2, longest), Answer::Written { .. }));
}

#[test]
fn a_page_ends_at_the_limits_of_rows_and_bytes() {
    let mut kv = Kv::default();
    let rows = LIST_ROWS_MAX + 1;
    for row in 0..rows {
        let put = Command::Put { key: format!("row/{row:04}").into(), value: "v".into() };
        apply(&mut kv, u64::from(row) + 1, put);
    }
    let page = list(&kv, &"row/".into(), None, u32::MAX);
    assert_eq!(page.rows.len(), LIST_ROWS_MAX as usize);
    assert_eq!(page.next, Some("row/0999".into()));

    let large = Bytes::from(vec![0; LIST_BYTES_MAX]);
    for (index, key) in (5000..).zip(["large/a", "large/b"]) {
        apply(&mut kv, index, Command::Put { key: key.into(), value: large.clone() });
    }
    let page = list(&kv, &"large/".into(), None, 10);
    assert_eq!(page.rows.len(), 1, "one row, however large, and no second");
    assert_eq!(list_all(&kv, &"large/".into(), 10).len(), 2);
}

#[test]
fn a_page_never_starts_outside_its_prefix() {
    let mut kv = Kv::default();
    for (index, key) in (1..).zip(["a", "aa", "b/1", "b/2", "c"]) {
        apply(&mut kv, index, Command::Put { key: key.into(), value: "v".into() });
    }
    let keys = |after: &'static str| -> Vec<_> {
        let page = list(&kv, &"b/".into(), Some(after.into()), 10);
        page.rows.into_iter().map(|row| row.key).collect()
    };
    assert_eq!(keys("a"), ["b/1", "b/2"]);
    assert_eq!(keys("b/1"), ["b/2"]);
    assert!(keys("c").is_empty());
}
