//! Snapshots of a node: taken from its state machine, got from a peer, given to peers, restored.
//!
//! All of them move in pieces, one at a time, each durable before the next is wanted: whatever the
//! size of a state, little of it is in memory here, and a log that shares the disk waits for one
//! piece at most. A transfer is driven by whoever receives it. A connection that breaks, or a new
//! leader who offers the same snapshot, costs it no more than the piece that was under way.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::Node;
use super::io::{LogReader, Note, Output, Outputs};
use super::link::Lane;
use crate::effect::{SnapshotChange, Write};
use crate::event::Event;
use crate::recovered::SnapshotMeta;
use crate::snapshot::{Framer, Slot, StoreError, Stored};
use crate::types::{Index, Instant, LogId, NodeId};
use crate::wal::{DiskError, DiskErrorKind, WalError};
use crate::wire::{PeerMessage, SnapshotAsk, SnapshotPart, Unknown};

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    capture: Option<Capture>,
    fetch: Option<Fetch>,
    /// What the state machine is restored from, and how much of it was asked for.
    restore: Option<(LogId, u64)>,
    /// The peers that a piece is read for.
    readers: Vec<NodeId>,
    /// What came damaged is not asked for again before then.
    damaged: Option<(LogId, Instant)>,
}

/// The state machine's state, on its way to the disk.
#[derive(Debug)]
struct Capture {
    meta: SnapshotMeta,
    framer: Option<Framer>,
    offset: u64,
}

/// A peer's snapshot, on its way to the disk.
#[derive(Debug)]
struct Fetch {
    from: NodeId,
    id: LogId,
    /// So much of it is durable here.
    offset: u64,
    step: FetchStep,
}

#[derive(Debug)]
enum FetchStep {
    /// The next piece is asked for then: what a peer gives is limited, or the last answer was lost.
    Ask(Instant),
    /// A piece was asked for; it is asked for again if it is not there by then.
    Asked(Instant),
    /// A piece is being written.
    Writing { bytes: u64, since: Instant },
}

/// How long a damaged snapshot is not asked for again, and a piece may take.
const PATIENCE: Duration = Duration::from_secs(1);

impl Node {
    /// The state machine was given all up to `index`: it is time for a snapshot?
    pub(super) fn may_capture(&mut self, index: Index, out: &mut Outputs) {
        let every = self.config.snapshot_entries;
        let is_due =
            every > 0 && index.0.is_multiple_of(every) && index > self.raft.status().snapshot.index;
        if !is_due || self.snapshots.capture.is_some() {
            return;
        }
        let Some(meta) = self.raft.snapshot_as_of(index) else { return };
        self.snapshots.capture = Some(Capture { meta, framer: None, offset: 0 });
        out.push(Output::Capture(index));
    }

    /// The state machine wrote down the next part of its state.
    pub(super) fn handle_captured(
        &mut self,
        index: Index,
        part: &Bytes,
        is_last: bool,
        out: &mut Outputs,
    ) {
        let cluster = self.config.cluster;
        let capture = self.snapshots.capture.as_mut();
        let Some(capture) = capture.filter(|it| it.meta.last_included.index == index) else {
            return;
        };
        let mut blocks = Vec::new();
        let mut framer = capture.framer.take().unwrap_or_else(|| {
            let (framer, head) = Framer::new(cluster, &capture.meta);
            blocks.push(head);
            framer
        });
        blocks.extend(part.chunks(Framer::STATE_BYTES_MAX).map(|part| framer.state(part)));
        if is_last {
            blocks.push(framer.end());
        } else {
            capture.framer = Some(framer);
        }
        let (snapshot, offset) = (capture.meta.last_included, capture.offset);
        let bytes = Bytes::from(blocks.concat());
        capture.offset += bytes.len() as u64;
        out.push(Output::WriteSnapshot { slot: Slot::Own, snapshot, offset, bytes });
    }

    /// A leader offers what this server lacks.
    pub(super) fn fetch_snapshot(&mut self, from: NodeId, id: LogId, out: &mut Outputs) {
        let held_up = self.snapshots.damaged.filter(|it| it.0 == id).map(|it| it.1);
        let at = held_up.unwrap_or(self.now).max(self.now);
        match &mut self.snapshots.fetch {
            // Another source, but the same bytes.
            Some(fetch) if fetch.id == id => {
                if fetch.from != from && fetch.offset > 0 {
                    out.push(Output::Note(Note::SnapshotResumed(from)));
                }
                fetch.from = from;
                if let FetchStep::Asked(_) = fetch.step {
                    fetch.step = FetchStep::Ask(at);
                }
            }
            fetch => {
                *fetch = Some(Fetch { from, id, offset: 0, step: FetchStep::Ask(at) });
            }
        }
    }

    /// Asks for the next piece if it is time to.
    pub(super) fn go_on_fetching(&mut self) {
        let (now, bytes_max) = (self.now, self.config.snapshot_piece_bytes);
        let Some(fetch) = &mut self.snapshots.fetch else { return };
        let (FetchStep::Ask(at) | FetchStep::Asked(at)) = fetch.step else { return };
        if at > now {
            return;
        }
        fetch.step = FetchStep::Asked(now.after(PATIENCE));
        let (to, snapshot, offset) = (fetch.from, fetch.id, fetch.offset);
        let ask = PeerMessage::SnapshotAsk(SnapshotAsk { snapshot, offset, bytes_max });
        // Without a way there it is asked again.
        let _was_sent = self.send_peer_message(to, Lane::Urgent, &ask);
    }

    /// When the next piece is to be asked for.
    pub(super) fn fetch_deadline(&self) -> Option<Instant> {
        match self.snapshots.fetch.as_ref()?.step {
            FetchStep::Ask(at) | FetchStep::Asked(at) => Some(at),
            FetchStep::Writing { .. } => None,
        }
    }

    /// A peer wants a piece.
    pub(super) fn handle_snapshot_ask(
        &mut self,
        from: NodeId,
        ask: SnapshotAsk,
        out: &mut Outputs,
    ) {
        // One at a time for each; whoever asks again gets the answer to the first.
        if self.snapshots.readers.contains(&from) {
            return;
        }
        self.snapshots.readers.push(from);
        let SnapshotAsk { snapshot, offset, bytes_max } = ask;
        let bytes_max = bytes_max.min(self.config.snapshot_piece_bytes);
        out.push(Output::ReadSnapshot {
            reader: LogReader::Peer(from),
            snapshot,
            offset,
            bytes_max,
        });
    }

    pub(super) fn handle_snapshot_read(
        &mut self,
        reader: LogReader,
        (snapshot, offset): (LogId, u64),
        read: Result<Option<(Bytes, u64)>, DiskError>,
        out: &mut Outputs,
    ) {
        let found = match read {
            Ok(found) => found,
            // As with a log that cannot be read.
            Err(why) => return self.fail(WalError::Disk(why), out),
        };
        match (reader, found) {
            (LogReader::Peer(to), found) => {
                self.snapshots.readers.retain(|&reader| reader != to);
                let answer = match found {
                    Some((bytes, total_bytes)) => PeerMessage::SnapshotPart(SnapshotPart {
                        snapshot,
                        offset,
                        total_bytes,
                        bytes,
                    }),
                    None => {
                        self.events.push(Event::SnapshotMissing { to });
                        PeerMessage::SnapshotNone(snapshot)
                    }
                };
                // Lost, as a network may lose it: whoever wants it asks again.
                let _was_sent = self.send_peer_message(to, Lane::Bulk, &answer);
            }
            (LogReader::StateMachine, Some((bytes, _))) => {
                if let Some((id, asked)) = &mut self.snapshots.restore
                    && *id == snapshot
                {
                    *asked = offset + bytes.len() as u64;
                    out.push(Output::Restore { snapshot, bytes });
                }
            }
            (LogReader::StateMachine, None) => {
                if self.snapshots.restore.is_none_or(|it| it.0 != snapshot) {
                    return;
                }
                // What this server has on record must be there, or its state is lost.
                let context = alloc::format!("snapshot up to {} is gone", snapshot.index.0);
                let kind = DiskErrorKind::NotFound;
                self.fail(WalError::Disk(DiskError { kind, context }), out);
            }
            // Requests are for entries only.
            (LogReader::Request(_), _) => {}
        }
    }

    /// A peer sends the piece that was asked for, or an earlier one again.
    pub(super) fn handle_snapshot_part(
        &mut self,
        from: NodeId,
        part: SnapshotPart,
        out: &mut Outputs,
    ) {
        let Some(fetch) = &mut self.snapshots.fetch else { return };
        let is_wanted = fetch.from == from
            && (fetch.id, fetch.offset) == (part.snapshot, part.offset)
            && matches!(fetch.step, FetchStep::Asked(_))
            && !part.bytes.is_empty();
        if is_wanted {
            let bytes = part.bytes.len() as u64;
            fetch.step = FetchStep::Writing { bytes, since: self.now };
            let (snapshot, offset) = (part.snapshot, part.offset);
            let bytes = part.bytes;
            out.push(Output::WriteSnapshot { slot: Slot::Fetched, snapshot, offset, bytes });
        }
    }

    /// A peer does not have it.
    pub(super) fn handle_snapshot_none(&mut self, from: NodeId, snapshot: LogId) {
        let fetch = &mut self.snapshots.fetch;
        let is_meant = |it: &mut Fetch| {
            (it.from, it.id) == (from, snapshot) && matches!(it.step, FetchStep::Asked(_))
        };
        if fetch.take_if(is_meant).is_some() {
            self.events.push(Event::SnapshotUnavailable(snapshot));
        }
    }

    pub(super) fn handle_snapshot_stored(
        &mut self,
        slot: Slot,
        id: LogId,
        stored: Result<Stored, StoreError>,
        out: &mut Outputs,
    ) {
        match stored {
            Ok(stored) => match slot {
                Slot::Own => self.own_piece_stored(id, &stored, out),
                Slot::Fetched => self.fetched_piece_stored(id, stored),
            },
            Err(StoreError::Disk(why)) if why.kind == DiskErrorKind::Full => {
                out.push(Output::Note(Note::DiskFull(why)));
                self.give_up_snapshot(slot, id, out);
            }
            Err(StoreError::Disk(why)) => self.fail(WalError::Disk(why), out),
            Err(why @ (StoreError::Damaged { .. } | StoreError::Missing { .. })) => {
                let from = self.snapshots.fetch.as_ref().map(|fetch| fetch.from);
                out.push(Output::Note(Note::SnapshotDamaged(from, why)));
                self.give_up_snapshot(slot, id, out);
            }
        }
    }

    fn own_piece_stored(&mut self, id: LogId, stored: &Stored, out: &mut Outputs) {
        let capture = &mut self.snapshots.capture;
        if capture.as_ref().is_none_or(|it| it.meta.last_included != id) {
            return;
        }
        match stored {
            Stored::Part(_) => out.push(Output::CaptureMore),
            Stored::Whole(_) => {
                *capture = None;
                self.events.push(Event::SnapshotTaken(id.index));
                out.push(Output::Note(Note::SnapshotTaken(id)));
            }
        }
    }

    fn fetched_piece_stored(&mut self, id: LogId, stored: Stored) {
        let fetch = &mut self.snapshots.fetch;
        let Some(it) = fetch.as_mut().filter(|it| it.id == id) else { return };
        match stored {
            Stored::Part(offset) => {
                let FetchStep::Writing { bytes, since } = it.step else { return };
                if it.offset + bytes != offset {
                    // A piece of an earlier attempt.
                    return;
                }
                it.offset = offset;
                let rate = self.config.snapshot_bytes_per_second_max;
                let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate);
                let pause = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
                it.step = FetchStep::Ask(since.after(pause).max(self.now));
            }
            Stored::Whole(meta) => {
                *fetch = None;
                self.events.push(Event::SnapshotFetched(Box::new(meta)));
            }
        }
    }

    /// A snapshot comes to nothing; another attempt may.
    fn give_up_snapshot(&mut self, slot: Slot, id: LogId, out: &mut Outputs) {
        match slot {
            Slot::Own => {
                if self.snapshots.capture.take_if(|it| it.meta.last_included == id).is_some() {
                    out.push(Output::CaptureEnd);
                }
            }
            Slot::Fetched => {
                self.snapshots.damaged = Some((id, self.now.after(PATIENCE)));
                if self.snapshots.fetch.take_if(|it| it.id == id).is_some() {
                    self.events.push(Event::SnapshotUnavailable(id));
                }
            }
        }
    }

    /// The log is about to be replaced: what the state machine has not got of it, it never will.
    pub(super) fn prepare_for(&mut self, write: &Write, out: &mut Outputs) {
        if let Some(SnapshotChange::Replaces(_)) = write.snapshot.as_deref() {
            self.feed.suspend();
            // What it is restored from as yet is of no use any more.
            self.snapshots.restore = None;
            if self.snapshots.capture.take().is_some() {
                out.push(Output::CaptureEnd);
            }
        }
    }

    /// The log begins with this snapshot, durably: the state machine does, too.
    pub(super) fn restore(&mut self, snapshot: LogId, out: &mut Outputs) {
        while let Some((_, id)) = self.proposals.pop_up_to(snapshot.index) {
            // Part of the snapshot, or not: nobody here can tell.
            self.end_without_answer(id, Unknown::LeadershipLost, out);
        }
        self.feed.restore(snapshot.index);
        self.snapshots.restore = Some((snapshot, 0));
        self.read_for_state_machine(snapshot, 0, out);
    }

    fn read_for_state_machine(&mut self, snapshot: LogId, offset: u64, out: &mut Outputs) {
        let (reader, bytes_max) = (LogReader::StateMachine, self.config.snapshot_piece_bytes);
        out.push(Output::ReadSnapshot { reader, snapshot, offset, bytes_max });
    }

    /// The state machine took a piece of the state that it begins anew from.
    pub(super) fn handle_restored(&mut self, snapshot: LogId, is_done: bool, out: &mut Outputs) {
        let Some((id, offset)) = self.snapshots.restore else { return };
        if id != snapshot {
            return;
        }
        if is_done {
            self.snapshots.restore = None;
            self.feed.apply(snapshot.index);
            self.feed.resume();
            out.push(Output::Note(Note::Restored(snapshot)));
            // What was there before is of no use any more.
            self.compact(snapshot.index, out);
        } else {
            self.read_for_state_machine(snapshot, offset, out);
        }
    }

    /// The log may forget what is up to `index`, and the snapshots before the newest may go, but for
    /// those that are offered.
    pub(super) fn compact(&mut self, index: Index, out: &mut Outputs) {
        let status = self.raft.status();
        let kept = status.peers.iter().filter_map(|peer| peer.offered()).collect();
        let newest = status.snapshot.index;
        out.push(Output::Compact { index, newest, kept });
    }

    /// What is got from a peer, and how much of it is here.
    pub(super) fn fetching(&self) -> Option<(Index, u64)> {
        self.snapshots.fetch.as_ref().map(|fetch| (fetch.id.index, fetch.offset))
    }
}
