//! Bytes that are a snapshot, or were one, or look like one.

use quorate_core::snapshot::Framer;
use quorate_core::{Index, LogId, SnapshotMeta, Term, crc32c_append};

use super::CLUSTER;
use crate::input::Input;
use crate::messages;

/// How bytes are made: what a state machine writes down, and what happens to it afterwards.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Act {
    /// A head follows.
    Head,
    /// A part of the state follows.
    State,
    /// The end follows.
    End,
    /// The bytes end here.
    Cut,
    /// A bit flips.
    Flip,
    /// Two blocks change places.
    Swap,
    /// A block comes twice.
    Repeat,
    /// A block is lost.
    Lose,
    /// Some bytes take the place of others.
    Replace,
    /// Checksums and lengths are made true.
    Repair,
}

impl Act {
    const ALL: [Self; 10] = [
        Self::Head,
        Self::State,
        Self::End,
        Self::Cut,
        Self::Flip,
        Self::Swap,
        Self::Repeat,
        Self::Lose,
        Self::Replace,
        Self::Repair,
    ];
}

const HEADER_BYTES: usize = 12;
/// Longer snapshots show nothing new.
const BYTES_MAX: usize = 3 << 20;

/// Either the bytes as they are, or acts.
pub(super) fn choose(input: &mut Input<'_>) -> Vec<u8> {
    if !input.coin() {
        return input.rest().to_vec();
    }
    let mut making = Making { bytes: Vec::new(), framer: None };
    while !input.is_empty() && making.bytes.len() < BYTES_MAX {
        making.act(Act::ALL[input.below(Act::ALL.len())], input);
    }
    making.bytes
}

/// The blocks of some bytes, each with a length that fits and with a true checksum.
pub fn repaired(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let (mut rest, mut crc) = (&mut bytes[..], 0);
    while rest.len() >= HEADER_BYTES {
        let wanted = HEADER_BYTES.saturating_add(length(rest));
        let (block, behind) = rest.split_at_mut(wanted.min(rest.len()));
        let body = u32::try_from(block.len() - HEADER_BYTES).expect("inputs are short");
        block[4..8].copy_from_slice(&body.to_le_bytes());
        crc = crc32c_append(crc32c_append(crc, &block[..8]), &block[HEADER_BYTES..]);
        block[8..HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
        rest = behind;
    }
    bytes
}

fn length(block: &[u8]) -> usize {
    u32::from_le_bytes(block[4..8].try_into().expect("four bytes")) as usize
}

struct Making {
    bytes: Vec<u8>,
    framer: Option<Framer>,
}

impl Making {
    fn act(&mut self, act: Act, input: &mut Input<'_>) {
        match act {
            Act::Head => {
                let (framer, head) = Framer::new(CLUSTER, &meta(input));
                self.framer = Some(framer);
                self.bytes.extend_from_slice(&head);
            }
            Act::State => {
                let length = usize::try_from(input.number()).unwrap_or(usize::MAX);
                let part = vec![input.byte(); length.min(Framer::STATE_BYTES_MAX)];
                let block = self.framer.as_mut().map(|framer| framer.state(&part));
                self.bytes.extend_from_slice(&block.unwrap_or_default());
            }
            Act::End => {
                let block = self.framer.clone().map(Framer::end);
                self.bytes.extend_from_slice(&block.unwrap_or_default());
            }
            Act::Cut => self.bytes.truncate(place(input, self.bytes.len())),
            Act::Flip => {
                let at = place(input, self.bytes.len());
                if let Some(byte) = self.bytes.get_mut(at) {
                    *byte ^= 1 << input.below(8);
                }
            }
            Act::Swap => self.arrange(input, |blocks, one, other| blocks.swap(one, other)),
            Act::Repeat => self.arrange(input, |blocks, one, other| {
                let again = blocks[one].clone();
                blocks.insert(other, again);
            }),
            Act::Lose => self.arrange(input, |blocks, one, _| drop(blocks.remove(one))),
            Act::Replace => {
                let at = place(input, self.bytes.len());
                let new = input.bytes();
                let count = new.len().min(self.bytes.len() - at);
                self.bytes[at..at + count].copy_from_slice(&new[..count]);
            }
            Act::Repair => self.bytes = repaired(&self.bytes),
        }
    }

    fn arrange(&mut self, input: &mut Input<'_>, change: impl Fn(&mut Vec<Vec<u8>>, usize, usize)) {
        let mut blocks = blocks(&self.bytes);
        if !blocks.is_empty() {
            let [one, other] = [(); 2].map(|()| input.below(blocks.len()));
            change(&mut blocks, one, other);
        }
        self.bytes = blocks.concat();
    }
}

/// Anywhere, up to the end.
fn place(input: &mut Input<'_>, length: usize) -> usize {
    let near = input.near(&[0, length as u64 / 2, length as u64]);
    usize::try_from(near).unwrap_or(usize::MAX).min(length)
}

fn blocks(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut blocks = Vec::new();
    while !bytes.is_empty() {
        let wanted = if bytes.len() < HEADER_BYTES { bytes.len() } else { length(bytes) };
        let (block, rest) = bytes.split_at(HEADER_BYTES.saturating_add(wanted).min(bytes.len()));
        blocks.push(block.to_vec());
        bytes = rest;
    }
    blocks
}

/// Mostly of a snapshot that there could be.
fn meta(input: &mut Input<'_>) -> SnapshotMeta {
    let near = [3, Index::LAST.0];
    let id = |input: &mut Input<'_>| {
        let term = Term(input.number());
        LogId { term, index: Index(input.near(&near)) }
    };
    let (last_included, membership_at) = (id(input), id(input));
    let membership = messages::membership_with_addresses(input);
    SnapshotMeta { last_included, membership_at, membership }
}
