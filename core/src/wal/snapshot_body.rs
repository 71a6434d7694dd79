//! What a record of a snapshot says beside its last entry.

use alloc::vec::Vec;

use super::layout::u64_at;
use crate::membership;
use crate::recovered::SnapshotMeta;
use crate::types::{Index, LogId, Term};

const AT_BYTES: usize = 16;

/// The membership, then index and term of the entry that said it, as u64.
pub(super) fn encode(snapshot: &SnapshotMeta) -> Vec<u8> {
    let mut body = membership::encode(&snapshot.membership);
    body.extend_from_slice(&snapshot.membership_at.index.0.to_le_bytes());
    body.extend_from_slice(&snapshot.membership_at.term.0.to_le_bytes());
    body
}

/// The snapshot up to `last_included` whose record has this body.
pub(super) fn decode(last_included: LogId, body: &[u8]) -> Option<SnapshotMeta> {
    let (said, at) = body.split_at_checked(body.len().checked_sub(AT_BYTES)?)?;
    let membership = membership::MembershipRecord::parse(said)?.membership();
    let membership_at = LogId { index: Index(u64_at(at, 0)), term: Term(u64_at(at, 8)) };
    let is_before =
        membership_at.index <= last_included.index && membership_at.term <= last_included.term;
    (is_before && membership_at.is_possible()).then_some(SnapshotMeta {
        last_included,
        membership_at,
        membership,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membership::Membership;
    use crate::types::NodeId;

    #[test]
    fn a_membership_is_of_an_entry_that_can_be_and_is_covered() {
        let id = |term, index| LogId { term: Term(term), index: Index(index) };
        let membership = Membership::of_voters(NodeId::new(1)).expect("a membership");
        let reads = |membership_at| {
            let membership = membership.clone();
            let said = SnapshotMeta { last_included: id(2, 3), membership_at, membership };
            decode(said.last_included, &encode(&said)) == Some(said)
        };
        for sound in [LogId::ZERO, id(1, 1), id(2, 3)] {
            assert!(reads(sound), "{sound:?}");
        }
        for broken in [id(1, 0), id(0, 1), id(2, 4), id(3, 3)] {
            assert!(!reads(broken), "{broken:?}");
        }
    }
}
