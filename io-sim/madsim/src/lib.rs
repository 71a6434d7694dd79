//! The madsim engine: the production pump, its lanes as tasks, and the production client, in the
//! simulated world of [`quorate_io_sim`], from one seed.
//!
//! Where the direct engine runs what decides, and a queue takes the place of tasks, this one runs
//! [`quorate_io_tokio::start`] and [`quorate_io_tokio::client`] as they ship: tasks that are polled in
//! random order, streams that take what fits and give what has come, cancellation, back-pressure,
//! reconnects, graceful ends. It sees less of each server, and is slower.
//!
//! What is to happen is a [scenario](quorate_io_sim::scenario), the same as on the direct engine: one
//! seed has one set of options and one plan, and every strike is carried out on both. Where time
//! passes differently, a run is another run.
//!
//! madsim schedules tasks, keeps time and ends nodes. Its network and file system are not used:
//! bytes pass through the simulated network, and logs are on simulated disks.
//!
//! ```
//! # #[cfg(madsim)] {
//! use quorate_io_sim::scenario::Scenario;
//! let scenario = Scenario::from_seed(7);
//! let report =
//!     quorate_madsim::run_scenario(&scenario).map_err(|failure| failure.to_string()).unwrap();
//! assert!(report.committed > 0);
//! # }
//! ```
//!
//! Read in this order: [`scenario`](quorate_io_sim::scenario) (what is to happen), `world` (what all
//! share, and who moves it on), `env` (what a process sees of it), `sockets` and `stream`, `lanes`,
//! `server`, `witness` and `survey` (what is checked while it runs), `caller` and `errands` (what is
//! asked for), `nemesis` (what strikes), `life` (from the beginning to the end of a run), `peace` (how it must go when faults have
//! ended), `broken`.
//!
//! Without the flag `--cfg madsim`, which `.cargo/config.toml` sets, there is no madsim, and this
//! crate is empty.
#![forbid(unsafe_code)]
#![cfg(madsim)]

mod alarm;
mod broken;
mod caller;
mod campaign;
mod driver;
mod env;
mod errands;
mod lanes;
mod life;
mod nemesis;
mod peace;
mod report;
mod server;
mod sockets;
mod stream;
mod survey;
mod witness;
mod world;

pub use campaign::Madsim;
pub use report::Report;

use std::cell::RefCell;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use madsim::Config;
use madsim::runtime::Runtime;
use quorate_io_sim::engine::{self, Checked, Failure, Subject, Trace, Typed, Violation};
use quorate_io_sim::history::History;
use quorate_io_sim::scenario::{Options, Scenario};
use quorate_io_sim::workload::{Workload, asked_for};

/// The name of this engine.
const ENGINE: &str = "madsim";

/// Draws what strikes, and runs one world to its end. The same options are the same run.
///
/// # Errors
/// The first property that did not hold, with the last of what happened before.
///
/// # Panics
/// If the options fail their [`check`](Options::check).
pub fn run(options: &Options) -> Result<Report, Box<Failure>> {
    run_scenario(&Scenario::of(options))
}

/// The same, with another workload, made anew for each run: what fails is run once more.
///
/// # Errors
/// The first property that did not hold, those of the workload among them.
///
/// # Panics
/// As [`run`].
pub fn run_with<W: Workload + Send + 'static>(
    options: &Options,
    workload: impl Fn() -> W,
) -> Result<Report, Box<Failure>> {
    run_scenario_with(&Scenario::of(options), workload)
}

/// Runs a scenario to its end, in a thread of its own. The same scenario is the same run.
///
/// # Errors
/// As [`run`].
///
/// # Panics
/// If it fails its [`check`](Scenario::check).
pub fn run_scenario(scenario: &Scenario) -> Result<Report, Box<Failure>> {
    run_subject(scenario, || asked_for(&scenario.options))
}

/// The same with another workload.
///
/// # Errors
/// As [`run_with`].
///
/// # Panics
/// As [`run_scenario`].
pub fn run_scenario_with<W: Workload + Send + 'static>(
    scenario: &Scenario,
    workload: impl Fn() -> W,
) -> Result<Report, Box<Failure>> {
    run_subject(scenario, || Box::new(Typed::new(workload())))
}

fn run_subject(
    scenario: &Scenario,
    subject: impl Fn() -> Box<dyn Subject + Send>,
) -> Result<Report, Box<Failure>> {
    assert!(scenario.check().is_ok(), "a scenario makes sense: {:?}", scenario.check());
    let history = RefCell::new(None);
    let attempt = |trace: &mut Trace| {
        let (ended, seen) = attempt(scenario, subject(), trace);
        *history.borrow_mut() = seen;
        ended
    };
    engine::run(attempt).map_err(|collapse| {
        Box::new(Failure::new(ENGINE, scenario, *collapse, history.borrow_mut().take()))
    })
}

/// What does not hold, from a single run without words.
///
/// # Panics
/// As [`run_scenario`].
pub fn violation(scenario: &Scenario) -> Option<Violation> {
    assert!(scenario.check().is_ok(), "a scenario makes sense: {:?}", scenario.check());
    engine::violation(|trace| attempt(scenario, asked_for(&scenario.options), trace).0)
}

/// What a run depends on beside its seed is state of its thread: each gets a new one.
fn attempt(
    scenario: &Scenario,
    subject: Box<dyn Subject + Send>,
    trace: &mut Trace,
) -> (Checked<Report>, Option<History>) {
    let kept = Arc::new(Mutex::new(std::mem::replace(trace, Trace::silent())));
    let (scenario, shared) = (scenario.clone(), Arc::clone(&kept));
    let seed = scenario.options.seed;
    let running = thread::Builder::new().name(format!("seed {seed}")).spawn(move || {
        let runtime = Runtime::with_seed_and_config(seed, Config::default());
        runtime.block_on(life::live(scenario, subject, shared))
    });
    let ended = running.expect("a thread can be started").join();
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    *trace = std::mem::replace(&mut *kept, Trace::silent());
    drop(kept);
    ended.unwrap_or_else(|panic| resume_unwind(panic))
}
