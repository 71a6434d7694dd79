//! What the log means: state machines as plain types, and clients whose commands take effect once.
//!
//! * [`machine`](macro@machine) makes a state machine, and its typed client, of a trait; a [`StateMachine`] by hand is a
//!   Rust type with a function from command to answer.
//! * A command may ask its [`Context`] what time it is, arm timers and publish events.
//! * The [`Applier`] moves the machines of a log, and the [`Sessions`] of their clients, along it.
//! * A client speaks through [`client`], and keeps at it by a [`courier`]; the leader lets silent ones
//!   expire by a [`SessionKeeper`].
//! * [`service`](macro@service) makes functions that servers offer beside the log, and their typed client, of a trait.
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
//!     applier.apply(&run, &mut applied).expect("all machines are there");
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
mod loading;
mod machine;
mod registry;
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
mod service;
mod subscription;

pub use quorate_core::Index;

/// Makes a replicated state machine, and its typed client, of a trait.
///
/// | a function with | is | and runs |
/// |---|---|---|
/// | `&mut self` and `cx: &mut KvCx` | a command | once for each call, on every replica, in one order |
/// | `&self` | a query | on one replica, at a [`Level`] of consistency: `#[read(Sequential)]`, or else linearizable |
/// | no `self` | an event | nowhere: clients subscribe to it, commands publish it by `cx.emit_..` |
/// | `#[timer]`, `&mut self` | a timer | when it is due, armed by `cx.{name}_after(..)` |
/// | `#[session_ended]`, `&mut self` | a hook | when a client is gone |
///
/// Operations are synchronous and of owned types: they stand in the log as bytes. For a trait `Kv` there are
/// then `KvCx`, `KvCommand`, `KvQuery` and their answers, `KvMachine<S>` for a state `S` that implements the
/// trait and serde's, `KvClient` and `KV_SCHEMA`. Clients need the trait and its types only.
///
/// | with a `kv: KvClient` | is asked, or told |
/// |---|---|
/// | `kv.put(..)`, `kv.get(..)` | a command; a query at its own level |
/// | `kv.at(Level::Stale).get(..)` | a query at another level, with the entry that the answer reflects |
/// | `kv.changed("a").await?` | what becomes of `a` from now on: a [`Subscription`] |
/// | `kv.since(notice.resume).changed("a")` | what has become of it since then, and from now on |
/// | `kv.since(..).any_changed()`, `kv.from_now().await?.any_changed()` | what becomes of any key, and [of which](Notice::about) |
///
/// Operations are numbered within their kind, from 0 in the order in which they stand, or by `#[op(n)]`. Logs
/// know them by these numbers: append new ones, and let `#[machine(schema = "kv.schema")]` make a test that
/// compares them with a file that you keep; `UPDATE=1` adds what is new to it. More options:
///
/// | `#[machine(..)]` | |
/// |---|---|
/// | `brief` | every operation takes microseconds, see [`StateMachine::BRIEF`] |
/// | `events = 1000` | so many events are kept for those who are late, see [`EventLimits`] |
/// | `capture` | the trait has a function `capture` as in [`StateMachine::capture`], for states that are too large to be written down at once: see [`Items`] and [`Fields`] |
///
/// ```
/// use core::time::Duration;
/// use std::collections::BTreeMap;
/// use quorate_sm::{machine, TimerId};
/// use serde::{Deserialize, Serialize};
///
/// #[machine]
/// pub trait Kv {
///     /// Sets `key`, returns the previous value. With a `ttl` the key expires.
///     fn put(&mut self, cx: &mut KvCx, key: String, value: String, ttl: Option<Duration>) -> Option<String>;
///     #[timer]
///     fn expire(&mut self, cx: &mut KvCx, key: String);
///     /// The value of `key`.
///     fn get(&self, key: String) -> Option<String>;
///     /// What becomes of `key`.
///     fn changed(key: String) -> Change;
/// }
///
/// #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
/// pub enum Change { Put(String), Expired }
///
/// #[derive(Default, Serialize, Deserialize)]
/// pub struct Store(BTreeMap<String, (String, Option<TimerId>)>);
///
/// impl Kv for Store {
///     fn put(&mut self, cx: &mut KvCx, key: String, value: String, ttl: Option<Duration>) -> Option<String> {
///         let timer = ttl.map(|ttl| cx.expire_after(ttl, key.clone()));
///         cx.emit_changed(&key, Change::Put(value.clone()));
///         let (old, stale) = self.0.insert(key, (value, timer))?;
///         stale.map(|timer| cx.cancel(timer));
///         Some(old)
///     }
///
///     fn expire(&mut self, cx: &mut KvCx, key: String) {
///         self.0.remove(&key);
///         cx.emit_changed(key, Change::Expired);
///     }
///
///     fn get(&self, key: String) -> Option<String> {
///         self.0.get(&key).map(|entry| entry.0.clone())
///     }
/// }
///
/// // A state needs no cluster to be tested.
/// use quorate_sm::{Context, StateMachine};
/// let mut kv = KvMachine(Store::default());
/// let put = KvCommand::Put { key: "a".into(), value: "1".into(), ttl: None };
/// let KvAnswer::Put(previous) = kv.apply(&mut Context::default(), put) else { panic!() };
/// assert_eq!((previous, kv.0.get("a".into())), (None, Some("1".into())));
///
/// // With a cluster, whose servers have `.with(MachineId(1), "kv", KvMachine(Store::default()))`:
/// async fn example<C: quorate_sm::Caller>(kv: KvClient<C>) -> Result<(), quorate_sm::Lost> {
///     let mut changes = kv.changed("a").await?;
///     kv.put("a", "2", Some(Duration::from_secs(5))).await?; // once, over retries and new leaders
///     assert_eq!(changes.next().await?.event, Change::Put("2".into()));
///     assert_eq!(kv.at(quorate_sm::Level::Stale).get("a").await?.value, Some("2".into()));
///     Ok(())
/// }
/// ```
pub use quorate_sm_derive::machine;

/// Makes a service of a trait: functions that a server offers beside the log, and a typed client of them. There is
/// no other description of the interface, and no other program that has to run.
///
/// Nothing of it is replicated: a call is carried out by one server, at most once, and an error tells whether
/// it may have been. Functions are `async fn` of `&self` and of owned types that serde knows. One that is
/// declared otherwise is another function, so a client and a server of different days never take one
/// thing for another: the call [is refused](quorate_core::wire::NotApplied::NotOffered). What serde makes of
/// the types themselves is yours to keep, as with any other format.
///
/// For a trait `Echo` there are then `EchoService`, which servers offer by name (see [`Services`]), and
/// `EchoClient`. A client within the same process calls the service itself: nothing is encoded or copied.
///
/// A function whose caller is gone, or has waited long enough, is dropped where it waits. One that blocks a
/// thread keeps others from running: hand such work to a thread of its own.
///
/// ```
/// use quorate_sm::{Reach, ServiceClient, service};
///
/// #[service]
/// pub trait Greeter {
///     /// Says hello.
///     async fn hello(&self, name: String, times: u32) -> String;
/// }
///
/// struct English;
///
/// impl Greeter for English {
///     async fn hello(&self, name: String, times: u32) -> String {
///         format!("{}{name}!", "Hello, ".repeat(times as usize))
///     }
/// }
///
/// # async fn example() -> Result<(), quorate_sm::courier::CallError> {
/// let greeter = GreeterClient::new(Reach::Here(GreeterService::new(English)));
/// assert_eq!(greeter.hello("Ada", 2).await?, "Hello, Hello, Ada!");
/// # Ok(())
/// # }
/// # let mut example = std::pin::pin!(example());
/// # let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
/// # assert!(matches!(example.as_mut().poll(&mut cx), std::task::Poll::Ready(Ok(()))));
/// ```
pub use quorate_sm_derive::service;

pub use applier::{About, Answer, Applied, Applier, Read};
pub use apply_lane::{ApplyLane, ApplyOrder};
pub use caller::{Caller, Level, Seen, TypedClient};
pub use capture::{Capture, Encoded, Fields, Items};
pub use clock::Time;
pub use context::Context;
pub use digest::Digest;
pub use envelope::{
    Envelope, EnvelopeError, MachineId, Order, Sequence, SessionId, Stamp, VERSION,
};
pub use events::{Event, EventLimits, Filter, Gap, Position, Since};
pub use keeper::SessionKeeper;
pub use kv::Kv;
pub use loading::RestoreError;
pub use machine::{ByteMachine, Load, StateMachine, Undecodable};
pub use outcome::{Outcome, OutcomeError, Rejection};
pub use registry::{Registration, Unfit};
pub use schema::{Schema, SchemaChange};
pub use service::{Calling, Carrier, Reach, Refused, Service, ServiceClient, Services};
pub use sessions::{SessionLimits, Sessions};
pub use subscription::{Lost, Notice, Subscription};
pub use timers::TimerId;
pub use waiting::ReadRefusal;
pub use watches::{Watch, Watched};
