//! What a server gives to one that has lost entries in the middle of its log.

use crate::world::{World, config, node_id};
use bytes::Bytes;
use quorate_core::node::{Input, LogReader};
use quorate_core::wal::{DiskError, DiskErrorKind, WalError};
use quorate_core::wire::{NotApplied, Outcome, RequestBody, decode_entries};
use quorate_core::{Entries, EntryRange, Index, LogId, Payload};

/// Three servers, the first of which holds a no-op and five commands, in memory or only on its disk.
fn world(cached_bytes_max: u64) -> (World, Vec<LogId>) {
    let configs = (1..=3).map(|id| {
        let mut config = config(id, 3);
        config.raft.cached_bytes_max = cached_bytes_max;
        config
    });
    let mut world = World::of(configs.collect());
    let leader = world.elect();
    for (id, command) in (1..).zip(["a", "b", "c", "d", "e"]) {
        world.propose(leader, id, command);
    }
    let log: Vec<_> = world.hosts[0].log.iter().map(|entry| entry.id).collect();
    assert_eq!(log.len(), 6);
    (world, log)
}

fn range(after: LogId, last: u64, anchor: LogId) -> EntryRange {
    EntryRange { after, last: Index(last), anchor }
}

fn ask(world: &mut World, id: u64, range: EntryRange) -> Outcome {
    world.request(0, id, RequestBody::Entries(range));
    world.hosts[0].outcome(id).clone()
}

fn commands(after: LogId, outcome: &Outcome) -> Vec<Bytes> {
    let Outcome::Done { answer, .. } = outcome else { panic!("{outcome:?}") };
    let entries = decode_entries(after.index, answer).expect("entries");
    let command = |payload: &Payload| match payload {
        Payload::Command(command) => command.clone(),
        Payload::System(_) => Bytes::from_static(b"-"),
    };
    entries.iter().map(|entry| command(&entry.payload)).collect()
}

#[test]
fn whoever_has_what_is_around_them_gives_them_from_memory_or_disk() {
    for cached_bytes_max in [1 << 20, 0] {
        let (mut world, log) = world(cached_bytes_max);
        let outcome = ask(&mut world, 11, range(log[1], 4, log[4]));
        assert_eq!(commands(log[1], &outcome), ["b", "c"], "{cached_bytes_max}");
        let outcome = ask(&mut world, 12, range(LogId::ZERO, 2, log[1]));
        assert_eq!(commands(LogId::ZERO, &outcome), ["-", "a"]);
        let outcome = ask(&mut world, 13, range(log[2], 3, log[3]));
        assert!(commands(log[2], &outcome).is_empty(), "nothing is missing");
    }
}

/// thesis 3.5: only a log that has both ends is the same between them.
#[test]
fn nobody_gives_entries_of_another_log() {
    let (mut world, log) = world(1 << 20);
    let other = |id: LogId| LogId { term: quorate_core::Term(id.term.0 + 1), ..id };
    let beyond = LogId { index: Index(7), ..log[5] };
    let ends =
        [(other(log[1]), log[4]), (log[1], other(log[4])), (log[1], beyond), (beyond, beyond)];
    for (id, (after, anchor)) in (11..).zip(ends) {
        let outcome = ask(&mut world, id, range(after, 3, anchor));
        assert_eq!(outcome, Outcome::NotApplied(NotApplied::NotInLog), "{after:?}, {anchor:?}");
    }
    let outcome = ask(&mut world, 20, range(log[1], 6, log[4]));
    assert_eq!(outcome, Outcome::NotApplied(NotApplied::Invalid), "what is behind the anchor");
    let far = LogId { index: Index(u64::MAX), ..log[5] };
    let outcome = ask(&mut world, 21, range(far, u64::MAX, far));
    assert_eq!(outcome, Outcome::NotApplied(NotApplied::NotInLog));
}

/// A server may have lost entries and lead nobody, and so may those that it asks.
#[test]
fn it_takes_no_leader_to_give_them() {
    let (mut world, log) = world(1 << 20);
    world.cuts = vec![(0, 1), (0, 2)];
    world.hosts[0].inputs.clear();
    world.pass(std::time::Duration::from_secs(5));
    assert_ne!(world.hosts[0].node.raft().status().leader, Some(node_id(1)));
    let outcome = ask(&mut world, 11, range(log[1], 4, log[4]));
    assert_eq!(commands(log[1], &outcome), ["b", "c"]);
}

#[test]
fn what_the_disk_says_to_it_ends_the_request_or_the_server() {
    let gone = WalError::NotInLog { index: Index(3), first: Index(5), last: Index(6) };
    let kind = DiskErrorKind::Io;
    let failed = WalError::Disk(DiskError { kind, context: "reading".to_owned() });
    for (read, outcome, failure) in [
        (Err(gone), Some(NotApplied::NotInLog), None),
        (Ok(Entries::EMPTY), Some(NotApplied::NotInLog), None),
        (Err(failed.clone()), None, Some(failed)),
    ] {
        let (mut world, log) = world(0);
        world.hosts[0].read_answer = Some(read);
        world.request(0, 11, RequestBody::Entries(range(log[1], 4, log[4])));
        let outcome = outcome.map(Outcome::NotApplied);
        assert_eq!(world.hosts[0].responses.get(&11), outcome.as_ref());
        assert_eq!(world.hosts[0].failure, failure);
    }
}

/// An answer of the disk to a request that is over.
#[test]
fn what_is_read_too_late_is_nothing() {
    let (mut world, _) = world(0);
    let reader = LogReader::Request(quorate_core::RequestId(77));
    let late = Input::LogRead(reader, Ok(Entries::EMPTY));
    world.hosts[0].inputs.push(late);
    world.settle();
    assert_eq!(world.hosts[0].failure, None);
}
