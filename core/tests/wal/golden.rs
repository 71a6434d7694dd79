//! The format, pinned: what this version writes, and that every later one can read it.
//!
//! `QUORATE_BLESS=1 cargo test -p quorate-core --test wal golden` writes the files anew. A version
//! that was released keeps its files for ever.

use std::fmt::Write as _;
use std::path::PathBuf;

use quorate_core::wal::{MemDisk, RecordKind, Wal, WalOptions};
use quorate_core::{
    Append, Entries, Entry, Index, LogId, Membership, Payload, SnapshotMeta, Ticket, Write,
};

use crate::support::{
    append, append_in_term, batches, entries, formatted, genesis, hard_state, id, node, opened,
};

const SEGMENT: &str = "seg-0000000000000001-00000000000000000001.qrw";
const FILES: [(&str, &str); 3] =
    [("IDENT", "ident.hex"), ("state.qrs", "state.hex"), (SEGMENT, "segment.hex")];

fn snapshot() -> SnapshotMeta {
    let ids = |ids: &[u64]| ids.iter().map(|&id| node(id)).collect::<Vec<_>>();
    let membership = Membership::new(ids(&[1, 2, 3]), ids(&[1, 2]), ids(&[9])).expect("valid");
    SnapshotMeta { last_included: id(1, 2), membership }
}

/// A log with every kind of record.
fn write_log() -> MemDisk {
    let disk = formatted();
    let options = WalOptions { segment_bytes: 32 << 10, align_bytes: 512, ..WalOptions::DEFAULT };
    let (mut wal, _) = Wal::open(&disk, options, 1).expect("formatted");
    wal.write(&[append_in_term(1, LogId::ZERO, 1, &[b"first", &[0; 1024], b"to be replaced"])])
        .expect("written");
    wal.note_commit(Index(2));
    let noop = Entry { id: id(2, 3), payload: Payload::NOOP };
    let entries = Entries::new([noop]).expect("a run");
    let replace = Write {
        ticket: Ticket(2),
        hard_state: Some(hard_state(2, 3)),
        append: Some(Append { prev: id(1, 2), entries }),
    };
    wal.write(&[replace, append(3, id(2, 3), 2, &[b"fourth"])]).expect("written");
    wal.record_snapshot(&snapshot()).expect("recorded");
    wal.idle().expect("marked");
    disk
}

/// Lines of 32 bytes with their offset; lines of zeros are left out.
fn to_hex(bytes: &[u8]) -> String {
    let mut hex = format!("{} bytes\n", bytes.len());
    for (at, line) in bytes.chunks(32).enumerate().filter(|(_, line)| line.iter().any(|&b| b != 0))
    {
        let digits = line.iter().fold(String::new(), |mut digits, byte| {
            let _: std::fmt::Result = write!(digits, "{byte:02x}");
            digits
        });
        let _: std::fmt::Result = writeln!(hex, "{:06x} {digits}", at * 32);
    }
    hex
}

fn from_hex(hex: &str) -> Vec<u8> {
    let (length, lines) = hex.split_once(" bytes\n").expect("a length");
    let mut bytes = vec![0; length.parse().expect("a number")];
    for line in lines.lines() {
        let (offset, digits) = line.split_once(' ').expect("an offset");
        let offset = usize::from_str_radix(offset, 16).expect("a number");
        for (at, pair) in digits.as_bytes().chunks(2).enumerate() {
            let pair = std::str::from_utf8(pair).expect("digits");
            bytes[offset + at] = u8::from_str_radix(pair, 16).expect("digits");
        }
    }
    bytes
}

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/wal").join(file)
}

fn golden(file: &str) -> String {
    std::fs::read_to_string(path(file)).expect("a golden file")
}

#[test]
fn what_is_written_is_version_1_to_the_byte() {
    let disk = write_log();
    for (name, file) in FILES {
        let written = to_hex(&disk.contents(name).expect("there"));
        if std::env::var_os("QUORATE_BLESS").is_some() {
            std::fs::write(path(file), &written).expect("written");
        }
        assert!(written == golden(file), "{name} is no longer what {file} says:\n{written}");
    }
}

#[test]
fn version_1_can_be_read() {
    let disk = MemDisk::new();
    for (name, file) in FILES {
        disk.put(name, &from_hex(&golden(file)));
    }
    let mut kinds = Vec::new();
    quorate_core::wal::inspect(&disk, |finding| {
        if let quorate_core::wal::Finding::Record(record) = finding {
            assert!(record.intact);
            kinds.push(record.kind.expect("known"));
        }
    })
    .expect("inspected");
    use RecordKind::{Command, Noop, Snapshot, Truncate};
    assert_eq!(kinds, [Command, Command, Command, Truncate, Noop, Command, Snapshot]);
    assert!(batches(&disk).last().is_some_and(|batch| batch.info.marks));

    let (mut wal, after) = opened(&disk);
    assert_eq!(after.ident.genesis, genesis());
    assert_eq!(after.recovered.snapshot, snapshot());
    assert_eq!(after.recovered.hard_state, hard_state(2, 3));
    assert_eq!(after.recovered.term_starts, [id(2, 3)]);
    assert_eq!(after.commit, Index(2));
    let found = entries(&mut wal).expect("readable");
    let commands: Vec<_> = found
        .iter()
        .map(|entry| match &entry.payload {
            Payload::System(_) => None,
            Payload::Command(command) => Some(command.len()),
        })
        .collect();
    assert_eq!(commands, [Some(5), Some(1024), None, Some(6)]);
    assert_eq!(wal.last(), id(2, 4));
}
