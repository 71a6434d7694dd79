//! What a leader knows of one peer.

use alloc::collections::VecDeque;

use crate::entry::Entries;
use crate::types::{Index, Instant, NodeId, ReplicationId, Round};

/// A leader's view of one peer (thesis 3.5: `nextIndex` and `matchIndex`).
///
/// ```text
///            a match at next - 1                 the next entry is not in memory
///   Probe ───────────────────────► Replicate ◄──────────────────────────────────► Fetching
///     ▲      a mismatch, or the        │              the entries were read            │
///     └──────connection was lost───────┴───────────────────────────────────────────────┘
/// ```
///
/// Invariants: `match_index < next_index`; what is under way lies between the two; a probe has
/// nothing under way.
#[derive(Clone, Debug)]
pub struct Progress {
    pub(super) id: NodeId,
    pub(super) replication: ReplicationId,
    pub(super) mode: PeerMode,
    pub(super) match_index: Index,
    /// The round of the answer that said so.
    pub(super) match_round: Round,
    pub(super) next_index: Index,
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
    pub(super) fetched: Entries,
    /// Replicate: may the next answer without news cause a look for lost messages?
    pub(super) may_suspect_loss: bool,
    /// Replicate: a look for lost messages is due.
    pub(super) suspects_loss: bool,
    /// It belongs to the cluster no more, since this entry; it is told until then at the latest.
    pub(super) leaving: Option<(Index, Instant)>,
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
            fetched: Entries::EMPTY,
            may_suspect_loss: false,
            suspects_loss: false,
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

    /// Messages with entries that are under way.
    pub fn inflight_messages(&self) -> usize {
        self.inflight.under_way.len()
    }

    /// Cost of the entries that are under way.
    pub fn inflight_bytes(&self) -> u64 {
        self.inflight.cost_bytes
    }

    /// When the peer was last heard from; when leadership began if that is later.
    pub fn heard(&self) -> Instant {
        self.heard
    }

    /// Does it belong to the cluster no more, and is only told so?
    pub fn is_leaving(&self) -> bool {
        self.leaving.is_some()
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
        self.fetched = Entries::EMPTY;
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

    /// The peer's log matches up to `index`, durably, as an answer to `round` says.
    pub(super) fn acknowledge(&mut self, index: Index, round: Round) {
        if index >= self.match_index {
            self.match_round = self.match_round.max(round);
        }
        if index > self.match_index {
            self.match_index = index;
            self.inflight.free_up_to(index);
            self.next_index = self.next_index.max(index.next());
        }
        if self.mode == PeerMode::Probe && index.next() >= self.next_index {
            self.next_index = self.match_index.next();
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
    under_way: VecDeque<Shipment>,
    cost_bytes: u64,
}

#[derive(Clone, Copy, Debug)]
struct Shipment {
    last: Index,
    cost_bytes: u64,
}

impl Inflight {
    pub(super) fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// May another message start? One may always start on an empty road.
    pub(super) fn has_room(&self, messages_max: u32, bytes_max: u64) -> bool {
        self.is_empty()
            || (self.under_way.len() < messages_max as usize && self.cost_bytes < bytes_max)
    }

    pub(super) fn start(&mut self, last: Index, cost_bytes: u64) {
        self.under_way.push_back(Shipment { last, cost_bytes });
        self.cost_bytes += cost_bytes;
    }

    pub(super) fn free_up_to(&mut self, index: Index) {
        while let Some(landed) = self.under_way.pop_front_if(|shipment| shipment.last <= index) {
            self.cost_bytes -= landed.cost_bytes;
        }
    }

    fn clear(&mut self) {
        self.under_way.clear();
        self.cost_bytes = 0;
    }
}
