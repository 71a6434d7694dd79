//! A membership as bytes: in an entry, on the wire and on disk the same.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::Membership;
use crate::types::NodeId;

/// A membership in an entry of the log: the bytes that say it, known to say one.
///
/// So entries are sent, written and compared without a look inside, and take up no more memory than
/// their bytes.
///
/// ```
/// use quorate_core::{Membership, MembershipRecord, NodeId};
/// let three = Membership::of_voters([1, 2, 3].map(|id| NodeId::new(id).unwrap()))?;
/// let record = MembershipRecord::of(&three);
/// assert_eq!(record.membership(), three);
/// assert_eq!(MembershipRecord::parse(record.as_bytes()), Some(record));
/// # Ok::<(), quorate_core::MembershipError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct MembershipRecord(Box<[u8]>);

impl MembershipRecord {
    /// The record of a membership.
    pub fn of(membership: &Membership) -> Self {
        Self(encode(membership).into())
    }

    /// The record that these bytes are; `None` if they are none, or not the only way to say it.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        Self::is_one(bytes).then(|| Self(bytes.into()))
    }

    /// Is this a record, and the only way to say it?
    pub(crate) fn is_one(bytes: &[u8]) -> bool {
        decode(bytes).is_some_and(|membership| encode(&membership) == bytes)
    }

    /// The membership.
    pub fn membership(&self) -> Membership {
        decode(&self.0).expect("it was one when this was made")
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for MembershipRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.membership().fmt(f)
    }
}

const COUNTS_BYTES: usize = 8;
const ID_BYTES: usize = 8;

/// Three counts as u16, two bytes of zero, then the servers of the three lists as u64; all integers
/// little-endian.
pub(crate) fn encode(membership: &Membership) -> Vec<u8> {
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
pub(crate) fn decode(bytes: &[u8]) -> Option<Membership> {
    let (counts, ids) = bytes.split_first_chunk::<COUNTS_BYTES>()?;
    let [v0, v1, o0, o1, l0, l1, ..] = *counts;
    let ids = ids.as_chunks::<ID_BYTES>().0.iter();
    let mut ids = ids.map(|id| NodeId::new(u64::from_le_bytes(*id)));
    let mut list = |count: [u8; 2]| -> Option<Vec<NodeId>> {
        (0..u16::from_le_bytes(count)).map(|_| ids.next().flatten()).collect()
    };
    let (voters, outgoing, learners) = (list([v0, v1])?, list([o0, o1])?, list([l0, l1])?);
    Membership::new(voters, outgoing, learners).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[u64]) -> Vec<NodeId> {
        ids.iter().filter_map(|&id| NodeId::new(id)).collect()
    }

    #[test]
    fn a_membership_is_read_back_and_half_of_one_is_not() {
        let joint = Membership::new(ids(&[1, 2, 9]), ids(&[1, 2]), ids(&[7])).expect("valid");
        let bytes = encode(&joint);
        assert_eq!(decode(&bytes), Some(joint));
        for cut in 0..bytes.len() {
            assert_eq!(decode(&bytes[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn a_record_is_the_only_way_to_say_it() {
        let three = Membership::of_voters(ids(&[1, 2, 3])).expect("valid");
        let bytes = encode(&three);
        let longer = [&bytes[..], &[0]].concat();
        let unsorted = [&bytes[..8], &bytes[16..24], &bytes[8..16], &bytes[24..]].concat();
        let marked = [&bytes[..6], &[1, 0], &bytes[8..]].concat();
        for other in [longer, unsorted, marked, Vec::new()] {
            assert_eq!(MembershipRecord::parse(&other), None, "{other:?}");
        }
        assert!(MembershipRecord::parse(&bytes).is_some());
    }
}
