//! The lab: a world of bare cores, in one thread and from one seed.
//!
//! Servers are nothing but [`Raft`](quorate_core::Raft) values. The lab plays all that is around
//! them: disks that become durable late and lose what is not, links that lose, double, delay and
//! reorder, clocks that differ, clients, and a nemesis that crashes, pauses and cuts off. After every
//! step of any server it checks Raft's properties over all of them (thesis Figure 3.2), that what is
//! committed is durable on a quorum, that nothing is said before it is durable, that reads are
//! linearizable, and more: see [`Property`]. In the end all faults cease, and the cluster must make
//! progress.
//!
//! ```
//! use quorate_io_sim::lab::{self, Options};
//! let report = lab::run(&Options::from_seed(7)).map_err(|failure| failure.to_string())?;
//! assert!(report.committed > 0);
//! # Ok::<(), String>(())
//! ```
//!
//! Read in this order: [`Options`], `world` (what happens next), `step` (one step of one server),
//! `judge` beside this folder (what must hold), `nemesis`, `heal`, and `broken`, which shows that the
//! checks notice.

mod broken;
pub(crate) mod feed;
mod heal;
mod nemesis;
mod network;
mod options;
mod report;
mod requests;
mod sabotage;
mod server;
mod step;
pub(crate) mod trace;
mod world;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use crate::judge::{Property, Violation};
pub use options::{NemesisOptions, NetworkOptions, Options};
pub use report::{Failure, Report};
pub use sabotage::Sabotage;

use crate::judge::Checked;
use trace::Trace;
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
