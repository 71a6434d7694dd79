//! A million entries on a disk, in the log of this project and in that of TiKV.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;
use quorate_core::wal::{self, Identity, Wal, WalOptions};
use quorate_core::{
    Append, ClusterId, Entries, Entry, HardState, Incarnation, Index, LogId, Membership, NodeId,
    Payload, Term, Ticket, Write,
};
use quorate_io_tokio::FileDisk;
use raft_engine::{Engine, LogBatch, MessageExt, ReadableSize};

/// How many entries there are.
pub const ENTRIES: u64 = 1_000_000;
/// The length of each command.
pub const COMMAND_BYTES: usize = 256;
/// How many entries are one write.
const BATCH: u64 = 64;

/// Writes the entries to a log of this project, in an empty directory.
pub fn fill(directory: &Path) {
    let disk = FileDisk::open(directory).expect("a directory");
    let node = NodeId::new(1).expect("not zero");
    let identity = Identity { cluster: ClusterId(1), node, incarnation: Incarnation(1) };
    let founders = Membership::of_voters([node]).expect("one");
    wal::format(&disk, &identity, 0, &founders).expect("a writable disk");
    let (mut log, _) = Wal::open(disk, WalOptions::DEFAULT, 1).expect("a fresh log");
    let command = Bytes::from(vec![0xA5; COMMAND_BYTES]);
    let id = |index| LogId { term: Term(1), index: Index(index) };
    let write = |at: u64| {
        let first = 1 + at * BATCH;
        let entry = |index| Entry { id: id(index), payload: Payload::Command(command.clone()) };
        let last = (first + BATCH - 1).min(ENTRIES);
        let entries = Entries::new((first..=last).map(entry)).expect("a run");
        let prev = if first == 1 { LogId::ZERO } else { id(first - 1) };
        let hard_state =
            (at == 0).then_some(HardState { term: Term(1), vote: None, is_forgetful: false });
        let append = Some(Append { prev, entries });
        Write { ticket: Ticket(at + 1), snapshot: None, hard_state, append }
    };
    let writes: Vec<_> = (0..ENTRIES.div_ceil(BATCH)).map(write).collect();
    for together in writes.chunks(16) {
        log.write(together).expect("a writable disk");
    }
}

/// Opens it.
pub fn open(directory: &Path) -> Wal<FileDisk> {
    let disk = FileDisk::open(directory).expect("a directory");
    let (log, opened) = Wal::open(disk, WalOptions::DEFAULT, 2).expect("a log in order");
    assert_eq!(opened.recovered.last.index.0, ENTRIES);
    log
}

/// Reads and checks all of it, and changes nothing.
pub fn verify(directory: &Path) {
    let disk = FileDisk::open(directory).expect("a directory");
    let report = wal::verify(&disk).expect("a log in order");
    assert_eq!(report.records, ENTRIES);
}

/// Reads all files of a directory, and does nothing with them; returns how many bytes they are.
pub fn scan(directory: &Path) -> u64 {
    let scan = || -> io::Result<u64> {
        let mut buffer = vec![0; 1 << 20];
        let mut bytes = 0;
        for entry in std::fs::read_dir(directory)? {
            let mut file = File::open(entry?.path())?;
            loop {
                match file.read(&mut buffer)? {
                    0 => break,
                    read => bytes += read as u64,
                }
            }
        }
        Ok(bytes)
    };
    scan().expect("readable files")
}

const GROUP: u64 = 1;

/// Writes the entries to raft-engine, in an empty directory.
pub fn fill_raft_engine(directory: &Path) {
    let log = open_raft_engine_unchecked(directory);
    let mut batch = LogBatch::default();
    let mut entries = Vec::new();
    for index in 1..=ENTRIES {
        let data = Bytes::from(vec![0xA5; COMMAND_BYTES]);
        entries.push(raft::prelude::Entry { term: 1, index, data, ..Default::default() });
        if entries.len() as u64 == BATCH || index == ENTRIES {
            batch.add_entries::<Engineered>(GROUP, &entries).expect("entries");
            let is_sync = index.is_multiple_of(16 * BATCH) || index == ENTRIES;
            log.write(&mut batch, is_sync).expect("a writable disk");
            entries.clear();
        }
    }
}

/// Opens it.
pub fn open_raft_engine(directory: &Path) -> Engine {
    let log = open_raft_engine_unchecked(directory);
    assert_eq!(log.last_index(GROUP), Some(ENTRIES));
    log
}

fn open_raft_engine_unchecked(directory: &Path) -> Engine {
    let config = raft_engine::Config {
        dir: directory.to_str().expect("a plain name").into(),
        // What is not compressed is read faster, and noise would not compress.
        batch_compression_threshold: ReadableSize(0),
        ..raft_engine::Config::default()
    };
    Engine::open(config).expect("a log in order")
}

struct Engineered;

impl MessageExt for Engineered {
    type Entry = raft::prelude::Entry;

    fn index(entry: &Self::Entry) -> u64 {
        entry.index
    }
}
