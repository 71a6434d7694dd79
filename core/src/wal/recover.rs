//! Reading a directory: everything is looked at, and decided, before anything is changed.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::batch::SEAL;
use super::block::BlockError;
use super::disk::{Disk, DiskError, DiskErrorKind};
use super::ident::{Ident, IdentError, read_ident};
use super::layout::{
    BATCHES_OFFSET, IDENT, STATE, TEMPORARIES, following, parse_segment_name, segment_name,
};
use super::mend::{Edge, Hole};
use super::refusal::{Damage, OpenError};
use super::replay::{Replay, ReplayError};
use super::scan::{Beyond, Cursor, Flaw, Found, Window, look_beyond};
use super::segment::{self, SegmentHeader};
use super::state::{self, State};
use super::verdict::{Evidence, Row, Verdict};
use crate::types::{Index, LogId};

/// What recovery found and did, for people and for metrics.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The row of the decision table that says how the log ends.
    pub row: Row,
    /// How many segments there are.
    pub segments: u64,
    /// How many batches they hold, whatever became of their entries.
    pub batches: u64,
    /// The number of the last one, counted from the first start on; 0 if there is none.
    pub lsn: u64,
    /// How many records these batches hold.
    pub records: u64,
    /// The log was closed in good order.
    pub closed: bool,
    /// What was cut off: writes that were under way at the end, and that nobody was told of.
    pub cut: Option<Cut>,
    /// Copies of headers and of the hard state that were bad, and have a good twin.
    pub bad_copies: u32,
}

/// A tail that is no part of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cut {
    /// The segment.
    pub file: String,
    /// Where the log ends in it.
    pub offset: u64,
    /// The batch that should have come there.
    pub lsn: u64,
    /// How many bytes from there on are not blank.
    pub bytes: u64,
    /// How many headers of later batches there are.
    pub later: u64,
}

/// A directory that can be started from.
pub(super) struct Examined {
    pub(super) ident: Ident,
    pub(super) state: State,
    pub(super) segments: Vec<Segment>,
    pub(super) log: Replay,
    /// The next batch.
    pub(super) lsn: u64,
    /// The chain up to the last batch.
    pub(super) chain: u64,
    pub(super) temporaries: Vec<String>,
    pub(super) report: Report,
}

/// A segment that is part of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Segment {
    pub(super) seq: u64,
    pub(super) name: String,
    pub(super) salt: u64,
    /// Where its last valid batch ends.
    pub(super) stop: u64,
}

/// Makes durable whatever is there: what recovery reads must not vanish later, because it is
/// going to be acknowledged. A killed process leaves such writes behind.
pub(super) fn sync_all<D: Disk>(disk: &D) -> Result<(), DiskError> {
    for name in disk.list()? {
        if name == IDENT || name == STATE || parse_segment_name(&name).is_some() {
            disk.sync(&disk.open(&name)?)?;
        }
    }
    disk.sync_dir()
}

/// Reads everything and changes nothing.
pub(super) fn examine<D: Disk>(disk: &D) -> Result<Examined, OpenError> {
    let names = disk.list()?;
    let ident = match read_ident(disk) {
        Err(IdentError::NotFormatted) => return Err(without_ident(disk, &names)?),
        ident => ident?,
    };
    let (state, bad_slots) = state::read(disk, &ident.identity)?;
    let headers = read_headers(disk, &names, &ident, &state)?;

    let mut walk = Walk::start(disk, &ident, &headers);
    let mut row = Row::End;
    for (at, held) in headers.iter().enumerate() {
        match headers.get(at + 1) {
            Some(next) => walk.closed_segment(held, &next.header)?,
            None => row = walk.last_segment(held, state.durable_lsn)?,
        }
    }
    let Walk { log, lsn, chain, segments, cut, .. } = walk;
    if log.generation > state.generation {
        let (found, seen) = (state.generation, log.generation);
        return Err(OpenError::HardStateOld { found, seen });
    }
    let snapshot = log.snapshot.last_included;
    if log.map.first() > following(snapshot.index) {
        return Err(OpenError::Gap { snapshot, first: log.map.first() });
    }
    if log.map.last().term > state.hard_state.term {
        return Err(OpenError::TermBehindLog { last: log.map.last() });
    }
    let report = Report {
        row,
        segments: segments.len() as u64,
        batches: log.batches,
        lsn: lsn - 1,
        records: log.records,
        closed: state.closed,
        cut,
        bad_copies: bad_slots + headers.iter().map(|held| held.bad_copies).sum::<u32>(),
    };
    let temporaries =
        names.into_iter().filter(|name| TEMPORARIES.contains(&name.as_str())).collect();
    Ok(Examined { ident, state, segments, log, lsn, chain, temporaries, report })
}

/// A directory without identity is one that was never finished, unless data say otherwise.
fn without_ident<D: Disk>(disk: &D, names: &[String]) -> Result<OpenError, DiskError> {
    if let Some(file) = names.iter().find(|name| parse_segment_name(name).is_some()) {
        return Ok(OpenError::IdentLost { file: file.clone() });
    }
    let in_use = names.iter().any(|name| name == STATE) && !state::is_untouched(disk)?;
    Ok(if in_use { OpenError::IdentLost { file: STATE.into() } } else { OpenError::NotFormatted })
}

struct Held {
    name: String,
    header: SegmentHeader,
    bad_copies: u32,
    length: u64,
}

/// The headers of all segments, oldest first; none is missing and all belong here.
fn read_headers<D: Disk>(
    disk: &D,
    names: &[String],
    ident: &Ident,
    state: &State,
) -> Result<Vec<Held>, OpenError> {
    let mut found: Vec<_> = names
        .iter()
        .filter_map(|name| parse_segment_name(name).map(|(seq, first)| (seq, first, name)))
        .collect();
    found.sort_unstable();
    let newest = found.last().map_or(0, |&(seq, ..)| seq);
    if newest < state.segment_seq {
        let name = segment_name(state.segment_seq, Index(0));
        return Err(misfit(Row::SegmentMissing, &name));
    }
    for pair in found.windows(2) {
        let ((seq, ..), (next, _, name)) = (pair[0], pair[1]);
        if seq == next {
            return Err(misfit(Row::Misplaced, name));
        }
        if seq + 1 != next {
            return Err(misfit(Row::SegmentMissing, &segment_name(seq + 1, Index(0))));
        }
    }
    let read = |&(seq, first, name): &(u64, Index, &String)| {
        let held = read_header(disk, name, ident)?;
        let named = held.header.seq == seq && following(held.header.base.index) == first;
        if named { Ok(held) } else { Err(misfit(Row::Misplaced, name)) }
    };
    let headers: Vec<_> = found.iter().map(read).collect::<Result<_, _>>()?;
    if let Some(last) = headers.last() {
        // A segment has its full length before it has its name, and is cut to size only after it
        // has a successor.
        if last.length < last.header.bytes {
            return Err(misfit(Row::SegmentMissing, &last.name));
        }
    }
    Ok(headers)
}

fn read_header<D: Disk>(disk: &D, name: &str, ident: &Ident) -> Result<Held, OpenError> {
    let file = disk.open(name)?;
    let length = disk.length(&file)?;
    let header = segment::read(disk, &file, length).map_err(|error| unreadable(error, name))?;
    let (header, bad_copies) = match header {
        Ok(header) => header,
        Err(BlockError::Unsupported(what)) => {
            return Err(OpenError::Unsupported { file: name.into(), what });
        }
        Err(BlockError::Blank | BlockError::Damaged) => return Err(misfit(Row::WrongHeader, name)),
    };
    if header.identity != ident.identity {
        return Err(OpenError::Foreign { file: name.into(), owner: header.identity });
    }
    Ok(Held { name: name.into(), header, bad_copies, length })
}

/// Damage of a whole segment, before any entry is known.
fn misfit(row: Row, file: &str) -> OpenError {
    let file = String::from(file);
    Damage { row, file, offset: 0, lsn: 0, after: LogId::ZERO, up_to: None, hole: None }.into()
}

fn unreadable(error: DiskError, file: &str) -> OpenError {
    match error.kind {
        DiskErrorKind::Io => misfit(Row::Unreadable, file),
        _ => error.into(),
    }
}

/// From the oldest batch to the newest.
struct Walk<'d, D: Disk> {
    disk: &'d D,
    log: Replay,
    /// The next batch, and the chain before it.
    lsn: u64,
    chain: u64,
    segments: Vec<Segment>,
    cut: Option<Cut>,
}

impl<'d, D: Disk> Walk<'d, D> {
    fn start(disk: &'d D, ident: &Ident, headers: &[Held]) -> Self {
        let genesis = ident.genesis.clone();
        // The oldest segment's header is believed: the one before it was purged, or never was.
        let (base, lsn, chain) = match headers.first().map(|held| &held.header) {
            Some(oldest) => (oldest.base, oldest.first_lsn, oldest.chain),
            None => (LogId::ZERO, 1, 0),
        };
        let log = Replay::after(base, genesis);
        Self { disk, log, lsn, chain, segments: Vec::new(), cut: None }
    }

    /// A segment with a successor, which says where it ends: all of it was durable.
    fn closed_segment(&mut self, held: &Held, next: &SegmentHeader) -> Result<(), OpenError> {
        let file = self.disk.open(&held.name)?;
        let mut window = Window::over(self.disk, &file, held.length);
        let mut cursor = self.enter(held);
        let flaw = self.replay(held, &mut cursor, &mut window, next.prev_end)?;
        let ends_there = cursor.offset == next.prev_end
            && cursor.lsn == next.first_lsn
            && cursor.chain == next.chain
            && self.log.map.last() == next.base;
        if !ends_there {
            let stop = next.prev_end.min(held.length);
            let beyond = look_beyond(&cursor, &mut window, stop)
                .map_err(|error| self.unreadable(error, held, &cursor))?;
            let up_to = up_to(flaw, &beyond).or(Some(next.base));
            let row = if flaw.is_some() { Row::Promised } else { Row::Misplaced };
            let edge = beyond
                .next
                .map_or(Edge::Segment(next), |(offset, header)| Edge::Batch(offset, header));
            let hole = self.hole(held, &cursor, &mut window, edge);
            return Err(self.damage(row, held, &cursor, (up_to, hole)));
        }
        self.leave(held, &cursor);
        Ok(())
    }

    /// The newest segment: here the log ends, and the question is why.
    fn last_segment(&mut self, held: &Held, promise: u64) -> Result<Row, OpenError> {
        let file = self.disk.open(&held.name)?;
        let mut window = Window::over(self.disk, &file, held.length);
        let mut cursor = self.enter(held);
        let flaw = self.replay(held, &mut cursor, &mut window, u64::MAX)?;
        let beyond = look_beyond(&cursor, &mut window, held.length)
            .map_err(|error| self.unreadable(error, held, &cursor))?;
        let evidence = Evidence { lsn: cursor.lsn, flaw, beyond, promise };
        match evidence.weigh() {
            Verdict::Refuse(row) => {
                let next = beyond.next.map(|(offset, header)| Edge::Batch(offset, header));
                let is_last = promise.max(beyond.promise) <= cursor.lsn;
                let edge = match flaw {
                    Some(Flaw::WrongRecords(header) | Flaw::SectorsMissing(header)) if is_last => {
                        next.or(Some(Edge::Header(header)))
                    }
                    _ => next,
                };
                let hole = edge.and_then(|edge| self.hole(held, &cursor, &mut window, edge));
                Err(self.damage(row, held, &cursor, (up_to(flaw, &beyond), hole)))
            }
            Verdict::EndsHere(row) => {
                self.cut = (beyond.debris_bytes > 0).then(|| Cut {
                    file: held.name.clone(),
                    offset: cursor.offset,
                    lsn: cursor.lsn,
                    bytes: beyond.debris_bytes,
                    later: beyond.later,
                });
                self.leave(held, &cursor);
                Ok(row)
            }
        }
    }

    /// The segment continues where the one before it ended: that was checked when it ended.
    fn enter(&mut self, held: &Held) -> Cursor {
        let header = &held.header;
        assert!(header.first_lsn == self.lsn && header.chain == self.chain, "one chain");
        self.log.generation = self.log.generation.max(header.generation);
        Cursor::at_start(header, BATCHES_OFFSET)
    }

    /// Replays the batches up to `stop`, a seal or a flaw; `None` unless it is a flaw.
    fn replay(
        &mut self,
        held: &Held,
        cursor: &mut Cursor,
        window: &mut Window<'_, D>,
        stop: u64,
    ) -> Result<Option<Flaw>, OpenError> {
        while cursor.offset < stop {
            let (before, after) = (*cursor, self.log.map.last());
            let (header, offset, records) = match cursor.next(window) {
                Err(error) => return Err(self.unreadable(error, held, &before)),
                Ok(Found::Not(flaw)) => return Ok(Some(flaw)),
                Ok(Found::Batch { header, offset, records }) => (header, offset, records),
            };
            let bytes = header.file_bytes(held.header.align);
            let applied = self.log.apply(held.header.seq, offset, bytes, &header, records);
            match applied {
                Ok(()) if header.flags & SEAL != 0 => return Ok(None),
                Ok(()) => {}
                Err(ReplayError::Unsupported(what)) => {
                    return Err(OpenError::Unsupported { file: held.name.clone(), what });
                }
                Err(ReplayError::Contradiction) => {
                    return Err(OpenError::Damaged(Damage {
                        row: Row::Misplaced,
                        file: held.name.clone(),
                        offset,
                        lsn: before.lsn,
                        after,
                        up_to: Some(header.last),
                        hole: None,
                    }));
                }
            }
        }
        Ok(None)
    }

    fn leave(&mut self, held: &Held, cursor: &Cursor) {
        (self.lsn, self.chain) = (cursor.lsn, cursor.chain);
        self.segments.push(Segment {
            seq: held.header.seq,
            name: held.name.clone(),
            salt: held.header.salt,
            stop: cursor.offset,
        });
    }

    fn hole(
        &self,
        held: &Held,
        cursor: &Cursor,
        window: &mut Window<'_, D>,
        edge: Edge<'_>,
    ) -> Option<Hole> {
        Hole::find((&held.name, held.header.salt), &self.log, cursor, window, edge)
    }

    fn damage(
        &self,
        row: Row,
        held: &Held,
        cursor: &Cursor,
        (up_to, hole): (Option<LogId>, Option<Hole>),
    ) -> OpenError {
        let (file, after) = (held.name.clone(), self.log.map.last());
        let (offset, lsn, hole) = (cursor.offset, cursor.lsn, hole.map(Box::new));
        Damage { row, file, offset, lsn, after, up_to, hole }.into()
    }

    fn unreadable(&self, error: DiskError, held: &Held, cursor: &Cursor) -> OpenError {
        match error.kind {
            DiskErrorKind::Io => self.damage(Row::Unreadable, held, cursor, (None, None)),
            _ => error.into(),
        }
    }
}

/// The first entry behind the damage that a header names.
fn up_to(flaw: Option<Flaw>, beyond: &Beyond) -> Option<LogId> {
    match flaw {
        Some(Flaw::SectorsMissing(header) | Flaw::WrongRecords(header)) => Some(header.last),
        _ => beyond.next.map(|(_, header)| header.last),
    }
}
