//! Records: what a batch is made of.

use super::layout::{RECORD_HEADER_BYTES, put, round_up, u16_at, u32_at, u64_at};
use crate::crc32c::{crc32c, crc32c_append};
use crate::entry::{Payload, System};
use crate::types::{Index, LogId, Term};

/// What a record says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordKind {
    /// An entry with a command.
    Command,
    /// An entry with a membership, which is the body.
    Membership,
    /// All entries after this one are void.
    Truncate,
    /// A snapshot covers the log up to here; the body is its membership.
    Snapshot,
    /// A snapshot took the place of the whole log; the body is its membership.
    Reset,
    /// An entry without a command.
    Noop,
    /// An entry with a leader's time, which is the body.
    Time,
    /// Nothing: a batch that was mended is as long as what it takes the place of.
    Filling,
}

impl RecordKind {
    fn number(self) -> u8 {
        match self {
            Self::Command => 1,
            Self::Membership => 2,
            Self::Truncate => 3,
            Self::Snapshot => 4,
            Self::Reset => 5,
            Self::Filling => 6,
            Self::Noop => 7,
            Self::Time => 8,
        }
    }

    pub(super) fn of(number: u8) -> Option<Self> {
        let kinds = [
            Self::Command,
            Self::Membership,
            Self::Truncate,
            Self::Snapshot,
            Self::Reset,
            Self::Filling,
            Self::Noop,
            Self::Time,
        ];
        kinds.into_iter().find(|kind| kind.number() == number)
    }

    /// Says an entry with this payload.
    pub(super) fn of_entry(payload: &Payload) -> Self {
        match payload {
            Payload::Command(_) => Self::Command,
            Payload::System(System::Noop) => Self::Noop,
            Payload::System(System::Membership(_)) => Self::Membership,
            Payload::System(System::Time(_)) => Self::Time,
        }
    }
}

/// The header of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RecordHeader {
    /// Length of the body.
    pub(super) bytes: u32,
    /// Checksum of the body alone, without salt: it can travel with the body.
    pub(super) body_crc: u32,
    pub(super) id: LogId,
    pub(super) group: u32,
    pub(super) kind: u8,
    pub(super) flags: u8,
}

const HEADER_CRC: usize = 36;

impl RecordHeader {
    pub(super) fn of(kind: RecordKind, id: LogId, body: &[u8]) -> Self {
        let bytes = u32::try_from(body.len()).expect("a batch is far shorter than 4 GiB");
        let kind = kind.number();
        Self { bytes, body_crc: crc32c(body), id, group: 0, kind, flags: 0 }
    }

    pub(super) fn encode(&self, seed: u32) -> [u8; RECORD_HEADER_BYTES] {
        let mut header = [0; RECORD_HEADER_BYTES];
        put(&mut header, 0, self.bytes.to_le_bytes());
        put(&mut header, 4, self.body_crc.to_le_bytes());
        put(&mut header, 8, self.id.index.0.to_le_bytes());
        put(&mut header, 16, self.id.term.0.to_le_bytes());
        put(&mut header, 24, self.group.to_le_bytes());
        put(&mut header, 28, [self.kind, self.flags]);
        let crc = crc32c_append(seed, &header[..HEADER_CRC]);
        put(&mut header, HEADER_CRC, crc.to_le_bytes());
        header
    }

    fn decode(header: &[u8]) -> Self {
        Self {
            bytes: u32_at(header, 0),
            body_crc: u32_at(header, 4),
            id: LogId { index: Index(u64_at(header, 8)), term: Term(u64_at(header, 16)) },
            group: u32_at(header, 24),
            kind: header[28],
            flags: header[29],
        }
    }
}

/// What a body of so many bytes takes up, header and padding included.
pub(super) const fn record_bytes(body: u64) -> u64 {
    RECORD_HEADER_BYTES as u64 + round_up(body, 8)
}

/// The records of a batch whose checksum is right.
#[derive(Clone, Debug)]
pub(super) struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A record and where its body stands within the batch's records.
pub(super) struct Record<'a> {
    pub(super) header: RecordHeader,
    pub(super) body: &'a [u8],
    pub(super) body_at: usize,
}

/// The records do not add up to the batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Malformed;

impl<'a> Records<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn read(&mut self) -> Option<Record<'a>> {
        let body_at = self.at + RECORD_HEADER_BYTES;
        let header = RecordHeader::decode(self.bytes.get(self.at..body_at)?);
        let length = usize::try_from(header.bytes).ok()?;
        let body = self.bytes.get(body_at..body_at.checked_add(length)?)?;
        let stop = body_at + length.next_multiple_of(8);
        let padding = self.bytes.get(body_at + length..stop)?;
        let reserved = u16_at(self.bytes, self.at + 30) | u16_at(self.bytes, self.at + 32);
        if padding.iter().any(|&byte| byte != 0) || reserved != 0 {
            return None;
        }
        self.at = stop;
        Some(Record { header, body, body_at })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let record = self.read().ok_or(Malformed);
        if record.is_err() {
            self.at = self.bytes.len();
        }
        Some(record)
    }
}

/// The records of a batch whose checksum is wrong, one by one: each has checksums of its own.
pub(super) struct Salvage<'a> {
    records: Records<'a>,
    seed: u32,
}

impl<'a> Salvage<'a> {
    pub(super) fn of(bytes: &'a [u8], seed: u32) -> Self {
        Self { records: Records::of(bytes), seed }
    }
}

impl<'a> Iterator for Salvage<'a> {
    /// A record whose header is intact; whether its body is, too.
    type Item = (Record<'a>, bool);

    fn next(&mut self) -> Option<Self::Item> {
        let header_at = self.records.at;
        let header = self.records.bytes.get(header_at..header_at + RECORD_HEADER_BYTES)?;
        if crc32c_append(self.seed, &header[..HEADER_CRC]) != u32_at(header, HEADER_CRC) {
            return None;
        }
        let record = self.records.next()?.ok()?;
        let intact = crc32c(record.body) == record.header.body_crc;
        Some((record, intact))
    }
}
