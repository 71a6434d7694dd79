//! What a machine on a file may do, and what its replica is told of it.

use quorate_core::{Entries, Entry, Index, LogId, Payload, Term};
use quorate_on_disk::{Cx, DiskMachine, OnDisk, RowError, Rows, View};
use quorate_sm::{
    Applied, Applier, ByteMachine as _, Context, Envelope, EventLimits, MachineId, Outcome,
    Sequence, SessionId, SessionLimits, Stamp, Time, client,
};

#[allow(dead_code, reason = "what other tests do with files")]
mod support;

use support::{Heap, Scratch};

/// Who asked, when, and what became of the rows.
type Seen = (Index, Option<SessionId>, Time, Vec<String>);

/// Keeps words, which it lists, and takes back.
struct Words;

impl DiskMachine for Words {
    type Command = (String, bool);
    type Answer = (bool, Seen);
    type Query = (String, String, u32);
    type QueryAnswer = Vec<String>;

    fn apply(
        &self,
        rows: &mut Rows<'_>,
        cx: &mut Cx<'_>,
        (word, stays): (String, bool),
    ) -> Result<(bool, Seen), RowError> {
        let was_there = match stays {
            true => rows.put(word.as_bytes(), b"")?,
            false => rows.remove(word.as_bytes())?,
        };
        let words = words(rows.list(b"a", b"", 3)?);
        Ok((was_there, (cx.index(), cx.session(), cx.now(), words)))
    }

    fn query(
        &self,
        view: &View,
        (prefix, from, most): (String, String, u32),
    ) -> Result<Vec<String>, RowError> {
        Ok(words(view.list(prefix.as_bytes(), from.as_bytes(), most as usize)?))
    }

    fn event_limits(&self) -> EventLimits {
        EventLimits { events_max: 7, bytes_max: 1 << 10 }
    }
}

fn words(rows: Vec<(bytes::Bytes, bytes::Bytes)>) -> Vec<String> {
    rows.into_iter().map(|(key, _)| String::from_utf8_lossy(&key).into_owned()).collect()
}

fn command(word: &str, stays: bool) -> Vec<u8> {
    postcard::to_allocvec(&(word, stays)).expect("a command")
}

#[test]
fn a_command_sees_its_rows_and_who_asked_and_when() {
    let scratch = Scratch::new("on-disk-words");
    let machine = OnDisk::open(scratch.path("rows"), Words).expect("a file");
    let mut applier = Applier::new(machine, SessionLimits::default());
    let mut say = |payload: Payload| {
        let id = LogId { term: Term(1), index: applier.last_applied().index.next() };
        let mut applied = Applied::default();
        let run = Entries::new([Entry { id, payload }]).expect("a run");
        applier.apply(&run, &mut applied).expect("it goes on");
        applied.answers.remove(0).outcome
    };
    let opened = say(Payload::Command(Envelope::OpenSession { nonce: 1 }.encode()));
    let Ok(Outcome::Opened { session, .. }) = Outcome::decode(&opened) else { panic!("a session") };
    let led = std::time::Duration::from_millis(70);
    say(Payload::System(quorate_core::System::Time(quorate_core::LeaderTime::new(led))));
    let mut sequence = 0;
    let mut ask = |word: &str, stays| -> (bool, Seen) {
        sequence += 1;
        let stamp = Stamp { session, sequence: Sequence(sequence), ..Stamp::default() };
        let command = command(word, stays);
        let envelope = Envelope::Apply { stamp, machine: MachineId::FIRST, command: &command };
        let outcome = say(Payload::Command(envelope.encode()));
        let Ok(Outcome::Applied(answer)) = Outcome::decode(&outcome) else { panic!("an answer") };
        postcard::from_bytes(&answer).expect("an answer")
    };
    let (was_there, (index, by, at, words)) = ask("ab", true);
    assert_eq!((was_there, index, by), (false, Index(3), Some(session)));
    assert_eq!((at, words), (Time::of(led), vec!["ab".to_owned()]));
    assert!(ask("ab", true).0 && !ask("b", true).0 && !ask("aa", true).0);
    assert_eq!(ask("ad", true).1.3, ["aa", "ab", "ad"]);
    assert_eq!(ask("ac", true).1.3, ["aa", "ab", "ac"], "no more than three");
    assert!(ask("aa", false).0 && !ask("aa", false).0);

    let look = |prefix: &str, from: &str, most: u32| -> Vec<String> {
        let query = (prefix.to_owned(), from.to_owned(), most);
        let query = postcard::to_allocvec(&query).expect("a query");
        let outcome = applier.query(&client::query_bytes(MachineId::FIRST, &query));
        let Ok(Outcome::Applied(answer)) = Outcome::decode(&outcome) else { panic!("an answer") };
        postcard::from_bytes(&answer).expect("words")
    };
    assert_eq!(look("", "", 9), ["ab", "ac", "ad", "b"]);
    assert_eq!(look("a", "ac", 9), ["ac", "ad"], "from one on, with a prefix");
    assert_eq!(look("a", "ac", 1), ["ac"]);
    assert!(look("c", "", 9).is_empty() && look("a", "b", 9).is_empty());
}

#[test]
fn a_replica_is_told_what_the_machine_wants() {
    let scratch = Scratch::new("on-disk-wants");
    let mut words = OnDisk::open(scratch.path("words"), Words).expect("a file");
    let heap = OnDisk::open(scratch.path("heap"), Heap(3)).expect("a file");
    assert_eq!(words.event_limits(), EventLimits { events_max: 7, bytes_max: 1 << 10 });
    assert_eq!(heap.event_limits(), EventLimits::default());
    assert!(words.needs_time() && !words.is_brief() && words.loader().is_some());
    // What it says nothing of does nothing.
    let mut cx = Context::new(LogId { term: Term(1), index: Index(1) }, None);
    words.fire(&mut cx, b"what");
    words.session_ended(&mut cx, SessionId(Index(1)));
    assert_eq!((words.failure(), words.reflects()), (None, Index(1)));
}

/// So much may have to be done again after a crash, and no more; nothing after an end in good order.
#[test]
fn what_outlasts_a_crash_is_whole_entries() {
    let scratch = Scratch::new("on-disk-syncs");
    let path = scratch.path("rows");
    let mut machine = OnDisk::open(&path, Words).expect("a file");
    let copied = |name: &str| {
        std::fs::copy(&path, scratch.path(name)).expect("what a crash leaves");
        OnDisk::open(scratch.path(name), Words).expect("a file").applied()
    };
    let mut apply = |index: u64, calls: u64| {
        let mut cx = Context::new(LogId { term: Term(1), index: Index(index) }, None);
        for _ in 0..calls {
            machine.apply_bytes(&mut cx, &command("a", true), &mut Vec::new()).expect("a command");
        }
    };
    apply(1, 1);
    // One entry, and many calls in it, of timers perhaps.
    apply(2, 2000);
    assert_eq!(copied("in-between"), Index(0), "nothing but whole entries");
    apply(3, 1);
    assert_eq!(copied("synced"), Index(2));
    (4..=1026).for_each(|index| apply(index, 1));
    assert_eq!(copied("before"), Index(2));
    apply(1027, 1);
    assert_eq!(copied("after"), Index(1026), "1,024 calls later");
    drop(machine);
    assert_eq!(copied("over"), Index(1027));
}
