//! A client as typed clients see it: bytes out, bytes in.

use core::time::Duration;

use bytes::Bytes;
use quorate_core::Index;

use crate::courier::{Answered, CallError};
use crate::envelope::MachineId;
use crate::schema::Schema;
use crate::watches::{Watch, Watched};

/// How fresh an answer must be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Level {
    /// It reflects everything that was done before it was asked (thesis 6.4). Any server answers, with a
    /// word of the leader.
    #[default]
    Linearizable,
    /// The same, as long as clocks can be trusted: a leader answers by itself (thesis 6.4.1).
    Lease,
    /// It reflects everything that this client has seen: its own commands, and whatever it was answered.
    /// Any server answers that has come so far.
    Sequential,
    /// It reflects everything that was done up to so long before it was asked, to the millisecond; the
    /// answer tells [how long](Seen::age). Any server answers that has heard from a leader since.
    Bounded(Duration),
    /// Whatever a server has.
    Stale,
}

/// An answer, and how much of the log it reflects.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen<T> {
    /// The answer.
    pub value: T,
    /// The last entry that it reflects.
    pub index: Index,
    /// Of [`Level::Bounded`]: it reflects everything that was done up to so long before it was asked.
    pub age: Option<Duration>,
}

/// Takes operations, as bytes, to the servers of a cluster: over sockets, or within a process.
pub trait Caller: Clone + Send + Sync {
    /// Has a command carried out, exactly once.
    fn command(
        &self,
        machine: MachineId,
        command: Bytes,
    ) -> impl Future<Output = Result<Answered, CallError>> + Send;

    /// Asks a machine.
    fn query(
        &self,
        machine: MachineId,
        level: Level,
        query: Bytes,
    ) -> impl Future<Output = Result<Answered, CallError>> + Send;

    /// Waits for events, for as long as it takes.
    fn watch(&self, watch: Watch) -> impl Future<Output = Result<Watched, CallError>> + Send;

    /// The last entry that any answer so far reflects, or is the answer to.
    fn seen(&self) -> Index;

    /// An entry that was committed no earlier than this was asked: whatever is done after that comes
    /// after the entry.
    fn latest(&self) -> impl Future<Output = Result<Index, CallError>> + Send;
}

/// A client that knows the operations of its machine.
pub trait TypedClient<C: Caller>: Sized {
    /// What it takes the operations to be.
    const SCHEMA: Schema;

    /// Of this machine.
    fn new(caller: C, machine: MachineId) -> Self;
}
