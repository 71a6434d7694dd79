//! Each shape of a partition has the property that it is named for, for 3 to 7 hosts.

use std::collections::BTreeSet;

use quorate_io_sim::net::{HostId, Shape};

fn hosts(count: u16) -> Vec<HostId> {
    (1..=count).map(HostId).collect()
}

/// By host: whom it reaches both ways, itself included.
fn reach(shape: &Shape, hosts: &[HostId]) -> Vec<BTreeSet<HostId>> {
    let blocked: BTreeSet<_> = shape.blocked(hosts).into_iter().collect();
    let reaches = |a: HostId, b: HostId| !blocked.contains(&(a, b)) && !blocked.contains(&(b, a));
    let row = |&a: &HostId| hosts.iter().copied().filter(|&b| reaches(a, b)).collect();
    hosts.iter().map(row).collect()
}

fn each_size(check: impl Fn(&[HostId], usize)) {
    (3..=7).for_each(|count| check(&hosts(count), usize::from(count) / 2 + 1));
}

#[test]
fn an_isolated_host_is_alone_and_the_others_are_not() {
    each_size(|hosts, _| {
        let reach = reach(&Shape::Isolate(HostId(2)), hosts);
        assert_eq!(reach[1], BTreeSet::from([HostId(2)]));
        assert!(reach.iter().enumerate().all(|(at, set)| at == 1 || set.len() == hosts.len() - 1));
    });
}

#[test]
fn a_deaf_host_is_heard_and_a_mute_one_hears() {
    each_size(|hosts, _| {
        let host = HostId(3);
        let others = || hosts.iter().copied().filter(move |&other| other != host);
        let to: Vec<_> = others().map(|other| (other, host)).collect();
        let from: Vec<_> = others().map(|other| (host, other)).collect();
        assert_eq!(Shape::Deaf(host).blocked(hosts), to);
        assert_eq!(Shape::Mute(host).blocked(hosts), from);
    });
}

#[test]
fn sides_that_are_apart_are_whole_in_themselves() {
    each_size(|hosts, majority| {
        let minority = hosts[majority..].to_vec();
        let reach = reach(&Shape::Apart(minority.clone()), hosts);
        for (host, set) in hosts.iter().zip(reach) {
            let side = if minority.contains(host) { minority.len() } else { majority };
            assert_eq!(set.len(), side);
        }
    });
}

#[test]
fn halves_differ_by_at_most_one_host_and_by_seed() {
    each_size(|hosts, _| {
        let halves = |seed| reach(&Shape::Halves { seed }, hosts);
        let sizes: BTreeSet<_> = halves(1).iter().map(BTreeSet::len).collect();
        let half = hosts.len() / 2;
        assert!(sizes.iter().all(|&size| size == half || size == hosts.len() - half), "{sizes:?}");
        assert!((2..50).any(|seed| halves(seed) != halves(1)));
        assert_eq!(halves(1), halves(1));
    });
}

#[test]
fn groups_are_whole_in_themselves_and_apart_from_others() {
    each_size(|hosts, _| {
        let mut counts = BTreeSet::new();
        for seed in 0..50 {
            let reach = reach(&Shape::Groups { count: 3, seed }, hosts);
            let groups: BTreeSet<_> = reach.iter().collect();
            let members: usize = groups.iter().map(|group| group.len()).sum();
            assert_eq!(members, hosts.len(), "no host is in two groups");
            counts.insert(groups.len());
        }
        assert_eq!(counts.into_iter().max(), Some(3));
    });
}

#[test]
fn only_the_hub_bridges_two_halves() {
    each_size(|hosts, _| {
        for seed in 0..20 {
            let hub = HostId(2);
            let reach = reach(&Shape::Bridge { hub, seed }, hosts);
            assert_eq!(reach[1].len(), hosts.len());
            let sides: BTreeSet<_> = reach.iter().filter(|set| set.len() < hosts.len()).collect();
            assert_eq!(sides.len(), 2);
            let common = |a: &BTreeSet<_>, b: &BTreeSet<_>| a & b;
            let sides: Vec<_> = sides.into_iter().collect();
            assert_eq!(common(sides[0], sides[1]), BTreeSet::from([hub]));
            assert!(sides[0].len().abs_diff(sides[1].len()) <= 1);
        }
    });
}

#[test]
fn on_a_ring_everybody_sees_a_majority_and_no_two_the_same() {
    each_size(|hosts, majority| {
        let reach = reach(&Shape::MajoritiesRing, hosts);
        assert!(reach.iter().all(|set| set.len() >= majority), "{reach:?}");
        assert!(reach.iter().any(|set| set.len() < hosts.len()));
        let distinct: BTreeSet<_> = reach.iter().collect();
        assert_eq!(distinct.len(), hosts.len(), "{reach:?}");
    });
}

#[test]
fn in_a_chain_everybody_sees_its_neighbours() {
    each_size(|hosts, _| {
        let reach = reach(&Shape::Chain, hosts);
        let sizes: Vec<_> = reach.iter().map(BTreeSet::len).collect();
        assert_eq!((sizes[0], sizes[hosts.len() - 1]), (2, 2));
        assert!(sizes[1..hosts.len() - 1].iter().all(|&size| size == 3));
    });
}

#[test]
fn where_a_quorum_is_lost_only_the_hub_has_one() {
    each_size(|hosts, majority| {
        let reach = reach(&Shape::QuorumLoss { hub: HostId(1) }, hosts);
        assert_eq!(reach[0].len(), hosts.len());
        // Of three, any two are a majority.
        assert!(
            reach[1..].iter().all(|set| set.len() == 2 && (majority == 2 || set.len() < majority))
        );
    });
}
