//! The file that says who owns a directory: written once, by [`format`](super::format()), and never again.

use alloc::vec;
use alloc::vec::Vec;

use super::block::{Block, BlockError, FIELDS, Unsupported, first_good};
use super::disk::{Disk, DiskError, DiskErrorKind};
use super::format::Origin;
use super::identity::Identity;
use super::layout::{BLOCK_BYTES, IDENT};
use crate::membership::{self, Membership};

/// What [`format`](super::format()) wrote.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ident {
    /// Whose data this is.
    pub identity: Identity,
    /// When the directory was made, in whatever unit the caller of [`format`](super::format()) chose.
    pub created: u64,
    /// The founding members of the group.
    pub genesis: Membership,
    /// When the directory was made, if for a server that [joins](super::Origin::Joining): it began
    /// without a say, so under an old name it has forgotten nothing that counts.
    pub joined: Option<u64>,
}

/// Why there is no identity to read. Nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IdentError {
    /// [`format`](super::format()) never ran here, or did not come to its end.
    #[error("the directory is not formatted")]
    NotFormatted,
    /// Both copies are bad.
    #[error("the identity is damaged")]
    Damaged,
    /// Written by a version that this one does not know.
    #[error("the identity is of another version: {0}")]
    Unsupported(Unsupported),
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Reads the identity, and nothing else; for a look before a node is started.
///
/// # Errors
/// See [`IdentError`].
pub fn read_ident<D: Disk>(disk: &D) -> Result<Ident, IdentError> {
    let file = match disk.open(IDENT) {
        Err(error) if error.kind == DiskErrorKind::NotFound => {
            return Err(IdentError::NotFormatted);
        }
        file => file?,
    };
    let mut copies = vec![0; 2 * BLOCK_BYTES];
    if disk.length(&file)? < copies.len() as u64 {
        return Err(IdentError::Damaged);
    }
    disk.read_at(&file, 0, &mut copies)?;
    match first_good(&copies, MAGIC, JOINED) {
        Ok((block, _)) => decode(&block).ok_or(IdentError::Damaged),
        Err(BlockError::Unsupported(what)) => Err(IdentError::Unsupported(what)),
        Err(BlockError::Blank | BlockError::Damaged) => Err(IdentError::Damaged),
    }
}

pub(super) const MAGIC: &[u8; 8] = b"QRIDENT1";
const JOINED: u32 = 1;
const CREATED: usize = FIELDS;
const GENESIS: usize = FIELDS + 8;

/// Does the membership fit into the file, addresses included?
pub(super) fn has_room_for(genesis: &Membership) -> bool {
    GENESIS + membership::encode(genesis).len() <= BLOCK_BYTES
}

pub(super) fn encode(
    identity: &Identity,
    created: u64,
    genesis: &Membership,
    origin: Origin,
) -> Vec<u8> {
    let flags = match origin {
        Origin::Founding => 0,
        Origin::Joining => JOINED,
    };
    let mut block = Block::new(MAGIC, flags, identity);
    block.put(CREATED, created.to_le_bytes());
    block.put_slice(GENESIS, &membership::encode(genesis));
    block.seal()
}

pub(super) fn decode(block: &Block) -> Option<Ident> {
    let genesis = membership::decode(block.tail(GENESIS))?;
    let created = block.u64(CREATED);
    let joined = (block.flags() & JOINED != 0).then_some(created);
    Some(Ident { identity: block.identity(), created, genesis, joined })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::NodeId;

    #[test]
    fn the_largest_membership_fits_a_block() {
        let ids = |from: u64, count: usize| {
            (from..).filter_map(NodeId::new).take(count).collect::<Vec<_>>()
        };
        let voters = Membership::VOTERS_MAX;
        let largest =
            Membership::new(ids(1, voters), ids(100, voters), ids(200, Membership::LEARNERS_MAX));
        assert!(has_room_for(&largest.expect("valid")), "as long as it has no addresses");
    }
}
