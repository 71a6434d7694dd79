//! Places of the medium that something may happen to.

use std::ops::Range;

use super::fault::Files;
use super::file::{File, SECTOR};
use super::media::Media;

/// A kind of place. Only sectors that hold something count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// Anywhere in these files.
    In(Files),
    /// The header of a segment, one copy or the other.
    SegmentHeader,
    /// Among the batches of a segment, and not in the last block of the log.
    SegmentMiddle,
    /// The last block of 4096 bytes of the log.
    SegmentTail,
    /// In these stretches.
    Among(Vec<Extent>),
}

/// A stretch of a file: whole sectors.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extent {
    /// The file, by the name that is durable.
    pub file: String,
    /// The first byte.
    pub start: usize,
    /// How many bytes there are.
    pub bytes: usize,
}

/// Where the batches of a segment begin, after two copies of its header.
const BATCHES: usize = 8192;
const BLOCK: usize = 4096;

/// A sector of the medium.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sector {
    pub(super) file: u64,
    pub(super) at: usize,
}

impl Sector {
    pub(super) fn range(self) -> Range<usize> {
        self.at * SECTOR..(self.at + 1) * SECTOR
    }
}

/// A stretch of the medium.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Stretch {
    pub(super) file: u64,
    pub(super) range: Range<usize>,
}

impl Stretch {
    pub(super) fn first(&self) -> Sector {
        Sector { file: self.file, at: self.range.start / SECTOR }
    }
}

impl Media {
    /// All sectors of the medium that are such a place.
    pub(super) fn sectors(&self, place: &Place) -> Vec<Sector> {
        let files = match place {
            Place::In(files) => files,
            Place::Among(extents) => return self.sectors_among(extents),
            _ => &Files::Segments,
        };
        let tail = self.tail();
        let mut found = Vec::new();
        for &id in
            self.names.durable.iter().filter(|(name, _)| files.matches(name)).map(|(_, id)| id)
        {
            let Some(file) = self.files.get(&id) else { continue };
            let range = match (place, tail) {
                (Place::In(_), _) => 0..file.durable.len(),
                (Place::SegmentHeader, _) => 0..BATCHES,
                (Place::SegmentMiddle, Some(tail)) if tail.file == id => BATCHES..tail.at * SECTOR,
                (Place::SegmentMiddle, _) => BATCHES..file.durable.len(),
                (Place::SegmentTail, Some(tail)) if tail.file == id => {
                    tail.at * SECTOR..file.durable.len()
                }
                (Place::SegmentTail | Place::Among(_), _) => 0..0,
            };
            found.extend(written(file, range).map(|at| Sector { file: id, at }));
        }
        found
    }

    fn sectors_among(&self, extents: &[Extent]) -> Vec<Sector> {
        let mut found = Vec::new();
        for Stretch { file: id, range } in self.stretches(extents) {
            let file = self.files.get(&id).expect("a stretch lies in a file");
            found.extend(written(file, range).map(|at| Sector { file: id, at }));
        }
        found
    }

    /// Where these lie, as far as the medium has them.
    pub(super) fn stretches(&self, extents: &[Extent]) -> Vec<Stretch> {
        let stretch = |extent: &Extent| {
            let &file = self.names.durable.get(&extent.file)?;
            let stop = (extent.start + extent.bytes).min(self.files.get(&file)?.durable.len());
            (extent.start < stop).then_some(Stretch { file, range: extent.start..stop })
        };
        extents.iter().filter_map(stretch).collect()
    }

    /// Where the last block of the log begins: in the newest segment that has batches.
    fn tail(&self) -> Option<Sector> {
        let segments = self.names.durable.iter().filter(|(name, _)| Files::Segments.matches(name));
        segments.rev().find_map(|(_, &id)| {
            let file = self.files.get(&id)?;
            let last = written(file, BATCHES..file.durable.len()).last()?;
            let block = last * SECTOR / BLOCK * BLOCK;
            Some(Sector { file: id, at: block / SECTOR })
        })
    }
}

/// The sectors in a range that are not blank.
fn written(file: &File, range: Range<usize>) -> impl Iterator<Item = usize> + '_ {
    let stop = range.end.min(file.durable.len());
    (range.start / SECTOR..stop.div_ceil(SECTOR))
        .filter(move |at| file.durable.is_written(at * SECTOR..((at + 1) * SECTOR).min(stop)))
}
