//! The direct engine: whole servers, without their sockets, in one thread and from one seed.
//!
//! Everything that decides in production runs here: the node, the log on a simulated disk, the state
//! machine with its sessions, and the client. A queue of what will happen takes the place of tasks
//! and threads.
//!
//! ```
//! use quorate_io_sim::direct;
//! use quorate_io_sim::scenario::Options;
//! let report = direct::run(&Options::from_seed(7)).map_err(|failure| failure.to_string())?;
//! assert!(report.committed > 0);
//! # Ok::<(), String>(())
//! ```
//!
//! Read in this order: [`scenario`](crate::scenario) (what is to happen), `world` (what happens next),
//! `server` and `process` (what a server is), `step` (one step of one server), `caller` and `calls`
//! (clients), `nemesis` and `troubles` (what strikes, and for how long), `reconcile` (what a restart
//! must find), `heal`.

mod caller;
mod calls;
mod failure;
mod feed;
mod heal;
mod nemesis;
mod process;
mod reconcile;
mod report;
mod server;
mod step;
mod troubles;
mod wires;
mod world;

use std::cell::RefCell;

pub use crate::scenario::{NemesisOptions, Options};
pub use failure::Failure;
pub use report::Report;

use crate::history::{ModelName, Recorder};
use crate::judge::{Checked, Violation};
use crate::replay;
use crate::scenario::Scenario;
use crate::trace::Trace;
use world::World;

/// Draws what strikes, and runs one world to its end. The same options are the same run.
///
/// # Errors
/// The first property that did not hold, with the last of what happened before.
///
/// # Panics
/// If the options fail their [`check`](Options::check).
pub fn run(options: &Options) -> Result<Report, Box<Failure>> {
    play(&Scenario::of(options))
}

/// Runs a scenario to its end. The same scenario is the same run.
///
/// # Errors
/// As [`run`].
///
/// # Panics
/// If it fails its [`check`](Scenario::check).
pub fn play(scenario: &Scenario) -> Result<Report, Box<Failure>> {
    let recorder = RefCell::new(recorder());
    replay::run(|trace| attempt(scenario, trace, &recorder)).map_err(|collapse| {
        Box::new(Failure::new(scenario, *collapse, recorder.into_inner().finish()))
    })
}

/// What does not hold, from a single run without words.
pub(crate) fn violation(scenario: &Scenario) -> Option<Violation> {
    let recorder = RefCell::new(recorder());
    replay::violation(|trace| attempt(scenario, trace, &recorder))
}

/// The history outlives the world, however that ends.
fn attempt(scenario: &Scenario, trace: &mut Trace, history: &RefCell<Recorder>) -> Checked<Report> {
    let mut history = history.borrow_mut();
    *history = recorder();
    World::new(scenario, trace, &mut history).run()
}

fn recorder() -> Recorder {
    Recorder::new(ModelName::Kv, serde_json::Value::Null)
}
