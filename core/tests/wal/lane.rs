//! The lane of the log: what shares a sync, and what a node hears of a disk that fails.

use quorate_core::Index;
use quorate_core::node::{Idle, Input, Lane, LogLane, LogOrder, LogReader};
use quorate_core::wal::{Disk, DiskErrorKind, MemDisk, Wal, WalError, WalOptions};

use crate::support::{OPTIONS, append, append_in_term, formatted, id};

fn lane(disk: &MemDisk) -> LogLane<&MemDisk> {
    lane_of(Wal::open(disk, OPTIONS, 1).expect("formatted").0)
}

fn lane_of<D: Disk>(wal: Wal<D>) -> LogLane<D> {
    let snapshots = wal.snapshots(|_| ()).expect("no snapshot is missing");
    LogLane::new(wal, snapshots)
}

fn two_writes() -> [LogOrder; 2] {
    let first = append_in_term(1, id(0, 0), 1, &[b"a"]);
    let second = append(2, id(1, 1), 1, &[b"b"]);
    [LogOrder::Write(first), LogOrder::Write(second)]
}

fn read(first: u64) -> LogOrder {
    LogOrder::Read { reader: LogReader::StateMachine, first: Index(first), bytes_max: 1 << 20 }
}

#[test]
fn writes_that_have_queued_up_share_a_sync_and_a_read_sees_them() {
    let disk = formatted();
    let (mut lane, mut done) = (lane(&disk), Vec::new());
    let before = lane.wal().counters().syncs;
    let mut work = two_writes().to_vec();
    work.push(read(1));
    lane.step(&mut work, &mut done);
    assert!(work.is_empty());
    assert_eq!(lane.wal().counters().syncs, before + 1);
    let [Input::Persisted(ticket), Input::LogRead(LogReader::StateMachine, Ok(entries))] =
        &done[..]
    else {
        panic!("{done:?}");
    };
    assert_eq!((ticket.0, entries.len()), (2, 2));
}

#[test]
fn nothing_is_acknowledged_once_a_write_failed() {
    let disk = formatted();
    let (mut lane, mut done) = (lane(&disk), Vec::new());
    disk.fail_after(1, DiskErrorKind::Io);
    lane.step(&mut two_writes().to_vec(), &mut done);
    assert!(matches!(done[..], [Input::DiskFailed(WalError::Disk(_))]), "{done:?}");
    done.clear();
    // The disk works again: that changes nothing.
    let third = append(3, id(1, 2), 1, &[b"c"]);
    lane.step(&mut vec![LogOrder::Write(third), read(1)], &mut done);
    lane.after_step(&mut done);
    assert_eq!(lane.idle(&mut done), Idle::Done);
    lane.finish(&mut done);
    let is_dead = |input: &Input| {
        let (Input::DiskFailed(why) | Input::LogRead(_, Err(why))) = input else { return false };
        matches!(why, WalError::Poisoned { .. })
    };
    assert!(done.len() >= 4 && done.iter().all(is_dead), "{done:?}");
}

#[test]
fn a_full_disk_is_told_once_and_stops_no_writes() {
    let disk = formatted();
    let (mut lane, mut done) = (lane(&disk), Vec::new());
    let mut orders = two_writes().into_iter();
    disk.fail_after(0, DiskErrorKind::Full);
    lane.after_step(&mut done);
    assert!(matches!(done[..], [Input::DiskFull(_)]), "{done:?}");
    done.clear();
    lane.step(&mut orders.by_ref().take(1).collect(), &mut done);
    let operations = disk.operations();
    lane.after_step(&mut done);
    assert_eq!(disk.operations(), operations, "it is not tried again at every write");
    assert!(matches!(done[..], [Input::Persisted(_)]), "{done:?}");
    // An idle moment is the time to try again.
    while lane.idle(&mut done) == Idle::More {}
    assert!(matches!(done[..], [Input::Persisted(_)]), "{done:?}");
}

/// A disk with a little room, in which the next segment is begun again and again.
#[test]
fn a_full_disk_is_told_again_only_after_there_was_room_for_a_segment() {
    const MIB: usize = 1 << 20;
    let disk = formatted();
    let options = WalOptions { segment_bytes: 8 << 20, ..OPTIONS };
    let wal = Wal::open(&disk, options, 1).expect("formatted").0;
    let (mut lane, mut done) = (lane_of(wal), Vec::new());
    let idle = |lane: &mut LogLane<&MemDisk>, operations| {
        let mut done = Vec::new();
        disk.fail_after(operations, DiskErrorKind::Full);
        assert_eq!(lane.idle(&mut done), Idle::Done);
        done
    };
    // After what an idle moment may be used for first.
    assert!(matches!(idle(&mut lane, 2)[..], [Input::DiskFull(_)]));
    assert_eq!(idle(&mut lane, 0), []);
    assert_eq!(lane.idle(&mut done), Idle::More, "half of it fits");
    assert_eq!(idle(&mut lane, 0), []);
    while lane.idle(&mut done) == Idle::More {}
    assert_eq!(done, []);
    // Takes the segment that there was room for.
    let write = append_in_term(1, id(0, 0), 1, &[&vec![7; MIB][..]; 9]);
    lane.step(&mut vec![LogOrder::Write(write)], &mut done);
    assert!(matches!(done[..], [Input::Persisted(_)]), "{done:?}");
    disk.fail_after(0, DiskErrorKind::Full);
    done.clear();
    lane.after_step(&mut done);
    assert!(matches!(done[..], [Input::DiskFull(_)]), "{done:?}");
}

/// However much has queued up, every few MiB somebody hears that the disk works.
#[test]
fn a_long_queue_becomes_durable_in_portions() {
    const MIB: u64 = 1 << 20;
    let disk = formatted();
    let options = WalOptions { segment_bytes: 4 * MIB, ..OPTIONS };
    let mut lane = lane_of(Wal::open(&disk, options, 1).expect("formatted").0);
    let body = vec![7; 1 << 20];
    let bodies =
        |index: u64| -> Vec<&[u8]> { if index == 6 { vec![&body; 5] } else { vec![&body] } };
    // The last write alone is more than a portion.
    let writes = (1..=6).map(|ticket| {
        append_in_term(ticket, id((ticket > 1).into(), ticket - 1), 1, &bodies(ticket))
    });
    let mut work: Vec<_> = writes.map(LogOrder::Write).collect();
    let mut landings = Vec::new();
    while !work.is_empty() {
        let mut done = Vec::new();
        lane.step(&mut work, &mut done);
        let [Input::Persisted(ticket)] = done[..] else { panic!("{done:?}") };
        landings.push(ticket.0);
    }
    assert_eq!(landings, [3, 5, 6]);
}
