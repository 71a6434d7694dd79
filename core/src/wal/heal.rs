//! A damaged log is set aside, and its server begins anew, without a say.
//!
//! What others were told of is lost here, so the server must not vote, nor count for anything, as if
//! it still had it. A server without a say
//! ([`HardState::is_forgetful`](crate::HardState::is_forgetful)) does neither, and is given everything
//! anew by its leader; thus nothing needs to be saved of a log that is damaged somewhere. What was
//! damaged is kept under other names, for whoever wants to look at it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::disk::Disk;
use super::ident::read_ident;
use super::layout::parse_segment_name;
use super::refusal::{Damage, OpenError};
use super::state::{self, State, StateFile};
use super::verdict::Row;
use crate::effect::HardState;
use crate::snapshot::is_snapshot_name;

const SUFFIX: &str = ".damaged";

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Healed {
    /// The names that files have now which were part of the log.
    pub aside: Vec<String>,
    /// What the server starts from, beside nothing.
    pub hard_state: HardState,
}

/// Sets the log of a directory aside that [`Wal::open`](super::Wal::open) or
/// [`Wal::snapshots`](super::Wal::snapshots) refused for this reason; it can be opened then. The files
/// have other names now, which end in `.damaged`. Those from before the server had its say are removed.
///
/// The server keeps its identity, its term and its vote. A crash at any point leaves a directory that
/// is refused again, or a server without a say.
///
/// # Errors
/// `why` itself, if others cannot make up for it: the group was founded by this server alone, its
/// identity or its hard state are lost, or nothing is damaged. What the disk says.
pub fn heal<D: Disk>(disk: &D, why: OpenError) -> Result<Healed, OpenError> {
    if !can_be_healed(&why) {
        return Err(why);
    }
    let ident = read_ident(disk)?;
    let node = ident.identity.node;
    if ident.genesis.voters().iter().all(|&voter| voter == node) {
        return Err(why);
    }
    let (found, _) = state::read(disk, &ident.identity)?;
    let names = disk.list()?;
    if !found.hard_state.is_forgetful {
        for name in names.iter().filter(|name| name.ends_with(SUFFIX)) {
            disk.remove(name)?;
        }
    }
    // First of all: from here on the directory is that of a server without a say, whatever else it
    // holds. It promises nothing any more.
    let hard_state = HardState { is_forgetful: true, ..found.hard_state };
    let state = State { hard_state, durable_lsn: 0, segment_seq: 0, closed: false, ..found };
    StateFile::open(disk, ident.identity, found)?.write(disk, state)?;

    let is_part = |name: &&String| parse_segment_name(name).is_some() || is_snapshot_name(name);
    let mut aside: Vec<_> = names.iter().filter(is_part).cloned().collect();
    aside.sort_unstable();
    for name in aside.iter_mut().rev() {
        // Of several damages of one server, each has names of its own.
        let other = format!("{name}.{:08x}{SUFFIX}", found.boot_epoch & 0xFFFF_FFFF);
        disk.rename(name, &other)?;
        *name = other;
    }
    disk.sync_dir()?;
    Ok(Healed { aside, hard_state })
}

/// Is it damage, and of what others have, too? What a disk cannot read today it may read tomorrow.
fn can_be_healed(why: &OpenError) -> bool {
    match why {
        OpenError::Damaged(Damage { row, .. }) => *row != Row::Unreadable,
        OpenError::Gap { .. } | OpenError::Snapshot(_) => true,
        _ => false,
    }
}
