//! A membership as bytes: in an entry, on the wire and on disk the same.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::Membership;
use crate::types::NodeId;
use crate::wire::Address;

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
        only(bytes).is_some()
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
const LENGTH_BYTES: usize = 2;
const MEMBERS_MAX: usize = 2 * Membership::VOTERS_MAX + Membership::LEARNERS_MAX;

/// Five counts: of voters, outgoing voters and learners as u16, of addresses and reserves as u8. Then
/// the servers of the four lists as u64, the reserves last, and each address: its server as u64, its
/// length as u16, its text. All integers are little-endian.
pub(crate) fn encode(membership: &Membership) -> Vec<u8> {
    let members = [membership.voters(), membership.outgoing(), membership.learners()];
    let (reserves, addresses) = (membership.reserves(), membership.addresses());
    let mut bytes = Vec::new();
    for list in members {
        bytes.extend_from_slice(&u16_of(list.len()).to_le_bytes());
    }
    bytes.extend([addresses.len(), reserves.len()].map(u8_of));
    for id in members.into_iter().flatten().chain(reserves) {
        bytes.extend_from_slice(&id.get().to_le_bytes());
    }
    for (id, address) in addresses {
        bytes.extend_from_slice(&id.get().to_le_bytes());
        bytes.extend_from_slice(&u16_of(address.as_str().len()).to_le_bytes());
        bytes.extend_from_slice(address.as_str().as_bytes());
    }
    bytes
}

fn u16_of(count: usize) -> u16 {
    u16::try_from(count).expect("a membership is small")
}

fn u8_of(count: usize) -> u8 {
    u8::try_from(count).expect("a membership is small")
}

/// The membership that `bytes` are, if they are the only way to say it.
pub(super) fn only(bytes: &[u8]) -> Option<Membership> {
    decode(bytes).filter(|membership| encode(membership) == bytes)
}

/// The membership that `bytes` start with. Nothing is made for a count that no membership has.
pub(crate) fn decode(bytes: &[u8]) -> Option<Membership> {
    let (counts, mut rest) = bytes.split_first_chunk::<COUNTS_BYTES>()?;
    let [v0, v1, o0, o1, l0, l1, addresses, reserves] = *counts;
    let mut list = |counted: [u8; 2]| -> Option<Vec<NodeId>> {
        let count = usize::from(u16::from_le_bytes(counted));
        let count = Some(count).filter(|&count| count <= MEMBERS_MAX)?;
        (0..count).map(|_| take_id(&mut rest)).collect()
    };
    let (voters, outgoing, learners) = (list([v0, v1])?, list([o0, o1])?, list([l0, l1])?);
    let reserves = list([reserves, 0])?;
    let addresses: Option<Vec<_>> =
        (0..addresses).map(|_| Some((take_id(&mut rest)?, take_address(&mut rest)?))).collect();
    let members = Membership::new(voters, outgoing, learners).ok()?;
    members.with_reserves(reserves).ok()?.with_addresses(addresses?).ok()
}

fn take_id(rest: &mut &[u8]) -> Option<NodeId> {
    let (id, after) = rest.split_first_chunk::<ID_BYTES>()?;
    *rest = after;
    NodeId::new(u64::from_le_bytes(*id))
}

fn take_address(rest: &mut &[u8]) -> Option<Address> {
    let (length, after) = rest.split_first_chunk::<LENGTH_BYTES>()?;
    let length = usize::from(u16::from_le_bytes(*length));
    if length > Address::BYTES_MAX {
        return None;
    }
    let (text, after) = after.split_at_checked(length)?;
    *rest = after;
    Address::new(core::str::from_utf8(text).ok()?.to_owned()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[u64]) -> Vec<NodeId> {
        ids.iter().filter_map(|&id| NodeId::new(id)).collect()
    }

    fn at(membership: &Membership, addresses: &[(u64, &str)]) -> Membership {
        let address = |one: &(u64, &str)| {
            (ids(&[one.0])[0], Address::new(one.1.to_owned()).expect("an address"))
        };
        membership.clone().with_addresses(addresses.iter().map(address)).expect("of members")
    }

    #[test]
    fn a_membership_is_read_back_and_half_of_one_is_not() {
        let joint = Membership::new(ids(&[1, 2, 9]), ids(&[1, 2]), ids(&[7])).expect("valid");
        let standing_by = joint.clone().with_reserves(ids(&[3, 8])).expect("two others");
        let reached = at(&standing_by, &[(2, "b.example.org:7000"), (7, "c:1"), (8, "d:1")]);
        for membership in [joint, standing_by, reached] {
            let bytes = encode(&membership);
            assert_eq!(decode(&bytes), Some(membership));
            for cut in 0..bytes.len() {
                assert_eq!(decode(&bytes[..cut]), None, "cut at {cut}");
            }
        }
    }

    #[test]
    fn the_largest_membership_is_read_back() {
        let range = |range: core::ops::RangeInclusive<u64>| range.filter_map(NodeId::new);
        let (voters, outgoing, learners) = (range(1..=31), range(32..=62), range(63..=158));
        let members = Membership::new(voters, outgoing, learners).expect("all that there may be");
        let members = members.with_reserves(range(159..=254)).expect("and these");
        let host = "h".repeat(Address::BYTES_MAX - 5);
        let address = |id| (id, Address::new(alloc::format!("{host}:7000")).expect("the longest"));
        let members = members.with_addresses(range(1..=254).map(address)).expect("of members");
        assert_eq!(decode(&encode(&members)), Some(members));
    }

    #[test]
    fn a_record_is_the_only_way_to_say_it() {
        let three = Membership::of_voters(ids(&[1, 2, 3])).expect("valid");
        let bytes = encode(&three);
        let longer = [&bytes[..], &[0]].concat();
        let unsorted = [&bytes[..8], &bytes[16..24], &bytes[8..16], &bytes[24..]].concat();
        let marked = [&bytes[..6], &[1, 0], &bytes[8..]].concat();
        let two = encode(&at(&three, &[(1, "a"), (2, "b")]));
        let swapped = [&two[..32], &two[43..], &two[32..43]].concat();
        let stranger = [&two[..43], &[9], &two[44..]].concat();
        for other in [longer, unsorted, marked, swapped, stranger, Vec::new()] {
            assert_eq!(MembershipRecord::parse(&other), None, "{other:?}");
        }
        assert!(
            MembershipRecord::parse(&bytes).is_some() && MembershipRecord::parse(&two).is_some()
        );
    }
}
