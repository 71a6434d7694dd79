//! One Raft server, without its I/O.
//!
//! **Decide, then settle.** A handler only changes state; [`settle`] looks at the state afterwards
//! and gives the orders. Read in this order: [`role`] (what a server is), [`handle`] (what happens to it),
//! [`election`], [`append`]
//! (followers), [`lead`] (leaders) with [`progress`] and [`reads`], [`transfer`],
//! [`reconfigure`], [`snapshots`], [`forgetful`], and [`settle`].

mod append;
mod election;
mod forgetful;
mod handle;
mod lead;
mod lease;
mod progress;
#[cfg(test)]
mod progress_tests;
mod reads;
mod reconfigure;
mod role;
mod settle;
mod snapshots;
mod status;
mod time;
mod transfer;

use alloc::vec::Vec;

use crate::config::{Config, ConfigError};
use crate::effect::{Cause, Effect, Effects, HardState, Refusal, RoleChange, Violation};
use crate::entry::Entries;
use crate::event::Event;
use crate::log::Log;
use crate::membership::Membership;
use crate::message::{Message, Rpc};
use crate::recovered::{RecoverError, Recovered, SnapshotMeta};
use crate::rng::Rng;
use crate::types::{Index, Instant, LogId, NodeId, RequestId, Term, Ticket};

pub use lease::LeaseLost;
pub use progress::{PeerMode, Progress};
use role::{Follower, Role};
pub use status::Status;

/// One Raft server, without its I/O.
///
/// ```
/// use quorate_core::*;
/// let id = NodeId::new(1).unwrap();
/// let alone = Recovered::genesis(Membership::of_voters([id])?);
/// let mut raft = Raft::new(Config::new(id), alone, Instant(0))?;
/// let mut effects = Effects::default();
/// // The only member of a cluster elects itself as soon as it loses patience ...
/// let now = raft.deadline().unwrap();
/// raft.step(now, Event::Timeout, &mut effects);
/// // ... and leads once its own vote is durable.
/// while let Some(ticket) = write_all(&mut effects) {
///     raft.step(now, Event::Persisted(ticket), &mut effects);
/// }
/// assert_eq!(raft.status().role, RoleKind::Leader);
/// assert_eq!(raft.status().commit, Index(1), "its no-op");
///
/// /// A disk that takes everything, and says up to where.
/// fn write_all(effects: &mut Effects) -> Option<Ticket> {
///     let tickets = effects.drain().filter_map(|effect| match effect {
///         Effect::Write(write) => Some(write.ticket),
///         _ => None,
///     });
///     tickets.last()
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Raft {
    config: Config,
    now: Instant,
    rng: Rng,
    /// Term and vote, as decided; durable once `hard_ticket` is.
    hard_state: HardState,
    /// Was `hard_state` changed since the last settling?
    is_hard_state_new: bool,
    /// The write that carries `hard_state`.
    hard_ticket: Ticket,
    log: Log,
    /// The entry of the membership that the driver was told of.
    membership_told: LogId,
    /// All entries up to here are committed.
    commit: Index,
    /// All entries up to here were handed out, by [`Effect::Commit`] or [`Effect::Restore`].
    handed_out: Index,
    /// A snapshot, the newest, took the place of the log, and that is not durable yet.
    is_restore_owed: bool,
    /// The log may be able to forget some more of what the snapshot covers.
    is_compaction_due: bool,
    role: Role,
    /// Was this server elected in the current term? Then nobody else was.
    has_led: bool,
    /// Until then this server helps nobody to unseat a leader, if leaders have leases.
    bound_until: Instant,
    /// Counts the replications that this server started; see [`ReplicationId`](crate::ReplicationId).
    replications: u64,
    /// Reads of the log that the driver has not answered, whoever led when they were asked for: for
    /// whom, and from where on.
    fetches: Vec<(NodeId, Index)>,
    /// Messages of this step, each as the order to send it. Between steps its memory is with
    /// whoever collects the effects, for the next server that steps.
    outbox: Vec<Effect>,
    /// Messages of a term, or about a vote, that is not durable yet.
    withheld: Vec<Effect>,
    ignored_messages: u32,
}

/// Why a server cannot start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StartError {
    /// The tuning makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The durable state makes no sense.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// A server that may have forgotten what it promised is told by others when it may have a say
    /// again; here nobody else votes.
    #[error("server {0} may have forgotten what it promised, and nobody else votes who could know")]
    ForgetfulAndAlone(NodeId),
}

impl Raft {
    /// Starts a follower from what was on disk.
    ///
    /// # Errors
    /// If the tuning or the durable state make no sense.
    pub fn new(config: Config, recovered: Recovered, now: Instant) -> Result<Self, StartError> {
        config.check()?;
        recovered.check()?;
        let mut rng = Rng::new(config.seed ^ config.id.get());
        let deadline = rng.later(now, config.patience(), config.election_jitter);
        let covered = recovered.snapshot.last_included.index;
        let mut raft = Self {
            rng,
            now,
            hard_state: recovered.hard_state,
            is_hard_state_new: false,
            hard_ticket: Ticket(0),
            commit: covered,
            handed_out: covered,
            is_restore_owed: false,
            is_compaction_due: false,
            membership_told: LogId::ZERO,
            log: Log::new(recovered),
            role: Role::Follower(Follower { deadline, following: None }),
            has_led: false,
            bound_until: Self::bound_from(&config, now),
            replications: 0,
            fetches: Vec::new(),
            outbox: Vec::new(),
            withheld: Vec::new(),
            ignored_messages: 0,
            config,
        };
        raft.membership_told = raft.log.membership_at();
        let (id, membership) = (raft.config.id, raft.log.membership());
        let is_alone = membership.voters() == [id] && !membership.is_joint();
        match raft.hard_state.is_forgetful && is_alone {
            true => Err(StartError::ForgetfulAndAlone(id)),
            false => Ok(raft),
        }
    }

    /// One event in, any number of effects out. Cannot fail, and nothing that arrives makes it
    /// panic. `now` should not run backwards; if it does, time stands still.
    pub fn step(&mut self, now: Instant, mut event: Event, effects: &mut Effects) {
        self.now = self.now.max(now);
        effects.lend(&mut self.outbox);
        self.handle(&mut event, effects);
        self.settle(effects);
        effects.lend(&mut self.outbox);
    }

    /// As [`Raft::step`] for each event in turn, but settles once, at the end: at most one write,
    /// one commit and one window of entries per peer, however many events came in. Leaves `events`
    /// empty, with its allocation.
    pub fn step_batch(&mut self, now: Instant, events: &mut Vec<Event>, effects: &mut Effects) {
        self.now = self.now.max(now);
        effects.lend(&mut self.outbox);
        events.iter_mut().for_each(|event| self.handle(event, effects));
        events.clear();
        self.settle(effects);
        effects.lend(&mut self.outbox);
    }

    /// When to call with [`Event::Timeout`] if nothing else happens before; `None` once halted.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.role {
            Role::Follower(follower) => Some(follower.deadline),
            Role::PreCandidate(election) | Role::Candidate(election) => Some(election.deadline),
            Role::Leader(leader) => {
                let lost_at = self.quorum_lost_at(leader).min(self.gives_way_at(leader));
                let deadline = leader.heartbeat_at.min(lost_at);
                let transfer = leader.transfer.as_ref().map(|it| it.deadline());
                Some(transfer.map_or(deadline, |transfer| transfer.min(deadline)))
            }
            Role::Halted(_) => None,
        }
    }

    /// The entries from `first` on that are in memory, up to a cost of `bytes_max`, at least one.
    /// `None` if `first` is not in memory: it is in the driver's log, or nowhere yet.
    ///
    /// Entries named by an [`Effect::Commit`] are in memory at least until the next step, unless
    /// they were written before the last restart.
    pub fn cached(&self, first: Index, bytes_max: u64) -> Option<Entries> {
        self.log.window(first, bytes_max)
    }

    /// What a snapshot of the state after `index` has to say: `None` if that is not handed out, or
    /// older than the newest snapshot, or if this server does not know who belonged to the cluster then.
    pub fn snapshot_as_of(&self, index: Index) -> Option<SnapshotMeta> {
        let is_new = self.log.snapshot().index < index && index <= self.handed_out;
        let meta = self.log.id(index).filter(|_| is_new).map(|id| self.log.meta_as_of(id))?;
        // Founding members that leave this server out are the guess of whoever let it join.
        let is_founder = meta.membership.is_member(self.config.id);
        (meta.membership_at != LogId::ZERO || is_founder).then_some(meta)
    }

    /// The term of the entry at `index`; `None` before the snapshot and beyond the end.
    pub fn term(&self, index: Index) -> Option<Term> {
        self.log.term(index)
    }

    /// Who belonged to the cluster from which entry on, oldest first: as of the newest snapshot, and
    /// by each entry after it that says so. The last one rules. Never empty.
    pub fn memberships(&self) -> &[(LogId, Membership)] {
        self.log.memberships()
    }

    pub(crate) fn is_settled(&self) -> bool {
        let has_said_all = self.withheld.is_empty() || !self.is_hard_state_durable();
        self.log.is_settled() && self.outbox.is_empty() && !self.is_hard_state_new && has_said_all
    }

    /// Adopts a newer term, in which nobody got this server's vote.
    fn become_follower_of_term(&mut self, term: Term, cause: Cause, effects: &mut Effects) {
        assert!(term > self.hard_state.term, "terms only rise");
        self.set_hard_state(HardState { term, vote: None, ..self.hard_state });
        // thesis 3.4: only a leader and a granted vote restart the wait. If every newer term did, a
        // server with a fast clock and an old log could keep all others from ever standing.
        let deadline = match &self.role {
            Role::Follower(follower) => follower.deadline,
            Role::PreCandidate(election) | Role::Candidate(election) => election.deadline,
            Role::Leader(_) | Role::Halted(_) => self.election_deadline(),
        };
        self.change_role(Role::Follower(Follower { deadline, following: None }), cause, effects);
    }

    /// Follows nobody yet, in the current term.
    fn become_follower(&mut self, cause: Cause, effects: &mut Effects) {
        let deadline = self.election_deadline();
        self.change_role(Role::Follower(Follower { deadline, following: None }), cause, effects);
    }

    /// The only place where the role changes.
    fn change_role(&mut self, role: Role, cause: Cause, effects: &mut Effects) {
        if let Role::Leader(leader) = core::mem::replace(&mut self.role, role) {
            let leader = *leader;
            for id in leader.reads.into_ids() {
                effects.push(Effect::Refused { id, why: Refusal::LeadershipLost });
            }
            leader.change.into_iter().for_each(|change| effects.push(change.end()));
            leader.transfer.into_iter().for_each(|transfer| effects.push(transfer.end(cause)));
        }
        self.announce(cause, effects);
    }

    fn announce(&self, cause: Cause, effects: &mut Effects) {
        let (role, term) = (self.role.kind(), self.hard_state.term);
        effects.push(Effect::RoleChanged(RoleChange { role, term, leader: self.leader(), cause }));
    }

    fn set_hard_state(&mut self, hard_state: HardState) {
        self.has_led &= hard_state.term == self.hard_state.term;
        self.hard_state = hard_state;
        self.is_hard_state_new = true;
    }

    /// Term and vote are on disk, not only decided.
    fn is_hard_state_durable(&self) -> bool {
        !self.is_hard_state_new && self.log.persisted() >= self.hard_ticket
    }

    /// When the disk will count as hanging, unless it answers.
    fn disk_hangs_at(&self) -> Instant {
        let since = self.log.waits_since();
        since.map_or(Instant(u64::MAX), |since| since.after(self.config.disk_timeout))
    }

    fn is_disk_hanging(&self) -> bool {
        self.now >= self.disk_hangs_at()
    }

    /// Stops for good: what this server saw must not happen in any cluster.
    fn halt(&mut self, violation: Violation, effects: &mut Effects) {
        self.change_role(Role::Halted(violation), Cause::Violation, effects);
        self.outbox.clear();
        self.withheld.clear();
        effects.push(Effect::Halt(violation));
    }

    fn send(&mut self, to: NodeId, rpc: Rpc) {
        let (from, term) = (self.config.id, self.hard_state.term);
        self.outbox.push(Effect::Send(Message { from, to, term, rpc }));
    }

    fn refuse_as_not_leader(&self, id: RequestId, effects: &mut Effects) {
        let why = Refusal::NotLeader { leader: self.leader() };
        effects.push(Effect::Refused { id, why });
    }

    /// A fresh wait: long enough for a leader to be heard, and different for each server and each
    /// election, so that votes are rarely split (thesis 3.4). Longer for those that others shall come
    /// before.
    fn election_deadline(&mut self) -> Instant {
        self.rng.later(self.now, self.config.patience(), self.config.election_jitter)
    }
}
