//! Snapshots between nodes: taken, got piece by piece, and what interrupts that.

use std::time::Duration;

use quorate_core::node::{Input, LogReader, Note};
use quorate_core::snapshot::{Parser, Piece, Slot, SnapshotStore, StoreError};
use quorate_core::wal::{Disk, MemDisk, MemFile};
use quorate_core::{Index, LogId};

use crate::world::{CLUSTER, World, config};

/// The snapshots of a host, and a state machine whose state is a long text about its last entry.
pub(crate) struct Snapshots {
    disk: MemDisk,
    store: SnapshotStore<MemFile>,
    capturing: Option<(Index, Vec<u8>)>,
    restoring: Option<(LogId, Parser, Vec<u8>)>,
    /// What the state machine was last restored to.
    pub(crate) restored: Option<String>,
    /// Offsets that were read for peers, in order.
    pub(crate) reads: Vec<u64>,
    /// The next piece that is read for a peer has a flipped bit.
    pub(crate) is_about_to_garble: bool,
}

const PART_BYTES: usize = 100;

fn state_at(index: Index) -> String {
    format!("all up to {}; ", index.0).repeat(40)
}

impl Snapshots {
    pub(crate) fn new() -> Self {
        let disk = MemDisk::new();
        let store = SnapshotStore::open(&disk, CLUSTER, LogId::ZERO).expect("an empty disk");
        Self {
            disk,
            store,
            capturing: None,
            restoring: None,
            restored: None,
            reads: Vec::new(),
            is_about_to_garble: false,
        }
    }

    pub(crate) fn capture(&mut self, index: Index) -> Option<Input> {
        self.capturing = Some((index, state_at(index).into_bytes()));
        self.capture_more()
    }

    pub(crate) fn capture_more(&mut self) -> Option<Input> {
        let (index, state) = self.capturing.as_mut()?;
        let (index, rest) = (*index, state.split_off(PART_BYTES.min(state.len())));
        let part = std::mem::replace(state, rest).into();
        let is_last = state.is_empty();
        self.capturing.take_if(|_| is_last);
        Some(Input::Captured { index, part, is_last })
    }

    pub(crate) fn end_capture(&mut self) {
        self.capturing = None;
    }

    pub(crate) fn write(&mut self, slot: Slot, id: LogId, offset: u64, bytes: &[u8]) -> Input {
        let stored = self.store.write(&self.disk, slot, id, offset, bytes);
        Input::SnapshotStored { slot, snapshot: id, stored }
    }

    pub(crate) fn read(
        &mut self,
        reader: LogReader,
        snapshot: LogId,
        offset: u64,
        bytes_max: u32,
    ) -> Input {
        let mut read = self.store.read(&self.disk, snapshot, offset, bytes_max);
        if let LogReader::Peer(_) = reader {
            self.reads.push(offset);
            if let Ok(Some((bytes, _))) = &mut read
                && std::mem::take(&mut self.is_about_to_garble)
            {
                let mut garbled = bytes.to_vec();
                garbled[bytes.len() / 2] ^= 1;
                *bytes = garbled.into();
            }
        }
        Input::SnapshotRead { reader, snapshot, offset, read }
    }

    /// Is the snapshot whole, and the state that of it?
    pub(crate) fn restore(&mut self, snapshot: LogId, bytes: &[u8]) -> bool {
        self.restoring.take_if(|it| it.0 != snapshot);
        let (_, parser, state) =
            self.restoring.get_or_insert_with(|| (snapshot, Parser::new(), Vec::new()));
        let take = |piece: Piece<'_>| {
            if let Piece::State(part) = piece {
                state.extend_from_slice(part);
            }
        };
        parser.push(bytes, take).expect("what is on the disk is sound");
        let is_done = parser.complete().is_some();
        if is_done {
            let state = self.restoring.take().map(|it| it.2);
            self.restored = state.map(|state| String::from_utf8(state).expect("text"));
        }
        is_done
    }

    pub(crate) fn forget(&mut self, newest: Index, kept: &[LogId]) {
        self.store.forget(&self.disk, newest, kept).expect("a disk without faults");
    }

    fn files(&self) -> Vec<String> {
        let mut names = self.disk.list().expect("a list");
        names.sort();
        names
    }
}

/// Three nodes that take a snapshot at every tenth entry, keep nothing that it covers, and send it in
/// pieces of 64 bytes.
fn world() -> World {
    let configs = (1..=3).map(|id| {
        let mut config = config(id, 3);
        config.raft.retained_entries_max = 0;
        config.snapshot_entries = 10;
        config.snapshot_piece_bytes = 64;
        config
    });
    World::of(configs.collect())
}

fn propose(world: &mut World, at: usize, from: u64, count: u64) {
    for id in from..from + count {
        world.propose(at, id, "x");
        world.pass(Duration::from_millis(1));
    }
}

/// A leader that has taken a snapshot, and a server that was cut off since before it.
fn lagging() -> (World, usize, usize) {
    let mut world = world();
    let leader = world.elect();
    let lagging = (leader + 1) % 3;
    let other = (leader + 2) % 3;
    world.cut(leader, lagging);
    world.cut(other, lagging);
    propose(&mut world, leader, 0, 25);
    world.pass(Duration::from_millis(200));
    assert_eq!(world.hosts[leader].node.status().snapshot, Index(20));
    assert_eq!(world.hosts[leader].node.status().log_start, Index(20));
    (world, leader, lagging)
}

fn restored(world: &World, at: usize) -> Option<&str> {
    world.hosts[at].snapshots.restored.as_deref()
}

#[test]
fn all_take_their_snapshots_at_the_same_entries_and_keep_the_newest() {
    let mut world = world();
    let leader = world.elect();
    propose(&mut world, leader, 0, 35);
    world.pass(Duration::from_secs(1));
    for host in &world.hosts {
        assert_eq!(host.node.status().snapshot, Index(30));
        let files = host.snapshots.files();
        assert_eq!(files.len(), 1, "{files:?}");
        assert!(files[0].starts_with("snap-00000000000000000030-"), "{files:?}");
        let taken = host.notes.iter().filter(|note| matches!(note, Note::SnapshotTaken(_)));
        assert_eq!(taken.count(), 3);
    }
}

#[test]
fn a_server_that_is_far_behind_begins_anew_from_a_snapshot() {
    let (mut world, leader, lagging) = lagging();
    world.cuts.clear();
    world.pass(Duration::from_secs(5));
    assert_eq!(restored(&world, lagging), Some(&*state_at(Index(20))));
    let status = world.hosts[lagging].node.status();
    assert_eq!((status.applied, status.fetching), (Index(26), None), "and what follows it");
    assert_eq!(world.hosts[lagging].snapshots.files().len(), 1);
    propose(&mut world, leader, 100, 1);
    world.pass(Duration::from_millis(100));
    assert_eq!(world.hosts[lagging].node.status().applied, Index(27));
    let reads = &world.hosts[leader].snapshots.reads;
    assert!(reads.is_sorted() && reads.len() > 10, "each piece once: {reads:?}");
}

/// A connection that breaks costs the piece that was under way at most.
#[test]
fn a_transfer_goes_on_where_it_was_interrupted() {
    let (mut world, leader, lagging) = lagging();
    world.cuts.clear();
    while world.hosts[lagging].node.status().fetching.is_none_or(|(_, bytes)| bytes < 300) {
        world.pass(Duration::from_micros(10));
    }
    world.cut(leader, lagging);
    let so_far = world.hosts[lagging].node.status().fetching.expect("under way").1;
    world.pass(Duration::from_millis(50));
    world.cuts.clear();
    world.pass(Duration::from_secs(5));
    assert_eq!(restored(&world, lagging), Some(&*state_at(Index(20))));
    let reads = &world.hosts[leader].snapshots.reads;
    assert_eq!(reads.iter().filter(|&&offset| offset == 0).count(), 1, "{reads:?}");
    assert!(reads.iter().filter(|&&offset| offset == so_far).count() <= 2, "{reads:?}");
}

/// Another leader has the same snapshot, of the same bytes.
#[test]
fn a_transfer_goes_on_from_another_leader() {
    let (mut world, leader, lagging) = lagging();
    world.cuts.clear();
    while world.hosts[lagging].node.status().fetching.is_none_or(|(_, bytes)| bytes < 300) {
        world.pass(Duration::from_micros(10));
    }
    let other = (leader + 2) % 3;
    world.cut(leader, lagging);
    world.cut(leader, other);
    world.pass(Duration::from_secs(5));
    assert_eq!(world.leader(), Some(other), "it has all that is committed");
    assert_eq!(restored(&world, lagging), Some(&*state_at(Index(20))));
    let resumed = |note: &Note| matches!(note, Note::SnapshotResumed(_));
    assert!(world.hosts[lagging].notes.iter().any(resumed));
    let reads = &world.hosts[other].snapshots.reads;
    assert!(reads.iter().all(|&offset| offset >= 300), "{reads:?}");
}

/// FAULTS S07, D18.
#[test]
fn a_damaged_piece_is_noticed_and_the_transfer_begins_anew_a_while_later() {
    let (mut world, leader, lagging) = lagging();
    world.hosts[leader].snapshots.is_about_to_garble = true;
    world.cuts.clear();
    world.pass(Duration::from_millis(900));
    let damaged =
        |note: &Note| matches!(note, Note::SnapshotDamaged(Some(_), StoreError::Damaged { .. }));
    assert_eq!(world.hosts[lagging].notes.iter().filter(|note| damaged(note)).count(), 1);
    assert_eq!(restored(&world, lagging), None);
    assert_eq!(world.hosts[lagging].snapshots.files(), [""; 0], "nothing of it is kept");
    world.pass(Duration::from_secs(5));
    assert_eq!(restored(&world, lagging), Some(&*state_at(Index(20))));
    let zeros = world.hosts[leader].snapshots.reads.iter().filter(|&&offset| offset == 0);
    assert_eq!(zeros.count(), 2);
}

#[test]
fn a_transfer_leaves_room_for_others() {
    let configs = (1..=3).map(|id| {
        let mut config = config(id, 3);
        config.raft.retained_entries_max = 0;
        config.snapshot_entries = 10;
        config.snapshot_piece_bytes = 64;
        config.snapshot_bytes_per_second_max = 640;
        config
    });
    let mut world = World::of(configs.collect());
    let leader = world.elect();
    let lagging = (leader + 1) % 3;
    world.cut(leader, lagging);
    world.cut((leader + 2) % 3, lagging);
    propose(&mut world, leader, 0, 15);
    world.pass(Duration::from_millis(200));
    world.cuts.clear();
    world.pass(Duration::from_millis(700));
    let (_, before) = world.hosts[lagging].node.status().fetching.expect("it takes its time");
    world.pass(Duration::from_millis(300));
    let (_, after) = world.hosts[lagging].node.status().fetching.expect("it takes its time");
    assert_eq!(after - before, 3 * 64, "ten pieces a second");
}

/// A leader that has taken another snapshot since and removed what it offered: it offers the new one.
#[test]
fn what_is_gone_is_not_waited_for() {
    let (mut world, leader, lagging) = lagging();
    world.cuts.clear();
    while world.hosts[lagging].node.status().fetching.is_none() {
        world.pass(Duration::from_micros(10));
    }
    world.hosts[leader].snapshots.forget(Index(u64::MAX), &[]);
    propose(&mut world, leader, 100, 10);
    world.pass(Duration::from_secs(5));
    assert_eq!(restored(&world, lagging), Some(&*state_at(Index(30))));
}

/// A slow state machine still begins anew from one snapshot when the next is about to be durable: it
/// is given no entries before it has begun anew from that one too.
#[test]
fn a_snapshot_comes_while_another_is_restored() {
    let (mut world, leader, lagging) = lagging();
    world.hosts[lagging].is_machine_stalled = true;
    world.cuts.clear();
    while world.hosts[lagging].base < Index(20) {
        world.pass(Duration::from_micros(10));
    }
    world.pass(Duration::from_millis(1));
    world.cut(leader, lagging);
    world.cut((leader + 2) % 3, lagging);
    propose(&mut world, leader, 100, 10);
    world.pass(Duration::from_millis(200));
    world.hosts[lagging].is_disk_stalled = true;
    world.cuts.clear();
    while world.hosts[lagging].base < Index(30) {
        world.pass(Duration::from_micros(10));
    }

    world.hosts[lagging].is_machine_stalled = false;
    world.settle();
    world.hosts[lagging].is_machine_stalled = true;
    world.hosts[lagging].is_disk_stalled = false;
    propose(&mut world, leader, 200, 5);
    world.pass(Duration::from_millis(200));
    world.hosts[lagging].is_machine_stalled = false;
    world.pass(Duration::from_secs(5));
    assert_eq!(restored(&world, lagging), Some(&*state_at(Index(30))));
    let applied = world.hosts[leader].node.status().applied;
    assert_eq!(world.hosts[lagging].node.status().applied, applied);
}
