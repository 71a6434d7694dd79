//! Three real servers on loopback sockets and temporary directories, and clients of them.

mod clients;
mod endings;
mod gateway;
mod machines;
mod ready;
mod services;
mod snapshots;
mod still;
mod store;
mod strangers;
mod support;
