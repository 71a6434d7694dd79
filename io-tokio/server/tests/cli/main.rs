//! The binary from outside: arguments, files, processes, exit codes.

mod arguments;
mod demo;
mod directories;
mod histories;
mod logs;
mod members;
mod servers;
mod sim;
mod store;
mod support;
