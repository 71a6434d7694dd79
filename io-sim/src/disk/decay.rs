//! What may happen to the medium under a log, as far as the log can know that something is missing.
//!
//! A log knows that a batch was durable if something else says so: a later batch, the header of the
//! next segment, or the hard state. Of the last batch nothing does before the mark that follows it,
//! or the next write; and the newest hard state has two copies. Without these, what was lost looks
//! like a write that was under way when the machine went down. So these are left alone.

use quorate_core::wal::{Block, Finding, Worth, inspect};
use serde::{Deserialize, Serialize};

use super::drive::Drive;
use super::fault::Files;
use super::place::{Extent, Place};
use super::strike::{Hit, Rot};
use super::view::DurableView;

/// How the medium decays. A process sees a sector that rots at the next read; it does not see that a
/// write was lost or misdirected before it starts again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decay {
    /// A bit of a sector flips.
    FlippedBit,
    /// A sector turns to noise.
    Noise,
    /// A sector reads as zeros.
    Zeros,
    /// A sector is what it was before it was written last.
    StaleSector,
    /// A batch never reached the medium.
    LostWrite,
    /// A batch reached the place of something else.
    MisdirectedWrite,
}

impl Decay {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::FlippedBit,
        Self::Noise,
        Self::Zeros,
        Self::StaleSector,
        Self::LostWrite,
        Self::MisdirectedWrite,
    ];
}

impl Drive {
    /// Something that the log [can do without](expendable) decays, in one of these files, half of the
    /// times among its newest batches; `now` is the world's time. `None` if there is no such place.
    pub fn decay(&self, now: u64, decay: Decay, files: &Files) -> Option<Hit> {
        let Expendable { mut places, mut batches } = expendable(&self.durable_view(now));
        let is_in = |extent: &Extent| files.matches(&extent.file);
        if batches.last().is_some_and(is_in) && self.chance(500) {
            batches.drain(..batches.len().saturating_sub(NEWEST));
            places.clone_from(&batches);
        }
        let those: Vec<_> = places.into_iter().filter(is_in).collect();
        match decay {
            Decay::FlippedBit => self.rot(&Place::Among(those), Rot::FlipBits(1)),
            Decay::Noise => self.rot(&Place::Among(those), Rot::Garble),
            Decay::Zeros => self.rot(&Place::Among(those), Rot::Zero),
            Decay::StaleSector => self.make_stale(&Place::Among(those)),
            Decay::LostWrite => {
                let batches: Vec<_> = batches.into_iter().filter(is_in).collect();
                self.lose_write(&batches)
            }
            Decay::MisdirectedWrite => self.misdirect_write(&batches, &those),
        }
    }
}

/// Where something may happen to a log that must not lead it astray.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Expendable {
    /// All places, the batches too.
    pub places: Vec<Extent>,
    /// The batches that something else on the disk says were durable, oldest first.
    pub batches: Vec<Extent>,
}

/// So many batches are the newest ones.
const NEWEST: usize = 16;
/// The length of a block, see the format of the log.
const BLOCK: usize = 4096;
/// Two blocks.
const COPIES: [usize; 2] = [0, BLOCK];

/// Looks for what a log can do without, or can know to be missing: copies of the identity and of
/// headers, copies of the hard state but the last of the newest, and the batches that were promised.
pub fn expendable(view: &DurableView) -> Expendable {
    let mut slots = Vec::new();
    let (mut batches, mut segments) = (Vec::new(), Vec::new());
    let (mut promise, mut align) = (0, 1);
    let visit = |finding: Finding<'_>| match finding {
        Finding::Slot { place, slot: Block::Good(slot) } => {
            slots.push((slot.generation, slot.durable_lsn, place));
        }
        Finding::Segment { file, header, .. } => {
            segments.push(file.to_owned());
            if let Block::Good(header) = header {
                align = header.align_bytes as usize;
                promise = promise.max(header.first_lsn - 1);
            }
        }
        Finding::Batch(batch) => {
            promise = promise.max(batch.synced_lsn);
            // The length of one that is damaged already is not to be trusted.
            if matches!(batch.worth, Worth::Good | Worth::Detached | Worth::Void) {
                let file = segments.last().expect("batches lie in segments").clone();
                let start = usize::try_from(batch.offset).expect("files are short");
                let bytes = usize::try_from(batch.used_bytes).expect("files are short");
                let bytes = bytes.next_multiple_of(align);
                batches.push((batch.lsn, Extent { file, start, bytes }));
            }
        }
        _ => {}
    };
    inspect(view, visit).expect("a look does not fail");
    let newest = slots.iter().map(|slot| slot.0).max().unwrap_or(0);
    let promised = slots.iter().filter(|slot| slot.0 == newest).map(|slot| slot.1).max();
    promise = promise.max(promised.unwrap_or(0));
    let is_promised = |(lsn, _): &(u64, Extent)| *lsn <= promise;
    let batches: Vec<_> =
        batches.into_iter().filter(is_promised).map(|(_, extent)| extent).collect();

    let block = |file: &str, start| Extent { file: file.to_owned(), start, bytes: BLOCK };
    let mut places: Vec<_> = COPIES.iter().map(|&start| block("IDENT", start)).collect();
    let held: Vec<_> =
        slots.iter().filter(|slot| slot.0 == newest).map(|&(.., place)| place).collect();
    let others = (0..4).filter(|place| held.len() > 1 || !held.contains(place));
    places.extend(others.map(|place| block("state.qrs", place * BLOCK)));
    for file in &segments {
        places.extend(COPIES.iter().map(|&start| block(file, start)));
    }
    places.extend(batches.iter().cloned());
    Expendable { places, batches }
}
