//! Opening a log: what recovery decided, carried out.

use alloc::vec::Vec;

use super::appender::Appender;
use super::batch::BatchBuffer;
use super::chain::Salts;
use super::disk::Disk;
use super::error::WalError;
use super::ident::Ident;
use super::layout::{BATCHES_OFFSET, following};
use super::options::WalOptions;
use super::reader::Reader;
use super::recover::{Examined, Report, Segment, examine, sync_all};
use super::refusal::OpenError;
use super::segment::SegmentHeader;
use super::spare::Spare;
use super::state::{State, StateFile};
use super::writer::{Counters, Wal};
use crate::membership::Membership;
use crate::recovered::Recovered;
use crate::snapshot::read_whole;
use crate::types::{Index, Ticket};

/// What a log was found to hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opened {
    /// Whose log it is.
    pub ident: Ident,
    /// Counts the starts of this directory: a peer that has seen a higher one knows that an old
    /// copy was put back.
    pub boot_epoch: u64,
    /// For [`Raft::new`](crate::Raft::new).
    pub recovered: Recovered,
    /// Everything up to here is committed, whatever a leader says.
    pub commit: Index,
    /// What recovery found and did.
    pub report: Report,
}

impl<D: Disk> Wal<D> {
    /// Opens the log of a formatted directory.
    ///
    /// Whatever was acknowledged is there afterwards, or the answer is an error; a write that was
    /// under way when the machine went down is there whole or not at all, and is cut off without
    /// ado. Nothing is changed before everything was read and found in order, and a crash while
    /// opening leaves the same log. `seed` must be drawn at random for every start: it makes the
    /// salts that tell this run's bytes from those of all others.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(disk: D, options: WalOptions, seed: u64) -> Result<(Self, Opened), OpenError> {
        options.check()?;
        sync_all(&disk)?;
        let found = examine(&disk)?;
        for name in &found.temporaries {
            disk.remove(name)?;
        }
        // First gives back space, then takes some: starts that fail again and again must not fill
        // the disk.
        trim(&disk, &found.segments[..found.segments.len().saturating_sub(1)])?;
        let mut salts = Salts::new(seed);
        let header = next_header(&found, &options, salts.draw())?;
        let mut spare = Spare::create(&disk, header.bytes)?;
        spare.advance(&disk, u64::MAX)?;
        let (name, file) = spare.into_segment(&disk, &header)?;
        let mut state = StateFile::open(&disk, found.ident.identity, found.state)?;
        state.write(&disk, next_state(&found, &header))?;
        trim(&disk, &found.segments)?;

        let Examined { ident, mut segments, log, report, .. } = found;
        let memberships = log.memberships;
        segments.push(Segment { seq: header.seq, name, salt: header.salt, stop: BATCHES_OFFSET });
        let mut wal = Self {
            disk,
            options,
            identity: ident.identity,
            salts,
            state,
            segments,
            appender: Appender::new(file, header),
            spare: None,
            map: log.map,
            snapshot: log.snapshot,
            snapshot_segment: log.snapshot_segment,
            commit: log.commit,
            ticket: Ticket(0),
            buffer: BatchBuffer::new(),
            reader: Reader::new(),
            counters: Counters::default(),
            poison: None,
        };
        let recovered = wal.recovered(memberships)?;
        let boot_epoch = wal.state.current().boot_epoch;
        let opened = Opened { ident, boot_epoch, recovered, commit: wal.commit, report };
        Ok((wal, opened))
    }

    fn recovered(
        &mut self,
        mut memberships: Vec<(Index, Membership)>,
    ) -> Result<Recovered, OpenError> {
        let covered = self.snapshot.last_included.index;
        memberships.retain(|&(at, _)| at > covered);
        let first = self.map.first().min(following(covered));
        let base = self.map.id(first.prev()).expect("nothing is missing after the snapshot");
        let tail = match self.read_tail(self.options.tail_bytes_max) {
            Ok(tail) => tail.from(first),
            Err(WalError::Damaged(damage)) => return Err(OpenError::Damaged(*damage)),
            Err(WalError::Disk(error)) => return Err(OpenError::Disk(error)),
            Err(error) => unreachable!("a read of what is in the log: {error}"),
        };
        // The log may start in the middle of a term.
        let later = self.map.starts().iter().copied().filter(|start| start.index > first);
        let first = self.map.id(first);
        let recovered = Recovered {
            hard_state: self.state.current().hard_state,
            snapshot: self.snapshot.clone(),
            base,
            term_starts: first.into_iter().chain(later).collect(),
            memberships,
            last: self.map.last(),
            tail,
        };
        assert!(recovered.check().is_ok(), "recovery has checked all of it: {recovered:?}");
        Ok(recovered)
    }
}

/// Looks at a directory as [`Wal::open`] and [`Wal::snapshots`] would, and changes nothing: for
/// `quorate wal verify`.
///
/// # Errors
/// See [`OpenError`]: what would keep the log from being opened.
pub fn verify<D: Disk>(disk: &D) -> Result<Report, OpenError> {
    let found = examine(disk)?;
    let (cluster, newest) = (found.ident.identity.cluster, found.log.snapshot.last_included);
    read_whole(disk, cluster, newest, |_| {})?;
    Ok(found.report)
}

fn next_header(
    found: &Examined,
    options: &WalOptions,
    salt: u64,
) -> Result<SegmentHeader, OpenError> {
    let newest = found.segments.last();
    let seq = newest.map_or(0, |segment| segment.seq);
    // No run counts so far that it gets from here to the end.
    const NUMBER_MAX: u64 = 1 << 63;
    let State { generation, boot_epoch, .. } = found.state;
    let last = found.log.map.last().index.0;
    if [found.lsn, seq, generation, boot_epoch, last].into_iter().any(|it| it > NUMBER_MAX) {
        return Err(OpenError::Exhausted);
    }
    Ok(SegmentHeader {
        identity: found.ident.identity,
        align: options.align_bytes,
        seq: seq + 1,
        salt,
        bytes: options.segment_bytes_after(None),
        first_lsn: found.lsn,
        base: found.log.map.last(),
        boot_epoch: boot_epoch + 1,
        generation,
        prev_end: newest.map_or(0, |segment| segment.stop),
        chain: found.chain,
    })
}

/// Everything that was found is durable by now, and has a header that says so.
fn next_state(found: &Examined, header: &SegmentHeader) -> State {
    State {
        generation: found.state.generation,
        boot_epoch: header.boot_epoch,
        hard_state: found.state.hard_state,
        durable_lsn: header.first_lsn - 1,
        segment_seq: header.seq,
        closed: false,
    }
}

/// Gives back what lies behind the end of segments whose successors declare that end.
fn trim<D: Disk>(disk: &D, segments: &[Segment]) -> Result<(), OpenError> {
    for segment in segments {
        let file = disk.open(&segment.name)?;
        if disk.length(&file)? > segment.stop {
            disk.set_length(&file, segment.stop)?;
            disk.sync(&file)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membership::Membership;
    use crate::types::{ClusterId, Incarnation, LogId, NodeId};
    use crate::wal::mem::MemDisk;
    use crate::wal::{Identity, format};
    use crate::wal::{Row, layout, segment};

    /// A directory whose only segment has these numbers.
    fn disk_at(seq: u64, first_lsn: u64) -> MemDisk {
        let disk = MemDisk::new();
        let node = NodeId::new(1).expect("not zero");
        let identity = Identity { cluster: ClusterId(1), node, incarnation: Incarnation(1) };
        let genesis = Membership::of_voters([node]).expect("a membership");
        format(&disk, &identity, 0, &genesis).expect("formatted");
        let header = SegmentHeader {
            identity,
            align: 4096,
            seq,
            salt: 1,
            bytes: 64 << 10,
            first_lsn,
            base: LogId::ZERO,
            boot_epoch: 0,
            generation: 1,
            prev_end: 0,
            chain: 0,
        };
        let file = disk.create(&layout::segment_name(seq, Index(1))).expect("created");
        disk.set_length(&file, header.bytes).expect("extended");
        segment::write(&disk, &file, &header).expect("written");
        disk
    }

    /// FAULTS W27.
    #[test]
    fn numbers_near_the_end_of_u64_are_refused() {
        let options = WalOptions { segment_bytes: 64 << 10, ..WalOptions::DEFAULT };
        let open = |seq, lsn| Wal::open(disk_at(seq, lsn), options, 1).map(|_| ());
        assert_eq!(open(2, 1 << 63), Ok(()));
        assert_eq!(open(1 << 63, 5), Ok(()));
        for (seq, lsn) in [(2, u64::MAX), (2, (1 << 63) + 1), (u64::MAX, 5), (u64::MAX, u64::MAX)] {
            assert_eq!(open(seq, lsn), Err(OpenError::Exhausted), "segment {seq}, batch {lsn}");
        }
        for (seq, lsn) in [(0, 5), (2, 0), (0, 0)] {
            let damaged = open(seq, lsn);
            let Err(OpenError::Damaged(damage)) = damaged else { panic!("{damaged:?}") };
            assert_eq!(damage.row, Row::WrongHeader, "segment {seq}, batch {lsn}");
        }
    }
}
