//! A running hash. Not for adversaries: for telling two runs, or two logs, apart.

use std::fmt;

use quorate_core::{Entry, Payload, System};

/// FNV-1a over whole words, with a rotation so that high bits count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest(u64);

impl Digest {
    /// Of nothing.
    pub const EMPTY: Self = Self(0xcbf2_9ce4_8422_2325);

    /// Adds a word.
    pub fn word(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
    }

    /// Adds words, but not how many.
    pub fn words(&mut self, words: &[u64]) {
        words.iter().for_each(|&word| self.word(word));
    }

    /// Adds bytes, and how many.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
    }

    /// The digest of a log after one more entry: equal digests, equal logs.
    #[must_use]
    pub fn with_entry(mut self, entry: &Entry) -> Self {
        self.word(entry.id.index.0);
        self.word(entry.id.term.0);
        match &entry.payload {
            Payload::System(System::Noop) => self.word(0),
            Payload::System(System::Membership(record)) => {
                self.word(u64::MAX);
                self.bytes(record.as_bytes());
            }
            Payload::System(System::Time(time)) => {
                self.word(u64::MAX - 1);
                self.word(u64::try_from(time.led().as_nanos()).unwrap_or(u64::MAX));
            }
            Payload::Command(command) => self.bytes(command),
        }
        self
    }

    /// The digest as a number.
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
