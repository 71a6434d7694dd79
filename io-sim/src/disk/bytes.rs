//! What a file holds. Zeros take no room, and a copy shares everything that neither has changed since:
//! logs write segments full of zeros ahead, and what a crash would leave is copied often.

use std::ops::Range;
use std::sync::Arc;

const BLOCK: usize = 4096;

static ZEROS: [u8; BLOCK] = [0; BLOCK];

/// Invariants: there are as many blocks as the length needs, and bytes of the last one behind the
/// length are zero.
#[derive(Clone, Debug, Default)]
pub(super) struct Bytes {
    /// `None` are zeros.
    blocks: Vec<Option<Arc<[u8; BLOCK]>>>,
    length: usize,
}

impl Bytes {
    /// Nothing but zeros.
    pub(super) fn zeros(length: usize) -> Self {
        Self { blocks: vec![None; length.div_ceil(BLOCK)], length }
    }

    pub(super) const fn len(&self) -> usize {
        self.length
    }

    /// New bytes are zeros.
    pub(super) fn resize(&mut self, length: usize) {
        self.blocks.resize(length.div_ceil(BLOCK), None);
        let kept = length % BLOCK;
        if length < self.length
            && kept > 0
            && let Some(Some(last)) = self.blocks.last_mut()
        {
            Arc::make_mut(last)[kept..].fill(0);
        }
        self.length = length;
    }

    /// Fills `into` from `offset` on, or says that there are not so many bytes.
    #[must_use]
    pub(super) fn read(&self, offset: usize, into: &mut [u8]) -> bool {
        let range = offset..offset.saturating_add(into.len());
        if range.end > self.length {
            return false;
        }
        for (at, place, part) in parts(range) {
            into[part].copy_from_slice(&self.block(at)[place]);
        }
        true
    }

    /// Overwrites bytes that are there.
    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        let range = offset..offset + bytes.len();
        assert!(range.end <= self.length, "only what is there is overwritten");
        for (at, place, part) in parts(range) {
            let new = &bytes[part];
            let is_blank = new == &ZEROS[..new.len()];
            match &mut self.blocks[at] {
                block if is_blank && place.len() == BLOCK => *block = None,
                None if is_blank => {}
                block => {
                    let held = block.get_or_insert_with(|| Arc::new(ZEROS));
                    Arc::make_mut(held)[place].copy_from_slice(new);
                }
            }
        }
    }

    /// The bytes of a range, with zeros behind the end. What begins with a block is shared.
    pub(super) fn cut(&self, range: Range<usize>) -> Self {
        let mut cut = Self::zeros(range.len());
        let start = range.start.min(self.length);
        cut.copy(self, start, 0, range.end.min(self.length) - start);
        cut
    }

    /// Overwrites bytes that are there with others.
    pub(super) fn copy(&mut self, from: &Self, start: usize, to: usize, count: usize) {
        assert!(start + count <= from.length, "only what is there is copied");
        assert!(to + count <= self.length, "only what is there is overwritten");
        for (at, place, part) in parts(start..start + count) {
            let target = to + part.start;
            if place.len() == BLOCK && target.is_multiple_of(BLOCK) {
                self.blocks[target / BLOCK].clone_from(&from.blocks[at]);
            } else {
                self.write(target, &from.block(at)[place]);
            }
        }
    }

    /// Is there anything but zeros in the range?
    pub(super) fn is_written(&self, range: Range<usize>) -> bool {
        let range = range.start..range.end.min(self.length);
        parts(range).any(|(at, place, _)| {
            let block = self.blocks[at].as_ref();
            block.is_some_and(|block| block[place.clone()] != ZEROS[place])
        })
    }

    /// All bytes, a piece at a time.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        parts(0..self.length).map(|(at, place, _)| &self.block(at)[place])
    }

    fn block(&self, at: usize) -> &[u8; BLOCK] {
        self.blocks[at].as_deref().unwrap_or(&ZEROS)
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        let mut new = Self::zeros(bytes.len());
        new.write(0, bytes);
        new
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        self.length == other.length && self.pieces().eq(other.pieces())
    }
}

impl Eq for Bytes {}

/// The blocks that a range lies in: each with the place in the block, and the part of the range.
fn parts(range: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>, Range<usize>)> {
    let mut from = range.start;
    std::iter::from_fn(move || {
        if from >= range.end {
            return None;
        }
        let at = from / BLOCK;
        let to = ((at + 1) * BLOCK).min(range.end);
        let part = from - range.start..to - range.start;
        let place = from - at * BLOCK..to - at * BLOCK;
        from = to;
        Some((at, place, part))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX: usize = 3 * BLOCK;

    #[derive(Clone, Debug)]
    enum Step {
        Resize(usize),
        Write(usize, Vec<u8>),
        Cut(usize, usize),
        Copy(usize, usize, usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let place = || prop_oneof![0..MAX, (0..=3usize).prop_map(|at| at * BLOCK)];
        let bytes = (prop_oneof![Just(0u8), any::<u8>()], place());
        prop_oneof![
            place().prop_map(Step::Resize),
            (place(), bytes).prop_map(|(at, (byte, count))| Step::Write(at, vec![byte; count])),
            (place(), place()).prop_map(|(from, to)| Step::Cut(from.min(to), from.max(to))),
            (place(), place(), place()).prop_map(|(from, to, count)| Step::Copy(from, to, count)),
        ]
    }

    fn all(bytes: &Bytes) -> Vec<u8> {
        bytes.pieces().flatten().copied().collect()
    }

    proptest! {
        #[test]
        fn they_are_what_a_vector_would_be(steps in prop::collection::vec(step(), 1..20)) {
            let (mut bytes, mut model, mut other) = (Bytes::default(), Vec::new(), Bytes::default());
            for step in steps {
                let before = (bytes.clone(), model.clone());
                match step {
                    Step::Resize(length) => {
                        bytes.resize(length);
                        model.resize(length, 0);
                    }
                    Step::Write(offset, new) => {
                        let offset = offset.min(model.len());
                        let count = new.len().min(model.len() - offset);
                        bytes.write(offset, &new[..count]);
                        model[offset..offset + count].copy_from_slice(&new[..count]);
                    }
                    Step::Cut(from, to) => {
                        let cut = bytes.cut(from..to);
                        let padded = model.iter().copied().chain(std::iter::repeat(0));
                        let wanted: Vec<u8> = padded.skip(from).take(to - from).collect();
                        prop_assert_eq!(all(&cut), wanted);
                        other = cut;
                    }
                    Step::Copy(from, to, count) => {
                        let (from, to) = (from.min(other.len()), to.min(model.len()));
                        let count = count.min(other.len() - from).min(model.len() - to);
                        model[to..to + count].copy_from_slice(&all(&other)[from..from + count]);
                        bytes.copy(&other, from, to, count);
                    }
                }
                prop_assert_eq!(all(&bytes), model.clone());
                prop_assert_eq!(all(&before.0), before.1, "a copy is a copy");
                prop_assert_eq!(&bytes, &Bytes::from(&model[..]), "however it came about");
                let mut read = vec![1; model.len() / 2];
                prop_assert!(bytes.read(model.len() / 3, &mut read));
                prop_assert_eq!(&read[..], &model[model.len() / 3..][..read.len()]);
                let range = model.len() / 4..model.len() / 2;
                let is_written = model[range.clone()].iter().any(|&byte| byte != 0);
                prop_assert_eq!(bytes.is_written(range), is_written);
            }
            prop_assert!(!bytes.read(model.len(), &mut [0]));
        }
    }
}
