//! Putting a run of bytes on the wire: when it arrives, in how many pieces, and what befalls it.

use bytes::{Bytes, BytesMut};

use super::chance::{Chance, strikes};
use super::link::Link;
use super::options::{NetOptions, StreamOptions};
use super::pipe::{Cargo, Pipe};
use super::struck::Struck;

/// A run arrives in at most this many pieces.
const PIECES_MAX: usize = 256;
/// A transmission is lost at most this often in a row.
const LOSSES_MAX: u32 = 12;
/// One read takes in at most this much.
const JOINED_BYTES_MAX: usize = 64 << 10;

/// Everything that befalls what is put on a link at one moment.
pub(super) struct Road<'a> {
    pub(super) now: u64,
    pub(super) options: &'a NetOptions,
    pub(super) link: &'a mut Link,
    pub(super) chance: &'a mut Chance,
    pub(super) struck: &'a mut Struck,
}

impl Road<'_> {
    /// When something without a length arrives.
    pub(super) fn arrival(&mut self) -> u64 {
        self.arrival_of(0)
    }

    /// Puts a run of bytes on the wire.
    pub(super) fn load(&mut self, pipe: &mut Pipe, bytes: Bytes) {
        let at = self.arrival_of(bytes.len());
        let stream = self.link.options.stream;
        if stream == StreamOptions::default() {
            return pipe.load(at, Cargo::Bytes(bytes));
        }
        self.stall(pipe, stream);
        let at = self.wait_for_more(at, stream);
        let bytes = self.corrupt(bytes, stream);
        if strikes(&mut self.chance.reset, stream.reset_ppm) {
            self.struck.resets += 1;
            let kept = bytes.slice(..self.chance.reset.index(bytes.len()));
            self.load_pieces(pipe, at, kept, stream);
            pipe.break_off(at);
        } else {
            self.load_pieces(pipe, at, bytes, stream);
        }
    }

    fn arrival_of(&mut self, bytes: usize) -> u64 {
        let mut at = self.link.arrival(self.now, bytes, self.chance, self.struck);
        let mut losses = 0;
        while losses < LOSSES_MAX && strikes(&mut self.chance.loss, self.link.options.loss_ppm) {
            self.struck.losses += 1;
            at += pause(self.options, losses);
            losses += 1;
        }
        at
    }

    fn stall(&mut self, pipe: &mut Pipe, stream: StreamOptions) {
        if strikes(&mut self.chance.stall, stream.stall_ppm) {
            self.struck.stalls += 1;
            let until = self.now + self.chance.stall.within(0, stream.stall_max_ns);
            pipe.stalled_until = pipe.stalled_until.max(until);
        }
    }

    fn wait_for_more(&mut self, at: u64, stream: StreamOptions) -> u64 {
        let waits = strikes(&mut self.chance.coalesce, stream.coalesce_ppm);
        if waits { at + stream.coalesce_wait_ns } else { at }
    }

    fn corrupt(&mut self, bytes: Bytes, stream: StreamOptions) -> Bytes {
        if !strikes(&mut self.chance.corrupt, stream.corrupt_ppm) {
            return bytes;
        }
        self.struck.corrupted += 1;
        let mut bytes = BytesMut::from(&bytes[..]);
        let at = self.chance.corrupt.index(bytes.len());
        bytes[at] ^= 1 << self.chance.corrupt.below(8);
        bytes.freeze()
    }

    fn load_pieces(&mut self, pipe: &mut Pipe, at: u64, mut bytes: Bytes, stream: StreamOptions) {
        let is_single = strikes(&mut self.chance.cut, stream.single_byte_ppm);
        let is_cut = strikes(&mut self.chance.cut, stream.cut_ppm);
        self.struck.single_bytes += u64::from(is_single);
        self.struck.cuts += u64::from(is_cut && !is_single && bytes.len() > 1);
        let (mut at, mut pieces) = (at, 1);
        while (is_single || is_cut) && bytes.len() > 1 && pieces < PIECES_MAX {
            // Half of what is left, on average: pieces of all sizes.
            let length = if is_single { 1 } else { 1 + self.chance.cut.index(bytes.len()) };
            pipe.load(at, Cargo::Bytes(bytes.split_to(length)));
            at += self.chance.cut.within(0, stream.cut_gap_max_ns);
            pieces += 1;
        }
        if !bytes.is_empty() {
            pipe.load(at, Cargo::Bytes(bytes));
        }
    }
}

/// How long to wait before something is sent once more.
pub(super) fn pause(options: &NetOptions, tries: u32) -> u64 {
    let nanos = options.retransmit_min_ns.saturating_mul(1 << tries.min(30));
    nanos.min(options.retransmit_max_ns).max(1)
}

/// Joins to `first` what has arrived behind it.
pub(super) fn join(pipe: &mut Pipe, now: u64, first: Bytes, struck: &mut Struck) -> Bytes {
    let follows = |pipe: &Pipe| match pipe.wire.front() {
        Some(next) if next.at <= now => match &next.cargo {
            Cargo::Bytes(bytes) => Some(bytes.clone()),
            _ => None,
        },
        _ => None,
    };
    let Some(second) = follows(pipe) else { return first };
    struck.joined += 1;
    let mut all = BytesMut::from(&first[..]);
    let mut next = Some(second);
    while let Some(bytes) = next
        && all.len() + bytes.len() <= JOINED_BYTES_MAX
    {
        all.extend_from_slice(&bytes);
        pipe.wire.pop_front();
        next = follows(pipe);
    }
    all.freeze()
}
