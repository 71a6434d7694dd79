//! Three real servers on loopback sockets and temporary directories, and clients of them.

mod clients;
mod gateway;
mod strangers;
mod support;
