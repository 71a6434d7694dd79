//! Making a directory ready.

use alloc::string::String;

use super::disk::{Disk, DiskError};
use super::ident;
use super::identity::Identity;
use super::layout::{BLOCK_BYTES, IDENT, IDENT_TMP, STATE, TEMPORARIES, parse_segment_name};
use super::state;
use crate::membership::Membership;

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
    /// The founding members have too long addresses.
    #[error("the addresses of the founding members do not fit into the identity")]
    TooLong,
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// How a server comes to its group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// With it: there was no group before, and hence nothing to be forgotten.
    Founding,
    /// Later, or again after its disk was lost: it starts as one that may have forgotten what it
    /// promised (see [`HardState::is_forgetful`](crate::HardState::is_forgetful)), and has a say once
    /// a leader knows that it can do no harm.
    Joining,
}

/// Makes an empty directory ready for [`Wal::open`](super::Wal::open): the identity, the founding
/// members of the group and the first hard state.
///
/// A server that is to join a group that exists is none of its founding members: it is given those
/// that it may hear of first, has no vote with them, and waits until their leader knows it.
///
/// The identity is what makes a directory complete, and it is written last. So after a crash it is
/// either all there, or [`read_ident`](super::read_ident) says [`IdentError::NotFormatted`](super::IdentError::NotFormatted) and `format` may run again.
///
/// # Errors
/// If the directory holds anybody's data, the addresses of the members need more than 2.5 KiB, or the
/// disk fails.
pub fn format<D: Disk>(
    disk: &D,
    identity: &Identity,
    created: u64,
    genesis: &Membership,
) -> Result<(), FormatError> {
    format_as(disk, identity, created, genesis, Origin::Founding)
}

/// As [`format`], for a server of either origin.
///
/// # Errors
/// As [`format`].
pub fn format_as<D: Disk>(
    disk: &D,
    identity: &Identity,
    created: u64,
    genesis: &Membership,
    origin: Origin,
) -> Result<(), FormatError> {
    if !ident::has_room_for(genesis) {
        return Err(FormatError::TooLong);
    }
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
    state::create(disk, identity, origin)?;
    // The state's name must be durable before the identity's: an identity promises a state.
    disk.sync_dir()?;

    let file = disk.create(IDENT_TMP)?;
    let block = ident::encode(identity, created, genesis, origin);
    disk.write_at(&file, 0, &block)?;
    disk.write_at(&file, BLOCK_BYTES as u64, &block)?;
    disk.sync(&file)?;
    disk.rename(IDENT_TMP, IDENT)?;
    disk.sync_dir()?;
    Ok(())
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
