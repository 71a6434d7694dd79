//! The direct engine: whole servers, without their sockets, in one thread and from one seed.
//!
//! Everything that decides in production runs here: the node, the log on a simulated disk, the state
//! machine with its sessions, and the client. A queue of what will happen takes the place of tasks
//! and threads.
//!
//! ```
//! use quorate_io_sim::direct::{self, Options};
//! let report = direct::run(&Options::from_seed(7)).map_err(|failure| failure.to_string())?;
//! assert!(report.committed > 0);
//! # Ok::<(), String>(())
//! ```
//!
//! Read in this order: [`Options`], `world` (what happens next), `server` and `process` (what a
//! server is), `step` (one step of one server), `lanes`, `stop`, `caller` and `calls` (clients), `nemesis`,
//! `reconcile` (what a restart must find), `autopsy`, `heal`, `broken`, `quiet`, `tell` (what a
//! recording is told).

mod autopsy;
mod broken;
mod caller;
mod calls;
mod feed;
mod files;
mod heal;
mod lanes;
mod machines;
mod nemesis;
mod options;
mod process;
mod quiet;
mod reconcile;
mod report;
mod sabotage;
mod server;
mod step;
mod stop;
mod tell;
mod wires;
mod world;

pub use crate::judge::{Point, Reached};
pub use options::{NemesisOptions, Options};
pub use reconcile::{explains, read_all, reconcile};
pub use report::{Failure, Report};
pub use sabotage::Sabotage;

use crate::replay;
use crate::show::Chronicle;
use crate::trace::Trace;
use crate::workload::{KvWorkload, Typed, Workload};
use world::World;

/// Runs one world to its end. The same options are the same run.
///
/// # Errors
/// The first property that did not hold, with the last of what happened before.
pub fn run(options: &Options) -> Result<Report, Box<Failure>> {
    let calling = &options.calling;
    run_with(options, || KvWorkload::new(calling.keys, calling.value_bytes_max))
}

/// The same, with another workload, made anew for each run: what fails is run once more.
///
/// # Errors
/// The first property that did not hold, those of the workload among them.
pub fn run_with<W: Workload + 'static>(
    options: &Options,
    workload: impl Fn() -> W,
) -> Result<Report, Box<Failure>> {
    let attempt =
        |trace: &mut Trace| World::new(options, Box::new(Typed::new(workload())), trace).run();
    replay::run(attempt).map_err(|collapse| Box::new(Failure::new(options, *collapse)))
}

/// The same as [`run`], but once, and written down for [pictures](crate::show).
///
/// # Errors
/// As those of [`run`]; the chronicle ends with what did not hold.
pub fn record(options: &Options) -> (Result<Report, Box<Failure>>, Chronicle) {
    let calling = &options.calling;
    record_with(options, || KvWorkload::new(calling.keys, calling.value_bytes_max))
}

/// The same with another workload.
///
/// # Errors
/// As those of [`run_with`].
pub fn record_with<W: Workload + 'static>(
    options: &Options,
    workload: impl Fn() -> W,
) -> (Result<Report, Box<Failure>>, Chronicle) {
    let servers = u16::try_from(options.membership.members().len()).expect("a few servers");
    let attempt =
        |trace: &mut Trace| World::new(options, Box::new(Typed::new(workload())), trace).run();
    let trace = Trace::chronicling(servers, options.callers);
    let (outcome, chronicle) = replay::record(attempt, trace);
    (outcome.map_err(|collapse| Box::new(Failure::new(options, *collapse))), chronicle)
}
