//! The lane of the state machine: what it says, and in which order.

use bytes::Bytes;
use quorate_core::node::{Answers, Input, Lane};
use quorate_core::{Entries, Entry, Index, LogId, Payload, RequestId, Term};
use quorate_sm::kv::{Command, Kv, Query};
use quorate_sm::{
    Applier, ApplyLane, ApplyOrder, Filter, MachineId, Position, SessionKeeper, SessionLimits,
    Since, Watch, client,
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
