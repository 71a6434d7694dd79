//! The binary from outside: arguments, files, processes, exit codes.

mod arguments;
mod demo;
mod directories;
mod histories;
mod logs;
mod servers;
mod sim;
mod store;
mod support;
