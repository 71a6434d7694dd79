//! Numbers and names of the format, and bytes to numbers and back.

use alloc::format;
use alloc::string::String;

use crate::crc32c::crc32c;
use crate::types::Index;

/// The version of everything that this code writes.
pub const FORMAT_VERSION: u16 = 1;
/// The oldest version of a reader that understands what this code writes.
pub const MIN_READER_VERSION: u16 = 1;

/// What a disk writes whole or not at all.
pub(super) const SECTOR_BYTES: usize = 512;
/// An identity, a state slot, a segment header: see [`Block`](super::block::Block).
pub(super) const BLOCK_BYTES: usize = 4096;
/// Where the first batch of a segment stands: after two copies of the header.
pub(super) const BATCHES_OFFSET: u64 = 2 * BLOCK_BYTES as u64;
/// Length of the header of a batch.
pub(super) const BATCH_HEADER_BYTES: usize = 80;
/// Length of the header of a record.
pub(super) const RECORD_HEADER_BYTES: usize = 40;
/// The longest batch, padding included; bounds what a reader allocates.
pub(super) const BATCH_BYTES_MAX: u64 = 16 << 20;

pub(super) const IDENT: &str = "IDENT";
pub(super) const IDENT_TMP: &str = "IDENT.tmp";
pub(super) const STATE: &str = "state.qrs";
pub(super) const STATE_TMP: &str = "state.tmp";
pub(super) const SPARE_TMP: &str = "spare.tmp";
/// Everything that a crash may leave half made.
pub(super) const TEMPORARIES: [&str; 3] = [IDENT_TMP, STATE_TMP, SPARE_TMP];

pub(super) fn segment_name(seq: u64, first: Index) -> String {
    format!("seg-{seq:016x}-{:020}.qrw", first.0)
}

/// The number and the first index in a segment's name; `None` for any other name.
pub(super) fn parse_segment_name(name: &str) -> Option<(u64, Index)> {
    let (seq, first) = name.strip_prefix("seg-")?.strip_suffix(".qrw")?.split_once('-')?;
    let seq = u64::from_str_radix(seq, 16).ok()?;
    let first = Index(first.parse().ok()?);
    (segment_name(seq, first) == name).then_some((seq, first))
}

/// What every checksum of a segment starts from, so that bytes of another segment never pass.
pub(super) fn checksum_seed(salt: u64) -> u32 {
    crc32c(&salt.to_le_bytes())
}

/// Eight bytes that fill up batches: never zero, so that a sector that was written differs from
/// one that never was.
pub(super) fn padding(salt: u64, lsn: u64) -> [u8; 8] {
    (salt ^ lsn ^ u64::from_le_bytes(*b"QRPADPAD") | 1).to_le_bytes()
}

/// `bytes` rounded up to whole units of `align`, a power of two.
pub(super) const fn round_up(bytes: u64, align: u64) -> u64 {
    (bytes + align - 1) & !(align - 1)
}

/// The position after `index`, for numbers that were read: no file shall panic us.
pub(super) const fn following(index: Index) -> Index {
    Index(index.0.saturating_add(1))
}

pub(super) fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().fold(0, |any, byte| any | byte) == 0
}

macro_rules! at {
    ($($name:ident: $type:ty),*) => {$(
        /// The number at `at`, little-endian.
        pub(super) fn $name(bytes: &[u8], at: usize) -> $type {
            const LENGTH: usize = size_of::<$type>();
            let field = bytes[at..at + LENGTH].first_chunk::<LENGTH>();
            <$type>::from_le_bytes(*field.expect("a slice of that length"))
        }
    )*};
}
at!(u16_at: u16, u32_at: u32, u64_at: u64, u128_at: u128);

/// Puts a number's little-endian bytes at `at`.
pub(super) fn put<const N: usize>(bytes: &mut [u8], at: usize, number: [u8; N]) {
    bytes[at..at + N].copy_from_slice(&number);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_name_is_read_back_and_no_other_name_is() {
        let name = segment_name(0x1F, Index(42));
        assert_eq!(name, "seg-000000000000001f-00000000000000000042.qrw");
        assert_eq!(parse_segment_name(&name), Some((0x1F, Index(42))));
        for other in [
            "IDENT",
            "seg-1-1.qrw",
            "seg-000000000000001F-00000000000000000042.qrw",
            "seg-000000000000001f-00000000000000000042.qrw.bak",
            "seg-+00000000000001f-00000000000000000042.qrw",
        ] {
            assert_eq!(parse_segment_name(other), None, "{other}");
        }
    }

    #[test]
    fn padding_is_never_zero() {
        let lsn = 7;
        let unlucky = lsn ^ u64::from_le_bytes(*b"QRPADPAD");
        assert_ne!(padding(unlucky, lsn), [0; 8]);
    }
}
