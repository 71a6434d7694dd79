//! What a leader knows of one peer.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use super::forgetful::Amnesia;
use crate::entry::Entries;
use crate::recovered::SnapshotMeta;
use crate::types::{Index, Instant, LogId, NodeId, ReplicationId, Round};

/// A leader's view of one peer (thesis 3.5: `nextIndex` and `matchIndex`).
///
/// ```text
///            a match at next - 1                 the next entry is not in memory
///   Probe ───────────────────────► Replicate ◄──────────────────────────────────► Fetching
///    │▲      a mismatch, or the       ▲│              the entries were read            │
///    │└──────connection was lost──────┼┴───────────────────────────────────────────────┘
///    └──────────► Snapshot ───────────┘
///  the log does   a match where the log starts
///  not reach back
/// ```
///
/// Invariants: `match_index < next_index`; what is under way lies between the two; a probe has
/// nothing under way; who is offered a snapshot has nothing else under way.
#[derive(Clone, Debug)]
pub struct Progress {
    pub(super) id: NodeId,
    pub(super) replication: ReplicationId,
    pub(super) mode: PeerMode,
    pub(super) match_index: Index,
    /// The round of the answer that said so.
    pub(super) match_round: Round,
    pub(super) next_index: Index,
    /// What streams; of a probe, what went with it.
    pub(super) inflight: Inflight,
    /// The newest round that the peer has answered.
    pub(super) round: Round,
    /// When the peer was last heard from.
    pub(super) heard: Instant,
    /// The newest commit index that the peer was told.
    pub(super) commit_told: Index,
    /// Probe: has a probe been sent that may still be answered, and in which round?
    pub(super) probed_in: Option<Round>,
    /// Probe: have entries from `next_index` on been sent with a probe?
    pub(super) has_tried: bool,
    /// What the driver has read, to be sent next.
    pub(super) fetched: Option<Box<Entries>>,
    /// Snapshot: what is offered.
    pub(super) offer: Option<Box<SnapshotMeta>>,
    /// Snapshot: the offer is due.
    pub(super) is_offer_owed: bool,
    /// Replicate: may the next answer without news cause a look for lost messages?
    pub(super) may_suspect_loss: bool,
    /// Replicate: a look for lost messages is due.
    pub(super) suspects_loss: bool,
    /// It may have forgotten what it promised, and counts for nothing until it says otherwise.
    pub(super) amnesia: Option<Box<Amnesia>>,
    /// It belongs to the cluster no more, since this entry; it is told until then at the latest.
    pub(super) leaving: Option<Box<(Index, Instant)>>,
}

/// How a leader treats one peer, see [`Progress`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PeerMode {
    /// Where the logs part is unknown: one message at a time finds out.
    Probe,
    /// Entries stream, a window ahead of the acknowledgements.
    Replicate,
    /// As Replicate, while the driver reads the next entries from its log.
    Fetching,
    /// The log does not reach back to what the peer lacks: it is offered a snapshot.
    Snapshot,
}

impl PeerMode {
    /// Do entries stream?
    pub(super) fn is_streaming(self) -> bool {
        matches!(self, Self::Replicate | Self::Fetching)
    }
}

impl Progress {
    /// A peer of which nothing is known but that the log may match up to `next_index - 1`.
    pub(super) fn new(
        id: NodeId,
        replication: ReplicationId,
        next_index: Index,
        heard: Instant,
    ) -> Self {
        Self {
            id,
            replication,
            mode: PeerMode::Probe,
            match_index: Index(0),
            match_round: Round(0),
            next_index,
            inflight: Inflight::default(),
            round: Round(0),
            heard,
            commit_told: Index(0),
            probed_in: None,
            has_tried: false,
            fetched: None,
            offer: None,
            is_offer_owed: false,
            may_suspect_loss: false,
            suspects_loss: false,
            amnesia: None,
            leaving: None,
        }
    }

    /// The one of this peer among those of all, which are in order.
    pub(super) fn of(all: &[Self], id: NodeId) -> Option<&Self> {
        all.binary_search_by_key(&id, |peer| peer.id).ok().map(|at| &all[at])
    }

    /// The peer.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// How the peer is treated.
    pub fn mode(&self) -> PeerMode {
        self.mode
    }

    /// The peer's log equals the leader's up to here, durably.
    pub fn match_index(&self) -> Index {
        self.match_index
    }

    /// The next entry to send.
    pub fn next_index(&self) -> Index {
        self.next_index
    }

    /// The last entry of the snapshot that the peer is offered.
    pub fn offered(&self) -> Option<LogId> {
        self.offer.as_ref().map(|snapshot| snapshot.last_included)
    }

    /// Messages with entries that are under way; a probe is none of them.
    pub fn inflight_messages(&self) -> usize {
        if self.mode.is_streaming() { self.inflight.messages() } else { 0 }
    }

    /// Cost of the entries that are under way; what went with a probe is none of them.
    pub fn inflight_bytes(&self) -> u64 {
        if self.mode.is_streaming() { self.inflight.cost_bytes } else { 0 }
    }

    /// When the peer was last heard from; when leadership began if that is later.
    pub fn heard(&self) -> Instant {
        self.heard
    }

    /// Does it belong to the cluster no more, and is only told so?
    pub fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    /// May it have forgotten what it promised, so that it counts for nothing?
    pub fn is_forgetful(&self) -> bool {
        self.amnesia.is_some()
    }

    /// What a quorum may count of what is known of this peer: nothing if it may have forgotten.
    pub(super) fn counted(&self, value: u64) -> u64 {
        if self.amnesia.is_some() { 0 } else { value }
    }

    pub(crate) fn is_same_replication(&self, other: &Self) -> bool {
        self.id == other.id && self.replication == other.replication
    }

    /// Starts over from `next_index`, one message at a time.
    pub(super) fn become_probe(&mut self, next_index: Index) {
        self.mode = PeerMode::Probe;
        self.next_index = next_index.max(self.match_index.next());
        self.inflight.clear();
        self.probed_in = None;
        self.has_tried = false;
        self.suspects_loss = false;
        self.fetched = None;
        self.offer = None;
    }

    /// The peer lacks what the log has forgotten.
    pub(super) fn become_snapshot(&mut self, offer: SnapshotMeta) {
        self.become_probe(offer.last_included.index.next());
        self.mode = PeerMode::Snapshot;
        self.offer = Some(Box::new(offer));
        self.is_offer_owed = true;
    }

    /// The first entry that the log must have kept for this peer follows this one.
    pub(super) fn needs_after(&self) -> Index {
        self.offered().map_or(self.match_index, |offered| offered.index)
    }

    /// The peer's log matches up to `next_index - 1`: entries may stream.
    pub(super) fn become_replicate(&mut self) {
        assert!(self.match_index.next() == self.next_index, "streams start where the logs match");
        self.mode = PeerMode::Replicate;
        self.probed_in = None;
        self.may_suspect_loss = true;
    }

    /// The peer lost what it had acknowledged: forgets that it ever did. Its earlier answers are
    /// void with the replication that they belong to.
    pub(super) fn start_over(&mut self, replication: ReplicationId, next_index: Index) {
        self.replication = replication;
        self.match_index = Index(0);
        self.match_round = self.round;
        self.become_probe(next_index);
    }

    /// The peer's log matches up to `index`, durably, as an answer to `round` says. This server's log
    /// starts after `base`.
    pub(super) fn acknowledge(&mut self, index: Index, round: Round, base: Index) {
        if index >= self.match_index {
            self.match_round = self.match_round.max(round);
        }
        if index > self.match_index {
            self.match_index = index;
            self.inflight.free_up_to(index);
            self.next_index = self.next_index.max(index.next());
        }
        if self.mode == PeerMode::Probe && index.next() >= self.next_index {
            if self.probed_in != Some(round) {
                // An answer to an earlier question: nobody knows whether the probe arrived.
                self.inflight.clear();
            }
            self.next_index = self.match_index.next();
            self.become_replicate();
            if let Some(last) = self.inflight.last() {
                // The entries that went with the probe are there, and on their way to the peer's disk.
                self.next_index = last.next();
                self.may_suspect_loss = false;
            }
        }
        // Whether it got the snapshot, or something else that will do.
        if self.mode == PeerMode::Snapshot && self.match_index >= base {
            self.become_probe(self.match_index.next());
            self.become_replicate();
        }
    }

    /// Looks whether what is under way was lost: at most once a heartbeat, when the peer answers
    /// without having got any further.
    pub(super) fn suspect_loss(&mut self) {
        let is_waiting = self.mode == PeerMode::Replicate && !self.inflight.is_empty();
        self.suspects_loss |= is_waiting && core::mem::take(&mut self.may_suspect_loss);
    }
}

/// The messages with entries that are under way to one peer, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Inflight {
    /// The oldest: a peer that has no more than one message under way takes no room on the heap.
    first: Option<Shipment>,
    later: VecDeque<Shipment>,
    cost_bytes: u64,
}

#[derive(Clone, Copy, Debug)]
struct Shipment {
    last: Index,
    cost_bytes: u64,
}

impl Inflight {
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    fn messages(&self) -> usize {
        usize::from(self.first.is_some()) + self.later.len()
    }

    /// The newest entry that is under way.
    fn last(&self) -> Option<Index> {
        self.later.back().or(self.first.as_ref()).map(|shipment| shipment.last)
    }

    /// May another message start? One may always start on an empty road.
    pub(super) fn has_room(&self, messages_max: u32, bytes_max: u64) -> bool {
        self.is_empty() || (self.messages() < messages_max as usize && self.cost_bytes < bytes_max)
    }

    pub(super) fn start(&mut self, last: Index, cost_bytes: u64) {
        let shipment = Shipment { last, cost_bytes };
        match self.first {
            None => self.first = Some(shipment),
            Some(_) => self.later.push_back(shipment),
        }
        self.cost_bytes += cost_bytes;
    }

    pub(super) fn free_up_to(&mut self, index: Index) {
        while let Some(landed) = self.first.take_if(|shipment| shipment.last <= index) {
            self.cost_bytes -= landed.cost_bytes;
            self.first = self.later.pop_front();
        }
    }

    pub(super) fn clear(&mut self) {
        self.first = None;
        self.later.clear();
        self.cost_bytes = 0;
    }
}
