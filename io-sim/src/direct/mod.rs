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
//! Read in this order: [`scenario`](crate::scenario) (what is to happen), `world` (what happens next),
//! `server` and `process` (what a server is), `step` (one step of one server), `lanes` and `stop`,
//! `caller` and `calls` (clients), `nemesis` (what strikes),
//! `reconcile` and `autopsy` (what a restart must find), `heal`, `broken` and `quiet` (peace), `tell`
//! (what a recording is told).

mod autopsy;
mod broken;
mod caller;
mod calls;
mod failure;
mod feed;
mod files;
mod heal;
mod lanes;
mod nemesis;
mod process;
mod quiet;
mod reconcile;
mod replace;
mod report;
mod server;
mod step;
mod stop;
mod tell;
mod wires;
mod world;

use std::cell::RefCell;

pub use crate::judge::{Point, Reached};
pub use crate::scenario::{NemesisOptions, Options, Sabotage};
pub use autopsy::examine;
pub use broken::{Broken, FOREVER_NS};
pub use failure::Failure;
pub use files::{DiskUse, judge_files};
pub use quiet::replayed;
pub(crate) use reconcile::read_all;
pub use reconcile::{Found, reconcile};
pub use report::Report;

use crate::judge::{Checked, Violation};
use crate::replay;
use crate::scenario::Scenario;
use crate::show::Chronicle;
use crate::trace::Trace;
use crate::workload::{Subject, Typed, Workload, asked_for};
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

/// The same, with another workload, made anew for each run: what fails is run once more.
///
/// # Errors
/// The first property that did not hold, those of the workload among them.
///
/// # Panics
/// As [`run`].
pub fn run_with<W: Workload + 'static>(
    options: &Options,
    workload: impl Fn() -> W,
) -> Result<Report, Box<Failure>> {
    play_with(&Scenario::of(options), workload)
}

/// Runs a scenario to its end. The same scenario is the same run.
///
/// # Errors
/// As [`run`].
///
/// # Panics
/// If it fails its [`check`](Scenario::check).
pub fn play(scenario: &Scenario) -> Result<Report, Box<Failure>> {
    Stage::new(scenario, || asked_for(&scenario.options)).play()
}

/// The same with another workload.
///
/// # Errors
/// As [`run_with`].
///
/// # Panics
/// As [`play`].
pub fn play_with<W: Workload + 'static>(
    scenario: &Scenario,
    workload: impl Fn() -> W,
) -> Result<Report, Box<Failure>> {
    Stage::new(scenario, || Box::new(Typed::new(workload()))).play()
}

/// The same as [`play`], but once, and written down for [pictures](crate::show).
///
/// # Errors
/// As those of [`play`]; the chronicle ends with what did not hold.
///
/// # Panics
/// As [`play`].
pub fn record(scenario: &Scenario) -> (Result<Report, Box<Failure>>, Chronicle) {
    Stage::new(scenario, || asked_for(&scenario.options)).record()
}

/// The same with another workload.
///
/// # Errors
/// As those of [`run_with`].
///
/// # Panics
/// As [`play`].
pub fn record_with<W: Workload + 'static>(
    scenario: &Scenario,
    workload: impl Fn() -> W,
) -> (Result<Report, Box<Failure>>, Chronicle) {
    Stage::new(scenario, || Box::new(Typed::new(workload()))).record()
}

/// What does not hold, from a single run without words.
pub(crate) fn violation(scenario: &Scenario) -> Option<Violation> {
    let stage = Stage::new(scenario, || asked_for(&scenario.options));
    replay::violation(|trace| stage.run(trace))
}

/// Where runs of one scenario take place; the workload outlives the world, however that ends.
struct Stage<'a, F> {
    scenario: &'a Scenario,
    subject_of: F,
    subject: RefCell<Box<dyn Subject>>,
}

impl<'a, F: Fn() -> Box<dyn Subject>> Stage<'a, F> {
    fn new(scenario: &'a Scenario, subject_of: F) -> Self {
        let subject = RefCell::new(subject_of());
        Self { scenario, subject_of, subject }
    }

    fn play(&self) -> Result<Report, Box<Failure>> {
        replay::run(|trace| self.run(trace)).map_err(|collapse| self.failure(*collapse))
    }

    fn record(&self) -> (Result<Report, Box<Failure>>, Chronicle) {
        let Options { callers, .. } = self.scenario.options;
        let trace = Trace::chronicling(self.scenario.options.servers(), callers);
        let (outcome, chronicle) = replay::record(|trace| self.run(trace), trace);
        (outcome.map_err(|collapse| self.failure(*collapse)), chronicle)
    }

    fn run(&self, trace: &mut Trace) -> Checked<Report> {
        let mut subject = self.subject.borrow_mut();
        *subject = (self.subject_of)();
        World::new(self.scenario, &mut **subject, trace).run()
    }

    fn failure(&self, collapse: replay::Collapse) -> Box<Failure> {
        let history = self.subject.borrow().history().cloned();
        Box::new(Failure::new(failure::ENGINE, self.scenario, collapse, history))
    }
}
