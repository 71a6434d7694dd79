//! The log of a running node.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::appender::Appender;
use super::batch::BatchBuffer;
use super::chain::Salts;
use super::disk::{Disk, DiskErrorKind};
use super::error::WalError;
use super::identity::Identity;
use super::layout::SPARE_TMP;
use super::log_map::LogMap;
use super::options::WalOptions;
use super::reader::Reader;
use super::recover::Segment;
use super::refusal::OpenError;
use super::spare::Spare;
use super::state::{State, StateFile};
use crate::effect::Write;
use crate::recovered::SnapshotMeta;
use crate::snapshot::SnapshotStore;
use crate::types::{Index, LogId, Ticket};

/// The log and the hard state of one group on one disk.
///
/// All calls block. After an error of the disk the log is *poisoned*: what is durable is no longer
/// known, so every later call fails, and only a new start, which reads the disk, can tell. A failed
/// sync is never tried again.
#[derive(Debug)]
pub struct Wal<D: Disk> {
    pub(super) disk: D,
    pub(super) options: WalOptions,
    pub(super) identity: Identity,
    pub(super) salts: Salts,
    pub(super) state: StateFile<D::File>,
    /// All segments, oldest first; the last one is the appender's.
    pub(super) segments: Vec<Segment>,
    pub(super) appender: Appender<D::File>,
    pub(super) spare: Option<Spare<D::File>>,
    pub(super) map: LogMap,
    pub(super) snapshot: SnapshotMeta,
    /// The segment whose record names the snapshot; 0 if none does.
    pub(super) snapshot_segment: u64,
    pub(super) commit: Index,
    pub(super) ticket: Ticket,
    pub(super) buffer: BatchBuffer,
    pub(super) reader: Reader<D::File>,
    pub(super) counters: Counters,
    pub(super) poison: Option<String>,
}

/// What a log did since it was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Syncs of segments that made batches durable: the price of writing.
    pub syncs: u64,
    /// Generations of the hard state that were written; each is one more sync.
    pub states: u64,
    /// Batches.
    pub batches: u64,
    /// Entries.
    pub entries: u64,
    /// Bytes of batches, padding included.
    pub bytes: u64,
    /// Segments that were begun.
    pub segments: u64,
}

/// What [`Wal::prepare_spare`] came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SpareStep {
    /// There is more to do: call again when idle.
    Working,
    /// The next segment is ready.
    Ready,
}

impl<D: Disk> Wal<D> {
    /// Makes writes durable, in the order given: all of them, when it returns. The answer is the
    /// ticket of the last one.
    ///
    /// This is where writes share a sync: the more of them come at once, the cheaper is each.
    ///
    /// The hard state has a file of its own, and it is synced *before* the entries are written.
    /// A crash in between leaves a newer term or vote than the entries: harmless, because nobody was
    /// told of either, a server may learn of a newer term at any time, and a vote counts only when
    /// it is sent, which waits for this call. The other order would leave entries of a term that the
    /// hard state does not know, and the server could vote twice in it.
    ///
    /// A write is one batch, so it is durable whole or not at all. Only one that is longer than a
    /// batch can be is split, behind its truncation and between entries; what is then left after a
    /// crash is what a leader could as well have sent in two messages.
    ///
    /// # Errors
    /// See [`WalError`].
    ///
    /// # Panics
    /// If there are no writes, or they do not continue the log, cut off what is committed, or are of a
    /// term that the hard state does not know, or a snapshot is older than the last one, or covers
    /// what is not in the log: the consensus core is wrong.
    pub fn write(&mut self, writes: &[Write]) -> Result<Ticket, WalError> {
        self.check_poison()?;
        let ticket = self.accept(writes)?;
        self.guarded(|wal| {
            if let Some(hard_state) = writes.iter().rev().find_map(|write| write.hard_state) {
                wal.write_hard_state(hard_state)?;
            }
            wal.append(writes)?;
            wal.sync()
        })?;
        self.ticket = ticket;
        Ok(ticket)
    }

    /// Notes how far the log is committed. The next batch carries it: after a restart everything
    /// up to there can be applied before a leader is heard.
    ///
    /// # Panics
    /// If the log does not reach so far.
    pub fn note_commit(&mut self, commit: Index) {
        assert!(commit <= self.map.last().index, "what is committed is in the log");
        self.commit = self.commit.max(commit);
    }

    /// To be called when no write has come for some milliseconds: if the last writes are durable and
    /// nothing on the disk says so, writes and syncs a mark that does. Then even damage to the very
    /// last batch cannot be mistaken for a write that a crash interrupted.
    ///
    /// # Errors
    /// See [`WalError`].
    pub fn idle(&mut self) -> Result<(), WalError> {
        self.check_poison()?;
        self.guarded(Self::mark)
    }

    /// Prepares the next segment, a few MiB at a time. To be called when idle, and also when
    /// [due](Self::is_spare_due): the write that fills a segment waits for what is left to do.
    ///
    /// # Errors
    /// See [`WalError`]. If there is no space, nothing is lost and nothing is poisoned: writes go on
    /// until the current segment is full.
    pub fn prepare_spare(&mut self) -> Result<SpareStep, WalError> {
        const BUDGET_BYTES: u64 = 4 << 20;
        self.check_poison()?;
        match self.advance_spare(BUDGET_BYTES) {
            Err(error) if error.kind == DiskErrorKind::Full => {
                // What is left of it does no harm: the next start removes it.
                if self.spare.take().is_some() {
                    self.guarded(|wal| Ok(wal.disk.remove(SPARE_TMP)?))?;
                }
                Err(WalError::Disk(error))
            }
            done => self.guarded(|_| Ok(done?)),
        }
    }

    /// Will the next segment be late unless [`Wal::prepare_spare`] is called between writes?
    pub fn is_spare_due(&self) -> bool {
        let used = self.appender.offset();
        self.spare.as_ref().is_none_or(|spare| spare.is_due(used))
    }

    /// Removes the segments that hold no entry behind `index` or behind the last snapshot; says how
    /// many. The segment that names the snapshot stays.
    ///
    /// # Errors
    /// See [`WalError`].
    pub fn purge(&mut self, index: Index) -> Result<usize, WalError> {
        self.check_poison()?;
        let index = index.min(self.snapshot.last_included.index);
        let needed = self.map.oldest_segment_after(index).unwrap_or(u64::MAX);
        let keep = needed.min(self.snapshot_segment);
        self.guarded(|wal| wal.remove_before(keep))
    }

    /// Ends in good order: the next start will take every missing byte for damage.
    ///
    /// # Errors
    /// See [`WalError`]. The log is as safe as after a crash.
    pub fn close(mut self) -> Result<D, WalError> {
        self.check_poison()?;
        self.mark()?;
        let closed = State { closed: true, ..self.state.current() };
        self.write_state(closed)?;
        Ok(self.disk)
    }

    /// The snapshots next to the log. The state in the one that the log begins with goes to `take`, part by
    /// part: it is worth nothing before this has returned, since it is checked up to its end. Nothing goes
    /// there if the log begins with none. To be called once, before anything else.
    ///
    /// # Errors
    /// [`OpenError::Snapshot`], or [`OpenError::Disk`].
    pub fn snapshots(&self, take: impl FnMut(&[u8])) -> Result<SnapshotStore<D::File>, OpenError> {
        let newest = self.snapshot.last_included;
        let cluster = self.identity.cluster;
        let snapshots =
            SnapshotStore::open(&self.disk, cluster, newest).map_err(OpenError::Disk)?;
        snapshots.load(&self.disk, newest, take)?;
        Ok(snapshots)
    }

    /// The disk.
    pub fn disk(&self) -> &D {
        &self.disk
    }

    /// Whose log this is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The first entry that can be read; the one after the last if the log is empty.
    pub fn first(&self) -> Index {
        self.map.first()
    }

    /// The last entry.
    pub fn last(&self) -> LogId {
        self.map.last()
    }

    /// What the log did so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How many segments there are.
    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    pub(super) fn check_poison(&self) -> Result<(), WalError> {
        match &self.poison {
            Some(why) => Err(WalError::Poisoned { why: why.clone() }),
            None => Ok(()),
        }
    }

    /// Any error in `step` is the log's last.
    pub(super) fn guarded<T>(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<T, WalError>,
    ) -> Result<T, WalError> {
        let result = step(self);
        if let Err(error) = &result {
            self.poison = Some(error.to_string());
        }
        result
    }

    /// Checks the writes before anything of them is written.
    fn accept(&self, writes: &[Write]) -> Result<Ticket, WalError> {
        let last = writes.last().expect("there is something to write");
        assert!(
            writes.first().is_some_and(|first| first.ticket > self.ticket)
                && writes.is_sorted_by(|before, after| before.ticket < after.ticket),
            "tickets are handed out in order"
        );
        let bytes_max = self.options.entry_bytes_max();
        let entries = writes.iter().filter_map(|write| write.append.as_ref());
        for entry in entries.flat_map(|append| append.entries.iter()) {
            let bytes = entry.payload.len_bytes();
            if bytes > bytes_max {
                return Err(WalError::TooLarge { id: entry.id, bytes, bytes_max });
            }
        }
        Ok(last.ticket)
    }
}
