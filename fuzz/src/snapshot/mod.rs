//! The bytes of a snapshot, cut, flipped, put in another order and invented; as they are, and under
//! checksums that are made true.
//!
//! 1. Nothing panics, and every refusal can be told.
//! 2. However the bytes are cut, the same is told, and in the same order, and nothing after a refusal.
//! 3. What is complete makes the same bytes again.
//! 4. No more is held at a time than four times what came, of the block that it belongs to, and 1 KiB.
//! 5. A store keeps under a name what is complete, ours, and announced so, and nothing else; after a
//!    crash too. What has changed on its disk since is not loaded.

mod bytes;
mod files;

use quorate_core::snapshot::{Framer, Parser, Piece, SnapshotError};
use quorate_core::{ClusterId, LogId, SnapshotMeta};

use crate::input::Input;
use crate::within;

pub use bytes::{Act, repaired};

/// What the bytes came to.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Snapshots {
    /// Blocks that were told of.
    pub blocks: u32,
    /// Snapshots that were complete.
    pub complete: u32,
    /// Bytes that were refused.
    pub refused: u32,
    /// Snapshots that a store has kept, and loaded.
    pub stored: u32,
    /// Snapshots that were whole, and not loaded after something had happened to their bytes.
    pub rotten: u32,
}

/// Whose snapshots they are.
const CLUSTER: ClusterId = ClusterId(7);

/// Takes the bytes for how they are cut, and either for a snapshot or for how one is made.
pub fn run(input: &[u8]) -> Snapshots {
    let input = &mut Input::new(input);
    let cuts = Cuts::choose(input);
    let made = bytes::choose(input);
    let mut snapshots = Snapshots::default();
    for bytes in [&made, &repaired(&made)] {
        let read = read_whole(bytes);
        snapshots.blocks += u32::try_from(read.told.len()).expect("snapshots are short");
        snapshots.complete += u32::from(read.complete.is_some());
        snapshots.refused += u32::from(read.error.is_some());
        assert_eq!(read_cut(bytes, &cuts), read, "cut in {cuts:?}");
        makes_the_same_again(bytes, &read);
        files::keep(bytes, &cuts, &read, &mut snapshots);
    }
    snapshots
}

/// What was read of some bytes.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
struct Read {
    told: Vec<Told>,
    complete: Option<SnapshotMeta>,
    error: Option<SnapshotError>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Told {
    Head(ClusterId, SnapshotMeta),
    State(Vec<u8>),
    End,
}

impl Read {
    fn head(&self) -> Option<(ClusterId, LogId)> {
        match self.told.first() {
            Some(Told::Head(cluster, meta)) => Some((*cluster, meta.last_included)),
            _ => None,
        }
    }

    fn state(&self) -> Vec<u8> {
        let parts = self.told.iter().map(|told| match told {
            Told::State(part) => &part[..],
            Told::Head(..) | Told::End => &[],
        });
        parts.collect::<Vec<_>>().concat()
    }

    fn take(&mut self, piece: Piece<'_>) {
        self.told.push(match piece {
            Piece::Head(cluster, meta) => Told::Head(cluster, meta.clone()),
            Piece::State(part) => Told::State(part.to_vec()),
            Piece::End => Told::End,
        });
    }
}

fn read_whole(bytes: &[u8]) -> Read {
    read_cut(bytes, &Cuts(vec![bytes.len()]))
}

fn read_cut(bytes: &[u8], cuts: &Cuts) -> Read {
    let (mut parser, mut read) = (Parser::new(), Read::default());
    let mut so_far = 0;
    for piece in cuts.of(bytes) {
        so_far += piece.len();
        // What is told is not kept by the parser, so it is read once more to be kept here.
        let mut twin = parser.clone();
        let error = twin.push(piece, |piece| read.take(piece)).err();
        let pushed = within(budget(so_far), || parser.push(piece, |_| {}));
        assert_eq!(pushed.err(), error);
        if let Some(error) = error {
            assert!(!error.to_string().is_empty());
            read.error = Some(error);
            break;
        }
    }
    read.complete = parser.complete().cloned();
    let has_ended = read.told.last() == Some(&Told::End);
    assert_eq!(read.complete.is_some(), has_ended, "{read:?}");
    read
}

/// What may be held at any one time when so much came: a block has a limit, a lie about its length
/// makes nobody make room for it.
fn budget(so_far: usize) -> u64 {
    let block = Framer::STATE_BYTES_MAX + 12;
    4 * so_far.min(block) as u64 + (1 << 10)
}

/// A snapshot has one encoding, in each version.
fn makes_the_same_again(bytes: &[u8], read: &Read) {
    const VERSIONS: std::ops::Range<usize> = 20..24;
    let Some(Told::Head(cluster, meta)) = read.told.first() else { return };
    let (mut framer, head) = Framer::new(*cluster, meta);
    if head.get(VERSIONS) != bytes.get(VERSIONS) {
        return;
    }
    let mut blocks = vec![head];
    for told in &read.told[1..] {
        blocks.push(match told {
            Told::Head(..) => unreachable!("there is one head"),
            Told::State(part) => framer.state(part),
            Told::End => framer.clone().end(),
        });
    }
    assert!(bytes.starts_with(&blocks.concat()), "{read:?}");
}

/// How long the pieces are in which bytes come; the last one says how long all others are.
#[derive(Clone, Debug)]
struct Cuts(Vec<usize>);

impl Cuts {
    fn choose(input: &mut Input<'_>) -> Self {
        let count = 1 + input.below(4);
        let length = |input: &mut Input<'_>| match input.number() {
            0 => usize::MAX,
            length => usize::try_from(length).unwrap_or(usize::MAX),
        };
        Self((0..count).map(|_| length(input)).collect())
    }

    fn of<'a>(&self, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let last = *self.0.last().expect("one at least");
        // However long a snapshot is, it is not read in endlessly many pieces.
        let last = last.max(bytes.len() / 4096);
        let lengths = self.0.iter().copied().chain(std::iter::repeat(last));
        let mut pieces = Vec::new();
        for length in lengths {
            if bytes.is_empty() {
                break;
            }
            let (piece, rest) = bytes.split_at(length.clamp(1, bytes.len()));
            pieces.push(piece);
            bytes = rest;
        }
        pieces
    }
}
