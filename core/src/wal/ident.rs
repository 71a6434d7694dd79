//! Who owns a directory: written once, by [`format`], and never again.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::block::{Block, BlockError, FIELDS, Unsupported, first_good};
use super::disk::{Disk, DiskError, DiskErrorKind};
use super::layout::{
    BLOCK_BYTES, IDENT, IDENT_TMP, STATE, TEMPORARIES, parse_segment_name, u16_at, u64_at,
};
use super::state;
use crate::membership::Membership;
use crate::types::{ClusterId, Incarnation, NodeId};

/// Whose data a directory holds. Stands in every file, so that a file of another node is noticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The cluster.
    pub cluster: ClusterId,
    /// The server.
    pub node: NodeId,
    /// This life of the server's disk.
    pub incarnation: Incarnation,
}

/// What [`format`] wrote.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ident {
    /// Whose data this is.
    pub identity: Identity,
    /// When the directory was made, in whatever unit the caller of [`format`] chose.
    pub created: u64,
    /// The founding members of the group.
    pub genesis: Membership,
}

/// Why a directory was not made ready. Nothing in it was lost.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FormatError {
    /// Somebody's data are complete.
    #[error("the directory belongs to a node already")]
    AlreadyFormatted,
    /// There is no identity, but there is more than an interrupted [`format`] leaves behind.
    #[error("{file} shows that the directory was in use, although its identity is missing")]
    InUse {
        /// The file that shows it.
        file: String,
    },
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Why there is no identity to read. Nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IdentError {
    /// [`format`] never ran here, or did not come to its end.
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

/// Makes an empty directory ready for [`Wal::open`](super::Wal::open): the identity, the founding
/// members of the group and the first hard state.
///
/// The identity is what makes a directory complete, and it is written last. So after a crash it is
/// either all there, or [`read_ident`] says [`IdentError::NotFormatted`] and `format` may run again.
///
/// # Errors
/// If the directory holds anybody's data, or the disk fails.
pub fn format<D: Disk>(
    disk: &D,
    identity: &Identity,
    created: u64,
    genesis: &Membership,
) -> Result<(), FormatError> {
    let names = disk.list()?;
    if names.iter().any(|name| name == IDENT) {
        return Err(FormatError::AlreadyFormatted);
    }
    if let Some(file) = sign_of_use(disk, &names)? {
        return Err(FormatError::InUse { file });
    }
    for name in names.iter().filter(|name| TEMPORARIES.contains(&name.as_str())) {
        disk.remove(name)?;
    }
    state::create(disk, identity)?;
    // The state's name must be durable before the identity's: an identity promises a state.
    disk.sync_dir()?;

    let file = disk.create(IDENT_TMP)?;
    let block = encode(identity, created, genesis);
    disk.write_at(&file, 0, &block)?;
    disk.write_at(&file, BLOCK_BYTES as u64, &block)?;
    disk.sync(&file)?;
    disk.rename(IDENT_TMP, IDENT)?;
    disk.sync_dir()?;
    Ok(())
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
    match first_good(&copies, MAGIC, 0) {
        Ok((block, _)) => decode(&block).ok_or(IdentError::Damaged),
        Err(BlockError::Unsupported(what)) => Err(IdentError::Unsupported(what)),
        Err(BlockError::Blank | BlockError::Damaged) => Err(IdentError::Damaged),
    }
}

/// A file that an interrupted `format` cannot have left behind.
fn sign_of_use<D: Disk>(disk: &D, names: &[String]) -> Result<Option<String>, DiskError> {
    if let Some(segment) = names.iter().find(|name| parse_segment_name(name).is_some()) {
        return Ok(Some(segment.clone()));
    }
    match names.iter().find(|name| *name == STATE) {
        Some(name) if !state::is_untouched(disk)? => Ok(Some(name.clone())),
        _ => Ok(None),
    }
}

pub(super) const MAGIC: &[u8; 8] = b"QRIDENT1";
const CREATED: usize = FIELDS;
const GENESIS: usize = FIELDS + 8;

fn encode(identity: &Identity, created: u64, genesis: &Membership) -> Vec<u8> {
    let mut block = Block::new(MAGIC, 0, identity);
    block.put(CREATED, created.to_le_bytes());
    block.put_slice(GENESIS, &encode_membership(genesis));
    block.seal()
}

pub(super) fn decode(block: &Block) -> Option<Ident> {
    let genesis = decode_membership(block.tail(GENESIS))?;
    Some(Ident { identity: block.identity(), created: block.u64(CREATED), genesis })
}

/// Three counts as u16, two bytes of zero, then the servers of the three lists as u64.
pub(super) fn encode_membership(membership: &Membership) -> Vec<u8> {
    let lists = [membership.voters(), membership.outgoing(), membership.learners()];
    let mut bytes = Vec::new();
    for list in lists {
        let count = u16::try_from(list.len()).expect("a membership is small");
        bytes.extend_from_slice(&count.to_le_bytes());
    }
    bytes.extend_from_slice(&[0; 2]);
    for id in lists.into_iter().flatten() {
        bytes.extend_from_slice(&id.get().to_le_bytes());
    }
    bytes
}

/// The membership that `bytes` start with.
pub(super) fn decode_membership(bytes: &[u8]) -> Option<Membership> {
    let counts = bytes.get(..8)?;
    let mut ids = bytes[8..].chunks_exact(8).map(|id| NodeId::new(u64_at(id, 0)));
    let mut list = |at| -> Option<Vec<NodeId>> {
        (0..u16_at(counts, at)).map(|_| ids.next().flatten()).collect()
    };
    let (voters, outgoing, learners) = (list(0)?, list(2)?, list(4)?);
    Membership::new(voters, outgoing, learners).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_membership_is_read_back_and_half_of_one_is_not() {
        let ids =
            |ids: &[u64]| -> Vec<_> { ids.iter().filter_map(|&id| NodeId::new(id)).collect() };
        let joint = Membership::new(ids(&[1, 2, 9]), ids(&[1, 2]), ids(&[7])).expect("valid");
        let bytes = encode_membership(&joint);
        assert_eq!(decode_membership(&bytes), Some(joint));
        for cut in 0..bytes.len() {
            assert_eq!(decode_membership(&bytes[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn the_largest_membership_fits_a_block() {
        let ids = |from: u64, count: usize| {
            (from..).filter_map(NodeId::new).take(count).collect::<Vec<_>>()
        };
        let voters = Membership::VOTERS_MAX;
        let largest =
            Membership::new(ids(1, voters), ids(100, voters), ids(200, Membership::LEARNERS_MAX));
        let bytes = encode_membership(&largest.expect("valid"));
        assert!(GENESIS + bytes.len() <= BLOCK_BYTES, "{} bytes", bytes.len());
    }
}
