//! What the members shall be, given what they are.

use std::collections::BTreeMap;

use quorate_core::node::NodeStatus;
use quorate_core::wire::Address;
use quorate_core::{Membership, NodeId};

use crate::arguments::Peer;
use crate::codes;
use crate::diagnostic::Diagnostic;

/// What is asked for.
pub(super) enum Target {
    Adding { servers: Vec<Peer>, place: Place },
    Removing(Vec<NodeId>),
    Promoting(Vec<NodeId>),
    Setting { voters: Vec<Peer>, learners: Vec<Peer>, reserves: Vec<Peer> },
}

/// What a server is to the group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    Voter,
    Learner,
    Reserve,
}

impl Target {
    pub(super) fn adding(servers: &[Peer], place: Place) -> Self {
        Self::Adding { servers: servers.to_vec(), place }
    }

    pub(super) fn removing(servers: &[NodeId]) -> Self {
        Self::Removing(servers.to_vec())
    }

    pub(super) fn promoting(servers: &[NodeId]) -> Self {
        Self::Promoting(servers.to_vec())
    }

    pub(super) fn setting(voters: &[Peer], learners: &[Peer], reserves: &[Peer]) -> Self {
        let [voters, learners, reserves] = [voters, learners, reserves].map(<[Peer]>::to_vec);
        Self::Setting { voters, learners, reserves }
    }

    /// The members that are asked for, and where all of them are.
    pub(super) fn of(&self, now: &NodeStatus) -> Result<Membership, Box<Diagnostic>> {
        let mut voters = now.voters.clone();
        let mut learners = now.learners.clone();
        let mut reserves = now.reserves.clone();
        let mut addresses: BTreeMap<NodeId, Address> = now.addresses.iter().cloned().collect();
        match self {
            Self::Adding { servers, place } => {
                for Peer { id, address } in servers {
                    if voters.contains(id) {
                        return Err(senseless(format!("server {id} has a vote already"))
                            .help("has it moved? `quorate members set` says where all are"));
                    }
                    learners.retain(|known| known != id);
                    reserves.retain(|known| known != id);
                    match place {
                        Place::Voter => voters.push(*id),
                        Place::Learner => learners.push(*id),
                        Place::Reserve => reserves.push(*id),
                    }
                    addresses.insert(*id, address.clone());
                }
            }
            Self::Removing(servers) => {
                for id in servers {
                    let mut lists = [&mut voters, &mut learners, &mut reserves];
                    if !lists.iter().any(|list| list.contains(id)) {
                        return Err(senseless(format!("server {id} is no member")));
                    }
                    lists.iter_mut().for_each(|list| list.retain(|known| known != id));
                }
            }
            Self::Promoting(servers) => {
                for id in servers {
                    if !learners.contains(id) && !reserves.contains(id) {
                        let what = format!("server {id} is neither a learner nor in reserve");
                        return Err(senseless(what)
                            .help(format!("a new one? `quorate members add {id}=HOST:PORT`")));
                    }
                    learners.retain(|known| known != id);
                    reserves.retain(|known| known != id);
                    voters.push(*id);
                }
            }
            Self::Setting { voters: all, learners: others, reserves: rest } => {
                let ids = |peers: &[Peer]| peers.iter().map(|peer| peer.id).collect();
                (voters, learners, reserves) = (ids(all), ids(others), ids(rest));
                let said = [all, others, rest].into_iter().flatten();
                addresses.extend(said.map(|peer| (peer.id, peer.address.clone())));
            }
        }
        let wrong = |error| senseless("these servers cannot form a group".into()).because(&error);
        let members = Membership::new(voters, [], learners).map_err(wrong)?;
        let members = members.with_reserves(reserves).map_err(wrong)?;
        addresses.retain(|&id, _| members.is_member(id) || members.is_reserve(id));
        members.with_addresses(addresses).map_err(wrong)
    }
}

fn senseless(what: String) -> Box<Diagnostic> {
    Diagnostic::new(codes::BAD_MEMBERS, what)
        .help("`quorate members` shows who belongs to the group")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_as_it_was_but_for_what_is_asked_for() {
        let id = |id| NodeId::new(id).expect("not zero");
        let peer = |text: &str| text.parse::<Peer>().expect("a peer");
        let membership = |now: &Membership, target: Target| {
            target.of(&status(now)).map(|membership| membership.to_owned())
        };
        let three = Target::setting(&[peer("1=a:1"), peer("2=b:1"), peer("3=c:1")], &[], &[]);
        let three = membership(&Membership::default(), three).expect("a group");
        assert_eq!(three.voters(), [id(1), id(2), id(3)]);
        let learning =
            membership(&three, Target::adding(&[peer("4=d:1")], Place::Learner)).expect("a group");
        assert_eq!((learning.voters().len(), learning.learners()), (3, &[id(4)][..]));
        let four = membership(&learning, Target::promoting(&[id(4)])).expect("a group");
        assert_eq!(four.voters().len(), 4);
        assert_eq!(four.address(id(4)).map(Address::as_str), Some("d:1"));
        let left = membership(&four, Target::removing(&[id(1), id(4)])).expect("a group");
        assert_eq!((left.voters(), left.addresses().len()), (&[id(2), id(3)][..], 2));
        let waiting = Target::adding(&[peer("5=e:1")], Place::Reserve);
        let waiting = membership(&learning, waiting).expect("a group");
        assert_eq!((waiting.members().len(), waiting.reserves()), (4, &[id(5)][..]));
        assert_eq!(waiting.address(id(5)).map(Address::as_str), Some("e:1"));
        let called = membership(&waiting, Target::promoting(&[id(5)])).expect("a group");
        assert_eq!((called.voters().len(), called.reserves().len()), (4, 0));
        let sent_away = membership(&waiting, Target::removing(&[id(5)])).expect("a group");
        assert_eq!(sent_away, learning);
        let all = Target::setting(&[peer("1=a:1")], &[peer("2=b:1")], &[peer("3=c:1")]);
        let all = membership(&waiting, all).expect("a group");
        assert_eq!(
            (all.voters(), all.learners(), all.reserves()),
            (&[id(1)][..], &[id(2)][..], &[id(3)][..])
        );
        for senseless in [
            Target::adding(&[peer("1=a:2")], Place::Voter),
            Target::removing(&[id(9)]),
            Target::removing(&[id(1), id(2), id(3)]),
            Target::promoting(&[id(1)]),
        ] {
            assert!(membership(&three, senseless).is_err());
        }
    }

    fn status(now: &Membership) -> NodeStatus {
        use quorate_core::{ClusterId, Index, RoleKind, Term};
        NodeStatus {
            cluster: ClusterId(1),
            id: NodeId::new(1).expect("not zero"),
            role: RoleKind::Leader,
            term: Term(1),
            leader: None,
            leader_address: None,
            last: Index(0),
            durable: Index(0),
            commit: Index(0),
            applied: Index(0),
            voters: now.voters().to_vec(),
            peers: Vec::new(),
            requests: 0,
            connections: 0,
            ignored_messages: 0,
            syncs: 0,
            snapshot: Index(0),
            log_start: Index(0),
            fetching: None,
            learners: now.learners().to_vec(),
            outgoing: Vec::new(),
            membership_index: Index(0),
            addresses: now.addresses().to_vec(),
            is_changing: false,
            transferring_to: None,
            is_removed: false,
            reserves: now.reserves().to_vec(),
            is_forgetful: false,
            forgetful: Vec::new(),
            has_lease: false,
            lease_lost: None,
            watches: 0,
            calls: 0,
        }
    }
}
