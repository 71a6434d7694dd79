//! The node, without sockets: what it says, whom it believes, and how requests end.

mod bad_disk;
mod calls;
mod config;
mod connections;
mod ends;
mod entries;
mod limits;
mod links;
mod members;
mod priority;
mod requests;
mod snapshots;
mod staffing;
mod tending;
mod watches;
mod world;
