//! A server's log on a simulated disk.

use quorate_core::wal::{self, Disk, Identity, OpenError, Opened, Wal, WalError, WalOptions};
use quorate_core::{
    Append, ClusterId, Entries, Entry, HardState, Incarnation, Index, LogId, Membership, NodeId,
    Payload, Term, Ticket, Write,
};
use quorate_io_sim::disk::{DiskOptions, Drive, SimDisk};

pub(crate) const OPTIONS: WalOptions = WalOptions {
    segment_bytes: 64 << 10,
    align_bytes: 4096,
    batch_bytes_max: 16 << 10,
    tail_bytes_max: 1 << 20,
};

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
        choices[self.draw() as usize % N]
    }

    pub(crate) fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

pub(crate) fn node(id: u64) -> NodeId {
    NodeId::new(id).expect("not zero")
}

pub(crate) fn id(term: u64, index: u64) -> LogId {
    LogId { term: Term(term), index: Index(index) }
}

pub(crate) fn genesis() -> Membership {
    Membership::of_voters([1, 2, 3].map(node)).expect("a membership")
}

pub(crate) fn hard_state(term: u64, vote: u64) -> HardState {
    HardState { term: Term(term), vote: NodeId::new(vote), is_forgetful: false }
}

pub(crate) fn command(id: LogId, body: Vec<u8>) -> Entry {
    Entry { id, payload: Payload::Command(body.into()) }
}

/// A disk that was formatted in peace, and behaves like `options` from then on.
pub(crate) fn formatted(seed: u64, options: DiskOptions) -> Drive {
    let drive = Drive::new(seed, DiskOptions::INSTANT);
    let identity = Identity { cluster: ClusterId(1), node: node(2), incarnation: Incarnation(3) };
    wal::format(&drive.mount(), &identity, 0, &genesis()).expect("an empty disk");
    drive.kill(0);
    drive.tune(|now| *now = options);
    drive
}

pub(crate) fn open(drive: &Drive) -> Result<(Wal<SimDisk>, Opened), OpenError> {
    Wal::open(drive.mount(), OPTIONS, 0x5EED ^ drive.operations())
}

pub(crate) fn opened(drive: &Drive) -> Wal<SimDisk> {
    open(drive).unwrap_or_else(|error| panic!("{error}; {}", error.advice())).0
}

/// Appends a command in term 1.
pub(crate) fn write<D: Disk>(wal: &mut Wal<D>, bytes: usize) -> Result<(), WalError> {
    let prev = wal.last();
    let next = prev.index.0 + 1;
    let entry = command(id(1, next), body(next, bytes));
    let write = Write {
        ticket: Ticket(next),
        snapshot: None,
        hard_state: Some(hard_state(1, 1)),
        append: Some(Append { prev, entries: Entries::new([entry]).expect("a run") }),
    };
    wal.write(&[write]).map(|_| ())
}

pub(crate) fn fill<D: Disk>(wal: &mut Wal<D>, count: u64, bytes: usize) {
    (0..count).for_each(|_| write(wal, bytes).expect("written"));
}

fn body(index: u64, bytes: usize) -> Vec<u8> {
    vec![index as u8 | 1; bytes]
}

/// The whole log, read back from the disk.
pub(crate) fn entries<D: Disk>(wal: &mut Wal<D>) -> Result<Vec<Entry>, WalError> {
    let mut all: Vec<Entry> = Vec::new();
    let mut next = wal.first();
    while next <= wal.last().index {
        let run = wal.read(next, 10_000)?;
        all.extend_from_slice(&run);
        next = run.last_id().expect("at least one").index.next();
    }
    Ok(all)
}

/// Starts anew on a disk where `count` commands of so many bytes were acknowledged: they are all
/// there, and in order. The alternative is an error; anything else is a failed test.
pub(crate) fn kept_or_refused(
    drive: &Drive,
    count: u64,
    bytes: usize,
) -> Result<Wal<SimDisk>, OpenError> {
    let (mut wal, _) = open(drive)?;
    let found = entries(&mut wal).expect("readable");
    assert!(found.len() as u64 >= count, "{} of {count} acknowledged commands", found.len());
    for (entry, index) in found.iter().zip(1..) {
        assert_eq!(*entry, command(id(1, index), body(index, bytes)));
    }
    Ok(wal)
}
