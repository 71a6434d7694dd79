//! The disks by which peers are known.

use alloc::collections::BTreeMap;

use crate::types::{Incarnation, NodeId};
use crate::wire::Reject;

/// What a server says of its disk when it shakes hands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct DiskName {
    pub(super) incarnation: Incarnation,
    /// When it began, if it began without a say: see
    /// [`Ident::joined`](crate::wal::Ident::joined).
    pub(super) joined: Option<u64>,
    /// How often its server has started from it.
    pub(super) boot: u64,
}

impl DiskName {
    /// May the server that was known by another disk, or an earlier start from this one, have come
    /// to this?
    ///
    /// A disk that began with a say would have forgotten what the other one has promised. Of two
    /// that began without, the later one is the replacement. A start from the same disk that is
    /// earlier than one that was seen is one from an old copy.
    fn follows(&self, known: &Self) -> Result<(), Reject> {
        if self.incarnation == known.incarnation {
            return if self.boot < known.boot { Err(Reject::StaleBoot) } else { Ok(()) };
        }
        if self.joined > known.joined { Ok(()) } else { Err(Reject::StaleIncarnation) }
    }
}

/// The disks by which the peers are known: what was found at their addresses.
///
/// Known for the life of this process only, and on no disk: after a restart a peer is taken as it
/// comes. So one that was wiped, and does not say so as it should, is kept out by those that have
/// known it and not started since; once as many have started as make a majority with it, it may help
/// to elect a leader that lacks committed entries.
#[derive(Debug, Default)]
pub(super) struct Disks {
    all: BTreeMap<NodeId, DiskName>,
}

impl Disks {
    /// Is a server with this disk the peer, as far as that is known?
    pub(super) fn check(&self, peer: NodeId, disk: &DiskName) -> Result<(), Reject> {
        self.all.get(&peer).map_or(Ok(()), |known| disk.follows(known))
    }

    /// This was found at the peer's address.
    pub(super) fn learn(&mut self, peer: NodeId, disk: DiskName) -> Result<(), Reject> {
        self.check(peer, &disk)?;
        self.all.insert(peer, disk);
        Ok(())
    }

    /// Nothing is known of those for whom this does not hold.
    pub(super) fn retain(&mut self, is_kept: impl Fn(NodeId) -> bool) {
        self.all.retain(|&id, _| is_kept(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_follows_an_earlier_start_and_one_that_it_replaces() {
        let disk = |incarnation, joined, boot| DiskName {
            incarnation: Incarnation(incarnation),
            joined,
            boot,
        };
        let known = disk(1, None, 5);
        assert_eq!(disk(1, None, 5).follows(&known), Ok(()), "the same start");
        assert_eq!(disk(1, None, 6).follows(&known), Ok(()));
        assert_eq!(disk(1, None, 4).follows(&known), Err(Reject::StaleBoot));
        assert_eq!(disk(2, None, 6).follows(&known), Err(Reject::StaleIncarnation));
        let replacement = disk(2, Some(10), 1);
        assert_eq!(replacement.follows(&known), Ok(()));
        assert_eq!(known.follows(&replacement), Err(Reject::StaleIncarnation), "it is back");
        assert_eq!(disk(3, Some(11), 1).follows(&replacement), Ok(()));
        assert_eq!(disk(3, Some(9), 1).follows(&replacement), Err(Reject::StaleIncarnation));
    }
}
