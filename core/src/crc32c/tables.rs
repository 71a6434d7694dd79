//! The checksum by tables: for processors without an instruction, and for those who want no unsafe code at
//! all.

pub(super) fn append(crc: u32, bytes: &[u8]) -> u32 {
    let mut state = !crc;
    let (pairs, rest) = bytes.as_chunks::<{ 2 * STRETCH_BYTES }>();
    for pair in pairs {
        state = with_pair(state, pair);
    }
    let (blocks, rest) = rest.as_chunks::<16>();
    state = blocks.iter().fold(state, with_block);
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

/// Two stretches side by side: each step of one waits for the step before it, and lets the processor
/// work on the other meanwhile.
fn with_pair(state: u32, pair: &[u8; 2 * STRETCH_BYTES]) -> u32 {
    let (one, two) = pair.split_at(STRETCH_BYTES);
    let blocks = one.as_chunks::<16>().0.iter().zip(two.as_chunks::<16>().0);
    let (one, two) = blocks.fold((state, 0), |(one, two), (block_one, block_two)| {
        (with_block(one, block_one), with_block(two, block_two))
    });
    // The checksum is linear: what came first contributes as if zeros followed it.
    let [b0, b1, b2, b3] = one.to_le_bytes().map(usize::from);
    two ^ BEFORE_STRETCH[0][b0]
        ^ BEFORE_STRETCH[1][b1]
        ^ BEFORE_STRETCH[2][b2]
        ^ BEFORE_STRETCH[3][b3]
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

const STRETCH_BYTES: usize = 1 << STRETCH_BITS;
const STRETCH_BITS: u32 = 8;

/// `BEFORE_STRETCH[n][b]`: what a state whose byte `n` is `b` becomes after a stretch of zeros.
static BEFORE_STRETCH: [[u32; 256]; 4] = {
    // What becomes of each bit of a state, after one zero byte at first.
    let mut bits = [0; 32];
    let mut bit = 0;
    while bit < 32 {
        bits[bit] = if bit < 8 { TABLES[0][1 << bit] } else { 1 << (bit - 8) };
        bit += 1;
    }
    let mut doublings = 0;
    while doublings < STRETCH_BITS {
        let mut twice = [0; 32];
        let mut bit = 0;
        while bit < 32 {
            twice[bit] = sum_of(&bits, bits[bit]);
            bit += 1;
        }
        bits = twice;
        doublings += 1;
    }
    let mut tables = [[0; 256]; 4];
    let mut at = 0;
    while at < 4 * 256 {
        #[expect(clippy::cast_possible_truncation, reason = "below 1024")]
        let state = (at as u32 % 256) << (at / 256 * 8);
        tables[at / 256][at % 256] = sum_of(&bits, state);
        at += 1;
    }
    tables
};

/// The sum of what becomes of the bits that are set.
const fn sum_of(bits: &[u32; 32], set: u32) -> u32 {
    let mut sum = 0;
    let mut bit = 0;
    while bit < 32 {
        if set >> bit & 1 == 1 {
            sum ^= bits[bit];
        }
        bit += 1;
    }
    sum
}
