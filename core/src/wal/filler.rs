//! How writes become batches, and batches segments.

use super::appender::{Appender, Note, Synced};
use super::batch::{MARK, SEAL};
use super::disk::{Disk, DiskError};
use super::error::WalError;
use super::layout::BATCHES_OFFSET;
use super::pieces::{Piece, pieces};
use super::record::{RecordKind, record_bytes};
use super::recover::Segment;
use super::segment::SegmentHeader;
use super::snapshot_body;
use super::spare::Spare;
use super::state::State;
use super::writer::{SpareStep, Wal};
use crate::effect::{HardState, SnapshotChange, Write};
use crate::entry::Entry;

impl<D: Disk> Wal<D> {
    pub(super) fn write_hard_state(&mut self, hard_state: HardState) -> Result<(), WalError> {
        let current = self.state.current();
        assert!(hard_state.term >= current.hard_state.term, "terms never go back (thesis 3.3)");
        if hard_state == current.hard_state {
            return Ok(());
        }
        self.write_state(State { hard_state, ..current })
    }

    pub(super) fn write_state(&mut self, next: State) -> Result<(), WalError> {
        let durable_lsn = next.durable_lsn.max(self.appender.synced_lsn());
        self.state.write(&self.disk, State { durable_lsn, ..next })?;
        self.counters.states += 1;
        Ok(())
    }

    /// What is said of snapshots comes before the entries of the same write.
    pub(super) fn append(&mut self, writes: &[Write]) -> Result<(), WalError> {
        for run in writes.chunk_by(|_, next| next.snapshot.is_none()) {
            if let Some(change) = &run[0].snapshot {
                self.put_snapshot(change)?;
            }
            self.append_entries(run)?;
        }
        Ok(())
    }

    fn append_entries(&mut self, writes: &[Write]) -> Result<(), WalError> {
        let pieces = pieces(writes, self.options.records_bytes_max());
        let mut rest = pieces.as_slice();
        while let Some(first) = rest.first() {
            let mut record_bytes = first.record_bytes;
            let more = rest[1..].iter().take_while(|piece| {
                record_bytes += piece.record_bytes;
                record_bytes <= self.options.batch_bytes_max.min(self.options.records_bytes_max())
            });
            let (batch, later) = rest.split_at(1 + more.count());
            self.append_batch(batch)?;
            rest = later;
        }
        Ok(())
    }

    fn append_batch(&mut self, pieces: &[Piece<'_>]) -> Result<(), WalError> {
        self.start_batch(pieces.iter().map(|piece| piece.record_bytes).sum())?;
        for piece in pieces {
            if piece.prev.index < self.map.last().index {
                assert!(piece.prev.index >= self.commit, "what is committed stays (thesis 3.6.2)");
                self.buffer.push(RecordKind::Truncate, piece.prev, &[]);
            }
            self.map.truncate(piece.prev).expect("entries follow an entry of the log");
            for entry in piece.entries {
                self.push_entry(entry);
            }
        }
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.check_term();
        self.finish_batch(0)
    }

    /// A log that ends in a term that the hard state does not know could not be opened again.
    fn check_term(&self) {
        let (last, current) = (self.map.last(), self.state.current().hard_state.term);
        assert!(last.term <= current, "a term is durable before its entries (thesis 3.3)");
    }

    fn push_entry(&mut self, entry: &Entry) {
        self.map.push(entry.id).expect("entries follow one another");
        let kind = RecordKind::of_entry(&entry.payload);
        self.buffer.push(kind, entry.id, entry.payload.as_bytes());
        self.counters.entries += 1;
    }

    /// Starts a batch of at most so many bytes of records, in a new segment if need be.
    fn start_batch(&mut self, record_bytes: u64) -> Result<(), WalError> {
        // The first segments of a run may be too short for it.
        while !self.appender.has_room(self.options.file_bytes(record_bytes)) {
            self.rotate()?;
        }
        self.reset_buffer();
        Ok(())
    }

    fn reset_buffer(&mut self) {
        let keep_bytes = 2 * self.options.batch_bytes_max;
        let keep_bytes = usize::try_from(keep_bytes).unwrap_or(usize::MAX);
        self.buffer.start(self.appender.header().salt, keep_bytes);
    }

    fn finish_batch(&mut self, flags: u16) -> Result<(), WalError> {
        let note = Note {
            commit: self.commit,
            last: self.map.last(),
            generation: self.state.current().generation,
            flags,
        };
        let offset = self.appender.offset();
        self.appender.append(&self.disk, &mut self.buffer, note)?;
        let bytes = self.buffer.as_slice().len();
        let place = |number: u64| u32::try_from(number).expect("a segment is shorter than 4 GiB");
        self.map.place(self.appender.header().seq, place(offset), place(bytes as u64));
        let newest = self.segments.last_mut().expect("the appender's segment is in the list");
        newest.stop = self.appender.offset();
        self.counters.batches += 1;
        self.counters.bytes += bytes as u64;
        Ok(())
    }

    pub(super) fn sync(&mut self) -> Result<(), WalError> {
        if self.appender.sync(&self.disk)? == Synced::Now {
            self.counters.syncs += 1;
        }
        Ok(())
    }

    pub(super) fn mark(&mut self) -> Result<(), WalError> {
        if !self.appender.owes_a_mark(self.state.current().generation) {
            return Ok(());
        }
        self.start_batch(0)?;
        self.finish_batch(MARK)?;
        self.sync()
    }

    fn put_snapshot(&mut self, change: &SnapshotChange) -> Result<(), WalError> {
        let (kind, snapshot) = match change {
            SnapshotChange::Covers(snapshot) => (RecordKind::Snapshot, snapshot),
            SnapshotChange::Replaces(snapshot) => (RecordKind::Reset, snapshot),
        };
        let id = snapshot.last_included;
        assert!(id.index >= self.snapshot.last_included.index, "snapshots only get newer");
        let body = snapshot_body::encode(snapshot);
        self.start_batch(record_bytes(body.len() as u64))?;
        if kind == RecordKind::Reset {
            assert!(id.index >= self.commit, "what is committed stays (thesis 5.3)");
            self.map.reset(id);
        }
        assert!(self.map.has(id), "a snapshot covers entries of the log");
        self.buffer.push(kind, id, &body);
        self.check_term();
        self.finish_batch(0)?;
        self.note_commit(id.index);
        self.snapshot = snapshot.clone();
        self.snapshot_segment = self.appender.header().seq;
        Ok(())
    }

    /// Oldest first, and each durably gone before the next: a crash leaves no gap.
    pub(super) fn remove_before(&mut self, keep: u64) -> Result<usize, WalError> {
        let count = self.segments.partition_point(|segment| segment.seq < keep);
        for segment in self.segments.drain(..count) {
            self.disk.remove(&segment.name)?;
            self.disk.sync_dir()?;
        }
        self.map.forget_before(keep);
        self.reader.close();
        Ok(count)
    }

    pub(super) fn advance_spare(&mut self, budget_bytes: u64) -> Result<SpareStep, DiskError> {
        if self.spare.is_none() {
            self.spare = Some(Spare::create(&self.disk, self.next_segment_bytes())?);
        }
        let spare = self.spare.as_mut().expect("made on the line before");
        spare.advance(&self.disk, budget_bytes)?;
        Ok(if spare.is_ready() { SpareStep::Ready } else { SpareStep::Working })
    }

    /// Seals the newest segment and begins the next. In this order:
    /// 1. the seal and all batches are durable, because the next header declares them so;
    /// 2. the next segment is durable, header and name, because batches in it need both;
    /// 3. the state says that it is in use, because a segment that is in use can be missed.
    fn rotate(&mut self) -> Result<(), WalError> {
        self.reset_buffer();
        self.finish_batch(SEAL)?;
        self.sync()?;

        let (last, before) = (self.map.last(), self.appender.header());
        let state = self.state.current();
        let header = SegmentHeader {
            identity: self.identity,
            align: self.options.align_bytes,
            seq: before.seq + 1,
            salt: self.salts.draw(),
            bytes: self.next_segment_bytes(),
            first_lsn: self.appender.lsn(),
            base: last,
            boot_epoch: state.boot_epoch,
            generation: state.generation,
            prev_end: self.appender.offset(),
            chain: self.appender.chain(),
        };
        self.begin_segment(header)?;
        self.write_state(State { segment_seq: header.seq, ..state })
    }

    fn next_segment_bytes(&self) -> u64 {
        self.options.segment_bytes_after(Some(self.appender.header().bytes))
    }

    fn begin_segment(&mut self, header: SegmentHeader) -> Result<(), WalError> {
        self.advance_spare(0)?;
        let spare = self.spare.take().expect("made on the line before");
        let (name, file) = spare.into_segment(&self.disk, &header)?;
        self.segments.push(Segment {
            seq: header.seq,
            name,
            salt: header.salt,
            stop: BATCHES_OFFSET,
        });
        self.appender = Appender::new(file, header);
        self.counters.segments += 1;
        Ok(())
    }
}
