//! Who is parted from whom.

use std::collections::BTreeSet;

/// What a set of blocked links does to servers.
pub(super) struct Sides {
    /// Who is parted from whom.
    pub(super) text: String,
    /// The side of each server, if it has one: those of one side hear one another, and nobody else.
    pub(super) of: Vec<Option<usize>>,
}

/// Looks at blocked links among servers, numbered from 1.
pub(super) fn find(blocked: &[(u16, u16)], servers: u16) -> Sides {
    let blocked: BTreeSet<_> = blocked.iter().copied().collect();
    let is_open = |a, b| !blocked.contains(&(a, b)) && !blocked.contains(&(b, a));
    let parted = sides(servers, is_open);
    if let Some(text) = one_way(&blocked, servers) {
        return Sides { text, of: place(&parted, servers) };
    }
    if parted.len() > 1 {
        return Sides { text: names(&parted), of: place(&parted, servers) };
    }
    let reaches_all = |hub| (1..=servers).all(|n| n == hub || is_open(hub, n));
    for hub in (1..=servers).filter(|&hub| reaches_all(hub)) {
        let mut rest = sides(servers, |a, b| is_open(a, b) && a != hub && b != hub);
        rest.retain(|side| *side != [hub]);
        if rest.len() > 1 {
            let all = if rest.len() > 2 { "all" } else { "both" };
            let text = format!("{}, only n{hub} reaches {all}", names(&rest));
            return Sides { text, of: place(&rest, servers) };
        }
    }
    let pairs: Vec<_> = blocked.iter().filter(|(a, b)| a < b).collect();
    let pairs: Vec<_> = pairs.iter().map(|(a, b)| format!("n{a}-n{b}")).collect();
    Sides { text: format!("without {}", pairs.join(" ")), of: place(&[], servers) }
}

/// Links that are blocked in one direction only.
fn one_way(blocked: &BTreeSet<(u16, u16)>, servers: u16) -> Option<String> {
    if blocked.iter().all(|&(from, to)| blocked.contains(&(to, from))) {
        return None;
    }
    let others = usize::from(servers) - 1;
    let count = |is: &dyn Fn(&(u16, u16)) -> bool| blocked.iter().filter(|link| is(link)).count();
    for n in 1..=servers {
        if blocked.len() == others && count(&|link| link.1 == n) == others {
            return Some(format!("n{n} hears nobody"));
        }
        if blocked.len() == others && count(&|link| link.0 == n) == others {
            return Some(format!("nobody hears n{n}"));
        }
    }
    let links: Vec<_> = blocked.iter().map(|(from, to)| format!("n{from}→n{to}")).collect();
    Some(format!("without {}", links.join(" ")))
}

/// The side of each server; of none, if there is only one.
fn place(sides: &[Vec<u16>], servers: u16) -> Vec<Option<usize>> {
    let side_of = |n| sides.iter().position(|side| side.contains(&n));
    (1..=servers).map(|n| side_of(n).filter(|_| sides.len() > 1)).collect()
}

fn names(sides: &[Vec<u16>]) -> String {
    sides.iter().map(|side| list(side)).collect::<Vec<_>>().join(" | ")
}

/// Who reaches whom, by whatever way; each side in order.
fn sides(servers: u16, is_open: impl Fn(u16, u16) -> bool) -> Vec<Vec<u16>> {
    let mut left: BTreeSet<u16> = (1..=servers).collect();
    let mut sides = Vec::new();
    while let Some(first) = left.pop_first() {
        let mut side = vec![first];
        let mut at = 0;
        while let Some(&here) = side.get(at) {
            let reached: Vec<_> = left.iter().copied().filter(|&n| is_open(here, n)).collect();
            reached.iter().for_each(|n| {
                left.remove(n);
            });
            side.extend(reached);
            at += 1;
        }
        side.sort_unstable();
        sides.push(side);
    }
    sides
}

fn list(side: &[u16]) -> String {
    side.iter().map(|n| format!("n{n}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{HostId, Shape};

    fn named(shape: &Shape, servers: u16) -> String {
        let hosts: Vec<_> = (1..=servers).map(HostId).collect();
        let blocked = shape.blocked(&hosts);
        let blocked: Vec<_> = blocked.iter().map(|(from, to)| (from.0, to.0)).collect();
        find(&blocked, servers).text
    }

    #[test]
    fn every_shape_has_a_name_that_says_who_is_parted() {
        let two = HostId(2);
        assert_eq!(named(&Shape::Isolate(two), 3), "n1 n3 | n2");
        assert_eq!(named(&Shape::Deaf(two), 3), "n2 hears nobody");
        assert_eq!(named(&Shape::Mute(two), 3), "nobody hears n2");
        let apart = Shape::Apart(vec![HostId(1), HostId(4)]);
        assert_eq!(named(&apart, 5), "n1 n4 | n2 n3 n5");
        assert_eq!(named(&Shape::Chain, 3), "n1 | n3, only n2 reaches both");
        let hub = Shape::QuorumLoss { hub: two };
        assert_eq!(named(&hub, 4), "n1 | n3 | n4, only n2 reaches all");
        assert_eq!(named(&Shape::Chain, 4), "without n1-n3 n1-n4 n2-n4");
        assert_eq!(named(&Shape::MajoritiesRing, 4), "without n1-n3 n2-n4");
        assert_eq!(find(&[(1, 2)], 3).text, "without n1→n2");
    }

    #[test]
    fn a_side_is_of_those_that_hear_one_another() {
        let both = |a, b| [(a, b), (b, a)];
        let isolated = [both(1, 2), both(2, 3)].concat();
        assert_eq!(find(&isolated, 3).of, [Some(0), Some(1), Some(0)]);
        assert_eq!(find(&both(1, 3), 3).of, [Some(0), None, Some(1)], "2 is of both");
        let ring = [both(1, 3), both(2, 4)].concat();
        assert_eq!(find(&ring, 4).of, [None; 4]);
    }
}
