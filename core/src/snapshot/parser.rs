//! From the bytes of a snapshot back to a state.

use alloc::vec::Vec;

use super::{BODY_BYTES_MAX, END, FORMAT, HEAD, HEAD_BYTES_MIN, HEADER_BYTES, MAGIC, STATE};
use crate::crc32c::crc32c_append;
use crate::membership::MembershipRecord;
use crate::recovered::SnapshotMeta;
use crate::types::{ClusterId, Index, LogId, Term};

/// Takes the blocks of one snapshot apart and checks them, however their bytes are cut. Holds one
/// block at most.
#[derive(Clone, Debug, Default)]
pub struct Parser {
    /// The beginning of a block.
    rest: Vec<u8>,
    crc: u32,
    state_bytes: u64,
    head: Option<(ClusterId, SnapshotMeta)>,
    is_over: bool,
}

/// What a block holds, checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Piece<'a> {
    /// Whose snapshot it is, and what it covers.
    Head(ClusterId, &'a SnapshotMeta),
    /// The next part of the state.
    State(&'a [u8]),
    /// That was all.
    End,
}

/// Why bytes are no snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A checksum is wrong: the bytes are damaged, or were no snapshot from the beginning.
    #[error("the checksum of a block is wrong")]
    Checksum,
    /// The blocks are sound and make no sense.
    #[error("malformed: {0}")]
    Malformed(&'static str),
    /// A later version wrote it.
    #[error("format {format} is not known to this version")]
    Unsupported {
        /// The oldest version that reads it.
        format: u16,
    },
}

impl Parser {
    /// Nothing came yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the snapshot covers, once all of it came and was found sound.
    pub fn complete(&self) -> Option<&SnapshotMeta> {
        self.head.as_ref().filter(|_| self.is_over).map(|(_, meta)| meta)
    }

    /// What the snapshot says to cover, once its head came.
    pub fn head(&self) -> Option<&(ClusterId, SnapshotMeta)> {
        self.head.as_ref()
    }

    /// Takes the next bytes; tells of each block that they complete.
    ///
    /// # Errors
    /// See [`SnapshotError`]. Nothing is told of the block at fault, nor of any after it.
    pub fn push(
        &mut self,
        mut bytes: &[u8],
        mut tell: impl FnMut(Piece<'_>),
    ) -> Result<(), SnapshotError> {
        while !bytes.is_empty() {
            if self.is_over {
                return Err(SnapshotError::Malformed("something follows the end"));
            }
            let missing = self.block_bytes()? - self.rest.len();
            let (more, later) = bytes.split_at(missing.min(bytes.len()));
            self.rest.extend_from_slice(more);
            bytes = later;
            // Also of a block that has only begun: a length beyond the limit is refused here and now,
            // however the bytes are cut.
            let block_bytes = self.block_bytes()?;
            if self.rest.len() >= HEADER_BYTES && self.rest.len() == block_bytes {
                let block = core::mem::take(&mut self.rest);
                self.take(&block, &mut tell)?;
                self.rest = block;
                self.rest.clear();
            }
        }
        Ok(())
    }

    /// The length of the block that has begun, as far as that is known.
    fn block_bytes(&self) -> Result<usize, SnapshotError> {
        let Some((_, bytes)) = self.rest.first_chunk::<8>().map(|it| it.split_at(4)) else {
            return Ok(HEADER_BYTES);
        };
        let bytes = u32::from_le_bytes(bytes.try_into().expect("four of eight bytes"));
        match usize::try_from(bytes) {
            Ok(bytes) if bytes <= BODY_BYTES_MAX => Ok(HEADER_BYTES + bytes),
            _ => Err(SnapshotError::Malformed("a block that is too long")),
        }
    }

    fn take(
        &mut self,
        block: &[u8],
        tell: &mut impl FnMut(Piece<'_>),
    ) -> Result<(), SnapshotError> {
        let (header, body) = block.split_at(HEADER_BYTES);
        let crc = crc32c_append(crc32c_append(self.crc, &header[..8]), body);
        if header[8..] != crc.to_le_bytes() {
            return Err(SnapshotError::Checksum);
        }
        self.crc = crc;
        if header[1..4] != [0; 3] {
            return Err(SnapshotError::Malformed("flags"));
        }
        match (header[0], &self.head) {
            (HEAD, None) => {
                let head = self.head.insert(head(body)?);
                tell(Piece::Head(head.0, &head.1));
            }
            (STATE, Some(_)) => {
                self.state_bytes += body.len() as u64;
                tell(Piece::State(body));
            }
            (END, Some(_)) if body == self.state_bytes.to_le_bytes() => {
                self.is_over = true;
                tell(Piece::End);
            }
            (END, Some(_)) => return Err(SnapshotError::Malformed("a part is missing")),
            _ => return Err(SnapshotError::Malformed("a block out of place")),
        }
        Ok(())
    }
}

fn head(body: &[u8]) -> Result<(ClusterId, SnapshotMeta), SnapshotError> {
    let malformed = SnapshotError::Malformed("head");
    if !body.starts_with(MAGIC) || body.len() < HEAD_BYTES_MIN {
        return Err(malformed);
    }
    let word = |at: usize| u64::from_le_bytes(body[at..at + 8].try_into().expect("eight bytes"));
    let min_reader = u16::from_le_bytes([body[10], body[11]]);
    if min_reader > FORMAT {
        return Err(SnapshotError::Unsupported { format: min_reader });
    }
    if body[12..16] != [0; 4] {
        return Err(SnapshotError::Malformed("group"));
    }
    let cluster = ClusterId(u128::from(word(24)) << 64 | u128::from(word(16)));
    let id = |at: usize| LogId { index: Index(word(at)), term: Term(word(at + 8)) };
    let (last_included, membership_at) = (id(32), id(48));
    let record = MembershipRecord::parse(&body[HEAD_BYTES_MIN..]).ok_or(malformed)?;
    let meta = SnapshotMeta { last_included, membership_at, membership: record.membership() };
    if !meta.covers_something() {
        return Err(malformed);
    }
    Ok((cluster, meta))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membership::Membership;
    use crate::snapshot::Framer;
    use crate::types::NodeId;

    fn meta() -> SnapshotMeta {
        let ids = [1, 2, 3].map(|id| NodeId::new(id).expect("not zero"));
        let membership = Membership::of_voters(ids).expect("three voters");
        let id = |term, index| LogId { term: Term(term), index: Index(index) };
        SnapshotMeta { last_included: id(3, 70), membership_at: id(2, 9), membership }
    }

    fn sound() -> Vec<u8> {
        let (mut framer, head) = Framer::new(ClusterId(7), &meta());
        let parts = [framer.state(b"some"), framer.state(b""), framer.state(&[0; 300])];
        [&head[..], &parts.concat(), &framer.end()].concat()
    }

    fn parse(bytes: &[u8]) -> Result<(Vec<u8>, bool), SnapshotError> {
        let (mut parser, mut state) = (Parser::new(), Vec::new());
        parser.push(bytes, |piece| {
            if let Piece::State(part) = piece {
                state.extend_from_slice(part);
            }
        })?;
        Ok((state, parser.complete() == Some(&meta())))
    }

    #[test]
    fn a_snapshot_is_read_back_wherever_it_is_cut() {
        let (sound, state) = (sound(), [&b"some"[..], &[0; 300]].concat());
        assert_eq!(parse(&sound), Ok((state.clone(), true)));
        for size in [1, 5, 12, 13, 100] {
            let (mut parser, mut pieces) = (Parser::new(), 0);
            sound.chunks(size).for_each(|cut| {
                parser.push(cut, |_| pieces += 1).expect("sound");
            });
            assert_eq!((parser.complete(), pieces), (Some(&meta()), 5));
        }
        for stop in 0..sound.len() {
            assert!(parse(&sound[..stop]).is_ok_and(|(_, complete)| !complete), "{stop}");
        }
    }

    /// FAULTS S07, D18: no snapshot is complete with a flipped bit, and nothing of a damaged block is
    /// told. A block that seems longer than it is waits for what does not come.
    #[test]
    fn every_flipped_bit_is_noticed() {
        let (sound, state) = (sound(), [&b"some"[..], &[0; 300]].concat());
        for (at, bit) in (0..sound.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut bytes = sound.clone();
            bytes[at] ^= 1 << bit;
            match parse(&bytes) {
                Err(_) => {}
                Ok((told, is_complete)) => {
                    assert!(!is_complete && state.starts_with(&told), "{at}, bit {bit}");
                }
            }
        }
    }

    #[test]
    fn heads_that_no_snapshot_has_are_refused() {
        let id = |term, index| LogId { term: Term(term), index: Index(index) };
        let parse = |last_included, membership_at| {
            let meta = SnapshotMeta { last_included, membership_at, ..meta() };
            parse(&Framer::new(ClusterId(7), &meta).1).map(drop)
        };
        let last = Index::LAST.0;
        assert_eq!(parse(id(3, last), id(3, 70)), Ok(()));
        let bad = Err(SnapshotError::Malformed("head"));
        assert_eq!(parse(id(3, last + 1), id(3, 70)), bad, "beyond the last index");
        assert_eq!(parse(id(3, 0), LogId::ZERO), bad, "of nothing");
        assert_eq!(parse(id(3, 70), id(3, 71)), bad, "a membership to come");
        assert_eq!(parse(id(3, 70), id(4, 70)), bad, "a membership of a term to come");
    }

    #[test]
    fn blocks_that_make_no_sense_are_refused() {
        let (framer, head) = Framer::new(ClusterId(7), &meta());
        let end = framer.clone().end();
        let after = |blocks: &[&[u8]]| parse(&blocks.concat());
        assert!(after(&[&sound(), b"x"]).is_err(), "something follows");
        assert!(after(&[&head, &head]).is_err(), "two heads");
        assert!(after(&[&end]).is_err(), "an end without a beginning");
        assert_eq!(after(&[&head, &end]), Ok((Vec::new(), true)), "an empty state");
        let long = [2, 0, 0, 0, 1, 0, 16, 0, 0, 0, 0, 0];
        assert!(after(&[&head, &long]).is_err(), "a length beyond the limit");
        assert!(after(&[&head, &long[..8]]).is_err(), "with nothing behind it");
    }
}
