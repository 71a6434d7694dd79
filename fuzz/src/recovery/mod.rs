//! A log written by the real writer, on a disk that forgets, rots or lies, and recovered.
//!
//! 1. Nothing panics, and recovery allocates no more than the disk is long, some times over.
//! 2. After a crash the log opens, and holds all that was acknowledged and at most what was under
//!    way. If sectors turned to noise as they were written, it may be refused instead.
//! 3. A bit that flips costs nothing that was acknowledged, or is refused. What is refused and can be
//!    mended holds again all that was acknowledged.
//! 4. After any other damage the log is refused, or is one that there once was, or the front of it.
//! 5. What lies under true checksums is refused when it is opened or read, or is a log that goes on.

mod harm;
mod model;
mod node;

use quorate_core::wal::{MemDisk, Row};

use crate::input::Input;
use node::Node;

/// What the log went through.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Recoveries {
    /// Writes that were acknowledged.
    pub writes: u32,
    /// Starts that found a log in order, by how it ended.
    pub opened: Vec<Row>,
    /// Holes that were filled.
    pub mended: u32,
    /// Why the log was refused in the end.
    pub refused: Option<String>,
}

/// What is done to the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Act {
    /// Writes are made, and share a sync.
    Write,
    /// What is on disk becomes known to be committed.
    Commit,
    /// Nothing is written for a while.
    Idle,
    /// The next segment is prepared.
    Prepare,
    /// A snapshot covers what is committed, and segments are purged.
    Snapshot,
    /// From some operation on, the disk does nothing any more.
    Stop,
    /// The process ends in good order, and starts.
    Close,
    /// The process is killed, and starts.
    Kill,
    /// Power fails: a part of what was not synced is lost.
    PowerLoss,
    /// Power fails, and sectors turn to noise: the last act.
    Garble,
    /// A bit flips: the last act, as are all that follow.
    Flip,
    /// Bytes turn to zeros, to noise, or to what stands elsewhere.
    Rot,
    /// A file is cut or lost.
    Cut,
    /// A header of a file says something else, under a true checksum.
    LyingBlock,
    /// The last batch says something else, under true checksums.
    LyingBatch,
    /// A file is what the rest of the input says.
    Replace,
}

impl Act {
    const ALL: [Self; 16] = [
        Self::Write,
        Self::Commit,
        Self::Idle,
        Self::Prepare,
        Self::Snapshot,
        Self::Stop,
        Self::Close,
        Self::Kill,
        Self::PowerLoss,
        Self::Garble,
        Self::Flip,
        Self::Rot,
        Self::Cut,
        Self::LyingBlock,
        Self::LyingBatch,
        Self::Replace,
    ];
}

/// Longer lives show nothing new.
const ACTS_MAX: usize = 50;

/// Takes the bytes for a life of a log, and for its end.
pub fn run(input: &[u8]) -> Recoveries {
    let input = &mut Input::new(input);
    let disk = MemDisk::new();
    let mut node = Node::new(&disk, input);
    for _ in 0..ACTS_MAX {
        if input.is_empty() {
            node.act(Act::PowerLoss, input);
            break;
        }
        let act = Act::ALL[input.below(Act::ALL.len())];
        if !node.act(act, input) {
            break;
        }
    }
    node.recoveries
}
