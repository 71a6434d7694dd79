//! The header of a segment: whose it is, and where the log ended when it was made.

use alloc::vec;
use alloc::vec::Vec;

use super::block::{Block, BlockError, FIELDS, Unsupported, first_good};
use super::disk::{Disk, DiskError};
use super::identity::Identity;
use super::layout::{BATCHES_OFFSET, BLOCK_BYTES};
use crate::types::{Index, LogId, Term};

/// The header of a segment. Durable before the file has its name.
///
/// `prev_end` and `chain` declare for good where the segment before this one ends: whatever it holds
/// behind that place is void.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SegmentHeader {
    pub(super) identity: Identity,
    /// Batches start at multiples of it.
    pub(super) align: u32,
    /// Counts the segments of this directory, from 1, without gaps.
    pub(super) seq: u64,
    /// Random; part of every checksum in this segment.
    pub(super) salt: u64,
    /// Length of the file.
    pub(super) bytes: u64,
    /// The number of the first batch.
    pub(super) first_lsn: u64,
    /// The last entry of the log before the first batch.
    pub(super) base: LogId,
    /// Which start of the node made the segment.
    pub(super) boot_epoch: u64,
    /// The generation of the hard state at that time.
    pub(super) generation: u64,
    /// The end of the last batch in the segment before this one; 0 if there is none.
    pub(super) prev_end: u64,
    /// The chain up to that batch.
    pub(super) chain: u64,
}

/// Writes both copies; does not sync.
pub(super) fn write<D: Disk>(
    disk: &D,
    file: &D::File,
    header: &SegmentHeader,
) -> Result<(), DiskError> {
    let block = encode(header);
    disk.write_at(file, 0, &block)?;
    disk.write_at(file, BLOCK_BYTES as u64, &block)
}

/// The header, and how many copies were bad before it.
pub(super) fn read<D: Disk>(
    disk: &D,
    file: &D::File,
    length: u64,
) -> Result<Result<(SegmentHeader, u32), BlockError>, DiskError> {
    let mut copies = vec![0; 2 * BLOCK_BYTES];
    if length < BATCHES_OFFSET {
        return Ok(Err(BlockError::Damaged));
    }
    disk.read_at(file, 0, &mut copies)?;
    let found = first_good(&copies, MAGIC, 0);
    Ok(found.and_then(|(block, bad)| Ok((decode(&block)?, bad))))
}

const MAGIC: &[u8; 8] = b"QRWALSEG";
/// The group whose entries `base` counts; reserved for logs of many groups.
const GROUP: usize = FIELDS;
const KEY_ID: usize = FIELDS + 4;
const ALIGN: usize = FIELDS + 8;
const NUMBERS: usize = FIELDS + 16;

fn encode(header: &SegmentHeader) -> Vec<u8> {
    let mut block = Block::new(MAGIC, 0, &header.identity);
    block.put(ALIGN, header.align.to_le_bytes());
    let numbers = [
        header.seq,
        header.salt,
        header.bytes,
        header.first_lsn,
        header.base.index.0,
        header.base.term.0,
        header.boot_epoch,
        header.generation,
        header.prev_end,
        header.chain,
    ];
    for (at, number) in numbers.into_iter().enumerate() {
        block.put(NUMBERS + 8 * at, number.to_le_bytes());
    }
    block.seal()
}

fn decode(block: &Block) -> Result<SegmentHeader, BlockError> {
    let number = |at: usize| block.u64(NUMBERS + 8 * at);
    let align = block.u32(ALIGN);
    let base = LogId { index: Index(number(4)), term: Term(number(5)) };
    let unsupported = if block.u32(GROUP) != 0 {
        Some(Unsupported::Group(block.u32(GROUP)))
    } else if block.u32(KEY_ID) != 0 {
        Some(Unsupported::Encrypted(block.u32(KEY_ID)))
    } else if align != 512 && align != 4096 {
        Some(Unsupported::Alignment(align))
    } else {
        None
    };
    match unsupported {
        Some(what) => Err(BlockError::Unsupported(what)),
        // Both count from 1.
        None if number(0) == 0 || number(3) == 0 => Err(BlockError::Damaged),
        None if !base.is_possible() => Err(BlockError::Damaged),
        None => Ok(SegmentHeader {
            identity: block.identity(),
            align,
            seq: number(0),
            salt: number(1),
            bytes: number(2),
            first_lsn: number(3),
            base,
            boot_epoch: number(6),
            generation: number(7),
            prev_end: number(8),
            chain: number(9),
        }),
    }
}
