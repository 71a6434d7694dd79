//! Entries on the wire: tables of fixed width, then the payloads back to back.
//!
//! ```text
//! count u32 | runs u32 | runs x (term u64, count u32) | count x word u32 | payloads | fill
//! ```
//! The entries of a message follow one another, so their indexes are not written and their terms
//! only where they change. A word is the kind of an entry in its upper 4 bits and the length of its
//! payload in the lower 28. No entries are no bytes.

use bytes::{BufMut, Bytes, BytesMut};

use crate::entry::{Entries, Entry, LeaderTime, Payload, System};
use crate::membership::MembershipRecord;
use crate::types::{Index, LogId, Term};
use crate::wire::DecodeError;
use crate::wire::header::nothing_follows;

const COUNTS_BYTES: usize = 8;
const RUN_BYTES: usize = 12;
const WORD_BYTES: usize = 4;
const LENGTH_BITS: u32 = 28;
const COMMAND: u32 = 0;
const NOOP: u32 = 1;
const MEMBERSHIP: u32 = 2;
const TIME: u32 = 3;

/// What the payloads take up per entry at least; shorter ones are filled up at the end. Entries
/// then weigh on the wire at least a quarter of what they do in memory, which bounds what a frame
/// can make its receiver allocate, without a limit on entries that an honest sender could break.
const PAYLOAD_BYTES_MIN: usize = 8;
const _: () = assert!(size_of::<Entry>() <= 4 * (WORD_BYTES + PAYLOAD_BYTES_MIN));

/// The bytes of these entries, without their indexes.
pub fn encode_entries(entries: &Entries) -> Bytes {
    let mut out = BytesMut::new();
    encode(entries, &mut out);
    out.freeze()
}

/// The entries in these bytes, the first of which has the index after `prev`. Their commands are slices of
/// `bytes`.
///
/// # Errors
/// See [`DecodeError`].
pub fn decode_entries(prev: Index, bytes: &Bytes) -> Result<Entries, DecodeError> {
    decode(prev, bytes)
}

/// Appends the entries.
pub(super) fn encode(entries: &Entries, out: &mut BytesMut) {
    if entries.is_empty() {
        return;
    }
    let runs = || entries.chunk_by(|one, next| one.id.term == next.id.term);
    let run_count = runs().count();
    let payload_bytes: usize = entries.iter().map(|entry| entry.payload.as_bytes().len()).sum();
    let fill = (entries.len() * PAYLOAD_BYTES_MIN).saturating_sub(payload_bytes);
    let tables = COUNTS_BYTES + run_count * RUN_BYTES + entries.len() * WORD_BYTES;
    out.reserve(tables + payload_bytes + fill);

    out.put_u32_le(u32_of(entries.len()));
    out.put_u32_le(u32_of(run_count));
    for run in runs() {
        out.put_u64_le(run[0].id.term.0);
        out.put_u32_le(u32_of(run.len()));
    }
    let words_at = out.len();
    out.put_bytes(0, entries.len() * WORD_BYTES);
    let (words, _) = out[words_at..].as_chunks_mut();
    for (slot, entry) in words.iter_mut().zip(entries.iter()) {
        *slot = word(&entry.payload).to_le_bytes();
    }
    for entry in entries.iter() {
        out.put_slice(entry.payload.as_bytes());
    }
    out.put_bytes(0, fill);
}

/// The entries in `bytes`, the first of which has the index after `prev`. Their commands are
/// slices of `bytes`.
pub(super) fn decode(prev: Index, bytes: &Bytes) -> Result<Entries, DecodeError> {
    if bytes.is_empty() {
        return Ok(Entries::EMPTY);
    }
    let tables = Tables::split(bytes)?;
    tables.check(prev)?;
    // Nothing was allocated so far, and from here on nothing can fail. Every step of the iterator
    // knows its length, so that the one allocation is the entries' own.
    let (mut run, mut left) = (0, 0);
    let (mut at, mut index) = (bytes.len() - tables.payloads.len(), prev);
    let entries = tables.words.iter().map(|word| {
        if left == 0 {
            left = run_of(&tables.runs[run]).1;
            run += 1;
        }
        left -= 1;
        index = index.next();
        let (kind, len) = kind_and_len(word);
        at += len;
        let payload = match kind {
            NOOP => Payload::NOOP,
            MEMBERSHIP => {
                let record = MembershipRecord::parse(&bytes[at - len..at]);
                Payload::System(System::Membership(record.expect("the tables were checked")))
            }
            TIME => {
                let time = LeaderTime::parse(&bytes[at - len..at]);
                Payload::System(System::Time(time.expect("the tables were checked")))
            }
            _ => Payload::Command(bytes.slice(at - len..at)),
        };
        Entry { id: LogId { term: run_of(&tables.runs[run - 1]).0, index }, payload }
    });
    Entries::new(entries).map_err(|_| DecodeError::Malformed("entries"))
}

/// The parts of the encoding, their counts compared with the bytes that are there.
struct Tables<'a> {
    runs: &'a [[u8; RUN_BYTES]],
    words: &'a [[u8; WORD_BYTES]],
    payloads: &'a [u8],
}

impl<'a> Tables<'a> {
    fn split(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (counts, rest) =
            bytes.split_first_chunk::<COUNTS_BYTES>().ok_or(DecodeError::Truncated)?;
        let [e0, e1, e2, e3, r0, r1, r2, r3] = *counts;
        let (runs, rest) = table(rest, u32::from_le_bytes([r0, r1, r2, r3]))?;
        let (words, payloads) = table(rest, u32::from_le_bytes([e0, e1, e2, e3]))?;
        Ok(Self { runs, words, payloads })
    }

    fn check(&self, prev: Index) -> Result<(), DecodeError> {
        let count = self.words.len() as u64;
        if count == 0 {
            return Err(DecodeError::Malformed("count of entries"));
        }
        if prev.0.checked_add(count).is_none() {
            return Err(DecodeError::Malformed("index of the last entry"));
        }
        let mut in_runs = 0;
        let mut before = None;
        for (term, entries) in self.runs.iter().map(run_of) {
            if entries == 0 || before.is_some_and(|before| before >= term) {
                return Err(DecodeError::Malformed("run of a term"));
            }
            in_runs += u64::from(entries);
            before = Some(term);
        }
        if in_runs != count {
            return Err(DecodeError::Malformed("count of entries"));
        }
        self.check_payloads()
    }

    fn check_payloads(&self) -> Result<(), DecodeError> {
        let mut sum: usize = 0;
        for word in self.words {
            let (kind, len) = kind_and_len(word);
            let end = sum.checked_add(len).ok_or(DecodeError::Truncated)?;
            let is_sound = match kind {
                NOOP => len == 0,
                COMMAND => true,
                MEMBERSHIP => {
                    let bytes = self.payloads.get(sum..end).ok_or(DecodeError::Truncated)?;
                    MembershipRecord::is_one(bytes)
                }
                TIME => {
                    let bytes = self.payloads.get(sum..end).ok_or(DecodeError::Truncated)?;
                    LeaderTime::parse(bytes).is_some()
                }
                _ => false,
            };
            if !is_sound {
                return Err(DecodeError::Malformed("kind of an entry"));
            }
            sum = end;
        }
        let at_least = self.words.len() * PAYLOAD_BYTES_MIN;
        let Some(rest) = self.payloads.get(sum.max(at_least)..) else {
            return Err(DecodeError::Truncated);
        };
        nothing_follows(rest)?;
        match self.payloads[sum..].iter().all(|&byte| byte == 0) {
            true => Ok(()),
            false => Err(DecodeError::Malformed("fill after the entries")),
        }
    }
}

/// The first `count` rows of `bytes`, and what follows them.
fn table<const ROW_BYTES: usize>(
    bytes: &[u8],
    count: u32,
) -> Result<(&[[u8; ROW_BYTES]], &[u8]), DecodeError> {
    let table_bytes = (count as usize).checked_mul(ROW_BYTES).ok_or(DecodeError::Truncated)?;
    let (rows, rest) = bytes.split_at_checked(table_bytes).ok_or(DecodeError::Truncated)?;
    Ok((rows.as_chunks().0, rest))
}

fn run_of(row: &[u8; RUN_BYTES]) -> (Term, u32) {
    let [t0, t1, t2, t3, t4, t5, t6, t7, c0, c1, c2, c3] = *row;
    let term = u64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7]);
    (Term(term), u32::from_le_bytes([c0, c1, c2, c3]))
}

fn kind_and_len(word: &[u8; WORD_BYTES]) -> (u32, usize) {
    let word = u32::from_le_bytes(*word);
    (word >> LENGTH_BITS, (word & ((1 << LENGTH_BITS) - 1)) as usize)
}

fn word(payload: &Payload) -> u32 {
    let kind = match payload {
        Payload::Command(_) => COMMAND,
        Payload::System(System::Noop) => NOOP,
        Payload::System(System::Membership(_)) => MEMBERSHIP,
        Payload::System(System::Time(_)) => TIME,
    };
    let len = u32_of(payload.as_bytes().len());
    assert!(len < 1 << LENGTH_BITS, "a command is below 256 MiB");
    kind << LENGTH_BITS | len
}

fn u32_of(count: usize) -> u32 {
    u32::try_from(count).expect("a frame is below 4 GiB")
}
