//! The lane of the state machine: what it says, and in which order.

use bytes::Bytes;
use quorate_core::node::{Answers, Input, Lane};
use quorate_core::snapshot::Framer;
use quorate_core::{
    ClusterId, Entries, Entry, Index, LogId, Membership, NodeId, Payload, RequestId, SnapshotMeta,
    Term,
};
use quorate_sm::kv::{Command, Kv, Query};
use quorate_sm::{
    Applier, ApplyLane, ApplyOrder, ByteMachine, Context, Digest, Filter, MachineId, Position,
    SessionKeeper, SessionLimits, Since, Undecodable, Watch, client,
};

const PART_BYTES: usize = 256 << 10;

fn lane() -> ApplyLane {
    let applier = Applier::new(Kv::default(), SessionLimits::default());
    ApplyLane::new(applier, SessionKeeper::new(std::time::Duration::from_secs(9)))
}

fn step(lane: &mut ApplyLane, orders: impl IntoIterator<Item = ApplyOrder>) -> Vec<Input> {
    let (mut work, mut done) = (orders.into_iter().collect(), Vec::new());
    lane.step(&mut work, &mut done);
    assert!(work.is_empty());
    done
}

/// So many entries that each put `key`, from the next one on.
fn puts(lane: &ApplyLane, key: &'static str, count: u64, answers: Answers) -> ApplyOrder {
    let first = lane.applier().last_applied().index.0 + 1;
    let entries = (first..first + count).map(|index| {
        let command = Command::Put { key: key.into(), value: Bytes::new() };
        let command = client::sessionless::<Kv>(MachineId::FIRST, &command);
        let id = LogId { term: Term(1), index: Index(index) };
        Entry { id, payload: Payload::Command(command) }
    });
    ApplyOrder::Apply { entries: Entries::new(entries).expect("a run"), answers }
}

fn query(id: u64, index: u64) -> ApplyOrder {
    let query = client::query::<Kv>(MachineId::FIRST, &Query::Get { key: "a".into() });
    ApplyOrder::Query { id: RequestId(id), index: Index(index), query }
}

fn watch(id: u64, key: &'static str) -> ApplyOrder {
    let (filter, since) = (Filter::Topic(key.into()), Since::Position(Position::START));
    let watch = Watch { machine: MachineId::FIRST, filter, since, until: None };
    ApplyOrder::Watch { id: RequestId(id), watch: client::watch(&watch) }
}

/// Who is answered, and as of which entry; or up to where entries are applied.
fn said(done: &[Input]) -> Vec<String> {
    let said = |input: &Input| match input {
        Input::Answered { id, index, answer } => {
            assert!(answer.is_some());
            format!("{} as of {}", id.0, index.0)
        }
        Input::Applied(index, answers) => format!("applied {}: {} answers", index.0, answers.len()),
        other => panic!("{other:?}"),
    };
    done.iter().map(said).collect()
}

/// Whoever is told that something is done has seen what came of it.
#[test]
fn events_and_reads_come_before_the_answers_to_the_commands_that_they_follow() {
    let mut lane = lane();
    assert_eq!(said(&step(&mut lane, [query(1, 0)])), ["1 as of 0"]);
    assert!(step(&mut lane, [query(2, 2), watch(3, "a"), watch(4, "b")]).is_empty());
    let order = puts(&lane, "a", 2, Answers::Wanted);
    assert_eq!(said(&step(&mut lane, [order])), ["2 as of 2", "3 as of 2", "applied 2: 2 answers"]);
    let order = puts(&lane, "b", 1, Answers::Unwanted);
    assert_eq!(said(&step(&mut lane, [order])), ["4 as of 3", "applied 3: 0 answers"]);
}

#[test]
fn what_is_taken_back_is_never_answered() {
    let mut lane = lane();
    let forget = |id| ApplyOrder::Forget(RequestId(id));
    assert!(step(&mut lane, [query(1, 1), watch(2, "a"), forget(1), forget(2)]).is_empty());
    let order = puts(&lane, "a", 1, Answers::Wanted);
    assert_eq!(said(&step(&mut lane, [order])), ["applied 1: 1 answers"]);
}

#[test]
fn a_state_is_written_down_in_parts_as_of_the_entry_at_which_that_began() {
    let mut lane = lane();
    let value = Bytes::from(vec![7; 400 << 10]);
    for (index, key) in (1..).zip(["a", "b", "c"]) {
        let command = Command::Put { key: key.into(), value: value.clone() };
        let command = client::sessionless::<Kv>(MachineId::FIRST, &command);
        let id = LogId { term: Term(1), index: Index(index) };
        let run = Entries::new([Entry { id, payload: Payload::Command(command) }]);
        let entries = run.expect("a run");
        step(&mut lane, [ApplyOrder::Apply { entries, answers: Answers::Unwanted }]);
    }
    let digest = lane.applier().digest();
    let mut parts = step(&mut lane, [ApplyOrder::Capture(Index(3))]);
    let later = puts(&lane, "later", 5, Answers::Unwanted);
    step(&mut lane, [later]);
    let (mut state, mut count) = (Vec::new(), 0);
    loop {
        let [Input::Captured { index: Index(3), part, is_last }] = &parts[..] else {
            panic!("{parts:?}")
        };
        state.extend_from_slice(part);
        if *is_last {
            break;
        }
        // A value that was begun is written down as a whole.
        assert!(part.len() < PART_BYTES + value.len() + 1000, "{}", part.len());
        count += 1;
        parts = step(&mut lane, [ApplyOrder::CaptureMore]);
    }
    assert!(state.len() > 3 * value.len() && count >= 2, "{count}");
    assert!(step(&mut lane, [ApplyOrder::CaptureMore]).is_empty(), "that was all");
    let mut again = Applier::new(Kv::default(), SessionLimits::default());
    let at = LogId { term: Term(1), index: Index(3) };
    again.restore(at, &state, &mut quorate_sm::Applied::default()).expect("a state");
    assert_eq!(again.digest(), digest);
    step(&mut lane, [ApplyOrder::Capture(Index(8)), ApplyOrder::CaptureEnd]);
    assert!(step(&mut lane, [ApplyOrder::CaptureMore]).is_empty(), "no more is wanted");
}

/// A snapshot as of the `index`th of as many puts, in blocks as servers send them, and what it makes.
fn snapshot(index: u64) -> (LogId, Vec<u8>, u64) {
    let mut lane = lane();
    let order = puts(&lane, "a", index, Answers::Unwanted);
    step(&mut lane, [order]);
    let (mut capture, mut state) = (lane.applier().capture(), Vec::new());
    while !capture.write(&mut state, 100) {}
    let last_included = lane.applier().last_applied();
    let membership = Membership::of_voters([NodeId::new(1).expect("not zero")]).expect("a voter");
    let meta = SnapshotMeta { last_included, membership_at: LogId::ZERO, membership };
    let (mut framer, head) = Framer::new(ClusterId(7), &meta);
    let parts: Vec<_> = state.chunks(20).map(|part| framer.state(part)).collect();
    let blocks = [&head[..], &parts.concat(), &framer.end()].concat();
    (last_included, blocks, lane.applier().digest())
}

fn restore(snapshot: LogId, bytes: &[u8]) -> ApplyOrder {
    ApplyOrder::Restore { snapshot, bytes: Bytes::copy_from_slice(bytes) }
}

#[test]
fn a_state_comes_back_piece_by_piece_and_another_may_come_in_its_place() {
    let (first, second) = (snapshot(3), snapshot(5));
    for piece_bytes in [10, 70, 10_000] {
        let mut lane = lane();
        assert!(step(&mut lane, [query(1, 3)]).is_empty());
        let most = first.1.len() - 50;
        let begun = step(&mut lane, [restore(first.0, &first.1[..most])]);
        assert_eq!(begun, [Input::Restored { snapshot: first.0, is_done: false }]);
        assert_eq!(lane.applier().last_applied(), LogId::ZERO, "nothing is seen of it");
        let pieces = second.1.chunks(piece_bytes).map(|piece| restore(second.0, piece));
        let mut done = step(&mut lane, pieces);
        let answered = done.pop_if(|input| matches!(input, Input::Answered { .. }));
        assert_eq!(said(&Vec::from_iter(answered)), ["1 as of 5"]);
        let (last, before) = done.split_last().expect("something was said");
        assert_eq!(*last, Input::Restored { snapshot: second.0, is_done: true });
        let not_done = Input::Restored { snapshot: second.0, is_done: false };
        assert!(before.iter().all(|input| *input == not_done), "{before:?}");
        assert_eq!(lane.applier().digest(), second.2);
    }
}

#[test]
fn nothing_is_done_with_a_state_that_is_none() {
    let (id, mut blocks, _) = snapshot(3);
    let at = blocks.len() / 2;
    blocks[at] ^= 1;
    let mut lane = lane();
    let done = step(&mut lane, [restore(id, &blocks), query(1, 0)]);
    assert!(matches!(&done[..], [Input::Unfit(_)]), "{done:?}");
}

/// A machine that cannot be read once its disk has failed.
struct Broken(std::sync::OnceLock<String>);

impl ByteMachine for Broken {
    fn apply_bytes(
        &mut self,
        _: &mut Context,
        _: &[u8],
        _: &mut Vec<u8>,
    ) -> Result<(), Undecodable> {
        Ok(())
    }

    fn query_bytes(&self, _: &[u8], _: &mut Vec<u8>) -> Result<(), Undecodable> {
        self.0.set("the disk is gone".into()).map_err(|_| Undecodable)
    }

    fn failure(&self) -> Option<String> {
        self.0.get().cloned()
    }

    fn capture(&self) -> Box<dyn quorate_sm::Capture> {
        Box::new(quorate_sm::Encoded::of(&()))
    }

    fn restore(&mut self, _: &[u8]) -> Result<(), Undecodable> {
        Ok(())
    }

    fn digest_into(&self, _: &mut Digest) {}
}

#[test]
fn nobody_is_told_what_a_machine_that_fails_says() {
    for waits_for in [0, 1, 4] {
        let machine = Broken(std::sync::OnceLock::new());
        let applier = Applier::new(machine, SessionLimits::default());
        let mut lane =
            ApplyLane::new(applier, SessionKeeper::new(std::time::Duration::from_secs(9)));
        let order = puts(&lane, "a", 3, Answers::Wanted);
        let (at, blocks, _) = snapshot(4);
        let mut done = step(&mut lane, [query(1, waits_for), order, restore(at, &blocks)]);
        done.retain(|input| !matches!(input, Input::Applied(..)));
        let [Input::Unfit(why)] = &done[..] else { panic!("{done:?}") };
        assert!(why.contains("the disk is gone"), "{why}");
    }
}

#[test]
fn short_work_of_a_brief_machine_is_not_worth_a_thread() {
    let lane = lane();
    for (count, is_brief) in [(1, true), (16, true), (17, false)] {
        let order = puts(&lane, "a", count, Answers::Wanted);
        assert_eq!(lane.is_brief(&order), is_brief, "{count}");
    }
    assert!(lane.is_brief(&query(1, 0)) && lane.is_brief(&watch(2, "a")));
    assert!(!lane.is_brief(&ApplyOrder::Capture(Index(0))));
}
