//! Names for things too large to keep: 128 bits of hash, or 64 for whole states.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// A running hash of 128 bits. Other than [`Digest`](crate::digest::Digest) it is made for billions
/// of things that differ in little.
#[derive(Clone, Copy)]
pub(crate) struct Fingerprint(u64, u64);

impl Fingerprint {
    /// Of nothing.
    pub(crate) const EMPTY: Self = Self(0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344);

    /// Adds a word.
    pub(crate) fn word(&mut self, word: u64) {
        self.0 = mix(self.0 ^ word);
        self.1 = mix(self.1.rotate_left(31) ^ word);
    }

    /// Of bytes, and how many.
    pub(crate) fn of_bytes(bytes: &[u8]) -> u128 {
        let mut print = Self::EMPTY;
        print.word(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            print.word(u64::from_le_bytes(word));
        }
        print.value()
    }

    /// All of it.
    pub(crate) fn value(self) -> u128 {
        u128::from(self.0) << 64 | u128::from(self.1)
    }

    /// Half of it.
    pub(crate) fn half(self) -> u64 {
        self.0
    }
}

/// A permutation in which every bit of the input moves every bit of the output (the finish of
/// `SplitMix64`, behind its step).
fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Numbers by fingerprint.
#[derive(Default)]
pub(crate) struct Numbers(HashTable<(u128, u32)>);

impl Numbers {
    /// The number of this fingerprint, if it has one.
    pub(crate) fn get(&self, key: u128) -> Option<u32> {
        self.0.find(Self::hash(key), |slot| slot.0 == key).map(|slot| slot.1)
    }

    /// Gives a number to a fingerprint that has none.
    pub(crate) fn insert(&mut self, key: u128, number: u32) {
        self.0.insert_unique(Self::hash(key), (key, number), |slot| Self::hash(slot.0));
    }

    #[expect(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
    fn hash(key: u128) -> u64 {
        key as u64
    }
}

/// The states that were seen, by half a fingerprint: with n of them, one was taken for another with
/// a probability of about n^2 / 2^65.
#[derive(Default)]
pub(crate) struct Seen(HashTable<u64>);

impl Seen {
    /// Adds a state; says whether it is new.
    pub(crate) fn insert(&mut self, state: u64) -> bool {
        match self.0.entry(state, |&slot| slot == state, |&slot| slot) {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert(state);
                true
            }
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.allocation_size()
    }
}

#[cfg(test)]
mod tests {
    use super::{Fingerprint, Seen};

    #[test]
    fn what_differs_in_one_bit_differs_in_name() {
        let mut seen = Seen::default();
        for bit in 0..=24 * 8 {
            let mut bytes = [0_u8; 25];
            bytes[bit / 8] ^= 1 << (bit % 8);
            let print = Fingerprint::of_bytes(&bytes);
            let [high, low] =
                [64, 0].map(|shift| u64::try_from(print >> shift & u128::from(u64::MAX)));
            assert!(seen.insert(high.expect("masked")) && seen.insert(low.expect("masked")));
        }
        assert_ne!(Fingerprint::of_bytes(&[0; 8]), Fingerprint::of_bytes(&[0; 9]), "lengths count");
    }
}
