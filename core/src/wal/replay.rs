//! What the records of the batches, one after the other, add up to.

use alloc::vec::Vec;

use super::batch::{BatchHeader, KNOWN_FLAGS};
use super::block::Unsupported;
use super::log_map::{Contradiction, LogMap};
use super::record::{Malformed, Record, RecordKind, Records};
use super::snapshot_body;
use crate::entry::LeaderTime;
use crate::membership::{Membership, MembershipRecord};
use crate::recovered::SnapshotMeta;
use crate::types::{Index, LogId};

/// The log as far as its batches were replayed.
#[derive(Clone, Debug)]
pub(super) struct Replay {
    pub(super) map: LogMap,
    pub(super) snapshot: SnapshotMeta,
    /// The memberships that entries say.
    pub(super) memberships: Vec<(Index, Membership)>,
    /// The segment whose record names the snapshot; 0 if none does.
    pub(super) snapshot_segment: u64,
    /// The highest commit index that a batch names.
    pub(super) commit: Index,
    /// The highest generation of the hard state that was seen.
    pub(super) generation: u64,
    pub(super) batches: u64,
    pub(super) records: u64,
}

/// Why a batch whose checksums are right cannot be replayed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ReplayError {
    Contradiction,
    Unsupported(Unsupported),
}

impl From<Contradiction> for ReplayError {
    fn from(_: Contradiction) -> Self {
        Self::Contradiction
    }
}

impl From<Malformed> for ReplayError {
    fn from(_: Malformed) -> Self {
        Self::Contradiction
    }
}

impl Replay {
    /// Nothing yet; `base` is what the oldest segment starts after.
    pub(super) fn after(base: LogId, genesis: Membership) -> Self {
        Self {
            map: LogMap::after(base),
            snapshot: SnapshotMeta::genesis(genesis),
            memberships: Vec::new(),
            snapshot_segment: 0,
            commit: Index(0),
            generation: 0,
            batches: 0,
            records: 0,
        }
    }

    /// One more batch.
    pub(super) fn apply(
        &mut self,
        segment: u64,
        offset: u64,
        bytes: u64,
        header: &BatchHeader,
        records: &[u8],
    ) -> Result<(), ReplayError> {
        let unknown = header.flags & !KNOWN_FLAGS;
        if unknown != 0 {
            return Err(ReplayError::Unsupported(Unsupported::Flags(u32::from(unknown))));
        }
        let mut count = 0;
        for record in Records::of(records) {
            self.apply_record(segment, &record?)?;
            count += 1;
        }
        let last = self.map.last();
        if count != header.records || last != header.last || last.index < header.commit {
            return Err(ReplayError::Contradiction);
        }
        let place = |number| u32::try_from(number).map_err(|_| ReplayError::Contradiction);
        self.map.place(segment, place(offset)?, place(bytes)?);
        self.commit = self.commit.max(header.commit);
        self.generation = self.generation.max(header.generation);
        self.batches += 1;
        self.records += u64::from(count);
        Ok(())
    }

    fn apply_record(&mut self, segment: u64, record: &Record<'_>) -> Result<(), ReplayError> {
        let id = record.header.id;
        let kind = kind_of(record)?;
        if !id.is_possible() {
            return Err(ReplayError::Contradiction);
        }
        match kind {
            RecordKind::Command | RecordKind::Noop => self.map.push(id)?,
            RecordKind::Time => {
                LeaderTime::parse(record.body).ok_or(Contradiction)?;
                self.map.push(id)?;
            }
            RecordKind::Membership => {
                let said = MembershipRecord::parse(record.body).ok_or(Contradiction)?;
                self.map.push(id)?;
                self.memberships.push((id.index, said.membership()));
            }
            RecordKind::Truncate => self.truncate(id)?,
            RecordKind::Filling => {}
            kind @ (RecordKind::Snapshot | RecordKind::Reset) => {
                let snapshot = snapshot_body::decode(id, record.body).ok_or(Contradiction)?;
                self.adopt(kind, id)?;
                self.snapshot = snapshot;
                self.snapshot_segment = segment;
                // Only what is committed goes into a snapshot.
                self.commit = self.commit.max(id.index);
            }
        }
        Ok(())
    }

    /// thesis 3.6.2: what is committed stays.
    fn truncate(&mut self, prev: LogId) -> Result<(), Contradiction> {
        if prev.index < self.commit || prev.index < self.snapshot.last_included.index {
            return Err(Contradiction);
        }
        self.map.truncate(prev)?;
        self.memberships.retain(|&(at, _)| at <= prev.index);
        Ok(())
    }

    fn adopt(&mut self, kind: RecordKind, id: LogId) -> Result<(), Contradiction> {
        if id.index < self.snapshot.last_included.index {
            return Err(Contradiction);
        }
        if kind == RecordKind::Reset {
            self.map.reset(id);
            self.memberships.clear();
            return Ok(());
        }
        // Of entries that were purged nothing is known.
        let known = self.map.has(id) || id.index < self.map.base().index;
        if known { Ok(()) } else { Err(Contradiction) }
    }
}

/// What a record says, if this version knows it.
pub(super) fn kind_of(record: &Record<'_>) -> Result<RecordKind, ReplayError> {
    let header = &record.header;
    let unsupported = if header.group != 0 {
        Unsupported::Group(header.group)
    } else if header.flags != 0 {
        Unsupported::Flags(u32::from(header.flags))
    } else {
        match RecordKind::of(header.kind) {
            Some(kind) => return Ok(kind),
            None => Unsupported::RecordKind(header.kind),
        }
    };
    Err(ReplayError::Unsupported(unsupported))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{NodeId, Term};
    use crate::wal::batch::{BatchBuffer, Stamp};
    use crate::wal::layout::BATCH_HEADER_BYTES;
    use alloc::vec::Vec;

    const SALT: u64 = 5;

    type Batch = (BatchHeader, Vec<u8>);
    type Record = (RecordKind, LogId);

    fn id(term: u64, index: u64) -> LogId {
        LogId { term: Term(term), index: Index(index) }
    }

    fn members() -> Membership {
        Membership::of_voters(NodeId::new(1)).expect("a membership")
    }

    /// A batch of these records, which leaves the log at `last`.
    fn batch(records: &[Record], last: LogId, commit: u64) -> Batch {
        let mut buffer = BatchBuffer::new();
        buffer.start(SALT, 0);
        let body = snapshot_body::encode(&SnapshotMeta::genesis(members()));
        for &(kind, id) in records {
            let is_snapshot = matches!(kind, RecordKind::Snapshot | RecordKind::Reset);
            buffer.push(kind, id, if is_snapshot { &body } else { b"" });
        }
        let commit = Index(commit);
        let stamp =
            Stamp { lsn: 1, synced_lsn: 0, chain: 0, commit, last, generation: 1, flags: 0 };
        let header = buffer.finish(stamp, 512);
        let stop = BATCH_HEADER_BYTES + header.record_bytes as usize;
        (header, buffer.as_slice()[BATCH_HEADER_BYTES..stop].to_vec())
    }

    fn apply(log: &mut Replay, batch: &Batch) -> Result<(), ReplayError> {
        log.apply(1, 8192, 512, &batch.0, &batch.1)
    }

    /// Three entries of term 1, committed up to the second.
    fn three() -> Replay {
        let mut log = Replay::after(LogId::ZERO, members());
        let entries = [id(1, 1), id(1, 2), id(1, 3)].map(|id| (RecordKind::Noop, id));
        assert_eq!(apply(&mut log, &batch(&entries, id(1, 3), 2)), Ok(()));
        log
    }

    #[test]
    fn records_that_contradict_the_log_are_refused() {
        use RecordKind::{Noop, Reset, Snapshot, Truncate};
        let contradictions: [(&[Record], LogId, u64, &str); 8] = [
            (&[(Truncate, id(1, 1))], id(1, 1), 1, "cuts off what is committed"),
            (&[(Truncate, id(2, 2))], id(2, 2), 2, "cuts at an unknown entry"),
            (&[(Noop, id(1, 5))], id(1, 5), 2, "leaves a gap"),
            (&[(Noop, id(0, 4))], id(0, 4), 2, "goes back in terms"),
            (&[(Noop, id(1, 4))], id(1, 5), 2, "ends elsewhere"),
            (&[(Noop, id(1, 4))], id(1, 4), 5, "is committed beyond its end"),
            (&[(Snapshot, id(1, 4))], id(1, 3), 2, "a snapshot of what is not there"),
            (&[(Snapshot, id(1, 3)), (Reset, id(1, 2))], id(1, 2), 2, "an older snapshot"),
        ];
        for (records, last, commit, why) in contradictions {
            let applied = apply(&mut three(), &batch(records, last, commit));
            assert_eq!(applied, Err(ReplayError::Contradiction), "{why}");
        }
        let impossible: [(&[Record], LogId, &str); 3] = [
            (&[(Noop, id(0, 1))], id(0, 1), "an entry of no term"),
            (&[(Reset, id(1, 0))], id(1, 0), "a term before the first entry"),
            (&[(Reset, id(0, 3))], id(0, 3), "a snapshot up to an entry of no term"),
        ];
        for (records, last, why) in impossible {
            let mut empty = Replay::after(LogId::ZERO, members());
            let applied = apply(&mut empty, &batch(records, last, 0));
            assert_eq!(applied, Err(ReplayError::Contradiction), "{why}");
        }
        let legal = [(Truncate, id(1, 2)), (Noop, id(2, 3)), (Snapshot, id(2, 3))];
        let mut log = three();
        assert_eq!(apply(&mut log, &batch(&legal, id(2, 3), 2)), Ok(()));
        assert_eq!((log.commit, log.snapshot.last_included), (Index(3), id(2, 3)));
    }

    /// FAULTS D30.
    #[test]
    fn what_is_not_known_is_not_called_a_contradiction() {
        let sound = batch(&[(RecordKind::Noop, id(1, 4))], id(1, 4), 2);
        let unknown = |change: &dyn Fn(&mut Batch)| {
            let mut batch = sound.clone();
            change(&mut batch);
            apply(&mut three(), &batch)
        };
        let unsupported = |what| Err(ReplayError::Unsupported(what));
        assert_eq!(unknown(&|_| {}), Ok(()));
        assert_eq!(unknown(&|batch| batch.0.flags |= 16), unsupported(Unsupported::Flags(16)));
        assert_eq!(unknown(&|batch| batch.1[24] = 3), unsupported(Unsupported::Group(3)));
        assert_eq!(unknown(&|batch| batch.1[28] = 9), unsupported(Unsupported::RecordKind(9)));
        assert_eq!(unknown(&|batch| batch.1[29] = 1), unsupported(Unsupported::Flags(1)));
    }

    #[test]
    fn no_bytes_panic() {
        let (header, records) =
            batch(&[(RecordKind::Noop, id(1, 4)), (RecordKind::Reset, id(1, 9))], id(1, 9), 2);
        for at in 0..records.len() {
            for value in [0, 1, 3, 4, 5, 0x7F, 0xFF] {
                let mut records = records.clone();
                records[at] = value;
                // Most are refused, some are not: a checksum would have caught them.
                let _: Result<(), ReplayError> = apply(&mut three(), &(header, records));
            }
        }
        for stop in 0..records.len() {
            let cut = (header, records[..stop].to_vec());
            assert_eq!(apply(&mut three(), &cut), Err(ReplayError::Contradiction), "{stop}");
        }
    }
}
