//! CRC-32C (Castagnoli), the checksum of frames and of the log: sixteen tables, no unsafe code.

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
    let mut state = !crc;
    let (blocks, rest) = bytes.as_chunks::<16>();
    for block in blocks {
        state = with_block(state, block);
    }
    // What is short is mostly this rest: a byte at a time, it would cost more than all before it.
    let (eight, rest) = rest.as_chunks::<8>();
    let (four, rest) = rest.as_chunks::<4>();
    state = eight.iter().fold(state, with_block);
    state = four.iter().fold(state, with_block);
    for &byte in rest {
        state = (state >> 8) ^ TABLES[0][((state ^ u32::from(byte)) & 0xFF) as usize];
    }
    !state
}

/// So many bytes at once: four at least, and no more than there are tables.
fn with_block<const N: usize>(state: u32, block: &[u8; N]) -> u32 {
    let mut bytes = *block;
    bytes.iter_mut().zip(state.to_le_bytes()).for_each(|(byte, mask)| *byte ^= mask);
    let mut next = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        next ^= TABLES[N - 1 - at][usize::from(byte)];
    }
    next
}

/// `TABLES[n][b]`: what byte `b` contributes to the checksum when `n` bytes follow it.
static TABLES: [[u32; 256]; 16] = {
    let mut tables = [[0; 256]; 16];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "a byte")]
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (0x82F6_3B78 * (crc & 1));
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut n = 1;
    while n < 16 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[n - 1][byte];
            tables[n][byte] = (before >> 8) ^ tables[0][(before & 0xFF) as usize];
            byte += 1;
        }
        n += 1;
    }
    tables
};

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3720, B.4.
    #[test]
    fn the_vectors_of_rfc_3720_hold() {
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c(&[0xFF; 32]), 0x62A8_AB43);
        let ascending: [u8; 32] = core::array::from_fn(|at| u8::try_from(at).unwrap_or(0));
        assert_eq!(crc32c(&ascending), 0x46DD_794E);
    }

    #[test]
    fn every_split_gives_the_same_checksum() {
        let bytes: [u8; 67] = core::array::from_fn(|at| u8::try_from(at * 3).unwrap_or(0));
        for split in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(split);
            assert_eq!(crc32c_append(crc32c(head), tail), crc32c(&bytes), "split at {split}");
        }
    }
}
