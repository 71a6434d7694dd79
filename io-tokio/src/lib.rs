//! quorate on real sockets, disks and clocks.
//!
//! * [`start`] pumps a [`Node`](quorate_core::node::Node): what happens goes in, its orders are
//!   carried out. [`Env`] is all that it touches; [`RealEnv`] is the real world.
//! * [`client`] speaks to a cluster of them, and [`http`] lets others do so.
//! * Each part that may block has a [`Lane`]: the log on one, the state machine on another.
#![forbid(unsafe_code)]

pub mod client;
pub mod http;

mod apply_lane;
mod connection;
mod counters;
mod disk_lane;
mod env;
mod lane;
mod pump;
mod real;

pub use env::Env;
pub use lane::{Idle, Lane, LaneSender};
pub use pump::{Ended, Handle, Parts, start};
pub use real::{DirectoryError, FileDisk, RealEnv};
