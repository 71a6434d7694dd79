//! Entries back from the disk.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use super::batch::BatchHeader;
use super::disk::{Disk, DiskError};
use super::error::WalError;
use super::layout::{BATCH_HEADER_BYTES, RECORD_HEADER_BYTES, checksum_seed};
use super::log_map::BatchRef;
use super::record::{RecordKind, Records};
use super::recover::Segment;
use super::refusal::Damage;
use super::replay::kind_of;
use super::verdict::Row;
use super::writer::Wal;
use crate::crc32c::crc32c_append;
use crate::entry::{Entries, Entry, LeaderTime, Payload, System};
use crate::membership::MembershipRecord;
use crate::types::{Index, LogId};

/// The file that was read last: reads come in runs.
#[derive(Debug)]
pub(super) struct Reader<F> {
    open: Option<(u64, F)>,
}

impl<F> Reader<F> {
    pub(super) fn new() -> Self {
        Self { open: None }
    }

    /// Lets go of the file, so that a purge gives its space back.
    pub(super) fn close(&mut self) {
        self.open = None;
    }

    /// The bytes of a batch, as the disk has them.
    fn fetch<D: Disk<File = F>>(
        &mut self,
        disk: &D,
        segment: &Segment,
        batch: BatchRef,
    ) -> Result<Bytes, DiskError> {
        let file = match self.open.take() {
            Some((seq, file)) if seq == segment.seq => file,
            _ => disk.open(&segment.name)?,
        };
        let mut bytes = vec![0; batch.bytes as usize];
        let read = disk.read_at(&file, u64::from(batch.offset), &mut bytes);
        self.open = Some((segment.seq, file));
        read.map(|()| Bytes::from(bytes))
    }
}

impl<D: Disk> Wal<D> {
    /// The entries from `first` on, at least one, and no more than cost about `bytes_max` (see
    /// [`Entry::cost_bytes`]). Checked, so that damage never leaves this server.
    ///
    /// Commands are slices of the batches that were read. What the answer keeps in memory is thus
    /// at most `bytes_max` and two batches.
    ///
    /// # Errors
    /// See [`WalError`]; a failed read does not poison the log.
    pub fn read(&mut self, first: Index, bytes_max: u64) -> Result<Entries, WalError> {
        self.check_poison()?;
        let (held, last) = (self.map.first(), self.map.last().index);
        if first < held || first > last {
            return Err(WalError::NotInLog { index: first, first: held, last });
        }
        let mut entries = Vec::new();
        let mut cost = 0;
        for (batch, until) in self.map.batches_from(first) {
            let found = load(&self.disk, &mut self.reader, &self.segments, batch)?;
            for entry in found {
                if entry.id.index < first || entry.id.index > until {
                    continue;
                }
                cost += entry.cost_bytes();
                if cost > bytes_max && !entries.is_empty() {
                    return Ok(run(entries));
                }
                entries.push(entry);
            }
            if cost >= bytes_max {
                break;
            }
        }
        Ok(run(entries))
    }

    /// The newest entries, no more than cost `bytes_max`; none if the newest alone costs more.
    pub(super) fn read_tail(&mut self, bytes_max: u64) -> Result<Entries, WalError> {
        let mut newest_first = Vec::new();
        let mut cost = 0;
        let all = self.map.batches_from(Index(0));
        'batches: for (batch, until) in all.rev() {
            let found = load(&self.disk, &mut self.reader, &self.segments, batch)?;
            for entry in found.into_iter().rev() {
                if entry.id.index > until {
                    continue;
                }
                cost += entry.cost_bytes();
                if cost > bytes_max {
                    break 'batches;
                }
                newest_first.push(entry);
            }
        }
        newest_first.reverse();
        Ok(run(newest_first))
    }
}

fn run(entries: Vec<Entry>) -> Entries {
    Entries::new(entries).expect("batches that were checked hold runs of entries")
}

/// The entries that a batch leaves in the log, those that later batches replace included.
fn load<D: Disk>(
    disk: &D,
    reader: &mut Reader<D::File>,
    segments: &[Segment],
    batch: BatchRef,
) -> Result<Vec<Entry>, WalError> {
    let at = segments.binary_search_by_key(&batch.segment, |segment| segment.seq);
    let segment = &segments[at.expect("a batch stands in a segment that is there")];
    let bytes = reader.fetch(disk, segment, batch)?;
    decode(&bytes, checksum_seed(segment.salt)).ok_or_else(|| {
        let after = LogId { index: batch.first.prev(), ..LogId::ZERO };
        let (file, offset) = (segment.name.clone(), u64::from(batch.offset));
        let (up_to, hole) = (None, None);
        let damage = Damage { row: Row::Promised, file, offset, lsn: 0, after, up_to, hole };
        WalError::Damaged(Box::new(damage))
    })
}

fn decode(bytes: &Bytes, seed: u32) -> Option<Vec<Entry>> {
    let header = BatchHeader::decode(bytes, seed)?;
    let stop = usize::try_from(header.used_bytes()).ok()?;
    let records = bytes.get(BATCH_HEADER_BYTES..stop)?;
    if crc32c_append(seed, records) != header.body_crc {
        return None;
    }
    let most = records.len() / RECORD_HEADER_BYTES;
    let mut entries: Vec<Entry> = Vec::with_capacity(most.min(header.records as usize));
    for record in Records::of(records) {
        let record = record.ok()?;
        let id = record.header.id;
        let payload = match kind_of(&record).ok()? {
            RecordKind::Noop => Payload::NOOP,
            RecordKind::Command => {
                let from = BATCH_HEADER_BYTES + record.body_at;
                Payload::Command(bytes.slice(from..from + record.body.len()))
            }
            RecordKind::Membership => {
                Payload::System(System::Membership(MembershipRecord::parse(record.body)?))
            }
            RecordKind::Time => Payload::System(System::Time(LeaderTime::parse(record.body)?)),
            RecordKind::Truncate => {
                entries.retain(|entry| entry.id.index <= id.index);
                continue;
            }
            RecordKind::Reset => {
                entries.clear();
                continue;
            }
            RecordKind::Snapshot | RecordKind::Filling => continue,
        };
        entries.push(Entry { id, payload });
    }
    Some(entries)
}
