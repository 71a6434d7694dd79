//! Shapes of partitions: which directed links are blocked.

use super::host::HostId;
use crate::rng::{Rng, Stream};

/// A partition among some hosts, by its name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shape {
    /// One host is alone.
    Isolate(HostId),
    /// One host hears nobody, but is heard.
    Deaf(HostId),
    /// One host is heard by nobody, but hears.
    Mute(HostId),
    /// These on one side (a leader, a minority, whatever is aimed at), the others on the other.
    Apart(Vec<HostId>),
    /// Two random sides whose sizes differ by at most one.
    Halves {
        /// Chooses the sides.
        seed: u64,
    },
    /// Every host in one of this many random groups; some may be empty.
    Groups {
        /// How many; at least 1.
        count: u16,
        /// Chooses the groups.
        seed: u64,
    },
    /// Two halves that only the hub connects.
    Bridge {
        /// Is in both halves.
        hub: HostId,
        /// Chooses the halves.
        seed: u64,
    },
    /// Everybody reaches a majority, and no two the same one (for 3 hosts and more).
    MajoritiesRing,
    /// Everybody reaches only its neighbours in the list.
    Chain,
    /// Everybody reaches the hub only, so that nobody else has a quorum.
    QuorumLoss {
        /// Reaches everybody.
        hub: HostId,
    },
}

impl Shape {
    /// The blocked links, `(from, to)`, among these hosts, in their order.
    #[must_use]
    pub fn blocked(&self, hosts: &[HostId]) -> Vec<(HostId, HostId)> {
        let sides = self.sides(hosts);
        let mut blocked = Vec::new();
        for (a, &from) in hosts.iter().enumerate() {
            for (b, &to) in hosts.iter().enumerate() {
                if a != b && self.blocks((a, from), (b, to), &sides) {
                    blocked.push((from, to));
                }
            }
        }
        blocked
    }

    fn blocks(&self, from: (usize, HostId), to: (usize, HostId), sides: &[u16]) -> bool {
        match self {
            Self::Isolate(host) => from.1 == *host || to.1 == *host,
            Self::Deaf(host) => to.1 == *host,
            Self::Mute(host) => from.1 == *host,
            Self::Apart(_) | Self::Halves { .. } | Self::Groups { .. } => {
                sides[from.0] != sides[to.0]
            }
            Self::Bridge { hub, .. } => {
                from.1 != *hub && to.1 != *hub && sides[from.0] != sides[to.0]
            }
            Self::MajoritiesRing => !is_near(from.0, to.0, sides.len()),
            Self::Chain => from.0.abs_diff(to.0) > 1,
            Self::QuorumLoss { hub } => from.1 != *hub && to.1 != *hub,
        }
    }

    /// On which side each host is; all on one where sides do not matter.
    fn sides(&self, hosts: &[HostId]) -> Vec<u16> {
        match self {
            Self::Apart(some) => hosts.iter().map(|host| u16::from(some.contains(host))).collect(),
            Self::Halves { seed } => halves(hosts, None, *seed),
            Self::Bridge { hub, seed } => halves(hosts, Some(*hub), *seed),
            Self::Groups { count, seed } => {
                let mut rng = Rng::new(*seed, Stream::Nemesis);
                let count = usize::from((*count).max(1));
                let group = |_| u16::try_from(rng.index(count)).expect("below a u16");
                hosts.iter().map(group).collect()
            }
            _ => vec![0; hosts.len()],
        }
    }
}

/// Deals the hosts, the hub left out, to two sides.
fn halves(hosts: &[HostId], hub: Option<HostId>, seed: u64) -> Vec<u16> {
    let mut rng = Rng::new(seed, Stream::Nemesis);
    let mut places: Vec<_> = (0..hosts.len()).filter(|&at| Some(hosts[at]) != hub).collect();
    rng.shuffle(&mut places);
    let mut sides = vec![0; hosts.len()];
    places.iter().skip(places.len() / 2).for_each(|&at| sides[at] = 1);
    sides
}

/// Do two places of the ring reach each other? A majority is oneself and `others` more: as many to
/// the left as to the right. An odd one out is the host across the ring; where there is none,
/// everybody reaches one more on both sides, and three hosts are a chain.
fn is_near(a: usize, b: usize, hosts: usize) -> bool {
    let distance = a.abs_diff(b).min(hosts - a.abs_diff(b));
    let others = hosts / 2;
    match (others % 2, hosts % 2) {
        _ if hosts == 3 => a.abs_diff(b) <= 1,
        (0, _) => distance <= others / 2,
        (_, 0) => distance <= others / 2 || distance == hosts / 2,
        _ => distance <= others.div_ceil(2),
    }
}
