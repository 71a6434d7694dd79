//! Opening a log: what recovery decided, carried out.

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
use crate::recovered::Recovered;
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
        let mut spare = Spare::create(&disk, options.segment_bytes)?;
        spare.advance(&disk, u64::MAX)?;
        let (name, file) = spare.into_segment(&disk, &header)?;
        let mut state = StateFile::open(&disk, found.ident.identity, found.state)?;
        state.write(&disk, next_state(&found, &header))?;
        trim(&disk, &found.segments)?;

        let Examined { ident, mut segments, log, report, .. } = found;
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
        let recovered = wal.recovered()?;
        let boot_epoch = wal.state.current().boot_epoch;
        let opened = Opened { ident, boot_epoch, recovered, commit: wal.commit, report };
        Ok((wal, opened))
    }

    fn recovered(&mut self) -> Result<Recovered, OpenError> {
        let base = self.snapshot.last_included.index;
        let tail = match self.read_tail(self.options.tail_bytes_max) {
            Ok(tail) => tail.from(following(base)),
            Err(WalError::Damaged(damage)) => return Err(OpenError::Damaged(damage)),
            Err(WalError::Disk(error)) => return Err(OpenError::Disk(error)),
            Err(error) => unreachable!("a read of what is in the log: {error}"),
        };
        // The log starts after the snapshot, perhaps in the middle of a term.
        let first = self.map.id(following(base));
        let later = self.map.starts().iter().copied().filter(|start| start.index > following(base));
        let recovered = Recovered {
            hard_state: self.state.current().hard_state,
            snapshot: self.snapshot.clone(),
            term_starts: first.into_iter().chain(later).collect(),
            last: self.map.last(),
            tail,
        };
        assert!(recovered.check().is_ok(), "recovery has checked all of it: {recovered:?}");
        Ok(recovered)
    }
}

/// Looks at a directory as [`Wal::open`] would, and changes nothing: for `quorate wal verify`.
///
/// # Errors
/// See [`OpenError`]: what would keep the log from being opened.
pub fn verify<D: Disk>(disk: &D) -> Result<Report, OpenError> {
    examine(disk).map(|found| found.report)
}

fn next_header(
    found: &Examined,
    options: &WalOptions,
    salt: u64,
) -> Result<SegmentHeader, OpenError> {
    let newest = found.segments.last();
    // The highest numbers stay free, for the seal.
    if found.lsn >= u64::MAX - 2 {
        return Err(OpenError::Exhausted);
    }
    let seq = newest.map_or(0, |segment| segment.seq).checked_add(1);
    Ok(SegmentHeader {
        identity: found.ident.identity,
        align: options.align_bytes,
        seq: seq.ok_or(OpenError::Exhausted)?,
        salt,
        bytes: options.segment_bytes,
        first_lsn: found.lsn,
        base: found.log.map.last(),
        boot_epoch: found.state.boot_epoch + 1,
        generation: found.state.generation,
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
