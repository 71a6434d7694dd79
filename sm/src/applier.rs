//! Applies what is committed, and answers.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use quorate_core::{Entries, Entry, Index, LogId, Payload, RequestId, Term};
use serde::{Deserialize, Serialize};

use crate::capture::{Capture, Encoded, Sections};
use crate::clock::{Clock, Led, Time};
use crate::codec;
use crate::digest::Digest;
use crate::envelope::{self, Envelope, MachineId, SessionId, Stamp};
use crate::events::{Position, Since};
use crate::hosts::{Host, Hosts};
use crate::loading::{Head, Loaded, Loading, RestoreError};
use crate::machine::{ByteMachine, Undecodable};
use crate::outcome::{Outcome, Rejection};
use crate::registry::{Registration, Registry, Unfit};
use crate::sessions::{Admission, SessionLimits, Sessions};
use crate::waiting::{ReadRefusal, WaitingReads};
use crate::watches::{Watch, Watched, Watches};

/// Owns the state machines of a log and the sessions of its clients, and moves all of them along the log.
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
/// let run = Entries::new([Entry { id, payload: Payload::Command(command) }])?;
/// applier.apply(&run, &mut applied)?;
/// assert_eq!(applied.answers[0].at, id);
///
/// let read = &applied.reads[0];
/// assert_eq!((read.id, read.reflects), (RequestId(7), Index(1)));
/// let QueryAnswer::Value(Some(found)) = client::query_answer::<Kv>(&read.outcome)? else { panic!() };
/// assert_eq!((found.value, found.version), (Bytes::from("v"), Index(1)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Applier {
    last_applied: LogId,
    clock: Clock,
    registry: Registry,
    hosts: Hosts,
    sessions: Sessions,
    waiting: WaitingReads,
    watches: Watches,
    /// What is about to take the place of all this.
    loading: Option<Loading>,
    /// Where an answer grows; kept for its allocation.
    scratch: Vec<u8>,
}

/// What came of applying. Owned and drained by the driver.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Applied {
    /// One for each entry, in order.
    pub answers: Vec<Answer>,
    /// One for each read and each watch that need not wait any longer. They are to be told before the
    /// answers above.
    pub reads: Vec<Read>,
}

/// What somebody is told who asked for something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Read {
    /// The caller's name for it.
    pub id: RequestId,
    /// The last entry that it reflects: often the last that was applied, never one before.
    pub reflects: Index,
    /// An [`Outcome`] in bytes.
    pub outcome: Bytes,
}

/// What the replica itself can be asked, see [`MachineId::REPLICA`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum About {
    /// Nothing; but the answer, which is empty, tells which entry it reflects.
    Nothing,
    /// Which machine on the log has this name? Answered by its [`MachineId`] and the text of its
    /// [`Schema`](crate::Schema), or none. Of a log that is about to be founded, once it is.
    Machine {
        /// The name.
        name: String,
    },
    /// And which machine of the program that this replica runs, on the log or not?
    Program {
        /// The name.
        name: String,
    },
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

    /// The most watches that may wait at a time.
    pub const WATCHES_MAX: usize = Watches::WATCHES_MAX;

    /// A replica of one machine, [`MachineId::FIRST`], that has applied nothing yet.
    ///
    /// # Panics
    /// If a limit is zero that allows nothing then: no sessions, or sessions without commands.
    pub fn new(machine: impl ByteMachine + 'static, limits: SessionLimits) -> Self {
        Self::without_machines(limits).with(MachineId::FIRST, "first", machine)
    }

    /// A replica of machines that are [added](Self::with) to it, before it applies anything.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn without_machines(limits: SessionLimits) -> Self {
        Self {
            last_applied: LogId::ZERO,
            clock: Clock::default(),
            registry: Registry::default(),
            hosts: Hosts::default(),
            sessions: Sessions::new(limits),
            waiting: WaitingReads::default(),
            watches: Watches::default(),
            loading: None,
            scratch: Vec::new(),
        }
    }

    /// One more machine of this program, by an id that it has on all replicas and keeps for ever; the name
    /// is for clients. It is on the log once it is [registered](Envelope::Register): the leader of a new log
    /// registers what its program has, and what comes later is registered by whoever has seen to it that
    /// all servers run a program that has it. Until then it gets no commands, and nothing happens to it.
    ///
    /// # Panics
    /// If there is one of this id or name, or the id is [`MachineId::REPLICA`], or something was applied
    /// already.
    #[must_use]
    pub fn with(
        mut self,
        id: MachineId,
        name: &'static str,
        machine: impl ByteMachine + 'static,
    ) -> Self {
        assert_eq!(self.last_applied, LogId::ZERO, "a machine that comes too late");
        self.hosts.add(id, name, Box::new(machine));
        self
    }

    /// The last entry that was applied.
    pub const fn last_applied(&self) -> LogId {
        self.last_applied
    }

    /// Does every command and every query take microseconds at most? See
    /// [`StateMachine::BRIEF`](crate::StateMachine::BRIEF).
    pub fn is_brief(&self) -> bool {
        self.hosts.are_brief()
    }

    /// Does a machine ask what time it is? See [`StateMachine::NEEDS_TIME`](crate::StateMachine::NEEDS_TIME).
    pub fn needs_time(&self) -> bool {
        self.hosts.need_time()
    }

    /// The sessions of the clients.
    pub const fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// The time as of the last entry.
    pub const fn now(&self) -> Time {
        self.clock.now()
    }

    /// When the next timer is due.
    pub fn timer_due(&self) -> Option<Time> {
        self.hosts.due()
    }

    /// How many timers are armed.
    pub fn timers(&self) -> usize {
        self.hosts.timers()
    }

    /// How many readers wait for events.
    pub fn watches(&self) -> usize {
        self.watches.len()
    }

    /// What time it will be here if the leader of this term, which has led for so long, writes it down
    /// now.
    pub fn estimate(&self, term: Term, led: Duration) -> Time {
        self.clock.estimate(Led { term, time: led })
    }

    /// Applies a run of committed entries; then answers the reads that have waited for them. What was
    /// [loaded](Self::load) is forgotten.
    ///
    /// # Errors
    /// If an entry puts a machine on the log that this program lacks, or a machine has failed. The replica is of no use then: the
    /// server must end, and another program be run on its disk.
    ///
    /// # Panics
    /// If the run does not follow the last entry that was applied: a driver that skips or repeats
    /// an entry has lost the state.
    pub fn apply(&mut self, entries: &Entries, out: &mut Applied) -> Result<(), Unfit> {
        let Some(first) = entries.first() else { return Ok(()) };
        let last = self.last_applied;
        assert_eq!(first.id.index, last.index.next(), "a gap in what is applied");
        assert!(first.id.term >= last.term, "term {:?} after {last:?}", first.id.term);
        self.abandon_loading();

        out.answers.reserve(entries.len());
        let examined = self.examined();
        for entry in entries.iter() {
            let outcome = self.apply_one(entry)?;
            self.last_applied = entry.id;
            out.answers.push(Answer { at: entry.id, outcome });
        }
        self.check_machines()?;
        self.answer_reads(out);
        self.check_machines()?;
        if let Some(examined) = examined {
            let concerned = self.concerned(&examined);
            self.answer_watches(concerned, &examined, out);
        }
        Ok(())
    }

    /// # Errors
    /// If a machine has failed.
    pub(crate) fn check_machines(&self) -> Result<(), Unfit> {
        let failed = |host: &Host| {
            let (name, why) = (host.name.into(), host.machine.failure()?);
            Some(Unfit::Failed { name, why })
        };
        self.hosts.of_program().find_map(failed).map_or(Ok(()), Err)
    }

    fn apply_one(&mut self, entry: &Entry) -> Result<Bytes, Unfit> {
        self.clock.advance(entry);
        self.hosts.fire(entry.id, self.clock.now());
        match &entry.payload {
            Payload::System(_) => Ok(Bytes::new()),
            Payload::Command(command) => self.answer(entry.id, command),
        }
    }

    fn answer_reads(&mut self, out: &mut Applied) {
        while let Some((id, query)) = self.waiting.pop_ready(self.last_applied.index) {
            if self.waits_to_be_founded(&query) {
                let has_room = self.waiting.push(self.last_applied.index.next(), id, query).is_ok();
                assert!(has_room, "it had room a moment ago");
                continue;
            }
            out.reads.push(self.read(id, &query));
        }
    }

    /// Does somebody ask for a machine of a log that is about to be founded?
    fn waits_to_be_founded(&self, query: &[u8]) -> bool {
        self.is_to_be_founded()
            && envelope::decode_query(query).is_ok_and(|(machine, query)| {
                let about = (machine == MachineId::REPLICA).then(|| codec::decode(query));
                matches!(about.flatten(), Some(About::Machine { .. }))
            })
    }

    /// For those who wait all events of each machine were examined up to here; none if nobody waits.
    fn examined(&self) -> Option<Vec<Position>> {
        let next = |host: &Host| host.desk().events.next();
        (!self.watches.is_empty()).then(|| self.hosts.iter().map(next).collect())
    }

    /// Who waits for what has happened since then.
    fn concerned(&self, examined: &[Position]) -> BTreeSet<RequestId> {
        let mut concerned: BTreeSet<_> = self.watches.due(self.last_applied.index).collect();
        for (host, &examined) in self.hosts.iter().zip(examined) {
            let events = &host.desk().events;
            if events.place(Since::Position(examined), None).is_err() {
                // So much has happened that some of it is forgotten already.
                concerned.extend(self.watches.of_machine(host.id));
            }
            for event in events.from(examined) {
                self.watches.concerned(host.id, &event.topic, &mut concerned);
            }
        }
        concerned
    }

    /// Answers those of the readers that need not wait any longer.
    fn answer_watches(
        &mut self,
        concerned: impl IntoIterator<Item = RequestId>,
        examined: &[Position],
        out: &mut Applied,
    ) {
        for id in concerned {
            let Some(watch) = self.watches.remove(id) else { continue };
            let at = self.hosts.iter().position(|host| host.id == watch.machine);
            let examined = at.map(|at| examined[at]);
            match self.look(&watch, examined) {
                Some(outcome) => out.reads.push(self.told(id, &outcome)),
                None => {
                    let has_room = self.watches.insert(id, watch);
                    assert!(has_room, "it had room a moment ago");
                }
            }
        }
    }

    /// The state as of now, to be written down while entries go on to be applied.
    ///
    /// # Panics
    /// If another state is being [loaded](Self::load).
    pub fn capture(&self) -> Box<dyn Capture> {
        assert!(self.loading.is_none(), "a state that is about to be another");
        let machines = self.hosts.iter().map(|host| (host.id, host.desk())).collect();
        let (registry, sessions) = (&self.registry, &self.sessions);
        let head = Head { clock: self.clock, registry, first: self.first(), sessions, machines };
        let head: Box<dyn Capture> = Box::new(Encoded::of(&head));
        let machines = self.hosts.iter().map(|host| host.machine.capture());
        Box::new(Sections::of([head].into_iter().chain(machines)))
    }

    /// Begins anew from a state that was written down as of the entry `at`; then answers the reads
    /// that have waited for it. A large one is better [loaded](Self::load) part by part.
    ///
    /// # Errors
    /// As [`restore_loaded`](Self::restore_loaded).
    pub fn restore(
        &mut self,
        at: LogId,
        state: &[u8],
        out: &mut Applied,
    ) -> Result<(), RestoreError> {
        self.abandon_loading();
        self.load(state);
        self.restore_loaded(at, out)
    }

    /// Takes in the next bytes of a state that is to take the place of this one, however it is cut. Until
    /// all of it was there, and [`restore_loaded`](Self::restore_loaded) says so, nothing has changed. What
    /// is wrong with it is told by that, too.
    ///
    /// ```
    /// use quorate_sm::kv::Kv;
    /// use quorate_sm::{Applied, Applier, SessionLimits};
    ///
    /// let (before, mut after) = (
    ///     Applier::new(Kv::default(), SessionLimits::default()),
    ///     Applier::new(Kv::default(), SessionLimits::default()),
    /// );
    /// let (mut capture, mut is_last) = (before.capture(), false);
    /// while !is_last {
    ///     let mut part = Vec::new();
    ///     is_last = capture.write(&mut part, 100);
    ///     after.load(&part);
    /// }
    /// after.restore_loaded(before.last_applied(), &mut Applied::default())?;
    /// assert_eq!(after.digest(), before.digest());
    /// # Ok::<(), quorate_sm::RestoreError>(())
    /// ```
    pub fn load(&mut self, part: &[u8]) {
        let mut loading = self.loading.take().unwrap_or_default();
        loading.take_in(part, &mut self.hosts);
        self.loading = Some(loading);
    }

    /// Forgets what was loaded, if anything was.
    pub fn abandon_loading(&mut self) {
        if self.loading.take().is_some() {
            self.hosts.abandon_loading();
        }
    }

    /// Begins anew from what was loaded, a state as of the entry `at`; then answers the reads that have
    /// waited for it.
    ///
    /// # Errors
    /// If the bytes are no state of such a replica, or not all of it; it is of no use then.
    pub fn restore_loaded(&mut self, at: LogId, out: &mut Applied) -> Result<(), RestoreError> {
        let examined = self.examined();
        let loaded = self.loading.take().unwrap_or_default().finish();
        let restored = loaded.and_then(|loaded| self.begin_with(at, loaded));
        if let Err(why) = restored {
            self.hosts.abandon_loading();
            // A machine that has failed is no judge of what was loaded.
            self.check_machines()?;
            return Err(why);
        }
        self.answer_reads(out);
        self.check_machines()?;
        if let Some(examined) = examined {
            let waiting: Vec<_> = self.watches.ids().collect();
            self.answer_watches(waiting, &examined, out);
        }
        Ok(())
    }

    fn begin_with(&mut self, at: LogId, loaded: Loaded) -> Result<(), RestoreError> {
        let Loaded { head, sections } = loaded;
        let sessions = head.sessions.restored().ok_or(Undecodable)?;
        self.registry = head.registry.restored();
        self.hosts.put_on_log(|id| self.registry.has(id));
        for ((id, desk), section) in head.machines.into_iter().zip(sections) {
            let host = self.hosts.get_mut(id).ok_or(Undecodable)?;
            if !desk.events.is_sane() {
                return Err(Undecodable.into());
            }
            match host.machine.loader() {
                Some(loader) => loader.finish()?,
                None => host.machine.restore(&section)?,
            }
            host.cx.desk = desk;
        }
        (self.sessions, self.last_applied, self.clock) = (sessions, at, head.clock);
        Ok(())
    }

    /// Answers a query from the state as it is, with an [`Outcome`] in bytes.
    pub fn query(&self, query: &[u8]) -> Bytes {
        match self.try_query(query) {
            Ok((_, outcome)) => outcome,
            Err(why) => Outcome::Rejected(why).encode(),
        }
    }

    fn read(&self, id: RequestId, query: &[u8]) -> Read {
        match self.try_query(query) {
            Ok((reflects, outcome)) => Read { id, reflects, outcome },
            Err(why) => self.told(id, &Outcome::Rejected(why)),
        }
    }

    /// As of the last entry.
    fn told(&self, id: RequestId, outcome: &Outcome) -> Read {
        Read { id, reflects: self.last_applied.index, outcome: outcome.encode() }
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
        let last = self.last_applied.index;
        if index > last || self.waits_to_be_founded(&query) {
            return self.waiting.push(index.max(last.next()), id, query);
        }
        out.reads.push(self.read(id, &query));
        Ok(())
    }

    /// Answers a [`Watch`], with an [`Outcome`] in bytes: at once, or after the run that brings what it
    /// waits for. One of the same name is forgotten.
    pub fn watch(&mut self, id: RequestId, watch: &[u8], out: &mut Applied) {
        let answer = envelope::decode_watch(watch).map_err(Rejection::from).and_then(|watch| {
            let machine = watch.machine;
            self.hosts.get(machine).ok_or(Rejection::NoSuchMachine { machine })?;
            match self.look(&watch, None) {
                Some(outcome) => Ok(Some(outcome)),
                None if self.watches.insert(id, watch) => Ok(None),
                None => Err(Rejection::TooManyWatches),
            }
        });
        let answer = answer.unwrap_or_else(|why| Some(Outcome::Rejected(why)));
        out.reads.extend(answer.map(|outcome| self.told(id, &outcome)));
    }

    fn look(&self, watch: &Watch, examined: Option<Position>) -> Option<Outcome> {
        let events = &self.hosts.get(watch.machine)?.desk().events;
        Watched::of(events, watch, examined, self.last_applied.index).map(Outcome::Watched)
    }

    /// Forgets a read or a watch that waits; nothing if it does not.
    pub fn cancel_read(&mut self, id: RequestId) {
        if self.watches.remove(id).is_none() {
            self.waiting.cancel(id);
        }
    }

    /// One number for everything that replicas must agree on. Takes as long as the state is large.
    pub fn digest(&self) -> u64 {
        let mut digest = Digest::default();
        digest.put(&self.last_applied);
        digest.put(&self.clock);
        digest.put(&self.registry);
        digest.put(&self.sessions);
        for host in self.hosts.iter() {
            digest.put(&host.id);
            digest.put(host.desk());
            host.machine.digest_into(&mut digest);
        }
        digest.value()
    }

    /// The answer, and the last entry that it reflects.
    fn try_query(&self, query: &[u8]) -> Result<(Index, Bytes), Rejection> {
        let last = self.last_applied.index;
        let (machine, query) = envelope::decode_query(query)?;
        if machine == MachineId::REPLICA {
            return Ok((last, self.answer_about(query)?));
        }
        let host = self.hosts.get(machine).ok_or(Rejection::NoSuchMachine { machine })?;
        let mut answer = Vec::new();
        start_answer(&mut answer);
        host.machine.query_bytes(query, &mut answer)?;
        Ok((last.max(host.machine.reflects()), answer.into()))
    }

    fn answer_about(&self, query: &[u8]) -> Result<Bytes, Rejection> {
        let answer = match codec::decode(query).ok_or(Undecodable)? {
            About::Nothing => Vec::new(),
            About::Machine { name } => {
                let first = || self.first().filter(|first| first.name == name);
                described(self.registry.named(&name).or_else(first))
            }
            About::Program { name } => described(self.program().find(|it| it.name == name)),
        };
        Ok(Outcome::Applied(answer.into()).encode())
    }

    /// What a leader is to propose if the log is new: all machines of its program. `None` if the log is
    /// founded, or has grown long without that, or there is nothing to say: of one machine that was
    /// written by hand. Another copy of it does no harm.
    pub fn founding(&self) -> Option<Envelope<'static>> {
        self.is_to_be_founded()
            .then(|| Envelope::Register { founds: true, machines: self.program().collect() })
    }

    fn is_to_be_founded(&self) -> bool {
        self.registry.may_be_founded(self.last_applied.index)
            && self.hosts.of_program().any(Host::needs_registration)
    }

    /// What this program has.
    fn program(&self) -> impl Iterator<Item = Registration> {
        self.hosts.of_program().map(Host::registration)
    }

    /// The first machine, if it is there although nobody has registered it.
    fn first(&self) -> Option<Registration> {
        let host = self.hosts.get(MachineId::FIRST)?;
        self.registry.is_unregistered_first(host.id).then(|| host.registration())
    }

    fn register(
        &mut self,
        at: LogId,
        founds: bool,
        machines: Vec<Registration>,
    ) -> Result<Outcome, Unfit> {
        if let Err(why) = self.registry.check(at.index, founds, &machines) {
            return Ok(Outcome::Rejected(why));
        }
        machines.iter().try_for_each(|machine| self.hosts.fit(machine))?;
        self.registry.register(founds, machines);
        self.hosts.put_on_log(|id| self.registry.has(id));
        Ok(Outcome::Done)
    }

    fn answer(&mut self, at: LogId, command: &[u8]) -> Result<Bytes, Unfit> {
        let outcome = match Envelope::decode(command) {
            Ok(Envelope::Apply { stamp, machine, command }) => {
                return Ok(self.apply_in_session(at, stamp, machine, command));
            }
            Ok(Envelope::Sessionless { machine, command }) => {
                let origin = Origin { at, now: self.clock.now(), session: None };
                return Ok(origin.apply(
                    (&self.registry, &mut self.hosts),
                    (machine, command),
                    &mut self.scratch,
                ));
            }
            Ok(Envelope::Register { founds, machines }) => self.register(at, founds, machines)?,
            Ok(Envelope::OpenSession { nonce }) => self.open_session(at, nonce),
            Ok(Envelope::KeepAlive { session, acknowledged_below }) => {
                done(self.sessions.keep_alive(at.index, session, acknowledged_below))
            }
            Ok(Envelope::CloseSession { session }) => {
                let ended = self.sessions.close(session);
                self.end_session(at, session, ended)
            }
            Ok(Envelope::ExpireSession { session, last_active }) => {
                let ended = self.sessions.expire(session, last_active);
                self.end_session(at, session, ended)
            }
            Err(why) => Outcome::Rejected(why.into()),
        };
        Ok(outcome.encode())
    }

    fn open_session(&mut self, at: LogId, nonce: u128) -> Outcome {
        let (session, evicted) = self.sessions.open(at.index, nonce);
        if let Some(evicted) = evicted {
            self.hosts.end_session(at, self.clock.now(), evicted);
        }
        Outcome::Opened { session, window: self.sessions.limits().window }
    }

    fn end_session(
        &mut self,
        at: LogId,
        session: SessionId,
        ended: Result<(), Rejection>,
    ) -> Outcome {
        if ended.is_ok() {
            self.hosts.end_session(at, self.clock.now(), session);
        }
        done(ended)
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
                let origin = Origin { at, now: self.clock.now(), session: Some(stamp.session) };
                let hosts = (&self.registry, &mut self.hosts);
                (slot, origin.apply(hosts, (machine, command), &mut self.scratch))
            }
        };
        slot.record(answer.clone());
        answer
    }
}

/// Where a machine's command comes from.
struct Origin {
    at: LogId,
    now: Time,
    session: Option<SessionId>,
}

impl Origin {
    fn apply(
        self,
        (registry, hosts): (&Registry, &mut Hosts),
        (machine, command): (MachineId, &[u8]),
        scratch: &mut Vec<u8>,
    ) -> Bytes {
        if let Err(why) = registry.admits(machine, command) {
            return Outcome::Rejected(why).encode();
        }
        let Some(Host { machine, cx, .. }) = hosts.get_mut(machine) else {
            return Outcome::Rejected(Rejection::NoSuchMachine { machine }).encode();
        };
        cx.enter(self.at, self.now, self.session);
        start_answer(scratch);
        match machine.apply_bytes(cx, command, scratch) {
            Ok(()) => Bytes::copy_from_slice(scratch),
            Err(why) => Outcome::Rejected(why.into()).encode(),
        }
    }
}

/// The outcome that a machine's answer is appended to.
fn start_answer(buffer: &mut Vec<u8>) {
    buffer.clear();
    Outcome::Applied(Bytes::new()).encode_into(buffer);
}

fn described(machine: Option<Registration>) -> Vec<u8> {
    Encoded::of(&machine.map(|machine| (machine.id, machine.schema))).into_bytes()
}

fn done(result: Result<(), Rejection>) -> Outcome {
    result.map_or_else(Outcome::Rejected, |()| Outcome::Done)
}
