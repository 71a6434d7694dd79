//! A node's log on a disk in memory, and the log as it should be.

use quorate_core::wal::{
    self, Identity, MemDisk, OpenError, Opened, Row, Wal, WalError, WalOptions,
};
use quorate_core::{
    Append, ClusterId, Entries, Entry, HardState, Incarnation, Index, LogId, Membership, NodeId,
    Payload, SnapshotChange, SnapshotMeta, Term, Ticket, Write,
};

pub(crate) type MemWal<'d> = Wal<&'d MemDisk>;

pub(crate) const OPTIONS: WalOptions = WalOptions {
    segment_bytes: 64 << 10,
    align_bytes: 4096,
    batch_bytes_max: 16 << 10,
    tail_bytes_max: 1 << 20,
};

pub(crate) fn node(id: u64) -> NodeId {
    NodeId::new(id).expect("not zero")
}

pub(crate) fn id(term: u64, index: u64) -> LogId {
    LogId { term: Term(term), index: Index(index) }
}

pub(crate) fn hard_state(term: u64, vote: u64) -> HardState {
    HardState { term: Term(term), vote: NodeId::new(vote), is_forgetful: false }
}

pub(crate) fn identity() -> Identity {
    Identity { cluster: ClusterId(0xC1), node: node(2), incarnation: Incarnation(0x1A) }
}

pub(crate) fn genesis() -> Membership {
    Membership::of_voters([1, 2, 3].map(node)).expect("a membership")
}

pub(crate) fn command(id: LogId, body: &[u8]) -> Entry {
    Entry { id, payload: Payload::Command(body.to_vec().into()) }
}

/// "After `prev`, entries of `term` with these commands."
pub(crate) fn append(ticket: u64, prev: LogId, term: u64, bodies: &[&[u8]]) -> Write {
    let indexes = prev.index.0 + 1..;
    let entries = bodies.iter().zip(indexes).map(|(body, index)| command(id(term, index), body));
    let entries = Entries::new(entries).expect("a run");
    Write {
        ticket: Ticket(ticket),
        snapshot: None,
        hard_state: None,
        append: Some(Append { prev, entries }),
    }
}

/// The same with a hard state: the first write of a term.
pub(crate) fn append_in_term(ticket: u64, prev: LogId, term: u64, bodies: &[&[u8]]) -> Write {
    Write { hard_state: Some(hard_state(term, 1)), ..append(ticket, prev, term, bodies) }
}

/// A write that says nothing but this of a snapshot.
pub(crate) fn of_snapshot(ticket: u64, change: SnapshotChange) -> Write {
    let ticket = Ticket(ticket);
    Write { ticket, snapshot: Some(Box::new(change)), hard_state: None, append: None }
}

/// A snapshot of the founding members' group.
pub(crate) fn snapshot_at(last_included: LogId) -> SnapshotMeta {
    SnapshotMeta { last_included, ..SnapshotMeta::genesis(genesis()) }
}

pub(crate) fn formatted() -> MemDisk {
    let disk = MemDisk::new();
    wal::format(&disk, &identity(), 77, &genesis()).expect("an empty disk can be formatted");
    disk
}

pub(crate) fn open(disk: &MemDisk) -> Result<(MemWal<'_>, Opened), OpenError> {
    Wal::open(disk, OPTIONS, 0x5EED ^ disk.operations())
}

pub(crate) fn opened(disk: &MemDisk) -> (MemWal<'_>, Opened) {
    open(disk).unwrap_or_else(|error| panic!("{error}; {}", error.advice()))
}

/// The whole log, read back from the disk.
pub(crate) fn entries(wal: &mut MemWal<'_>) -> Result<Vec<Entry>, WalError> {
    let mut all: Vec<Entry> = Vec::new();
    let mut next = wal.first();
    while next <= wal.last().index {
        let run = wal.read(next, 10_000)?;
        all.extend_from_slice(&run);
        next = run.last_id().expect("at least one").index.next();
    }
    Ok(all)
}

/// The only segment file, or the newest.
pub(crate) fn newest_segment(disk: &MemDisk) -> String {
    segments(disk).pop().expect("there is a segment")
}

pub(crate) fn segments(disk: &MemDisk) -> Vec<String> {
    let mut names = wal::Disk::list(disk).expect("a list");
    names.retain(|name| name.starts_with("seg-") && name.ends_with(".qrw"));
    names.sort();
    names
}

pub(crate) fn refused(disk: &MemDisk) -> OpenError {
    match open(disk) {
        Ok((_, opened)) => panic!("opened, up to {:?}", opened.recovered.last),
        Err(error) => error,
    }
}

pub(crate) fn row(disk: &MemDisk) -> Row {
    match refused(disk) {
        OpenError::Damaged(damage) => damage.row,
        error => panic!("{error}"),
    }
}

/// Appends one command after another, each with a sync.
pub(crate) fn fill(wal: &mut MemWal<'_>, count: u64, bytes: usize) {
    let first = wal.last().index.0;
    for ticket in first + 1..=first + count {
        let write = append_in_term(ticket, wal.last(), 1, &[&vec![ticket as u8; bytes]]);
        wal.write(&[write]).expect("written");
    }
}

/// A log of five commands in one segment; nothing promises the last one.
pub(crate) fn five() -> MemDisk {
    let disk = formatted();
    fill(&mut opened(&disk).0, 5, 1000);
    disk
}

/// A log of forty commands in three segments.
pub(crate) fn forty() -> MemDisk {
    let disk = formatted();
    fill(&mut opened(&disk).0, 40, 3000);
    assert_eq!(segments(&disk).len(), 4);
    disk
}

/// A batch that lies on a disk.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) file: String,
    pub(crate) info: wal::BatchInfo,
}

/// All batches, oldest first.
pub(crate) fn batches(disk: &MemDisk) -> Vec<Batch> {
    let mut all = Vec::new();
    let mut current = String::new();
    wal::inspect(disk, |finding| match finding {
        wal::Finding::Segment { file, .. } => current = file.to_owned(),
        wal::Finding::Batch(info) => all.push(Batch { file: current.clone(), info }),
        _ => {}
    })
    .expect("inspected");
    all
}

/// Chance from a seed.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound
    }

    pub(crate) fn pick<T: Copy, const N: usize>(&mut self, choices: [T; N]) -> T {
        choices[self.below(N as u64) as usize]
    }

    pub(crate) fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}
