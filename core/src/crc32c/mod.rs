//! CRC-32C (Castagnoli), the checksum of frames and of the log: by the instruction of the processor with
//! the feature `hardware-crc`, by tables without it.

#[cfg(any(test, not(feature = "hardware-crc")))]
mod tables;

#[cfg(feature = "hardware-crc")]
use ::crc32c::crc32c_append as append;
#[cfg(not(feature = "hardware-crc"))]
use tables::append;

/// The checksum of `bytes`.
///
/// ```
/// assert_eq!(quorate_core::crc32c(b"123456789"), 0xE306_9283);
/// ```
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc32c_append(0, bytes)
}

/// The checksum of a whole whose first part has the checksum `crc` and whose rest is `bytes`.
///
/// ```
/// use quorate_core::{crc32c, crc32c_append};
/// assert_eq!(crc32c_append(crc32c(b"1234"), b"56789"), crc32c(b"123456789"));
/// ```
pub fn crc32c_append(crc: u32, bytes: &[u8]) -> u32 {
    append(crc, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3720, B.4.
    #[test]
    fn the_vectors_of_rfc_3720_hold() {
        let ascending: [u8; 32] = core::array::from_fn(|at| u8::try_from(at).unwrap_or(0));
        let vectors = [([0; 32], 0x8A91_36AA), ([0xFF; 32], 0x62A8_AB43), (ascending, 0x46DD_794E)];
        for (bytes, checksum) in vectors {
            assert_eq!((crc32c(&bytes), tables::append(0, &bytes)), (checksum, checksum));
        }
    }

    #[test]
    fn tables_say_what_the_instruction_says() {
        let bytes: [u8; 1300] = core::array::from_fn(|at| at.to_le_bytes()[0].wrapping_mul(59));
        for length in 0..bytes.len() {
            assert_eq!(
                tables::append(7, &bytes[..length]),
                append(7, &bytes[..length]),
                "{length}"
            );
        }
    }

    #[test]
    fn every_split_gives_the_same_checksum() {
        let bytes: [u8; 1300] = core::array::from_fn(|at| at.to_le_bytes()[0].wrapping_mul(37));
        for append in [append, tables::append] {
            let byte_by_byte = bytes.iter().fold(0, |crc, &byte| append(crc, &[byte]));
            assert_eq!(append(0, &bytes), byte_by_byte);
            for split in 0..=bytes.len() {
                let (head, tail) = bytes.split_at(split);
                assert_eq!(append(append(0, head), tail), append(0, &bytes), "split at {split}");
            }
        }
    }
}
