//! The madsim engine: the production pump, its lanes as tasks, and the production client, in the
//! simulated world of [`quorate_io_sim`], from one seed.
//!
//! Where the direct engine runs what decides, and a queue takes the place of tasks, this one runs
//! [`quorate_io_tokio::start`] and [`quorate_io_tokio::client`] as they ship: tasks that are polled in
//! random order, streams that take what fits and give what has come, cancellation, back-pressure,
//! reconnects, graceful ends. It sees less of each server, and is slower.
//!
//! madsim schedules tasks, keeps time and ends nodes. Its network and file system are not used:
//! bytes pass through the simulated network, and logs are on simulated disks.
//!
//! ```
//! # #[cfg(madsim)] {
//! use quorate_madsim::{Options, run};
//! let report = run(&Options::from_seed(7)).map_err(|failure| failure.to_string()).unwrap();
//! assert!(report.committed > 0);
//! # }
//! ```
//!
//! Read in this order: [`Options`], `world` (what all share, and who moves it on), `env` (what a
//! process sees of it), `sockets` and `stream`, `lanes`, `server`, `witness` and `survey` (what is
//! checked while it runs), `caller`, `nemesis`, `life` (from the beginning to the end of a run).
//!
//! Without the flag `--cfg madsim`, which `.cargo/config.toml` sets, there is no madsim, and this
//! crate is empty.
#![forbid(unsafe_code)]
#![cfg(madsim)]

mod alarm;
mod caller;
mod campaign;
mod driver;
mod env;
mod lanes;
mod life;
mod nemesis;
mod options;
mod report;
mod server;
mod sockets;
mod stream;
mod survey;
mod witness;
mod world;

pub use campaign::Madsim;
pub use options::{Habits, Options};
pub use report::{Failure, Report};

use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use madsim::Config;
use madsim::runtime::Runtime;
use quorate_io_sim::engine::{self, Checked, Subject, Trace, Typed};
use quorate_io_sim::workload::{KvWorkload, Workload};

/// Runs one world to its end, in a thread of its own. The same options are the same run.
///
/// # Errors
/// The first property that did not hold, with the last of what happened before.
pub fn run(options: &Options) -> Result<Report, Box<Failure>> {
    let calling = &options.world.calling;
    run_with(options, || KvWorkload::new(calling.keys, calling.value_bytes_max))
}

/// The same, with another workload, made anew for each run: what fails is run once more.
///
/// # Errors
/// The first property that did not hold, those of the workload among them.
pub fn run_with<W: Workload + Send + 'static>(
    options: &Options,
    workload: impl Fn() -> W,
) -> Result<Report, Box<Failure>> {
    let attempt = |trace: &mut Trace| attempt(options, Box::new(Typed::new(workload())), trace);
    engine::run(attempt).map_err(|collapse| Box::new(Failure::new(options, *collapse)))
}

/// What a run depends on beside its seed is state of its thread: each gets a new one.
fn attempt(
    options: &Options,
    subject: Box<dyn Subject + Send>,
    trace: &mut Trace,
) -> Checked<Report> {
    let kept = Arc::new(Mutex::new(std::mem::replace(trace, Trace::silent())));
    let (options, shared) = (options.clone(), Arc::clone(&kept));
    let running = thread::Builder::new().name(format!("seed {}", options.world.seed)).spawn(|| {
        let runtime = Runtime::with_seed_and_config(options.world.seed, Config::default());
        runtime.block_on(life::live(options, subject, shared))
    });
    let ended = running.expect("a thread can be started").join();
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    *trace = std::mem::replace(&mut *kept, Trace::silent());
    drop(kept);
    ended.unwrap_or_else(|panic| resume_unwind(panic))
}
