//! Raft as a value: events in, effects out.
//!
//! * [`Raft`] is one server of one consensus group, without its I/O: [`Raft::step`] takes an [`Event`]
//!   and answers with [`Effect`]s. It reads no clock and draws no random numbers but from its seed, so
//!   the same events give the same effects.
//! * [`wire`] turns messages into bytes and back, [`wal`] makes entries durable on any disk.
//! * [`node`] is the rest of a server in the same style: links, handshakes, requests, forwarding.
//! * [`quorum`] and [`invariants`] are for those who check.
//!
//! Everything among the effects may be carried out at once, in any order. Whoever drives a server
//! keeps three rules (see [`Effect`]): writes become durable in the order given, and an answer to a
//! ticket means all up to it; messages may be lost, repeated and reordered; commits are applied in
//! order. `examples/sans_io_by_hand.rs` does so with threads and channels, in a page or two.
//!
//! ```
//! use quorate_core::*;
//!
//! /// What a driver does for ever: wait, step, carry out.
//! fn turn(raft: &mut Raft, now: Instant, event: Event, effects: &mut Effects) {
//!     raft.step(now, event, effects);
//!     for effect in effects.drain() {
//!         match effect {
//!             Effect::Write(write) => { /* append to the log, sync; then Event::Persisted(write.ticket) */ }
//!             Effect::Send(message) => { /* wire: message.encode(...), to message.to */ }
//!             Effect::Commit(index) => { /* apply everything up to index */ }
//!             Effect::Accepted { id, at } => { /* remember which request waits for which entry */ }
//!             Effect::Refused { id, why } => { /* nothing happened: say why */ }
//!             Effect::ReadReady { id, index } => { /* answer the query once index is applied */ }
//!             Effect::Transferred { id } => { /* another server leads, or is about to */ }
//!             Effect::Reconfigured { id, at } => { /* the membership is as it was wanted */ }
//!             Effect::ReconfigurationStopped { id, why } => { /* it is somewhere on the way */ }
//!             Effect::MembershipChanged(at) => { /* connect to raft.status().membership */ }
//!             Effect::Fetch { to, first, bytes_max } => { /* read the log; then Event::Fetched */ }
//!             Effect::FetchSnapshot { from, snapshot } => { /* get it; then Event::SnapshotFetched */ }
//!             Effect::Restore(snapshot) => { /* the state machine begins anew, from what was fetched */ }
//!             Effect::Compact(index) => { /* the log may forget what is up to index */ }
//!             Effect::RoleChanged(change) => { /* tell people */ }
//!             Effect::Halt(violation) => { /* stop, and keep everything for a post-mortem */ }
//!         }
//!     }
//!     // Wait until something happens, or until raft.deadline(): then Event::Timeout.
//! }
//! ```
//!
//! **Panics and errors.** Input that this crate did not make (messages, bytes, files, configuration)
//! gives an error or is ignored and counted; it never panics. A request that cannot be served gets a
//! [`Refusal`]. A cluster that breaks a Raft property gets [`Effect::Halt`]. A panic is a bug of ours.
//!
//! **Features.** Without any, nothing needs the standard library. `hardware-crc` has checksums done by the
//! processor, three times as fast for short frames and more for long ones; whoever has a standard library
//! wants it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod config;
mod crc32c;
mod effect;
mod entry;
mod event;
pub mod invariants;
mod log;
mod membership;
mod message;
pub mod node;
pub mod quorum;
mod raft;
mod recovered;
mod rng;
pub mod snapshot;
mod types;
pub mod wal;
pub mod wire;

pub use config::{Config, ConfigError, Lease};
pub use crc32c::{crc32c, crc32c_append};
pub use effect::{
    Append, Cause, Effect, Effects, HardState, Refusal, RoleChange, RoleKind, SnapshotChange,
    Stopped, Violation, Write,
};
pub use entry::{Entries, Entry, EntryRange, LeaderTime, NotARun, Payload, System};
pub use event::Event;
pub use membership::{Membership, MembershipError, MembershipRecord};
pub use message::{
    AppendEntries, AppendEntriesReply, AppendOutcome, ForgetfulReply, Heartbeat, InstallSnapshot,
    Message, PreVote, PreVoteReply, RequestVote, RequestVoteReply, Rpc, Vouch,
};
pub use raft::{LeaseLost, PeerMode, Progress, Raft, StartError, Status};
pub use recovered::{RecoverError, Recovered, SnapshotMeta};
pub use types::{
    ClusterId, GroupId, Incarnation, Index, Instant, LifeId, LogId, NodeId, ReplicationId,
    RequestId, Round, Term, Ticket,
};
