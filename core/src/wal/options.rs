//! Sizes that the owner of a log chooses.

use super::layout::{
    BATCH_BYTES_MAX, BATCH_HEADER_BYTES, BATCHES_OFFSET, RECORD_HEADER_BYTES, round_up,
};

/// Sizes of a log; may differ from one start to the next.
///
/// ```
/// use quorate_core::wal::WalOptions;
/// let options = WalOptions { segment_bytes: 8 << 20, ..WalOptions::DEFAULT };
/// assert!(options.check().is_ok());
/// assert!(options.entry_bytes_max() > 7 << 20);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WalOptions {
    /// Length of a segment's file; a multiple of `align_bytes`, at least 32 KiB, below 4 GiB. The
    /// first segments of a run are shorter if this is more than 4 MiB.
    pub segment_bytes: u64,
    /// Batches start at multiples of it: 4096, or 512 where the disk's sectors are that small.
    pub align_bytes: u32,
    /// Writes are gathered up to this length into one batch. A single write may be longer.
    pub batch_bytes_max: u64,
    /// The cost of the newest entries that are loaded at open (see
    /// [`Entry::cost_bytes`](crate::Entry::cost_bytes)).
    pub tail_bytes_max: u64,
}

/// Why [`WalOptions`] make no sense.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OptionsError {
    /// Neither 512 nor 4096.
    #[error("batches cannot be aligned to {0} bytes")]
    Alignment(u32),
    /// Too short, too long, or no multiple of the alignment.
    #[error("a segment cannot have {0} bytes")]
    SegmentBytes(u64),
}

const FIRST_SEGMENT_BYTES: u64 = 4 << 20;

impl WalOptions {
    /// Segments of 64 MiB, batches of 1 MiB, 32 MiB of entries in memory at the start.
    pub const DEFAULT: Self = Self {
        segment_bytes: 64 << 20,
        align_bytes: 4096,
        batch_bytes_max: 1 << 20,
        tail_bytes_max: 32 << 20,
    };

    /// Do the sizes make sense?
    ///
    /// # Errors
    /// See [`OptionsError`].
    pub fn check(&self) -> Result<(), OptionsError> {
        if self.align_bytes != 512 && self.align_bytes != 4096 {
            return Err(OptionsError::Alignment(self.align_bytes));
        }
        let whole = self.segment_bytes.is_multiple_of(u64::from(self.align_bytes));
        let sensible = (32 << 10..1 << 32).contains(&self.segment_bytes);
        if whole && sensible { Ok(()) } else { Err(OptionsError::SegmentBytes(self.segment_bytes)) }
    }

    /// The longest command that fits: into one batch, into one segment.
    pub fn entry_bytes_max(&self) -> u64 {
        // A truncation may have to stand in the same batch.
        self.records_bytes_max() - 2 * RECORD_HEADER_BYTES as u64
    }

    /// The length of the segment that follows one of so many bytes of the same run, or begins a run.
    /// A start waits until its segment is filled with zeros, so that one is short; each segment
    /// leaves enough time to fill one that is twice as long.
    pub(super) fn segment_bytes_after(&self, before: Option<u64>) -> u64 {
        let bytes = before.map_or(FIRST_SEGMENT_BYTES, |before| before.saturating_mul(2));
        bytes.min(self.segment_bytes)
    }

    /// The longest batch: leaves room in its segment for the seal.
    pub(super) fn file_bytes_max(&self) -> u64 {
        (self.segment_bytes - BATCHES_OFFSET - u64::from(self.align_bytes)).min(BATCH_BYTES_MAX)
    }

    /// The most bytes of records in a batch; a multiple of eight.
    pub(super) fn records_bytes_max(&self) -> u64 {
        self.file_bytes_max() - BATCH_HEADER_BYTES as u64
    }

    /// The length in the file of a batch of so many bytes of records.
    pub(super) fn file_bytes(&self, record_bytes: u64) -> u64 {
        round_up(BATCH_HEADER_BYTES as u64 + record_bytes, u64::from(self.align_bytes))
    }
}

impl Default for WalOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}
