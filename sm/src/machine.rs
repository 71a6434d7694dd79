//! A state machine is a plain Rust type; beneath it, the same machine as bytes.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use quorate_core::Index;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::capture::{Capture, Encoded};
use crate::codec;
use crate::context::Context;
use crate::digest::Digest;
use crate::envelope::SessionId;
use crate::events::EventLimits;
use crate::schema::Schema;

/// A replicated state machine (thesis 2.1): every replica applies the same commands in the same
/// order and must reach the same state. `apply` therefore depends on nothing but the state, the
/// context and the command: no clock, no randomness, no environment, no hash order, and no
/// floating point whose result differs between processors.
///
/// A command is total: what can go wrong is part of the [`Answer`](Self::Answer), a value like any
/// other. A panic in `apply` would take every replica down at the same entry, again and again.
///
/// Commands and queries come from clients: their types must not be recursive and hold no sequences
/// of zero-sized elements, since a few hostile bytes could make those endless. Use
/// [`Bytes`](bytes::Bytes) for byte strings; `Vec<u8>` is decoded byte by byte.
///
/// ```
/// use quorate_sm::{Context, StateMachine};
/// use serde::{Deserialize, Serialize};
///
/// /// A counter; the command is what to add, the answer the sum.
/// #[derive(Default, Serialize, Deserialize)]
/// struct Counter(u64);
///
/// impl StateMachine for Counter {
///     type Command = u64;
///     type Answer = u64;
///     type Query = ();
///     type QueryAnswer = u64;
///
///     fn apply(&mut self, _: &mut Context, add: u64) -> u64 {
///         self.0 = self.0.wrapping_add(add);
///         self.0
///     }
///
///     fn query(&self, (): ()) -> u64 {
///         self.0
///     }
/// }
/// ```
pub trait StateMachine: Serialize + DeserializeOwned + Send + 'static {
    /// What changes the state.
    type Command: Serialize + DeserializeOwned;
    /// What a command returns to its client. Kept by every replica until the client has
    /// acknowledged it, so better small.
    type Answer: Serialize + DeserializeOwned;
    /// What looks at the state.
    type Query: Serialize + DeserializeOwned;
    /// What a query returns.
    type QueryAnswer: Serialize + DeserializeOwned;

    /// Does every command and every query take microseconds at most, however large the state is?
    /// Then a driver may run them where it serves its connections, which spares a request the two
    /// wake-ups of a thread. While a slow one ran there, no heartbeat would leave.
    const BRIEF: bool = false;

    /// Does it ask what time it is, or arm timers? Then leaders have to write the time down; see
    /// [`Config::time_resolution_ms`](quorate_core::Config::time_resolution_ms).
    const NEEDS_TIME: bool = false;

    /// What the operations are, in words: [`#[machine]`](crate::machine) writes it down.
    const SCHEMA: Schema = Schema::UNKNOWN;

    /// Carries out a command.
    fn apply(&mut self, cx: &mut Context, command: Self::Command) -> Self::Answer;

    /// Answers a query. Runs on any replica, any number of times.
    fn query(&self, query: Self::Query) -> Self::QueryAnswer;

    /// A timer that was [armed](Context::arm) fires, with the bytes that it was given.
    fn fire(&mut self, cx: &mut Context, what: &[u8]) {
        let (_, _) = (cx, what);
    }

    /// A client is gone: it closed its session, or has been silent for too long, or others came and
    /// it was the one that was silent the longest. None of its commands is applied after this.
    fn session_ended(&mut self, cx: &mut Context, session: SessionId) {
        let (_, _) = (cx, session);
    }

    /// How many events are kept for those who are late: as of the first entry, for ever.
    fn event_limits(&self) -> EventLimits {
        EventLimits::default()
    }

    /// The state as of now, to be written down as serde would, while commands go on to be applied.
    /// What is given here writes all of it down at once; a machine with a large state has a copy that
    /// is cheap to make, and writes that down piece by piece.
    fn capture(&self) -> Box<dyn Capture> {
        Box::new(Encoded::of(self))
    }
}

/// A state machine as the [`Applier`](crate::Applier) sees it: bytes in, bytes out. Every
/// [`StateMachine`] is one; implement it by hand only for a machine whose state is not an ordinary
/// value, such as one that lives on a disk. The rules of [`StateMachine`] apply.
pub trait ByteMachine: Send {
    /// Carries out a command and appends its answer.
    ///
    /// # Errors
    /// If the bytes are no command of this machine; nothing has changed then. Whether they are
    /// depends on nothing but the bytes.
    fn apply_bytes(
        &mut self,
        cx: &mut Context,
        command: &[u8],
        answer: &mut Vec<u8>,
    ) -> Result<(), Undecodable>;

    /// Answers a query and appends its answer.
    ///
    /// # Errors
    /// If the bytes are no query of this machine.
    fn query_bytes(&self, query: &[u8], answer: &mut Vec<u8>) -> Result<(), Undecodable>;

    /// See [`StateMachine::fire`].
    fn fire(&mut self, cx: &mut Context, what: &[u8]) {
        let (_, _) = (cx, what);
    }

    /// See [`StateMachine::session_ended`].
    fn session_ended(&mut self, cx: &mut Context, session: SessionId) {
        let (_, _) = (cx, session);
    }

    /// See [`StateMachine::event_limits`].
    fn event_limits(&self) -> EventLimits {
        EventLimits::default()
    }

    /// See [`StateMachine::NEEDS_TIME`].
    fn needs_time(&self) -> bool {
        false
    }

    /// See [`StateMachine::SCHEMA`].
    fn schema(&self) -> Schema {
        Schema::UNKNOWN
    }

    /// See [`StateMachine::BRIEF`].
    fn is_brief(&self) -> bool {
        false
    }

    /// Why nothing can be done with the state any more, such as a disk that failed: the server ends before
    /// anybody is told of what was done or found since. Asked for after each run of commands, and each query.
    fn failure(&self) -> Option<String> {
        None
    }

    /// The last entry that the state reflects, of one that outlasts a restart: until the log is there again,
    /// it is ahead of what was applied since. Zero of all others.
    fn reflects(&self) -> Index {
        Index(0)
    }

    /// The state as of now, to be written down while commands go on to be applied. Equal states give
    /// equal bytes on every replica.
    fn capture(&self) -> Box<dyn Capture>;

    /// Begins anew from a state that was written down.
    ///
    /// # Errors
    /// If the bytes are no state of this machine; nothing has changed then.
    fn restore(&mut self, state: &[u8]) -> Result<(), Undecodable>;

    /// How a state comes back that is too large to be in memory as a whole. Without that it is collected,
    /// and then [restored](Self::restore).
    fn loader(&mut self) -> Option<&mut dyn Load> {
        None
    }

    /// Adds the whole state to a digest.
    fn digest_into(&self, digest: &mut Digest);
}

/// A machine that takes a state in part by part, as a [`Capture`] wrote it, however it is cut. Nothing is
/// applied or captured between the first part and the end; queries see what was there before.
pub trait Load {
    /// Takes the next bytes in.
    ///
    /// # Errors
    /// If the bytes are no state of this machine.
    fn load(&mut self, part: &[u8]) -> Result<(), Undecodable>;

    /// That was all: it is the state from now on.
    ///
    /// # Errors
    /// If something is missing; nothing has changed then.
    fn finish(&mut self) -> Result<(), Undecodable>;

    /// Nothing comes of it: forgets what was loaded, if anything was.
    fn abandon(&mut self);
}

/// The bytes are nothing that this machine knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the bytes do not decode")]
pub struct Undecodable;

impl<M: StateMachine> ByteMachine for M {
    fn apply_bytes(
        &mut self,
        cx: &mut Context,
        command: &[u8],
        answer: &mut Vec<u8>,
    ) -> Result<(), Undecodable> {
        // Copies what the command holds: a slice in a long-lived state would keep the whole frame
        // alive in which it came.
        let command = codec::decode(command).ok_or(Undecodable)?;
        codec::encode(&self.apply(cx, command), answer);
        Ok(())
    }

    fn query_bytes(&self, query: &[u8], answer: &mut Vec<u8>) -> Result<(), Undecodable> {
        let query = codec::decode(query).ok_or(Undecodable)?;
        codec::encode(&self.query(query), answer);
        Ok(())
    }

    fn fire(&mut self, cx: &mut Context, what: &[u8]) {
        StateMachine::fire(self, cx, what);
    }

    fn session_ended(&mut self, cx: &mut Context, session: SessionId) {
        StateMachine::session_ended(self, cx, session);
    }

    fn event_limits(&self) -> EventLimits {
        StateMachine::event_limits(self)
    }

    fn needs_time(&self) -> bool {
        M::NEEDS_TIME
    }

    fn schema(&self) -> Schema {
        M::SCHEMA
    }

    fn is_brief(&self) -> bool {
        M::BRIEF
    }

    fn capture(&self) -> Box<dyn Capture> {
        StateMachine::capture(self)
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), Undecodable> {
        *self = codec::decode(state).ok_or(Undecodable)?;
        Ok(())
    }

    fn digest_into(&self, digest: &mut Digest) {
        digest.put(self);
    }
}
