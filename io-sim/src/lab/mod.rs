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
mod heal;
mod nemesis;
mod network;
mod options;
mod report;
mod requests;
mod sabotage;
mod server;
mod snapshots;
mod step;
mod world;

pub use crate::judge::{Property, Violation};
pub use options::{NemesisOptions, NetworkOptions, Options};
pub use report::{Failure, Report};
pub use sabotage::Sabotage;

use crate::replay;
use crate::trace::Trace;
use world::World;

/// Runs one world to its end. The same options are the same run.
///
/// # Errors
/// The first property that did not hold, with the last of what happened before.
pub fn run(options: &Options) -> Result<Report, Box<Failure>> {
    let attempt = |trace: &mut Trace| World::new(options, trace).run();
    replay::run(attempt).map_err(|collapse| Box::new(Failure::new(options, *collapse)))
}
