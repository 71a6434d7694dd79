//! Batches: what one sync makes durable. Written whole, read whole, valid whole or not at all.

use alloc::vec::Vec;

use super::chain::{link, unlink};
use super::layout::{
    BATCH_HEADER_BYTES, SECTOR_BYTES, checksum_seed, is_blank, padding, put, round_up, u16_at,
    u32_at, u64_at,
};
use super::record::{RecordHeader, RecordKind};
use crate::crc32c::crc32c_append;
use crate::types::{Index, LogId, Term};

/// The last batch of its segment.
pub(super) const SEAL: u16 = 1;
/// No records: written for what its header promises.
pub(super) const MARK: u16 = 2;
/// The log was closed in good order.
pub(super) const CLOSE: u16 = 4;
/// Takes the place of batches that were damaged, up to the one with its number.
pub(super) const MENDED: u16 = 8;
pub(super) const KNOWN_FLAGS: u16 = SEAL | MARK | CLOSE | MENDED;

const MAGIC: [u8; 4] = *b"QRBF";

/// The header of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BatchHeader {
    /// Numbers the batches of a directory, from 1, across segments.
    pub(super) lsn: u64,
    /// The highest batch whose sync had returned when this one was written: a promise.
    pub(super) synced_lsn: u64,
    /// The link to all batches before, this one included.
    pub(super) chain: u64,
    /// The commit index that was known.
    pub(super) commit: Index,
    /// The last entry of the log after this batch.
    pub(super) last: LogId,
    /// The generation of the hard state that was durable.
    pub(super) generation: u64,
    /// Length of all records.
    pub(super) record_bytes: u32,
    /// Checksum of all records, salted.
    pub(super) body_crc: u32,
    /// How many records there are.
    pub(super) records: u32,
    /// How many of the batch's sectors were all zero when it was written: commands may hold zeros,
    /// and more blank sectors than these mean that some were never written.
    pub(super) blank_sectors: u16,
    pub(super) flags: u16,
}

impl BatchHeader {
    fn encode(&self, seed: u32) -> [u8; BATCH_HEADER_BYTES] {
        let mut header = [0; BATCH_HEADER_BYTES];
        put(&mut header, 0, MAGIC);
        put(&mut header, 8, self.lsn.to_le_bytes());
        put(&mut header, 16, self.synced_lsn.to_le_bytes());
        put(&mut header, 24, self.chain.to_le_bytes());
        put(&mut header, 32, self.commit.0.to_le_bytes());
        put(&mut header, 40, self.last.index.0.to_le_bytes());
        put(&mut header, 48, self.last.term.0.to_le_bytes());
        put(&mut header, 56, self.generation.to_le_bytes());
        put(&mut header, 64, self.record_bytes.to_le_bytes());
        put(&mut header, 68, self.body_crc.to_le_bytes());
        put(&mut header, 72, self.records.to_le_bytes());
        put(&mut header, 76, self.blank_sectors.to_le_bytes());
        put(&mut header, 78, self.flags.to_le_bytes());
        let crc = crc32c_append(seed, &header[8..]);
        put(&mut header, 4, crc.to_le_bytes());
        header
    }

    /// The header that `bytes` start with, if they do and its checksum is right.
    pub(super) fn decode(bytes: &[u8], seed: u32) -> Option<Self> {
        let header = bytes.get(..BATCH_HEADER_BYTES)?;
        if header[..4] != MAGIC || u32_at(header, 4) != crc32c_append(seed, &header[8..]) {
            return None;
        }
        Some(Self {
            lsn: u64_at(header, 8),
            synced_lsn: u64_at(header, 16),
            chain: u64_at(header, 24),
            commit: Index(u64_at(header, 32)),
            last: LogId { index: Index(u64_at(header, 40)), term: Term(u64_at(header, 48)) },
            generation: u64_at(header, 56),
            record_bytes: u32_at(header, 64),
            body_crc: u32_at(header, 68),
            records: u32_at(header, 72),
            blank_sectors: u16_at(header, 76),
            flags: u16_at(header, 78),
        })
    }

    /// Is this the batch with this number, which follows `chain`? What was mended bears the chain of
    /// what was there, and the number of the last that was.
    pub(super) fn follows(&self, lsn: u64, chain: u64) -> bool {
        match self.flags & MENDED {
            0 => {
                let linked = link(chain, lsn, self.record_bytes, self.body_crc);
                (self.lsn, self.chain) == (lsn, linked)
            }
            _ => self.lsn >= lsn,
        }
    }

    /// The chain up to the batch before.
    pub(super) fn chain_before(&self) -> u64 {
        unlink(self.chain, self.lsn, self.record_bytes, self.body_crc)
    }

    /// Length of header and records.
    pub(super) fn used_bytes(&self) -> u64 {
        BATCH_HEADER_BYTES as u64 + u64::from(self.record_bytes)
    }

    /// Length in the file.
    pub(super) fn file_bytes(&self, align: u32) -> u64 {
        round_up(self.used_bytes(), u64::from(align))
    }
}

/// Where batches are put together: one buffer, used again and again.
#[derive(Debug)]
pub(super) struct BatchBuffer {
    bytes: Vec<u8>,
    records: u32,
    seed: u32,
    salt: u64,
}

/// What the header of a batch says beside what its records say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stamp {
    pub(super) lsn: u64,
    pub(super) synced_lsn: u64,
    /// Before this batch; that of a batch that was mended, after it.
    pub(super) chain: u64,
    pub(super) commit: Index,
    pub(super) last: LogId,
    pub(super) generation: u64,
    pub(super) flags: u16,
}

impl BatchBuffer {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::new(), records: 0, seed: 0, salt: 0 }
    }

    /// Starts a batch of a segment; gives memory back that only a huge batch needed.
    pub(super) fn start(&mut self, salt: u64, keep_bytes: usize) {
        self.bytes.clear();
        self.bytes.shrink_to(keep_bytes);
        self.bytes.resize(BATCH_HEADER_BYTES, 0);
        self.records = 0;
        self.salt = salt;
        self.seed = checksum_seed(salt);
    }

    pub(super) fn push(&mut self, kind: RecordKind, id: LogId, body: &[u8]) {
        let header = RecordHeader::of(kind, id, body);
        self.bytes.extend_from_slice(&header.encode(self.seed));
        self.bytes.extend_from_slice(body);
        let padding = body.len().next_multiple_of(8) - body.len();
        self.bytes.extend_from_slice(&[0; 8][..padding]);
        self.records += 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Fills in the header and the padding.
    pub(super) fn finish(&mut self, stamp: Stamp, align: u32) -> BatchHeader {
        let used = self.bytes.len();
        let record_bytes =
            u32::try_from(used - BATCH_HEADER_BYTES).expect("a batch is far shorter than 4 GiB");
        let body_crc = crc32c_append(self.seed, &self.bytes[BATCH_HEADER_BYTES..]);
        self.pad(stamp.lsn, align);
        let mut header = BatchHeader {
            lsn: stamp.lsn,
            synced_lsn: stamp.synced_lsn,
            chain: match stamp.flags & MENDED {
                0 => link(stamp.chain, stamp.lsn, record_bytes, body_crc),
                _ => stamp.chain,
            },
            commit: stamp.commit,
            last: stamp.last,
            generation: stamp.generation,
            record_bytes,
            body_crc,
            records: self.records,
            blank_sectors: 0,
            flags: stamp.flags,
        };
        // The first sector holds the header, so it is never blank: it need not be there yet.
        header.blank_sectors = blank_sectors(&self.bytes[SECTOR_BYTES..], used - 1);
        self.bytes[..BATCH_HEADER_BYTES].copy_from_slice(&header.encode(self.seed));
        header
    }

    /// The batch as it goes to the disk.
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    fn pad(&mut self, lsn: u64, align: u32) {
        let used = self.bytes.len();
        self.bytes.resize(used.next_multiple_of(align as usize), 0);
        let (words, _) = self.bytes[used..].as_chunks_mut::<8>();
        words.fill(padding(self.salt, lsn));
    }
}

/// How many sectors of a batch, behind its first one, are all zero. `rest` starts at the second
/// sector; `last_used` is the batch's last byte that is no padding.
pub(super) fn blank_sectors(rest: &[u8], last_used: usize) -> u16 {
    let (sectors, _) = rest.as_chunks::<SECTOR_BYTES>();
    let blank = |sector: &&[u8; SECTOR_BYTES]| sector[0] == 0 && is_blank(&sector[..]);
    let count = sectors.iter().take(last_used / SECTOR_BYTES).filter(blank).count();
    u16::try_from(count).expect("a batch has at most 2^15 sectors")
}
