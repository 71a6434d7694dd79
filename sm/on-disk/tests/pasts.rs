//! A file, and a log that it does or does not go with.

use quorate_core::node::{Answers, Input, Lane as _};
use quorate_core::{Entries, Entry, Index, LogId, Payload, RequestId, System, Term};
use quorate_on_disk::{OnDisk, OpenError};
use quorate_sm::{
    Applied, ApplyLane, ApplyOrder, MachineId, RestoreError, SessionKeeper, Unfit, client,
};
use redb::{Database, TableDefinition};

mod support;

use support::{Heap, Scratch, apply, fill, last, on_disk, row, state_of};

/// A log with calls in these entries, each of a term, and nothing in those between.
fn log(calls: &[(u64, u64)]) -> Vec<Entry> {
    let mut log = Vec::new();
    for &(term, index) in calls {
        for index in log.len() as u64 + 1..index {
            let id = LogId { term: Term(term), index: Index(index) };
            log.push(Entry { id, payload: Payload::System(System::Noop) });
        }
        log.push(row(term, index));
    }
    log
}

fn is_of_another_log(failed: Result<(), Unfit>) -> bool {
    matches!(failed, Err(Unfit::Failed { name, why }) if name == "first" && why.contains("another log"))
}

#[test]
fn a_log_with_another_past_ends_the_server_and_changes_nothing() {
    let scratch = Scratch::new("on-disk-pasts");
    let path = scratch.path("rows");
    let right = log(&[(1, 2), (1, 3), (1, 5)]);
    let mut disk = on_disk(&path, 30);
    apply(&mut disk, &right).expect("it goes on");
    let digest = disk.digest();
    drop(disk);
    for wrong in [
        // Another first call; a later one; one more; one less; none that the file has.
        &[(2, 2)][..],
        &[(1, 2), (2, 3)],
        &[(1, 2), (1, 3), (1, 4)],
        &[(1, 2), (1, 5)],
        &[(1, 2), (1, 3), (1, 6)],
        &[(1, 9)],
    ] {
        let mut disk = on_disk(&path, 30);
        let wrong = log(wrong);
        let (good, bad) = wrong.split_at(wrong.len() - 1);
        apply(&mut disk, good).expect("so far they are the same");
        assert!(is_of_another_log(apply(&mut disk, bad)), "{bad:?}");
        assert_eq!(last(&disk), 5);
        drop(disk);
        let mut disk = on_disk(&path, 30);
        apply(&mut disk, &right).expect("it goes on");
        assert_eq!(disk.digest(), digest);
    }
}

/// Whoever has lost its log, and not its file, may be given the whole log again.
#[test]
fn a_file_begins_anew_with_a_log_that_begins_before_what_is_remembered() {
    let scratch = Scratch::new("on-disk-anew");
    let path = scratch.path("rows");
    let mut disk = on_disk(&path, 30);
    for rows in [2, 4, 6] {
        fill(&mut disk, rows);
        drop(state_of(&disk));
    }
    let digest = disk.digest();
    drop(disk);

    let mut disk = on_disk(&path, 30);
    assert!(is_of_another_log(apply(&mut disk, &[row(2, 1)])));
    assert_eq!(last(&disk), 6, "nothing is lost");
    drop(disk);

    let mut disk = on_disk(&path, 30);
    fill(&mut disk, 1);
    assert_eq!(last(&disk), 1);
    fill(&mut disk, 6);
    assert_eq!(disk.digest(), digest);
}

#[test]
fn a_snapshot_of_another_log_ends_the_server_and_changes_nothing() {
    let scratch = Scratch::new("on-disk-other-snapshots");
    let snapshot = |name: &str, calls: &[(u64, u64)]| {
        let mut disk = on_disk(&scratch.path(name), 30);
        apply(&mut disk, &log(calls)).expect("it goes on");
        (disk.last_applied(), state_of(&disk))
    };
    let path = scratch.path("rows");
    let mut disk = on_disk(&path, 30);
    fill(&mut disk, 5);
    drop(disk);
    for (name, calls) in [
        ("elsewhere", &[(2, 1)][..]),
        ("elsewhere-and-longer", &[(2, 1), (2, 9)]),
        ("parted", &[(1, 1), (1, 2), (2, 3)]),
        ("parted-in-between", &[(1, 1), (2, 3)]),
    ] {
        let (at, state) = snapshot(name, calls);
        let mut disk = on_disk(&path, 30);
        let restored = disk.restore(at, &state, &mut Applied::default());
        let Err(RestoreError::Unfit(why)) = restored else { panic!("{name}: {restored:?}") };
        assert!(is_of_another_log(Err(why)), "{name}");
        assert_eq!(last(&disk), 5);
    }
    // Of what has gone wrong with the group, the snapshot is what it has made up its mind to.
    let (at, state) = snapshot("longer", &[(1, 1), (1, 2), (2, 3), (2, 4), (2, 5), (2, 6)]);
    let mut disk = on_disk(&path, 30);
    assert_eq!(disk.restore(at, &state, &mut Applied::default()), Ok(()));
    assert_eq!((last(&disk), state_of(&disk)), (6, state));
}

#[test]
fn a_file_of_something_else_is_left_alone() {
    let scratch = Scratch::new("on-disk-formats");
    let write = |name: &str, table: TableDefinition<'_, (), u64>| {
        let change = Database::create(scratch.path(name)).expect("a file").begin_write();
        let change = change.expect("it has begun");
        change.open_table(table).expect("a table").insert((), 7).expect("a row");
        change.commit().expect("it is written");
    };
    let open = |name: &str| OnDisk::open(scratch.path(name), Heap(30)).map(|disk| disk.applied());
    write("shop", TableDefinition::new("prices"));
    assert!(matches!(open("shop"), Err(OpenError::NotOfAMachine)));
    write("newer", TableDefinition::new("quorate state"));
    assert!(matches!(open("newer"), Err(OpenError::OtherFormat { found: 7 })));
    std::fs::write(scratch.path("text"), "Dear Sir or Madam").expect("room");
    assert!(matches!(open("text"), Err(OpenError::Database(_))));
    // Whoever was killed before anything was in it begins anew.
    drop(Database::create(scratch.path("empty")).expect("a file"));
    assert_eq!(open("empty").expect("a file"), Index(0));
}

/// A server that was restarted knows of its log that it is there, and not yet how much of it counts.
#[test]
fn reads_tell_how_far_the_file_is_ahead_of_the_log() {
    let scratch = Scratch::new("on-disk-ahead");
    let path = scratch.path("rows");
    let mut disk = on_disk(&path, 30);
    fill(&mut disk, 5);
    drop(disk);
    let keeper = SessionKeeper::new(std::time::Duration::from_secs(9));
    let mut lane = ApplyLane::new(on_disk(&path, 30), keeper);
    let mut read_after = |index: u64| {
        let at = lane.applier().last_applied().index.0;
        let entries = Entries::new((at + 1..=index).map(|index| row(1, index))).expect("a run");
        let apply = ApplyOrder::Apply { entries, answers: Answers::Unwanted };
        let query = client::query_bytes(MachineId::FIRST, &[]);
        let query = ApplyOrder::Query { id: RequestId(1), index: Index(0), query };
        let (mut work, mut done) = (vec![apply, query], Vec::new());
        lane.step(&mut work, &mut done);
        let Some(Input::Answered { index, answer: Some(_), .. }) = done.pop() else { panic!() };
        (index.0, last(lane.applier()))
    };
    let read: Vec<_> = [0, 1, 4, 5, 6].map(&mut read_after).into();
    assert_eq!(read, [(5, 5), (5, 5), (5, 5), (5, 5), (6, 6)]);
}
