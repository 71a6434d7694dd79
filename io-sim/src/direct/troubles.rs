//! Troubles that begin and end: what networks and disks suffer now is the sum of those under way.

use core::time::Duration;

use super::nemesis::{host, nanos};
use super::world::{Happening, World};
use crate::net::{HostId, LinkOptions, Rule, Shape};
use crate::scenario::Strike;
use crate::show::What;

type Links = Vec<(HostId, HostId)>;

/// Something that lasts.
pub(crate) enum Trouble {
    /// Nothing gets through.
    Blocked(Links),
    /// Nothing gets through half of the time.
    Flapping(Links, u64),
    /// Everything waits.
    Held(Links),
    /// Some frames are lost.
    Filtered(Links, Rule),
    /// Everything takes so much longer.
    Slowed(Links, u64),
    /// Who asks for the one reaches the other.
    Rerouted { from: HostId, to: HostId },
    /// A disk takes so many hundredths of its time.
    SlowDisk { at: usize, percent: u64 },
    /// A disk has no space left.
    FullDisk { at: usize },
}

impl Trouble {
    pub(crate) fn is_partition(&self) -> bool {
        matches!(self, Self::Blocked(_))
    }
}

impl World<'_> {
    /// What a strike does to the network, if that is what it strikes.
    pub(crate) fn net_trouble(&self, strike: &Strike, struck: &[usize]) -> Option<Trouble> {
        let hosts: Vec<HostId> = (0..self.servers.len()).map(host).collect();
        let all = || struck.iter().map(|&at| host(at));
        let shaped =
            |shape: fn(HostId) -> Shape| all().flat_map(|one| shape(one).blocked(&hosts)).collect();
        let ordered = |shape: Shape, order: &[u16]| {
            let order: Vec<_> = order.iter().map(|&server| HostId(server)).collect();
            // Too few for a ring are all neighbours.
            if order.len() < 2 { Links::new() } else { shape.blocked(&order) }
        };
        Some(match strike {
            Strike::Isolate { .. } => Trouble::Blocked(shaped(Shape::Isolate)),
            Strike::Deaf { .. } => Trouble::Blocked(shaped(Shape::Deaf)),
            Strike::Mute { .. } => Trouble::Blocked(shaped(Shape::Mute)),
            Strike::Split { sides, .. } => Trouble::Blocked(apart(&hosts, sides, None)),
            Strike::Bridge { hub, sides, .. } => Trouble::Blocked(apart(&hosts, sides, Some(*hub))),
            Strike::Ring { order, .. } => Trouble::Blocked(ordered(Shape::MajoritiesRing, order)),
            Strike::Chain { order, .. } => Trouble::Blocked(ordered(Shape::Chain, order)),
            Strike::Star { hub, .. } => {
                Trouble::Blocked(Shape::QuorumLoss { hub: HostId(*hub) }.blocked(&hosts))
            }
            Strike::OneWay { from, to, .. } => {
                let ends = |&from: &u16| to.iter().map(move |&to| (HostId(from), HostId(to)));
                Trouble::Blocked(from.iter().flat_map(ends).collect())
            }
            Strike::Flap { between, stretch, .. } => {
                let [a, b] = between.map(HostId);
                Trouble::Flapping(vec![(a, b), (b, a)], nanos(*stretch))
            }
            Strike::Clog { .. } => Trouble::Held(shaped(Shape::Isolate)),
            Strike::Filter { kinds, lose_ppm, .. } => {
                let rule = Rule { ppm: *lose_ppm, kinds: *kinds };
                Trouble::Filtered(shaped(Shape::Mute), rule)
            }
            Strike::SlowLink { from, to, by, .. } => {
                Trouble::Slowed(vec![(HostId(*from), HostId(*to))], nanos(*by))
            }
            Strike::Lag { by, .. } => Trouble::Slowed(shaped(Shape::Deaf), nanos(*by)),
            Strike::Shut { .. } => {
                let callers: Vec<_> = self.callers.iter().map(|caller| caller.host).collect();
                let links = |one: HostId| {
                    callers.iter().flat_map(move |&caller| [(one, caller), (caller, one)])
                };
                Trouble::Blocked(all().flat_map(links).collect())
            }
            Strike::Reroute { from, to, .. } => {
                Trouble::Rerouted { from: HostId(*from), to: HostId(*to) }
            }
            _ => return None,
        })
    }

    /// A trouble begins, and ends after so long.
    pub(crate) fn begin(&mut self, trouble: Trouble, lasts: Duration) {
        self.troubles.begun += 1;
        let number = self.troubles.begun;
        self.troubles.under_way.push((number, trouble));
        self.suffer();
        self.queue.plan(self.ends_at(lasts), Happening::TroubleEnds(number));
    }

    pub(crate) fn end_trouble(&mut self, number: u64) {
        let before = self.troubles.under_way.len();
        self.troubles.under_way.retain(|(other, _)| *other != number);
        if self.troubles.under_way.len() < before {
            self.trace.line(self.now, 0, || format!("trouble {number} ends"));
            self.suffer();
        }
    }

    pub(crate) fn end_troubles(&mut self) {
        self.troubles.under_way.clear();
        self.suffer();
        self.suffering.fill_with(Default::default);
    }

    /// Makes networks and disks what the troubles under way make of them.
    fn suffer(&mut self) {
        let link = self.options.net.link;
        self.net.mend(self.now);
        self.net.set_links(link);
        for at in 0..self.servers.len() {
            self.net.reroute(host(at), host(at));
            let disk = self.options.disk;
            self.servers[at].drive.tune(|tuned| {
                (tuned.capacity_bytes, tuned.slowness_percent) =
                    (disk.capacity_bytes, disk.slowness_percent);
            });
        }
        let mut cut = Links::new();
        for (_, trouble) in &self.troubles.under_way {
            let net = &mut self.net;
            let mut change = |links: &Links, change: &dyn Fn(&mut LinkOptions)| {
                for &(from, to) in links {
                    let mut changed = *net.link(from, to);
                    change(&mut changed);
                    net.set_link(from, to, changed);
                }
            };
            match trouble {
                Trouble::Filtered(links, rule) => change(links, &|link| link.frames.lose = *rule),
                Trouble::Slowed(links, by) => {
                    change(links, &|link| link.latency.min_ns = link.latency.min_ns.max(*by));
                }
                Trouble::Blocked(links) => {
                    net.partition(links);
                    cut.extend(links);
                }
                Trouble::Flapping(links, stretch) => {
                    links.iter().for_each(|&(from, to)| net.flap(from, to, *stretch));
                }
                Trouble::Held(links) => {
                    links.iter().for_each(|&(from, to)| net.hold(self.now, from, to, None));
                }
                Trouble::Rerouted { from, to } => net.reroute(*from, *to),
                Trouble::SlowDisk { at, percent } => {
                    self.servers[*at].drive.tune(|tuned| tuned.slowness_percent = *percent);
                }
                Trouble::FullDisk { at } => {
                    self.servers[*at].drive.tune(|tuned| tuned.capacity_bytes = Some(0));
                }
            }
        }
        if self.troubles.cut != cut {
            self.trace.see(self.now, |recorder| {
                recorder.put(What::Mended);
                if !cut.is_empty() {
                    recorder.cut(&cut);
                }
            });
            self.troubles.cut = cut;
        }
    }
}

/// All troubles under way, by their numbers.
#[derive(Default)]
pub(crate) struct Troubles {
    begun: u64,
    under_way: Vec<(u64, Trouble)>,
    /// Links that nothing gets through.
    cut: Links,
}

/// The links between hosts that are not on one side; the hub is on all. Whoever is on none is alone.
fn apart(hosts: &[HostId], sides: &[Vec<u16>], hub: Option<u16>) -> Links {
    let reach = |a: HostId, b: HostId| {
        a == b
            || hub == Some(a.0)
            || hub == Some(b.0)
            || sides.iter().any(|side| side.contains(&a.0) && side.contains(&b.0))
    };
    let pairs = hosts.iter().flat_map(|&from| hosts.iter().map(move |&to| (from, to)));
    pairs.filter(|&(from, to)| !reach(from, to)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_is_on_every_side_and_who_is_on_none_is_alone() {
        let hosts = [1, 2, 3, 4].map(HostId);
        let reached = |links: &Links, from: u16| {
            let all = (1..=4).filter(|&to| !links.contains(&(HostId(from), HostId(to))));
            all.collect::<Vec<_>>()
        };
        let split = apart(&hosts, &[vec![1, 2], vec![3]], None);
        assert_eq!(
            [1, 2, 3, 4].map(|from| reached(&split, from)),
            [vec![1, 2], vec![1, 2], vec![3], vec![4],]
        );
        let bridge = apart(&hosts, &[vec![1, 2], vec![4]], Some(3));
        assert_eq!(reached(&bridge, 3), [1, 2, 3, 4]);
        assert_eq!(reached(&bridge, 1), [1, 2, 3]);
    }
}
