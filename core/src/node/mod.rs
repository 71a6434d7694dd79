//! One server around the consensus core, still without I/O: bytes and completions in, bytes and
//! orders out.
//!
//! A node owns what a server needs beside consensus: links to its peers (handshake, reconnecting,
//! a lane for urgent messages), the table of requests under way, forwarding to the leader, and the
//! flow of committed entries to the state machine. It knows no state machine: entries go out to
//! one, and answers come back. [`Node::step`] takes everything that happened since the last call
//! at once, so that batches form by themselves whenever the driver is busy.
//!
//! Read in this order: `io` (what goes in and out), this file, `inbound` (what others say), `links`
//! (what is said to others), `serve` (requests), `effects` (what the core orders).

mod calls;
mod config;
mod connection;
mod disks;
mod effects;
mod endings;
mod entries;
mod feed;
mod freshness;
mod inbound;
mod io;
mod lane;
mod link;
mod links;
mod log_lane;
mod members;
mod priority;
mod proposals;
mod requests;
mod serve;
mod snapshots;
mod staffing;
mod status;
mod tending;
mod watches;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use crate::effect::Effects;
use crate::event::Event;
use crate::raft::{Raft, StartError};
use crate::recovered::Recovered;
use crate::rng::Rng;
use crate::types::{Index, Instant, NodeId, RequestId};
use crate::wal::WalError;
use crate::wire::{Address, Reject, Unknown};

pub use config::{NodeConfig, NodeConfigError};
use connection::Connections;
use disks::{DiskName, Disks};
use endings::Endings;
use feed::Feed;
use freshness::Freshness;
pub use io::{Answers, Called, ConnectionId, Input, LogReader, Note, Output, Outputs, Reign};
pub use lane::{Idle, Lane};
use link::{Link, LinkId};
pub use log_lane::{LogLane, LogOrder};
use priority::Priority;
use proposals::Proposals;
use requests::Requests;
use snapshots::Snapshots;
pub use staffing::Staffing;
pub use status::{NodeStatus, PeerStatus};
use tending::Tending;

/// One server, without its I/O. See the [module](self).
#[derive(Debug)]
pub struct Node {
    config: NodeConfig,
    now: Instant,
    rng: Rng,
    raft: Raft,
    /// What the core is told in this step.
    events: Vec<Event>,
    effects: Effects,
    connections: Connections,
    endings: Endings,
    /// When the next signs of life are given.
    beat_at: Instant,
    /// Two to each peer of whom it is known where it is.
    links: BTreeMap<LinkId, Link>,
    /// Where peers say that they can be reached; of those only who are linked to, or to us.
    announced: BTreeMap<NodeId, Address>,
    /// What peers say of their priority.
    priorities: BTreeMap<NodeId, Priority>,
    /// Leadership is not given away before then.
    yield_at: Instant,
    /// Peers without any address, of whom it was said that they have none.
    nowhere: BTreeSet<NodeId>,
    /// Has it been told of the time at all? Links are made with the first step.
    has_stepped: bool,
    /// Have the links to be compared with the membership?
    is_membership_new: bool,
    /// Of whom the memberships up to here leave out, the disk is forgotten.
    removals_seen: Index,
    /// A member said that this server was removed, and none has listened to it since then.
    is_told_removed: bool,
    /// Connections dialed so far.
    dialed: u64,
    /// Connections with output of this step.
    unflushed: Vec<ConnectionId>,
    requests: Requests,
    proposals: Proposals,
    /// Queries of this step that wait for one question to the leader.
    queries: Vec<RequestId>,
    feed: Feed,
    freshness: Freshness,
    tending: Tending,
    snapshots: Snapshots,
    /// Of the peers.
    disks: Disks,
    /// The disks that peers say to have on their links to us.
    claims: BTreeMap<ConnectionId, DiskName>,
    /// When requests are next looked through for those whose time is up.
    sweep_at: Instant,
    phase: Phase,
    /// Answers of the disk so far.
    syncs: u64,
}

/// How much of its life a node has behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Serving,
    /// Takes no new requests; ends at the latest then.
    Stopping {
        deadline: Instant,
    },
    /// Says nothing more.
    Over,
}

/// Why a node cannot start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NodeStartError {
    /// The configuration makes no sense.
    #[error(transparent)]
    Config(#[from] NodeConfigError),
    /// The core cannot start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A founding member has no address. One that the log names without is only not linked to.
    #[error("server {0} has no address")]
    NoAddress(NodeId),
}

impl Node {
    /// Starts from what was on disk; the state machine is as of the snapshot.
    ///
    /// # Errors
    /// If the configuration or the durable state make no sense.
    pub fn new(
        config: NodeConfig,
        recovered: Recovered,
        now: Instant,
    ) -> Result<Self, NodeStartError> {
        config.check()?;
        let applied = recovered.snapshot.last_included.index;
        let raft = Raft::new(config.raft.clone(), recovered, now)?;
        let node = Self {
            now,
            rng: Rng::new(!config.raft.seed ^ config.raft.id.get()),
            raft,
            events: Vec::new(),
            effects: Effects::default(),
            connections: Connections::new(),
            endings: Endings::default(),
            beat_at: now,
            links: BTreeMap::new(),
            announced: BTreeMap::new(),
            priorities: BTreeMap::new(),
            yield_at: now,
            nowhere: BTreeSet::new(),
            has_stepped: false,
            is_membership_new: true,
            removals_seen: applied,
            is_told_removed: false,
            dialed: 0,
            unflushed: Vec::new(),
            requests: Requests::new(config.raft.seed ^ config.boot),
            proposals: Proposals::default(),
            queries: Vec::new(),
            feed: Feed::new(applied),
            freshness: Freshness::default(),
            tending: Tending::default(),
            snapshots: Snapshots::default(),
            disks: Disks::default(),
            claims: BTreeMap::new(),
            sweep_at: now,
            phase: Phase::Serving,
            syncs: 0,
            config,
        };
        match node.unknown_founder() {
            Some(founder) => Err(NodeStartError::NoAddress(founder)),
            None => Ok(node),
        }
    }

    /// Takes in all that happened and gives orders. Leaves `inputs` empty, with its allocation.
    /// Nothing that arrives makes it panic.
    ///
    /// Look at the clock when the inputs are there, not before: a read by lease is answered as of `now`,
    /// and must see all that was done until it was asked.
    pub fn step(&mut self, now: Instant, inputs: &mut Vec<Input>, out: &mut Outputs) {
        self.now = self.now.max(now);
        self.has_stepped = true;
        for input in inputs.drain(..) {
            if self.phase != Phase::Over {
                self.handle(input, out);
            }
        }
        if self.phase == Phase::Over {
            return;
        }
        self.ask_leader(out);
        self.tend_staff(out);
        self.yield_leadership(out);
        self.events.push(Event::Timeout);
        self.raft.step_batch(self.now, &mut self.events, &mut self.effects);
        self.carry_out(out);
        if self.phase == Phase::Over {
            return;
        }
        self.tend_membership(out);
        self.tend_links(out);
        self.end_silent(out);
        self.beat();
        self.sweep(out);
        self.tend(out);
        self.feed_state_machine(out);
        self.go_on_fetching();
        self.flush(out);
        self.stop_if_done(out);
    }

    /// When to call [`Node::step`] if nothing else happens before; `None` once the node is over.
    pub fn deadline(&self) -> Option<Instant> {
        let stop = match self.phase {
            Phase::Serving => None,
            Phase::Stopping { deadline } => Some(deadline),
            Phase::Over => return None,
        };
        let sweep = (self.requests.len() > 0).then_some(self.sweep_at);
        let beat = (!self.links.is_empty()).then_some(self.beat_at);
        let start = (!self.has_stepped).then_some(self.now);
        let links = self.links.values().filter_map(Link::deadline);
        links
            .chain(self.endings.earliest())
            .chain(beat)
            .chain(self.fetch_deadline())
            .chain(self.tend_deadline())
            .chain(start)
            .chain(self.raft.deadline())
            .chain(stop)
            .chain(sweep)
            .min()
    }

    /// The consensus core, to look at.
    pub fn raft(&self) -> &Raft {
        &self.raft
    }

    /// The node at a glance.
    pub fn status(&self) -> NodeStatus {
        let raft = self.raft.status();
        let matched = |id| {
            let peer = raft.peers.iter().find(|peer| peer.id() == id);
            peer.map(|peer| peer.match_index())
        };
        let is_linked = |peer| {
            let mut lanes = [link::Lane::Urgent, link::Lane::Bulk].into_iter();
            lanes.all(|lane| self.links.get(&LinkId { peer, lane }).is_some_and(Link::is_up))
        };
        let (members, reserves) = (raft.membership.members(), raft.membership.reserves());
        let peer = |id| PeerStatus { id, is_linked: is_linked(id), matched: matched(id) };
        let address = |&id: &NodeId| Some((id, self.address_of(id)?));
        NodeStatus {
            cluster: self.config.cluster,
            id: raft.id,
            role: raft.role,
            term: raft.hard_state.term,
            leader: raft.leader,
            leader_address: self.leader_address(raft.leader),
            last: raft.last.index,
            durable: raft.durable,
            commit: raft.commit,
            applied: self.feed.applied(),
            voters: raft.membership.voters().to_vec(),
            peers: members.iter().filter(|&&id| id != raft.id).map(|&id| peer(id)).collect(),
            requests: self.requests.ordinary() as u64,
            connections: self.connections.len() as u64,
            ignored_messages: raft.ignored_messages,
            syncs: self.syncs,
            snapshot: raft.snapshot.index,
            log_start: raft.base.index,
            fetching: self.fetching(),
            learners: raft.membership.learners().to_vec(),
            outgoing: raft.membership.outgoing().to_vec(),
            membership_index: raft.membership_index,
            addresses: members.iter().chain(reserves).filter_map(address).collect(),
            reserves: reserves.to_vec(),
            is_changing: raft.is_reconfiguring || raft.membership.is_joint(),
            transferring_to: raft.transferring_to,
            is_removed: self.is_removed(),
            is_forgetful: raft.hard_state.is_forgetful,
            forgetful: raft.peers.iter().filter(|it| it.is_forgetful()).map(|it| it.id()).collect(),
            has_lease: raft.lease_until.is_some_and(|until| self.now < until),
            lease_lost: raft.lease_lost,
            watches: self.requests.watches() as u64,
            calls: self.requests.calls().count as u64,
        }
    }

    fn handle(&mut self, input: Input, out: &mut Outputs) {
        match input {
            Input::Accepted(id) => self.handle_accepted(id, out),
            Input::Opened(id) => self.handle_opened(id),
            Input::Received(id, bytes) => self.handle_received(id, bytes, out),
            Input::Sent(id, bytes) => self.handle_sent(id, bytes),
            Input::Closed(id) => self.handle_closed(id, out),
            Input::Persisted(ticket) => {
                self.syncs += 1;
                self.events.push(Event::Persisted(ticket));
            }
            Input::DiskFailed(why) => self.fail(why, out),
            Input::DiskFull(why) => out.push(Output::Note(Note::DiskFull(why))),
            Input::LogRead(reader, read) => self.handle_log_read(reader, read, out),
            Input::Applied(index, answers) => self.handle_applied(index, answers, out),
            Input::Answered { id, index, answer } => self.handle_answered(id, index, answer, out),
            Input::Called { id, called } => self.handle_called(id, called, out),
            Input::Captured { index, part, is_last } => {
                self.handle_captured(index, &part, is_last, out);
            }
            Input::SnapshotStored { slot, snapshot, stored } => {
                self.handle_snapshot_stored(slot, snapshot, stored, out);
            }
            Input::SnapshotRead { reader, snapshot, offset, read } => {
                self.handle_snapshot_read(reader, (snapshot, offset), read, out);
            }
            Input::Restored { snapshot, is_done } => {
                self.handle_restored(snapshot, is_done, out);
            }
            Input::Unfit(why) => {
                self.phase = Phase::Over;
                out.push(Output::Unfit(why));
            }
            Input::TendIn(span) => self.handle_tend_in(span),
            Input::WriteTime => self.handle_write_time(),
            Input::Request { id, body } => {
                self.serve(requests::Origin::Local { id }, body, out);
            }
            Input::Stop => self.handle_stop(out),
        }
    }

    /// What this server says rests on a disk that is not the newest under its name: it says no more.
    pub(super) fn be_disowned(&mut self, by: NodeId, why: Reject, out: &mut Outputs) {
        self.phase = Phase::Over;
        out.push(Output::Disowned { by, why });
    }

    /// Nothing may be said any more: it could rest on what the disk has lost.
    pub(super) fn fail(&mut self, why: WalError, out: &mut Outputs) {
        self.phase = Phase::Over;
        out.push(Output::DiskFailed(why));
    }

    fn handle_stop(&mut self, out: &mut Outputs) {
        if self.phase == Phase::Serving {
            self.phase = Phase::Stopping { deadline: self.now.after(self.config.stop_timeout) };
            if self.is_leader() {
                // The others need not find out by waiting.
                self.transfer_leadership(requests::Origin::Node, None);
            }
            self.end_watches(out);
        }
    }

    /// Ends requests whose time is up; looks a few times within the time that each may take.
    fn sweep(&mut self, out: &mut Outputs) {
        if self.now < self.sweep_at {
            return;
        }
        self.sweep_at = self.now.after(self.config.request_timeout / 16);
        for id in self.requests.expired(self.now) {
            self.end_without_answer(id, Unknown::Timeout, out);
        }
        if self.is_blind() {
            let leader = self.raft.status().leader;
            for id in self.requests.queries() {
                self.end_as_not_leader(id, leader, out);
            }
        }
    }

    fn stop_if_done(&mut self, out: &mut Outputs) {
        let Phase::Stopping { deadline } = self.phase else { return };
        if self.requests.len() > 0 && self.now < deadline {
            return;
        }
        for id in self.requests.all() {
            self.end_without_answer(id, Unknown::ShutDown, out);
        }
        self.flush(out);
        self.phase = Phase::Over;
        out.push(Output::Stopped);
    }

    /// Half of the pause at least, so that two servers never redial in step for long.
    fn jittered(&mut self, pause: Duration) -> Instant {
        self.rng.later(self.now, pause / 2, pause / 2)
    }

    fn leader_address(&self, leader: Option<NodeId>) -> Option<Address> {
        self.address_of(leader?)
    }

    /// What the state machine is behind by, in entries.
    fn unapplied(&self) -> u64 {
        self.feed.behind()
    }

    /// The state machine's newest entry.
    fn applied(&self) -> Index {
        self.feed.applied()
    }
}
