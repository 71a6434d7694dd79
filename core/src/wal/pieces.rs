//! Writes cut to the size of batches.

use alloc::vec::Vec;

use super::layout::RECORD_HEADER_BYTES;
use super::record::record_bytes;
use crate::effect::Write;
use crate::entry::Entry;
use crate::types::LogId;

/// "Discard all after `prev`, then append", short enough for one batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Piece<'a> {
    pub(super) prev: LogId,
    pub(super) entries: &'a [Entry],
    /// The length of its records, a truncation included.
    pub(super) record_bytes: u64,
}

/// The changes of the log in `writes`: one piece for each, unless it is longer than
/// `record_bytes_max`.
pub(super) fn pieces(writes: &[Write], record_bytes_max: u64) -> Vec<Piece<'_>> {
    let mut pieces = Vec::with_capacity(writes.len());
    for append in writes.iter().filter_map(|write| write.append.as_ref()) {
        let (mut prev, mut rest) = (append.prev, &append.entries[..]);
        loop {
            let (piece, later) = first_piece(prev, rest, record_bytes_max);
            pieces.push(piece);
            let Some(last) = piece.entries.last().filter(|_| !later.is_empty()) else { break };
            (prev, rest) = (last.id, later);
        }
    }
    pieces
}

/// As many entries as fit, at least one if there are any, and the rest.
fn first_piece(prev: LogId, entries: &[Entry], record_bytes_max: u64) -> (Piece<'_>, &[Entry]) {
    let mut bytes = RECORD_HEADER_BYTES as u64;
    let mut count = 0;
    for entry in entries {
        let more = record_bytes(entry.payload.len_bytes());
        if count > 0 && bytes + more > record_bytes_max {
            break;
        }
        (bytes, count) = (bytes + more, count + 1);
    }
    let (entries, later) = entries.split_at(count);
    (Piece { prev, entries, record_bytes: bytes }, later)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::Append;
    use crate::entry::{Entries, Payload};
    use crate::types::{Index, Term, Ticket};
    use alloc::vec;

    fn write(first: u64, lengths: &[usize]) -> Write {
        let entries = lengths.iter().zip(first..).map(|(&length, index)| Entry {
            id: LogId { term: Term(1), index: Index(index) },
            payload: Payload::Command(vec![7; length].into()),
        });
        let prev = LogId { term: Term(1), index: Index(first - 1) };
        let entries = Entries::new(entries).expect("a run");
        Write {
            ticket: Ticket(first),
            snapshot: None,
            hard_state: None,
            append: Some(Append { prev, entries }),
        }
    }

    #[test]
    fn a_write_is_one_piece_unless_it_is_too_long() {
        let writes = [write(1, &[8, 8]), write(3, &[8, 8, 8]), write(6, &[])];
        let lengths = |max| -> Vec<_> {
            let cut = pieces(&writes, max);
            cut.iter().map(|piece| (piece.prev.index.0, piece.entries.len())).collect()
        };
        assert_eq!(lengths(184), [(0, 2), (2, 3), (5, 0)]);
        assert_eq!(lengths(183), [(0, 2), (2, 2), (4, 1), (5, 0)]);
        assert_eq!(lengths(1), [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1), (5, 0)]);
    }
}
