//! The chain of batches, and where salts come from.

/// A batch's link to everything before it.
///
/// It tells honest histories apart: two logs that once differed keep differing, although each of
/// their batches is valid in itself (an old copy of a file that was put back, say). Nobody forges
/// it, because whoever can write the log can write anything; so a mix of 64 bits is enough and a
/// cryptographic hash would buy nothing. Each step is a bijection of the running value, so a
/// difference is never forgotten unless a later word happens to cancel it: one chance in 2^64.
pub(super) fn link(chain: u64, lsn: u64, record_bytes: u32, body_crc: u32) -> u64 {
    let body = u64::from(body_crc) << 32 | u64::from(record_bytes);
    mix(mix(chain ^ lsn) ^ body)
}

/// What the chain was before the link `after`: the only one that leads there.
pub(super) fn unlink(after: u64, lsn: u64, record_bytes: u32, body_crc: u32) -> u64 {
    let body = u64::from(body_crc) << 32 | u64::from(record_bytes);
    unmix(unmix(after) ^ body) ^ lsn
}

/// Draws the salts of one run from the seed that the caller drew.
#[derive(Debug)]
pub(super) struct Salts {
    state: u64,
}

impl Salts {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(super) fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }
}

/// 2^64 divided by the golden ratio: odd, and without pattern.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Steele, Lea and Flood's SplitMix64: an offset and the variant 13 of Stafford's finalisers.
fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(GOLDEN);
    let word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

/// The reverse of [`mix`]: the factors are the inverses of its own, modulo 2^64.
fn unmix(word: u64) -> u64 {
    let word = word ^ (word >> 31) ^ (word >> 62);
    let word = word.wrapping_mul(0x3196_42B2_D24D_8EC3);
    let word = word ^ (word >> 27) ^ (word >> 54);
    let word = word.wrapping_mul(0x96DE_1B17_3F11_9089);
    let word = word ^ (word >> 30) ^ (word >> 60);
    word.wrapping_sub(GOLDEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_can_be_undone() {
        for chain in [0, 1, u64::MAX, GOLDEN, mix(7)] {
            assert_eq!(unlink(link(chain, 3, 100, 0xABCD), 3, 100, 0xABCD), chain);
        }
    }

    #[test]
    fn a_link_depends_on_all_before_it() {
        let link_of = |chain| link(chain, 3, 100, 0xABCD);
        assert_ne!(link_of(1), link_of(2));
        assert_ne!(link(1, 3, 100, 0), link(1, 4, 100, 0));
        assert_ne!(link(1, 3, 100, 0), link(1, 3, 101, 0));
        assert_ne!(link(1, 3, 100, 0), link(1, 3, 100, 1));
    }

    #[test]
    fn salts_differ() {
        let mut salts = Salts::new(0);
        assert_ne!(salts.draw(), salts.draw());
    }
}
