//! The node, without sockets: what it says, whom it believes, and how requests end.

mod bad_disk;
mod config;
mod connections;
mod ends;
mod limits;
mod links;
mod requests;
mod world;
