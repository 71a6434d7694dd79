//! From a state to the bytes of a snapshot.

use bytes::{BufMut, Bytes, BytesMut};

use super::{BODY_BYTES_MAX, END, FORMAT, HEAD, MAGIC, STATE};
use crate::crc32c::crc32c_append;
use crate::membership;
use crate::recovered::SnapshotMeta;
use crate::types::ClusterId;

/// Makes the blocks of one snapshot, in order.
///
/// ```
/// use quorate_core::snapshot::{Framer, Parser, Piece};
/// use quorate_core::{ClusterId, Index, LogId, Membership, NodeId, SnapshotMeta, Term};
///
/// let last_included = LogId { term: Term(2), index: Index(70) };
/// let founders = Membership::of_voters(NodeId::new(1))?;
/// let meta = SnapshotMeta { last_included, ..SnapshotMeta::genesis(founders) };
/// let (mut framer, head) = Framer::new(ClusterId(9), &meta);
/// let bytes = [&head[..], &framer.state(b"half "), &framer.state(b"a state"), &framer.end()].concat();
///
/// let (mut parser, mut state) = (Parser::new(), Vec::new());
/// for cut in bytes.chunks(7) {
///     parser.push(cut, |piece| if let Piece::State(part) = piece { state.extend_from_slice(part) })?;
/// }
/// assert_eq!((parser.complete(), &state[..]), (Some(&meta), &b"half a state"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Framer {
    crc: u32,
    state_bytes: u64,
}

impl Framer {
    /// The longest part of a state that one block holds.
    pub const STATE_BYTES_MAX: usize = BODY_BYTES_MAX;

    /// Begins a snapshot: its first block.
    pub fn new(cluster: ClusterId, meta: &SnapshotMeta) -> (Self, Bytes) {
        let mut head = BytesMut::new();
        head.put_slice(MAGIC);
        head.put_u16_le(FORMAT);
        head.put_u16_le(FORMAT);
        head.put_u32_le(0);
        head.put_u128_le(cluster.0);
        for id in [meta.last_included, meta.membership_at] {
            head.put_u64_le(id.index.0);
            head.put_u64_le(id.term.0);
        }
        head.put_slice(&membership::encode(&meta.membership));
        let mut framer = Self { crc: 0, state_bytes: 0 };
        let block = framer.block(HEAD, &head);
        (framer, block)
    }

    /// The next part of the state.
    ///
    /// # Panics
    /// If it is longer than [`Framer::STATE_BYTES_MAX`].
    pub fn state(&mut self, part: &[u8]) -> Bytes {
        self.state_bytes += part.len() as u64;
        self.block(STATE, part)
    }

    /// That was all.
    pub fn end(mut self) -> Bytes {
        let state_bytes = self.state_bytes.to_le_bytes();
        self.block(END, &state_bytes)
    }

    fn block(&mut self, kind: u8, body: &[u8]) -> Bytes {
        assert!(body.len() <= BODY_BYTES_MAX, "a block of {} bytes", body.len());
        let bytes = u32::try_from(body.len()).expect("at most the limit");
        let mut block = BytesMut::with_capacity(super::HEADER_BYTES + body.len());
        block.put_slice(&[kind, 0, 0, 0]);
        block.put_u32_le(bytes);
        self.crc = crc32c_append(crc32c_append(self.crc, &block), body);
        block.put_u32_le(self.crc);
        block.put_slice(body);
        block.freeze()
    }
}
