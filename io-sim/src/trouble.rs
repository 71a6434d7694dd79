//! What strikes for a while, whatever the engine: troubles that begin and end, and what a server goes
//! through. What networks and disks suffer now is the sum of the troubles under way.

use core::time::Duration;

use quorate_core::Instant;

use crate::clock::{Clock, nanos};
use crate::disk::Drive;
use crate::net::{HostId, LinkOptions, Net, Rule, Shape};
use crate::scenario::{Options, Strike};

/// Directed links, from and to.
pub type Links = Vec<(HostId, HostId)>;

/// Something that lasts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// Nothing gets through.
    Blocked(Links),
    /// Nothing gets through half of the time, for so many nanoseconds at a stretch.
    Flapping(Links, u64),
    /// Everything waits.
    Held(Links),
    /// Some frames are lost.
    Filtered(Links, Rule),
    /// Everything takes so many nanoseconds longer.
    Slowed(Links, u64),
    /// Who asks for the one reaches the other.
    Rerouted {
        /// Who is meant.
        from: HostId,
        /// Who is reached.
        to: HostId,
    },
    /// A disk takes so many hundredths of its time.
    SlowDisk {
        /// The place of its server.
        at: usize,
        /// How slow.
        percent: u64,
    },
    /// A disk has no space left.
    FullDisk {
        /// The place of its server.
        at: usize,
    },
}

impl Trouble {
    /// What a strike does for a while to the network or to disks, if that is what it strikes:
    /// `struck` are the places of the servers that it [aims](Strike::aim) at, in a world of so many
    /// servers and callers.
    pub fn of(strike: &Strike, struck: &[usize], servers: u16, callers: u16) -> Vec<Self> {
        match strike {
            Strike::SlowDisk { percent, .. } => {
                struck.iter().map(|&at| Self::SlowDisk { at, percent: *percent }).collect()
            }
            Strike::Full { .. } => struck.iter().map(|&at| Self::FullDisk { at }).collect(),
            strike => Self::of_net(strike, struck, servers, callers).into_iter().collect(),
        }
    }

    /// Does it cut a network?
    pub fn is_partition(&self) -> bool {
        matches!(self, Self::Blocked(_))
    }

    fn of_net(strike: &Strike, struck: &[usize], servers: u16, callers: u16) -> Option<Self> {
        let hosts: Vec<HostId> = (1..=servers).map(HostId).collect();
        let all = || struck.iter().map(|&at| host(at));
        let shaped =
            |shape: fn(HostId) -> Shape| all().flat_map(|one| shape(one).blocked(&hosts)).collect();
        let ordered = |shape: Shape, order: &[u16]| {
            let order: Vec<_> = order.iter().map(|&server| HostId(server)).collect();
            // Too few for a ring are all neighbours.
            if order.len() < 2 { Links::new() } else { shape.blocked(&order) }
        };
        Some(match strike {
            Strike::Isolate { .. } => Self::Blocked(shaped(Shape::Isolate)),
            Strike::Deaf { .. } => Self::Blocked(shaped(Shape::Deaf)),
            Strike::Mute { .. } => Self::Blocked(shaped(Shape::Mute)),
            Strike::Split { sides, .. } => Self::Blocked(apart(&hosts, sides, None)),
            Strike::Bridge { hub, sides, .. } => Self::Blocked(apart(&hosts, sides, Some(*hub))),
            Strike::Ring { order, .. } => Self::Blocked(ordered(Shape::MajoritiesRing, order)),
            Strike::Chain { order, .. } => Self::Blocked(ordered(Shape::Chain, order)),
            Strike::Star { hub, .. } => {
                Self::Blocked(Shape::QuorumLoss { hub: HostId(*hub) }.blocked(&hosts))
            }
            Strike::OneWay { from, to, .. } => {
                let ends = |&from: &u16| to.iter().map(move |&to| (HostId(from), HostId(to)));
                Self::Blocked(from.iter().flat_map(ends).collect())
            }
            Strike::Flap { between, stretch, .. } => {
                let [a, b] = between.map(HostId);
                Self::Flapping(vec![(a, b), (b, a)], nanos(*stretch))
            }
            Strike::Clog { .. } => Self::Held(shaped(Shape::Isolate)),
            Strike::Filter { kinds, lose_ppm, .. } => {
                let rule = Rule { ppm: *lose_ppm, kinds: *kinds };
                Self::Filtered(shaped(Shape::Mute), rule)
            }
            Strike::SlowLink { from, to, by, .. } => {
                Self::Slowed(vec![(HostId(*from), HostId(*to))], nanos(*by))
            }
            Strike::Lag { by, .. } => Self::Slowed(shaped(Shape::Deaf), nanos(*by)),
            Strike::Shut { .. } => {
                let links = |one: HostId| {
                    let callers = (1..=callers).map(move |number| HostId(servers + number));
                    callers.flat_map(move |caller| [(one, caller), (caller, one)])
                };
                Self::Blocked(all().flat_map(links).collect())
            }
            Strike::Reroute { from, to, .. } => {
                Self::Rerouted { from: HostId(*from), to: HostId(*to) }
            }
            _ => return None,
        })
    }
}

/// All troubles under way, by their numbers.
#[derive(Default)]
pub struct Troubles {
    begun: u64,
    under_way: Vec<(u64, Trouble)>,
}

impl Troubles {
    /// A trouble begins. Under which number?
    pub fn begin(&mut self, trouble: Trouble) -> u64 {
        self.begun += 1;
        self.under_way.push((self.begun, trouble));
        self.begun
    }

    /// The trouble of this number ends. `false` if it had ended before.
    pub fn end(&mut self, number: u64) -> bool {
        let before = self.under_way.len();
        self.under_way.retain(|(other, _)| *other != number);
        self.under_way.len() < before
    }

    /// All end.
    pub fn clear(&mut self) {
        self.under_way.clear();
    }

    /// Makes a network and disks what the troubles under way make of those of the options. Says
    /// which links nothing gets through.
    pub fn suffer(&self, now: u64, options: &Options, net: &mut Net, drives: &[Drive]) -> Links {
        net.mend(now);
        net.set_links(options.net.link);
        for (at, drive) in drives.iter().enumerate() {
            net.reroute(host(at), host(at));
            drive.tune(|tuned| {
                (tuned.capacity_bytes, tuned.slowness_percent) =
                    (options.disk.capacity_bytes, options.disk.slowness_percent);
            });
        }
        let mut cut = Links::new();
        for (_, trouble) in &self.under_way {
            match trouble {
                Trouble::Filtered(links, rule) => {
                    change(net, links, |link| link.frames.lose = *rule);
                }
                Trouble::Slowed(links, by) => {
                    change(net, links, |link| link.latency.min_ns = link.latency.min_ns.max(*by));
                }
                Trouble::Blocked(links) => {
                    net.partition(links);
                    cut.extend(links);
                }
                Trouble::Flapping(links, stretch) => {
                    links.iter().for_each(|&(from, to)| net.flap(from, to, *stretch));
                }
                Trouble::Held(links) => {
                    links.iter().for_each(|&(from, to)| net.hold(now, from, to, None));
                }
                Trouble::Rerouted { from, to } => net.reroute(*from, *to),
                Trouble::SlowDisk { at, percent } => {
                    drives[*at].tune(|tuned| tuned.slowness_percent = *percent);
                }
                Trouble::FullDisk { at } => {
                    drives[*at].tune(|tuned| tuned.capacity_bytes = Some(0));
                }
            }
        }
        cut
    }
}

/// What a server goes through, apart from what its network and its disk do.
#[derive(Clone, Copy, Default, Debug)]
pub struct Suffering {
    /// How long it stays down when it goes down next.
    pub down_ns: Option<u64>,
    /// It is not started before.
    pub down_until: u64,
    /// Its clock stands still until then.
    pub frozen_until: u64,
    /// What its clock showed when it stepped last.
    pub shown: Instant,
    /// Until then each of its steps takes longer.
    pub slow_until: u64,
    /// By so much.
    pub slow_ns: u64,
}

impl Suffering {
    /// It has gone down. When does it start again? When the strike says that took it down, or else as
    /// soon as servers do that ended by themselves.
    pub fn restart_at(&mut self, now: u64, options: &Options) -> u64 {
        let down = self.down_ns.take().unwrap_or_else(|| nanos(options.restart_after));
        self.down_until = now + down + 1;
        self.down_until
    }

    /// Its clock is put back by what it will have missed: nobody looks at it until then.
    pub fn freeze(&mut self, now: u64, until: u64, clock: &mut Clock) {
        let missed = until.saturating_sub(now.max(self.frozen_until));
        self.frozen_until = until.max(self.frozen_until);
        clock.offset -= missed * clock.permille / 1000;
    }

    /// By how many nanoseconds a step that ends now takes longer.
    pub fn slowness(&self, now: u64) -> u64 {
        self.slow_ns.min(self.slow_until.saturating_sub(now))
    }
}

/// When a strike of this length ends: at the latest when all faults do.
pub fn ends_at(now: u64, lasts: Duration, options: &Options) -> u64 {
    (now + nanos(lasts)).min(nanos(options.chaos)).max(now)
}

fn change(net: &mut Net, links: &Links, change: impl Fn(&mut LinkOptions)) {
    for &(from, to) in links {
        let mut changed = *net.link(from, to);
        change(&mut changed);
        net.set_link(from, to, changed);
    }
}

fn host(at: usize) -> HostId {
    HostId(u16::try_from(at + 1).expect("a few servers"))
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
    fn a_clock_that_is_frozen_twice_misses_the_time_once() {
        let mut clock = Clock { offset: 1000, permille: 1000 };
        let mut suffering = Suffering::default();
        suffering.freeze(100, 200, &mut clock);
        suffering.freeze(150, 170, &mut clock);
        suffering.freeze(160, 220, &mut clock);
        assert_eq!(clock.read(220), Instant(1100), "it stood still from 100 to 220");
    }

    #[test]
    fn who_was_told_for_how_long_stays_down_so_long_and_once() {
        let (mut suffering, options) = (Suffering::default(), Options::calm());
        suffering.down_ns = Some(7);
        assert_eq!(suffering.restart_at(10, &options), 18);
        assert_eq!(suffering.restart_at(10, &options), 11 + nanos(options.restart_after));
    }

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
