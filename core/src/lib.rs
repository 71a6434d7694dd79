//! Raft as a value: events in, effects out.
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
mod types;
pub mod wal;
pub mod wire;

pub use config::{Config, ConfigError};
pub use crc32c::{crc32c, crc32c_append};
pub use effect::{
    Append, Cause, Effect, Effects, HardState, Refusal, RoleChange, RoleKind, Violation, Write,
};
pub use entry::{Entries, Entry, NotARun, Payload};
pub use event::Event;
pub use membership::{Membership, MembershipError};
pub use message::{
    AppendEntries, AppendEntriesReply, AppendOutcome, Heartbeat, Message, PreVote, PreVoteReply,
    RequestVote, RequestVoteReply, Rpc,
};
pub use raft::{PeerMode, Progress, Raft, StartError, Status};
pub use recovered::{RecoverError, Recovered, SnapshotMeta};
pub use types::{
    ClusterId, GroupId, Incarnation, Index, Instant, LogId, NodeId, ReplicationId, RequestId,
    Round, Term, Ticket,
};
