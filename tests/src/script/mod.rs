//! Golden scripts: stories about a few servers, each a text that is run, and holds what came of it.
//!
//! A script drives bare cores by hand: who loses patience, which message arrives, which write is
//! durable, who crashes. Below each command stands what the servers did about it. After every step
//! the judges of the lab look at all servers (see `quorate_io_sim::lab`), and `expect` says what the
//! story is about, so that writing the outputs anew cannot bless another end. The language is told in
//! `TESTING.md`.
//!
//! Read in this order: `text` (a file, its commands and outputs), `command` and what it can be (`begin`
//! with `setting`, `time`, `clients` with `requests`, `network` with `selection`, `fate`, `look` with
//! `expectation`), `world` and `server` (all there is), `step` (one step of one server, and its judges),
//! `parse` and `words` (how things are read and shown).

mod begin;
mod clients;
mod command;
mod diff;
mod expectation;
mod fate;
mod look;
mod network;
mod parse;
mod requests;
mod selection;
mod server;
mod setting;
mod step;
mod text;
mod time;
mod words;
mod world;

pub use text::{Mismatch, Outcome, Script};
