//! What the records of the batches, one after the other, add up to.

use super::batch::{BatchHeader, KNOWN_FLAGS};
use super::block::Unsupported;
use super::ident::decode_membership;
use super::log_map::{Contradiction, LogMap};
use super::record::{Malformed, Record, RecordKind, Records};
use crate::membership::Membership;
use crate::recovered::SnapshotMeta;
use crate::types::{Index, LogId};

/// The log as far as its batches were replayed.
#[derive(Clone, Debug)]
pub(super) struct Replay {
    pub(super) map: LogMap,
    pub(super) snapshot: SnapshotMeta,
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
            snapshot: SnapshotMeta { last_included: LogId::ZERO, membership: genesis },
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
        if count != header.records || self.map.last() != header.last {
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
        match kind_of(record)? {
            RecordKind::Command | RecordKind::Noop => self.map.push(id)?,
            RecordKind::Truncate => self.truncate(id)?,
            kind @ (RecordKind::Snapshot | RecordKind::Reset) => {
                let membership = decode_membership(record.body).ok_or(Contradiction)?;
                self.adopt(kind, id)?;
                self.snapshot = SnapshotMeta { last_included: id, membership };
                self.snapshot_segment = segment;
            }
        }
        Ok(())
    }

    /// thesis 3.6.2: what is committed stays.
    fn truncate(&mut self, prev: LogId) -> Result<(), Contradiction> {
        if prev.index < self.commit || prev.index < self.snapshot.last_included.index {
            return Err(Contradiction);
        }
        self.map.truncate(prev)
    }

    fn adopt(&mut self, kind: RecordKind, id: LogId) -> Result<(), Contradiction> {
        if id.index < self.snapshot.last_included.index {
            return Err(Contradiction);
        }
        if kind == RecordKind::Reset {
            self.map.reset(id);
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
