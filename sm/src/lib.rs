//! What the log means: state machines as plain types, and clients whose commands take effect once.
//!
//! * A [`StateMachine`] is a Rust type with a function from command to answer.
//! * The [`Applier`] moves it, and the [`Sessions`] of its clients, along the committed log.
//! * A client speaks through [`client`], and keeps at it by a [`courier`]; the leader lets silent ones
//!   expire by a [`SessionKeeper`].
//! * [`kv`] is a ready machine.
//!
//! Nothing in here reads a clock, draws a random number, starts a thread or does I/O.
//!
//! ```
//! use quorate_core::{Entries, Entry, Index, LogId, Payload, Term};
//! use quorate_sm::kv::{Answer, Command, Kv};
//! use quorate_sm::{Applied, Applier, MachineId, SessionLimits, client};
//!
//! let mut applier = Applier::new(Kv::default(), SessionLimits::default());
//! let mut commit = |command| {
//!     let id = LogId { term: Term(1), index: applier.last_applied().index.next() };
//!     let run = Entries::new([Entry { id, payload: Payload::Command(command) }]).unwrap();
//!     let mut applied = Applied::default();
//!     applier.apply(&run, &mut applied);
//!     applied.answers.remove(0).outcome
//! };
//!
//! let mut session = client::opened(&commit(client::open_session(0x5eed)))?;
//! let sequence = session.begin().expect("the window is empty");
//! let add = Command::Increment { key: "visits".into(), by: 1 };
//! let command = client::apply::<Kv>(session.stamp(sequence), MachineId::FIRST, &add);
//!
//! let answer = commit(command.clone());
//! let retried = commit(command); // the client did not get the answer, and asks again
//! assert_eq!(answer, retried);
//! let Answer::Number { value, .. } = client::answer::<Kv>(&retried)? else { panic!() };
//! assert_eq!(value, 1, "counted once");
//! session.answered(sequence);
//! # Ok::<(), client::AnswerError>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod capture;
mod clock;
mod context;
mod events;
mod hosts;
mod machine;
mod timers;
mod watches;

mod envelope;
mod outcome;

mod session;
mod sessions;

mod applier;
mod apply_lane;
mod keeper;
mod timer_keeper;
mod waiting;

pub mod courier;

mod codec;
mod digest;

mod caller;
pub mod client;
#[doc(hidden)]
#[allow(missing_docs)]
pub mod generated;
pub mod kv;
mod schema;
mod subscription;

pub use quorate_core::Index;
pub use quorate_sm_derive::machine;

pub use applier::{About, Answer, Applied, Applier};
pub use apply_lane::{ApplyLane, ApplyOrder};
pub use caller::{Caller, Level, Seen, TypedClient};
pub use capture::{Capture, Encoded};
pub use clock::Time;
pub use context::Context;
pub use digest::Digest;
pub use envelope::{
    Envelope, EnvelopeError, MachineId, Order, Sequence, SessionId, Stamp, VERSION,
};
pub use events::{Event, EventLimits, Filter, Gap, Position, Since};
pub use keeper::SessionKeeper;
pub use kv::Kv;
pub use machine::{ByteMachine, StateMachine, Undecodable};
pub use outcome::{Outcome, OutcomeError, Rejection};
pub use schema::{Schema, SchemaChange};
pub use sessions::{SessionLimits, Sessions};
pub use subscription::{Lost, Notice, Subscription};
pub use timers::TimerId;
pub use waiting::ReadRefusal;
pub use watches::{Watch, Watched};
