//! The key-value store, against a list.

use bytes::Bytes;
use proptest::prelude::*;
use quorate_core::{Entries, Entry, Index, LeaderTime, LogId, Payload, RequestId, System, Term};
use quorate_sm::kv::{
    Answer, Change, Command, Expected, GET_KEYS_MAX, KEY_BYTES_MAX, Kv, LIST_BYTES_MAX,
    LIST_ROWS_MAX, Page, Query, QueryAnswer, Refused, Row, TRANSACTION_MAX, Transaction, Versioned,
    Write,
};
use quorate_sm::{
    Applied, Applier, Context, Event, Filter, MachineId, Position, SessionLimits, Since,
    StateMachine, Watch, Watched, client,
};
use std::time::Duration;

fn apply(kv: &mut Kv, index: u64, command: Command) -> Answer {
    let at = LogId { term: Term(1), index: Index(index) };
    kv.apply(&mut Context::new(at, None), command)
}

fn list(kv: &Kv, prefix: &Bytes, after: Option<Bytes>, rows_max: u32) -> Page {
    match kv.query(Query::List { prefix: prefix.clone(), after, rows_max }) {
        QueryAnswer::Page(page) => page,
        other => panic!("{other:?}"),
    }
}

fn list_all(kv: &Kv, prefix: &Bytes, rows_max: u32) -> Vec<Row> {
    all_pages(|after, rows_max| list(kv, prefix, after, rows_max), rows_max)
}

fn all_pages(list: impl Fn(Option<Bytes>, u32) -> Page, rows_max: u32) -> Vec<Row> {
    let mut page = list(None, rows_max);
    let mut rows = std::mem::take(&mut page.rows);
    while let Some(after) = page.next {
        page = list(Some(after.clone()), rows_max);
        let goes_on = page.rows.first().is_some_and(|row| row.key > after);
        assert!(goes_on, "a page was promised after {after:?}");
        rows.append(&mut page.rows);
    }
    rows
}

/// Rows in no order, and what has happened.
#[derive(Default)]
struct Model {
    rows: Vec<ModelRow>,
    now: Duration,
    /// How many values had a lifetime so far.
    mortal: u64,
    events: Vec<(Index, Bytes, Change)>,
}

struct ModelRow {
    row: Row,
    /// When it expires, and how many began to live before it.
    until: Option<(Duration, u64)>,
}

impl Model {
    fn get(&self, key: &Bytes) -> Option<&Versioned> {
        self.rows.iter().find(|it| it.row.key == *key).map(|it| &it.row.found)
    }

    fn remove(&mut self, key: &Bytes) -> Option<Index> {
        let previous = self.get(key).map(|found| found.version);
        self.rows.retain(|it| it.row.key != *key);
        previous
    }

    /// Sets or removes a key; what was there.
    fn write(
        &mut self,
        version: Index,
        key: &Bytes,
        value: Option<&Bytes>,
        ttl: Option<Duration>,
    ) -> Option<Index> {
        let previous = self.remove(key);
        if let Some(value) = value {
            let found = Versioned { value: value.clone(), version };
            let until = ttl.map(|ttl| (self.now + ttl, self.mortal));
            self.mortal += u64::from(ttl.is_some());
            self.rows.push(ModelRow { row: Row { key: key.clone(), found }, until });
        }
        match value {
            Some(value) => {
                self.events.push((version, key.clone(), Change::Put { value: value.clone() }));
            }
            None if previous.is_some() => {
                self.events.push((version, key.clone(), Change::Deleted));
            }
            None => {}
        }
        previous
    }

    fn set(&mut self, version: Index, key: &Bytes, value: Option<&Bytes>) -> Answer {
        let previous = self.write(version, key, value, None);
        match value {
            Some(_) => Answer::Written { version, previous },
            None => Answer::Removed { previous },
        }
    }

    fn is_as(&self, key: &Bytes, expected: &Expected) -> bool {
        let current = self.get(key);
        match expected {
            Expected::Absent => current.is_none(),
            Expected::Value(v) => current.map(|row| &row.value) == Some(v),
            Expected::Version(v) => current.map(|row| row.version) == Some(*v),
        }
    }

    /// Time goes by before an entry.
    fn pass(&mut self, version: Index, ms: u64) {
        self.now += Duration::from_millis(ms);
        let mut due: Vec<_> =
            self.rows.iter().filter_map(|it| Some((it.until?, &it.row.key))).collect();
        due.retain(|(until, _)| until.0 <= self.now);
        due.sort();
        let keys: Vec<Bytes> = due.into_iter().map(|(_, key)| key.clone()).collect();
        for key in keys {
            self.remove(&key);
            self.events.push((version, key, Change::Expired));
        }
    }

    fn apply(&mut self, version: Index, command: &Command) -> Answer {
        match command {
            Command::Put { key, value } => self.set(version, key, Some(value)),
            Command::PutFor { key, value, ttl } => {
                let previous = self.write(version, key, Some(value), Some(*ttl));
                Answer::Written { version, previous }
            }
            Command::Delete { key } => self.set(version, key, None),
            Command::CompareAndSwap { key, expected, value } => {
                if self.is_as(key, expected) {
                    self.set(version, key, value.as_ref())
                } else {
                    Answer::Conflict { current: self.get(key).cloned() }
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
                let until = self.rows.iter().find(|it| it.row.key == *key).and_then(|it| it.until);
                self.set(version, key, Some(&sum.to_string().into()));
                // It lives as long as it would have.
                self.rows.last_mut().expect("it was written").until = until;
                Answer::Number { value: sum, version }
            }
            Command::Transact(Transaction { conditions, then, otherwise }) => {
                let is_met = conditions.iter().all(|(key, expected)| self.is_as(key, expected));
                let writes = if is_met { then } else { otherwise };
                let done = writes.iter().map(|write| match write {
                    Write::Put { key, value, ttl } => self.write(version, key, Some(value), *ttl),
                    Write::Delete { key } => self.write(version, key, None, None),
                });
                let previous = done.collect();
                Answer::Transacted { is_met, previous }
            }
        }
    }

    fn list(&self, prefix: &Bytes) -> Vec<Row> {
        let rows = self.rows.iter().map(|it| &it.row);
        let mut rows: Vec<_> = rows.filter(|row| row.key.starts_with(prefix)).cloned().collect();
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

fn expected() -> impl Strategy<Value = Expected> {
    prop_oneof![
        Just(Expected::Absent),
        value().prop_map(Expected::Value),
        (1..60_u64).prop_map(|version| Expected::Version(Index(version))),
    ]
}

fn ttl() -> impl Strategy<Value = Duration> {
    (0..300_u64).prop_map(Duration::from_millis)
}

fn writes() -> impl Strategy<Value = Vec<Write>> {
    let put = (key(), value(), prop::option::of(ttl())).prop_map(|(key, value, ttl)| Write::Put {
        key,
        value,
        ttl,
    });
    let delete = key().prop_map(|key| Write::Delete { key });
    prop::collection::vec(prop_oneof![put, delete], 0..4)
}

fn command() -> impl Strategy<Value = Command> {
    let by = prop_oneof![-2..3_i64, Just(i64::MAX), Just(i64::MIN)];
    let conditions = prop::collection::vec((key(), expected()), 0..3);
    prop_oneof![
        3 => (key(), value()).prop_map(|(key, value)| Command::Put { key, value }),
        3 => (key(), value(), ttl())
            .prop_map(|(key, value, ttl)| Command::PutFor { key, value, ttl }),
        1 => key().prop_map(|key| Command::Delete { key }),
        3 => (key(), expected(), prop::option::of(value())).prop_map(
            |(key, expected, value)| Command::CompareAndSwap { key, expected, value }
        ),
        3 => (key(), by).prop_map(|(key, by)| Command::Increment { key, by }),
        2 => (conditions, writes(), writes()).prop_map(|(conditions, then, otherwise)| {
            Command::Transact(Transaction { conditions, then, otherwise })
        }),
    ]
}

/// A store on a log.
struct Store {
    applier: Applier,
    led_ms: u64,
}

impl Store {
    fn new() -> Self {
        Self { applier: Applier::new(Kv::default(), SessionLimits::default()), led_ms: 0 }
    }

    fn append(&mut self, payload: Payload) -> Bytes {
        let id = LogId { term: Term(1), index: self.applier.last_applied().index.next() };
        let run = Entries::new([Entry { id, payload }]).expect("a run");
        let mut applied = Applied::default();
        self.applier.apply(&run, &mut applied).expect("nothing is lacking");
        applied.answers.remove(0).outcome
    }

    fn apply(&mut self, command: &Command) -> Answer {
        let command = client::sessionless::<Kv>(MachineId::FIRST, command);
        let outcome = self.append(Payload::Command(command));
        client::answer::<Kv>(&outcome).expect("an answer")
    }

    fn pass(&mut self, ms: u64) {
        self.led_ms += ms;
        let led = LeaderTime::new(Duration::from_millis(self.led_ms));
        self.append(Payload::System(System::Time(led)));
    }

    fn query(&self, query: &Query) -> QueryAnswer {
        let query = client::query::<Kv>(MachineId::FIRST, query);
        client::query_answer::<Kv>(&self.applier.query(&query)).expect("an answer")
    }

    /// All that has happened to keys that begin so.
    fn events(&mut self, prefix: &Bytes) -> Vec<(Index, Bytes, Change)> {
        let filter = Filter::Prefix(prefix.clone());
        let since = Since::Position(Position::START);
        let until = Some(Index(0));
        let watch = Watch { machine: MachineId::FIRST, filter, since, until };
        let mut applied = Applied::default();
        self.applier.watch(RequestId(1), &client::watch(&watch), &mut applied);
        let Watched::Events { events, .. } =
            client::watched(&applied.reads[0].outcome).expect("an answer")
        else {
            panic!("a gap")
        };
        let told = |event: Event| {
            let change = postcard::from_bytes(&event.body).expect("a change");
            (event.index, event.topic, change)
        };
        events.into_iter().map(told).collect()
    }
}

proptest! {
    #[test]
    fn the_store_agrees_with_a_list(
        steps in prop::collection::vec((command(), prop::option::of(0..200_u64)), 1..60),
        prefix in key(),
        rows_max in 0..4_u32,
    ) {
        let (mut store, mut model) = (Store::new(), Model::default());
        for (command, passes) in steps {
            if let Some(ms) = passes {
                store.pass(ms);
                model.pass(store.applier.last_applied().index, ms);
            }
            // What is due has happened before the next entry does anything.
            model.pass(store.applier.last_applied().index.next(), 0);
            let answer = store.apply(&command);
            let expected = model.apply(store.applier.last_applied().index, &command);
            prop_assert_eq!(answer, expected, "{:?}", command);
        }
        let keys: Vec<_> = model.rows.iter().map(|it| it.row.key.clone()).chain(["never".into()]).collect();
        let found: Vec<_> = keys.iter().map(|key| model.get(key).cloned()).collect();
        for (key, found) in keys.iter().zip(&found) {
            let get = store.query(&Query::Get { key: key.clone() });
            prop_assert_eq!(get, QueryAnswer::Value(found.clone()));
        }
        prop_assert_eq!(store.query(&Query::GetAll { keys }), QueryAnswer::Values(Ok(found)));
        let list = |after, rows_max| {
            let query = Query::List { prefix: prefix.clone(), after, rows_max };
            let QueryAnswer::Page(page) = store.query(&query) else { panic!() };
            page
        };
        prop_assert_eq!(all_pages(list, rows_max), model.list(&prefix));
        let mut wanted = std::mem::take(&mut model.events);
        wanted.retain(|(_, key, _)| key.starts_with(&prefix));
        prop_assert_eq!(store.events(&prefix), wanted);
        let timers = model.rows.iter().filter(|it| it.until.is_some()).count();
        prop_assert_eq!(store.applier.timers(), timers, "none is left behind");
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
    let put_for = Command::PutFor { key: key.clone(), value: "v".into(), ttl: Duration::ZERO };
    let write = Write::Put { key: key.clone(), value: "v".into(), ttl: None };
    let before = Write::Put { key: "k".into(), value: "v".into(), ttl: None };
    let transact = Transaction { then: vec![before, write], ..Transaction::default() };
    let increment = Command::Increment { key: key.clone(), by: 1 };
    for command in [put, put_for, swap, increment, Command::Transact(transact)] {
        assert_eq!(apply(&mut kv, 1, command), refused);
    }
    assert_eq!(kv, Kv::default());

    let longest = Command::Put { key: key.slice(1..), value: "v".into() };
    assert!(matches!(apply(&mut kv, 2, longest), Answer::Written { .. }));
}

#[test]
fn a_transaction_or_a_query_of_too_many_keys_is_refused() {
    let mut kv = Kv::default();
    let refused = |count_max: usize| {
        let (count, count_max) = (count_max as u64 + 1, count_max as u64);
        Refused::TooMany { count, count_max }
    };
    let delete = |count| vec![Write::Delete { key: "k".into() }; count];
    let conditions = |count| vec![(Bytes::from("k"), Expected::Absent); count];
    let many = TRANSACTION_MAX + 1;
    for transaction in [
        Transaction { conditions: conditions(many), ..Transaction::default() },
        Transaction { then: delete(many), ..Transaction::default() },
        Transaction { otherwise: delete(many), ..Transaction::default() },
    ] {
        let answer = apply(&mut kv, 1, Command::Transact(transaction));
        assert_eq!(answer, Answer::Refused(refused(TRANSACTION_MAX)));
    }
    let most = many - 1;
    let (conditions, then, otherwise) = (conditions(most), delete(most), delete(most));
    let answer = apply(&mut kv, 1, Command::Transact(Transaction { conditions, then, otherwise }));
    assert_eq!(answer, Answer::Transacted { is_met: true, previous: vec![None; most] });

    let get = |kv: &Kv, count| kv.query(Query::GetAll { keys: vec!["k".into(); count] });
    assert_eq!(get(&kv, GET_KEYS_MAX + 1), QueryAnswer::Values(Err(refused(GET_KEYS_MAX))));
    assert_eq!(get(&kv, GET_KEYS_MAX), QueryAnswer::Values(Ok(vec![None; GET_KEYS_MAX])));

    let value = Bytes::from(vec![0; LIST_BYTES_MAX / 2 + 1]);
    apply(&mut kv, 2, Command::Put { key: "k".into(), value });
    let (bytes, bytes_max) = (LIST_BYTES_MAX as u64 + 2, LIST_BYTES_MAX as u64);
    assert_eq!(get(&kv, 2), QueryAnswer::Values(Err(Refused::TooLarge { bytes, bytes_max })));
    assert!(matches!(get(&kv, 1), QueryAnswer::Values(Ok(_))));
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
