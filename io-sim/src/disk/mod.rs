//! A disk that keeps what it promised, and nothing more than it likes.
//!
//! Two sides look at it. The world owns a [`Drive`]: it says what time it is, takes power away,
//! kills processes, wears the medium out, and asks what a power loss would leave. A process owns a
//! [`SimDisk`], which is the [`Disk`](quorate_core::wal::Disk) of production code and lives exactly
//! as long as the process does.
//!
//! # The model
//! * A file is the bytes that processes see (the page cache), the bytes on the medium, and the
//!   changes in between. A change to the page cache holds the whole sectors that it touched, as
//!   they looked then: that is what a real kernel writes back.
//! * Each operation starts where the one before it ended, and takes time. What a sync covers is
//!   durable from the moment on at which the sync ends, and not before: the engine runs a piece of
//!   work between [`Drive::begin`] and [`Drive::end`], and whoever waits for it hears of it at the
//!   time that `end` says. Power that fails before undoes what the sync had not achieved.
//! * What was asked for after the moment of a crash never happened.
//! * When power fails, [`Fates`] decide about every change that is not durable, file or name.
//!
//! Chance comes from a seed, one stream per concern: the same calls give the same bytes.
//!
//! ```
//! use quorate_core::wal::Disk;
//! use quorate_io_sim::disk::{DiskOptions, Drive, Fates};
//!
//! let drive = Drive::new(7, DiskOptions { fates: Fates::ALL_LOST, ..DiskOptions::default() });
//! let disk = drive.mount();
//! drive.begin(1_000);
//! let file = disk.create("log")?;
//! disk.write_at(&file, 0, b"kept")?;
//! disk.sync(&file)?;
//! disk.sync_dir()?;
//! let done = drive.end();
//! drive.begin(done);
//! disk.write_at(&file, 0, b"lost")?;
//! disk.sync(&file)?;
//! assert!(drive.end() > done);
//!
//! drive.lose_power(done);
//! assert!(disk.list().is_err(), "that process is gone");
//! let disk = drive.mount();
//! let mut bytes = [0; 4];
//! disk.read_at(&disk.open("log")?, 0, &mut bytes)?;
//! assert_eq!(&bytes, b"kept");
//! # Ok::<(), quorate_core::wal::DiskError>(())
//! ```

mod bytes;
mod change;
mod decay;
mod drive;
mod fate;
mod fault;
mod file;
mod media;
mod names;
mod options;
mod place;
mod serve;
mod sim_disk;
mod strike;
mod struck;
mod timing;
mod view;

pub use decay::{Decay, expendable};
pub use drive::Drive;
pub use fault::{Fault, Files};
pub use media::{Death, DeathMode};
pub use options::{DiskOptions, Fates, FaultRates, OptionsError, Span, Tearing};
pub use place::{Extent, Place};
pub use sim_disk::{SimDisk, SimFile};
pub use strike::{Hit, Rot};
pub use struck::{Class, Struck};
pub use view::{DurableFile, DurableView, Image};
