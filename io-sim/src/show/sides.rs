//! Who is parted from whom, in words.

use std::collections::BTreeSet;

/// Names a set of blocked links among servers, numbered from 1.
pub(super) fn name(blocked: &[(u16, u16)], servers: u16) -> String {
    let blocked: BTreeSet<_> = blocked.iter().copied().collect();
    if let Some(name) = one_way(&blocked, servers) {
        return name;
    }
    let is_open = |a, b| !blocked.contains(&(a, b)) && !blocked.contains(&(b, a));
    let sides = sides(servers, is_open);
    if sides.len() > 1 {
        return sides.iter().map(|side| list(side)).collect::<Vec<_>>().join(" | ");
    }
    let reaches_all = |hub| (1..=servers).all(|n| n == hub || is_open(hub, n));
    for hub in (1..=servers).filter(|&hub| reaches_all(hub)) {
        let rest = self::sides(servers, |a, b| is_open(a, b) && a != hub && b != hub);
        let rest: Vec<_> = rest.iter().filter(|side| **side != [hub]).collect();
        if rest.len() > 1 {
            let sides: Vec<_> = rest.iter().map(|side| list(side)).collect();
            let all = if rest.len() > 2 { "all" } else { "both" };
            return format!("{}, only n{hub} reaches {all}", sides.join(" | "));
        }
    }
    let pairs: Vec<_> = blocked.iter().filter(|(a, b)| a < b).collect();
    let pairs: Vec<_> = pairs.iter().map(|(a, b)| format!("n{a}-n{b}")).collect();
    format!("without {}", pairs.join(" "))
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
        name(&blocked, servers)
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
        assert_eq!(name(&[(1, 2)], 3), "without n1→n2");
    }
}
