//! The format, pinned: what this version writes, and that every later one can read it.
//!
//! `QUORATE_BLESS=1 cargo test -p quorate-core --test wal golden` writes the files anew. A version
//! that was released keeps its files for ever.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use quorate_core::snapshot::{Framer, Parser, Piece};
use quorate_core::wal::{MemDisk, RecordKind, Wal, WalOptions};
use quorate_core::wire::Address;
use quorate_core::{
    Append, Entries, Entry, Index, LeaderTime, LogId, Membership, MembershipRecord, Payload,
    SnapshotChange, SnapshotMeta, System, Ticket, Write,
};

use crate::support::{
    append, append_in_term, batches, entries, formatted, genesis, hard_state, id, identity, node,
    of_snapshot, opened,
};

const SEGMENT: &str = "seg-0000000000000001-00000000000000000001.qrw";
const FILES: [(&str, &str); 3] =
    [("IDENT", "ident.hex"), ("state.qrs", "state.hex"), (SEGMENT, "segment.hex")];
/// Of a log that says who belongs to the cluster.
const MEMBERS: [(&str, &str); 3] =
    [("IDENT", "ident.hex"), ("state.qrs", "members_state.hex"), (SEGMENT, "members_segment.hex")];

/// Of a log that says what time it is.
const TIME: [(&str, &str); 3] =
    [("IDENT", "ident.hex"), ("state.qrs", "time_state.hex"), (SEGMENT, "time_segment.hex")];

fn snapshot() -> SnapshotMeta {
    let ids = |ids: &[u64]| ids.iter().map(|&id| node(id)).collect::<Vec<_>>();
    let membership = Membership::new(ids(&[1, 2, 3]), ids(&[1, 2]), ids(&[9])).expect("valid");
    SnapshotMeta { last_included: id(1, 2), membership_at: id(1, 1), membership }
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
        snapshot: None,
        hard_state: Some(hard_state(2, 3)),
        append: Some(Append { prev: id(1, 2), entries }),
    };
    wal.write(&[replace, append(3, id(2, 3), 2, &[b"fourth"])]).expect("written");
    let covers = SnapshotChange::Covers(snapshot());
    wal.write(&[of_snapshot(4, covers)]).expect("recorded");
    wal.idle().expect("marked");
    disk
}

/// A log with a time, between commands.
fn write_time() -> MemDisk {
    let disk = formatted();
    let options = WalOptions { segment_bytes: 32 << 10, align_bytes: 512, ..WalOptions::DEFAULT };
    let (mut wal, _) = Wal::open(&disk, options, 1).expect("formatted");
    wal.write(&[append_in_term(1, LogId::ZERO, 1, &[b"first"])]).expect("written");
    let time = System::Time(LeaderTime::new(Duration::from_millis(1500)));
    let entries = Entries::new([Entry { id: id(1, 2), payload: Payload::System(time) }]);
    let append_time = Write {
        ticket: Ticket(2),
        snapshot: None,
        hard_state: None,
        append: Some(Append { prev: id(1, 1), entries: entries.expect("a run") }),
    };
    wal.write(&[append_time, append(3, id(1, 2), 1, &[b"third"])]).expect("written");
    wal.idle().expect("marked");
    disk
}

/// A newcomer learns, at an address that is known, then two majorities rule, then one.
fn memberships() -> [Membership; 3] {
    let ids = |ids: &[u64]| ids.iter().map(|&id| node(id)).collect::<Vec<_>>();
    let at = |text: &str| Address::new(text.to_owned()).expect("an address");
    let of = |voters: &[u64], outgoing: &[u64], learners: &[u64], known: &[(u64, &str)]| {
        let membership = Membership::new(ids(voters), ids(outgoing), ids(learners)).expect("valid");
        let known = known.iter().map(|&(id, address)| (node(id), at(address)));
        membership.with_addresses(known).expect("of members")
    };
    let newcomers = [(4, "db-4.example:7000"), (5, "[::1]:7001")];
    [
        of(&[1, 2, 3], &[], &[4, 5], &newcomers),
        of(&[3, 4, 5], &[1, 2, 3], &[], &newcomers),
        of(&[3, 4, 5], &[], &[], &newcomers),
    ]
}

/// A log with records of memberships, the last of which is not committed; and one that begins anew,
/// from another server's snapshot.
fn write_members() -> MemDisk {
    let disk = formatted();
    let options = WalOptions { segment_bytes: 32 << 10, align_bytes: 512, ..WalOptions::DEFAULT };
    let (mut wal, _) = Wal::open(&disk, options, 1).expect("formatted");
    wal.write(&[append_in_term(1, LogId::ZERO, 1, &[b"to be forgotten"])]).expect("written");
    let replaces = SnapshotChange::Replaces(SnapshotMeta {
        membership_at: LogId::ZERO,
        membership: genesis(),
        last_included: id(1, 6),
    });
    wal.write(&[of_snapshot(2, replaces)]).expect("recorded");
    let said = memberships().map(|it| System::Membership(MembershipRecord::of(&it)));
    for (ticket, (index, system)) in (3..).zip((7..).zip(said)) {
        let payload = Payload::System(system);
        let entries = Entries::new([Entry { id: id(1, index), payload }]).expect("a run");
        let append = Some(Append { prev: id(1, index - 1), entries });
        let ticket = Ticket(ticket);
        wal.write(&[Write { ticket, snapshot: None, hard_state: None, append }]).expect("written");
    }
    wal.note_commit(Index(8));
    wal.write(&[append(6, id(1, 9), 1, &[b"tenth"])]).expect("written");
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
    is_pinned(&write_log(), FILES);
    is_pinned(&write_members(), MEMBERS);
    is_pinned(&write_time(), TIME);
}

fn is_pinned(disk: &MemDisk, files: [(&str, &str); 3]) {
    for (name, file) in files {
        let written = to_hex(&disk.contents(name).expect("there"));
        if std::env::var_os("QUORATE_BLESS").is_some() {
            std::fs::write(path(file), &written).expect("written");
        }
        assert!(written == golden(file), "{name} is no longer what {file} says:\n{written}");
    }
}

/// A disk with these files, and the records that an inspection finds there.
fn unpacked(files: [(&str, &str); 3]) -> (MemDisk, Vec<RecordKind>) {
    let disk = MemDisk::new();
    for (name, file) in files {
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
    (disk, kinds)
}

#[test]
fn times_of_version_1_can_be_read() {
    let (disk, kinds) = unpacked(TIME);
    assert_eq!(kinds, [RecordKind::Command, RecordKind::Time, RecordKind::Command]);
    let (mut wal, _) = opened(&disk);
    let found = entries(&mut wal).expect("readable");
    let time = System::Time(LeaderTime::new(Duration::from_millis(1500)));
    assert_eq!(found[1].payload, Payload::System(time));
    assert_eq!(wal.last(), id(1, 3));
}

#[test]
fn memberships_of_version_1_can_be_read() {
    let (disk, kinds) = unpacked(MEMBERS);
    use RecordKind::{Command, Membership, Reset};
    assert_eq!(kinds, [Command, Reset, Membership, Membership, Membership, Command]);
    let (mut wal, after) = opened(&disk);
    assert_eq!(after.commit, Index(8));
    assert_eq!(after.recovered.snapshot.last_included, id(1, 6));
    assert_eq!(after.recovered.base, id(1, 6));
    let said = [7, 8, 9].map(Index).into_iter().zip(memberships());
    assert_eq!(after.recovered.memberships, said.collect::<Vec<_>>());
    let found = entries(&mut wal).expect("readable");
    let found = found.iter().filter_map(|entry| entry.payload.membership());
    assert_eq!(found.collect::<Vec<_>>(), memberships());
    assert_eq!(wal.last(), id(1, 10));
}

/// The bytes of a snapshot, of two parts.
fn write_snapshot() -> Vec<u8> {
    let (mut framer, head) = Framer::new(identity().cluster, &snapshot());
    let parts = [framer.state(b"a state "), framer.state(b"in two parts")];
    [&head[..], &parts.concat(), &framer.end()].concat()
}

#[test]
fn snapshots_are_version_1_to_the_byte_and_can_be_read() {
    let written = to_hex(&write_snapshot());
    if std::env::var_os("QUORATE_BLESS").is_some() {
        std::fs::write(path("snapshot.hex"), &written).expect("written");
    }
    let kept = golden("snapshot.hex");
    assert!(written == kept, "a snapshot is no longer what snapshot.hex says:\n{written}");
    let (mut parser, mut state) = (Parser::new(), Vec::new());
    let read = parser.push(&from_hex(&kept), |piece| {
        if let Piece::State(part) = piece {
            state.extend_from_slice(part);
        }
    });
    read.expect("a snapshot");
    assert_eq!(parser.head(), Some(&(identity().cluster, snapshot())));
    assert_eq!((parser.complete(), &state[..]), (Some(&snapshot()), &b"a state in two parts"[..]));
}

#[test]
fn version_1_can_be_read() {
    let (disk, kinds) = unpacked(FILES);
    use RecordKind::{Command, Noop, Snapshot, Truncate};
    assert_eq!(kinds, [Command, Command, Command, Truncate, Noop, Command, Snapshot]);
    assert!(batches(&disk).last().is_some_and(|batch| batch.info.marks));

    let (mut wal, after) = opened(&disk);
    assert_eq!(after.ident.genesis, genesis());
    assert_eq!(after.recovered.snapshot, snapshot());
    assert_eq!(after.recovered.hard_state, hard_state(2, 3));
    assert_eq!(after.recovered.term_starts, [id(1, 1), id(2, 3)]);
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
