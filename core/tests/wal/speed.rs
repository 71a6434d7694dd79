//! How fast it is, on real files. Figures are printed:
//! `cargo test --release -p quorate-core --test wal speed -- --nocapture --test-threads 1`

use std::time::Instant;

use quorate_core::wal::{self, Disk, DiskError, Wal, WalOptions};
use quorate_core::{Append, Entries, Entry, HardState, Index, LogId, Payload, Term, Ticket, Write};

use crate::directory::Directory;
use crate::support::{genesis, id, identity};

const ENTRIES: u64 = if cfg!(debug_assertions) { 20_000 } else { 1_000_000 };
const COMMAND_BYTES: usize = 256;

fn groups(entries: u64, batch: u64) -> Vec<Write> {
    let command = bytes::Bytes::from(vec![0xA5; COMMAND_BYTES]);
    let tickets = (1..).map(Ticket);
    let group = |(first, ticket): (u64, Ticket)| {
        let run = (first..first + batch)
            .map(|index| Entry { id: id(1, index), payload: Payload::Command(command.clone()) });
        let prev = if first == 1 { LogId::ZERO } else { id(1, first - 1) };
        let entries = Entries::new(run).expect("a run");
        let hard_state =
            (first == 1).then_some(HardState { term: Term(1), vote: None, is_forgetful: false });
        Write { ticket, snapshot: None, hard_state, append: Some(Append { prev, entries }) }
    };
    (0..entries / batch).map(|at| 1 + at * batch).zip(tickets).map(group).collect()
}

/// A disk that takes everything and keeps nothing of it: what is left is the work of encoding.
struct Nowhere<'d>(&'d Directory);

impl Disk for Nowhere<'_> {
    type File = std::fs::File;

    fn list(&self) -> Result<Vec<String>, DiskError> {
        self.0.list()
    }
    fn create(&self, name: &str) -> Result<Self::File, DiskError> {
        self.0.create(name)
    }
    fn open(&self, name: &str) -> Result<Self::File, DiskError> {
        self.0.open(name)
    }
    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.0.rename(from, to)
    }
    fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.0.remove(name)
    }
    fn sync_dir(&self) -> Result<(), DiskError> {
        Ok(())
    }
    fn length(&self, file: &Self::File) -> Result<u64, DiskError> {
        self.0.length(file)
    }
    fn set_length(&self, file: &Self::File, bytes: u64) -> Result<(), DiskError> {
        self.0.set_length(file, bytes)
    }
    fn read_at(&self, file: &Self::File, offset: u64, into: &mut [u8]) -> Result<(), DiskError> {
        self.0.read_at(file, offset, into)
    }
    fn write_at(&self, file: &Self::File, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        // Batches stand behind the two copies of the header.
        if offset < 8192 { self.0.write_at(file, offset, bytes) } else { Ok(()) }
    }
    fn sync(&self, _: &Self::File) -> Result<(), DiskError> {
        Ok(())
    }
}

fn options() -> WalOptions {
    WalOptions::DEFAULT
}

#[test]
fn speed_of_encoding() {
    for batch in [1, 64, 1000] {
        let directory = Directory::new(&format!("encoding-{batch}"));
        let disk = Nowhere(&directory);
        wal::format(&directory, &identity(), 0, &genesis()).expect("formatted");
        let (mut wal, _) = Wal::open(disk, options(), 1).expect("opened");
        let entries = if batch == 1 { ENTRIES / 10 } else { ENTRIES };
        let groups = groups(entries, batch);
        let start = Instant::now();
        for write in groups.chunks(1) {
            wal.write(write).expect("written");
        }
        let seconds = start.elapsed().as_secs_f64();
        let rate = entries as f64 / seconds;
        println!("encoding, batches of {batch}: {rate:.0} entries/s, {:?}", wal.counters());
    }
}

#[test]
fn speed_of_writing_and_opening() {
    let directory = Directory::new("opening");
    wal::format(&directory, &identity(), 0, &genesis()).expect("formatted");
    let start = Instant::now();
    let (mut wal, _) = Wal::open(&directory, options(), 1).expect("opened");
    println!("opening an empty log: {:?}", start.elapsed());
    let groups = groups(ENTRIES, 64);
    let start = Instant::now();
    for write in groups.chunks(16) {
        wal.write(write).expect("written");
    }
    let (seconds, counters) = (start.elapsed().as_secs_f64(), *wal.counters());
    println!(
        "writing, 16 writes of 64 a sync: {:.0} entries/s, {counters:?}",
        ENTRIES as f64 / seconds
    );
    drop(wal);

    let start = Instant::now();
    for name in Disk::list(&directory).expect("names") {
        let file = directory.open(&name).expect("a file");
        let bytes = directory.length(&file).expect("a length");
        let mut buffer = vec![0; 1 << 20];
        for offset in (0..bytes).step_by(buffer.len()) {
            let length = (bytes - offset).min(1 << 20) as usize;
            directory.read_at(&file, offset, &mut buffer[..length]).expect("read");
        }
    }
    println!("reading the files: {:?}", start.elapsed());

    let start = Instant::now();
    let report = wal::verify(&directory).expect("in order");
    println!("verifying: {:?}, {report:?}", start.elapsed());
    let start = Instant::now();
    let (mut wal, opened) = Wal::open(&directory, options(), 2).expect("opened");
    println!("opening: {:?}", start.elapsed());
    let last = ENTRIES / 64 * 64;
    assert_eq!(opened.recovered.last, id(1, last));
    assert!(!opened.recovered.tail.is_empty());

    let start = Instant::now();
    let mut next = Index(1);
    while next.0 <= last {
        let run = wal.read(next, 1 << 20).expect("read");
        next = run.last_id().expect("at least one").index.next();
    }
    println!("reading all entries: {:?}", start.elapsed());
}
