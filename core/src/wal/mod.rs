//! The log on disk: entries and hard state, durable before anybody is told of them.
//!
//! [`format`] makes a directory ready, [`Wal::open`] recovers what it holds, [`Wal::write`] makes
//! writes durable, many with one sync, and [`Wal::read`] brings entries back. [`inspect`] and
//! [`verify`] look and change nothing. All of it runs on any [`Disk`]: a directory of the system, a
//! simulated one, or [`MemDisk`] in tests.
//!
//! ```
//! use quorate_core::wal::{self, Identity, MemDisk, Wal, WalOptions};
//! use quorate_core::{
//!     Append, ClusterId, Entries, Entry, HardState, Incarnation, Index, LogId, Membership, NodeId,
//!     Payload, Term, Ticket, Write,
//! };
//!
//! let disk = MemDisk::new();
//! let node = NodeId::new(1).unwrap();
//! let identity = Identity { cluster: ClusterId(7), node, incarnation: Incarnation(9) };
//! wal::format(&disk, &identity, 0, &Membership::of_voters([node])?)?;
//!
//! let options = WalOptions { segment_bytes: 1 << 20, ..WalOptions::DEFAULT };
//! let (mut log, opened) = Wal::open(&disk, options, 1)?;
//! assert_eq!(opened.recovered.last, LogId::ZERO);
//! let id = LogId { term: Term(1), index: Index(1) };
//! let write = Write {
//!     ticket: Ticket(1),
//!     snapshot: None,
//!     hard_state: Some(HardState { term: Term(1), vote: Some(node), is_forgetful: false }),
//!     append: Some(Append {
//!         prev: LogId::ZERO,
//!         entries: Entries::new([Entry { id, payload: Payload::NOOP }])?,
//!     }),
//! };
//! assert_eq!(log.write(&[write])?, Ticket(1));
//!
//! drop(log);
//! disk.lose_power(2);
//! let (_, opened) = Wal::open(&disk, options, 3)?;
//! assert_eq!(opened.recovered.last, id);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![doc = include_str!("FORMAT.md")]

mod appender;
mod batch;
mod block;
mod chain;
mod disk;
mod error;
mod filler;
mod format;
mod heal;
mod ident;
mod identity;
mod inspect;
mod layout;
mod log_map;
mod mem;
mod mend;
mod open;
mod options;
mod pieces;
mod reader;
mod record;
mod recover;
mod refusal;
mod replay;
mod scan;
mod segment;
mod snapshot_body;
mod spare;
mod state;
mod verdict;
mod writer;

pub use block::Unsupported;
pub use disk::{Disk, DiskError, DiskErrorKind};
pub use error::WalError;
pub use format::{FormatError, Origin, format, format_as};
pub use heal::{Healed, heal};
pub use ident::{Ident, IdentError, read_ident};
pub use identity::Identity;
pub use inspect::{
    BatchInfo, Block, Finding, Look, RecordInfo, SegmentInfo, SlotInfo, Worth, inspect,
};
pub use layout::{FORMAT_VERSION, MIN_READER_VERSION};
pub use mem::{Fate, MemDisk, MemFile, Unsynced};
pub use mend::{Hole, MendError, Mending, NotMissing};
pub use open::{Opened, verify};
pub use options::{OptionsError, WalOptions};
pub use record::RecordKind;
pub use recover::{Cut, Report};
pub use refusal::{Damage, OpenError};
pub use verdict::Row;
pub use writer::{Counters, SpareStep, Wal};
