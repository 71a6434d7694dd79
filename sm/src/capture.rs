//! A state, written down piece by piece while it goes on to change.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use serde::Serialize;

use crate::codec;
use crate::machine::Undecodable;

/// A state as of some moment, which is written down little by little.
///
/// What makes one should be cheap, because no command is applied meanwhile; the pieces are asked for
/// one at a time, between commands.
pub trait Capture: Send {
    /// Appends the next bytes, about `bytes_max` of them and at least one; says whether that was all.
    fn write(&mut self, into: &mut Vec<u8>, bytes_max: usize) -> bool;
}

/// A state that was written down at once: what a [`StateMachine`](crate::StateMachine) does unless it
/// knows better. Commands wait for as long as that takes.
#[derive(Clone, Debug)]
pub struct Encoded {
    bytes: Vec<u8>,
    at: usize,
}

impl Encoded {
    /// Writes a state down.
    ///
    /// # Panics
    /// If the type cannot be encoded at all: a map or sequence of unknown length.
    pub fn of<T: Serialize + ?Sized>(state: &T) -> Self {
        let mut bytes = Vec::new();
        codec::encode(state, &mut bytes);
        Self { bytes, at: 0 }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl Capture for Encoded {
    fn write(&mut self, into: &mut Vec<u8>, bytes_max: usize) -> bool {
        let stop = self.bytes.len().min(self.at.saturating_add(bytes_max));
        into.extend_from_slice(&self.bytes[self.at..stop]);
        self.at = stop;
        stop == self.bytes.len()
    }
}

/// A list, a set or a map that is written down item by item, as serde would write all of it: for a state
/// that is large, and has a copy that is cheap to make.
///
/// ```
/// use std::collections::BTreeMap;
/// use quorate_sm::{Capture, Encoded, Items};
///
/// let map = BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)]);
/// let (mut items, mut written) = (Items::of(map.clone()), Vec::new());
/// while !items.write(&mut written, 1) {}
/// let mut whole = Vec::new();
/// while !Encoded::of(&map).write(&mut whole, 1000) {}
/// assert_eq!(written, whole);
/// ```
#[derive(Clone, Debug)]
pub struct Items<I> {
    count: Option<usize>,
    items: I,
}

impl<I: ExactSizeIterator> Items<I> {
    /// All that is in a collection.
    pub fn of(collection: impl IntoIterator<IntoIter = I>) -> Self {
        let items = collection.into_iter();
        Self { count: Some(items.len()), items }
    }
}

impl<I: ExactSizeIterator<Item: Serialize> + Send> Capture for Items<I> {
    fn write(&mut self, into: &mut Vec<u8>, bytes_max: usize) -> bool {
        let stop = into.len().saturating_add(bytes_max);
        if let Some(count) = self.count.take() {
            codec::encode(&count, into);
        }
        while into.len() < stop {
            match self.items.next() {
                Some(item) => codec::encode(&item, into),
                None => return true,
            }
        }
        self.items.len() == 0
    }
}

/// The fields of a state, one after the other: each written down as it knows best.
///
/// ```
/// use std::collections::BTreeMap;
/// use quorate_sm::{Encoded, Fields, Items};
///
/// let (large, small) = (BTreeMap::from([(1, "a".to_owned())]), 7_u64);
/// // As a struct of the two would be written.
/// let fields = Fields::default().with(Items::of(large)).with(Encoded::of(&small));
/// ```
#[derive(Default)]
pub struct Fields(VecDeque<Box<dyn Capture>>);

impl Fields {
    /// And this one, which stands behind those before.
    #[must_use]
    pub fn with(mut self, field: impl Capture + 'static) -> Self {
        self.0.push_back(Box::new(field));
        self
    }
}

impl Capture for Fields {
    fn write(&mut self, into: &mut Vec<u8>, bytes_max: usize) -> bool {
        let stop = into.len().saturating_add(bytes_max);
        while into.len() < stop
            && let Some(field) = self.0.front_mut()
        {
            if field.write(into, stop - into.len()) {
                self.0.pop_front();
            }
        }
        self.0.is_empty()
    }
}

impl core::fmt::Debug for Fields {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Fields").field(&self.0.len()).finish()
    }
}

/// What a replica writes down: sections of any length, in pieces, since nobody knows beforehand how long
/// they become.
///
/// ```text
/// state:    version (1 byte) | sections
/// section:  pieces (length u32, at least 1, and bytes) | 0 u32
/// ```
pub(crate) struct Sections {
    version: Option<u8>,
    left: VecDeque<Box<dyn Capture>>,
}

/// The version of the layout.
const VERSION: u8 = 2;

impl Sections {
    pub(crate) fn of(sections: impl IntoIterator<Item = Box<dyn Capture>>) -> Self {
        Self { version: Some(VERSION), left: sections.into_iter().collect() }
    }
}

impl Capture for Sections {
    fn write(&mut self, into: &mut Vec<u8>, bytes_max: usize) -> bool {
        into.extend(self.version.take());
        let Some(section) = self.left.front_mut() else { return true };
        let at = into.len();
        into.extend_from_slice(&[0; LENGTH_BYTES]);
        // The length of a piece is known when it is there.
        let is_last = section.write(into, bytes_max.min(PIECE_BYTES_MAX));
        let length = into.len() - at - LENGTH_BYTES;
        let length = u32::try_from(length).expect("a piece is far below 4 GiB");
        into[at..at + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
        if is_last {
            if length > 0 {
                into.extend_from_slice(&[0; LENGTH_BYTES]);
            }
            self.left.pop_front();
        }
        self.left.is_empty()
    }
}

const LENGTH_BYTES: usize = 4;
const PIECE_BYTES_MAX: usize = 1 << 30;

/// Reads what [`Sections`] wrote, however it is cut.
#[derive(Default)]
pub(crate) struct SectionReader {
    is_begun: bool,
    /// The length of the next piece, as far as it has come.
    length: ([u8; LENGTH_BYTES], usize),
    /// So much is missing of the piece.
    missing: usize,
    is_in_section: bool,
}

/// What is next in sections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cut<'a> {
    /// More bytes of a section.
    Bytes(&'a [u8]),
    /// The section is over.
    End,
}

impl SectionReader {
    /// Takes what is next off `bytes`; `None` if they are used up.
    ///
    /// # Errors
    /// If it is of another version.
    pub(crate) fn next<'a>(
        &mut self,
        bytes: &mut &'a [u8],
    ) -> Result<Option<Cut<'a>>, Undecodable> {
        if !self.is_begun
            && let Some(version) = bytes.split_off_first()
        {
            self.is_begun = true;
            (*version == VERSION).then_some(()).ok_or(Undecodable)?;
        }
        if self.missing == 0 && !self.read_length(bytes)? {
            return Ok(None);
        }
        if self.missing == 0 {
            self.is_in_section = false;
            return Ok(Some(Cut::End));
        }
        self.is_in_section = true;
        let there = bytes.split_off(..self.missing.min(bytes.len())).expect("no more than it has");
        self.missing -= there.len();
        Ok((!there.is_empty()).then_some(Cut::Bytes(there)))
    }

    /// How long the next piece is; false if that has not come yet.
    fn read_length(&mut self, bytes: &mut &[u8]) -> Result<bool, Undecodable> {
        let (length, come) = &mut self.length;
        let more = bytes.len().min(LENGTH_BYTES - *come);
        let more = bytes.split_off(..more).expect("no more than it has");
        length[*come..*come + more.len()].copy_from_slice(more);
        *come += more.len();
        if *come < LENGTH_BYTES {
            return Ok(false);
        }
        *come = 0;
        self.missing = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Undecodable)?;
        Ok(true)
    }

    /// Is nothing cut short?
    pub(crate) fn is_between(&self) -> bool {
        self.is_begun && !self.is_in_section && self.length.1 == 0 && self.missing == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(bytes_max: usize) -> Vec<u8> {
        let sections = ["first", "", "the third, which is longer"];
        let encoded = |text: &str| Encoded { bytes: text.as_bytes().to_vec(), at: 0 };
        let boxed = |text| Box::new(encoded(text)) as Box<dyn Capture>;
        let mut sections = Sections::of(sections.map(boxed));
        let mut state = Vec::new();
        while !sections.write(&mut state, bytes_max) {}
        state
    }

    #[test]
    fn a_state_in_fields_and_items_is_what_serde_writes() {
        type State = (alloc::collections::BTreeMap<u32, alloc::string::String>, u64, Vec<u8>);
        let map = (0..50).map(|number| (number * 1000, "x".repeat(number as usize))).collect();
        for state in [(map, u64::MAX, Vec::from([7; 90])), State::default()] {
            let mut whole = Vec::new();
            codec::encode(&state, &mut whole);
            for bytes_max in [1, 7, 64, 100_000] {
                let fields = Fields::default().with(Items::of(state.0.clone()));
                let mut fields =
                    fields.with(Encoded::of(&state.1)).with(Items::of(state.2.clone()));
                let (mut written, mut pieces) = (Vec::new(), 1);
                while !fields.write(&mut written, bytes_max) {
                    pieces += 1;
                }
                assert_eq!(written, whole, "{pieces} pieces of {bytes_max}");
                assert_eq!(pieces > 1, bytes_max < whole.len(), "{pieces} pieces of {bytes_max}");
            }
        }
    }

    /// The sections that are whole, and is that all?
    fn read(state: &[u8], part_bytes: usize) -> Result<(Vec<Vec<u8>>, bool), Undecodable> {
        let (mut reader, mut whole) = (SectionReader::default(), Vec::new());
        let mut section = Vec::new();
        for mut part in state.chunks(part_bytes) {
            while let Some(cut) = reader.next(&mut part)? {
                match cut {
                    Cut::Bytes(bytes) => section.extend_from_slice(bytes),
                    Cut::End => whole.push(core::mem::take(&mut section)),
                }
            }
            assert_eq!(part, b"", "all of it is taken");
        }
        Ok((whole, reader.is_between()))
    }

    #[test]
    fn sections_are_read_back_whatever_the_pieces() {
        let whole = ["first", "", "the third, which is longer"].map(|it| it.as_bytes().to_vec());
        for (bytes_max, part_bytes) in [(1, 1), (1, 1000), (3, 2), (3, 7), (1000, 1), (1000, 5)] {
            let state = written(bytes_max);
            assert_eq!(read(&state, part_bytes), Ok((whole.to_vec(), true)), "{bytes_max}");
        }
    }

    #[test]
    fn what_is_cut_short_is_no_section() {
        let state = written(3);
        let (mut whole_before, mut betweens) = (0, 0);
        for length in 0..state.len() {
            let (whole, is_between) = read(&state[..length], 4).expect("as far as it goes");
            assert!(whole.len() < 3, "{length} bytes");
            // It is between sections at the beginning, and where one more is whole.
            let is_one_more = whole.len() > whole_before;
            assert_eq!(is_between, length == 1 || is_one_more, "{length} bytes");
            (whole_before, betweens) = (whole.len(), betweens + u32::from(is_between));
        }
        assert_eq!(betweens, 3);
        assert_eq!(read(&[VERSION + 1], 1), Err(Undecodable));
        let endless = [&[VERSION][..], &[0xff; 9]].concat();
        assert_eq!(read(&endless, 4), Ok((Vec::new(), false)), "no memory for what is not there");
    }
}
