//! The hard state on disk: a file of four slots, two of which each generation writes.
//!
//! Generation g goes to slots g mod 2 and g mod 2 + 2, and the other two keep generation g - 1. So
//! a crash can damage one generation only, the one that nobody was told of, and one copy of a
//! generation that somebody was told of may rot.

use alloc::vec;
use alloc::vec::Vec;

use super::block::{Block, BlockError, FIELDS};
use super::disk::{Disk, DiskError, DiskErrorKind};
use super::format::Origin;
use super::identity::Identity;
use super::layout::{BLOCK_BYTES, STATE, STATE_TMP};
use super::refusal::OpenError;
use crate::effect::HardState;
use crate::types::{NodeId, Term};

/// One generation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct State {
    /// Counts the generations of this directory, from 1.
    pub(super) generation: u64,
    /// Counts the starts of the node.
    pub(super) boot_epoch: u64,
    pub(super) hard_state: HardState,
    /// All batches up to this one were durable: a promise that recovery holds the log to.
    pub(super) durable_lsn: u64,
    /// The newest segment that was in use: one that is missing now was lost.
    pub(super) segment_seq: u64,
    /// The log was closed, and `durable_lsn` is its end.
    pub(super) closed: bool,
}

/// The open file and what it holds.
#[derive(Debug)]
pub(super) struct StateFile<F> {
    file: F,
    identity: Identity,
    current: State,
}

impl<F> StateFile<F> {
    pub(super) fn open<D: Disk<File = F>>(
        disk: &D,
        identity: Identity,
        current: State,
    ) -> Result<Self, DiskError> {
        Ok(Self { file: disk.open(STATE)?, identity, current })
    }

    pub(super) fn current(&self) -> State {
        self.current
    }

    /// Makes the next generation durable; numbers it.
    pub(super) fn write<D: Disk<File = F>>(
        &mut self,
        disk: &D,
        next: State,
    ) -> Result<(), DiskError> {
        let generation = self.current.generation + 1;
        let next = State { generation, ..next };
        write_slots(disk, &self.file, &self.identity, next)?;
        disk.sync(&self.file)?;
        self.current = next;
        Ok(())
    }
}

/// Writes the first generation of a new directory; its name is durable with the next `sync_dir`.
pub(super) fn create<D: Disk>(
    disk: &D,
    identity: &Identity,
    origin: Origin,
) -> Result<(), DiskError> {
    let first = match origin {
        Origin::Founding => FIRST,
        Origin::Joining => FIRST_TO_JOIN,
    };
    let file = disk.create(STATE_TMP)?;
    disk.write_at(&file, 0, &vec![0; FILE_BYTES])?;
    write_slots(disk, &file, identity, first)?;
    disk.sync(&file)?;
    disk.rename(STATE_TMP, STATE)
}

/// Does the file hold nothing but what [`create`] wrote, or did it not even exist?
pub(super) fn is_untouched<D: Disk>(disk: &D) -> Result<bool, DiskError> {
    let slots = read_slots(disk)?;
    Ok(slots.iter().all(|slot| match slot {
        Ok((_, state)) => [FIRST, FIRST_TO_JOIN].contains(state),
        Err(error) => *error == BlockError::Blank,
    }))
}

/// The newest intact generation, and how many slots are bad.
pub(super) fn read<D: Disk>(disk: &D, identity: &Identity) -> Result<(State, u32), OpenError> {
    let slots = match read_slots(disk) {
        Err(error) if error.kind == DiskErrorKind::NotFound => {
            return Err(OpenError::HardStateLost);
        }
        slots => slots?,
    };
    let mut newest: Option<State> = None;
    let mut bad = 0;
    for slot in slots {
        match slot {
            Ok((owner, _)) if owner != *identity => {
                return Err(OpenError::Foreign { file: STATE.into(), owner });
            }
            Ok((_, state)) if newest.is_none_or(|best| best.generation < state.generation) => {
                newest = Some(state);
            }
            Ok(_) | Err(BlockError::Blank) => {}
            Err(BlockError::Damaged) => bad += 1,
            Err(BlockError::Unsupported(what)) => {
                return Err(OpenError::Unsupported { file: STATE.into(), what });
            }
        }
    }
    newest.map(|state| (state, bad)).ok_or(OpenError::HardStateLost)
}

pub(super) type Slot = Result<(Identity, State), BlockError>;

/// All slots, in order of place. A file that is too short ends in blank slots.
pub(super) fn read_slots<D: Disk>(disk: &D) -> Result<[Slot; SLOTS], DiskError> {
    let file = disk.open(STATE)?;
    let mut bytes = vec![0; FILE_BYTES];
    let length = disk.length(&file)?.min(FILE_BYTES as u64);
    let length = usize::try_from(length).expect("at most the length of the file");
    disk.read_at(&file, 0, &mut bytes[..length])?;
    Ok(core::array::from_fn(|place| {
        decode(place, &bytes[place * BLOCK_BYTES..(place + 1) * BLOCK_BYTES])
    }))
}

const SLOTS: usize = 4;
const FILE_BYTES: usize = SLOTS * BLOCK_BYTES;
const MAGIC: &[u8; 8] = b"QRSTATE1";
const CLOSED: u32 = 1;
const FORGETFUL: u32 = 2;
const FIRST: State = State {
    generation: 1,
    boot_epoch: 0,
    hard_state: HardState { term: Term(0), vote: None, is_forgetful: false },
    durable_lsn: 0,
    segment_seq: 0,
    closed: false,
};

/// Of a server that does not know whether it had a disk before.
const FIRST_TO_JOIN: State =
    State { hard_state: HardState { is_forgetful: true, ..FIRST.hard_state }, ..FIRST };

fn write_slots<D: Disk>(
    disk: &D,
    file: &D::File,
    identity: &Identity,
    state: State,
) -> Result<(), DiskError> {
    let block = encode(identity, state);
    let slot_bytes = BLOCK_BYTES as u64;
    let place = state.generation % 2;
    disk.write_at(file, place * slot_bytes, &block)?;
    disk.write_at(file, (place + 2) * slot_bytes, &block)
}

fn encode(identity: &Identity, state: State) -> Vec<u8> {
    let closed = if state.closed { CLOSED } else { 0 };
    let forgetful = if state.hard_state.is_forgetful { FORGETFUL } else { 0 };
    let mut block = Block::new(MAGIC, closed | forgetful, identity);
    let vote = state.hard_state.vote.map_or(0, NodeId::get);
    let fields = [
        state.generation,
        state.boot_epoch,
        state.hard_state.term.0,
        vote,
        state.durable_lsn,
        state.segment_seq,
    ];
    for (at, field) in fields.into_iter().enumerate() {
        block.put(FIELDS + 8 * at, field.to_le_bytes());
    }
    block.seal()
}

fn decode(place: usize, bytes: &[u8]) -> Slot {
    let block = Block::parse(bytes, MAGIC, CLOSED | FORGETFUL)?;
    let field = |at: usize| block.u64(FIELDS + 8 * at);
    let state = State {
        generation: field(0),
        boot_epoch: field(1),
        hard_state: HardState {
            term: Term(field(2)),
            vote: NodeId::new(field(3)),
            is_forgetful: block.flags() & FORGETFUL != 0,
        },
        durable_lsn: field(4),
        segment_seq: field(5),
        closed: block.flags() & CLOSED != 0,
    };
    // A slot that stands where its generation does not belong was misdirected.
    let belongs = state.generation > 0 && state.generation % 2 == place as u64 % 2;
    if belongs { Ok((block.identity(), state)) } else { Err(BlockError::Damaged) }
}
