//! The log as the core sees it: the terms of all of it, the newest entries of it, and what of it
//! is durable.

mod flights;
mod members;
#[cfg(test)]
mod model_tests;
mod tail;
#[cfg(test)]
mod tests;
mod trail;

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::effect::{Append, SnapshotChange};
use crate::entry::{Entries, Entry, Payload};
use crate::membership::Membership;
use crate::recovered::{Recovered, SnapshotMeta};
use crate::types::{Index, Instant, LogId, NodeId, Term, Ticket};

pub(crate) use flights::Flights;
use members::Members;
use tail::Tail;
use trail::Trail;

/// The log of one server.
///
/// Changes are staged; [`Log::freeze`] turns all that was staged into one [`Append`]. Terms are
/// known at once, the entries themselves can be sent once they are frozen.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    trail: Trail,
    members: Members,
    tail: Tail,
    /// What a leader proposed since the last freeze, or since it received; after all of `staged`.
    proposed: Vec<Entry>,
    /// What a follower received since the last freeze.
    staged: Vec<Entries>,
    /// The end of the log as it was frozen last, less what was cut since then.
    frozen: LogId,
    /// Was frozen content cut since the last freeze?
    was_cut: bool,
    /// The last entry that the newest snapshot covers.
    snapshot: LogId,
    /// What the disk is to be told of it with the next freeze.
    snapshot_news: Option<SnapshotNews>,
    /// The write that tells of the newest snapshot.
    snapshot_ticket: Ticket,
    flights: Flights,
}

/// See [`SnapshotChange`].
#[derive(Clone, Copy, Debug)]
enum SnapshotNews {
    Covers,
    Replaces,
}

impl Log {
    /// The log that was on disk; all of it is durable.
    pub(crate) fn new(recovered: Recovered) -> Self {
        let Recovered { snapshot, base, term_starts, memberships, last, tail: entries, .. } =
            recovered;
        let mut tail = Tail::default();
        tail.push(entries);
        let trail = Trail::new(base, term_starts, last);
        let covered = snapshot.last_included;
        let mut members = Members::of(snapshot);
        for (at, membership) in memberships {
            members.add(trail.id(at).expect("an entry of the log"), membership);
        }
        Self {
            trail,
            members,
            tail,
            proposed: Vec::new(),
            staged: Vec::new(),
            frozen: last,
            was_cut: false,
            snapshot: covered,
            snapshot_news: None,
            snapshot_ticket: Ticket(0),
            flights: Flights::new(last.index),
        }
    }

    /// What the log starts after.
    pub(crate) fn base(&self) -> LogId {
        self.trail.base()
    }

    /// The last entry that the newest snapshot covers; the log may hold some before it.
    pub(crate) fn snapshot(&self) -> LogId {
        self.snapshot
    }

    /// The newest snapshot.
    pub(crate) fn snapshot_meta(&self) -> SnapshotMeta {
        self.meta_as_of(self.snapshot)
    }

    /// What a snapshot up to this entry, which is committed, has to say.
    pub(crate) fn meta_as_of(&self, id: LogId) -> SnapshotMeta {
        self.members.as_of(id)
    }

    /// Does the disk know the newest snapshot?
    pub(crate) fn is_snapshot_durable(&self) -> bool {
        self.snapshot_news.is_none() && self.persisted() >= self.snapshot_ticket
    }

    /// The end of the log.
    pub(crate) fn last(&self) -> LogId {
        self.trail.last()
    }

    /// Who belongs to the cluster, by the newest entry that says so (thesis 4.1).
    pub(crate) fn membership(&self) -> &Membership {
        self.members.newest()
    }

    /// See [`Members::all`].
    pub(crate) fn memberships(&self) -> &[(LogId, Membership)] {
        self.members.all()
    }

    /// The entry that says so.
    pub(crate) fn membership_at(&self) -> LogId {
        self.members.since()
    }

    /// See [`Members::may_stand`].
    pub(crate) fn may_stand(&self, id: NodeId, commit: Index) -> bool {
        self.members.may_stand(id, commit)
    }

    /// The log is durable up to here.
    pub(crate) fn durable(&self) -> Index {
        self.flights.durable()
    }

    /// The newest write that is durable.
    pub(crate) fn persisted(&self) -> Ticket {
        self.flights.persisted()
    }

    /// The term at `index`, see [`Log::id`].
    pub(crate) fn term(&self, index: Index) -> Option<Term> {
        self.trail.term(index)
    }

    /// The entry at `index`; `None` before the base and beyond the end.
    pub(crate) fn id(&self, index: Index) -> Option<LogId> {
        self.trail.id(index)
    }

    /// The newest entry that is neither behind `limit.index` nor of a term above `limit.term`.
    pub(crate) fn newest_within(&self, limit: LogId) -> LogId {
        self.trail.newest_within(limit)
    }

    /// Appends one entry of the leader's own.
    pub(crate) fn propose(&mut self, term: Term, payload: Payload) -> LogId {
        let id = LogId { term, index: self.last().index.next() };
        let entry = Entry { id, payload };
        self.trail.push(id);
        self.members.push(&entry);
        self.proposed.push(entry);
        id
    }

    /// Appends a run that follows the end of the log.
    pub(crate) fn append(&mut self, run: Entries) {
        self.stage_proposed();
        self.trail.extend(&run);
        run.iter().for_each(|entry| self.members.push(entry));
        self.staged.push(run);
    }

    /// Forgets all entries after `index`, in memory and, with the next freeze, on disk.
    pub(crate) fn truncate(&mut self, index: Index) {
        self.trail.truncate(index);
        self.members.truncate(index);
        self.proposed.retain(|entry| entry.id.index <= index);
        self.staged.iter_mut().for_each(|run| *run = run.up_to(index));
        self.staged.retain(|run| !run.is_empty());
        if index < self.frozen.index {
            self.frozen = self.trail.last();
            self.was_cut = true;
            self.tail.truncate(index);
            self.flights.truncate(index);
        }
    }

    /// A snapshot covers everything up to `index`, which is committed and in the log.
    pub(crate) fn cover(&mut self, index: Index) {
        assert!(index > self.snapshot.index, "snapshots only get newer");
        self.snapshot = self.id(index).expect("a snapshot covers entries of the log");
        self.snapshot_news = Some(SnapshotNews::Covers);
        self.members.compact(index);
    }

    /// Forgets the entries up to `index`: a snapshot covers them.
    pub(crate) fn compact(&mut self, index: Index) {
        assert!(index <= self.snapshot.index, "only what a snapshot covers is forgotten");
        self.trail.compact(index);
        self.tail.compact(index);
    }

    /// A snapshot takes the place of the whole log (thesis 5.3), of which the entries up to `commit`
    /// are part of it.
    pub(crate) fn replace(&mut self, snapshot: SnapshotMeta, commit: Index) {
        let base = snapshot.last_included;
        assert!(base.index > commit, "a log is replaced by what is newer");
        self.trail = Trail::new(base, Vec::new(), base);
        self.members = Members::of(snapshot);
        self.tail = Tail::default();
        self.proposed.clear();
        self.staged.clear();
        (self.frozen, self.was_cut) = (base, false);
        self.flights.truncate(commit);
        self.snapshot = base;
        self.snapshot_news = Some(SnapshotNews::Replaces);
    }

    /// What the disk is to be told of snapshots, before anything else.
    pub(crate) fn freeze_snapshot(&mut self) -> Option<Box<SnapshotChange>> {
        let news = self.snapshot_news.take()?;
        let snapshot = self.snapshot_meta();
        Some(Box::new(match news {
            SnapshotNews::Covers => SnapshotChange::Covers(snapshot),
            SnapshotNews::Replaces => SnapshotChange::Replaces(snapshot),
        }))
    }

    /// Turns what was staged into one order for the disk; `None` if nothing was.
    pub(crate) fn freeze(&mut self) -> Option<Append> {
        if self.staged.is_empty() && self.proposed.is_empty() && !self.was_cut {
            return None;
        }
        self.stage_proposed();
        let entries = match self.staged.len() {
            // The rule: there is one run, which moves on as it is.
            0 | 1 => self.staged.pop().unwrap_or_default(),
            _ => Entries::concat(&self.staged),
        };
        self.staged.clear();
        self.tail.push(entries.clone());
        let prev = self.frozen;
        self.frozen = self.last();
        self.was_cut = false;
        Some(Append { prev, entries })
    }

    fn stage_proposed(&mut self) {
        if !self.proposed.is_empty() {
            let run = Entries::new(self.proposed.drain(..)).expect("the trail checked each entry");
            self.staged.push(run);
        }
    }

    /// A write of all that is frozen starts.
    pub(crate) fn start_write(&mut self, now: Instant) -> Ticket {
        self.flights.start(self.frozen.index, now)
    }

    /// The write of this ticket tells of the newest snapshot.
    pub(crate) fn await_snapshot(&mut self, ticket: Ticket) {
        self.snapshot_ticket = ticket;
    }

    /// Since when the disk has had something to do and has not finished anything.
    pub(crate) fn waits_since(&self) -> Option<Instant> {
        self.flights.waits_since()
    }

    /// All writes up to `ticket` are durable.
    pub(crate) fn persist(&mut self, ticket: Ticket, now: Instant) {
        self.flights.land(ticket, now);
    }

    /// Frees memory: durable entries up to `commit` may go until `cost_bytes_max` is met.
    pub(crate) fn evict(&mut self, commit: Index, cost_bytes_max: u64) {
        self.tail.evict(commit.min(self.durable()), cost_bytes_max);
    }

    /// Frozen entries from `first` on, see [`Tail::window`].
    pub(crate) fn window(&self, first: Index, bytes_max: u64) -> Option<Entries> {
        if first > self.base().index { self.tail.window(first, bytes_max) } else { None }
    }

    /// Is everything that was staged frozen, and what is in memory the end of the log?
    pub(crate) fn is_settled(&self) -> bool {
        let is_tail_newest = self.tail.last().is_none_or(|last| last == self.last().index);
        let is_frozen = self.frozen == self.last() && !self.was_cut;
        let is_told = self.snapshot_news.is_none();
        self.proposed.is_empty() && self.staged.is_empty() && is_frozen && is_tail_newest && is_told
    }
}
