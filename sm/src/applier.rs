//! Applies what is committed, and answers.

use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::Bytes;
use quorate_core::{Entries, Index, LogId, Payload, RequestId};

use crate::capture::{self, Capture, Replica};
use crate::digest::Digest;
use crate::envelope::{self, Envelope, MachineId, Stamp};
use crate::machine::{ByteMachine, Context, Undecodable};
use crate::outcome::{Outcome, Rejection};
use crate::sessions::{Admission, SessionLimits, Sessions};
use crate::waiting::{ReadRefusal, WaitingReads};

/// Owns a state machine and the sessions of its clients, and moves both along the log.
///
/// The state is a function of the entries applied: neither how they were cut into runs nor any
/// query has a part in it.
///
/// ```
/// use bytes::Bytes;
/// use quorate_core::{Entries, Entry, Index, LogId, Payload, RequestId, Term};
/// use quorate_sm::kv::{Command, Kv, Query, QueryAnswer};
/// use quorate_sm::{Applied, Applier, MachineId, SessionLimits, client};
///
/// let mut applier = Applier::new(Kv::default(), SessionLimits::default());
/// let mut applied = Applied::default();
///
/// // A read that must see entry 1, asked for before this replica has it.
/// let get = client::query::<Kv>(MachineId::FIRST, &Query::Get { key: "k".into() });
/// applier.query_at(Index(1), RequestId(7), get, &mut applied)?;
/// assert!(applied.reads.is_empty());
///
/// let put = Command::Put { key: "k".into(), value: "v".into() };
/// let command = client::sessionless::<Kv>(MachineId::FIRST, &put);
/// let id = LogId { term: Term(1), index: Index(1) };
/// applier.apply(&Entries::new([Entry { id, payload: Payload::Command(command) }])?, &mut applied);
/// assert_eq!(applied.answers[0].at, id);
///
/// let (token, bytes) = &applied.reads[0];
/// assert_eq!(*token, RequestId(7));
/// let QueryAnswer::Value(Some(found)) = client::query_answer::<Kv>(bytes)? else { panic!() };
/// assert_eq!((found.value, found.version), (Bytes::from("v"), Index(1)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Applier {
    last_applied: LogId,
    machine: Box<dyn ByteMachine>,
    sessions: Sessions,
    waiting: WaitingReads,
    /// Where an answer grows; kept for its allocation.
    scratch: Vec<u8>,
}

/// What came of applying. Owned and drained by the driver.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Applied {
    /// One for each entry, in order.
    pub answers: Vec<Answer>,
    /// Each read that was waited for, under its caller's name, with its [`Outcome`] in bytes.
    pub reads: Vec<(RequestId, Bytes)>,
}

/// What an entry is answered with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The entry. A request that was accepted at this index in another term is lost.
    pub at: LogId,
    /// An [`Outcome`] in bytes; empty for a no-op.
    pub outcome: Bytes,
}

impl Applier {
    /// The most reads that may wait at a time.
    pub const READS_WAITING_MAX: usize = WaitingReads::READS_MAX;
    /// The most bytes of queries that may wait at a time.
    pub const READS_WAITING_BYTES_MAX: u64 = WaitingReads::BYTES_MAX;

    /// A replica that has applied nothing yet.
    ///
    /// # Panics
    /// If a limit is zero that allows nothing then: no sessions, or sessions without commands.
    pub fn new(machine: impl ByteMachine + 'static, limits: SessionLimits) -> Self {
        Self {
            last_applied: LogId::ZERO,
            machine: Box::new(machine),
            sessions: Sessions::new(limits),
            waiting: WaitingReads::default(),
            scratch: Vec::new(),
        }
    }

    /// The last entry that was applied.
    pub const fn last_applied(&self) -> LogId {
        self.last_applied
    }

    /// Does every command and every query take microseconds at most? See
    /// [`StateMachine::BRIEF`](crate::StateMachine::BRIEF).
    pub fn is_brief(&self) -> bool {
        self.machine.is_brief()
    }

    /// The sessions of the clients.
    pub const fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Applies a run of committed entries; then answers the reads that have waited for them.
    ///
    /// # Panics
    /// If the run does not follow the last entry that was applied: a driver that skips or repeats
    /// an entry has lost the state.
    pub fn apply(&mut self, entries: &Entries, out: &mut Applied) {
        let Some(first) = entries.first() else { return };
        let last = self.last_applied;
        assert_eq!(first.id.index, last.index.next(), "a gap in what is applied");
        assert!(first.id.term >= last.term, "term {:?} after {last:?}", first.id.term);

        out.answers.reserve(entries.len());
        for entry in entries.iter() {
            let outcome = match &entry.payload {
                Payload::System(_) => Bytes::new(),
                Payload::Command(command) => self.answer(entry.id, command),
            };
            self.last_applied = entry.id;
            out.answers.push(Answer { at: entry.id, outcome });
        }
        self.answer_reads(out);
    }

    fn answer_reads(&mut self, out: &mut Applied) {
        while let Some((id, query)) = self.waiting.pop_ready(self.last_applied.index) {
            let outcome = self.query(&query);
            out.reads.push((id, outcome));
        }
    }

    /// The state as of now, to be written down while entries go on to be applied.
    pub fn capture(&self) -> Box<dyn Capture> {
        Box::new(Replica::new(&self.sessions, self.machine.capture()))
    }

    /// Begins anew from a state that was written down as of the entry `at`; then answers the reads
    /// that have waited for it.
    ///
    /// # Errors
    /// If the bytes are no state of such a replica; it is of no use then.
    pub fn restore(
        &mut self,
        at: LogId,
        state: &[u8],
        out: &mut Applied,
    ) -> Result<(), Undecodable> {
        let (sessions, machine) = capture::split(state).ok_or(Undecodable)?;
        let sessions = Sessions::decode(sessions).ok_or(Undecodable)?;
        self.machine.restore(machine)?;
        (self.sessions, self.last_applied) = (sessions, at);
        self.answer_reads(out);
        Ok(())
    }

    /// Answers a query from the state as it is, with an [`Outcome`] in bytes.
    pub fn query(&self, query: &[u8]) -> Bytes {
        self.try_query(query).unwrap_or_else(|why| Outcome::Rejected(why).encode())
    }

    /// Answers a query from a state that includes the entry `index`: at once, or after the run that
    /// brings it.
    ///
    /// # Errors
    /// If the read would have to wait and too many do.
    pub fn query_at(
        &mut self,
        index: Index,
        id: RequestId,
        query: Bytes,
        out: &mut Applied,
    ) -> Result<(), ReadRefusal> {
        if index > self.last_applied.index {
            return self.waiting.push(index, id, query);
        }
        out.reads.push((id, self.query(&query)));
        Ok(())
    }

    /// Forgets a read that waits; nothing if it does not.
    pub fn cancel_read(&mut self, id: RequestId) {
        self.waiting.cancel(id);
    }

    /// One number for everything that replicas must agree on. Takes as long as the state is large.
    pub fn digest(&self) -> u64 {
        let mut digest = Digest::default();
        digest.put(&self.last_applied);
        digest.put(&self.sessions);
        self.machine.digest_into(&mut digest);
        digest.value()
    }

    fn try_query(&self, query: &[u8]) -> Result<Bytes, Rejection> {
        let (machine, query) = envelope::decode_query(query)?;
        check_machine(machine)?;
        let mut answer = Vec::new();
        start_answer(&mut answer);
        self.machine.query_bytes(query, &mut answer)?;
        Ok(answer.into())
    }

    fn answer(&mut self, at: LogId, command: &[u8]) -> Bytes {
        let outcome = match Envelope::decode(command) {
            Ok(Envelope::Apply { stamp, machine, command }) => {
                return self.apply_in_session(at, stamp, machine, command);
            }
            Ok(Envelope::Sessionless { machine, command }) => {
                let mut cx = Context::new(at, None);
                return apply_to(&mut *self.machine, &mut cx, machine, command, &mut self.scratch);
            }
            Ok(Envelope::OpenSession { nonce }) => Outcome::Opened {
                session: self.sessions.open(at.index, nonce),
                window: self.sessions.limits().window,
            },
            Ok(Envelope::KeepAlive { session, acknowledged_below }) => {
                done(self.sessions.keep_alive(at.index, session, acknowledged_below))
            }
            Ok(Envelope::CloseSession { session }) => done(self.sessions.close(session)),
            Ok(Envelope::ExpireSession { session, last_active }) => {
                done(self.sessions.expire(session, last_active))
            }
            Err(why) => Outcome::Rejected(why.into()),
        };
        outcome.encode()
    }

    fn apply_in_session(
        &mut self,
        at: LogId,
        stamp: Stamp,
        machine: MachineId,
        command: &[u8],
    ) -> Bytes {
        let (slot, answer) = match self.sessions.admit(at.index, stamp) {
            Admission::Answered(answer) => return answer,
            Admission::Rejected(why) => return Outcome::Rejected(why).encode(),
            Admission::Refused(slot, why) => (slot, Outcome::Rejected(why).encode()),
            Admission::Apply(slot) => {
                let mut cx = Context::new(at, Some(stamp.session));
                let scratch = &mut self.scratch;
                (slot, apply_to(&mut *self.machine, &mut cx, machine, command, scratch))
            }
        };
        slot.record(answer.clone());
        answer
    }
}

fn apply_to(
    target: &mut dyn ByteMachine,
    cx: &mut Context,
    machine: MachineId,
    command: &[u8],
    scratch: &mut Vec<u8>,
) -> Bytes {
    let result = check_machine(machine).and_then(|()| {
        start_answer(scratch);
        Ok(target.apply_bytes(cx, command, scratch)?)
    });
    match result {
        Ok(()) => Bytes::copy_from_slice(scratch),
        Err(why) => Outcome::Rejected(why).encode(),
    }
}

fn check_machine(machine: MachineId) -> Result<(), Rejection> {
    match machine {
        MachineId::FIRST => Ok(()),
        machine => Err(Rejection::NoSuchMachine { machine }),
    }
}

/// The outcome that a machine's answer is appended to.
fn start_answer(buffer: &mut Vec<u8>) {
    buffer.clear();
    Outcome::Applied(Bytes::new()).encode_into(buffer);
}

fn done(result: Result<(), Rejection>) -> Outcome {
    result.map_or_else(Outcome::Rejected, |()| Outcome::Done)
}
