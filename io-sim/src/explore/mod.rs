//! Every state of a small world.
//!
//! The [lab](crate::lab) goes one way through a large world, by chance. This goes every way through a
//! small one: two or three bare cores, each with a disk; a few messages under way; a few elections,
//! commands, reads and crashes. From each state it does whatever may happen next, breadth first, so
//! what does not hold is found on a shortest way. What must hold is what holds in the lab, by the same
//! judges: Raft's properties over all servers (thesis Figure 3.2), that what is committed is durable
//! on a quorum, that nothing is said before it is durable, one vote in a term, reads that see all that
//! was committed when they were asked for, and [`quorate_core::invariants`] over each step.
//!
//! ```
//! use quorate_io_sim::explore::{self, Options};
//!
//! let two_servers = Options { servers: 2, crashes: 1, ..Options::default() };
//! let report = explore::run(&two_servers, |_| ()).map_err(|failure| failure.to_string())?;
//! assert!(report.is_complete && report.commits > 0);
//! # Ok::<(), String>(())
//! ```
//!
//! # What is a state
//! The servers, each with what is on its disk and on its way there; the messages under way, as often
//! as each is; who waits for a read, and what was committed when it was asked for; how much of each
//! [bound](Options) is used up; and all that the judges remember: who led and voted in which term, what
//! was written where, what is committed. Nothing is found by chance and nothing by clocks.
//!
//! A server is known by what `Debug` prints of it, all of it, but for what has no effect: see
//! `projection` for what that is. Two servers that print the same are taken for one, the one that was
//! met first. What happens to them from then on is the same, because
//! * the core is a function of its state and an event, and what is left out decides nothing in it: a
//!   timer fires whenever the exploration lets it (after its deadline, whatever that is); the jitter is
//!   zero; disks never count as hanging; and whether a leader was heard within an election timeout is
//!   kept, for time passes in whole timeouts ([`Options::lapses`]);
//! * a test goes many ways twice, once with servers that were taken for others, once with the very
//!   ones, and they print the same all the way.
//!
//! A way to a violation is gone again by the very servers before it is reported.
//!
//! # What is left out
//! Within its bounds an exploration is complete, up to the chance that two states have one fingerprint
//! of 64 bits (one in forty million for a million states). But there is less in it than in the
//! world:
//! * **messages**: at most so many are under way that still arrive. Where more are sent any of them
//!   are lost; to be lost and to arrive never are the same otherwise, so nothing else loses any;
//! * **time**: a heartbeat takes none, and all servers that a leader has heard from since the last
//!   lapse it has heard from at the same time;
//! * **crashes** and restarts are one action. To be down for a while is to be reached by nobody;
//! * **snapshots** are taken of all that a server has applied, and got as a whole, or not, at any moment
//!   after they were offered; none is offered that is gone;
//! * **batches** of events ([`Raft::step_batch`](quorate_core::Raft::step_batch)), lost connections,
//!   logs that are not in memory, hanging disks and wrong messages are left to the lab;
//! * **liveness** is: a state in which nothing can happen is no failure.
//!
//! Servers are not interchangeable: the core numbers its probes in the order of names, so a world and
//! the same world with other names differ in more than names, and both are explored.
//!
//! Read in this order: [`Options`], `action` (what may happen), `world` (a state), `node` (one server
//! in it), `projection`, `table` (why this is fast: a server's step is computed once), `search`.

mod action;
mod fingerprint;
mod node;
mod options;
mod projection;
mod report;
mod search;
mod table;
#[cfg(test)]
mod tests;
mod world;

pub use options::Options;
pub use report::{Failure, Report};
pub use search::{Choice, replay, run};
