//! quorate on real sockets, disks and clocks.
//!
//! * [`start`] pumps a [`Node`](quorate_core::node::Node): what happens goes in, its orders are
//!   carried out. [`Env`] is all that it touches; [`RealEnv`] is the real world.
//! * A [`Server`] is all of that in one, for programs of one's own.
//! * [`client`] speaks to a cluster of them, and [`http`] lets others do so.
//! * Each part that may block is a [`Lane`](quorate_core::node::Lane) of its own: the log, and the
//!   state machine.
#![forbid(unsafe_code)]

pub mod client;
pub mod http;

mod calls;
mod connection;
mod counters;
mod env;
mod lane;
mod pump;
mod real;
mod server;

pub use env::Env;
pub use lane::LaneSender;
pub use pump::{Ended, Handle, Parts, start};
pub use real::{DirectoryError, FileDisk, RealEnv};
pub use server::{Bound, InitError, ServeError, Server, init, init_joining};
