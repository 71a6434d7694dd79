//! State machines whose state lives in a file: larger than memory, and there at once after a restart.
//!
//! A [`DiskMachine`] reads and writes [`Rows`]; [`OnDisk`] makes it a machine of a replica. Each command is a
//! transaction of the file, and so is which command it was: after a restart the log is given out again from the last
//! snapshot on, and what is in the file already is not done again. It is answered as it was then, from a record
//! of what was said, so that sessions, events and timers come out the same too.
//!
//! The file may be behind the log, by as much as was done since it was last synced: then the rest is done from the
//! log, as by any machine. It is never ahead of what is committed, but it may be ahead of what was given out since
//! the start, and reads say so. It belongs to one server, next to its log: a server whose log has another past than
//! its file ends, and changes nothing.
//!
//! A snapshot of it is written row by row while commands go on, and read back row by row into a transaction that
//! counts once all of it is there: the file may be far larger than memory, of which it uses as much as
//! [its cache](OnDisk::open_with_cache) may have.
//!
//! ```
//! use quorate_on_disk::{Cx, DiskMachine, OnDisk, OpenError, RowError, Rows, View};
//! use quorate_sm::{Applier, SessionLimits};
//!
//! /// Numbers by name.
//! struct Numbers;
//!
//! impl DiskMachine for Numbers {
//!     type Command = (String, i64);
//!     type Answer = i64;
//!     type Query = String;
//!     type QueryAnswer = Option<i64>;
//!
//!     fn apply(&self, rows: &mut Rows<'_>, _: &mut Cx<'_>, (name, by): (String, i64)) -> Result<i64, RowError> {
//!         let number = rows.get(name.as_bytes())?.map_or(0, |row| number(&row));
//!         let sum = number.wrapping_add(by);
//!         rows.put(name.as_bytes(), &sum.to_le_bytes())?;
//!         Ok(sum)
//!     }
//!
//!     fn query(&self, view: &View, name: String) -> Result<Option<i64>, RowError> {
//!         Ok(view.get(name.as_bytes())?.map(|row| number(&row)))
//!     }
//! }
//!
//! fn number(row: &[u8]) -> i64 {
//!     row.try_into().map_or(0, i64::from_le_bytes)
//! }
//!
//! # let path = std::env::temp_dir().join(format!("quorate-doc-on-disk-{}", std::process::id()));
//! let machine = OnDisk::open(&path, Numbers)?;
//! let applier = Applier::new(machine, SessionLimits::default());
//! # drop(applier);
//! # std::fs::remove_file(&path).expect("it was made");
//! # Ok::<(), OpenError>(())
//! ```
#![forbid(unsafe_code)]

mod capture;
mod context;
mod file;
mod history;
mod loading;
mod machine;
mod rows;

pub use context::Cx;
pub use file::OpenError;
pub use machine::{DiskMachine, OnDisk};
pub use rows::{RowError, Rows, View};
