//! Tables of fixed hash: the same run over the same input, whatever the process.

use std::hash::{Hash, Hasher};

use hashbrown::HashTable;

/// Multiply and rotate, with the last word mixed in both directions, since the table uses the
/// highest and the lowest bits.
#[derive(Default)]
struct Mix(u64);

const ODD: u64 = 0x9E37_79B9_7F4A_7C15;

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for &word in words {
            self.write_u64(u64::from_le_bytes(word));
        }
        for &byte in rest {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(23) ^ value).wrapping_mul(ODD);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn finish(&self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(ODD);
        mixed ^ (mixed >> 29)
    }
}

fn hash_of<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut mix = Mix::default();
    value.hash(&mut mix);
    mix.finish()
}

/// Gives equal things the same small number, counting from 0.
pub(super) struct Interner<T> {
    items: Vec<T>,
    numbers: HashTable<usize>,
}

impl<T: Eq + Hash> Interner<T> {
    pub(super) const fn new() -> Self {
        Self { items: Vec::new(), numbers: HashTable::new() }
    }

    /// The number of `item`, and whether it is new.
    pub(super) fn number(&mut self, item: T) -> (usize, bool) {
        let Self { items, numbers } = self;
        let entry = numbers.entry(
            hash_of(&item),
            |&number| items[number] == item,
            |&number| hash_of(&items[number]),
        );
        match entry {
            hashbrown::hash_table::Entry::Occupied(found) => (*found.get(), false),
            hashbrown::hash_table::Entry::Vacant(vacant) => {
                let number = items.len();
                vacant.insert(number);
                items.push(item);
                (number, true)
            }
        }
    }

    pub(super) fn get(&self, number: usize) -> &T {
        &self.items[number]
    }
}

/// For each key, the bit sets that were put under it; a set is covered by any of its subsets.
///
/// Keys and sets are runs of words of fixed length, kept end to end.
pub(super) struct Covers {
    key_words: usize,
    set_words: usize,
    keys: Vec<u64>,
    /// For each key, its newest set.
    newest: Vec<usize>,
    numbers: HashTable<usize>,
    sets: Vec<u64>,
    /// For each set, the next older one of its key.
    older: Vec<usize>,
}

const NONE: usize = usize::MAX;

impl Covers {
    pub(super) const fn new(key_words: usize, set_words: usize) -> Self {
        Self {
            key_words,
            set_words,
            keys: Vec::new(),
            newest: Vec::new(),
            numbers: HashTable::new(),
            sets: Vec::new(),
            older: Vec::new(),
        }
    }

    /// Puts `set` under `key`, unless a subset of it is there; says whether it did.
    pub(super) fn insert(&mut self, key: &[u64], set: &[u64]) -> bool {
        debug_assert_eq!((key.len(), set.len()), (self.key_words, self.set_words));
        let number = self.key_number(key);
        if self.covers_under(number, set) {
            return false;
        }
        self.older.push(self.newest[number]);
        self.newest[number] = self.older.len() - 1;
        self.sets.extend_from_slice(set);
        true
    }

    /// What the table takes in memory.
    pub(super) const fn bytes(&self) -> usize {
        // A key has its words, its newest set and its number, at a load of one half; a set has its
        // words and its neighbour.
        self.newest.len() * (self.key_words * 8 + 26) + self.older.len() * (self.set_words * 8 + 8)
    }

    fn key_number(&mut self, key: &[u64]) -> usize {
        let Self { key_words, keys, numbers, newest, .. } = self;
        let key_at = |number: usize| &keys[number * *key_words..][..*key_words];
        let entry = numbers.entry(
            hash_of(key),
            |&number| key_at(number) == key,
            |&number| hash_of(key_at(number)),
        );
        match entry {
            hashbrown::hash_table::Entry::Occupied(found) => *found.get(),
            hashbrown::hash_table::Entry::Vacant(vacant) => {
                let number = newest.len();
                vacant.insert(number);
                newest.push(NONE);
                keys.extend_from_slice(key);
                number
            }
        }
    }

    fn covers_under(&self, number: usize, set: &[u64]) -> bool {
        let mut at = self.newest[number];
        while at != NONE {
            let known = &self.sets[at * self.set_words..][..self.set_words];
            if known.iter().zip(set).all(|(known, bits)| known & !bits == 0) {
                return true;
            }
            at = self.older[at];
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_things_have_one_number() {
        let mut interner = Interner::new();
        let numbers: Vec<_> = (0..1000).map(|n| interner.number(n % 300)).collect();
        assert_eq!(numbers[299], (299, true));
        assert_eq!(numbers[300], (0, false));
        assert_eq!(*interner.get(7), 7);
    }

    #[test]
    fn a_set_is_covered_by_its_subsets_under_the_same_key_only() {
        let mut covers = Covers::new(2, 1);
        assert!(covers.insert(&[1, 2], &[0b0110]));
        assert!(!covers.insert(&[1, 2], &[0b0111]), "a subset is there");
        assert!(covers.insert(&[1, 2], &[0b0011]), "only a neighbour is there");
        assert!(covers.insert(&[1, 3], &[0b0110]), "only under another key");
        assert!(!covers.insert(&[1, 2], &[0b1011]), "an older subset is there");
    }
}
