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
//! server is), `step` (one step of one server), `caller` and `calls` (clients), `nemesis`, `reconcile`
//! (what a restart must find), `heal`.

mod caller;
mod calls;
mod feed;
mod heal;
mod nemesis;
mod options;
mod process;
mod reconcile;
mod report;
mod server;
mod step;
mod wires;
mod world;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use options::{NemesisOptions, Options};
pub use report::{Failure, Report};

use crate::judge::{Checked, Property, Violation};
use crate::lab::trace::Trace;
use world::World;

/// Runs one world to its end. The same options are the same run.
///
/// # Errors
/// The first property that did not hold, with the last of what happened before.
pub fn run(options: &Options) -> Result<Report, Box<Failure>> {
    let mut trace = Trace::silent();
    attempt(options, &mut trace).map_err(|violation| Box::new(explain(options, violation, &trace)))
}

/// Runs a failed world again, now with words.
fn explain(options: &Options, violation: Violation, silent: &Trace) -> Failure {
    let mut trace = Trace::recording();
    let again = attempt(options, &mut trace);
    let is_same = again.err().as_ref() == Some(&violation) && trace.digest() == silent.digest();
    let violation = if is_same {
        violation
    } else {
        let evidence = format!("run again, it went otherwise; before: {violation}");
        Violation { property: Property::Determinism, evidence }
    };
    let (step, digest) = (trace.len(), trace.digest());
    Failure { options: options.clone(), violation, step, digest, trace: trace.into_lines() }
}

/// A panic is a violation like any other.
fn attempt(options: &Options, trace: &mut Trace) -> Checked<Report> {
    catch_unwind(AssertUnwindSafe(|| World::new(options, trace).run())).unwrap_or_else(|panic| {
        Err(Violation { property: Property::ServersRun, evidence: said(&*panic) })
    })
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("without words"))
}
