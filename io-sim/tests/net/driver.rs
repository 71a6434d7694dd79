//! Hosts that do nothing but remember what they were told.

use std::collections::BTreeMap;

use bytes::Bytes;
use quorate_io_sim::net::{
    Cause, ConnectError, Delivery, End, HostId, LinkOptions, Net, NetEvent, NetOptions, Side,
};

pub(crate) const A: HostId = HostId(1);
pub(crate) const B: HostId = HostId(2);
pub(crate) const C: HostId = HostId(3);
pub(crate) const MS: u64 = 1_000_000;
pub(crate) const SECOND: u64 = 1000 * MS;

/// A directed link.
pub(crate) type HostPair = (HostId, HostId);

/// What one end was told.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) opened_at: Option<u64>,
    pub(crate) accepted_from: Option<HostId>,
    pub(crate) failed: Option<(u64, ConnectError)>,
    pub(crate) reads: Vec<(u64, Bytes)>,
    pub(crate) room: u64,
    pub(crate) ended: Vec<(u64, Cause)>,
}

impl Heard {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.reads.iter().flat_map(|(_, bytes)| bytes.to_vec()).collect()
    }
}

pub(crate) struct Driver {
    pub(crate) net: Net,
    pub(crate) now: u64,
    pub(crate) heard: BTreeMap<End, Heard>,
    pub(crate) log: Vec<(u64, Delivery)>,
}

impl Driver {
    /// Three servers and two clients, all listening.
    pub(crate) fn new(seed: u64, options: NetOptions) -> Self {
        let mut net = Net::new(seed, 3, 2, options);
        (1..=5).for_each(|host| net.listen(HostId(host), true));
        Self { net, now: 0, heard: BTreeMap::new(), log: Vec::new() }
    }

    /// With one fault on all links.
    pub(crate) fn with(seed: u64, change: impl FnOnce(&mut LinkOptions)) -> Self {
        let mut options = NetOptions::default();
        change(&mut options.link);
        Self::new(seed, options)
    }

    pub(crate) fn run_until(&mut self, until: u64) {
        while let Some(at) = self.net.next_at().filter(|&at| at <= until) {
            self.now = at;
            while let Some(delivery) = self.net.pop(self.now) {
                self.note(delivery);
            }
        }
        self.now = self.now.max(until);
    }

    pub(crate) fn run_for(&mut self, nanos: u64) {
        self.run_until(self.now + nanos);
    }

    /// A connection that stands.
    pub(crate) fn connected(&mut self, from: HostId, to: HostId) -> (End, End) {
        let end = self.net.connect(self.now, from, to);
        while self.heard(end.other()).accepted_from.is_none() {
            self.run_for(MS);
            assert!(self.now < 600 * SECOND, "no connection");
        }
        (end, end.other())
    }

    pub(crate) fn send(&mut self, end: End, bytes: &[u8]) {
        let left = self.net.send(self.now, end, Bytes::copy_from_slice(bytes));
        self.heard.entry(end).or_default().room += left;
    }

    pub(crate) fn heard(&mut self, end: End) -> &Heard {
        self.heard.entry(end).or_default()
    }

    pub(crate) fn bytes(&mut self, end: End) -> Vec<u8> {
        self.heard(end).bytes()
    }

    pub(crate) fn ended(&mut self, end: End) -> Vec<Cause> {
        self.heard(end).ended.iter().map(|(_, cause)| *cause).collect()
    }

    fn note(&mut self, delivery: Delivery) {
        let heard = self.heard.entry(delivery.end).or_default();
        let now = self.now;
        match &delivery.event {
            NetEvent::Accepted(from) => {
                assert_eq!(delivery.end.side, Side::Acceptor);
                heard.accepted_from = Some(*from);
            }
            NetEvent::Opened => heard.opened_at = Some(now),
            NetEvent::Failed(why) => heard.failed = Some((now, *why)),
            NetEvent::Bytes(bytes) => heard.reads.push((now, bytes.clone())),
            NetEvent::Room(bytes) => heard.room += bytes,
            NetEvent::Ended(cause) => heard.ended.push((now, *cause)),
        }
        self.log.push((now, delivery));
    }
}

/// Bytes that are all different from their neighbours.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}
