//! What `#[machine(..)]` may say of the machine as a whole.

use std::collections::BTreeMap;

use quorate_core::{Entries, Entry, Index, LogId, Payload, RequestId, Term};
use quorate_sm::{
    Applied, Applier, Capture, Context, Encoded, Fields, Filter, Items, MachineId, Position,
    SessionLimits, Since, StateMachine, Watch, Watched, client, machine,
};
use serde::{Deserialize, Serialize};

#[machine(capture, events = 3)]
trait Shelf {
    fn put(&mut self, cx: &mut ShelfCx, book: String, pages: u32);
    fn pages(&self, book: String) -> Option<u32>;
    fn added() -> String;
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Books {
    pages: BTreeMap<String, u32>,
    total: u64,
}

impl Shelf for Books {
    fn put(&mut self, cx: &mut ShelfCx, book: String, pages: u32) {
        cx.emit_added(&book);
        self.total += u64::from(pages);
        self.pages.insert(book, pages);
    }

    fn pages(&self, book: String) -> Option<u32> {
        self.pages.get(&book).copied()
    }

    fn capture(&self) -> Box<dyn Capture> {
        let (pages, total) = (Items::of(self.pages.clone()), Encoded::of(&self.total));
        Box::new(Fields::default().with(pages).with(total))
    }
}

fn shelf() -> Applier {
    Applier::new(ShelfMachine(Books::default()), SessionLimits::default())
}

fn filled() -> Applier {
    let mut applier = shelf();
    for index in 1..=100 {
        let put = ShelfCommand::Put { book: format!("book {index}"), pages: 7 };
        let command = client::sessionless::<ShelfMachine<Books>>(MachineId::FIRST, &put);
        let id = LogId { term: Term(1), index: Index(index) };
        let run = Entries::new([Entry { id, payload: Payload::Command(command) }]);
        applier.apply(&run.expect("a run"), &mut Applied::default()).expect("nothing is lacking");
    }
    applier
}

#[test]
fn a_state_is_written_down_in_pieces_and_read_back_with_serde() {
    let before = filled();
    let (mut capture, mut state, mut pieces) = (before.capture(), Vec::new(), 1);
    while !capture.write(&mut state, 50) {
        pieces += 1;
    }
    assert!(pieces > 20, "{pieces} pieces");
    let mut after = shelf();
    after.restore(before.last_applied(), &state, &mut Applied::default()).expect("a state");
    assert_eq!(after.digest(), before.digest());

    let mut machine = ShelfMachine(Books::default());
    machine.apply(&mut Context::default(), ShelfCommand::Put { book: "b".into(), pages: 1 });
    let (mut by_hand, mut whole) = (Vec::new(), Vec::new());
    while !StateMachine::capture(&machine).write(&mut by_hand, 1000) {}
    while !Encoded::of(&machine).write(&mut whole, 1000) {}
    assert_eq!(by_hand, whole);
}

#[test]
fn only_so_many_events_are_kept() {
    let mut applier = filled();
    let mut applied = Applied::default();
    let ask = |since| Watch {
        machine: MachineId::FIRST,
        filter: Filter::Prefix(Vec::new().into()),
        since: Since::Position(Position(since)),
        until: Some(Index(0)),
    };
    applier.watch(RequestId(1), &client::watch(&ask(0)), &mut applied);
    applier.watch(RequestId(2), &client::watch(&ask(97)), &mut applied);
    let [gap, rest] =
        [0, 1].map(|at| client::watched(&applied.reads[at].outcome).expect("an answer"));
    let Watched::Gap(gap) = gap else { panic!("{gap:?}") };
    assert_eq!((gap.resume, gap.complete_after), (Position(97), Index(97)));
    let Watched::Events { events, .. } = rest else { panic!("{rest:?}") };
    assert_eq!(events.len(), 3);
}
