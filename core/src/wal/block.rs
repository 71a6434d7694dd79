//! The block of 4096 bytes that an identity, a state slot and a segment header have in common.
//!
//! ```text
//!  0 magic        8 bytes
//!  8 checksum     u32, of everything after it
//! 12 format       u16, the version that wrote it
//! 14 min_reader   u16, the oldest version that can read it
//! 16 flags        u32
//! 20 zero         u32
//! 24 cluster      u128
//! 40 incarnation  u128
//! 56 node         u64
//! 64 ...          what the kind of block says; zero to the end
//! ```
//! The first 16 bytes keep their place in every version to come.

use alloc::vec;
use alloc::vec::Vec;

use super::identity::Identity;
use super::layout::{
    BLOCK_BYTES, FORMAT_VERSION, MIN_READER_VERSION, put, u16_at, u32_at, u64_at, u128_at,
};
use crate::crc32c::crc32c;
use crate::types::{ClusterId, Incarnation, NodeId};

/// Where the fields of a kind of block start.
pub(super) const FIELDS: usize = 64;
const CHECKSUM: usize = 8;
const CHECKED: usize = 12;

/// A block whose checksum, version and flags are in order.
#[derive(Debug)]
pub(super) struct Block {
    bytes: Vec<u8>,
}

/// Why bytes are no block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BlockError {
    /// Nothing but zeros.
    Blank,
    /// The magic or the checksum is wrong.
    Damaged,
    /// Intact, but of a version or with flags that this code does not know.
    Unsupported(Unsupported),
}

/// What this version does not know; nothing was touched.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unsupported {
    /// Readers must be newer.
    #[error(
        "format {format} needs a reader of version {min_reader}, this one is {}",
        FORMAT_VERSION
    )]
    Version {
        /// The version that wrote it.
        format: u16,
        /// The oldest version that can read it.
        min_reader: u16,
    },
    /// A flag without a meaning here.
    #[error("unknown flags {0:#x}")]
    Flags(u32),
    /// A kind of record without a meaning here.
    #[error("unknown kind of record {0}")]
    RecordKind(u8),
    /// A record of a group that does not live here.
    #[error("record of group {0}, this version keeps one group")]
    Group(u32),
    /// Encrypted; there are no keys here.
    #[error("encrypted with key {0}")]
    Encrypted(u32),
    /// An alignment of batches that is not offered.
    #[error("batches are aligned to {0} bytes")]
    Alignment(u32),
}

impl Block {
    pub(super) fn new(magic: &[u8; 8], flags: u32, identity: &Identity) -> Self {
        let mut block = Self { bytes: vec![0; BLOCK_BYTES] };
        put(&mut block.bytes, 0, *magic);
        put(&mut block.bytes, 12, FORMAT_VERSION.to_le_bytes());
        put(&mut block.bytes, 14, MIN_READER_VERSION.to_le_bytes());
        put(&mut block.bytes, 16, flags.to_le_bytes());
        put(&mut block.bytes, 24, identity.cluster.0.to_le_bytes());
        put(&mut block.bytes, 40, identity.incarnation.0.to_le_bytes());
        put(&mut block.bytes, 56, identity.node.get().to_le_bytes());
        block
    }

    pub(super) fn put<const N: usize>(&mut self, at: usize, number: [u8; N]) {
        assert!(at >= FIELDS, "the common fields are not for overwriting");
        put(&mut self.bytes, at, number);
    }

    pub(super) fn put_slice(&mut self, at: usize, bytes: &[u8]) {
        assert!(at >= FIELDS, "the common fields are not for overwriting");
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// The finished bytes.
    pub(super) fn seal(mut self) -> Vec<u8> {
        let checksum = crc32c(&self.bytes[CHECKED..]);
        put(&mut self.bytes, CHECKSUM, checksum.to_le_bytes());
        self.bytes
    }

    pub(super) fn parse(
        bytes: &[u8],
        magic: &[u8; 8],
        known_flags: u32,
    ) -> Result<Self, BlockError> {
        assert!(bytes.len() == BLOCK_BYTES, "a block has one length");
        if super::layout::is_blank(bytes) {
            return Err(BlockError::Blank);
        }
        if bytes[..8] != magic[..] || u32_at(bytes, CHECKSUM) != crc32c(&bytes[CHECKED..]) {
            return Err(BlockError::Damaged);
        }
        let (format, min_reader) = (u16_at(bytes, 12), u16_at(bytes, 14));
        if min_reader > FORMAT_VERSION {
            let version = Unsupported::Version { format, min_reader };
            return Err(BlockError::Unsupported(version));
        }
        let unknown = u32_at(bytes, 16) & !known_flags;
        if unknown != 0 {
            return Err(BlockError::Unsupported(Unsupported::Flags(unknown)));
        }
        if u64_at(bytes, 56) == 0 {
            return Err(BlockError::Damaged);
        }
        Ok(Self { bytes: bytes.to_vec() })
    }

    pub(super) fn flags(&self) -> u32 {
        u32_at(&self.bytes, 16)
    }

    pub(super) fn identity(&self) -> Identity {
        Identity {
            cluster: ClusterId(u128_at(&self.bytes, 24)),
            incarnation: Incarnation(u128_at(&self.bytes, 40)),
            node: NodeId::new(u64_at(&self.bytes, 56)).expect("checked by parse"),
        }
    }

    pub(super) fn u32(&self, at: usize) -> u32 {
        u32_at(&self.bytes, at)
    }

    pub(super) fn u64(&self, at: usize) -> u64 {
        u64_at(&self.bytes, at)
    }

    pub(super) fn tail(&self, at: usize) -> &[u8] {
        &self.bytes[at..]
    }
}

/// The first good one of two copies: it, and how many copies were bad before it.
pub(super) fn first_good(
    copies: &[u8],
    magic: &[u8; 8],
    known_flags: u32,
) -> Result<(Block, u32), BlockError> {
    let (first, second) = copies.split_at(BLOCK_BYTES);
    match Block::parse(first, magic, known_flags) {
        Ok(block) => Ok((block, 0)),
        Err(BlockError::Unsupported(what)) => Err(BlockError::Unsupported(what)),
        Err(BlockError::Blank | BlockError::Damaged) => {
            Block::parse(second, magic, known_flags).map(|block| (block, 1))
        }
    }
}
