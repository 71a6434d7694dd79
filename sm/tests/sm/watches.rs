//! Readers that wait for what is going to happen.

use bytes::Bytes;
use quorate_core::{Entries, Entry, Index, LogId, Payload, RequestId, Term};
use quorate_sm::kv::{Command, Kv};
use quorate_sm::{
    Applied, Applier, EventLimits, Filter, MachineId, Position, Read, SessionLimits, Since, Watch,
    Watched, client,
};

fn store() -> Applier {
    let kv = Kv::keeping(EventLimits { events_max: 3, bytes_max: 1 << 20 });
    Applier::new(kv, SessionLimits::default())
}

/// Writes these keys, each in an entry of its own, in one run; what readers are told.
fn put(applier: &mut Applier, keys: &[&'static str]) -> Vec<(u64, Watched)> {
    let first = applier.last_applied().index.0 + 1;
    let entries = (first..).zip(keys).map(|(index, &key)| {
        let command = Command::Put { key: key.into(), value: Bytes::new() };
        let command = client::sessionless::<Kv>(MachineId::FIRST, &command);
        let id = LogId { term: Term(1), index: Index(index) };
        Entry { id, payload: Payload::Command(command) }
    });
    let run = Entries::new(entries).expect("a run");
    let mut applied = Applied::default();
    applier.apply(&run, &mut applied).expect("nothing is lacking");
    told(applied)
}

fn told(applied: Applied) -> Vec<(u64, Watched)> {
    let read = |it: Read| (it.id.0, client::watched(&it.outcome).expect("told"));
    let mut told: Vec<_> = applied.reads.into_iter().map(read).collect();
    told.sort_by_key(|told| told.0);
    told
}

/// Which readers are told.
fn who(told: &[(u64, Watched)]) -> Vec<u64> {
    told.iter().map(|told| told.0).collect()
}

fn watch(applier: &mut Applier, id: u64, filter: Filter, since: Since, until: Option<u64>) -> bool {
    let until = until.map(Index);
    let watch = Watch { machine: MachineId::FIRST, filter, since, until };
    let mut applied = Applied::default();
    applier.watch(RequestId(id), &client::watch(&watch), &mut applied);
    !applied.reads.is_empty()
}

const START: Since = Since::Position(Position::START);

fn key(key: &'static str) -> Filter {
    Filter::Topic(key.into())
}

#[test]
fn whoever_waits_is_told_of_what_it_waits_for_and_of_nothing_else() {
    let mut applier = store();
    assert!(!watch(&mut applier, 1, key("a"), START, None));
    assert!(!watch(&mut applier, 2, key("b"), START, None));
    assert!(!watch(&mut applier, 3, Filter::Prefix(Bytes::new()), START, None));
    assert_eq!(applier.watches(), 3);
    let first = put(&mut applier, &["b", "c"]);
    assert_eq!(who(&first), [2, 3]);
    let Watched::Events { events, next } = &first[0].1 else { panic!("{first:?}") };
    assert_eq!((events.len(), events[0].index, *next), (1, Index(1), Position(2)));
    let Watched::Events { events, .. } = &first[1].1 else { panic!("{first:?}") };
    assert_eq!(events.len(), 2, "all of a run at once");
    assert_eq!(applier.watches(), 1);
    assert!(who(&put(&mut applier, &["b"])).is_empty());
    applier.cancel_read(RequestId(1));
    assert_eq!(applier.watches(), 0);
    assert!(who(&put(&mut applier, &["a"])).is_empty(), "it waits no longer");
}

#[test]
fn who_waits_for_nothing_after_an_entry_is_told_when_that_is_applied() {
    let mut applier = store();
    assert!(!watch(&mut applier, 1, key("a"), START, Some(3)));
    assert!(who(&put(&mut applier, &["x", "x"])).is_empty());
    let at_last = put(&mut applier, &["x"]);
    let nothing = Watched::Events { events: Vec::new(), next: Position(3) };
    assert_eq!(at_last, [(1, nothing)]);
    assert!(watch(&mut applier, 2, key("a"), Since::Now, None), "where now is, is told at once");
}

/// It has examined what was forgotten while it waited: none of that was for it.
#[test]
fn what_is_forgotten_while_somebody_waits_is_a_gap_only_if_it_may_have_concerned_it() {
    let mut applier = store();
    assert!(!watch(&mut applier, 1, key("a"), START, None));
    for _ in 0..3 {
        assert!(who(&put(&mut applier, &["x", "x", "x"])).is_empty());
    }
    let next = put(&mut applier, &["a"]);
    let Watched::Events { events, .. } = &next[0].1 else { panic!("{next:?}") };
    assert_eq!(events[0].index, Index(10));
    // More in one run than is kept: nobody knows whether it was among them.
    assert!(!watch(&mut applier, 2, key("a"), Since::Position(Position(10)), None));
    let gap = put(&mut applier, &["x", "a", "x", "x", "x"]);
    assert!(matches!(gap[..], [(2, Watched::Gap(_))]), "{gap:?}");
}

#[test]
fn who_waits_while_the_state_begins_anew_is_told_what_that_brings() {
    let mut ahead = store();
    put(&mut ahead, &["a", "b"]);
    let (mut capture, mut state) = (ahead.capture(), Vec::new());
    while !capture.write(&mut state, 1 << 10) {}
    let mut applier = store();
    assert!(!watch(&mut applier, 1, key("a"), START, None));
    assert!(!watch(&mut applier, 2, key("c"), START, None));
    let mut applied = Applied::default();
    applier.restore(ahead.last_applied(), &state, &mut applied).expect("a state");
    assert_eq!(who(&told(applied)), [1]);
    assert_eq!(who(&put(&mut applier, &["c"])), [2]);
}
