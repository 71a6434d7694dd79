//! What the log means: state machines as plain types, and clients whose commands take effect once.
//!
//! Nothing in here reads a clock, draws a random number, starts a thread or does I/O.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod machine;

mod envelope;
mod outcome;

mod codec;
mod digest;

pub mod kv;

pub use digest::Digest;
pub use envelope::{
    Envelope, EnvelopeError, MachineId, Order, Sequence, SessionId, Stamp, VERSION,
};
pub use kv::Kv;
pub use machine::{ByteMachine, Context, StateMachine, Undecodable};
pub use outcome::{Outcome, OutcomeError, Rejection};
