//! Simulated worlds, and the judges of what happens in them.
//!
//! A world has servers, disks, a network, clocks and clients, all from one seed: the same seed is the
//! same run, byte for byte. There are three kinds:
//!
//! * [`lab`]: bare cores and nothing else, thousands of worlds in some seconds;
//! * [`direct`]: whole servers in one thread, from the log to the production client, on [`disk`] and
//!   [`net`]; a [`scenario`] says what strikes whom and when, a [`workload`] what clients do and what
//!   must hold, [`show`] draws what happened;
//! * the crate `quorate-madsim`: the same scenarios for the production pump with its tasks, by what
//!   [`engine`] has for engines.
//!
//! What clients did is a [`history`], and [`linearizability`] finds the order that explains it.
//!
//! ```
//! use quorate_io_sim::direct::{self, Options};
//!
//! let report = direct::run(&Options::from_seed(7)).expect("every property holds");
//! let again = direct::run(&Options::from_seed(7)).expect("and again");
//! assert_eq!(report.digest, again.digest);
//! ```
#![forbid(unsafe_code)]

pub mod direct;
pub mod disk;
pub mod engine;
pub mod explore;
pub mod history;
pub mod lab;
pub mod linearizability;
pub mod net;
pub mod scenario;
pub mod show;
pub mod workload;

mod boot;
mod clock;
mod digest;
mod feed;
mod forgetful;
mod health;
mod hearing;
mod judge;
mod queue;
mod replay;
mod rng;
mod trace;
mod trouble;
mod units;
