//! Snapshots as bytes: in a file and on the wire the same.
//!
//! A snapshot is a run of blocks: one that says what it covers, any number with a part of the state
//! each, and one that says that this was all. [`Framer`] makes them, [`Parser`] takes them apart,
//! wherever the bytes were cut, and [`SnapshotStore`] keeps them in files. All integers are
//! little-endian.
//!
//! | at | what | |
//! |---|---|---|
//! | 0 | `kind` u8 | 1: the head, 2: a part of the state, 3: the end |
//! | 1 | zero | 3 bytes |
//! | 4 | `bytes` u32 | the length of the body; at most 1 MiB |
//! | 8 | `crc` u32 | CRC32C of everything from the start of the snapshot to the end of this block, but for the `crc` fields |
//! | 12 | body | |
//!
//! So the checksum of the last block vouches for all of it. The body of the head:
//!
//! | at | what | |
//! |---|---|---|
//! | 0 | magic | `QRSNAPSH` |
//! | 8 | `format` u16, `min_reader` u16, `group` u32 | 1, 1, 0 |
//! | 16 | `cluster` u128 | |
//! | 32 | `index` u64, `term` u64 | the last entry that is covered |
//! | 48 | `index` u64, `term` u64 | the entry that said the membership |
//! | 64 | membership | as in the log |
//!
//! The body of the end is the length of the state, as u64. What the state's bytes mean is the state
//! machine's affair. Two servers whose state machines write down equal states alike have equal bytes,
//! so a transfer may go on from another server than it began with.

mod framer;
mod parser;
mod store;

pub use framer::Framer;
pub use parser::{Parser, Piece, SnapshotError};
pub use store::{Slot, SnapshotStore, StoreError, Stored};
pub(crate) use store::{is_snapshot_name, read_whole};

const MAGIC: &[u8; 8] = b"QRSNAPSH";
const FORMAT: u16 = 1;
const HEADER_BYTES: usize = 12;
const BODY_BYTES_MAX: usize = 1 << 20;
const HEAD_BYTES_MIN: usize = 64;

const HEAD: u8 = 1;
const STATE: u8 = 2;
const END: u8 = 3;
