//! One server with its disk, as a value that can be stepped from any of its states.

use core::fmt::Write as _;
use core::time::Duration;

use bytes::Bytes;
use quorate_core::invariants::Watch;
use quorate_core::{
    Append, Config, Effect, Effects, Entries, Entry, Event, Index, Instant, LogId, Membership,
    Message, NodeId, Raft, Recovered, RequestId, SnapshotChange, SnapshotMeta, Ticket, Write,
};

use super::options::Options;
use super::projection::{Origin, project};
use crate::judge::{Checked, Glance, Ledger, Properties, Property, Violation, Witness, hold};

/// The election timeout. So long that heartbeats, one nanosecond each, never add up to it: between
/// two instants of a server lie as many of these as the exploration made pass, and a little.
pub(crate) const PATIENCE: Duration = Duration::from_nanos(1 << 40);

/// The name of whatever an operator asks for.
const OPERATOR: RequestId = RequestId(u64::MAX);

/// A server, its disk and its clock.
#[derive(Clone)]
pub(crate) struct Node {
    config: Config,
    membership: Membership,
    raft: Raft,
    disk: Ledger,
    now: Instant,
    /// What the server was last told to be durable.
    persisted: Ticket,
    /// What the state machine was last told to apply.
    applied: Index,
    /// Reads that have no answer.
    reads: Vec<RequestId>,
    /// The snapshot that it waits for.
    wanted: Option<Box<SnapshotMeta>>,
    /// What the snapshot stands for that it has just got.
    got: Vec<Entry>,
}

/// Something that happens to one server.
pub(crate) enum Input {
    /// Its timer fires.
    Timeout,
    /// An election timeout passes.
    Lapse,
    Propose,
    Read,
    /// So many writes become durable, and it is told.
    Persist(usize),
    /// It loses power when so many of the writes under way are durable, and starts again.
    Crash(usize),
    Receive(Message),
    /// The membership shall be this.
    Change(Membership),
    /// Leadership shall go there.
    Transfer(NodeId),
    /// The state is on its disk, as a snapshot.
    TakeSnapshot,
    /// It has the snapshot that it wants, which stands for these entries.
    GetSnapshot(Vec<Entry>),
    /// It cannot have it.
    LoseSnapshot,
}

/// What one server did.
pub(crate) struct Step {
    pub(crate) was: Glance,
    pub(crate) is: Glance,
    pub(crate) write: Option<Write>,
    pub(crate) sends: Vec<Message>,
    /// The request that was asked for, if it is a read.
    pub(crate) asked: Option<RequestId>,
    /// Reads that are done with, and from where on they may be served unless they were refused.
    pub(crate) answers: Vec<(RequestId, Option<Index>)>,
    /// Did entries on its disk go, or is it another life?
    pub(crate) is_disk_shorter: bool,
    pub(crate) is_restart: bool,
}

impl Node {
    /// A founding member.
    pub(crate) fn new(id: NodeId, membership: &Membership, options: &Options) -> Self {
        let config = Config {
            election_timeout: PATIENCE,
            // Patience is what the exploration decides.
            election_jitter: Duration::ZERO,
            heartbeat_interval: Duration::from_nanos(1),
            disk_timeout: Duration::MAX,
            pre_vote: options.pre_vote,
            check_quorum: options.check_quorum,
            retained_entries_max: 0,
            ..Config::new(id)
        };
        let genesis = Recovered::genesis(membership.clone());
        let raft = Raft::new(config.clone(), genesis, Instant(0)).expect("it makes sense");
        Self {
            config,
            membership: membership.clone(),
            raft,
            disk: Ledger::default(),
            now: Instant(0),
            persisted: Ticket(0),
            applied: Index(0),
            reads: Vec::new(),
            wanted: None,
            got: Vec::new(),
        }
    }

    pub(crate) fn raft(&self) -> &Raft {
        &self.raft
    }

    /// The snapshot that it waits for.
    pub(crate) fn wanted(&self) -> Option<&SnapshotMeta> {
        self.wanted.as_deref()
    }

    /// What its state machine was last told to apply, or began with.
    pub(crate) fn applied(&self) -> Index {
        self.applied
    }

    /// Has its state machine got further than its newest snapshot?
    pub(crate) fn has_news(&self) -> bool {
        self.applied > self.raft.status().snapshot.index
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// What of it decides what it will do, see [`super::projection`].
    pub(crate) fn projection(&self) -> String {
        let mut text = String::new();
        let Self { raft, disk, reads, wanted, .. } = self;
        let durable = disk.durable();
        let (hard_state, last) = (durable.hard_state, durable.last());
        let log = durable.digest(last.index);
        let (base, snapshot) = (durable.base(), durable.snapshot());
        write!(text, "{raft:?} {reads:?} disk {hard_state:?} {last:?} {log:?}")
            .expect("a string takes everything");
        write!(text, " {base:?} {snapshot:?} {wanted:?}").expect("a string takes everything");
        for write in disk.under_way() {
            write!(text, " {write:?}").expect("a string takes everything");
        }
        project(&text, Origin { now: self.now, persisted: self.persisted })
    }

    /// Something happens.
    pub(crate) fn step(&mut self, input: Input) -> Checked<Step> {
        match input {
            Input::Timeout => {
                let now = self.raft.deadline().map_or(self.now, |deadline| deadline.max(self.now));
                self.give(now, Event::Timeout)
            }
            // A ticket that was never handed out means nothing, and so does the event.
            Input::Lapse => self.give(self.now.after(PATIENCE), Event::Persisted(Ticket(0))),
            Input::Propose => self.propose(),
            Input::Read => self.read(),
            Input::Persist(count) => self.persist(count),
            Input::Crash(kept) => self.crash(kept),
            Input::Receive(message) => self.give(self.now, Event::Receive(message)),
            Input::Change(target) => {
                let (id, expected, force) = (OPERATOR, None, true);
                self.give(self.now, Event::Reconfigure { id, target, expected, force })
            }
            Input::TakeSnapshot => self.give(self.now, Event::SnapshotTaken(self.applied)),
            Input::GetSnapshot(log) => {
                self.got = log;
                let snapshot = self.wanted.take().expect("it wants one");
                let step = self.give(self.now, Event::SnapshotFetched(snapshot));
                self.got.clear();
                step
            }
            Input::LoseSnapshot => {
                let snapshot = self.wanted.take().expect("it wants one");
                self.give(self.now, Event::SnapshotUnavailable(snapshot.last_included))
            }
            Input::Transfer(to) => {
                let (id, to, within) = (OPERATOR, Some(to), Duration::MAX);
                self.give(self.now, Event::TransferLeadership { id, to, within })
            }
        }
    }

    fn propose(&mut self) -> Checked<Step> {
        // One command is like any other: term and index tell entries apart.
        let event = Event::Propose { id: RequestId(0), command: Bytes::from_static(b"x") };
        self.give(self.now, event)
    }

    fn read(&mut self) -> Checked<Step> {
        // Names are used again, so that what is over leaves no trace.
        let is_free = |id: &RequestId| !self.reads.contains(id);
        let id = (1..).map(RequestId).find(is_free).expect("few reads are open");
        self.reads.push(id);
        let step = self.give(self.now, Event::Read { id })?;
        Ok(Step { asked: Some(id), ..step })
    }

    fn persist(&mut self, count: usize) -> Checked<Step> {
        let (ticket, is_disk_shorter) = self.disk.sync(count);
        self.persisted = ticket.expect("a write is under way");
        let step = self.give(self.now, Event::Persisted(self.persisted))?;
        Ok(Step { is_disk_shorter, ..step })
    }

    fn crash(&mut self, kept: usize) -> Checked<Step> {
        let was = self.glance_now();
        self.disk.crash(kept);
        let recovered = self.disk.durable().recovered(&self.membership, u64::MAX);
        self.raft = Raft::new(self.config.clone(), recovered, self.now).map_err(|error| {
            let evidence = format!("{:?}: {error}", self.config.id);
            Violation { property: Property::ServersStart, evidence }
        })?;
        self.persisted = Ticket(0);
        self.applied = self.disk.durable().snapshot().index;
        self.reads.clear();
        self.wanted = None;
        let step = Step::new(was, self.glance_now());
        Ok(Step { is_disk_shorter: true, is_restart: true, ..step })
    }

    fn give(&mut self, now: Instant, event: Event) -> Checked<Step> {
        self.now = now;
        let is_proposal = matches!(event, Event::Propose { .. });
        let was = self.glance_now();
        let mut watch = Watch::new(&self.raft);
        let mut effects = Effects::default();
        self.raft.step(now, event, &mut effects);
        watch.check(&self.raft).map_err(|broken| Violation {
            property: Property::InvariantsHold,
            evidence: format!("{:?}: {broken}", self.config.id),
        })?;
        let mut step = Step::new(was, self.glance_now());
        let mut answers = 0;
        for effect in effects.drain() {
            answers += u64::from(self.carry_out(effect, &mut step)?);
        }
        hold(answers == u64::from(is_proposal), Property::OneTrueAnswer, || {
            format!("{:?} gives {answers} answers to a proposal", self.config.id)
        })?;
        Ok(step)
    }

    /// Says whether it was an answer to a proposal.
    fn carry_out(&mut self, effect: Effect, step: &mut Step) -> Checked<bool> {
        let id = self.config.id;
        match effect {
            Effect::Write(write) => {
                let write = self.spelled_out(write, step.was);
                let judge = Properties::new(self.membership.clone(), true);
                judge.writes(&write, step.was, step.is, &self.disk)?;
                self.disk.write(write.clone())?;
                let first = step.write.replace(write);
                hold(first.is_none(), Property::EffectsAreWellFormed, || {
                    format!("{id:?} writes twice in a step, first {first:?}")
                })?;
            }
            Effect::Send(message) => step.sends.push(message),
            Effect::Commit(index) => self.apply(index)?,
            Effect::Accepted { at, .. } => {
                hold(at == step.is.last, Property::OneTrueAnswer, || {
                    format!("{id:?} accepts at {at:?}, and its log ends at {:?}", step.is.last)
                })?;
                return Ok(true);
            }
            Effect::ReadReady { id, index } => self.answer(id, Some(index), step)?,
            Effect::Refused { id: request, .. } if self.reads.contains(&request) => {
                self.answer(request, None, step)?;
            }
            Effect::Refused { id: OPERATOR, .. } => {}
            Effect::Refused { .. } => return Ok(true),
            Effect::Fetch { .. } => hold(false, Property::EffectsAreWellFormed, || {
                format!("{id:?} has all of its log in memory, and wants {effect:?}")
            })?,
            Effect::FetchSnapshot { snapshot, .. } => self.wanted = Some(snapshot),
            Effect::Restore(snapshot) => self.restore(snapshot)?,
            Effect::Compact(index) => {
                let covered = self.disk.durable().snapshot().index;
                hold(index <= covered, Property::NothingUndurableIsSaid, || {
                    format!("{id:?} forgets all up to {index:?}, and kept {covered:?}")
                })?;
                self.disk.compact(index);
            }
            Effect::Halt(violation) => {
                hold(false, Property::ServersRun, || format!("{id:?} halts: {violation}"))?
            }
            Effect::RoleChanged(_)
            | Effect::Transferred { .. }
            | Effect::Reconfigured { .. }
            | Effect::ReconfigurationStopped { .. }
            | Effect::MembershipChanged(_) => {}
        }
        Ok(false)
    }

    /// A snapshot that takes the place of the log makes it the one that it stands for (thesis 5.3).
    fn spelled_out(&self, mut write: Write, was: Glance) -> Write {
        if let Some(SnapshotChange::Replaces(snapshot)) = write.snapshot.as_deref() {
            let prev = was.commit;
            let term = self.disk.written().term(prev).expect("what is committed is in the log");
            let covered = self.got.iter().filter(|entry| {
                (prev.next()..=snapshot.last_included.index).contains(&entry.id.index)
            });
            let covered = Entries::new(covered.cloned()).expect("a part of a log");
            let more = write.append.take().map(|append| append.entries).unwrap_or_default();
            let entries = Entries::concat(&[covered, more]);
            write.append = Some(Append { prev: LogId { term, index: prev }, entries });
        }
        write
    }

    /// The state machine begins anew, from what is durable.
    fn restore(&mut self, snapshot: LogId) -> Checked {
        let durable = self.disk.durable();
        let is_durable = (durable.base(), durable.snapshot()) == (snapshot.index, snapshot);
        hold(is_durable && self.applied < snapshot.index, Property::EffectsAreWellFormed, || {
            let (id, applied) = (self.config.id, self.applied);
            format!("{id:?} restores {snapshot:?} after {applied:?}: {is_durable}")
        })?;
        self.applied = snapshot.index;
        Ok(())
    }

    fn answer(&mut self, id: RequestId, index: Option<Index>, step: &mut Step) -> Checked {
        let open = self.reads.iter().position(|&open| open == id);
        hold(open.is_some(), Property::OneTrueAnswer, || {
            format!("{:?} answers {id:?}, which nobody asked for", self.config.id)
        })?;
        self.reads.remove(open.expect("held"));
        step.answers.push((id, index));
        Ok(())
    }

    /// What is handed out is new, on the disk, and in memory as it is on the disk.
    fn apply(&mut self, index: Index) -> Checked {
        let first = self.applied.next();
        let (is_durable, written) = (self.disk.is_durable(index), self.disk.written());
        let cached = self.raft.cached(first, u64::MAX).map(|entries| entries.up_to(index));
        let is_whole = cached.as_ref().is_some_and(|run| written.is_run(first, index, run));
        hold(first <= index && is_durable && is_whole, Property::EffectsAreWellFormed, || {
            let id = self.config.id;
            format!(
                "{id:?} hands out {first:?} to {index:?}, durable: {is_durable}, has {cached:?}"
            )
        })?;
        self.applied = index;
        Ok(())
    }

    pub(crate) fn glance_now(&self) -> Glance {
        Glance::of(self.raft.status())
    }
}

impl Step {
    fn new(was: Glance, is: Glance) -> Self {
        Self {
            was,
            is,
            write: None,
            sends: Vec::new(),
            asked: None,
            answers: Vec::new(),
            is_disk_shorter: false,
            is_restart: false,
        }
    }
}

impl Witness for Node {
    fn id(&self) -> NodeId {
        self.config.id
    }

    fn ledger(&self) -> &Ledger {
        &self.disk
    }

    fn glance(&self) -> Option<Glance> {
        Some(self.glance_now())
    }
}
